//! Witness version 0 (BIP143).

use super::{Engine, anyone_can_pay, is_none, is_single, put_bytes, put_outpoint, put_output, sha256};
use crate::PrecomputedTx;
use bitcoin::hashes::HashEngine as _;
use bitcoin::{Amount, Transaction};

/// Hashes over all inputs or outputs.
pub(crate) struct SharedHashes {
    pub(super) prevouts: [u8; 32],
    pub(super) sequences: [u8; 32],
    pub(super) outputs: [u8; 32],
}

impl SharedHashes {
    /// Hashed once, as taproot takes them.
    pub(crate) fn single(tx: &Transaction) -> Self {
        Self {
            prevouts: sha256(|engine| {
                tx.input.iter().for_each(|input| put_outpoint(engine, &input.previous_output));
            }),
            sequences: sha256(|engine| {
                tx.input.iter().for_each(|input| engine.input(&input.sequence.to_consensus_u32().to_le_bytes()));
            }),
            outputs: sha256(|engine| tx.output.iter().for_each(|output| put_output(engine, output))),
        }
    }

    /// Hashed twice, as witness version 0 takes them.
    pub(crate) fn double(single: &Self) -> Self {
        let again = |hash: &[u8; 32]| sha256(|engine| engine.input(hash));
        Self { prevouts: again(&single.prevouts), sequences: again(&single.sequences), outputs: again(&single.outputs) }
    }
}

impl PrecomputedTx<'_> {
    /// Everything that a signature in witness version 0 signs, but for the hash type.
    pub(crate) fn segwit_midstate(&self, input: usize, script_code: &[u8], amount: Amount, hash_type: u32) -> Engine {
        let tx = self.tx();
        let shared = self.double_hashes();
        let (all_inputs, all_outputs) = (!anyone_can_pay(hash_type), !is_single(hash_type) && !is_none(hash_type));
        let own = &tx.input[input];
        let mut engine = Engine::default();
        engine.input(&tx.version.0.to_le_bytes());
        engine.input(if all_inputs { &shared.prevouts } else { &[0; 32] });
        engine.input(if all_inputs && all_outputs { &shared.sequences } else { &[0; 32] });
        put_outpoint(&mut engine, &own.previous_output);
        put_bytes(&mut engine, script_code);
        engine.input(&amount.to_sat().to_le_bytes());
        engine.input(&own.sequence.to_consensus_u32().to_le_bytes());
        match tx.output.get(input) {
            _ if all_outputs => engine.input(&shared.outputs),
            Some(output) if is_single(hash_type) => {
                let single = sha256(|engine| put_output(engine, output));
                engine.input(&sha256(|engine| engine.input(&single)));
            }
            _ => engine.input(&[0; 32]),
        }
        engine.input(&tx.lock_time.to_consensus_u32().to_le_bytes());
        engine
    }
}
