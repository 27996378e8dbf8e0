//! Two people who meet pin each other's keys (spec: `docs/spec/pairing.md`).
//!
//! Diffie-Hellman with a commitment first, then seven emoji that the two compare, then a MAC over both profiles. Sans-I/O:
//! the driver hands messages, time and the person's answer to [`Pairing`], and after each call drains
//! [`Pairing::poll_output`] to `None`.
//!
//! Messages may be delivered late, twice, or in another order: each has a [`Step`], a repetition is ignored, and one that
//! comes too early is refused until it fits. So a driver may poll a mailbox slot per step, as well as use a byte channel.

mod acceptor;
mod code;
mod compare;
mod emoji;
mod error;
mod inviter;
mod machine;
mod message;
mod transcript;

pub use code::{CodeError, PairingCode};
pub use emoji::{EMOJI, Emoji};
pub use error::{AbortReason, Failure, PairingError};
pub use machine::{Output, Pairing};
pub use message::{MAX_MESSAGE, Step};

use pumasi_units::Millis;
use serde::{Deserialize, Serialize};

/// How long the inviter waits for the code to be typed, and the acceptor for the inviter's first message: 10 minutes.
pub const MEETING_TIME: Millis = 10 * 60 * 1_000;
/// How long each later message may take: 2 minutes, of which a DHT takes seconds.
pub const EXCHANGE_TIME: Millis = 2 * 60 * 1_000;
/// How long two people may take to compare, both: 5 minutes.
pub const COMPARE_TIME: Millis = 5 * 60 * 1_000;

/// Who printed the code, and who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Prints the code, and commits first.
    Inviter,
    /// Types the code.
    Acceptor,
}

impl Role {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Inviter => Self::Acceptor,
            Self::Acceptor => Self::Inviter,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Inviter => "inviter",
            Self::Acceptor => "acceptor",
        }
    }
}

/// What the two people compare: seven emoji (42 bits), or three numbers (39 bits) for who cannot see emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortCode {
    /// Seven emoji.
    pub emoji: [&'static Emoji; 7],
    /// Three numbers from 1000 to 9191.
    pub numbers: [u16; 3],
}
