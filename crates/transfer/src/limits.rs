//! Every bound of the protocol in one place (spec: `docs/spec/transfer.md` §2).

use pumasi_units::Millis;

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const DAY: Millis = 24 * 60 * MINUTE;

/// Longest memo, in characters (Unicode scalar values).
pub const MAX_MEMO_CHARS: usize = 256;
/// Longest signed message (compact JWS), in bytes.
pub const MAX_JWS_BYTES: usize = 8 * 1024;
/// Longest message on the link, in bytes: a signed transfer of the largest size, sealed.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// Longest `pumasi:request:` link, in bytes.
pub const MAX_LINK_BYTES: usize = 12 * 1024;
/// How far ahead of ours a peer's clock may be.
pub const CLOCK_SKEW: Millis = 5 * MINUTE;
/// Longest life of a transfer or a request.
pub const MAX_LIFETIME: Millis = 30 * DAY;
/// Life of a transfer for which nobody said anything else.
pub const DEFAULT_LIFETIME: Millis = DAY;
/// Transfers of one peer that we keep open (received, or refused and not yet forgotten) before we take no more.
pub const MAX_OPEN_PER_PEER: usize = 1_024;
/// First wait for an answer on a link that is up; it doubles until [`LAST_RETRY`].
pub const FIRST_RETRY: Millis = 2 * SECOND;
/// Longest wait between two repeats on a link that is up.
pub const LAST_RETRY: Millis = 60 * SECOND;
