//! How somebody kept to what was agreed, read from the own ledger: nothing that others say is in it.

use pumasi_units::{Millis, Timestamp};
use serde::Serialize;

/// One thing that happened between the reader and somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// I asked them for a payment.
    Asked {
        /// When.
        at: Timestamp,
        /// Until when it could be paid.
        due: Timestamp,
        /// When their payment of it was taken into my ledger, if it was.
        paid: Option<Timestamp>,
    },
    /// They paid me, and I took it.
    PaidMe {
        /// When.
        at: Timestamp,
    },
    /// They took a payment of mine and signed for it.
    TookMine {
        /// When I signed it.
        sent: Timestamp,
        /// When their receipt came.
        signed: Timestamp,
    },
}

/// The deeds, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct History {
    /// Requests that they paid while they could be paid.
    pub on_time: u32,
    /// The median time from request to payment, in milliseconds; 0 without any.
    pub median_wait: Millis,
    /// Requests that named them and ended unpaid.
    pub unpaid: u32,
    /// Payments of theirs that I took.
    pub paid_me: u32,
    /// Payments of mine that they signed for.
    pub took_mine: u32,
    /// When the first and the last of the payments was settled.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl History {
    /// Counts; what is still open at this time does not count. The order of the deeds does not matter.
    #[must_use]
    pub fn of(deeds: impl IntoIterator<Item = Deed>, now: Timestamp) -> Self {
        let mut history = Self::default();
        let mut waits = Vec::new();
        for deed in deeds {
            let settled = match deed {
                Deed::Asked { at, paid: Some(paid), .. } => {
                    history.on_time = history.on_time.saturating_add(1);
                    waits.push(paid.since(at));
                    None
                }
                Deed::Asked { due, paid: None, .. } => {
                    history.unpaid = history.unpaid.saturating_add(u32::from(due < now));
                    None
                }
                Deed::PaidMe { at } => {
                    history.paid_me = history.paid_me.saturating_add(1);
                    Some(at)
                }
                Deed::TookMine { signed, .. } => {
                    history.took_mine = history.took_mine.saturating_add(1);
                    Some(signed)
                }
            };
            if let Some(at) = settled {
                let (first, last) = history.span.unwrap_or((at, at));
                history.span = Some((first.min(at), last.max(at)));
            }
        }
        waits.sort_unstable();
        history.median_wait = waits.get(waits.len() / 2).copied().unwrap_or(0);
        history
    }
}
