//! The bounds of everything that a stranger can have a directory keep (spec: `docs/spec/directory.md` §2).

use pumasi_units::Millis;

/// The longest signed operation, in bytes of compact JWS.
pub const MAX_OPERATION: usize = 10_240;
/// The longest name of a listing, in characters.
pub const MAX_NAME: usize = 64;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 500;
/// Most categories of one listing.
pub const MAX_CATEGORIES: usize = 8;
/// The longest category, in characters.
pub const MAX_CATEGORY: usize = 32;
/// Most bootstrap nodes of one listing.
pub const MAX_NODES: usize = 8;
/// The longest address of a bootstrap node or service endpoint, in bytes.
pub const MAX_ADDRESS: usize = 256;
/// The longest stamp, in bytes.
pub const MAX_STAMP: usize = pumasi_crypto::stamp::MAX_LENGTH;
/// The highest sequence: 2^53 - 1, what every JSON reader keeps exact.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;
/// The longest life of a listing, in milliseconds: 30 days.
pub const MAX_LIFE: Millis = 30 * 24 * 60 * 60 * 1_000;
/// The shortest life, in milliseconds: one minute.
pub const MIN_LIFE: Millis = 60 * 1_000;
/// How far the clocks of client and directory may differ, in milliseconds: five minutes.
pub const CLOCK_SKEW: Millis = 5 * 60 * 1_000;
/// How old an operation may be when it is handed in, in milliseconds: ten minutes. Mirrors take older ones.
pub const MAX_AGE: Millis = 10 * 60 * 1_000;
/// The hardest stamp that our client makes, in bits: a directory that wants more is not obeyed.
pub const MAX_DIFFICULTY: u8 = 24;
/// The stamp that a directory wants unless told otherwise, in bits: 10 to 30 ms natively, 100 ms in a browser.
pub const DEFAULT_DIFFICULTY: u8 = 16;
/// The longest search query, in characters.
pub const MAX_QUERY: usize = 100;
/// Most words of a query.
pub const MAX_WORDS: usize = 8;
/// Most results on one page.
pub const MAX_PAGE: u32 = 100;
/// Results on a page unless told otherwise.
pub const DEFAULT_PAGE: u32 = 20;
/// Most operations in one answer of `/export`.
pub const MAX_EXPORT: u32 = 1_000;
/// Most categories in one answer of `/categories`.
pub const MAX_LISTED_CATEGORIES: u32 = 1_000;
