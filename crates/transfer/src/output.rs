//! What the machines ask of their driver.

use crate::fork::ForkProof;
use crate::message::{Balance, Bye, Query, Received, TransferResult};
use crate::record::Record;
use crate::refusal::Refusal;
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_ledger::{Body, Head, TransferId};
use pumasi_units::Money;

/// One step for the driver, in the order given.
///
/// Everything but `Send` and `Event` belongs into one commit. The driver makes that commit durable before it performs
/// the first `Send` or shows the first `Event`, so a crash can repeat a message but cannot contradict one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append this entry, then call `handle_appended` before the next poll.
    Append(Body),
    /// Sign this with the DID's key, then call `handle_signed` before the next poll.
    Sign(Draft),
    /// Store this record under the transfer's id, in place of the one before.
    Put(Record),
    /// Mark the request paid by the transfer.
    PayRequest {
        /// The request.
        request: Digest,
        /// What paid it.
        transfer: TransferId,
    },
    /// Forget the record: it was a refusal, and its time is over.
    Forget(TransferId),
    /// Send these bytes to the peer. After a first transfer was handed to the link, call
    /// [`Payer::handle_sent`](crate::Payer::handle_sent).
    Send(Vec<u8>),
    /// Tell the app.
    Event(Event),
}

/// A statement to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// By a payee.
    Received(Received),
    /// By a payee.
    Result(Box<TransferResult>),
    /// By a payer.
    Bye(Bye),
    /// By a payer.
    Query(Query),
}

/// Where an entry that was just appended stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// My chain's head with that entry.
    pub head: Head,
    /// What the peer owes me in the transfer's unit after it; negative when I owe.
    pub balance: i128,
    /// How much I let the peer owe me in that unit, where a line was opened.
    pub limit: Option<Money>,
}

/// What happened, after it is durable. Events are not replayed after a restart: the state in the record is the truth,
/// and `Desk::load` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Payer: signed and stored; it leaves when the link is up.
    Queued,
    /// Payer: handed to the link.
    Sent,
    /// Payer: the payee has it and will decide.
    Received,
    /// Payer: nobody knows yet what became of it; the payee will tell.
    Expired,
    /// Payer: the payee took it and signed for it.
    Accepted {
        /// What I owe the payee after it, by the payee's statement.
        balance: Balance,
    },
    /// Payer: the payee did not take it.
    Refused(Refusal),
    /// Payee: a person has to decide.
    Asked {
        /// How much.
        money: Money,
        /// What for.
        memo: String,
    },
    /// Payee: I took it.
    Taken {
        /// How much.
        money: Money,
        /// What for.
        memo: String,
    },
    /// Payee: I did not take it.
    TurnedDown(Refusal),
    /// Payee: the payer signed for my result.
    Countersigned,
    /// Either: the peer's signed balance is not ours although nothing is under way between us. Nothing was changed.
    BalanceDiffers {
        /// What the payer owes by the peer's statement.
        theirs: Balance,
        /// What the payer owes by my ledger.
        ours: Balance,
    },
    /// Either: the peer signed two histories. The proof is stored.
    Forked(Box<ForkProof>),
    /// Payer: the payee signed two different results of one transfer. The first stands.
    Contradicted {
        /// The result that stands.
        first: String,
        /// The other one.
        second: String,
    },
}

/// What the driver does once the commit is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send bytes over the link to the peer, if it is still up.
    Send {
        /// To whom.
        peer: Did,
        /// About which transfer.
        transfer: TransferId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Tell the app.
    Event {
        /// With whom.
        peer: Did,
        /// About which transfer.
        transfer: TransferId,
        /// What.
        event: Event,
    },
}
