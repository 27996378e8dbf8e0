//! Before witnesses: the whole transaction, with other inputs' scripts taken out.
//!
//! Each input hashes all of it again, which makes it quadratic. Here the inputs are written once, and what comes before an
//! input is hashed once for all, so that half of the work is left.

use super::{Engine, anyone_can_pay, compact_size, is_none, is_single, put_outpoint, put_output};
use crate::PrecomputedTx;
use crate::opcode::{OP_CODESEPARATOR, Reader};
use bitcoin::Transaction;
use bitcoin::hashes::{Hash as _, HashEngine as _};

/// Bytes of an input without a script: outpoint, length, sequence.
const BLANK: usize = 36 + 1 + 4;
/// After how many inputs there is a state of the hash to go on from.
const STRIDE: usize = 16;

/// The parts of the transaction as `SIGHASH_ALL` writes them.
pub(crate) struct LegacyParts {
    /// Every input without its script.
    inputs: Vec<u8>,
    /// The outputs with their number, and the lock time.
    tail: Vec<u8>,
    /// The hash of everything before every sixteenth input.
    states: Vec<Engine>,
}

impl LegacyParts {
    pub(crate) fn new(tx: &Transaction) -> Self {
        let mut inputs = Vec::with_capacity(BLANK * tx.input.len());
        for input in &tx.input {
            inputs.extend_from_slice(input.previous_output.txid.as_byte_array());
            inputs.extend_from_slice(&input.previous_output.vout.to_le_bytes());
            inputs.push(0);
            inputs.extend_from_slice(&input.sequence.to_consensus_u32().to_le_bytes());
        }
        let mut tail = Vec::new();
        compact_size(tx.output.len(), |len| tail.extend_from_slice(len));
        for output in &tx.output {
            tail.extend_from_slice(&output.value.to_sat().to_le_bytes());
            compact_size(output.script_pubkey.len(), |len| tail.extend_from_slice(len));
            tail.extend_from_slice(output.script_pubkey.as_bytes());
        }
        tail.extend_from_slice(&tx.lock_time.to_consensus_u32().to_le_bytes());

        let mut engine = Engine::default();
        engine.input(&tx.version.0.to_le_bytes());
        compact_size(tx.input.len(), |len| engine.input(len));
        let mut states = Vec::with_capacity(tx.input.len().div_ceil(STRIDE));
        for chunk in inputs.chunks(BLANK * STRIDE) {
            states.push(engine.clone());
            engine.input(chunk);
        }
        Self { inputs, tail, states }
    }

    /// The hash of everything before this input.
    fn before(&self, input: usize) -> Engine {
        let mut engine = self.states[input / STRIDE].clone();
        engine.input(&self.inputs[input / STRIDE * STRIDE * BLANK..input * BLANK]);
        engine
    }
}

impl PrecomputedTx<'_> {
    /// Everything that a signature without witness signs, but for the hash type.
    ///
    /// None is the bug that became a rule: with `SIGHASH_SINGLE` and no output of that number, the number one is signed.
    pub(crate) fn legacy_midstate(&self, input: usize, script_code: &[u8], hash_type: u32) -> Option<Engine> {
        let tx = self.tx();
        let (single, none) = (is_single(hash_type), is_none(hash_type));
        if single && input >= tx.output.len() {
            return None;
        }
        let mut engine;
        if anyone_can_pay(hash_type) {
            engine = Engine::default();
            engine.input(&tx.version.0.to_le_bytes());
            engine.input(&[1]);
            put_own_input(&mut engine, tx, input, script_code);
        } else if single || none {
            engine = Engine::default();
            engine.input(&tx.version.0.to_le_bytes());
            compact_size(tx.input.len(), |len| engine.input(len));
            for (index, other) in tx.input.iter().enumerate() {
                if index == input {
                    put_own_input(&mut engine, tx, input, script_code);
                } else {
                    // Neither script nor sequence: others may change theirs.
                    put_outpoint(&mut engine, &other.previous_output);
                    engine.input(&[0; 5]);
                }
            }
        } else {
            engine = self.legacy().before(input);
            put_own_input(&mut engine, tx, input, script_code);
            engine.input(&self.legacy().inputs[(input + 1) * BLANK..]);
        }
        if single || none {
            put_outputs(&mut engine, tx, single.then_some(input));
            engine.input(&tx.lock_time.to_consensus_u32().to_le_bytes());
        } else {
            engine.input(&self.legacy().tail);
        }
        Some(engine)
    }
}

fn put_own_input(engine: &mut Engine, tx: &Transaction, input: usize, script_code: &[u8]) {
    put_outpoint(engine, &tx.input[input].previous_output);
    put_script_code(engine, script_code);
    engine.input(&tx.input[input].sequence.to_consensus_u32().to_le_bytes());
}

/// No outputs, or the single one that is signed after as many empty ones as come before it.
fn put_outputs(engine: &mut Engine, tx: &Transaction, single: Option<usize>) {
    let Some(single) = single else { return engine.input(&[0]) };
    compact_size(single + 1, |len| engine.input(len));
    for _ in 0..single {
        // The value minus one, and no script.
        engine.input(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
    }
    put_output(engine, &tx.output[single]);
}

/// The script without its `OP_CODESEPARATOR`s.
///
/// Where a script cannot be read to its end, what is written ends behind the opcode that is cut off, though the length
/// before it is that of the whole: so has Core always done it.
fn put_script_code(engine: &mut Engine, script: &[u8]) {
    let mut reader = Reader::new(script);
    let mut separators = 0;
    while let Some(Ok(instruction)) = reader.next() {
        separators += usize::from(instruction.opcode == OP_CODESEPARATOR);
    }
    let end = reader.position();
    compact_size(script.len() - separators, |len| engine.input(len));
    if separators == 0 {
        return engine.input(&script[..end]);
    }
    let (mut reader, mut begin) = (Reader::new(script), 0);
    while let Some(Ok(instruction)) = reader.next() {
        if instruction.opcode == OP_CODESEPARATOR {
            engine.input(&script[begin..reader.position() - 1]);
            begin = reader.position();
        }
    }
    engine.input(&script[begin..end]);
}
