//! A whole network in one process, over the in-memory transport: honest nodes of ours, peers that lie, peers that fall
//! silent, and peers that come and go. Every choice comes from one seed; the order of events is the machine's.
//!
//! Used by the test `slow_network.rs`, the soak `slow_soak.rs` and the bench `network`.

pub(crate) mod liar;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod people;
pub(crate) mod tally;

/// The seed of this run: `PUMASI_SEED`, or always the same one.
pub(crate) fn seed() -> u64 {
    number("PUMASI_SEED", 20_261_126)
}

/// A whole number from the environment.
pub(crate) fn number<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
