use crate::Problem;
use pumasi_fetch::FetchError;
use pumasi_identity::{Did, ProfileError, SignedProfile};
use pumasi_signaling::RecordError;
use pumasi_units::Timestamp;

/// What one gateway said, against what the others said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It gave the record that is believed.
    Agreed,
    /// It gave an older one, well signed: it holds back the newest, or has not heard of it yet.
    Lagged {
        /// The sequence of what it gave.
        sequence: u64,
        /// The highest that another gave.
        newest: u64,
    },
    /// It gave another record with the same sequence, well signed. Then it is the signer who contradicts itself.
    Forked {
        /// The sequence of both.
        sequence: u64,
    },
    /// It gave what the signer never signed.
    Lied(Lie),
    /// It gave a record whose time is over.
    Expired {
        /// When it was over.
        expires: Timestamp,
    },
    /// It gave a well-formed one that by our clock is not of now: one of the clocks is wrong.
    Untimely {
        /// What is wrong with its times.
        reason: String,
    },
    /// It says that there is none. Where others have one it holds it back, or has not heard of it yet.
    Absent,
    /// It has taken what was put.
    Stored {
        /// The nodes of the overlay that have it beside it.
        nodes: usize,
    },
    /// It refused.
    Refused(Problem),
    /// Nothing could be got from it.
    Failed(FetchError),
}

impl Verdict {
    /// Whether it served something that it cannot have from the signer.
    #[must_use]
    pub fn is_lie(&self) -> bool {
        matches!(self, Self::Lied(_))
    }
}

/// How a gateway's record is known to be none of the signer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lie {
    /// A profile whose form or signature is wrong.
    #[error("{0}")]
    Profile(ProfileError),
    /// A profile of somebody else.
    #[error("profile: of {0}, who was not asked for")]
    OtherDid(Did),
    /// A mailbox record whose form or signature is wrong, or that belongs elsewhere.
    #[error("{0}")]
    Mailbox(RecordError),
}

/// A gateway and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its address.
    pub url: String,
    /// What it said.
    pub verdict: Verdict,
}

/// A profile, and who said what about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileReport {
    /// The valid one with the highest sequence, if any gateway gave one.
    pub profile: Option<SignedProfile>,
    /// Every gateway that was asked, in the order in which they were named.
    pub witnesses: Vec<Witness>,
}

/// The records of a mailbox slot, and who said what about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxReport {
    /// The valid ones, each once, the newest first.
    pub records: Vec<Vec<u8>>,
    /// Every gateway that was asked, in the order in which they were named.
    pub witnesses: Vec<Witness>,
}

/// Who took a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutReport {
    /// Every gateway that was asked, in the order in which they were named.
    pub witnesses: Vec<Witness>,
}

impl PutReport {
    /// Gateways that have it.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.witnesses.iter().filter(|witness| matches!(witness.verdict, Verdict::Stored { .. })).count()
    }
}

/// How many agree, and who does not.
macro_rules! counted {
    ($($report:ty),*) => {$(
        impl $report {
            /// Gateways that gave what is believed. One alone may hold back a newer one; two are harder to bring to it.
            #[must_use]
            pub fn agreed(&self) -> usize {
                self.witnesses.iter().filter(|witness| witness.verdict == Verdict::Agreed).count()
            }

            /// Gateways that gave something forged.
            pub fn liars(&self) -> impl Iterator<Item = &Witness> {
                self.witnesses.iter().filter(|witness| witness.verdict.is_lie())
            }

            /// Gateways that gave something old.
            pub fn laggards(&self) -> impl Iterator<Item = &Witness> {
                self.witnesses
                    .iter()
                    .filter(|witness| matches!(witness.verdict, Verdict::Lagged { .. } | Verdict::Expired { .. }))
            }
        }
    )*};
}
counted!(ProfileReport, MailboxReport);
