//! How signatures and keys may be written.

use crate::{Flags, ScriptError, SigVersion};
use bitcoin::secp256k1::ecdsa::Signature;

/// Reads a signature as OpenSSL once did, since old blocks have such ones, and takes the lower of its two forms.
pub(crate) fn parse_signature(der: &[u8]) -> Option<Signature> {
    let mut signature = Signature::from_der_lax(der).ok()?;
    signature.normalize_s();
    Some(signature)
}

/// Checks the encoding of a signature with its hash type, as far as the flags ask for it.
pub(crate) fn check_signature_encoding(signature: &[u8], flags: Flags) -> Result<(), ScriptError> {
    // Empty is the short way to write a signature that is not valid.
    let Some(hash_type) = signature.last() else { return Ok(()) };
    if flags.intersects(Flags::DERSIG | Flags::LOW_S | Flags::STRICTENC) && !is_strict_der(signature) {
        return Err(ScriptError::SigDer);
    }
    if flags.contains(Flags::LOW_S) && !has_low_s(&signature[..signature.len() - 1]) {
        return Err(ScriptError::SigHighS);
    }
    if flags.contains(Flags::STRICTENC) && !matches!(hash_type & !0x80, 1..=3) {
        return Err(ScriptError::SigHashType);
    }
    Ok(())
}

/// Checks the encoding of a key, as far as the flags ask for it.
pub(crate) fn check_key_encoding(key: &[u8], flags: Flags, version: SigVersion) -> Result<(), ScriptError> {
    let compressed = matches!(key, [2 | 3, ..] if key.len() == 33);
    let uncompressed = matches!(key, [4, ..] if key.len() == 65);
    if flags.contains(Flags::STRICTENC) && !compressed && !uncompressed {
        return Err(ScriptError::PubkeyType);
    }
    if flags.contains(Flags::WITNESS_PUBKEYTYPE) && version == SigVersion::WitnessV0 && !compressed {
        return Err(ScriptError::WitnessPubkeyType);
    }
    Ok(())
}

/// Whether a signature is strict DER, followed by one byte of hash type (BIP66):
/// `30 <length> 02 <length of R> <R> 02 <length of S> <S> <hash type>`.
fn is_strict_der(signature: &[u8]) -> bool {
    let (9..=73, [0x30, total, 0x02, r_len, rest @ ..]) = (signature.len(), signature) else { return false };
    let Some((r, rest)) = rest.split_at_checked(usize::from(*r_len)) else { return false };
    let [0x02, s_len, rest @ ..] = rest else { return false };
    let Some((s, [_hash_type])) = rest.split_at_checked(usize::from(*s_len)) else { return false };
    usize::from(*total) == signature.len() - 3 && is_strict_integer(r) && is_strict_integer(s)
}

/// Not empty, not negative, and without a zero in front that is not needed.
fn is_strict_integer(bytes: &[u8]) -> bool {
    !matches!(bytes, [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..])
}

/// Whether S is in the lower half of the order. What is out of range is no signature, and low (as in libsecp256k1).
fn has_low_s(der: &[u8]) -> bool {
    let Ok(mut signature) = Signature::from_der_lax(der) else { return false };
    let before = signature;
    signature.normalize_s();
    before == signature
}
