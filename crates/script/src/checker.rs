//! What a script asks about the transaction that it is part of.

use crate::ScriptError;
use crate::cache::{CacheUse, SigCache};
use crate::encoding::parse_signature;
use crate::sighash::{self, Engine, HashKind};
use crate::tx::PrecomputedTx;
use bitcoin::locktime::absolute::LOCK_TIME_THRESHOLD;
use bitcoin::secp256k1::{Message, PublicKey, Secp256k1, VerifyOnly, XOnlyPublicKey, schnorr};
use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

/// One context for all: verification needs nothing of its own in it.
pub(crate) static SECP: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// Under which rules a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigVersion {
    /// Without witness: bare scripts and P2SH.
    Base,
    /// Witness version 0 (BIP141).
    WitnessV0,
    /// Witness version 1 (BIP342).
    Tapscript,
}

/// Where a taproot input runs, which its signatures sign beside the transaction (Core's `ScriptExecutionData`; BIP341, BIP342).
#[derive(Debug, Clone)]
pub struct ExecutionData {
    /// The hash of the leaf that runs; none for a signature by the output's own key.
    pub leaf_hash: Option<[u8; 32]>,
    /// The number of the last `OP_CODESEPARATOR` that ran, counted in opcodes; `0xffff_ffff` if none did.
    pub code_separator: u32,
    /// The hash of the annex with its length in front, if there is one.
    pub annex_hash: Option<[u8; 32]>,
    /// How much weight is left for signatures in a leaf; each takes 50. This is not signed.
    pub weight_left: i64,
}

impl Default for ExecutionData {
    fn default() -> Self {
        Self { leaf_hash: None, code_separator: u32::MAX, annex_hash: None, weight_left: 0 }
    }
}

/// What a script asks about the transaction that it is part of (Core's `BaseSignatureChecker`).
pub trait SignatureChecker {
    /// Whether `signature`, with its hash type as the last byte, is by `key` over the transaction with `script_code`.
    fn check_ecdsa(&self, signature: &[u8], key: &[u8], script_code: &[u8], version: SigVersion) -> bool;

    /// Checks a taproot signature of 64 bytes, or of 65 with a hash type.
    ///
    /// # Errors
    ///
    /// [`ScriptError::SchnorrSigSize`], [`ScriptError::SchnorrSigHashType`], [`ScriptError::SchnorrSig`].
    fn check_schnorr(&self, signature: &[u8], key: &[u8; 32], data: &ExecutionData) -> Result<(), ScriptError>;

    /// Whether the lock time of the transaction has at least this value (BIP65).
    fn check_lock_time(&self, lock_time: i64) -> bool;

    /// Whether the sequence of the input has at least this value (BIP112).
    fn check_sequence(&self, sequence: i64) -> bool;
}

/// A hash before its last four bytes, with the code that it is for.
struct State {
    kind: HashKind,
    code: Vec<u8>,
    engine: Engine,
}

/// Answers for one input of a transaction.
pub struct TransactionChecker<'a> {
    tx: &'a PrecomputedTx<'a>,
    input: usize,
    cache: Option<(&'a SigCache, CacheUse)>,
    /// At most one for each kind of hash, since a multisig asks for the same again and again.
    states: RefCell<Vec<State>>,
    single_output: Cell<Option<[u8; 32]>>,
}

impl<'a> TransactionChecker<'a> {
    /// For this input of this transaction.
    ///
    /// # Panics
    ///
    /// If the transaction has no such input.
    pub fn new(tx: &'a PrecomputedTx<'a>, input: usize) -> Self {
        assert!(input < tx.tx().input.len(), "an input of the transaction");
        Self { tx, input, cache: None, states: RefCell::default(), single_output: Cell::new(None) }
    }

    /// The same, which looks first into a cache of signatures.
    #[must_use]
    pub fn with_cache(mut self, cache: &'a SigCache, usage: CacheUse) -> Self {
        self.cache = Some((cache, usage));
        self
    }

    /// What a signature before taproot signs.
    fn sighash(&self, script_code: &[u8], hash_type: u32, version: SigVersion) -> [u8; 32] {
        let mut states = self.states.borrow_mut();
        let kind = HashKind::of(hash_type);
        let known = states.iter().position(|state| state.kind == kind);
        if let Some(state) = known.map(|index| &states[index]).filter(|state| state.code == script_code) {
            return sighash::finish(state.engine.clone(), hash_type);
        }
        let engine = if version == SigVersion::WitnessV0 {
            let amount = self.tx.spent()[self.input].value;
            self.tx.segwit_midstate(self.input, script_code, amount, hash_type)
        } else {
            let Some(engine) = self.tx.legacy_midstate(self.input, script_code, hash_type) else {
                return sighash::ONE;
            };
            engine
        };
        let state = State { kind, code: script_code.to_vec(), engine: engine.clone() };
        match known {
            Some(index) => states[index] = state,
            None => states.push(state),
        }
        sighash::finish(engine, hash_type)
    }

    fn cached(&self, entry: impl FnOnce(&SigCache) -> [u8; 32], verify: impl FnOnce() -> bool) -> bool {
        let Some((cache, usage)) = self.cache else { return verify() };
        let entry = entry(cache);
        if cache.look_up(&entry, usage) {
            return true;
        }
        let valid = verify();
        if valid && usage == CacheUse::Keep {
            cache.insert(&entry);
        }
        valid
    }
}

impl SignatureChecker for TransactionChecker<'_> {
    fn check_ecdsa(&self, signature: &[u8], key: &[u8], script_code: &[u8], version: SigVersion) -> bool {
        let Some((hash_type, der)) = signature.split_last() else { return false };
        if !has_key_length(key) {
            return false;
        }
        let sighash = self.sighash(script_code, u32::from(*hash_type), version);
        let verify = || {
            let Ok(key) = PublicKey::from_slice(key) else { return false };
            let Some(signature) = parse_signature(der) else { return false };
            SECP.verify_ecdsa(&Message::from_digest(sighash), &signature, &key).is_ok()
        };
        self.cached(|cache| cache.ecdsa_entry(&sighash, key, der), verify)
    }

    fn check_schnorr(&self, signature: &[u8], key: &[u8; 32], data: &ExecutionData) -> Result<(), ScriptError> {
        let (signature, hash_type) = match signature.len() {
            64 => (signature, 0),
            // The default is said by leaving it out.
            65 if signature[64] == 0 => return Err(ScriptError::SchnorrSigHashType),
            65 => (&signature[..64], signature[64]),
            _ => return Err(ScriptError::SchnorrSigSize),
        };
        let mut single_output = self.single_output.get();
        let sighash = self.tx.taproot_sighash_with(self.input, hash_type, data, &mut single_output);
        self.single_output.set(single_output);
        let sighash = sighash.ok_or(ScriptError::SchnorrSigHashType)?;
        let verify = || {
            let Ok(key) = XOnlyPublicKey::from_slice(key) else { return false };
            let Ok(signature) = schnorr::Signature::from_slice(signature) else { return false };
            SECP.verify_schnorr(&signature, &Message::from_digest(sighash), &key).is_ok()
        };
        let valid = self.cached(|cache| cache.schnorr_entry(&sighash, key, signature), verify);
        if valid { Ok(()) } else { Err(ScriptError::SchnorrSig) }
    }

    fn check_lock_time(&self, lock_time: i64) -> bool {
        let own = self.tx.tx().lock_time.to_consensus_u32();
        let threshold = i64::from(LOCK_TIME_THRESHOLD);
        // Heights are compared with heights, times with times.
        let same_kind = (i64::from(own) < threshold) == (lock_time < threshold);
        // An input that is final switches the lock time of its transaction off.
        same_kind && lock_time <= i64::from(own) && self.tx.tx().input[self.input].sequence.enables_absolute_lock_time()
    }

    fn check_sequence(&self, sequence: i64) -> bool {
        const DISABLE: u32 = 1 << 31;
        const TIME: i64 = 1 << 22;
        const MASK: i64 = TIME | 0xffff;
        let own = self.tx.tx().input[self.input].sequence.to_consensus_u32();
        // A version is an unsigned number here, as in Core since 28.
        if self.tx.tx().version.0.cast_unsigned() < 2 || own & DISABLE != 0 {
            return false;
        }
        let (own, sequence) = (i64::from(own) & MASK, sequence & MASK);
        (own < TIME) == (sequence < TIME) && sequence <= own
    }
}

/// Whether a key is as long as its first byte says. The hybrid encoding (6, 7) is as good as any in consensus.
fn has_key_length(key: &[u8]) -> bool {
    match key.first() {
        Some(2 | 3) => key.len() == 33,
        Some(4 | 6 | 7) => key.len() == 65,
        _ => false,
    }
}
