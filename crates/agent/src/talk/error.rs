use pumasi_crypto::CryptoError;
use pumasi_identity::Did;
use pumasi_messages::direct::{DirectError, ThreadError};
use pumasi_messages::{SignedError, TextError};
use pumasi_overlay::OverlayError;

/// Why something could not be said, kept or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TalkError {
    /// The file of messages.
    #[error("messages: {0}")]
    Store(#[from] rusqlite::Error),
    /// The file of messages is not one, or its rows were changed by somebody else.
    #[error("messages: {0}")]
    Damaged(&'static str),
    /// What is to be said is empty, too long, or no text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The pair's state does not allow it.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// A statement of mine cannot be made, or one of theirs is not good.
    #[error(transparent)]
    Direct(#[from] DirectError),
    /// A topic message of mine cannot be made.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The network.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// Nobody's profile could be found under this DID, and without it nothing can be sealed for them.
    #[error("{0}: no profile found")]
    NoProfile(Did),
    /// The other end answered with something that is no answer.
    #[error("the other end does not speak this protocol")]
    NoAnswer,
    /// The rest of this program.
    #[error(transparent)]
    Agent(#[from] Box<crate::AgentError>),
}

impl From<crate::AgentError> for TalkError {
    fn from(error: crate::AgentError) -> Self {
        Self::Agent(Box::new(error))
    }
}
