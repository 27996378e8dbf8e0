//! The words of the command line. What each does is in `commands/`.
#![allow(rustdoc::bare_urls, reason = "clap prints these comments as they stand")]

mod content;
pub(crate) mod find;
mod overlay;
mod reach;
mod talk;
pub(crate) mod trust;
mod turn;

pub(crate) use content::{Fetch, Share};
pub(crate) use overlay::{Local, NodeArgs, Peer};
pub(crate) use reach::{Lookup, Presence};
pub(crate) use talk::{Message, Messages, Topic};
pub(crate) use turn::Turn;

use crate::tls::Tls;
use clap::{Args, Parser, Subcommand, ValueEnum};
use pumasi_units::Money;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Find someone, connect to them directly, hand them value, and both keep proof.
#[derive(Debug, Parser)]
#[command(name = "pumasi", version, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The folder of the identity.
    #[arg(long, short = 'H', env = "PUMASI_HOME", global = true, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON: one object per line, events included.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The language of what is printed; otherwise that of the environment.
    #[arg(long, env = "PUMASI_LANG", global = true, value_name = "ko|en")]
    pub(crate) lang: Option<Language>,
    /// Read the password from this file descriptor, up to the first line end. Otherwise from PUMASI_PASSWORD, otherwise
    /// it is asked for.
    #[arg(long, global = true, value_name = "FD")]
    pub(crate) password_fd: Option<i32>,
    /// Say more of what happens, on standard error; repeat for more still.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// A language of the messages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    /// Korean.
    Ko,
    /// English.
    En,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an identity: keys, a DID, and an empty ledger locked with a password.
    Init(Init),
    /// Show or export my identity.
    #[command(subcommand)]
    Id(Id),
    /// List my keys, or make new ones.
    #[command(subcommand)]
    Key(Key),
    /// Meet someone: one prints a code, the other types it, both compare seven emoji.
    #[command(args_conflicts_with_subcommands = true)]
    Pair(Pair),
    /// The people I know.
    #[command(subcommand)]
    Contact(Contact),
    /// Run a node through which others enter the overlay.
    Bootstrap(Bootstrap),
    /// Take part in the peer network, to help it stand: keep records, and relay if wanted. Needs no identity.
    Peer(Peer),
    /// Be reachable: receive payments and requests until stopped.
    Listen(Listen),
    /// Pay someone, by name, DID or request link.
    Pay(Pay),
    /// Deliver what is in the outbox, and wait until it is settled.
    Settle(Settle),
    /// Look somebody up: profile, keys, where they are now, and who says so.
    Lookup(Lookup),
    /// Ask for a payment: a link and a QR code.
    Request(Request),
    /// The ledger.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Receipts: show one, or check one that somebody shows.
    #[command(subcommand)]
    Receipt(Receipt),
    /// Offer a file to whoever has its link, until stopped.
    Share(Share),
    /// Get a file by its link, from everyone who offers it.
    Fetch(Fetch),
    /// API tokens: who has one may connect through my HTTPS endpoint.
    #[command(subcommand)]
    Token(Token),
    /// Certificates for HTTPS.
    #[command(subcommand)]
    Tls(TlsAction),
    /// Run a Bitcoin node, or ask how the running one stands.
    #[command(args_conflicts_with_subcommands = true)]
    Node(Node),
    /// Run a directory: who is found under which word.
    Discovery(Discovery),
    /// List myself in a directory, so that others find me by category.
    Register(Register),
    /// Take myself out of a directory.
    Unregister(Unregister),
    /// Search directories, and check what they answer.
    Search(Search),
    /// Find shops of a category, in the DHT and in directories, and say who was asked.
    Find(find::Find),
    /// Why somebody is to be trusted, or not.
    Trust(trust::Trust),
    /// Vouch for somebody, for all to read, or take it back.
    Vouch(trust::Vouch),
    /// Groups that anybody may join: say something to everyone there, and hear what they say.
    #[command(subcommand)]
    Topic(Topic),
    /// Send a message to one person, end-to-end encrypted.
    Message(Message),
    /// Read messages, and see how far those of mine are.
    #[command(visible_alias = "inbox")]
    Messages(Messages),
    /// How things stand: balances, what is under way, who holds the folder.
    Status,
    /// Serve the page with which a browser finds a shop and pays it.
    Web(Web),
    /// Play the whole story on this machine with real parts.
    Demo(Demo),
    /// Print a completion script for a shell.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Issue a token. It is shown once.
    Issue {
        /// What to call it, such as for whom it is; at most 64 characters.
        #[arg(long)]
        name: String,
        /// How long it works, such as 90d, 12h or 30m; until it is revoked otherwise.
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires: Option<Duration>,
    },
    /// Every token that was issued and not revoked.
    List,
    /// Revoke a token; a running listener refuses it within two seconds.
    Revoke {
        /// Its name or its number.
        token: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TlsAction {
    /// Make a certificate for this machine, by an authority of its own, and say how to trust it.
    Dev(TlsDev),
}

#[derive(Debug, Args)]
pub(crate) struct TlsDev {
    /// A host name or address that the certificate is for, too; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Where certificates are kept that this program makes or gets.
    #[arg(long, env = "PUMASI_TLS", value_name = "FOLDER")]
    pub(crate) tls_folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Node {
    #[command(subcommand)]
    pub(crate) action: Option<NodeAction>,
    #[command(flatten)]
    pub(crate) place: NodePlace,
    /// Keep only about so many MiB of blocks, at least 550.
    #[arg(long, value_name = "MIB")]
    pub(crate) prune: Option<u64>,
    /// Keep only headers and find what concerns me by block filters.
    #[arg(long, conflicts_with = "prune")]
    pub(crate) light: bool,
    /// With --light: an address or an output descriptor to watch; may be given several times. It is remembered.
    #[arg(long, value_name = "ADDRESS|DESCRIPTOR", requires = "light")]
    pub(crate) watch: Vec<String>,
    /// With --watch: nothing of it is older than this height, which spares looking there.
    #[arg(long, value_name = "HEIGHT", requires = "watch")]
    pub(crate) since: Option<u32>,
    /// Options of bitcoind, such as -txindex or -debug=net.
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeAction {
    /// How the running node stands.
    Status(NodePlace),
}

#[derive(Debug, Args)]
pub(crate) struct NodePlace {
    /// The network.
    #[arg(long, default_value = "regtest", value_parser = ["regtest", "signet", "testnet4", "main"])]
    pub(crate) network: String,
    /// The folder of the node's files; otherwise one beside the identity.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The name that others see when they meet me.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Size of the RSA keys in bits.
    #[arg(long, default_value = "2048", value_parser = ["2048", "3072", "4096"])]
    pub(crate) rsa: String,
    /// A bootstrap node to remember; may be given several times.
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) bootstrap: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Id {
    /// My DID, name, keys and profile.
    Show,
    /// My signed profile, for those who check it themselves.
    Export {
        /// Where to; standard output otherwise.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// The keys I hold and what each is for.
    List,
    /// Make new RSA keys and publish them under a higher sequence. The DID stays.
    Rotate {
        /// Size of the new keys in bits.
        #[arg(long, default_value = "2048", value_parser = ["2048", "3072", "4096"])]
        rsa: String,
    },
}

/// Where the overlay is entered.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Network {
    /// A bootstrap node, instead of those in config.toml; may be given several times.
    #[arg(long, env = "PUMASI_BOOTSTRAP", value_name = "MULTIADDR", value_delimiter = ',')]
    pub(crate) bootstrap: Vec<String>,
    /// Offer loopback addresses too, for two identities on one machine.
    #[arg(long, env = "PUMASI_LOOPBACK")]
    pub(crate) loopback: bool,
    /// Certificate (PEM) of an authority to trust for https endpoints, beside those of the system, such as the one that
    /// `pumasi tls dev` made; may be given several times.
    #[arg(long = "authority", env = "PUMASI_AUTHORITY", value_name = "FILE", value_delimiter = ',')]
    pub(crate) authorities: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Pair {
    #[command(subcommand)]
    pub(crate) how: Option<PairHow>,
    #[command(flatten)]
    pub(crate) options: PairOptions,
}

#[derive(Debug, Args, Clone, Default)]
pub(crate) struct PairOptions {
    /// What to call the other one; otherwise the name in their profile.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How much they may owe me, such as "100,000 KRW".
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) limit: Option<Money>,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PairHow {
    /// Print a code for the other one to type. This is what `pumasi pair` does.
    Invite(PairOptions),
    /// Type the code that the other one's screen shows.
    Accept {
        /// The code.
        code: String,
        #[command(flatten)]
        options: PairOptions,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Contact {
    /// Everyone I know.
    List,
    /// One of them.
    Show {
        /// Name or DID.
        who: String,
    },
    /// Compare the safety number with them, then mark them as verified.
    Verify {
        /// Name or DID.
        who: String,
    },
    /// Forget one. The ledger keeps what was paid.
    Forget {
        /// Name or DID.
        who: String,
    },
    /// Say how much they may owe me. Zero closes the line.
    Limit {
        /// Name or DID.
        who: String,
        /// Such as "100,000 KRW".
        limit: Money,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// Where to listen; TCP and QUIC are both served.
    #[arg(long, default_value = "0.0.0.0:8468", value_name = "ADDRESS:PORT")]
    pub(crate) listen: std::net::SocketAddr,
    /// Other bootstrap nodes to join.
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) join: Vec<String>,
    /// Where its identity and its records are kept.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// For a node on the internet: never dial private or loopback addresses that others name.
    #[arg(long)]
    pub(crate) public: bool,
    /// Serve the gateway for browsers there, such as 0.0.0.0:8469.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) gateway: Option<std::net::SocketAddr>,
    /// Where browsers reach the gateway, such as https://node.example:8469: the own address first, then those of other
    /// gateways that this one tells of.
    #[arg(long, value_name = "URL", requires = "gateway")]
    pub(crate) gateway_url: Vec<String>,
    /// A directory that this node tells of, as an https address; may be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) directory_url: Vec<String>,
    #[command(flatten)]
    pub(crate) turn: Turn,
    #[command(flatten)]
    pub(crate) tls: Tls,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) local: Local,
    /// Ask before each payment is accepted.
    #[arg(long)]
    pub(crate) ask: bool,
    /// Stop after this long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) r#for: Option<Duration>,
    /// Take offers by HTTPS too, at this address, such as 0.0.0.0:8443. The profile then says so.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) endpoint: Option<SocketAddr>,
    /// Where others reach the endpoint, such as https://shop.example:8443.
    #[arg(long, value_name = "URL", requires = "endpoint")]
    pub(crate) public_url: Option<String>,
    #[command(flatten)]
    pub(crate) tls: Tls,
    /// Demand an API token of whoever comes by HTTPS (see `pumasi token`).
    #[arg(long, requires = "endpoint")]
    pub(crate) require_token: bool,
    /// Take payments of people whom nobody here knows, if they prove their DID.
    #[arg(long)]
    pub(crate) shop: bool,
    /// Who is told where this peer is, to reach it without a detour; otherwise what config.toml says, or else the
    /// contacts, or everyone where it is a shop.
    #[arg(long, value_enum, value_name = "public|contacts|off")]
    pub(crate) presence: Option<Presence>,
    /// Be found in directories under this word while listening, such as 식당; may be given several times.
    #[arg(long, value_name = "WORD", requires = "describe")]
    pub(crate) register: Vec<String>,
    /// Be found in the DHT, too, under the words of --register: nobody runs an index there, and no directory is needed.
    #[arg(long, requires = "register")]
    pub(crate) publish_listing: bool,
    /// What the directories say of me, at most 500 characters.
    #[arg(long, value_name = "TEXT", requires = "register")]
    pub(crate) describe: Option<String>,
    /// A directory, instead of those in config.toml; may be given several times.
    #[arg(long, env = "PUMASI_DIRECTORY", value_name = "URL", value_delimiter = ',')]
    pub(crate) directory: Vec<String>,
    /// How much each of them may owe, such as "50,000 KRW"; otherwise what config.toml says for strangers.
    #[arg(long, value_name = "AMOUNT", requires = "shop")]
    pub(crate) stranger_limit: Option<Money>,
}

#[derive(Debug, Args)]
pub(crate) struct Pay {
    /// Name, DID, or a request link.
    pub(crate) to: String,
    /// Such as "12,000 KRW"; not needed with a link.
    pub(crate) amount: Option<Money>,
    /// What for, at most 256 characters.
    #[arg(long, short, default_value = "")]
    pub(crate) memo: String,
    /// How long the other one may take to accept.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "86400")]
    pub(crate) expires: Duration,
    /// How long to wait here for the result. What is not settled by then stays in the outbox.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub(crate) wait: Duration,
    /// A file that goes with it, such as an invoice; encrypted, with its link and key in the memo.
    #[arg(long, value_name = "FILE")]
    pub(crate) attach: Option<PathBuf>,
    /// Do not ask "pay this?".
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Read the API token that the payee's endpoint demands from this file descriptor. PUMASI_TOKEN holds it otherwise.
    #[arg(long, value_name = "FD")]
    pub(crate) token_fd: Option<i32>,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Settle {
    /// How long to wait here.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Request {
    /// Such as "12,000 KRW".
    pub(crate) amount: Money,
    /// From whom: name or DID; anyone who knows me otherwise.
    #[arg(long, value_name = "WHO")]
    pub(crate) from: Option<String>,
    /// What for, at most 256 characters.
    #[arg(long, short, default_value = "")]
    pub(crate) memo: String,
    /// A file that goes with it, such as an invoice; encrypted, with its link and key in the memo.
    #[arg(long, value_name = "FILE")]
    pub(crate) attach: Option<PathBuf>,
    /// How long it holds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "86400")]
    pub(crate) expires: Duration,
    /// Leave the QR code out.
    #[arg(long)]
    pub(crate) no_qr: bool,
}

/// A format of the ledger outside its store.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// One JSON document, Fernet-encrypted under a password.
    Fernet,
    /// Plain JSON.
    Json,
    /// A table.
    Csv,
    /// Double-entry text for beancount.
    Beancount,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// The latest entries and the balances.
    Show {
        /// How many entries.
        #[arg(long, short = 'n', default_value_t = 20)]
        last: usize,
        /// Only what concerns this person: name or DID.
        #[arg(long)]
        with: Option<String>,
    },
    /// One entry, whole.
    Entry {
        /// Its number.
        sequence: u64,
    },
    /// Check every entry, signature and receipt, and name what is wrong.
    Audit,
    /// Write the ledger to a file in another format.
    Export {
        /// The format.
        #[arg(long, short, value_enum, default_value = "fernet")]
        format: Format,
        /// Where to; standard output otherwise.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Take an exported ledger of this identity into its empty ledger.
    Import {
        /// The Fernet document.
        file: PathBuf,
    },
    /// Write an encrypted copy of everything: keys, ledger, contacts.
    Backup {
        /// Where to.
        file: PathBuf,
    },
    /// Make this folder from a backup.
    Restore {
        /// The backup.
        file: PathBuf,
    },
    /// Change the password.
    Password,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Receipt {
    /// The receipt of a transfer.
    Show {
        /// The transfer's id or the beginning of it, eight digits at least.
        id: String,
        /// Write the receipt to a file that others can check.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Check a receipt, with nothing but the file.
    Verify {
        /// The receipt.
        file: PathBuf,
    },
}

/// Which directories.
#[derive(Debug, Args, Clone)]
pub(crate) struct Directories {
    /// A directory; may be given several times.
    #[arg(
        long = "directory",
        env = "PUMASI_DIRECTORY",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8780"
    )]
    pub(crate) urls: Vec<String>,
    /// A certificate (PEM) of an authority to trust beside those of the system; may be given several times.
    #[arg(long = "root", value_name = "FILE")]
    pub(crate) roots: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Discovery {
    /// Where to listen: without a certificate on loopback only, or behind a proxy that speaks TLS.
    #[arg(long, default_value = "127.0.0.1:8780", value_name = "ADDRESS:PORT")]
    pub(crate) listen: std::net::SocketAddr,
    #[command(flatten)]
    pub(crate) tls: crate::tls::Tls,
    /// Where the entries are kept; otherwise beside the identity.
    #[arg(long, value_name = "FOLDER", conflicts_with = "postgres")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the entries in PostgreSQL instead. A URL with a password goes into PUMASI_POSTGRES.
    #[arg(long, value_name = "URL")]
    pub(crate) postgres: Option<String>,
    /// Follow the log of another directory; may be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Vec<String>,
    /// A certificate (PEM) of an authority to trust for those; may be given several times.
    #[arg(long = "root", value_name = "FILE")]
    pub(crate) roots: Vec<PathBuf>,
    /// Zero bits that the stamp of a write must give.
    #[arg(long, default_value_t = 16, value_name = "BITS", value_parser = clap::value_parser!(u8).range(0..=24))]
    pub(crate) difficulty: u8,
    /// Reads of one source in a minute; 0 for no limit.
    #[arg(long, default_value_t = 600, value_name = "NUMBER")]
    pub(crate) reads: u32,
    /// Writes of one source in a minute; 0 for no limit.
    #[arg(long, default_value_t = 60, value_name = "NUMBER")]
    pub(crate) writes: u32,
    /// Writes of one DID in a minute; 0 for no limit.
    #[arg(long, default_value_t = 12, value_name = "NUMBER")]
    pub(crate) writes_per_did: u32,
    /// A proxy whose X-Forwarded-For is believed, such as 10.0.0.0/8; may be given several times.
    #[arg(long, value_name = "NETWORK")]
    pub(crate) trust_proxy: Vec<pumasi_discovery::server::Network>,
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Under what I am found, such as 식당; may be given several times, at most 8.
    #[arg(long, required = true, value_name = "WORD")]
    pub(crate) category: Vec<String>,
    /// What I am, at most 500 characters.
    #[arg(long, short)]
    pub(crate) description: String,
    /// The name to show; otherwise that of my profile.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where I take offers over HTTPS.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Where the overlay is entered to find me: multiaddr or the URL of a gateway; otherwise as in config.toml.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bootstrap: Vec<String>,
    /// For how many days.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=30))]
    pub(crate) days: u32,
    #[command(flatten)]
    pub(crate) directories: Directories,
}

#[derive(Debug, Args)]
pub(crate) struct Unregister {
    #[command(flatten)]
    pub(crate) directories: Directories,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words, or a DID.
    #[arg(required = true)]
    pub(crate) query: Vec<String>,
    /// The cursor that the page before ended with.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    #[command(flatten)]
    pub(crate) directories: Directories,
}

#[derive(Debug, Args)]
pub(crate) struct Web {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8790", value_name = "ADDRESS:PORT")]
    pub(crate) listen: std::net::SocketAddr,
    /// A directory in which the page looks for shops until its user says otherwise; may be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) directory: Vec<String>,
    /// A gateway through which the page asks for profiles until its user says otherwise; may be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) gateway: Vec<String>,
    /// Serve the page that `cargo xtask web` left in this folder, instead of the one in the program.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dist: Option<PathBuf>,
    /// Open it in a browser.
    #[arg(long)]
    pub(crate) open: bool,
    /// A proxy in front does TLS; listen on any address.
    #[arg(long)]
    pub(crate) behind_proxy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to leave the two identities.
    #[arg(long, default_value = "demo", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Start bootstrap nodes, a directory and a shop instead, and open the page, ready to pay.
    #[arg(long)]
    pub(crate) web: bool,
    /// Print the address of the page without opening it.
    #[arg(long, requires = "web")]
    pub(crate) no_open: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("not a number of seconds from 1 to 31536000 (a year)".into()),
    }
}

/// A number and `s`, `m`, `h` or `d`.
fn span(text: &str) -> Result<Duration, String> {
    let bad = || "not a span such as 90d, 12h, 30m or 45s, of ten years at most".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(bad()),
    };
    let number = text[..text.len() - 1].parse::<u64>().map_err(|_| bad())?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=315_360_000).contains(seconds)).ok_or_else(bad)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn spans_have_a_unit_and_an_end() {
        assert_eq!(span("90d"), Ok(Duration::from_secs(90 * 86_400)));
        for bad in ["", "d", "90", "0s", "-1d", "3651d", "1y", "99999999999999999999d", "1가"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
