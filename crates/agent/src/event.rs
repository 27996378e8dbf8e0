//! What a running peer tells its app. Events say what has happened and is durable; they are not replayed after a restart.

use pumasi_identity::Did;
use pumasi_ledger::TransferId;
use pumasi_transfer::Refusal;
use pumasi_units::Money;
use serde::Serialize;
use std::time::Duration;

/// Something happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A step on the way to somebody.
    Step {
        /// To whom.
        peer: Did,
        /// Which step.
        step: Step,
    },
    /// A link is up, and the other side has proved who it is.
    Connected {
        /// Who.
        peer: Did,
        /// Over which path.
        path: Path,
        /// How long it took, from the first step on.
        #[serde(serialize_with = "milliseconds", rename = "took_ms")]
        took: Duration,
    },
    /// A link is down. What was under way stays in the ledger.
    Disconnected {
        /// To whom.
        peer: Did,
        /// Why, for the log.
        reason: String,
    },
    /// An attempt to connect failed; another follows while something is under way.
    Unreachable {
        /// Who.
        peer: Did,
        /// Why.
        reason: String,
    },
    /// A payment has a new state.
    Payment {
        /// The transfer.
        id: TransferId,
        /// With whom.
        peer: Did,
        /// Its state.
        change: Change,
    },
    /// A contact has new keys, signed by its DID.
    KeysChanged {
        /// Whose.
        peer: Did,
    },
    /// Something that the owner should know, and that stopped nothing.
    Warning {
        /// About whom, where it is about somebody.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<Did>,
        /// What, for the log.
        text: String,
    },
}

/// The steps from a DID to an open link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Fetching the profile at hash(DID).
    LookingUp,
    /// Finding out the addresses of this machine.
    Gathering,
    /// Putting the offer into the mailbox.
    Offering,
    /// Waiting for the answer.
    Waiting,
    /// Trying pairs of addresses.
    Checking,
    /// DTLS.
    Securing,
    /// Proving the DIDs.
    Proving,
}

/// The path of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Path {
    /// `host`, `srflx`, `prflx` or `relay`.
    pub local: String,
    /// The same, of the other end.
    pub remote: String,
    /// `UDP`, `TCP` or `TLS`: how our own end is reached.
    pub transport: String,
    /// Whether a TURN server stands between.
    pub relayed: bool,
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// Mine: signed and written down; it leaves when the link is up.
    Queued,
    /// Mine: handed to the link.
    Sent,
    /// Mine: the payee has it and will decide.
    Received,
    /// Mine: its time is over, and the payee has not said what became of it.
    Expired,
    /// Mine: the payee took it and signed for it.
    Accepted {
        /// What I owe the payee after it, in smallest parts, by the payee's statement.
        owed: String,
    },
    /// Mine: the payee did not take it.
    Refused {
        /// The code of docs/spec/transfer.md.
        code: String,
        /// The payee's limit, where that is the reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<Money>,
        /// What was left of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        available: Option<Money>,
    },
    /// To me: a person has to decide.
    Asked {
        /// How much.
        money: Money,
        /// What for.
        memo: String,
    },
    /// To me: taken into the ledger.
    Taken {
        /// How much.
        money: Money,
        /// What for.
        memo: String,
    },
    /// To me: not taken.
    TurnedDown {
        /// The code of docs/spec/transfer.md.
        code: String,
        /// The payer's limit, where that is the reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<Money>,
        /// What was left of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        available: Option<Money>,
    },
    /// To me: the payer has signed for my result.
    Countersigned,
    /// Both have signed different balances, with nothing under way. Nothing was changed.
    BalanceDiffers {
        /// What the payer owes by the other's statement, in smallest parts.
        theirs: String,
        /// By this ledger.
        ours: String,
    },
    /// The other side signed two histories; the proof is in the ledger.
    Forked,
}

impl Change {
    /// Whether nothing more will happen to the payment, as its payer sees it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Refused { .. })
    }

    pub(crate) fn of(event: pumasi_transfer::Event) -> Option<Self> {
        use pumasi_transfer::Event as Transfer;
        Some(match event {
            Transfer::Queued => Self::Queued,
            Transfer::Sent => Self::Sent,
            Transfer::Received => Self::Received,
            Transfer::Expired => Self::Expired,
            Transfer::Accepted { balance } => Self::Accepted { owed: balance.amount.to_string() },
            Transfer::Refused(refusal) => {
                let (code, limit, available) = figures(refusal);
                Self::Refused { code, limit, available }
            }
            Transfer::Asked { money, memo } => Self::Asked { money, memo },
            Transfer::Taken { money, memo } => Self::Taken { money, memo },
            Transfer::TurnedDown(refusal) => {
                let (code, limit, available) = figures(refusal);
                Self::TurnedDown { code, limit, available }
            }
            Transfer::Countersigned => Self::Countersigned,
            Transfer::BalanceDiffers { theirs, ours } => {
                Self::BalanceDiffers { theirs: theirs.amount.to_string(), ours: ours.amount.to_string() }
            }
            Transfer::Forked(_) => Self::Forked,
            _ => return None,
        })
    }
}

/// The code of a refusal, and the figures that come with some.
fn figures(refusal: Refusal) -> (String, Option<Money>, Option<Money>) {
    let code = refusal.code().to_owned();
    match refusal {
        Refusal::OverLimit { limit, available } => (code, Some(limit), Some(available)),
        _ => (code, None, None),
    }
}

fn milliseconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((took.as_secs_f64() * 1e6).round() / 1e3)
}
