//! Why somebody is trusted or not, one fact each.

use crate::history::History;
use crate::lie::LieKind;
use crate::vouch::Claim;
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::Serialize;

/// How two people made sure of each other's DID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Met and compared the emoji.
    Paired,
    /// Compared the safety number.
    Compared,
}

/// One reason. The order of the variants is the order in which they are told: what speaks against somebody first, then
/// what the reader knows alone, then what others say, then what is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// They signed two things that cannot both hold.
    Lied {
        /// Which.
        kind: LieKind,
    },
    /// Their keys changed, and nothing was compared since.
    KeysChanged {
        /// When.
        at: Timestamp,
    },
    /// I made sure that this is their DID.
    Verified {
        /// How.
        how: How,
        /// When.
        at: Timestamp,
    },
    /// Requests of mine that they did not pay while they could.
    Unpaid {
        /// How many.
        requests: u32,
    },
    /// Requests of mine that they paid in time.
    PaidOnTime {
        /// How many.
        requests: u32,
        /// The median time it took, in milliseconds.
        median: Millis,
    },
    /// Payments between us that both have signed.
    Settled {
        /// Theirs to me.
        received: u32,
        /// Mine to them.
        sent: u32,
        /// The first.
        first: Timestamp,
        /// The last.
        last: Timestamp,
    },
    /// A contact whom I verified took back what they had said.
    Withdrawn {
        /// Who.
        by: Did,
        /// When.
        at: Timestamp,
    },
    /// A contact whom I verified vouches for them.
    Vouched {
        /// Who.
        by: Did,
        /// For what.
        claims: Vec<Claim>,
        /// In their own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Somebody vouches for them whom a contact that I verified knows in person.
    VouchedThrough {
        /// The contact.
        contact: Did,
        /// Who vouches.
        by: Did,
        /// For what.
        claims: Vec<Claim>,
        /// In their own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// I took them at their word.
    TakenAtWord {
        /// Since when.
        since: Timestamp,
    },
    /// They are nobody that I know.
    Unknown,
}

impl Reason {
    pub(crate) fn of_history(history: &History) -> Vec<Self> {
        let mut reasons = Vec::new();
        if history.unpaid > 0 {
            reasons.push(Self::Unpaid { requests: history.unpaid });
        }
        if history.on_time > 0 {
            reasons.push(Self::PaidOnTime { requests: history.on_time, median: history.median_wait });
        }
        if let Some((first, last)) = history.span {
            reasons.push(Self::Settled { received: history.paid_me, sent: history.took_mine, first, last });
        }
        reasons
    }
}

/// In which group somebody with these reasons stands in a list, 0 first: verified, vouched for by a contact, vouched for by
/// a contact's contact, dealt with before, not known, lied or changed keys. It orders a list; it is shown to nobody.
#[must_use]
pub fn standing(reasons: &[Reason]) -> u8 {
    let has = |wanted: fn(&Reason) -> bool| reasons.iter().any(wanted);
    if has(|reason| matches!(reason, Reason::Lied { .. } | Reason::KeysChanged { .. })) {
        5
    } else if has(|reason| matches!(reason, Reason::Verified { .. })) {
        0
    } else if has(|reason| matches!(reason, Reason::Vouched { .. })) {
        1
    } else if has(|reason| matches!(reason, Reason::VouchedThrough { .. })) {
        2
    } else if has(|reason| matches!(reason, Reason::PaidOnTime { .. } | Reason::Settled { .. })) {
        3
    } else {
        4
    }
}
