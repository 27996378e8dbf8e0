//! The signature over a block on signet (BIP325).

use bitcoin::blockdata::script::{Builder, Instruction, PushBytesBuf};
use bitcoin::consensus::encode::{Decodable, serialize};
use bitcoin::hashes::Hash;
use bitcoin::opcodes::Opcode;
use bitcoin::{
    Amount, Block, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute::LockTime,
    transaction::Version,
};
use pumasi_script::{Flags, PrecomputedTx, ScriptVerifier};

use super::merkle::merkle_root;
use super::witness::witness_commitment_index;
use crate::error::BlockError;
use crate::params::Params;

/// How the push begins that holds the solution, in the script of the witness commitment.
const SIGNET_HEADER: [u8; 4] = [0xec, 0xc7, 0xda, 0xa2];
const OP_RETURN: u8 = 0x6a;

/// The block as a pair of transactions: one that asks for a signature over it, and one that gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignetTxs {
    /// Its output holds the challenge, its input commits to the block.
    pub to_spend: Transaction,
    /// Spends it with the block's solution.
    pub to_sign: Transaction,
}

impl SignetTxs {
    /// The pair of a block; `None` when the block has no commitment to witnesses, or a solution that cannot be read.
    pub fn new(block: &Block, challenge: &Script) -> Option<Self> {
        let index = witness_commitment_index(block)?;
        let mut coinbase = block.txdata[0].clone();
        let (rest, solution) = take_solution(&coinbase.output[index].script_pubkey);
        coinbase.output[index].script_pubkey = rest;
        let (script_sig, witness) = match solution {
            Some(solution) => read_solution(&solution)?,
            // A challenge may ask for nothing.
            None => (ScriptBuf::new(), Witness::new()),
        };
        let commitment = commit_to(block, &coinbase);
        let to_spend = transaction(
            OutPoint::null(),
            Builder::new().push_int(0).push_slice(commitment).into_script(),
            Witness::new(),
            challenge.to_owned(),
        );
        let spent = OutPoint::new(to_spend.compute_txid(), 0);
        let to_sign = transaction(spent, script_sig, witness, ScriptBuf::from_bytes(vec![OP_RETURN]));
        Some(Self { to_spend, to_sign })
    }
}

fn transaction(spent: OutPoint, script_sig: ScriptBuf, witness: Witness, output: ScriptBuf) -> Transaction {
    Transaction {
        version: Version::non_standard(0),
        lock_time: LockTime::ZERO,
        input: vec![TxIn { previous_output: spent, script_sig, sequence: Sequence::ZERO, witness }],
        output: vec![TxOut { value: Amount::ZERO, script_pubkey: output }],
    }
}

/// Version, parent, merkle root without the solution, and time.
fn commit_to(block: &Block, coinbase: &Transaction) -> [u8; 72] {
    let mut txids: Vec<Txid> = super::txids(block);
    txids[0] = coinbase.compute_txid();
    let mut data = [0; 72];
    data[..4].copy_from_slice(&block.header.version.to_consensus().to_le_bytes());
    data[4..36].copy_from_slice(block.header.prev_blockhash.as_byte_array());
    data[36..68].copy_from_slice(merkle_root(&txids).0.as_byte_array());
    data[68..].copy_from_slice(&block.header.time.to_le_bytes());
    data
}

/// The commitment's script with the solution cut out of it, and the solution if there is one. Pushes are written anew
/// in their shortest form only when one holds a solution.
fn take_solution(script: &Script) -> (ScriptBuf, Option<Vec<u8>>) {
    let mut rest = Builder::new();
    let mut solution = None;
    for item in script.instruction_indices() {
        match item {
            Ok((_, Instruction::PushBytes(push))) if !push.is_empty() => {
                let bytes = push.as_bytes();
                let found = bytes.strip_prefix(&SIGNET_HEADER).filter(|data| solution.is_none() && !data.is_empty());
                let kept = if found.is_some() { &SIGNET_HEADER[..] } else { bytes };
                solution = found.map(<[u8]>::to_vec).or(solution);
                rest = rest.push_slice(PushBytesBuf::try_from(kept.to_vec()).expect("no longer than the push was"));
            }
            Ok((at, _)) => rest = rest.push_opcode(Opcode::from(script.as_bytes()[at])),
            // What cannot be read any more ends the script.
            Err(_) => break,
        }
    }
    let script = if solution.is_some() { rest.into_script() } else { script.to_owned() };
    (script, solution)
}

/// Script and witness; `None` when something is left over.
fn read_solution(mut bytes: &[u8]) -> Option<(ScriptBuf, Witness)> {
    let script = ScriptBuf::consensus_decode(&mut bytes).ok()?;
    let witness = Witness::consensus_decode(&mut bytes).ok()?;
    bytes.is_empty().then_some((script, witness))
}

/// On signet, the block's solution satisfies the challenge; the genesis block needs none.
///
/// # Errors
/// `bad-signet-blksig`.
pub fn check_signet_solution(block: &Block, params: &Params, verifier: &dyn ScriptVerifier) -> Result<(), BlockError> {
    let Some(challenge) = &params.signet_challenge else { return Ok(()) };
    if serialize(&block.header) == serialize(&params.genesis.header) {
        return Ok(());
    }
    let solved = SignetTxs::new(block, challenge).is_some_and(|txs| {
        let flags = Flags::P2SH | Flags::WITNESS | Flags::DERSIG | Flags::NULLDUMMY;
        let tx = PrecomputedTx::new(&txs.to_sign, txs.to_spend.output.clone());
        verifier.verify(&tx, 0, flags).is_ok()
    });
    if solved {
        Ok(())
    } else {
        Err(BlockError::consensus("bad-signet-blksig", "signet block signature validation failure"))
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::deserialize_hex;
    use pumasi_script::Interpreter;

    use super::*;
    use crate::mine;

    fn reason(block: &Block, params: &Params) -> String {
        check_signet_solution(block, params, &Interpreter::new())
            .map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    /// Block 1 of the default signet.
    const BLOCK_1: &str = concat!(
        "00000020f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000f575c83235984e7dc4afc1f30944c170",
        "462e84437ab6f2d52e16878a79e4678bd1914d5fae77031eccf4070001010000000001010000000000000000000000000000000000",
        "000000000000000000000000000000ffffffff025151feffffff0200f2052a010000001600149243f727dd5343293eb83174324019",
        "ec16c2630f0000000000000000776a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf94c",
        "4fecc7daa2490047304402205e423a8754336ca99dbe16509b877ef1bf98d008836c725005b3c787c41ebe46022047246e4467ad7c",
        "c7f1ad98662afcaf14c115e0095a227c7b05c5182591c23e7e01000120000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
    );

    #[test]
    fn the_first_block_of_the_default_signet_is_signed() {
        let params = Params::signet();
        let mut block: Block = deserialize_hex(BLOCK_1).unwrap();
        assert_eq!(block.block_hash().to_string(), "00000086d6b2636cb2a392d45edc4ec544a10024d30141c9adf4bfd9de533b53");
        assert_eq!(reason(&block, &params), "ok");
        block.header.time += 1;
        assert_eq!(reason(&block, &params), "bad-signet-blksig");
        assert_eq!(reason(&params.genesis, &params), "ok");
        assert_eq!(reason(&params.genesis, &Params::main()), "ok");
    }

    /// As in Core's `validation_tests.cpp`, `signet_parse_tests`.
    #[test]
    fn solutions_are_read_strictly() {
        let params = Params::signet_with(ScriptBuf::from_bytes(vec![0x51]));
        let mut block = params.genesis.clone();
        block.header.time += 1;
        assert_eq!(reason(&block, &params), "bad-signet-blksig", "no commitment to witnesses");
        mine::add_witness_commitment(&mut block);
        let index = witness_commitment_index(&block).unwrap();
        let commitment = block.txdata[0].output[index].script_pubkey.clone();
        assert_eq!(reason(&block, &params), "ok", "the challenge asks for nothing");
        for (solution, expected) in [
            (vec![], "ok"),
            (vec![0, 0], "ok"),
            (vec![0], "bad-signet-blksig"),
            (vec![0, 0, 0], "bad-signet-blksig"),
            (vec![0, 1], "bad-signet-blksig"),
        ] {
            let push = PushBytesBuf::try_from([&SIGNET_HEADER[..], &solution].concat()).unwrap();
            let mut script = commitment.clone();
            script.push_slice(push);
            block.txdata[0].output[index].script_pubkey = script;
            assert_eq!(reason(&block, &params), expected, "{solution:?}");
        }
    }
}
