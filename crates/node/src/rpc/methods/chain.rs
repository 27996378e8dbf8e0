//! What the chain is: tips, figures, soft forks; and orders about it.

use bitcoin::Network;
use pumasi_chain::params::Buried;
use pumasi_chain::versionbits;

use super::{Argument, Kind, Method, chain_error, known_block, optional, required};
use crate::backend::Chain;
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::Params;
use crate::rpc::view::difficulty;

const BLOCK_HASH: &[Argument] = &[required("blockhash", Kind::Text)];

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getblockchaininfo",
        category: "Blockchain",
        arguments: &[],
        help: "Returns an object containing various state info regarding blockchain processing.",
        run: info,
    },
    Method {
        name: "getchaintips",
        category: "Blockchain",
        arguments: &[],
        help: "Return information about all known tips in the block tree, including the main chain as well as orphaned \
               branches.",
        run: tips,
    },
    Method {
        name: "getchainstates",
        category: "Blockchain",
        arguments: &[],
        help: "Return information about chainstates.",
        run: states,
    },
    Method {
        name: "getdeploymentinfo",
        category: "Blockchain",
        arguments: &[optional("blockhash", Kind::Text)],
        help: "Returns an object containing various state info regarding deployments of consensus changes.",
        run: deployments,
    },
    Method {
        name: "getdifficulty",
        category: "Blockchain",
        arguments: &[],
        help: "Returns the proof-of-work difficulty as a multiple of the minimum difficulty.",
        run: |node, _| Ok(Json::float(difficulty(node.backend.chain.tip().header.bits.to_consensus()))),
    },
    Method {
        name: "invalidateblock",
        category: "hidden",
        arguments: BLOCK_HASH,
        help: "Permanently marks a block as invalid, as if it violated a consensus rule.",
        run: invalidate,
    },
    Method {
        name: "reconsiderblock",
        category: "hidden",
        arguments: BLOCK_HASH,
        help: "Removes invalidity status of a block, its ancestors and its descendants, reconsider them for activation.",
        run: reconsider,
    },
    Method {
        name: "preciousblock",
        category: "Blockchain",
        arguments: BLOCK_HASH,
        help: "Treats a block as if it were received before others with the same work.",
        run: precious,
    },
    Method {
        name: "pruneblockchain",
        category: "Blockchain",
        arguments: &[required("height", Kind::Number)],
        help: "Attempts to delete block and undo data up to a specified height or timestamp, if eligible for pruning.",
        run: prune,
    },
    Method {
        name: "getindexinfo",
        category: "Util",
        arguments: &[optional("index_name", Kind::Text)],
        help: "Returns the status of one or all available indices currently running in the node.",
        run: index_info,
    },
];

fn network_name(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "main",
        Network::Signet => "signet",
        Network::Testnet4 => "testnet4",
        Network::Testnet => "test",
        _ => "regtest",
    }
}

fn info(node: &mut Node, _: &Params) -> RpcResult {
    let now = node.backend.now();
    let chain = &node.backend.chain;
    let (tree, tip) = (chain.tree(), chain.tip());
    let bits = tip.header.bits.to_consensus();
    let target: bitcoin::Target = tip.header.bits.into();
    let mut view = Json::object()
        .with("chain", network_name(node.settings.network))
        .with("blocks", tip.height)
        .with("headers", tree[chain.best_header()].height)
        .with("bestblockhash", tip.hash.to_string())
        .with("bits", format!("{bits:08x}"))
        .with("target", format!("{target:064x}"))
        .with("difficulty", Json::float(difficulty(bits)))
        .with("time", tip.header.time)
        .with("mediantime", tree.median_time_past(chain.active().tip()))
        .with("verificationprogress", Json::float(chain.verification_progress(now)))
        .with("initialblockdownload", chain.is_initial_block_download())
        .with("chainwork", format!("{:064x}", tip.work))
        .with("size_on_disk", pumasi_chain::store::Store::blocks_size(chain.store()))
        .with("pruned", node.backend.prune);
    if node.backend.prune {
        view.push("pruneheight", first_stored(chain));
        let target = node.settings.args.integer("prune", 0);
        view.push("automatic_pruning", target != 1);
        if target != 1 {
            view.push("prune_target_size", target.saturating_mul(1 << 20));
        }
    }
    if let Some(challenge) = &chain.params().signet_challenge {
        view.push("signet_challenge", hex::encode(challenge.as_bytes()));
    }
    Ok(view.with("warnings", node.backend.warnings_view()))
}

fn states(node: &mut Node, _: &Params) -> RpcResult {
    let now = node.backend.now();
    let chain = &node.backend.chain;
    let tip = chain.tip();
    let bits = tip.header.bits.to_consensus();
    let target: bitcoin::Target = tip.header.bits.into();
    let state = Json::object()
        .with("blocks", tip.height)
        .with("bestblockhash", tip.hash.to_string())
        .with("bits", format!("{bits:08x}"))
        .with("target", format!("{target:064x}"))
        .with("difficulty", Json::float(difficulty(bits)))
        .with("verificationprogress", Json::float(chain.verification_progress(now)))
        .with("validated", true);
    Ok(Json::object().with("headers", chain.tree()[chain.best_header()].height).with("chainstates", vec![state]))
}

fn tips(node: &mut Node, _: &Params) -> RpcResult {
    let chain = &node.backend.chain;
    let tips = chain.tips().into_iter().map(|tip| {
        let entry = &chain.tree()[tip.id];
        Json::object()
            .with("height", entry.height)
            .with("hash", entry.hash.to_string())
            .with("branchlen", tip.branch_length)
            .with("status", tip.status.name())
    });
    Ok(Json::Array(tips.collect()))
}

fn deployments(node: &mut Node, params: &Params) -> RpcResult {
    let chain = &node.backend.chain;
    let id = match params.get(0) {
        Some(_) => known_block(node, &params.block_hash(0, "blockhash")?)?,
        None => chain.active().tip(),
    };
    let entry = &chain.tree()[id];
    let mut all = Json::object();
    for fork in [Buried::HeightInCoinbase, Buried::DerSig, Buried::Cltv, Buried::Csv, Buried::Segwit] {
        let height = chain.params().activation_height(fork);
        if height == u32::MAX || height >= i32::MAX.unsigned_abs() {
            continue;
        }
        let view = Json::object()
            .with("type", "buried")
            .with("active", chain.params().active_at(fork, entry.height + 1))
            .with("height", height);
        all.push(fork.name(), view);
    }
    for rules in &chain.params().deployments {
        if let Some(info) = chain.deployment_info(rules.deployment, id) {
            all.push(rules.deployment.name(), bip9(rules, &info));
        }
    }
    Ok(Json::object()
        .with("hash", entry.hash.to_string())
        .with("height", entry.height)
        .with("script_flags", script_flags(node, id))
        .with("deployments", all))
}

fn script_flags(node: &Node, id: pumasi_chain::tree::BlockId) -> Json {
    let chain = &node.backend.chain;
    let entry = &chain.tree()[id];
    let flags = chain.params().script_flags(entry.height, &entry.hash);
    let mut names: Vec<&str> = flags.names().collect();
    names.sort_unstable();
    Json::from(names)
}

fn bip9(rules: &pumasi_chain::params::VersionBits, info: &versionbits::Info) -> Json {
    let mut view = Json::object();
    let signals = info.statistics.is_some();
    if signals {
        view.push("bit", rules.bit);
    }
    view.push("start_time", rules.start_time);
    view.push("timeout", rules.timeout);
    view.push("min_activation_height", rules.min_activation_height);
    view.push("status", info.current.name());
    view.push("since", info.since);
    view.push("status_next", info.next.name());
    if let Some(statistics) = &info.statistics {
        let figures = Json::object()
            .with("period", statistics.period)
            .with("threshold", statistics.threshold)
            .with("elapsed", statistics.elapsed)
            .with("count", statistics.count)
            .with("possible", statistics.possible);
        view.push("statistics", figures);
        let signalling: String = info.signalling.iter().map(|set| if *set { '#' } else { '-' }).collect();
        view.push("signalling", signalling);
    }
    let mut deployment = Json::object().with("type", "bip9");
    if let Some(height) = info.active_since {
        deployment.push("height", height);
    }
    deployment.with("active", info.active_since.is_some()).with("bip9", view)
}

fn invalidate(node: &mut Node, params: &Params) -> RpcResult {
    let id = known_block(node, &params.block_hash(0, "blockhash")?)?;
    let result = node.change(|chain, now| {
        chain.invalidate(id, now)?;
        chain.activate_best_chain(now)
    });
    result.map(|()| Json::Null).map_err(|error| RpcError::database(error.to_string()))
}

fn reconsider(node: &mut Node, params: &Params) -> RpcResult {
    let id = known_block(node, &params.block_hash(0, "blockhash")?)?;
    let result = node.change(|chain, now| {
        chain.reconsider(id);
        chain.activate_best_chain(now)
    });
    result.map(|()| Json::Null).map_err(|error| RpcError::database(error.to_string()))
}

fn precious(node: &mut Node, params: &Params) -> RpcResult {
    let id = known_block(node, &params.block_hash(0, "blockhash")?)?;
    let result = node.change(|chain, now| {
        chain.precious(id);
        chain.activate_best_chain(now)
    });
    result.map(|()| Json::Null).map_err(|error| RpcError::database(error.to_string()))
}

/// Below this a height is one, from this on a time (Core's `TIMESTAMP` of 2033 for heights).
const FIRST_TIMESTAMP: i64 = 1_000_000_000;
/// Seconds by which timestamps of blocks may be out of order.
const TIMESTAMP_WINDOW: u32 = 2 * 60 * 60;

fn prune(node: &mut Node, params: &Params) -> RpcResult {
    if !node.backend.prune {
        return Err(RpcError::misc("Cannot prune blocks because node is not in prune mode."));
    }
    let wanted = params.integer(0)?.unwrap_or(0);
    if wanted < 0 {
        return Err(RpcError::invalid_parameter("Negative block height."));
    }
    let (tree, active) = (node.backend.chain.tree(), node.backend.chain.active());
    let height = if wanted > FIRST_TIMESTAMP {
        let time = u32::try_from(wanted).unwrap_or(u32::MAX).saturating_sub(TIMESTAMP_WINDOW);
        (0..=active.height())
            .find(|height| active.at(*height).is_some_and(|id| tree[id].max_time >= time))
            .ok_or_else(|| RpcError::invalid_parameter("Could not find block with at least the specified timestamp."))?
    } else {
        u32::try_from(wanted).unwrap_or(u32::MAX)
    };
    let tip = active.height();
    if tip < node.backend.chain.params().prune_after_height {
        return Err(RpcError::misc("Blockchain is too short for pruning."));
    }
    if height > tip {
        return Err(RpcError::invalid_parameter("Blockchain is shorter than the attempted prune height."));
    }
    let below = height.min(tip.saturating_sub(pumasi_chain::params::MIN_BLOCKS_TO_KEEP));
    // The store gives whole files, one after the other.
    while node.change(|chain, _| Ok(chain.prune(below)?)).map_err(|error| chain_error(&error))? > 0 {}
    Ok(Json::from(i64::from(first_stored(&node.backend.chain)) - 1))
}

/// The lowest block from which on all blocks up to the tip are on the disk. Single ones below it may be as well.
fn first_stored(chain: &Chain) -> u32 {
    let stored = |height: u32| chain.active().at(height).is_some_and(|id| chain.tree()[id].status.have_data);
    let mut first = chain.active().height();
    while first > 0 && stored(first - 1) {
        first -= 1;
    }
    first
}

fn index_info(node: &mut Node, params: &Params) -> RpcResult {
    let indexes = &node.backend.indexes;
    let wanted = params.text(0);
    let mut view = Json::object();
    let height = indexes.best().map_or(0, |(height, _)| height);
    let synced = indexes.best().is_some_and(|(_, hash)| hash == node.backend.chain.tip().hash);
    for (name, kept) in [
        ("txindex", indexes.has_transactions()),
        ("basic block filter index", indexes.has_filters()),
        ("txospenderindex", indexes.has_spenders()),
    ] {
        if kept && wanted.is_none_or(|wanted| wanted == name) {
            view.push(name, Json::object().with("synced", synced).with("best_block_height", height));
        }
    }
    Ok(view)
}
