//! What a signature signs.

mod legacy;
mod segwit;
mod taproot;

pub(crate) use legacy::LegacyParts;
pub(crate) use segwit::SharedHashes;
pub(crate) use taproot::TaprootHashes;
pub(crate) use taproot::{branch_hash, leaf_hash, tweak_hash};

use bitcoin::hashes::{Hash as _, HashEngine as _, sha256, sha256d};
use bitcoin::{OutPoint, TxOut};

use crate::{ExecutionData, PrecomputedTx};
use bitcoin::Script;

impl PrecomputedTx<'_> {
    /// What an input without witness signs. `hash_type` is hashed as it is; its highest bits have no meaning.
    ///
    /// # Panics
    ///
    /// If the transaction has no such input; so the other two.
    pub fn legacy_sighash(&self, input: usize, script_code: &Script, hash_type: u32) -> [u8; 32] {
        let state = self.legacy_midstate(input, script_code.as_bytes(), hash_type);
        state.map_or(ONE, |state| finish(state, hash_type))
    }

    /// What an input with witness version 0 signs (BIP143); the amount is that of the output it spends.
    pub fn segwit_v0_sighash(&self, input: usize, script_code: &Script, hash_type: u32) -> [u8; 32] {
        let amount = self.spent()[input].value;
        finish(self.segwit_midstate(input, script_code.as_bytes(), amount, hash_type), hash_type)
    }

    /// What a taproot input signs (BIP341): by its key alone, or inside the leaf that `data` names.
    ///
    /// None if the hash type is unknown, or asks for an output that there is not.
    pub fn taproot_sighash(&self, input: usize, hash_type: u8, data: &ExecutionData) -> Option<[u8; 32]> {
        self.taproot_sighash_with(input, hash_type, data, &mut None)
    }
}

pub(crate) type Engine = sha256::HashEngine;

const SIGHASH_DEFAULT: u8 = 0;
const SIGHASH_NONE: u8 = 2;
const SIGHASH_SINGLE: u8 = 3;
const SIGHASH_ANYONECANPAY: u8 = 0x80;

/// What is signed for an output that does not exist (the number one, in the byte order of hashes).
pub(crate) const ONE: [u8; 32] = {
    let mut one = [0; 32];
    one[0] = 1;
    one
};

/// The lower five bits say what of the outputs is signed; anything but none and single is all (before taproot).
const OUTPUT_MASK: u32 = 0x1f;

fn is_single(hash_type: u32) -> bool {
    hash_type & OUTPUT_MASK == u32::from(SIGHASH_SINGLE)
}

fn is_none(hash_type: u32) -> bool {
    hash_type & OUTPUT_MASK == u32::from(SIGHASH_NONE)
}

fn anyone_can_pay(hash_type: u32) -> bool {
    hash_type & u32::from(SIGHASH_ANYONECANPAY) != 0
}

/// What a hash type asks for. All types of one kind differ only in the last four bytes that are hashed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashKind {
    single: bool,
    none: bool,
    anyone_can_pay: bool,
}

impl HashKind {
    pub(crate) fn of(hash_type: u32) -> Self {
        Self { single: is_single(hash_type), none: is_none(hash_type), anyone_can_pay: anyone_can_pay(hash_type) }
    }
}

/// Ends a hash of the kinds before taproot.
pub(crate) fn finish(mut engine: Engine, hash_type: u32) -> [u8; 32] {
    engine.input(&hash_type.to_le_bytes());
    sha256d::Hash::from_engine(engine).to_byte_array()
}

fn sha256(write: impl FnOnce(&mut Engine)) -> [u8; 32] {
    let mut engine = Engine::default();
    write(&mut engine);
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// A length as the network writes it (`CompactSize`), into anything that takes bytes.
fn compact_size(len: usize, mut put: impl FnMut(&[u8])) {
    let len = len as u64;
    let bytes = len.to_le_bytes();
    match len {
        0..=0xfc => put(&bytes[..1]),
        0xfd..=0xffff => put(&[0xfd, bytes[0], bytes[1]]),
        0x1_0000..=0xffff_ffff => {
            put(&[0xfe]);
            put(&bytes[..4]);
        }
        _ => {
            put(&[0xff]);
            put(&bytes);
        }
    }
}

/// The hash of an annex with its length in front (BIP341).
pub(crate) fn annex_hash(annex: &[u8]) -> [u8; 32] {
    sha256(|engine| put_bytes(engine, annex))
}

fn put_bytes(engine: &mut Engine, bytes: &[u8]) {
    compact_size(bytes.len(), |len| engine.input(len));
    engine.input(bytes);
}

fn put_outpoint(engine: &mut Engine, outpoint: &OutPoint) {
    engine.input(outpoint.txid.as_byte_array());
    engine.input(&outpoint.vout.to_le_bytes());
}

fn put_output(engine: &mut Engine, output: &TxOut) {
    engine.input(&output.value.to_sat().to_le_bytes());
    put_bytes(engine, output.script_pubkey.as_bytes());
}
