//! What a light node watches, and what it found.

use bitcoin::{Amount, OutPoint};

use super::{Kind, Method, optional, required, store_error};
use crate::json::Json;
use crate::light::{Found, Light, Place, Watch, WatchError};
use crate::node::Node;
use crate::rpc::descriptor::watched_scripts;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{Params, amount_json};

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getlightinfo",
        category: "Blockchain",
        arguments: &[],
        help: "Returns how far a light node is: headers, filter headers, blocks that it has looked at, what it watches \
               and what it found. On a full node only that it is none.",
        run: info,
    },
    Method {
        name: "watch",
        category: "Blockchain",
        arguments: &[required("what", Kind::Text), optional("since", Kind::Number)],
        help: "Watches an address or an output descriptor with fixed keys, in blocks from the height `since` on (all by \
               default). If these were looked at before, they are again.",
        run: watch,
    },
    Method {
        name: "unwatch",
        category: "Blockchain",
        arguments: &[required("what", Kind::Text)],
        help: "Watches something no longer, and forgets what was found for it alone.",
        run: unwatch,
    },
    Method { name: "listwatched", category: "Blockchain", arguments: &[], help: "Lists what is watched.", run: list },
    Method {
        name: "getwatched",
        category: "Blockchain",
        arguments: &[optional("minconf", Kind::Number), optional("what", Kind::Text)],
        help: "Lists the transactions of the chain that pay to what is watched or spend from it, in the order of the chain, \
               with at least `minconf` confirmations (1 by default).",
        run: transactions,
    },
];

fn light(node: &Node) -> Result<&Light, RpcError> {
    let none = || RpcError::misc("This is a full node. Start it with -light to watch addresses by block filters.");
    node.light.as_ref().ok_or_else(none)
}

fn headers(node: &Node) -> u32 {
    let chain = &node.backend.chain;
    chain.tree()[chain.best_header()].height
}

fn info(node: &mut Node, _: &Params) -> RpcResult {
    let (Some(light), Some(sync)) = (&node.light, node.net.light()) else {
        return Ok(Json::object().with("light", false));
    };
    let distrusted = node
        .net
        .distrusted()
        .map(|(address, until)| Json::object().with("address", address.to_string()).with("until", until.secs()));
    Ok(Json::object()
        .with("light", true)
        .with("headers", headers(node))
        .with("filterheaders", sync.height())
        .with("scanned", sync.scanned())
        .with("filterpeers", sync.peer_count())
        .with("blocks_wanted", sync.blocks_wanted())
        .with("watched", light.watches().len())
        .with("transactions", light.found().len())
        .with("balance", amount_json(light.balance()))
        .with("distrusted", Json::Array(distrusted.collect())))
}

fn watch(node: &mut Node, params: &Params) -> RpcResult {
    light(node)?;
    let what = params.required_text(0);
    let scripts = watched_scripts(what, node.settings.network).map_err(RpcError::invalid_address_or_key)?;
    let since = params.integer(1)?.unwrap_or(0);
    let since = u32::try_from(since).map_err(|_| RpcError::invalid_parameter("since must be a height"))?;
    let count = scripts.len();
    if let (Some(light), Some(sync)) = (&mut node.light, node.net.light_mut()) {
        let watched = light.watch(what, Watch { scripts, since }, sync);
        watched.map_err(|error| match error {
            WatchError::Store(error) => store_error(&error),
            other => RpcError::misc(other.to_string()),
        })?;
    }
    Ok(Json::object().with("what", what).with("scripts", count).with("since", since))
}

fn unwatch(node: &mut Node, params: &Params) -> RpcResult {
    light(node)?;
    let what = params.required_text(0);
    if let (Some(light), Some(sync)) = (&mut node.light, node.net.light_mut())
        && !light.unwatch(what, sync).map_err(|error| store_error(&error))?
    {
        return Err(RpcError::invalid_address_or_key(format!("{what} is not watched")));
    }
    Ok(Json::Null)
}

fn list(node: &mut Node, _: &Params) -> RpcResult {
    let watched = light(node)?.watches().iter().map(|(what, watch)| {
        let scripts: Vec<String> = watch.scripts.iter().map(|script| hex::encode(script.as_bytes())).collect();
        Json::object().with("what", what.as_str()).with("since", watch.since).with("scripts", scripts)
    });
    Ok(Json::Array(watched.collect()))
}

fn transactions(node: &mut Node, params: &Params) -> RpcResult {
    let (light, tip) = (light(node)?, headers(node));
    let least = params.integer(0)?.unwrap_or(1);
    let what = params.text(1);
    if let Some(what) = what.filter(|what| !light.watches().contains_key(*what)) {
        return Err(RpcError::invalid_address_or_key(format!("{what} is not watched")));
    }
    let shown = light.found().iter().filter_map(|(place, found)| {
        let confirmations = (tip + 1).saturating_sub(place.height);
        if i64::from(confirmations) < least {
            return None;
        }
        transaction(light, *place, found, confirmations, what)
    });
    Ok(Json::Array(shown.collect()))
}

/// A transaction as far as it concerns what is watched.
fn transaction(light: &Light, place: Place, found: &Found, confirmations: u32, what: Option<&str>) -> Option<Json> {
    let txid = found.tx.compute_txid();
    let (mut received, mut sent, mut outputs, mut inputs) = (Amount::ZERO, Amount::ZERO, Vec::new(), Vec::new());
    for (index, output) in (0u32..).zip(&found.tx.output) {
        let Some(watcher) = light.watcher(&output.script_pubkey) else { continue };
        if what.is_some_and(|what| what != watcher) {
            continue;
        }
        received += output.value;
        let mut view = Json::object().with("n", index).with("value", amount_json(output.value)).with("what", watcher);
        if let Some(spender) = light.spender(&OutPoint::new(txid, index)) {
            view.push("spent_at", spender.height);
        }
        outputs.push(view);
    }
    for input in &found.tx.input {
        let Some(output) = light.output(&input.previous_output) else { continue };
        let Some(watcher) = light.watcher(&output.script_pubkey) else { continue };
        if what.is_some_and(|what| what != watcher) {
            continue;
        }
        sent += output.value;
        inputs.push(
            Json::object()
                .with("txid", input.previous_output.txid.to_string())
                .with("vout", input.previous_output.vout)
                .with("value", amount_json(output.value))
                .with("what", watcher),
        );
    }
    if outputs.is_empty() && inputs.is_empty() {
        return None;
    }
    Some(
        Json::object()
            .with("txid", txid.to_string())
            .with("height", place.height)
            .with("blockhash", found.block.to_string())
            .with("blockindex", place.index)
            .with("blocktime", found.time)
            .with("confirmations", confirmations)
            .with("received", amount_json(received))
            .with("sent", amount_json(sent))
            .with("outputs", Json::Array(outputs))
            .with("inputs", Json::Array(inputs)),
    )
}
