//! What a running peer tells its app. Events say what has happened and is durable; they are not replayed after a restart.

use pumasi_identity::Did;
use pumasi_ledger::TransferId;
use pumasi_transfer::Refusal;
use pumasi_units::{Millis, Money};
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
        /// By which road, where the step is one of a road.
        #[serde(skip_serializing_if = "Option::is_none")]
        road: Option<Road>,
    },
    /// A link is up, and the other side has proved who it is.
    Connected {
        /// Who.
        peer: Did,
        /// By which road offer and answer went.
        road: Road,
        /// The node that relayed the stream; nothing where it went from node to node, and on the side that was called.
        #[serde(skip_serializing_if = "Option::is_none")]
        relay: Option<String>,
        /// Over which path.
        path: Path,
        /// How long it took, from the first step on.
        #[serde(serialize_with = "milliseconds", rename = "took_ms")]
        took: Duration,
        /// The other roads, and why it was none of them; nothing on the side that was called.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        others: Vec<Outrun>,
        /// What else was tried.
        #[serde(flatten)]
        report: Report,
    },
    /// A link is down. What was under way stays in the ledger.
    Disconnected {
        /// To whom.
        peer: Did,
        /// Why, for the log.
        reason: String,
    },
    /// One road is closed; the others go on.
    FellBack {
        /// To whom.
        peer: Did,
        /// The road that is closed.
        from: Road,
        /// The host of the endpoint, or the name of the node.
        host: String,
        /// Why.
        why: RoadClosed,
    },
    /// A stranger proved its DID, and is a contact from now on that nobody has verified.
    Met {
        /// Who.
        peer: Did,
        /// How they are called here.
        name: String,
    },
    /// An attempt to connect failed; another follows while something is under way.
    Unreachable {
        /// Who.
        peer: Did,
        /// Why.
        why: Unreached,
        /// Why, for the log.
        reason: String,
        /// How long it was tried.
        #[serde(serialize_with = "milliseconds", rename = "took_ms")]
        took: Duration,
        /// What was tried.
        #[serde(flatten)]
        report: Report,
        /// When the next attempt begins, in milliseconds from now; absent when nothing is under way.
        #[serde(skip_serializing_if = "Option::is_none", rename = "again_in_ms")]
        again_in: Option<Millis>,
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

/// How offer and answer travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Road {
    /// A stream of the overlay, to the node that speaks for the payee.
    Stream,
    /// The endpoint that the payee's profile names, over HTTPS.
    Endpoint,
    /// The sealed mailbox in the DHT.
    Mailbox,
}

/// A road that did not bring the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outrun {
    /// Which.
    pub road: Road,
    /// Why.
    pub why: RoadClosed,
}

/// Why a road is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RoadClosed {
    /// Nobody is there, or what is there is no endpoint.
    Silent,
    /// It demands an API token, or another one.
    TokenNeeded,
    /// Too much is asked of it.
    Busy,
    /// It does not take offers of ours.
    Refused,
    /// What it answers is not signed by the payee.
    NotTheirs,
    /// Their node is at none of its addresses.
    Unreachable,
    /// They tell nobody, or not us, where their node is; or it is not running.
    Unannounced,
    /// Their node has said that it goes.
    Gone,
    /// It had not answered when another road did.
    Slower,
    /// Another road brought the answer before this one was used.
    NotNeeded,
}

/// How an attempt to connect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unreached {
    /// Nobody answered, though the network does: they are not there, or neither road leads to them.
    NoAnswer,
    /// Nobody answered, and nobody else does: this machine has no address, or its link is down.
    Offline,
    /// Only relays are to be used, and none is known or answers.
    NoRelay,
    /// They answered that they do not want to.
    Refused,
    /// They answered, and no pair of addresses worked.
    NoPath,
    /// Whoever is at the other end could not prove the DID.
    NotProven,
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
    /// How the two come together.
    pub way: Way,
    /// The relay's address, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// How two peers come together, the best way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To an address of the other machine.
    Direct,
    /// To an address of the other side's NAT.
    Punched,
    /// Over a relay.
    Relayed,
}

pub(crate) fn way_of(way: pumasi_rtc::Way) -> Way {
    match way {
        pumasi_rtc::Way::Direct => Way::Direct,
        pumasi_rtc::Way::Punched => Way::Punched,
        pumasi_rtc::Way::Relayed => Way::Relayed,
    }
}

/// What was tried on the way to a link: why it is not a better one, or none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Pairs of addresses, those first that did not answer, at most 24.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedWay>,
    /// STUN and TURN servers that were of no use, at most 16.
    #[serde(rename = "dead_servers", skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<DeadServer>,
}

/// A pair of addresses that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedWay {
    /// Which way it would have been.
    pub way: Way,
    /// The other end.
    pub to: String,
    /// `UDP`, `TCP` or `TLS`: how our own end is reached.
    pub transport: String,
    /// Checks that were sent.
    pub checks: u32,
    /// Whether one was answered.
    pub answered: bool,
}

/// A STUN or TURN server that was of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadServer {
    /// Its host and port.
    pub server: String,
    /// How it was to be reached.
    pub transport: String,
    /// Why.
    pub why: ServerTrouble,
}

/// Why a STUN or TURN server was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServerTrouble {
    /// Its name is not known, or no connection to it can be had.
    Unreachable,
    /// Its certificate is not trusted.
    NotTrusted,
    /// It does not take the user name and password.
    Credentials,
    /// It refuses: a limit, perhaps.
    Refused,
    /// It does not answer.
    Silent,
}

impl From<pumasi_rtc::ServerFailure> for ServerTrouble {
    fn from(failure: pumasi_rtc::ServerFailure) -> Self {
        use pumasi_rtc::ServerFailure as Failure;
        match failure {
            Failure::NotTrusted => Self::NotTrusted,
            Failure::Credentials => Self::Credentials,
            Failure::Refused => Self::Refused,
            Failure::Silent => Self::Silent,
            _ => Self::Unreachable,
        }
    }
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
