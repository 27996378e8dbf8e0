//! Signing with given keys, for callers without a wallet: P2PK, P2PKH, multisig, P2WPKH, P2WSH and P2SH around them.

use bitcoin::hashes::Hash;
use bitcoin::script::{Builder, Instruction, PushBytesBuf};
use bitcoin::secp256k1::{All, Message, Secp256k1};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{Amount, PrivateKey, PublicKey, Script, ScriptBuf, Transaction, TxOut, Witness};
use pumasi_mempool::policy::solver::OutputType;
use pumasi_script::{Flags, Interpreter, PrecomputedTx, ScriptVerifier};

/// Keys and scripts that may be needed.
pub(super) struct Signer {
    keys: Vec<(PublicKey, PrivateKey)>,
    scripts: Vec<ScriptBuf>,
    secp: Secp256k1<All>,
}

/// One input that is being signed.
struct Input<'a> {
    tx: &'a Transaction,
    index: usize,
    value: Amount,
    kind: EcdsaSighashType,
}

impl Signer {
    pub(super) fn new(keys: Vec<PrivateKey>) -> Self {
        let secp = Secp256k1::new();
        let keys = keys.into_iter().map(|key| (key.public_key(&secp), key)).collect();
        Self { keys, scripts: Vec::new(), secp }
    }

    /// Adds a script that an output may commit to.
    pub(super) fn add_script(&mut self, script: ScriptBuf) {
        // A witness script may stand behind a P2SH output without being named as its redeem script.
        self.scripts.push(script.to_p2wsh());
        self.scripts.push(script);
    }

    /// Signs what it can; the inputs that are not valid then, with the reason.
    pub(super) fn sign(
        &self,
        mut tx: Transaction,
        spent: &[Option<TxOut>],
        kind: EcdsaSighashType,
    ) -> (Transaction, Vec<(usize, String)>) {
        let unsigned = tx.clone();
        for (index, output) in spent.iter().enumerate() {
            let Some(output) = output else { continue };
            let input = Input { tx: &unsigned, index, value: output.value, kind };
            if let Some((script_sig, witness)) = self.solve(&input, &output.script_pubkey) {
                tx.input[index].script_sig = script_sig;
                tx.input[index].witness = witness;
            }
        }
        let known: Vec<TxOut> = spent
            .iter()
            .map(|output| output.clone().unwrap_or(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::new() }))
            .collect();
        let errors = {
            let (prepared, interpreter) = (PrecomputedTx::new(&tx, known), Interpreter::new());
            let check = |(index, output): (usize, &Option<TxOut>)| match output {
                None => Some((index, "Input not found or already spent".to_owned())),
                Some(_) => {
                    let result = interpreter.verify(&prepared, index, Flags::STANDARD);
                    result.err().map(|reason| (index, reason.to_string()))
                }
            };
            spent.iter().enumerate().filter_map(check).collect()
        };
        (tx, errors)
    }

    /// What unlocks a script: the input's script and its witness.
    fn solve(&self, input: &Input<'_>, script: &Script) -> Option<(ScriptBuf, Witness)> {
        if script.is_p2sh() {
            let inner = self.scripts.iter().find(|inner| inner.to_p2sh() == *script)?.clone();
            let inner = if inner.is_p2wsh() || inner.is_p2wpkh() {
                let (_, witness) = self.solve(input, &inner)?;
                return Some((push(&inner), witness));
            } else {
                inner
            };
            let mut stack = self.stack(input, &inner, false)?;
            stack.push(inner.to_bytes());
            return Some((pushes(&stack), Witness::new()));
        }
        if script.is_p2wpkh() {
            let hash = &script.as_bytes()[2..];
            let key = self.key(|key| key.wpubkey_hash().is_ok_and(|known| known.as_byte_array() == hash))?;
            let code = ScriptBuf::new_p2pkh(&key.0.pubkey_hash());
            let signature = self.signature(input, &code, &key.1, true)?;
            return Some((ScriptBuf::new(), Witness::from_slice(&[signature, key.0.to_bytes()])));
        }
        if script.is_p2wsh() {
            let inner = self.scripts.iter().find(|inner| inner.to_p2wsh() == *script)?;
            let mut stack = self.stack(input, inner, true)?;
            stack.push(inner.to_bytes());
            return Some((ScriptBuf::new(), Witness::from_slice(&stack)));
        }
        Some((pushes(&self.stack(input, script, false)?), Witness::new()))
    }

    /// What a script without further scripts in it wants on the stack.
    fn stack(&self, input: &Input<'_>, script: &Script, segwit: bool) -> Option<Vec<Vec<u8>>> {
        let bytes = script.as_bytes();
        match OutputType::of(script).name() {
            "pubkey" => {
                let key = self.key(|key| key.to_bytes() == bytes[1..bytes.len() - 1])?;
                Some(vec![self.signature(input, script, &key.1, segwit)?])
            }
            "pubkeyhash" => {
                let key = self.key(|key| key.pubkey_hash().as_byte_array() == &bytes[3..23])?;
                Some(vec![self.signature(input, script, &key.1, segwit)?, key.0.to_bytes()])
            }
            "multisig" => {
                let needed = usize::from(bytes.first()?.checked_sub(0x50)?);
                // The element that CHECKMULTISIG takes too many.
                let mut stack = vec![Vec::new()];
                for instruction in script.instructions() {
                    let Ok(Instruction::PushBytes(wanted)) = instruction else { continue };
                    if stack.len() > needed {
                        break;
                    }
                    if let Some(key) = self.key(|key| key.to_bytes() == wanted.as_bytes()) {
                        stack.push(self.signature(input, script, &key.1, segwit)?);
                    }
                }
                Some(stack)
            }
            _ => None,
        }
    }

    fn key(&self, wanted: impl Fn(&PublicKey) -> bool) -> Option<&(PublicKey, PrivateKey)> {
        self.keys.iter().find(|(public, _)| wanted(public))
    }

    fn signature(&self, input: &Input<'_>, code: &Script, key: &PrivateKey, segwit: bool) -> Option<Vec<u8>> {
        let cache = &mut SighashCache::new(input.tx);
        let hash: [u8; 32] = if segwit {
            cache.p2wsh_signature_hash(input.index, code, input.value, input.kind).ok()?.to_byte_array()
        } else {
            cache.legacy_signature_hash(input.index, code, input.kind.to_u32()).ok()?.to_byte_array()
        };
        let mut signature =
            self.secp.sign_ecdsa_low_r(&Message::from_digest(hash), &key.inner).serialize_der().to_vec();
        signature.push(u8::try_from(input.kind.to_u32()).ok()?);
        Some(signature)
    }
}

fn push(script: &Script) -> ScriptBuf {
    pushes(&[script.to_bytes()])
}

fn pushes(stack: &[Vec<u8>]) -> ScriptBuf {
    let add = |builder: Builder, item: &Vec<u8>| match PushBytesBuf::try_from(item.clone()) {
        Ok(bytes) => builder.push_slice(bytes),
        // Longer than 4 GiB: cannot come out of a transaction.
        Err(_) => builder,
    };
    stack.iter().fold(Builder::new(), add).into_script()
}
