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
mod content;
mod demo;
mod directory;
mod exit;
mod figures;
#[cfg(feature = "ledger")]
mod found;
mod home;
mod https;
pub mod josa;
mod lang;
mod light_node;
mod lookup;
mod market;
mod overlay;
mod pairing;
mod path;
mod payment;
mod plain;
mod reason;
mod receipt;
mod refusal;
mod relay;
mod roads;
mod shown;
mod talk;
mod told;
mod trust;
pub mod web;

pub use audit::{Audit, Document, Finding};
pub use bitcoin::BitcoinNode;
pub use connection::{PathKind, Step, Trouble};
pub use content::{Content, ProviderTrouble, size};
pub use demo::Narration;
pub use directory::Directory;
pub use exit::Exit;
pub use figures::{Balance, ago, amount, count, date_time, money, span};
#[cfg(feature = "ledger")]
pub use found::finding;
pub use home::Home;
pub use https::{Https, Trusting};
pub use lang::{Lang, UnknownLang};
pub use light_node::LightNode;
pub use lookup::{Lookup, LookupLabel};
pub use market::Market;
pub use overlay::{Darkness, Overlay, Way};
pub use pairing::{Pairing, PairingEnd};
pub use path::{PathReport, ServerWord, WayWord};
pub use payment::{Ask, Payment};
pub use plain::plain;
pub use reason::{Contradiction, Reason, Reputation, VouchedFor};
pub use receipt::Receipt;
pub use refusal::{OverLimit, Refusal};
pub use relay::TurnServer;
pub use roads::{PresenceTo, RoadName, RoadTrouble, Roads};
pub use say::Say;
pub use shown::{CreditLine, EntryKind, KeyPurpose, Label, PaymentLine, PaymentState, Standing};
pub use talk::{MessageState, Talk, said};
pub use told::Told;
pub use trust::{Trust, Warning};
