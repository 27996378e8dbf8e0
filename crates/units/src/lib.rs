//! What is counted, in which smallest part, and when.
//!
//! - [`Unit`]: an ISO 4217 currency, `BTC`, or a unit that one DID issues (`hours@did:key:…`).
//! - [`Money`]: a whole number of a unit's smallest part. There are no fractions anywhere in Pumasi.
//! - [`Timestamp`]: milliseconds since the Unix epoch, passed in by whoever owns a clock.

mod money;
mod timestamp;
mod unit;

pub use money::{MAX_MINOR, Money, MoneyError};
pub use timestamp::{Millis, Timestamp};
pub use unit::{Unit, UnitError};
