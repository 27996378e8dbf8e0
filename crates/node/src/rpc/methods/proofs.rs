//! Proofs that a transaction is in a block: the branch of the merkle tree that leads to it.

use std::collections::BTreeSet;

use bitcoin::consensus::encode::{deserialize, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::{MerkleBlock, OutPoint, Txid};
use pumasi_chain::{BlockId, CoinsView};

use super::{Kind, Method, blocks, known_block, optional, required, store_error};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{Params, hash};

/// Outputs of a transaction that are looked at to find its block: more do not fit into one.
const MAX_OUTPUTS: u32 = 111_111;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "gettxoutproof",
        category: "Blockchain",
        arguments: &[required("txids", Kind::Array), optional("blockhash", Kind::Text)],
        help: "Returns a hex-encoded proof that \"txid\" was included in a block.\n\n\
               NOTE: By default this function only works sometimes. This is when there is an unspent output in the utxo \
               for this transaction. To make it always work, you need to maintain a transaction index, using the \
               -txindex command line option or specify the block in which the transaction is included manually (by \
               blockhash).",
        run: proof,
    },
    Method {
        name: "verifytxoutproof",
        category: "Blockchain",
        arguments: &[required("proof", Kind::Text)],
        help: "Verifies that a proof points to a transaction in a block, returning the transaction it commits to and \
               throwing an RPC error if the block is not in our best chain",
        run: verify,
    },
];

fn proof(node: &mut Node, params: &Params) -> RpcResult {
    let texts = params.array(0);
    if texts.is_empty() {
        return Err(RpcError::invalid_parameter("Parameter 'txids' cannot be empty"));
    }
    let mut txids = BTreeSet::new();
    for text in texts {
        let text = text.as_str().unwrap_or_default();
        if !txids.insert(Txid::from_byte_array(hash(text, "txid")?)) {
            return Err(RpcError::invalid_parameter(format!("Invalid parameter, duplicated txid: {text}")));
        }
    }
    let id = match params.get(1) {
        Some(_) => known_block(node, &params.block_hash(1, "blockhash")?)?,
        None => find_block(node, &txids)?,
    };
    let block = blocks::read(node, id)?;
    let found = block.txdata.iter().filter(|tx| txids.contains(&tx.compute_txid())).count();
    if found != txids.len() {
        return Err(RpcError::invalid_address_or_key("Not all transactions found in specified or retrieved block"));
    }
    Ok(Json::from(serialize_hex(&MerkleBlock::from_block_with_predicate(&block, |txid| txids.contains(txid)))))
}

/// The block of one of these: by a coin that is left, or by the index.
fn find_block(node: &Node, txids: &BTreeSet<Txid>) -> Result<BlockId, RpcError> {
    let chain = &node.backend.chain;
    for &txid in txids {
        if let Some(hash) = node.backend.indexes.transaction_block(&txid)
            && let Some(id) = chain.tree().id(&hash)
        {
            return Ok(id);
        }
        for vout in 0..MAX_OUTPUTS {
            let coin = chain.coin(&OutPoint { txid, vout }).map_err(|error| store_error(&error))?;
            if let Some(id) = coin.and_then(|coin| chain.active().at(coin.height)) {
                return Ok(id);
            }
        }
    }
    Err(RpcError::invalid_address_or_key("Transaction not yet in block"))
}

fn verify(node: &mut Node, params: &Params) -> RpcResult {
    let bytes = hex::decode(params.required_text(0)).map_err(|_| {
        RpcError::invalid_parameter(format!("proof must be hexadecimal string (not '{}')", params.required_text(0)))
    })?;
    let proof: MerkleBlock = deserialize(&bytes).map_err(|error| RpcError::misc(error.to_string()))?;
    let (mut matches, mut indexes) = (Vec::new(), Vec::new());
    if proof.extract_matches(&mut matches, &mut indexes).is_err() {
        return Ok(Json::Array(Vec::new()));
    }
    let chain = &node.backend.chain;
    let id = chain.tree().id(&proof.header.block_hash()).filter(|id| {
        let entry = &chain.tree()[*id];
        chain.active().at(entry.height) == Some(*id) && entry.tx_count > 0
    });
    let id = id.ok_or_else(|| RpcError::invalid_address_or_key("Block not found in chain"))?;
    // A tree of another size could prove what is not there (CVE-2017-12842).
    if u64::from(chain.tree()[id].tx_count) != u64::from(proof.txn.num_transactions()) {
        return Ok(Json::Array(Vec::new()));
    }
    Ok(Json::Array(matches.into_iter().map(|txid| Json::from(txid.to_string())).collect()))
}
