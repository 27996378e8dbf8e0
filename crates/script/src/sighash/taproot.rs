//! Taproot and tapscript (BIP341, BIP342).

use super::{
    Engine, SIGHASH_ANYONECANPAY, SIGHASH_DEFAULT, SIGHASH_NONE, SIGHASH_SINGLE, compact_size, put_bytes, put_outpoint,
    put_output, sha256,
};
use crate::{ExecutionData, PrecomputedTx};
use bitcoin::TxOut;
use bitcoin::hashes::{Hash as _, HashEngine as _};
use std::sync::LazyLock;

/// Hashes over what all inputs spend.
pub(crate) struct TaprootHashes {
    amounts: [u8; 32],
    scripts: [u8; 32],
}

impl TaprootHashes {
    pub(crate) fn new(spent: &[TxOut]) -> Self {
        Self {
            amounts: sha256(|engine| {
                spent.iter().for_each(|output| engine.input(&output.value.to_sat().to_le_bytes()));
            }),
            scripts: sha256(|engine| {
                spent.iter().for_each(|output| put_bytes(engine, output.script_pubkey.as_bytes()));
            }),
        }
    }
}

/// A hash that begins with its own name (BIP340).
fn tagged(tag: &[u8]) -> Engine {
    let tag = sha256::Hash::hash(tag);
    let mut engine = Engine::default();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    engine
}

static TAP_SIGHASH: LazyLock<Engine> = LazyLock::new(|| tagged(b"TapSighash"));
static TAP_LEAF: LazyLock<Engine> = LazyLock::new(|| tagged(b"TapLeaf"));
static TAP_BRANCH: LazyLock<Engine> = LazyLock::new(|| tagged(b"TapBranch"));
static TAP_TWEAK: LazyLock<Engine> = LazyLock::new(|| tagged(b"TapTweak"));

fn tagged_hash(tag: &LazyLock<Engine>, write: impl FnOnce(&mut Engine)) -> [u8; 32] {
    let mut engine = Engine::clone(tag);
    write(&mut engine);
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// The hash of a leaf: its version and its script.
pub(crate) fn leaf_hash(version: u8, script: &[u8]) -> [u8; 32] {
    tagged_hash(&TAP_LEAF, |engine| {
        engine.input(&[version]);
        compact_size(script.len(), |len| engine.input(len));
        engine.input(script);
    })
}

/// The hash of two nodes, the smaller one first.
pub(crate) fn branch_hash(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    tagged_hash(&TAP_BRANCH, |engine| {
        engine.input(first);
        engine.input(second);
    })
}

/// What is added to the internal key to commit to a tree of scripts.
pub(crate) fn tweak_hash(internal_key: &[u8; 32], merkle_root: &[u8; 32]) -> [u8; 32] {
    tagged_hash(&TAP_TWEAK, |engine| {
        engine.input(internal_key);
        engine.input(merkle_root);
    })
}

impl PrecomputedTx<'_> {
    /// [`PrecomputedTx::taproot_sighash`]. `single_output` keeps the hash of the output with the input's number, for more
    /// signatures of the same input.
    pub(crate) fn taproot_sighash_with(
        &self,
        input: usize,
        hash_type: u8,
        data: &ExecutionData,
        single_output: &mut Option<[u8; 32]>,
    ) -> Option<[u8; 32]> {
        if !matches!(hash_type, 0..=3 | 0x81..=0x83) {
            return None;
        }
        let tx = self.tx();
        let outputs = hash_type & 3;
        let own_output = if outputs == SIGHASH_SINGLE {
            let output = tx.output.get(input)?;
            Some(*single_output.get_or_insert_with(|| sha256(|engine| put_output(engine, output))))
        } else {
            None
        };
        let shared = self.single_hashes();
        Some(tagged_hash(&TAP_SIGHASH, |engine| {
            const EPOCH: u8 = 0;
            engine.input(&[EPOCH, hash_type]);
            engine.input(&tx.version.0.to_le_bytes());
            engine.input(&tx.lock_time.to_consensus_u32().to_le_bytes());
            let all_inputs = hash_type & SIGHASH_ANYONECANPAY == 0;
            if all_inputs {
                engine.input(&shared.prevouts);
                engine.input(&self.taproot().amounts);
                engine.input(&self.taproot().scripts);
                engine.input(&shared.sequences);
            }
            if hash_type == SIGHASH_DEFAULT || !matches!(outputs, SIGHASH_NONE | SIGHASH_SINGLE) {
                engine.input(&shared.outputs);
            }
            let spend_type = u8::from(data.leaf_hash.is_some()) << 1 | u8::from(data.annex_hash.is_some());
            engine.input(&[spend_type]);
            if all_inputs {
                let input = u32::try_from(input).expect("a transaction has fewer inputs than bytes");
                engine.input(&input.to_le_bytes());
            } else {
                put_outpoint(engine, &tx.input[input].previous_output);
                put_output(engine, &self.spent()[input]);
                engine.input(&tx.input[input].sequence.to_consensus_u32().to_le_bytes());
            }
            if let Some(annex) = &data.annex_hash {
                engine.input(annex);
            }
            if let Some(output) = &own_output {
                engine.input(output);
            }
            if let Some(leaf) = &data.leaf_hash {
                const KEY_VERSION: u8 = 0;
                engine.input(leaf);
                engine.input(&[KEY_VERSION]);
                engine.input(&data.code_separator.to_le_bytes());
            }
        }))
    }
}
