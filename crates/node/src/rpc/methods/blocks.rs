//! Blocks: finding, reading and handing in.

use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash};
use pumasi_chain::{BlockId, ChainError, Source};

use super::{Kind, Method, block_of, chain_error, known_block, optional, required, store_error};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::Params;
use crate::rpc::view;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getblockcount",
        category: "Blockchain",
        arguments: &[],
        help: "Returns the height of the most-work fully-validated chain.\nThe genesis block has height 0.",
        run: |node, _| Ok(Json::from(node.backend.chain.active().height())),
    },
    Method {
        name: "getbestblockhash",
        category: "Blockchain",
        arguments: &[],
        help: "Returns the hash of the best (tip) block in the most-work fully-validated chain.",
        run: |node, _| Ok(Json::from(node.backend.chain.tip().hash.to_string())),
    },
    Method {
        name: "getblockhash",
        category: "Blockchain",
        arguments: &[required("height", Kind::Number)],
        help: "Returns hash of block in best-block-chain at height provided.",
        run: block_hash,
    },
    Method {
        name: "getblock",
        category: "Blockchain",
        arguments: &[required("blockhash", Kind::Text), optional("verbosity|verbose", Kind::Any)],
        help: "If verbosity is 0, returns a string that is serialized, hex-encoded data for block 'hash'.\n\
               If verbosity is 1, returns an Object with information about block <hash>.\n\
               If verbosity is 2, returns an Object with information about block <hash> and information about each \
               transaction.\n\
               If verbosity is 3, returns an Object with information about block <hash> and information about each \
               transaction, including prevout information for inputs (only for unpruned blocks in the current best \
               chain).",
        run: block,
    },
    Method {
        name: "getblockheader",
        category: "Blockchain",
        arguments: &[required("blockhash", Kind::Text), optional("verbose", Kind::Bool)],
        help: "If verbose is false, returns a string that is serialized, hex-encoded data for blockheader 'hash'.\n\
               If verbose is true, returns an Object with information about blockheader <hash>.",
        run: header,
    },
    Method {
        name: "getblockfilter",
        category: "Blockchain",
        arguments: &[required("blockhash", Kind::Text), optional("filtertype", Kind::Text)],
        help: "Retrieve a BIP 157 content filter for a particular block.",
        run: filter,
    },
    Method {
        name: "getblockfrompeer",
        category: "Blockchain",
        arguments: &[required("blockhash", Kind::Text), required("peer_id", Kind::Number)],
        help: "Attempt to fetch block from a given peer.",
        run: from_peer,
    },
    Method {
        name: "submitblock",
        category: "Mining",
        arguments: &[required("hexdata", Kind::Text), optional("dummy", Kind::Text)],
        help: "Attempts to submit new block to network.",
        run: submit,
    },
    Method {
        name: "submitheader",
        category: "Mining",
        arguments: &[required("hexdata", Kind::Text)],
        help: "Decode the given hexdata as a header and submit it as a candidate chain tip if valid.",
        run: submit_header,
    },
    Method {
        name: "waitfornewblock",
        category: "Blockchain",
        arguments: &[optional("timeout", Kind::Number), optional("current_tip", Kind::Text)],
        help: "Waits for any new block and returns useful info about it.\nReturns the current block on timeout or exit.",
        run: waits_elsewhere,
    },
    Method {
        name: "waitforblock",
        category: "Blockchain",
        arguments: &[required("blockhash", Kind::Text), optional("timeout", Kind::Number)],
        help: "Waits for a specific new block and returns useful info about it.\nReturns the current block on timeout \
               or exit.",
        run: waits_elsewhere,
    },
    Method {
        name: "waitforblockheight",
        category: "Blockchain",
        arguments: &[required("height", Kind::Number), optional("timeout", Kind::Number)],
        help: "Waits for (at least) block height and returns the height and hash of the current tip.",
        run: waits_elsewhere,
    },
];

/// The methods that wait are answered before they reach the node: [`crate::rpc::wait`].
fn waits_elsewhere(_: &mut Node, _: &Params) -> RpcResult {
    Err(RpcError::internal("this call waits for the tip, not for the node"))
}

fn block_hash(node: &mut Node, params: &Params) -> RpcResult {
    let height = params.integer(0)?.and_then(|height| u32::try_from(height).ok());
    let chain = &node.backend.chain;
    let found = height.and_then(|height| chain.active().at(height));
    let id = found.ok_or_else(|| RpcError::invalid_parameter("Block height out of range"))?;
    Ok(Json::from(chain.tree()[id].hash.to_string()))
}

/// A block from the disk, or why there is none.
pub(super) fn read(node: &Node, id: BlockId) -> Result<Block, RpcError> {
    let chain = &node.backend.chain;
    let status = chain.tree()[id].status;
    if !status.have_data {
        return Err(RpcError::misc(if node.backend.prune && chain.tree()[id].tx_count > 0 {
            "Block not available (pruned data)"
        } else {
            "Block not available (not fully downloaded)"
        }));
    }
    let found = chain.read_block(id).unwrap_or_else(|error| {
        node.backend.log.error(&crate::storage::explain(&error));
        None
    });
    found.ok_or_else(|| RpcError::misc("Block not found on disk"))
}

fn block(node: &mut Node, params: &Params) -> RpcResult {
    let verbosity = params.verbosity(1, 1)?;
    let id = known_block(node, &params.block_hash(0, "blockhash")?)?;
    let block = read(node, id)?;
    if verbosity <= 0 {
        return Ok(Json::from(serialize_hex(&block)));
    }
    let chain = &node.backend.chain;
    let transactions = if verbosity == 1 {
        block.txdata.iter().map(|tx| Json::from(tx.compute_txid().to_string())).collect()
    } else {
        let undo = chain.read_undo(id).map_err(|error| {
            node.backend.log.error(&crate::storage::explain(&error));
            RpcError::internal(
                "Undo data expected but can't be read. This could be due to disk corruption or a conflict with a \
                 pruning event.",
            )
        })?;
        let network = node.settings.network;
        let undo_of = |index: usize| undo.as_ref()?.transactions.get(index.checked_sub(1)?);
        let all = block.txdata.iter().enumerate();
        all.map(|(index, tx)| view::transaction(tx, network, undo_of(index), verbosity >= 3, true)).collect()
    };
    Ok(view::block(chain, id, &block, transactions))
}

fn header(node: &mut Node, params: &Params) -> RpcResult {
    let id = known_block(node, &params.block_hash(0, "hash")?)?;
    if params.flag(1, true) {
        return Ok(view::header(&node.backend.chain, id));
    }
    Ok(Json::from(serialize_hex(&node.backend.chain.tree()[id].header)))
}

fn filter(node: &mut Node, params: &Params) -> RpcResult {
    let hash = params.block_hash(0, "blockhash")?;
    if params.text(1).is_some_and(|kind| kind != "basic") {
        return Err(RpcError::invalid_address_or_key("Unknown filtertype"));
    }
    let indexes = &node.backend.indexes;
    if !indexes.has_filters() {
        return Err(RpcError::misc("Index is not enabled for filtertype basic"));
    }
    known_block(node, &hash)?;
    match (indexes.filter(&hash), indexes.filter_hashes(&hash)) {
        (Some(filter), Some(hashes)) => {
            Ok(Json::object().with("filter", hex::encode(filter)).with("header", hashes.header.to_string()))
        }
        _ => Err(RpcError::internal("Filter not found. Block was not connected to active chain.")),
    }
}

fn from_peer(node: &mut Node, params: &Params) -> RpcResult {
    let hash = params.block_hash(0, "blockhash")?;
    let peer = params.integer(1)?.and_then(|peer| u64::try_from(peer).ok()).unwrap_or(u64::MAX);
    let Some(id) = node.backend.chain.tree().id(&hash) else {
        return Err(RpcError::misc("Block header missing"));
    };
    if node.backend.prune && node.backend.chain.tree()[id].height > node.backend.chain.tip().height {
        return Err(RpcError::misc(
            "In prune mode, only blocks that the node has already synced previously can be fetched from a peer",
        ));
    }
    if node.backend.chain.tree()[id].status.have_data {
        return Err(RpcError::misc("Block already downloaded"));
    }
    let now = node.time();
    node.net
        .fetch_block(pumasi_p2p::PeerId(peer), hash, now, &node.backend)
        .map(|()| Json::object())
        .map_err(RpcError::misc)
}

fn submit(node: &mut Node, params: &Params) -> RpcResult {
    let Some(mut block) = block_of(params.required_text(0)) else {
        return Err(RpcError::deserialization("Block decode failed"));
    };
    let hash = block.block_hash();
    complete_witness(node, &mut block);
    let block = Arc::new(block);
    let source = Source { requested: true, min_pow_checked: true };
    // What was said of it before is not the answer to this call.
    node.backend.take_verdict(&hash);
    let result = node.backend.submit_block(&block, source);
    let verdict = node.backend.take_verdict(&hash);
    node.tell_peers();
    match (result, verdict) {
        (Err(ChainError::Store(error)), _) => Err(store_error(&error)),
        (Ok(false), _) => Ok(Json::from("duplicate")),
        (_, Some(Some(reason))) => Ok(Json::from(reason)),
        (Err(ChainError::Invalid(error)), _) if error.reason() == "duplicate-invalid" => {
            Ok(Json::from("duplicate-invalid"))
        }
        (Err(ChainError::Invalid(error)), _) => Ok(Json::from(error.reason())),
        (Ok(true), Some(None)) => Ok(Json::Null),
        (Ok(true), None) => Ok(Json::from("inconclusive")),
    }
}

/// Gives a coinbase that commits to witnesses the reserved value, if the miner's program left it out.
fn complete_witness(node: &Node, block: &mut Block) {
    let chain = &node.backend.chain;
    let Some(parent) = chain.tree().get(&block.header.prev_blockhash) else { return };
    let segwit = chain.params().active_at(pumasi_chain::params::Buried::Segwit, parent.height + 1);
    let has_commitment = pumasi_chain::block::witness_commitment_index(block).is_some();
    if segwit
        && has_commitment
        && let Some(input) = block.txdata[0].input.first_mut()
        && input.witness.is_empty()
    {
        input.witness.push([0; 32]);
    }
}

fn submit_header(node: &mut Node, params: &Params) -> RpcResult {
    let bytes = hex::decode(params.required_text(0)).unwrap_or_default();
    // What follows the header is left unread, as in Bitcoin Core.
    let Ok(header) = deserialize::<Header>(bytes.get(..80).unwrap_or(&bytes)) else {
        return Err(RpcError::deserialization("Block header decode failed"));
    };
    let parent: BlockHash = header.prev_blockhash;
    if parent != BlockHash::all_zeros() && node.backend.chain.tree().id(&parent).is_none() {
        return Err(RpcError::verify(format!("Must submit previous header ({parent}) first")));
    }
    match node.change(|chain, now| Ok(chain.accept_headers(&[header], true, now)?)) {
        Ok(_) => Ok(Json::Null),
        Err(ChainError::Invalid(error)) => Err(RpcError::verify(error.reason())),
        Err(error) => Err(chain_error(&error)),
    }
}
