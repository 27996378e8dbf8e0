//! The box that only the recipient opens: an HPKE box around the packed JWS, padded so that its length says little.

use super::message::{ACK_TYP, DIRECT_TYP, DirectError, MAX_STATEMENT, SignedAck, SignedDirect};
use crate::inbox::MAX_BOXED;
use miniz_oxide::{deflate, inflate};
use pumasi_crypto::{Provider, jose::Jws, sealed};
use pumasi_identity::Did;
use pumasi_units::Timestamp;

/// What the box is for: it does not open anywhere else.
pub const BOX_INFO: &[u8] = b"pumasi/1/direct\0";
/// Lengths are a multiple of this, as far as there is room.
const STEP: usize = 256;
const LEVEL: u8 = 9;

/// What was in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A message for me.
    Message(Box<SignedDirect>),
    /// Somebody has messages of mine.
    Ack(Box<SignedAck>),
}

/// `length of the packed text (2) ‖ raw DEFLATE of the JWS ‖ zeros`.
/// What [`seal_box`] seals.
///
/// # Errors
/// [`DirectError::TooLong`].
///
/// # Panics
/// Never: the limit is below 2^16.
pub fn pack(compact: &str) -> Result<Vec<u8>, DirectError> {
    let packed = deflate::compress_to_vec(compact.as_bytes(), LEVEL);
    let (len, limit) = (packed.len(), MAX_BOXED - 2);
    if len > limit {
        return Err(DirectError::TooLong { len, limit });
    }
    let mut out = u16::try_from(len).expect("shorter than an inbox entry").to_be_bytes().to_vec();
    out.extend(packed);
    out.resize(out.len().next_multiple_of(STEP).min(MAX_BOXED), 0);
    Ok(out)
}

fn unpack(padded: &[u8]) -> Option<String> {
    let (len, rest) = padded.split_first_chunk::<2>()?;
    let (packed, zeros) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    if zeros.iter().any(|byte| *byte != 0) {
        return None; // nothing is hidden in the padding
    }
    // Stops at the limit, so that a small box cannot grow to gigabytes here.
    String::from_utf8(inflate::decompress_to_vec_with_limit(packed, MAX_STATEMENT).ok()?).ok()
}

/// Seals a signed statement for the owner of an X25519 key. `random` must be fresh.
///
/// # Errors
/// [`DirectError::TooLong`]; [`DirectError::Sealed`] when the key is of small order.
pub fn seal_box(random: [u8; 32], recipient: &[u8; 32], compact: &str) -> Result<Vec<u8>, DirectError> {
    sealed::seal(random, recipient, BOX_INFO, &pack(compact)?).map_err(|_| DirectError::Sealed)
}

/// Opens a box and checks what is in it to the last.
///
/// # Errors
/// The [`DirectError`] that says what is wrong with it.
pub async fn open_box<P: Provider>(
    provider: &P,
    key: &P::X25519Key,
    me: &Did,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Said, DirectError> {
    if bytes.len() > MAX_BOXED + sealed::OVERHEAD {
        return Err(DirectError::TooLong { len: bytes.len(), limit: MAX_BOXED + sealed::OVERHEAD });
    }
    let padded = sealed::open(provider, key, BOX_INFO, bytes).await.map_err(|_| DirectError::Sealed)?;
    read_packed(&padded, me, now)
}

/// Checks what was in a box.
///
/// # Errors
/// The [`DirectError`] that says what is wrong with it.
pub fn read_packed(padded: &[u8], me: &Did, now: Timestamp) -> Result<Said, DirectError> {
    let compact = unpack(padded).ok_or(DirectError::Sealed)?;
    let typ = Jws::parse(&compact, MAX_STATEMENT).map(|jws| jws.typ().to_owned()).unwrap_or_default();
    match typ.as_str() {
        DIRECT_TYP => Ok(Said::Message(Box::new(SignedDirect::verify(&compact, me, now)?))),
        ACK_TYP => Ok(Said::Ack(Box::new(SignedAck::verify(&compact, me)?))),
        _ => Err(DirectError::Sealed),
    }
}
