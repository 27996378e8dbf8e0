//! Boxes that only one X25519 key opens: HPKE base mode (RFC 9180 §5.1.1, single shot), suite
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
//!
//! A box is `enc (32 bytes) ‖ ciphertext ‖ tag (16)`. It says nothing of who made it: sign inside.

use crate::hash::{hkdf_expand, hkdf_extract};
use crate::{CryptoError, Provider, x25519::EphemeralSecret};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use zeroize::Zeroizing;

/// How much longer a box is than what it holds, in bytes.
pub const OVERHEAD: usize = 32 + 16;

/// `"KEM" ‖ 0x0020` (RFC 9180 §4.1).
const KEM_SUITE: &[u8] = b"KEM\x00\x20";
/// `"HPKE" ‖ KEM 0x0020 ‖ KDF 0x0001 ‖ AEAD 0x0002` (RFC 9180 §5.1).
const HPKE_SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x02";
const MODE_BASE: u8 = 0;

/// Seals for the owner of an X25519 key. `random` is the ephemeral secret: fresh for every box.
/// `info` says what the box is for; it opens only with the same.
///
/// # Errors
/// [`CryptoError::Unverified`] when the recipient's key is of small order.
pub fn seal(random: [u8; 32], recipient: &[u8; 32], info: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let ephemeral = EphemeralSecret::from_random(random);
    let enc = ephemeral.public();
    let shared = ephemeral.agree(recipient)?;
    let schedule = KeySchedule::new(&shared, &enc, recipient, info);
    let sealed = schedule.cipher().encrypt(&schedule.nonce.into(), plaintext);
    let mut out = enc.to_vec();
    out.extend(sealed.map_err(|_| CryptoError::Platform("AES-GCM sealing"))?);
    Ok(out)
}

/// Opens a box with the recipient's private key.
///
/// # Errors
/// [`CryptoError::Malformed`] when it is shorter than [`OVERHEAD`], [`CryptoError::Unverified`] for another recipient,
/// another `info` or a changed byte.
pub async fn open<P: Provider>(
    provider: &P,
    key: &P::X25519Key,
    info: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let Some((enc, ciphertext)) = sealed.split_first_chunk::<32>().filter(|_| sealed.len() >= OVERHEAD) else {
        return Err(CryptoError::Malformed("sealed box"));
    };
    let shared = provider.x25519_agree(key, enc).await?;
    let schedule = KeySchedule::new(&shared, enc, &provider.x25519_public(key), info);
    let opened = schedule.cipher().decrypt(&schedule.nonce.into(), Payload::from(ciphertext));
    opened.map(Zeroizing::new).map_err(|_| CryptoError::Unverified("sealed box"))
}

/// What a single-shot box needs of RFC 9180 §5.1: the key, and the base nonce (the sequence number is zero).
struct KeySchedule {
    key: Zeroizing<[u8; 32]>,
    nonce: [u8; 12],
}

impl KeySchedule {
    fn new(dh: &[u8; 32], enc: &[u8; 32], recipient: &[u8; 32], info: &[u8]) -> Self {
        // ExtractAndExpand (§4.1) of the Diffie-Hellman result.
        let eae_prk = labeled_extract(KEM_SUITE, &[], "eae_prk", dh);
        let mut shared_secret = Zeroizing::new([0; 32]);
        let kem_context = [enc.as_slice(), recipient].concat();
        labeled_expand(KEM_SUITE, &eae_prk, "shared_secret", &kem_context, &mut *shared_secret);
        // KeySchedule (§5.1), base mode: no pre-shared key.
        let psk_id_hash = labeled_extract(HPKE_SUITE, &[], "psk_id_hash", &[]);
        let info_hash = labeled_extract(HPKE_SUITE, &[], "info_hash", info);
        let context = [&[MODE_BASE], psk_id_hash.as_slice(), info_hash.as_slice()].concat();
        let secret = labeled_extract(HPKE_SUITE, &*shared_secret, "secret", &[]);
        let mut schedule = Self { key: Zeroizing::new([0; 32]), nonce: [0; 12] };
        labeled_expand(HPKE_SUITE, &secret, "key", &context, &mut *schedule.key);
        labeled_expand(HPKE_SUITE, &secret, "base_nonce", &context, &mut schedule.nonce);
        schedule
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.key).into())
    }
}

/// RFC 9180 §4, `LabeledExtract`.
fn labeled_extract(suite: &[u8], salt: &[u8], label: &str, secret: &[u8]) -> Zeroizing<[u8; 32]> {
    hkdf_extract(salt, &[b"HPKE-v1", suite, label.as_bytes(), secret])
}

/// RFC 9180 §4, `LabeledExpand`.
fn labeled_expand(suite: &[u8], prk: &[u8; 32], label: &str, info: &[u8], out: &mut [u8]) {
    let len = u16::try_from(out.len()).expect("keys and nonces are short").to_be_bytes();
    hkdf_expand(prk, &[&len, b"HPKE-v1", suite, label.as_bytes(), info], out);
}
