//! The methods, by theme.

pub(super) mod blocks;
pub(super) mod chain;
pub(super) mod coins;
pub(super) mod control;
pub(super) mod mempool;
pub(super) mod mining;
pub(super) mod network;
pub(super) mod transactions;

use bitcoin::consensus::encode::deserialize;
use bitcoin::{Block, BlockHash, Transaction};
use pumasi_chain::{BlockId, ChainError, StoreError};

use super::error::RpcError;
use super::params::Params;
use super::table::{Argument, Kind, Method, optional, required};
use crate::node::Node;

/// A failed store, for a caller; the node stops by itself.
fn store_error(error: &StoreError) -> RpcError {
    RpcError::database(crate::storage::explain(error))
}

/// A refused block, or a failed store.
fn chain_error(error: &ChainError) -> RpcError {
    match error {
        ChainError::Store(error) => store_error(error),
        other => RpcError::verify(other.to_string()),
    }
}

/// The block that a caller names.
fn known_block(node: &Node, hash: &BlockHash) -> Result<BlockId, RpcError> {
    let found = node.backend.chain.tree().id(hash);
    found.ok_or_else(|| RpcError::invalid_address_or_key("Block not found"))
}

/// The block that a caller names by its height in the active chain, or by its hash.
fn block_by_hash_or_height(node: &Node, params: &Params, index: usize) -> Result<BlockId, RpcError> {
    if let Some(value @ crate::json::Json::Number(_)) = params.get(index) {
        let height = super::params::integer(value)?;
        if height < 0 {
            return Err(RpcError::invalid_parameter(format!("Target block height {height} is negative")));
        }
        let active = node.backend.chain.active();
        let found = u32::try_from(height).ok().and_then(|height| active.at(height));
        return found.ok_or_else(|| {
            let tip = active.height();
            RpcError::invalid_parameter(format!("Target block height {height} after current tip {tip}"))
        });
    }
    known_block(node, &params.block_hash(index, "hash_or_height")?)
}

/// Reads a transaction in hexadecimal.
fn transaction_of(text: &str) -> Option<Transaction> {
    deserialize(&hex::decode(text).ok()?).ok()
}

/// Reads a block in hexadecimal.
fn block_of(text: &str) -> Option<Block> {
    deserialize(&hex::decode(text).ok()?).ok()
}
