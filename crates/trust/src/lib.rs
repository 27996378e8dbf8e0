//! Why a person is trusted or not: what was verified, who vouches, who paid, who lied (spec: `docs/spec/trust.md`).
//!
//! - [`vouch`]: what one DID says of another, signed, expiring and revocable; the sets of the DHT that hold it.
//! - [`lie`]: two things that one DID has signed and that cannot both hold. Anyone can check it.
//! - [`History`]: how somebody kept to what was agreed, from the own ledger.
//! - [`evaluate()`]: all of that as [`Reason`]s in an order. There is no number: a person decides, and sees why.
//!
//! Sans-I/O: time and keys come in as arguments.

mod evaluate;
mod history;
pub mod lie;
mod reason;
pub mod vouch;

pub use evaluate::{Acquaintance, Evidence, Step, evaluate, next_step};
pub use history::{Deed, History};
pub use lie::{Lie, LieError, LieKind, ProvenLie};
pub use reason::{How, Reason, standing};
pub use vouch::{Claim, SignedVouch, Vouch, VouchError};
