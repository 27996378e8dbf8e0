//! The acceptor's half of the key exchange: hear the commitment, show the key, check the reveal.

use super::compare::Comparison;
use super::message::{Message, PublicKey, Session};
use super::transcript::{Party, Transcript, commitment};
use super::{AbortReason, Role};
use crate::SignedProfile;
use pumasi_crypto::hash::Digest;
use vodozemac::sas::Sas;

/// Has seen the commitment, shown its own key, and waits for the reveal.
pub(super) struct Answered {
    sas: Sas,
    session: Session,
    commitment: Digest,
    us: Party,
}

impl Answered {
    pub(super) fn new(profile: SignedProfile, session: Session, commitment: Digest) -> Self {
        let sas = Sas::new();
        let us = Party { key: PublicKey(sas.public_key().to_bytes()), profile };
        Self { sas, session, commitment, us }
    }

    pub(super) fn session(&self) -> Session {
        self.session
    }

    pub(super) fn message(&self) -> Message {
        Message::Key { session: self.session, key: self.us.key, profile: self.us.profile.json().to_owned() }
    }

    /// Takes what the inviter reveals, if it is what was committed to before our key was known.
    pub(super) fn check(self, inviter: Party) -> Result<Comparison, AbortReason> {
        if commitment(self.session, &inviter) != self.commitment {
            return Err(AbortReason::Commitment);
        }
        let transcript = Transcript { session: self.session, commitment: self.commitment, inviter, acceptor: self.us };
        Comparison::new(Role::Acceptor, self.sas, transcript)
    }
}
