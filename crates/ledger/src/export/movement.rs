use super::Document;
use crate::{Body, Outcome, TransferId};
use pumasi_identity::Did;
use pumasi_units::{Money, Timestamp};
use std::collections::HashMap;

/// Whom a transfer goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Sent,
    Received,
}

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Accepted,
    Refused,
}

/// One transfer, as its entries tell it.
#[derive(Debug)]
pub(super) struct Movement<'a> {
    /// Number of the entry that began it.
    pub(super) entry: u64,
    /// When it began to count, or else when it was written.
    pub(super) at: Timestamp,
    pub(super) id: &'a TransferId,
    pub(super) peer: &'a Did,
    pub(super) direction: Direction,
    pub(super) money: &'a Money,
    pub(super) memo: &'a str,
    pub(super) status: Status,
}

/// Every transfer, in the order of the entries that began them.
pub(super) fn movements(document: &Document) -> Vec<Movement<'_>> {
    let mut all = Vec::new();
    let mut open = HashMap::new();
    for entry in document.entries() {
        let (sequence, at) = (entry.sequence, entry.at);
        match &entry.body {
            Body::Outgoing { id, peer, money, memo, .. } => {
                open.insert((peer, id), all.len());
                let (direction, status) = (Direction::Sent, Status::Pending);
                all.push(Movement { entry: sequence, at, id, peer, direction, money, memo, status });
            }
            Body::Incoming { id, peer, money, memo, .. } => {
                let (direction, status) = (Direction::Received, Status::Accepted);
                all.push(Movement { entry: sequence, at, id, peer, direction, money, memo, status });
            }
            Body::Outcome { id, peer, outcome, .. } => {
                if let Some(index) = open.remove(&(peer, id)) {
                    let movement: &mut Movement<'_> = &mut all[index];
                    movement.at = at;
                    movement.status = match outcome {
                        Outcome::Accepted => Status::Accepted,
                        Outcome::Refused { .. } => Status::Refused,
                    };
                }
            }
            Body::Opened { .. } | Body::Countersigned { .. } | Body::Limit { .. } | Body::Restored { .. } => {}
        }
    }
    all
}

/// The amount as accounting programs read it: no separators, all decimals, no unit.
pub(super) fn decimal(minor: i128, decimals: u8) -> String {
    let scale = 10_u128.pow(u32::from(decimals));
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, fraction) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    if decimals == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction:0width$}", width = usize::from(decimals))
    }
}
