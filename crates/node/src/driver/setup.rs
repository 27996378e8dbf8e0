//! From settings to a node that can start: chain opened, mempool loaded, peers known.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::hashes::Hash;
use bitcoin::p2p::ServiceFlags;
use bitcoin::{Amount, BlockHash, Work};
use pumasi_chain::params::{MAX_FUTURE_BLOCK_TIME, Params};
use pumasi_chain::{ChainState, Options, ScriptChecks};
use pumasi_mempool::{Config as MempoolConfig, FeeRate, Limits, LoadOptions, Mempool};
use pumasi_p2p::{AddressBook, AddressEntry, Config as NetConfig, Host, Network, NetworkKind, PeerAddress, Time};
use pumasi_script::{CacheUse, Interpreter, ScriptVerifier, SigCache};

use super::import::import_blocks;
use super::{bans, permissions};
use crate::backend::{Backend, Chain, Context};
use crate::clock::Clock;
use crate::conf::{Args, ConfError, Settings};
use crate::index::{Indexes, Wanted};
use crate::light::{Light, Watch};
use crate::log::DebugLog;
use crate::node::Node;
use crate::rpc::{ActiveCalls, watched_scripts};
use crate::storage::{DiskStore, StoreOptions, explain, import};

/// Bytes for signatures that were checked already (Core's `DEFAULT_VALIDATION_CACHE_BYTES`).
const SIGNATURE_CACHE_BYTES: usize = 32 << 20;
/// MiB of memory for coins and database without `-dbcache`.
const DEFAULT_CACHE_MIB: i64 = 450;
/// The least that the database works well with, in bytes.
const DATABASE_CACHE_BYTES: u64 = 8 << 20;

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// Opens all that a node needs.
///
/// # Errors
/// What stops it from starting, in words for its user.
pub(super) fn node(
    settings: Settings,
    log: &DebugLog,
    clock: &Arc<Clock>,
    calls: ActiveCalls,
) -> Result<Node, ConfError> {
    let params = chain_params(&settings)?;
    check_together(&settings.args)?;
    permissions::check(&settings.args)?;
    if params.signet_challenge.is_some() {
        log.info(&format!("Signet derived magic (message start): {}", hex::encode(params.magic.to_bytes())));
    }
    if params.assume_valid == BlockHash::all_zeros() {
        log.info("Validating signatures for all blocks.");
    } else {
        log.info(&format!("Assuming ancestors of block {} have valid signatures.", params.assume_valid));
    }
    log.info(&format!("Setting nMinimumChainWork={:064x}", params.minimum_chain_work));
    let args = &settings.args;
    let cache = u64::try_from(args.integer("dbcache", DEFAULT_CACHE_MIB).clamp(4, 1 << 20)).unwrap_or(4) << 20;
    let database_cache = (cache / 8).max(DATABASE_CACHE_BYTES.min(cache / 2));
    let database = settings.folder.join("chainstate");
    if args.flag("reindex", false) || args.flag("reindex-chainstate", false) {
        import::set_aside(&settings.blocks_folder, &database).map_err(|error| {
            ConfError::Value(format!("The block files cannot be set aside: {error}. No block was lost."))
        })?;
    }
    let store = DiskStore::open(&StoreOptions {
        database,
        blocks: settings.blocks_folder.clone(),
        magic: params.magic.to_bytes(),
        cache_size: database_cache,
        small_files: args.flag("fastprune", false),
        masked: args.flag("blocksxor", true),
    })
    .map_err(|error| ConfError::Value(explain(&error)))?;
    let signatures = Arc::new(SigCache::new(SIGNATURE_CACHE_BYTES, random()));
    let keep: Arc<dyn ScriptVerifier> = Arc::new(Interpreter::with_cache(Arc::clone(&signatures), CacheUse::Keep));
    let take: Arc<dyn ScriptVerifier> = Arc::new(Interpreter::with_cache(Arc::clone(&signatures), CacheUse::Take));
    let [first, second] = [random::<8>(), random::<8>()].map(u64::from_le_bytes);
    let scripts = ScriptChecks { verifier: take, cache: Some(signatures), threads: settings.script_threads };
    let mut options = Options::new(scripts, [first, second]);
    options.max_tip_age = args.integer("maxtipage", options.max_tip_age);
    options.cache_bytes = usize::try_from(cache - database_cache).unwrap_or(usize::MAX);
    let net_params = net_params(&params);
    let chain =
        ChainState::open(params, store, options, clock.seconds()).map_err(|error| ConfError::Value(explain(&error)))?;
    check_tip_time(&chain, clock)?;
    let wanted = Wanted {
        transactions: args.flag("txindex", false),
        filters: wants_filters(args),
        spenders: args.flag("txospenderindex", false),
    };
    let mut indexes = Indexes::open(&settings.folder, wanted, log.clone())
        .map_err(|error| ConfError::Value(format!("The index cannot be opened: {error}")))?;
    indexes.catch_up(&chain);
    let mempool = Mempool::new(mempool_config(&settings)?);
    let prune = prune_mib(&settings)?;
    let mut backend = Backend::new(chain, mempool, indexes, keep, Arc::clone(clock), log.clone(), prune);
    import_blocks(&mut backend, &settings)?;
    load_mempool(&mut backend, &settings);
    let mut net = network(&settings, net_params, clock, log);
    let tip = backend.chain.tip();
    net.set_best_block(tip.height, tip.header.time);
    let light = if settings.light { Some(light(&mut backend, &mut net, &settings)?) } else { None };
    let last_flush = clock.seconds();
    Ok(Node {
        backend,
        net,
        light,
        settings,
        started: Instant::now(),
        last_template: None,
        calls,
        stopping: false,
        last_flush,
    })
}

/// Opens what a light node knows, and watches what it was started with.
fn light(backend: &mut Backend, net: &mut Network, settings: &Settings) -> Result<Light, ConfError> {
    let chain = &backend.chain;
    let (mut light, mut sync) = Light::open(&settings.folder, chain.params(), |hash| chain.tree().id(hash).is_some())
        .map_err(|error| ConfError::Value(explain(&error)))?;
    let args = &settings.args;
    let since = args.integer("watchsince", 0);
    let since =
        u32::try_from(since).map_err(|_| ConfError::Value(format!("-watchsince must be a height, not {since}.")))?;
    for what in args.all("watch") {
        let bad = |error: String| ConfError::Value(format!("-watch={what}: {error}"));
        let scripts = watched_scripts(what, settings.network).map_err(bad)?;
        // What was watched before keeps its height.
        if !light.watches().contains_key(what) || args.is_set("watchsince") {
            light.watch(what, Watch { scripts, since }, &mut sync).map_err(|error| bad(error.to_string()))?;
        }
    }
    backend.light = true;
    net.start_light(sync);
    let best = Host::tip(backend);
    net.set_best_block(best.height, best.time);
    Ok(light)
}

/// A tip from the future means that the clock is wrong now, or was.
fn check_tip_time(chain: &Chain, clock: &Clock) -> Result<(), ConfError> {
    let tip = chain.tip();
    if tip.height > 0 && i64::from(tip.header.time) > clock.seconds() + MAX_FUTURE_BLOCK_TIME {
        return Err(ConfError::Chain(
            "The block database contains a block which appears to be from the future. This may be due to your \
             computer's date and time being set incorrectly. Only rebuild the block database if you are sure that your \
             computer's date and time are correct.\nPlease restart with -reindex or -reindex-chainstate to recover."
                .to_owned(),
        ));
    }
    Ok(())
}

/// Refuses options that contradict each other, and values that mean nothing.
fn check_together(args: &Args) -> Result<(), ConfError> {
    let refuse = |text: String| Err(ConfError::Value(text));
    match args.text("blockfilterindex") {
        None | Some("" | "0" | "1" | "basic") => {}
        Some(other) => return refuse(format!("Unknown -blockfilterindex value {other}.")),
    }
    if args.flag("peerblockfilters", false) && !wants_filters(args) {
        return refuse("Cannot set -peerblockfilters without -blockfilterindex.".to_owned());
    }
    let dns_seed = args.flag("dnsseed", !args.is_set("connect"));
    if args.flag("forcednsseed", false) && !dns_seed {
        return refuse("Cannot set -forcednsseed to true when setting -dnsseed to false.".to_owned());
    }
    Ok(())
}

fn chain_params(settings: &Settings) -> Result<Params, ConfError> {
    let args = &settings.args;
    let text = |error: pumasi_chain::params::OptionError| ConfError::Value(error.to_string());
    if args.all("signetchallenge").len() > 1 {
        return Err(ConfError::Value("-signetchallenge cannot be multiple values.".to_owned()));
    }
    let mut params = match args.text("signetchallenge") {
        Some(challenge) if settings.network == bitcoin::Network::Signet => {
            let script = hex::decode(challenge)
                .map_err(|_| ConfError::Value(format!("-signetchallenge must be hex, not '{challenge}'.")))?;
            Params::signet_with(script.into())
        }
        _ => Params::new(settings.network)
            .ok_or_else(|| ConfError::Value("This network is not supported.".to_owned()))?,
    };
    for value in args.all("testactivationheight") {
        params.set_activation_height(value).map_err(text)?;
    }
    for value in args.all("vbparams") {
        params.set_version_bits(value).map_err(text)?;
    }
    if args.flag("fastprune", false) && params.mockable {
        params.prune_after_height = 100;
    }
    if args.all("test").contains(&"bip94") {
        params.enforce_bip94 = true;
    }
    if let Some(value) = args.text("minimumchainwork") {
        let bad = || ConfError::Value(format!("Invalid minimum work specified ({value}), must be up to 64 hex digits"));
        let digits = value.strip_prefix("0x").unwrap_or(value);
        params.minimum_chain_work = Work::from_unprefixed_hex(digits).map_err(|_| bad())?;
    }
    if let Some(value) = args.text("assumevalid") {
        let bad = || {
            ConfError::Value(format!(
                "Invalid assumevalid block hash specified ({value}), must be up to 64 hex digits (or 0 to disable)"
            ))
        };
        if value.len() > 64 {
            return Err(bad());
        }
        params.assume_valid = format!("{value:0>64}").parse().map_err(|_| bad())?;
    }
    Ok(params)
}

/// MiB of blocks to keep; 1 for pruning by hand, 0 for all.
fn prune_mib(settings: &Settings) -> Result<i64, ConfError> {
    /// Fewer would not hold the blocks that are always kept (Core's `MIN_DISK_SPACE_FOR_BLOCK_FILES`).
    const LEAST: i64 = 550;
    let args = &settings.args;
    let mib = args.integer("prune", 0);
    if mib < 0 {
        return Err(ConfError::Value("Prune cannot be configured with a negative value.".to_owned()));
    }
    if mib > 1 && mib < LEAST {
        return Err(ConfError::Value(format!(
            "Prune configured below the minimum of {LEAST} MiB.  Please use a higher number."
        )));
    }
    if mib > 0 && args.flag("txindex", false) {
        return Err(ConfError::Value("Prune mode is incompatible with -txindex.".to_owned()));
    }
    if mib > 0 && args.flag("txospenderindex", false) {
        return Err(ConfError::Value("Prune mode is incompatible with -txospenderindex.".to_owned()));
    }
    Ok(mib)
}

fn wants_filters(args: &Args) -> bool {
    args.text("blockfilterindex").is_some_and(|value| value != "0")
}

fn mempool_config(settings: &Settings) -> Result<MempoolConfig, ConfError> {
    let args = &settings.args;
    let mut config = MempoolConfig::default();
    let rate = |name, default: FeeRate| -> Result<FeeRate, ConfError> {
        let default = Amount::from_sat(u64::try_from(default.sat_per_kvb()).unwrap_or(0));
        let amount = settings.amount(name, default)?;
        Ok(FeeRate::from_sat_per_kvb(i64::try_from(amount.to_sat()).unwrap_or(i64::MAX)))
    };
    config.incremental_relay_feerate = rate("incrementalrelayfee", config.incremental_relay_feerate)?;
    config.min_relay_feerate = rate("minrelaytxfee", config.min_relay_feerate)?.max(config.incremental_relay_feerate);
    if args.is_set("minrelaytxfee") {
        config.min_relay_feerate = rate("minrelaytxfee", config.min_relay_feerate)?;
    }
    config.dust_relay_feerate = rate("dustrelayfee", config.dust_relay_feerate)?;
    config.require_standard = !args.flag("acceptnonstdtxn", false);
    if !config.require_standard && settings.network == bitcoin::Network::Bitcoin {
        return Err(ConfError::Value("acceptnonstdtxn is not currently supported for main chain".to_owned()));
    }
    config.max_size_bytes = usize::try_from(args.integer("maxmempool", 300)).unwrap_or(0).saturating_mul(1_000_000);
    config.expiry_seconds = args.integer("mempoolexpiry", 336).saturating_mul(3600);
    config.permit_bare_multisig = args.flag("permitbaremultisig", config.permit_bare_multisig);
    config.max_datacarrier_bytes = if args.flag("datacarrier", true) {
        Some(u32::try_from(args.integer("datacarriersize", 100_000)).unwrap_or(0))
    } else {
        None
    };
    config.bytes_per_sigop = u32::try_from(args.integer("bytespersigop", 20)).unwrap_or(20);
    let most = Limits::MAX_CLUSTER_COUNT;
    let count = args.integer("limitclustercount", most.cast_signed());
    config.limits.cluster_count = match u64::try_from(count) {
        Ok(count) if count <= most => count,
        Ok(_) => return Err(ConfError::Value(format!("limitclustercount must be less than or equal to {most}"))),
        Err(_) => return Err(ConfError::Value(format!("limitclustercount must not be negative: {count}"))),
    };
    config.limits.cluster_size_vbytes = args.integer("limitclustersize", 101).saturating_mul(1000);
    // Room for the largest cluster several times over, or one could not be replaced by another.
    let least = config.limits.cluster_size_vbytes.saturating_mul(40);
    if i64::try_from(config.max_size_bytes).is_ok_and(|size| size < least) {
        let mb = least.saturating_add(999_999) / 1_000_000;
        return Err(ConfError::Value(format!("-maxmempool must be at least {mb} MB")));
    }
    Ok(config)
}

fn load_mempool(backend: &mut Backend, settings: &Settings) {
    let path = settings.folder.join("mempool.dat");
    if !settings.args.flag("persistmempool", true) {
        return;
    }
    let Ok(bytes) = fs::read(&path) else { return };
    let now = backend.now();
    let context = Context { chain: &backend.chain, verifier: &*backend.verifier };
    match backend.mempool.load(&bytes, &context, now, LoadOptions::default()) {
        Ok(report) => backend.log.info(&format!(
            "Imported mempool transactions from file: {} succeeded, {} failed",
            report.accepted, report.failed
        )),
        Err(error) => backend.log.warn(&format!("{} could not be read: {error}. Continuing anyway.", path.display())),
    }
}

fn net_params(params: &Params) -> pumasi_p2p::Params {
    let secs = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    pumasi_p2p::Params {
        magic: params.magic.to_bytes(),
        default_port: params.default_port,
        target_spacing: secs(params.pow_target_spacing),
        adjustment_interval: params.difficulty_adjustment_interval(),
        adjustment_timespan: secs(params.pow_target_timespan),
        pow_limit: params.pow_limit,
        allow_min_difficulty: params.allow_min_difficulty_blocks,
        headers_commitment_period: params.headers_sync.commitment_period,
        headers_redownload_buffer: params.headers_sync.redownload_buffer_size as usize,
        dns_seeds: params.dns_seeds.clone(),
        fixed_seeds: fixed_seeds(params.fixed_seeds),
    }
}

/// The built-in addresses that a socket reaches, out of records of network id, length, address and port (BIP155).
fn fixed_seeds(mut records: &[u8]) -> Vec<PeerAddress> {
    let mut all = Vec::new();
    while let [network, length, rest @ ..] = records {
        let Some((address, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        let Some((port, rest)) = rest.split_first_chunk::<2>() else { break };
        let ip = match network {
            1 => <[u8; 4]>::try_from(address).ok().map(IpAddr::from),
            2 => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
            _ => None,
        };
        all.extend(ip.map(|ip| PeerAddress::from(SocketAddr::new(ip, u16::from_be_bytes(*port)))));
        records = rest;
    }
    all
}

fn network(settings: &Settings, params: pumasi_p2p::Params, clock: &Clock, log: &DebugLog) -> Network {
    let args = &settings.args;
    let owned = |name| args.all(name).into_iter().map(str::to_owned).collect::<Vec<String>>();
    let mut config = NetConfig::new(params);
    config.params.default_port = settings.port;
    config.user_agent.clone_from(&settings.subversion);
    let mut services = ServiceFlags::WITNESS | ServiceFlags::NETWORK_LIMITED;
    if args.integer("prune", 0) == 0 {
        services |= ServiceFlags::NETWORK;
    }
    if args.flag("v2transport", true) {
        services |= ServiceFlags::P2P_V2;
    }
    if args.flag("peerbloomfilters", false) {
        services |= ServiceFlags::BLOOM;
    }
    if args.flag("peerblockfilters", false) {
        services |= ServiceFlags::COMPACT_FILTERS;
    }
    if settings.light {
        // It keeps no blocks and knows no coins: there is nothing that it could serve or check.
        services = ServiceFlags::from(services.to_u64() & ServiceFlags::P2P_V2.to_u64());
    }
    config.services = services;
    config.listen = !settings.listen.is_empty();
    config.max_connections = usize::try_from(args.integer("maxconnections", 125)).unwrap_or(0);
    config.peer_timeout = Duration::from_secs(settings.peer_timeout.unsigned_abs());
    config.ignore_incoming_txs = settings.light || args.flag("blocksonly", false);
    config.log_ips = args.flag("logips", false);
    config.connect.clone_from(&settings.connect);
    config.local_addresses = settings.external.clone();
    config.added_nodes = owned("addnode");
    config.seed_nodes = owned("seednode");
    config.dns_seed = args.flag("dnsseed", settings.connect.is_none() && config.max_connections > 0);
    config.force_dns_seed = args.flag("forcednsseed", false);
    config.fixed_seeds = args.flag("fixedseeds", true);
    config.max_upload = settings.max_upload;
    config.receive_flood = usize::try_from(args.integer("maxreceivebuffer", 5000)).unwrap_or(0) * 1000;
    let only: Vec<NetworkKind> = args.all("onlynet").into_iter().filter_map(NetworkKind::from_name).collect();
    if !only.is_empty() {
        config.reachable = only;
    }
    let now = Time::from_micros(clock.micros());
    let mut net = Network::new(config, random(), now);
    if let Ok(bytes) = fs::read(settings.folder.join("peers.dat")) {
        match AddressBook::load(&bytes, random()) {
            Ok(book) => *net.book_mut() = book,
            Err(error) => {
                log.warn(&format!("peers.dat could not be read: {error}. Starting with an empty address book."))
            }
        }
    }
    match fs::read(settings.folder.join(bans::FILE_NAME)).ok().as_deref().and_then(bans::read) {
        Some(list) => list.into_iter().for_each(|(subnet, ban)| {
            net.bans_mut().ban(subnet, ban.until, ban.created);
        }),
        None => {
            log.info("Recreating the banlist database");
            if let Err(error) = fs::write(settings.folder.join(bans::FILE_NAME), bans::write(&[])) {
                log.warn(&format!("{} could not be written: {error}", bans::FILE_NAME));
            }
        }
    }
    if let Ok(text) = fs::read_to_string(settings.folder.join("anchors.dat")) {
        net.set_anchors(text.lines().filter_map(|line| anchor(line, settings.port)).collect());
    }
    if !args.flag("networkactive", true) {
        net.set_network_active(false);
    }
    net
}

/// Reads an address and its services.
fn anchor(line: &str, port: u16) -> Option<AddressEntry> {
    let (address, services) = line.split_once(' ')?;
    let address = PeerAddress::parse(address, port).ok()?;
    Some(AddressEntry { address, services: ServiceFlags::from(services.parse::<u64>().ok()?), time: 0 })
}
