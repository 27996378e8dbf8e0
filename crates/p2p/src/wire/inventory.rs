//! Inventory vectors: "I have this", "give me that" (Core's `CInv`).

use super::{DecodeError, Reader, Writer};
use crate::TxId;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Txid, Wtxid};
use std::fmt;

const TX: u32 = 1;
const BLOCK: u32 = 2;
const FILTERED_BLOCK: u32 = 3;
const CMPCT_BLOCK: u32 = 4;
const WTX: u32 = 5;
/// Asks for the witnesses too (BIP144).
const WITNESS: u32 = 1 << 30;
/// Bits of the type without the flags.
const TYPE_MASK: u32 = u32::MAX >> 2;

/// What an inventory vector names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvKind {
    Tx,
    WitnessTx,
    Wtx,
    Block,
    WitnessBlock,
    FilteredBlock,
    CompactBlock,
    /// A type that we do not know.
    Unknown(u32),
}

/// An inventory vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inv {
    pub(crate) kind: InvKind,
    pub(crate) hash: [u8; 32],
}

impl Inv {
    pub(crate) fn block(kind: InvKind, hash: BlockHash) -> Self {
        Self { kind, hash: hash.to_byte_array() }
    }

    pub(crate) fn tx(id: TxId, witness: bool) -> Self {
        match id {
            TxId::Wtxid(wtxid) => Self { kind: InvKind::Wtx, hash: wtxid.to_byte_array() },
            TxId::Txid(txid) if witness => Self { kind: InvKind::WitnessTx, hash: txid.to_byte_array() },
            TxId::Txid(txid) => Self { kind: InvKind::Tx, hash: txid.to_byte_array() },
        }
    }

    pub(crate) fn block_hash(&self) -> BlockHash {
        BlockHash::from_byte_array(self.hash)
    }

    /// The transaction it names, if it names one.
    pub(crate) fn tx_id(&self) -> Option<TxId> {
        match self.kind {
            InvKind::Tx | InvKind::WitnessTx => Some(TxId::Txid(Txid::from_byte_array(self.hash))),
            InvKind::Wtx => Some(TxId::Wtxid(Wtxid::from_byte_array(self.hash))),
            _ => None,
        }
    }

    /// Whether it names a block in some form.
    pub(crate) const fn is_block(&self) -> bool {
        matches!(self.kind, InvKind::Block | InvKind::WitnessBlock | InvKind::FilteredBlock | InvKind::CompactBlock)
    }

    const fn code(&self) -> u32 {
        match self.kind {
            InvKind::Tx => TX,
            InvKind::WitnessTx => TX | WITNESS,
            InvKind::Wtx => WTX,
            InvKind::Block => BLOCK,
            InvKind::WitnessBlock => BLOCK | WITNESS,
            InvKind::FilteredBlock => FILTERED_BLOCK,
            InvKind::CompactBlock => CMPCT_BLOCK,
            InvKind::Unknown(code) => code,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.u32()?;
        let kind = match code {
            TX => InvKind::Tx,
            WTX => InvKind::Wtx,
            BLOCK => InvKind::Block,
            FILTERED_BLOCK => InvKind::FilteredBlock,
            CMPCT_BLOCK => InvKind::CompactBlock,
            code if code == TX | WITNESS => InvKind::WitnessTx,
            code if code == BLOCK | WITNESS => InvKind::WitnessBlock,
            code => InvKind::Unknown(code),
        };
        Ok(Self { kind, hash: reader.array()? })
    }

    pub(crate) fn write(writer: &mut Writer, inv: &Self) {
        writer.u32(inv.code());
        writer.bytes(&inv.hash);
    }

    /// The payload of a message that is a list of these.
    pub(crate) fn payload(invs: &[Self]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.list(invs, Self::write);
        writer.into_bytes()
    }
}

impl fmt::Display for Inv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code();
        let name = match code & TYPE_MASK {
            TX => "tx",
            WTX => "wtx",
            BLOCK => "block",
            FILTERED_BLOCK => "merkleblock",
            CMPCT_BLOCK => "cmpctblock",
            _ => return write!(f, "0x{code:08x} {}", self.block_hash()),
        };
        let witness = if code & WITNESS == 0 { "" } else { "witness-" };
        write!(f, "{witness}{name} {}", self.block_hash())
    }
}
