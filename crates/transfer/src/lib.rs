//! Paying a peer: the messages, the payer and the payee (spec: `docs/spec/transfer.md`).
//!
//! - [`message`]: what is signed. [`open_message`], [`sign_statement`], [`seal_transfer`]: how.
//! - [`Payer`] and [`Payee`]: one transfer each, as a state machine without clock, randomness, keys or store. One
//!   `handle_*` call, then drain `poll_output` to `None`.
//! - [`Desk`]: all transfers of one person on a ledger ([`Books`]), for drivers that own the link and the clock.

mod books;
mod desk;
mod envelope;
mod fork;
mod link;
mod output;
mod parties;
mod payee;
mod payer;
mod receipt;
mod record;
mod refusal;
mod retry;
mod rules;

pub mod limits;
pub mod message;

pub use books::{Books, LedgerBooks};
pub use desk::{Desk, DeskError, Outbox, RequestOrder};
pub use envelope::{
    Incoming, Keys, OpenError, Peer, Signed, Unread, Verified, open_message, seal_transfer, sign_statement,
};
pub use fork::{Claim, ForkProof};
pub use link::{LINK_PREFIX, LinkError};
pub use output::{Action, Draft, Event, Output, Standing};
pub use payee::{Decision, Payee, Policy};
pub use payer::{Order, Payer};
pub use receipt::{MAX_RECEIPT_BYTES, Proven, Receipt, ReceiptError, profile_of, verify_statement, verify_transfer};
pub use record::{
    Offer, PayeeRecord, PayeeState, PayerRecord, PayerState, Record, RequestRecord, RequestState, UnreadRecord,
};
pub use refusal::Refusal;
pub use rules::{Facts, OverLimit, check_offer};
