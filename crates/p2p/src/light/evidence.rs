//! What a block tells about its filter (BIP158): scripts that must be in it.

use bitcoin::bip158::BlockFilter;
use bitcoin::consensus::Decodable as _;
use bitcoin::hashes::{Hash, hash160};
use bitcoin::script::Instruction;
use bitcoin::{Block, BlockHash, PubkeyHash, Script, ScriptBuf, TxIn, VarInt, WPubkeyHash};

/// What a filter has of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Coverage {
    /// Scripts of all outputs are in it; without that it is a lie for certain.
    pub(super) outputs: bool,
    /// Inputs whose spent script can be told from the spender, and is in it.
    pub(super) inputs: usize,
}

/// Bits that an element of a filter takes at least: the end of its quotient, and 19 of its remainder (BIP158, P).
const MIN_ELEMENT_BITS: u64 = 20;

/// A filter to look things up in; `None` when it claims more elements than its bytes can hold. To compute with such a
/// number would overflow.
pub(super) fn readable(filter: &[u8]) -> Option<BlockFilter> {
    let elements = VarInt::consensus_decode(&mut &*filter).map_or(0, |count| count.0);
    (elements <= filter.len() as u64 * 8 / MIN_ELEMENT_BITS).then(|| BlockFilter::new(filter))
}

/// Looks for the scripts of a block in a filter. A filter that cannot be read has nothing.
pub(super) fn coverage(filter: &[u8], hash: &BlockHash, block: &Block) -> Coverage {
    let Some(reader) = readable(filter) else { return Coverage { outputs: false, inputs: 0 } };
    let outputs = block.txdata.iter().flat_map(|tx| &tx.output).map(|output| &output.script_pubkey);
    let mut wanted = outputs
        .filter(|script| !script.is_empty() && !script.is_op_return())
        .map(|script| script.as_bytes())
        .peekable();
    let outputs = wanted.peek().is_none() || reader.match_all(hash, &mut wanted).unwrap_or(false);
    let spenders = block.txdata.iter().skip(1).flat_map(|tx| &tx.input);
    let inputs = spenders.filter_map(spent_script).filter(|script| {
        let mut one = std::iter::once(script.as_bytes());
        reader.match_any(hash, &mut one).unwrap_or(false)
    });
    let inputs = if outputs { inputs.count() } else { 0 };
    Coverage { outputs, inputs }
}

/// The script that an input spends, where the input alone gives it away: P2PKH, P2WPKH, and segwit behind P2SH. Strange
/// spends can look like one of them, so this is evidence and no proof.
fn spent_script(input: &TxIn) -> Option<ScriptBuf> {
    let is_key = |bytes: &[u8]| bytes.len() == 33 && matches!(bytes[0], 2 | 3);
    let is_signature = |bytes: &[u8]| (9..=73).contains(&bytes.len()) && bytes[0] == 0x30;
    if input.script_sig.is_empty() {
        let (signature, key) = (input.witness.nth(0)?, input.witness.nth(1)?);
        let fits = input.witness.len() == 2 && is_key(key) && is_signature(signature);
        return fits.then(|| ScriptBuf::new_p2wpkh(&WPubkeyHash::from_raw_hash(hash160::Hash::hash(key))));
    }
    match pushes(&input.script_sig)?.as_slice() {
        [redeem] if Script::from_bytes(redeem).is_witness_program() => Some(Script::from_bytes(redeem).to_p2sh()),
        [signature, key] if is_signature(signature) && is_key(key) && input.witness.is_empty() => {
            Some(ScriptBuf::new_p2pkh(&PubkeyHash::from_raw_hash(hash160::Hash::hash(key))))
        }
        _ => None,
    }
}

/// The pushes of an input's script, if it is a few pushes and nothing else.
fn pushes(script: &Script) -> Option<Vec<Vec<u8>>> {
    let mut pushes = Vec::new();
    for instruction in script.instructions().take(3) {
        match instruction {
            Ok(Instruction::PushBytes(bytes)) => pushes.push(bytes.as_bytes().to_vec()),
            _ => return None,
        }
    }
    Some(pushes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::Witness;

    #[test]
    fn a_filter_that_claims_more_than_it_can_hold_is_not_read() {
        let claims = |count: &[u8], rest: usize| readable(&[count, &vec![0xff; rest][..]].concat()).is_some();
        // One element takes 20 bits.
        assert!(claims(&[1], 2) && !claims(&[1], 1) && claims(&[0], 0) && claims(&[], 0));
        assert!(!claims(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 100));
    }

    #[test]
    fn an_input_gives_away_the_usual_scripts() {
        let (key, signature) = ([2; 33], [&[0x30][..], &[1; 70]].concat());
        let hash = hash160::Hash::hash(&key);
        let input = TxIn { witness: Witness::from_slice(&[signature.clone(), key.to_vec()]), ..TxIn::default() };
        assert_eq!(spent_script(&input), Some(ScriptBuf::new_p2wpkh(&WPubkeyHash::from_raw_hash(hash))));

        let script_sig = [&[71][..], &signature, &[33], &key].concat();
        let input = TxIn { script_sig: script_sig.into(), ..TxIn::default() };
        assert_eq!(spent_script(&input), Some(ScriptBuf::new_p2pkh(&PubkeyHash::from_raw_hash(hash))));

        let redeem = ScriptBuf::new_p2wpkh(&WPubkeyHash::from_raw_hash(hash));
        let script_sig = [&[22][..], redeem.as_bytes()].concat();
        let input = TxIn { script_sig: script_sig.into(), ..TxIn::default() };
        assert_eq!(spent_script(&input), Some(redeem.to_p2sh()));

        // A taproot key path tells nothing.
        let input = TxIn { witness: Witness::from_slice(&[[7; 64]]), ..TxIn::default() };
        assert_eq!(spent_script(&input), None);
    }
}
