//! The words of the command line. What each does is in `commands/`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use pumasi_units::Money;
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
    /// Be reachable: receive payments and requests until stopped.
    Listen(Listen),
    /// Pay someone, by name, DID or request link.
    Pay(Pay),
    /// Deliver what is in the outbox, and wait until it is settled.
    Settle(Settle),
    /// Ask for a payment: a link and a QR code.
    Request(Request),
    /// The ledger.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Receipts: show one, or check one that somebody shows.
    #[command(subcommand)]
    Receipt(Receipt),
    /// Run a Bitcoin node, or ask how the running one stands.
    #[command(args_conflicts_with_subcommands = true)]
    Node(Node),
    /// How things stand: balances, what is under way, who holds the folder.
    Status,
    /// Play the whole story on this machine with real parts.
    Demo(Demo),
    /// Print a completion script for a shell.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
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
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) network: Network,
    /// Ask before each payment is accepted.
    #[arg(long)]
    pub(crate) ask: bool,
    /// Stop after this long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) r#for: Option<Duration>,
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
    /// Do not ask "pay this?".
    #[arg(long, short)]
    pub(crate) yes: bool,
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

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to leave the two identities.
    #[arg(long, default_value = "demo", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("not a number of seconds from 1 to 31536000 (a year)".into()),
    }
}
