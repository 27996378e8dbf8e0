//! The inviter's half of the key exchange: commit, hear the other's key, reveal.

use super::compare::Comparison;
use super::message::{Message, PublicKey, Session};
use super::transcript::{Party, Transcript, commitment};
use super::{AbortReason, Role};
use crate::SignedProfile;
use pumasi_crypto::hash::Digest;
use vodozemac::sas::Sas;

/// Has committed, and waits for the acceptor's key.
pub(super) struct Committed {
    sas: Sas,
    session: Session,
    commitment: Digest,
    us: Party,
}

impl Committed {
    pub(super) fn new(profile: SignedProfile, session: Session) -> Self {
        let sas = Sas::new();
        let us = Party { key: PublicKey(sas.public_key().to_bytes()), profile };
        Self { sas, session, commitment: commitment(session, &us), us }
    }

    pub(super) fn session(&self) -> Session {
        self.session
    }

    pub(super) fn message(&self) -> Message {
        Message::Commit { session: self.session, commitment: self.commitment }
    }

    /// Takes the acceptor's key. The reveal goes out now that their key can no longer change.
    pub(super) fn reveal(self, acceptor: Party) -> Result<(Message, Comparison), AbortReason> {
        let message =
            Message::Reveal { session: self.session, key: self.us.key, profile: self.us.profile.json().to_owned() };
        let transcript = Transcript { session: self.session, commitment: self.commitment, inviter: self.us, acceptor };
        Ok((message, Comparison::new(Role::Inviter, self.sas, transcript)?))
    }
}
