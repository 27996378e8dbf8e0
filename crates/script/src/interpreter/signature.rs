//! Opcodes that check signatures.

use super::find_and_delete::{Push, find_and_delete};
use super::machine::Machine;
use super::stack::Item;
use crate::encoding::{check_key_encoding, check_signature_encoding};
use crate::{Flags, ScriptError, SigVersion};
use std::borrow::Cow;

/// Keys of one multisig.
const MAX_PUBKEYS_PER_MULTISIG: usize = 20;
/// Weight that a signature takes in tapscript (BIP342).
const VALIDATION_WEIGHT_PER_SIGOP_PASSED: i64 = 50;

impl Machine<'_, '_> {
    /// `(signature key -- valid)`
    pub(super) fn check_sig(&mut self) -> Result<(), ScriptError> {
        self.stack.require(2)?;
        let valid = self.is_signed(1)?;
        self.replace(2, Item::bool(valid))
    }

    /// `(signature number key -- number)`
    pub(super) fn check_sig_add(&mut self) -> Result<(), ScriptError> {
        if self.context.version != SigVersion::Tapscript {
            return Err(ScriptError::BadOpcode);
        }
        self.stack.require(3)?;
        let number = self.number(1)?;
        let valid = self.is_signed(2)?;
        self.replace(3, Item::number(number + i64::from(valid)))
    }

    /// Checks the signature so far below the top against the key on the top.
    fn is_signed(&mut self, depth: usize) -> Result<bool, ScriptError> {
        if self.context.version == SigVersion::Tapscript {
            self.is_signed_schnorr(depth)
        } else {
            self.is_signed_ecdsa(depth)
        }
    }

    fn is_signed_ecdsa(&self, depth: usize) -> Result<bool, ScriptError> {
        let (signature, key) = (self.stack.peek(depth)?.as_bytes(), self.stack.peek(0)?.as_bytes());
        let mut code = Cow::Borrowed(&self.script[self.code_begin..]);
        self.drop_signature(&mut code, signature)?;
        check_signature_encoding(signature, self.context.flags)?;
        check_key_encoding(key, self.context.flags, self.context.version)?;
        let valid = self.context.checker.check_ecdsa(signature, key, &code, self.context.version);
        if !valid && !signature.is_empty() && self.has(Flags::NULLFAIL) {
            return Err(ScriptError::SigNullFail);
        }
        Ok(valid)
    }

    /// The order of these checks is consensus (BIP342).
    fn is_signed_schnorr(&mut self, depth: usize) -> Result<bool, ScriptError> {
        let signed = !self.stack.peek(depth)?.as_bytes().is_empty();
        if signed {
            self.data.weight_left -= VALIDATION_WEIGHT_PER_SIGOP_PASSED;
            if self.data.weight_left < 0 {
                return Err(ScriptError::TapscriptValidationWeight);
            }
        }
        let (signature, key) = (self.stack.peek(depth)?.as_bytes(), self.stack.peek(0)?.as_bytes());
        if key.is_empty() {
            return Err(ScriptError::TapscriptEmptyPubkey);
        }
        match key.try_into() {
            Ok(key) if signed => self.context.checker.check_schnorr(signature, key, self.data)?,
            Ok(_) => {}
            // A key of an unknown version is valid with any signature.
            Err(_) if self.has(Flags::DISCOURAGE_UPGRADABLE_PUBKEYTYPE) => {
                return Err(ScriptError::DiscourageUpgradablePubkeyType);
            }
            Err(_) => {}
        }
        Ok(signed)
    }

    /// `(dummy signature… count key… count -- valid)`
    ///
    /// Signatures must be in the order of the keys. Both are taken from the top, so from the last to the first.
    pub(super) fn check_multisig(&mut self) -> Result<(), ScriptError> {
        if self.context.version == SigVersion::Tapscript {
            return Err(ScriptError::TapscriptCheckMultisig);
        }
        let keys = usize::try_from(self.number(0)?).map_err(|_| ScriptError::PubkeyCount)?;
        if keys > MAX_PUBKEYS_PER_MULTISIG {
            return Err(ScriptError::PubkeyCount);
        }
        self.count_ops(keys)?;
        let first_key = 1;
        let signature_count = first_key + keys;
        let signatures = usize::try_from(self.number(signature_count)?).map_err(|_| ScriptError::SigCount)?;
        if signatures > keys {
            return Err(ScriptError::SigCount);
        }
        let first_signature = signature_count + 1;
        let dummy = first_signature + signatures;
        self.stack.require(dummy + 1)?;

        let valid = self.is_multisigned(first_key, keys, first_signature, signatures)?;
        if !valid && self.has(Flags::NULLFAIL) {
            for depth in first_signature..dummy {
                if !self.stack.peek(depth)?.as_bytes().is_empty() {
                    return Err(ScriptError::SigNullFail);
                }
            }
        }
        // One item too many is taken since 2009; that it be empty is a rule since BIP147.
        if self.has(Flags::NULLDUMMY) && !self.stack.peek(dummy)?.as_bytes().is_empty() {
            return Err(ScriptError::SigNullDummy);
        }
        self.replace(dummy + 1, Item::bool(valid))
    }

    fn is_multisigned(
        &self,
        mut key: usize,
        mut keys: usize,
        mut signature: usize,
        mut signatures: usize,
    ) -> Result<bool, ScriptError> {
        let mut code = Cow::Borrowed(&self.script[self.code_begin..]);
        for depth in signature..signature + signatures {
            self.drop_signature(&mut code, self.stack.peek(depth)?.as_bytes())?;
        }
        while signatures > 0 {
            // More signatures than keys are left: one of them has none.
            if signatures > keys {
                return Ok(false);
            }
            let (signature_bytes, key_bytes) =
                (self.stack.peek(signature)?.as_bytes(), self.stack.peek(key)?.as_bytes());
            check_signature_encoding(signature_bytes, self.context.flags)?;
            check_key_encoding(key_bytes, self.context.flags, self.context.version)?;
            if self.context.checker.check_ecdsa(signature_bytes, key_bytes, &code, self.context.version) {
                signature += 1;
                signatures -= 1;
            }
            key += 1;
            keys -= 1;
        }
        Ok(true)
    }

    /// Takes a signature out of the code that it signs, where there is no witness.
    fn drop_signature(&self, code: &mut Cow<'_, [u8]>, signature: &[u8]) -> Result<(), ScriptError> {
        if self.context.version != SigVersion::Base {
            return Ok(());
        }
        let Some(without) = find_and_delete(code, &Push::of(signature)) else { return Ok(()) };
        if self.has(Flags::CONST_SCRIPTCODE) {
            return Err(ScriptError::SigFindAndDelete);
        }
        *code = Cow::Owned(without);
        Ok(())
    }
}
