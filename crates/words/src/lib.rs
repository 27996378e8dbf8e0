//! Every sentence a person reads, in Korean and English.
//!
//! A message is a value: an enum variant with typed arguments, which becomes words by [`Say::say`]. Logs and protocol
//! errors are no messages: they stay in English, beside the code that knows them.
//!
//! # To add a message
//! 1. Add a variant to the enum of its topic, with what the sentence names as fields. A new topic is a new file.
//! 2. The compiler now asks for an arm in `say`. Write it with `say!`, which wants both languages:
//!
//! ```text
//! Self::Waiting { name } => say!(lang,
//!     ko: "{} 님의 답을 기다리고 있어요.", plain(name);
//!     en: "Waiting for {} to answer…", plain(name)),
//! ```
//! 3. Names and memos come from other people: write them through [`plain()`]. Amounts, spans and dates go through
//!    [`money`], [`span`] and [`date_time`]. After a word whose end is not known, take the particle from [`josa`].
//! 4. Korean is in 해요체. An error says what happened, what was kept safe, and what to do next.

#[macro_use]
mod say;

mod audit;
mod bitcoin;
mod connection;
mod demo;
mod exit;
mod figures;
mod home;
pub mod josa;
mod lang;
mod pairing;
mod payment;
mod plain;
mod receipt;
mod refusal;
mod shown;
mod told;
mod trust;

pub use audit::{Audit, Document, Finding};
pub use bitcoin::BitcoinNode;
pub use connection::{PathKind, Step, Trouble};
pub use demo::Narration;
pub use exit::Exit;
pub use figures::{Balance, ago, amount, count, date_time, money, span};
pub use home::Home;
pub use lang::{Lang, UnknownLang};
pub use pairing::{Pairing, PairingEnd};
pub use payment::{Ask, Payment};
pub use plain::plain;
pub use receipt::Receipt;
pub use refusal::{OverLimit, Refusal};
pub use say::Say;
pub use shown::{CreditLine, EntryKind, KeyPurpose, Label, PaymentLine, PaymentState, Standing};
pub use told::Told;
pub use trust::{Trust, Warning};
