//! A transaction of the chain that concerns something watched.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Transaction};

/// Where in the chain a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// The height of its block.
    pub(crate) height: u32,
    /// Its place in the block.
    pub(crate) index: u32,
}

impl Place {
    /// A key that sorts as the chain does.
    pub(super) fn key(self) -> [u8; 8] {
        let mut key = [0; 8];
        key[..4].copy_from_slice(&self.height.to_be_bytes());
        key[4..].copy_from_slice(&self.index.to_be_bytes());
        key
    }

    pub(super) fn read(key: &[u8]) -> Option<Self> {
        let (height, index) = key.split_first_chunk::<4>()?;
        Some(Self { height: u32::from_be_bytes(*height), index: u32::from_be_bytes(index.try_into().ok()?) })
    }
}

/// A transaction that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its block.
    pub(crate) block: BlockHash,
    /// The time in the block's header, in seconds since the epoch.
    pub(crate) time: u32,
    /// It.
    pub(crate) tx: Transaction,
}

impl Found {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.block.to_byte_array().to_vec();
        bytes.extend(self.time.to_le_bytes());
        bytes.extend(serialize(&self.tx));
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (block, rest) = bytes.split_first_chunk::<32>()?;
        let (time, tx) = rest.split_first_chunk::<4>()?;
        let tx = deserialize(tx).ok()?;
        Some(Self { block: BlockHash::from_byte_array(*block), time: u32::from_le_bytes(*time), tx })
    }
}
