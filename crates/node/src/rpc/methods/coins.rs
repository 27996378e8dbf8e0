//! Coins: single ones, all of them, and those of given scripts.

use std::collections::HashMap;

use bitcoin::{Amount, OutPoint, ScriptBuf};
use pumasi_chain::stats::CoinsHash;
use pumasi_chain::{CoinsView, Store};

use super::{Kind, Method, optional, required, store_error};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{self, Params, amount_json};
use crate::rpc::{descriptor, view};

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "gettxout",
        category: "Blockchain",
        arguments: &[
            required("txid", Kind::Text),
            required("n", Kind::Number),
            optional("include_mempool", Kind::Bool),
        ],
        help: "Returns details about an unspent transaction output.",
        run: output,
    },
    Method {
        name: "gettxoutsetinfo",
        category: "Blockchain",
        arguments: &[
            optional("hash_type", Kind::Text),
            optional("hash_or_height", Kind::HashOrHeight),
            optional("use_index", Kind::Bool),
        ],
        help: "Returns statistics about the unspent transaction output set.\n\
               hash_type is one of hash_serialized_3, muhash, none.",
        run: all,
    },
    Method {
        name: "scantxoutset",
        category: "Blockchain",
        arguments: &[required("action", Kind::Text), optional("scanobjects", Kind::Array)],
        help: "Scans the unspent transaction output set for entries that match certain output descriptors.\n\
               action is \"start\", \"abort\" or \"status\".",
        run: scan,
    },
];

/// The last place of a range that is not given.
const DEFAULT_RANGE: u32 = 1000;

fn output(node: &mut Node, params: &Params) -> RpcResult {
    let txid = params.txid(0, "txid")?;
    let index = params.integer(1)?.and_then(|index| u32::try_from(index).ok());
    let outpoint = OutPoint::new(txid, index.ok_or_else(|| RpcError::misc("JSON integer out of range"))?);
    let backend = &node.backend;
    let network = node.settings.network;
    let tip = backend.chain.tip();
    let described = |confirmations: u32, output: &bitcoin::TxOut, coinbase: bool| {
        Json::object()
            .with("bestblock", tip.hash.to_string())
            .with("confirmations", confirmations)
            .with("value", amount_json(output.value))
            .with("scriptPubKey", view::script_pubkey(&output.script_pubkey, network))
            .with("coinbase", coinbase)
    };
    if params.flag(2, true) {
        if backend.mempool.spender(&outpoint).is_some() {
            return Ok(Json::Null);
        }
        if let Some(output) = backend.mempool.output(&outpoint) {
            return Ok(described(0, output, false));
        }
    }
    let coin = backend.chain.coin(&outpoint).map_err(|error| store_error(&error))?;
    Ok(coin.map_or(Json::Null, |coin| described(tip.height - coin.height + 1, &coin.output, coin.coinbase)))
}

fn all(node: &mut Node, params: &Params) -> RpcResult {
    let kind = params.text(0).unwrap_or("hash_serialized_3");
    let (wanted, name) = match kind {
        "hash_serialized_3" => (CoinsHash::Serialized, Some("hash_serialized_3")),
        "muhash" => (CoinsHash::MuHash, Some("muhash")),
        "none" => (CoinsHash::None, None),
        other => return Err(RpcError::invalid_parameter(format!("'{other}' is not a valid hash_type"))),
    };
    if params.get(1).is_some() {
        return Err(RpcError::invalid_parameter("Querying specific block heights requires coinstatsindex"));
    }
    let stats = node.backend.chain.coin_stats(wanted).map_err(|error| store_error(&error))?;
    let tip = node.backend.chain.tip();
    let mut figures = Json::object()
        .with("height", tip.height)
        .with("bestblock", tip.hash.to_string())
        .with("txouts", stats.coins)
        .with("bogosize", stats.bogo_size);
    if let (Some(name), Some(hash)) = (name, stats.hash) {
        figures.push(name, view::reversed_hex(hash));
    }
    Ok(figures
        .with("total_amount", amount_json(stats.total))
        .with("transactions", stats.transactions)
        .with("disk_size", stats.disk_size))
}

fn scan(node: &mut Node, params: &Params) -> RpcResult {
    match params.required_text(0) {
        "status" => return Ok(Json::Null),
        "abort" => return Ok(Json::Bool(false)),
        "start" => {}
        other => return Err(RpcError::invalid_parameter(format!("Invalid action '{other}'"))),
    }
    if params.get(1).is_none() {
        return Err(RpcError::misc("scanobjects argument is required for the start action"));
    }
    let wanted = wanted_scripts(node, params)?;
    // The scan reads the store, so what is only in the cache has to get there first.
    node.backend.flush();
    let chain = &node.backend.chain;
    let tip = chain.tip();
    let (mut searched, mut total, mut found) = (0u64, Amount::ZERO, Vec::new());
    chain
        .store()
        .for_each_coin(&mut |outpoint, coin| {
            searched += 1;
            if let Some(descriptor) = wanted.get(&coin.output.script_pubkey) {
                total += coin.output.value;
                let block = chain.active().at(coin.height).map(|id| chain.tree()[id].hash.to_string());
                found.push(
                    Json::object()
                        .with("txid", outpoint.txid.to_string())
                        .with("vout", outpoint.vout)
                        .with("scriptPubKey", hex::encode(coin.output.script_pubkey.as_bytes()))
                        .with("desc", descriptor.clone())
                        .with("amount", amount_json(coin.output.value))
                        .with("coinbase", coin.coinbase)
                        .with("height", coin.height)
                        .with("blockhash", block)
                        .with("confirmations", tip.height - coin.height + 1),
                );
            }
            Ok(())
        })
        .map_err(|error| store_error(&error))?;
    Ok(Json::object()
        .with("success", true)
        .with("txouts", searched)
        .with("height", tip.height)
        .with("bestblock", tip.hash.to_string())
        .with("unspents", Json::Array(found))
        .with("total_amount", amount_json(total)))
}

/// The scripts to look for, each with a descriptor of it.
fn wanted_scripts(node: &Node, params: &Params) -> Result<HashMap<ScriptBuf, String>, RpcError> {
    let network = node.settings.network;
    let mut wanted = HashMap::new();
    for object in params.array(1) {
        let text = match object {
            Json::String(text) => text.as_str(),
            Json::Object(_) => object
                .get("desc")
                .and_then(Json::as_str)
                .ok_or_else(|| RpcError::invalid_parameter("Descriptor needs to be provided in scan object"))?,
            _ => {
                return Err(RpcError::invalid_parameter("Scan object needs to be either a string or an object"));
            }
        };
        let (begin, end) = object.get("range").map_or(Ok((0, DEFAULT_RANGE)), params::range)?;
        let places = if descriptor::is_ranged(text) { (begin..=end).map(Some).collect() } else { vec![None] };
        let places: Vec<Option<u32>> = places;
        let body = descriptor::checked(text, false).map_err(RpcError::invalid_address_or_key)?;
        for text in descriptor::alternatives(body).map_err(RpcError::invalid_address_or_key)? {
            for place in &places {
                let scripts = descriptor::scripts_at(&text, network, false, *place);
                for script in scripts.map_err(RpcError::invalid_address_or_key)? {
                    let inferred = descriptor::infer(&script, network);
                    wanted.insert(script, inferred);
                }
            }
        }
    }
    Ok(wanted)
}
