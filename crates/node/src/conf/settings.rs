//! What the options mean to this node: one typed value per choice.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use bitcoin::{Amount, Network};
use pumasi_p2p::{NetAddr, PeerAddress};

use super::{Args, ConfError};
use crate::log::LogOptions;
use crate::storage::private;

/// The version that the node tells, in Bitcoin Core's numbering.
pub const CLIENT_VERSION: u32 = 319_900;
/// The longest user agent (BIP14), in bytes.
const MAX_SUBVERSION_LENGTH: usize = 256;

/// An address to listen on for peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// Connections to it come from the Tor daemon, so that their addresses say nothing.
    pub onion: bool,
    /// The permissions that `-whitebind=` gives its peers.
    pub permissions: Option<String>,
    /// The node goes on without it when it cannot be had.
    pub optional: bool,
}

/// The settings of one node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the options came from, for the rest of them.
    pub args: Args,
    /// The network.
    pub network: Network,
    /// The folder of this network's files.
    pub folder: PathBuf,
    /// The folder of the block files.
    pub blocks_folder: PathBuf,
    /// What to log.
    pub log: LogOptions,
    /// Where the log is.
    pub log_path: PathBuf,
    /// Addresses to listen on for peers; empty when not listening.
    pub listen: Vec<Listen>,
    /// The port of this network, or of `-port`.
    pub port: u16,
    /// Addresses of ours to tell peers (`-externalip`).
    pub external: Vec<PeerAddress>,
    /// Peers of `-connect`; `None` when peers are looked for.
    pub connect: Option<Vec<String>>,
    /// Addresses to serve JSON-RPC on; empty without `-server`.
    pub rpc_listen: Vec<SocketAddr>,
    /// The user agent (BIP14).
    pub subversion: String,
    /// Seconds after which a silent handshake ends, in node time.
    pub peer_timeout: i64,
    /// Threads that check scripts, the validation thread included.
    pub script_threads: usize,
    /// Bytes to upload in a day, 0 without limit (`-maxuploadtarget`).
    pub max_upload: u64,
    /// What a block of ours takes at least, in satoshis per 1,000 virtual bytes (`-blockmintxfee`).
    pub block_min_fee_rate: i64,
    /// Only headers and block filters are kept, and what concerns the watched scripts.
    pub light: bool,
    /// What to tell the user at the start, none of which stops the node.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads the command line and the configuration file and makes the folders.
    ///
    /// # Errors
    /// What stops the node from starting, in Bitcoin Core's words.
    pub fn load(arguments: &[String]) -> Result<Self, ConfError> {
        let mut args = Args::parse(arguments)?;
        let mut warnings = read_files(&mut args)?;
        let network = network_of(&args)?;
        args.select_network(section_name(network));
        let base = args.base_folder();
        let folder = base.join(folder_name(network));
        private::create_folder(&base).map_err(|error| cannot_make(&base, &error))?;
        if !folder.exists() {
            // As Bitcoin Core does for a new folder, so that its tools find what they expect.
            private::create_folder(&folder.join("wallets")).map_err(|error| cannot_make(&folder, &error))?;
        }
        let blocks_base = match args.text("blocksdir") {
            Some(path) if !Path::new(path).is_dir() => {
                return Err(ConfError::Value(format!("Specified blocks directory \"{path}\" does not exist.")));
            }
            Some(path) => PathBuf::from(path).join(folder_name(network)),
            None => folder.clone(),
        };
        let blocks_folder = blocks_base.join("blocks");
        private::create_folder(&blocks_folder).map_err(|error| cannot_make(&blocks_folder, &error))?;
        if args.is_set("checkpoints") {
            warnings.push(
                "Option '-checkpoints' is set but checkpoints were removed. This option has no effect.".to_owned(),
            );
        }
        let peer_timeout = args.integer("peertimeout", 60);
        if peer_timeout <= 0 {
            return Err(ConfError::Value("peertimeout must be a positive integer.".to_owned()));
        }
        let port = match port_of(&args, "port")? {
            Some(port) => port,
            None => default_port(network),
        };
        Ok(Self {
            log: log_options(&args)?,
            log_path: args.path("debuglogfile", "debug.log", &folder),
            listen: listen(&args, port)?,
            external: external(&args, port)?,
            connect: connect(&args),
            rpc_listen: rpc_listen(&args, network)?,
            subversion: subversion(&args)?,
            script_threads: script_threads(&args),
            max_upload: max_upload(&args)?,
            block_min_fee_rate: block_min_fee_rate(&args)?,
            light: light(&args)?,
            network,
            folder,
            blocks_folder,
            port,
            peer_timeout,
            warnings,
            args,
        })
    }

    /// An amount of money that an option gives, in BTC.
    ///
    /// # Errors
    /// When the text is no amount, in Bitcoin Core's words.
    pub fn amount(&self, name: &str, default: Amount) -> Result<Amount, ConfError> {
        match self.args.text(name) {
            None => Ok(default),
            Some(text) => Amount::from_str_in(text, bitcoin::Denomination::Bitcoin)
                .map_err(|_| ConfError::Value(format!("Invalid amount for -{name}=<amount>: '{text}'"))),
        }
    }

    /// The files of `-includeconf` and where the file of cookies is.
    #[must_use]
    pub fn cookie_path(&self) -> Option<PathBuf> {
        if self.args.is_negated("rpccookiefile") {
            return None;
        }
        Some(self.args.path("rpccookiefile", ".cookie", &self.folder))
    }
}

fn cannot_make(path: &Path, error: &std::io::Error) -> ConfError {
    ConfError::Value(format!("Cannot create the folder {}: {error}. Nothing was changed.", path.display()))
}

/// Reads `bitcoin.conf` and what it includes; the texts are warnings.
pub(super) fn read_files(args: &mut Args) -> Result<Vec<String>, ConfError> {
    let base = args.base_folder();
    if args.text("datadir").is_some_and(|text| !text.is_empty()) && !base.is_dir() {
        return Err(ConfError::NoFolder(base));
    }
    if args.is_negated("conf") {
        return Ok(Vec::new());
    }
    let path = args.path("conf", "bitcoin.conf", &base);
    if path.is_dir() {
        return Err(ConfError::File(format!("Config file \"{}\" is a directory.", path.display())));
    }
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if args.is_set("conf") => {
            return Err(ConfError::File(format!("specified config file \"{}\" could not be opened.", path.display())));
        }
        Err(_) => return Ok(Vec::new()),
    };
    let mut unknown = args.read_file(&text)?;
    let network = network_of(args)?;
    args.select_network(section_name(network));
    let includes: Vec<String> = args.all("includeconf").into_iter().map(str::to_owned).collect();
    for name in &includes {
        let text = fs::read_to_string(base.join(name))
            .map_err(|_| ConfError::File(format!("Failed to include configuration file {name}")))?;
        unknown.extend(args.read_file(&text)?);
    }
    args.notices = args
        .all("includeconf")
        .into_iter()
        .filter(|name| !includes.iter().any(|known| known == name))
        .map(|name| format!("warning: -includeconf cannot be used from included files; ignoring -includeconf={name}"))
        .collect();
    Ok(unknown.into_iter().map(|name| format!("Ignoring unknown configuration value {name}")).collect())
}

pub(super) fn network_of(args: &Args) -> Result<Network, ConfError> {
    let mut chosen = Vec::new();
    for (flag, network) in [
        ("regtest", Network::Regtest),
        ("signet", Network::Signet),
        ("testnet4", Network::Testnet4),
        ("testnet", Network::Testnet),
    ] {
        if args.flag(flag, false) {
            chosen.push(network);
        }
    }
    if let Some(name) = args.text("chain") {
        chosen.push(match name {
            "main" => Network::Bitcoin,
            "regtest" => Network::Regtest,
            "signet" => Network::Signet,
            "testnet4" => Network::Testnet4,
            _ => return Err(ConfError::Value(format!("Unknown chain {name}."))),
        });
    }
    match chosen.as_slice() {
        [] => Ok(Network::Bitcoin),
        [Network::Testnet] => {
            Err(ConfError::Value("Testnet3 is not supported: use -testnet4, -signet or -regtest.".to_owned()))
        }
        [network] => Ok(*network),
        _ => Err(ConfError::Value(
            "Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. Can use at most one.".to_owned(),
        )),
    }
}

/// The name of a network's section in the configuration file.
pub(super) fn section_name(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "main",
        Network::Signet => "signet",
        Network::Testnet4 => "testnet4",
        Network::Testnet => "test",
        _ => "regtest",
    }
}

/// The folder of a network below the node's folder.
pub(super) fn folder_name(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "",
        Network::Testnet => "testnet3",
        other => section_name(other),
    }
}

fn default_port(network: Network) -> u16 {
    match network {
        Network::Bitcoin => 8333,
        Network::Signet => 38333,
        Network::Testnet4 => 48333,
        Network::Testnet => 18333,
        _ => 18444,
    }
}

pub(super) fn default_rpc_port(network: Network) -> u16 {
    match network {
        Network::Bitcoin => 8332,
        Network::Signet => 38332,
        Network::Testnet4 => 48332,
        Network::Testnet => 18332,
        _ => 18443,
    }
}

pub(super) fn port_of(args: &Args, name: &str) -> Result<Option<u16>, ConfError> {
    let Some(text) = args.text(name) else { return Ok(None) };
    match text.parse::<u16>() {
        Ok(port) if port != 0 => Ok(Some(port)),
        _ => Err(ConfError::Value(format!("Invalid port specified in -{name}: '{text}'"))),
    }
}

fn log_options(args: &Args) -> Result<LogOptions, ConfError> {
    let categories: BTreeSet<String> =
        LogOptions::categories(&args.all("debug"), &args.all("debugexclude")).map_err(ConfError::Value)?;
    /// The levels that `-loglevel` takes.
    const LEVELS: [&str; 3] = ["info", "debug", "trace"];
    for level in args.all("loglevel") {
        let known = match level.split_once(':') {
            None if LEVELS.contains(&level) => true,
            None => {
                return Err(ConfError::Value(format!(
                    "Unsupported global logging level -loglevel={level}. Valid values: info, debug, trace."
                )));
            }
            Some((category, level)) => crate::log::CATEGORIES.contains(&category) && LEVELS.contains(&level),
        };
        if !known {
            return Err(ConfError::Value(format!(
                "Unsupported category-specific logging level -loglevel={level}. Expected -loglevel=<category>:<loglevel>. \
                 Valid loglevels: info, debug, trace."
            )));
        }
    }
    Ok(LogOptions {
        micros: args.flag("logtimemicros", false),
        categories,
        console: args.flag("printtoconsole", !args.flag("daemon", false)),
    })
}

/// Reads `host`, `host:port` or `[host]:port`, the host an IP address.
fn socket(text: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let host = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    if let Some((host, port)) = host.rsplit_once(':').filter(|(host, _)| *host == "localhost") {
        let _ = host;
        return Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?));
    }
    Some(SocketAddr::new(host.parse().ok()?, port))
}

fn listen(args: &Args, port: u16) -> Result<Vec<Listen>, ConfError> {
    let (binds, white) = (args.all("bind"), args.all("whitebind"));
    // Who only connects to given peers does not listen unless told to.
    // A light node has nothing to serve.
    let default = (connect(args).is_none() && !args.flag("light", false)) || !binds.is_empty() || !white.is_empty();
    if !args.flag("listen", default) {
        if !binds.is_empty() || !white.is_empty() {
            return Err(ConfError::Value("Cannot set -bind or -whitebind together with -listen=0".to_owned()));
        }
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for text in &binds {
        let (place, onion) = match text.strip_suffix("=onion") {
            Some(place) => (place, true),
            None => (*text, false),
        };
        let default = if onion { port.saturating_add(1) } else { port };
        let address = socket(place, default)
            .ok_or_else(|| ConfError::Value(format!("Cannot resolve -bind address: '{text}'")))?;
        all.push(Listen { address, onion, permissions: None, optional: false });
    }
    for text in &white {
        let (permissions, place) = text.split_once('@').unwrap_or(("", text));
        let address = socket(place, 0)
            .ok_or_else(|| ConfError::Value(format!("Cannot resolve -whitebind address: '{place}'")))?;
        if address.port() == 0 {
            return Err(ConfError::Value(format!("Need to specify a port with -whitebind: '{place}'")));
        }
        all.push(Listen { address, onion: false, permissions: Some(permissions.to_owned()), optional: false });
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = all.iter().find(|listen| !seen.insert(listen.address)) {
        return Err(ConfError::Value(format!(
            "Duplicate binding configuration for address {}. Please check your -bind, -bind=...=onion and -whitebind \
             settings.",
            twice.address
        )));
    }
    if all.is_empty() {
        // Where a Tor daemon of this machine brings its connections, so that they are not taken for local ones.
        let onion = SocketAddr::from((Ipv4Addr::LOCALHOST, port.saturating_add(1)));
        for (address, onion) in [
            (SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), false),
            (SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), false),
            (onion, true),
        ] {
            all.push(Listen { address, onion, permissions: None, optional: true });
        }
    }
    Ok(all)
}

fn external(args: &Args, port: u16) -> Result<Vec<PeerAddress>, ConfError> {
    let bad = |text: &str| ConfError::Value(format!("Cannot resolve -externalip address: '{text}'"));
    args.all("externalip")
        .into_iter()
        .map(|text| match text.parse::<NetAddr>() {
            Ok(addr) => Ok(PeerAddress { addr, port }),
            Err(_) => socket(text, port).map(PeerAddress::from).ok_or_else(|| bad(text)),
        })
        .collect()
}

/// The peers of `-connect`; `-connect=0` and `-noconnect` leave none and look for none.
fn connect(args: &Args) -> Option<Vec<String>> {
    if !args.is_set("connect") {
        return None;
    }
    Some(args.all("connect").into_iter().filter(|peer| *peer != "0").map(str::to_owned).collect())
}

/// `-light`, and what goes with it.
fn light(args: &Args) -> Result<bool, ConfError> {
    if !args.flag("light", false) {
        for name in ["watch", "watchsince"] {
            if args.is_set(name) {
                return Err(ConfError::Value(format!("-{name} is for a light node: use it together with -light.")));
            }
        }
        return Ok(false);
    }
    let set = |name: &&str| args.is_set(name) && !args.is_negated(name) && args.text(name) != Some("0");
    let blocks =
        ["prune", "txindex", "blockfilterindex", "peerblockfilters", "reindex", "reindex-chainstate", "loadblock"];
    match blocks.iter().find(|name| set(name)) {
        Some(name) => {
            Err(ConfError::Value(format!("-light keeps no blocks: it cannot be used together with -{name}.")))
        }
        None => Ok(true),
    }
}

fn rpc_listen(args: &Args, network: Network) -> Result<Vec<SocketAddr>, ConfError> {
    if !args.flag("server", true) {
        return Ok(Vec::new());
    }
    let port = port_of(args, "rpcport")?.unwrap_or_else(|| default_rpc_port(network));
    let (allow, binds) = (args.all("rpcallowip"), args.all("rpcbind"));
    let bad = |text: &str| ConfError::Value(format!("Invalid port specified in -rpcbind: '{text}'"));
    let addresses: Vec<SocketAddr> = binds
        .iter()
        .map(|text| socket(text, port).filter(|address| address.port() != 0).ok_or_else(|| bad(text)))
        .collect::<Result<_, _>>()?;
    // Without -rpcallowip nobody else may ask, so there is no need to listen further than loopback.
    if allow.is_empty() || binds.is_empty() {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    Ok(addresses)
}

/// The user agent: name, version and comments (BIP14).
fn subversion(args: &Args) -> Result<String, ConfError> {
    let comments = args.all("uacomment");
    for comment in &comments {
        let safe = |c: char| c.is_ascii_alphanumeric() || " .,;-_?@".contains(c);
        if !comment.chars().all(safe) {
            return Err(ConfError::Value(format!("User Agent comment ({comment}) contains unsafe characters.")));
        }
    }
    let comments = if comments.is_empty() { String::new() } else { format!("({})", comments.join("; ")) };
    let subversion = format!("/Pumasi:{}{comments}/", env!("CARGO_PKG_VERSION"));
    if subversion.len() > MAX_SUBVERSION_LENGTH {
        return Err(ConfError::Value(format!(
            "Total length of network version string ({}) exceeds maximum length ({MAX_SUBVERSION_LENGTH}). \
             Reduce the number or size of uacomments.",
            subversion.len()
        )));
    }
    Ok(subversion)
}

/// `-maxuploadtarget=n`, in MiB, or with a unit: small letters count in thousands, capital ones in 1024.
fn max_upload(args: &Args) -> Result<u64, ConfError> {
    let Some(text) = args.text("maxuploadtarget") else { return Ok(0) };
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, unit)) if !unit.is_ascii_digit() => (&text[..at], unit),
        _ => (text, 'M'),
    };
    let unit: u64 = match unit {
        'k' => 1_000,
        'K' => 1 << 10,
        'm' => 1_000_000,
        'M' => 1 << 20,
        'g' => 1_000_000_000,
        'G' => 1 << 30,
        't' => 1_000_000_000_000,
        'T' => 1 << 40,
        _ => 0,
    };
    let amount = digits.parse::<u64>().ok().filter(|_| unit > 0).and_then(|amount| amount.checked_mul(unit));
    amount.ok_or_else(|| ConfError::Value(format!("Unable to parse -maxuploadtarget: '{text}'")))
}

/// Checks the options of block making together.
fn block_min_fee_rate(args: &Args) -> Result<i64, ConfError> {
    /// The least that header and coinbase may be reckoned with (Core's `MINIMUM_BLOCK_RESERVED_WEIGHT`).
    const LEAST_RESERVED: i64 = 2000;
    /// The weight of a block.
    const MOST: i64 = 4_000_000;
    let refuse = |text: String| Err(ConfError::Value(text));
    let max = args.integer("blockmaxweight", MOST);
    if max > MOST {
        return refuse(format!("Specified -blockmaxweight ({max}) exceeds consensus maximum block weight ({MOST})"));
    }
    let reserved = args.integer("blockreservedweight", 8000);
    if reserved > MOST {
        return refuse(format!(
            "Specified -blockreservedweight ({reserved}) exceeds consensus maximum block weight ({MOST})"
        ));
    }
    if reserved < LEAST_RESERVED {
        return refuse(format!(
            "Specified -blockreservedweight ({reserved}) is lower than minimum safety value of ({LEAST_RESERVED})"
        ));
    }
    match args.text("blockmintxfee") {
        None => Ok(1),
        Some(text) => Amount::from_str_in(text, bitcoin::Denomination::Bitcoin)
            .ok()
            .and_then(|amount| i64::try_from(amount.to_sat()).ok())
            .ok_or_else(|| ConfError::Value(format!("Invalid amount for -blockmintxfee=<amount>: '{text}'"))),
    }
}

/// `-par=n`: 0 takes every core, a negative number leaves so many free.
fn script_threads(args: &Args) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = args.integer("par", 0);
    let threads = match usize::try_from(wanted) {
        Ok(0) => cores,
        Ok(count) => count,
        Err(_) => cores.saturating_sub(usize::try_from(wanted.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    threads.clamp(1, 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(folder: &Path, more: &[&str]) -> Result<Settings, ConfError> {
        let mut arguments = vec![format!("-datadir={}", folder.display())];
        arguments.extend(more.iter().map(|text| (*text).to_owned()));
        Settings::load(&arguments)
    }

    #[test]
    fn what_the_functional_tests_write_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let conf = "regtest=1\n[regtest]\nport=11001\nrpcport=16001\nrpcservertimeout=99000\nrpcdoccheck=1\n\
                    rpcthreads=2\nfallbackfee=0.0002\nserver=1\nkeypool=1\ndiscover=0\ndnsseed=0\nfixedseeds=0\n\
                    listenonion=0\npeertimeout=999999999\nprinttoconsole=0\nnatpmp=0\nshrinkdebugfile=0\n\
                    unsafesqlitesync=1\nconnect=0\nmaxconnections=94\npar=2\nbind=127.0.0.1\n";
        fs::write(folder.path().join("bitcoin.conf"), conf).unwrap();
        let settings = load(
            folder.path(),
            &[
                "-logtimemicros",
                "-debug",
                "-debugexclude=libevent",
                "-uacomment=testnode0",
                "-disablewallet",
                "-logthreadnames",
                "-logsourcelocations",
                "-loglevel=trace",
                "-nologratelimit",
                "-v2transport=0",
            ],
        )
        .unwrap();
        assert_eq!(settings.network, Network::Regtest);
        assert_eq!(settings.listen[0].address, "127.0.0.1:11001".parse().unwrap());
        assert_eq!(settings.rpc_listen[0], "127.0.0.1:16001".parse().unwrap());
        assert_eq!(settings.connect, Some(Vec::new()), "connect=0: no peers, and none looked for");
        assert!(settings.subversion.ends_with("(testnode0)/"));
        assert!(settings.log.categories.contains("net") && !settings.log.categories.contains("libevent"));
        assert!(settings.folder.join("wallets").is_dir() && settings.blocks_folder.is_dir());
    }

    #[test]
    fn uploads_are_limited_in_units() {
        let folder = tempfile::tempdir().unwrap();
        for (text, bytes) in [("1", 1 << 20), ("800M", 800 << 20), ("5k", 5_000), ("2G", 2 << 30), ("0", 0)] {
            let settings = load(folder.path(), &["-regtest", &format!("-maxuploadtarget={text}")]).unwrap();
            assert_eq!(settings.max_upload, bytes, "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (arguments, text) in [
            (&["-regtest", "-signet"][..], "Can use at most one"),
            (&["-regtest", "-peertimeout=0"], "peertimeout must be a positive integer."),
            (&["-regtest", "-listen=0", "-bind=127.0.0.1"], "together with -listen=0"),
            (&["-regtest", "-uacomment=/bad/"], "contains unsafe characters"),
            (&["-regtest", "-port=0"], "Invalid port"),
            (&["-regtest", "-light", "-txindex"], "cannot be used together with -txindex"),
            (&["-regtest", "-watch=x"], "together with -light"),
            (&["-regtest", "-maxuploadtarget=abc"], "Unable to parse -maxuploadtarget: 'abc'"),
        ] {
            let error = load(folder.path(), arguments).unwrap_err().to_string();
            assert!(error.contains(text), "{arguments:?}: {error}");
        }
        let missing = folder.path().join("missing");
        assert!(matches!(load(&missing, &[]), Err(ConfError::NoFolder(_))));
    }
}
