use pumasi_units::Timestamp;

/// What a checked entry of a set says of itself: sets are keys of the DHT under which many people each keep an entry
/// (`docs/spec/overlay.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryFacts {
    /// Which entry under its key: of two with one name the later replaces the earlier.
    pub name: [u8; 32],
    /// Of two with one name the higher is the later.
    pub sequence: u64,
    /// From when on nobody keeps it.
    pub expires: Timestamp,
    /// Who stays when a key is full; more is better.
    pub rank: u64,
}
