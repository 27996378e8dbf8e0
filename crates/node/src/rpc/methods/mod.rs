//! The methods, by theme.

pub(super) mod blocks;
pub(super) mod chain;
pub(super) mod coins;
pub(super) mod control;
pub(super) mod light;
pub(super) mod mempool;
pub(super) mod mining;
pub(super) mod network;
pub(super) mod proofs;
pub(super) mod snapshot;
pub(super) mod stats;
pub(super) mod transactions;

use bitcoin::consensus::encode::deserialize;
use bitcoin::{Block, BlockHash, Transaction};
use pumasi_chain::{BlockId, ChainError, StoreError};

use super::error::RpcError;
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

/// Reads a transaction in hexadecimal.
fn transaction_of(text: &str) -> Option<Transaction> {
    deserialize(&hex::decode(text).ok()?).ok()
}

/// Reads a block in hexadecimal.
fn block_of(text: &str) -> Option<Block> {
    super::decode::block(&hex::decode(text).ok()?)
}
