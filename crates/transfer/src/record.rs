//! What is kept of a transfer: one record under its id, written in the same commit as the entry that it belongs to.

use crate::message::Request;
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_ledger::{Head, TransferId};
use pumasi_units::{Money, Timestamp};
use serde::{Deserialize, Serialize};

/// The durable state of one transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Record {
    /// I pay.
    Payer(PayerRecord),
    /// I am paid.
    Payee(PayeeRecord),
    /// I refused a transfer that I could not read, or never saw.
    Unread(UnreadRecord),
}

/// A transfer of mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayerRecord {
    /// The transfer.
    pub id: TransferId,
    /// The payee.
    pub peer: Did,
    /// How much.
    pub money: Money,
    /// What for.
    pub memo: String,
    /// The request that it pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Digest>,
    /// When it was signed.
    pub issued: Timestamp,
    /// After this the payee refuses it.
    pub expires: Timestamp,
    /// My head that it quotes.
    pub prev: Head,
    /// How far it is.
    pub state: PayerState,
}

/// How far a transfer of mine is. What is shown is this, never more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PayerState {
    /// Signed and stored. It has not left.
    Queued {
        /// The exact bytes to send.
        sealed: String,
    },
    /// Handed to the link. The payee has said nothing.
    Sent {
        /// The exact bytes to send again.
        sealed: String,
        /// When it first left.
        at: Timestamp,
    },
    /// The payee signed that it has it.
    Received {
        /// The exact bytes to send again.
        sealed: String,
        /// The payee's signed word.
        received: String,
        /// When that came.
        at: Timestamp,
    },
    /// Its time is over, and the payee has not said whether it took it before. It still counts as under way.
    Expired {
        /// When we noticed.
        at: Timestamp,
        /// The payee's signed word that it has it, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        received: Option<String>,
    },
    /// The payee took it. Final.
    Accepted {
        /// When its result came.
        at: Timestamp,
        /// Its signed result: the receipt.
        result: String,
        /// My signed acknowledgement, to be repeated as it is.
        bye: String,
    },
    /// The payee did not take it. Final.
    Refused {
        /// When its result came.
        at: Timestamp,
        /// Its signed result.
        result: String,
    },
}

/// A transfer to me.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayeeRecord {
    /// What the payer signed.
    pub offer: Offer,
    /// How far it is.
    pub state: PayeeState,
}

/// What a payer signed for me, and what it was checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The transfer.
    pub id: TransferId,
    /// The payer.
    pub peer: Did,
    /// How much.
    pub money: Money,
    /// What for.
    pub memo: String,
    /// The request of mine that it pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Digest>,
    /// When it was signed, by the payer's clock.
    pub issued: Timestamp,
    /// After this I may no longer take it.
    pub expires: Timestamp,
    /// The payer's head that it quotes.
    pub prev: Head,
    /// The signed transfer, compact JWS.
    pub document: String,
    /// Digest of the profile that its signature was checked with.
    pub profile: Digest,
}

/// How far a transfer to me is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PayeeState {
    /// Kept, and waiting for a decision.
    Received {
        /// When it came.
        at: Timestamp,
        /// My signed word, to be repeated as it is.
        received: String,
    },
    /// I took it; the payer has not signed for my result.
    Accepted {
        /// When.
        at: Timestamp,
        /// My signed result, to be repeated as it is.
        result: String,
    },
    /// The payer signed for my result. Final.
    Countersigned {
        /// When that came.
        at: Timestamp,
        /// My signed result, to be repeated as it is.
        result: String,
        /// The payer's signed acknowledgement.
        bye: String,
    },
    /// I did not take it. Final, and forgotten once the transfer is long past.
    Refused {
        /// When.
        at: Timestamp,
        /// My signed result, to be repeated as it is.
        result: String,
        /// From then on it may be forgotten: the transfer has expired by every clock.
        until: Timestamp,
    },
}

/// A refusal of a transfer that I could not read, or never saw before it expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnreadRecord {
    /// The transfer.
    pub id: TransferId,
    /// The payer.
    pub peer: Did,
    /// My signed result, to be repeated as it is.
    pub result: String,
    /// From then on it may be forgotten.
    pub until: Timestamp,
}

/// A request of mine, under its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRecord {
    /// What it says.
    pub request: Request,
    /// The signed request, compact JWS.
    pub document: String,
    /// The transfer that paid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<TransferId>,
}

/// How a request of mine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// It can be paid.
    Open,
    /// It is paid.
    Paid(TransferId),
    /// Nobody paid it in time.
    Expired,
}

impl RequestRecord {
    /// How it stands now.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> RequestState {
        match self.paid {
            Some(transfer) => RequestState::Paid(transfer),
            None if now > self.request.expires => RequestState::Expired,
            None => RequestState::Open,
        }
    }
}

impl Record {
    /// The transfer.
    #[must_use]
    pub fn id(&self) -> TransferId {
        match self {
            Self::Payer(record) => record.id,
            Self::Payee(record) => record.offer.id,
            Self::Unread(record) => record.id,
        }
    }

    /// With whom.
    #[must_use]
    pub fn peer(&self) -> Did {
        match self {
            Self::Payer(record) => record.peer,
            Self::Payee(record) => record.offer.peer,
            Self::Unread(record) => record.peer,
        }
    }

    /// Whether nothing is left to do for it but to repeat an answer. Such a record moves to another space, so that a
    /// start reads only what is under way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Payer(record) => matches!(record.state, PayerState::Accepted { .. } | PayerState::Refused { .. }),
            Self::Payee(record) => matches!(record.state, PayeeState::Countersigned { .. }),
            Self::Unread(_) => false,
        }
    }
}
