use crate::store::Space;
use crate::{Head, TransferId};
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_units::Unit;

/// Which signed document of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The payer's transfer.
    Transfer,
    /// The payee's result.
    Result,
    /// The payer's acknowledgement of the result.
    Acknowledgement,
}

/// Something that is not as it should be, and from where it is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The sealed head does not open, or is not the one that the store counts by.
    #[error("the ledger's head was changed")]
    HeadChanged,
    /// Entries at the end are gone.
    #[error("the head says {expected} entries, {found} are there: {} at the end are missing", expected - found)]
    TailMissing {
        /// How many the head says.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// There are entries after the head.
    #[error("entry {entry} comes after the head, which is at {head}")]
    BeyondHead {
        /// The entry.
        entry: u64,
        /// The head's number.
        head: u64,
    },
    /// Entries in the middle are gone.
    #[error("entries {first} to {last} are missing")]
    Gap {
        /// The first that is missing.
        first: u64,
        /// The last that is missing.
        last: u64,
    },
    /// An entry's bytes were changed: the token does not open.
    #[error("entry {entry} was changed: it does not open")]
    Changed {
        /// The entry.
        entry: u64,
    },
    /// An entry opens but is not what an entry may be.
    #[error("entry {entry} is not an entry: {problem}")]
    Malformed {
        /// The entry.
        entry: u64,
        /// What is wrong.
        problem: String,
    },
    /// An entry stands in another's place.
    #[error("at the place of entry {place} there is entry {holds}")]
    Misplaced {
        /// The place.
        place: u64,
        /// The number that the entry there has.
        holds: u64,
    },
    /// An entry does not follow the one before it.
    #[error("entry {entry} does not follow the entry before it")]
    Unlinked {
        /// The entry.
        entry: u64,
    },
    /// The last entry is not the one that the head says.
    #[error("entry {entry} is not the one that the head says")]
    OtherHead {
        /// The entry.
        entry: u64,
    },
    /// A record's bytes were changed, or it stands in another's place.
    #[error("a record of kind {space:?} was changed")]
    RecordChanged {
        /// Which kind.
        space: Space,
    },
    /// The head marker beside the ledger is ahead: the ledger was put back from an old copy.
    #[error("this ledger is an old copy: it ends at entry {}, generation {generation}; entry {}, generation {marked_generation}, was written before", head.sequence, marked.sequence)]
    OldCopy {
        /// Where the ledger ends.
        head: Head,
        /// Its generation.
        generation: u64,
        /// Where it ended once.
        marked: Head,
        /// The generation then.
        marked_generation: u64,
    },
    /// The head marker is of another ledger, or was changed.
    #[error("the head marker beside the ledger was changed or is another ledger's")]
    MarkerChanged,
    /// A document that a peer signed quotes a later head of mine than there is.
    #[error("{} signed that my ledger was at entry {}; it ends at entry {have}", witness.short(), quoted.sequence)]
    RolledBack {
        /// Who signed it.
        witness: Did,
        /// The entry with the document; `None` when it came from outside.
        entry: Option<u64>,
        /// My head as quoted.
        quoted: Head,
        /// Number of my last entry.
        have: u64,
    },
    /// A document that a peer signed quotes another hash for an entry of mine.
    #[error("{} signed another hash for my entry {}: the ledger was rewritten or forked", witness.short(), quoted.sequence)]
    Rewritten {
        /// Who signed it.
        witness: Did,
        /// The entry with the document; `None` when it came from outside.
        entry: Option<u64>,
        /// My head as quoted.
        quoted: Head,
        /// The hash that my entry has.
        mine: Digest,
    },
    /// A peer signed two documents that put different things at one place of its own ledger.
    #[error("{} forked its ledger at entry {sequence}: entries {first} and {second} hold the two signatures", peer.short())]
    Fork {
        /// Whose ledger is forked.
        peer: Did,
        /// At which entry of its ledger.
        sequence: u64,
        /// My entry with one document.
        first: u64,
        /// My entry with the other.
        second: u64,
    },
    /// A document's signature does not verify.
    #[error("entry {entry}: the signature of the {part:?} does not verify: {problem}")]
    BadSignature {
        /// The entry.
        entry: u64,
        /// Which document.
        part: Part,
        /// Why.
        problem: String,
    },
    /// A document is signed by somebody else than the entry says.
    #[error("entry {entry}: the {part:?} is signed by {}, not by {}", found.short(), expected.short())]
    WrongSigner {
        /// The entry.
        entry: u64,
        /// Which document.
        part: Part,
        /// Who should have signed.
        expected: Did,
        /// Who did.
        found: Did,
    },
    /// A document belongs to another transfer.
    #[error("entry {entry}: the {part:?} is about transfer {found}, not {expected}")]
    OtherTransfer {
        /// The entry.
        entry: u64,
        /// Which document.
        part: Part,
        /// The transfer that the entry is about.
        expected: TransferId,
        /// The transfer that the document is about.
        found: TransferId,
    },
    /// A document says something else than its entry.
    #[error("entry {entry}: the {part:?} has another {field} than the entry")]
    Contradicts {
        /// The entry.
        entry: u64,
        /// Which document.
        part: Part,
        /// Which field.
        field: &'static str,
    },
    /// An entry refers to a transfer that no entry before it opened, or settles one twice.
    #[error("entry {entry}: no entry before it opens transfer {transfer}, or it is settled already")]
    Unmatched {
        /// The entry.
        entry: u64,
        /// The transfer.
        transfer: TransferId,
    },
    /// The kept balance is not what the entries add up to.
    #[error("the account with {} in {unit} says {kept}, the entries add up to {replayed}", peer.short())]
    AccountChanged {
        /// With whom.
        peer: Did,
        /// In which unit.
        unit: Unit,
        /// The kept balance: what the peer owes me.
        kept: i128,
        /// The balance that follows from the entries.
        replayed: i128,
    },
    /// The peer signed another balance, and nothing that was under way explains it.
    #[error("entry {entry}: {} signed a balance of {theirs} {unit}, mine is {mine}", peer.short())]
    BalanceDiffers {
        /// The entry with the peer's signature.
        entry: u64,
        /// With whom.
        peer: Did,
        /// In which unit.
        unit: Unit,
        /// What the peer owes me by my entries.
        mine: i128,
        /// What the peer owes me by what it signed.
        theirs: i128,
    },
}
