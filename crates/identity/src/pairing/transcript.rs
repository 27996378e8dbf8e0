//! What both sides have agreed on, as the bytes that go into the commitment, the emoji and the MACs.

use super::emoji::EMOJI;
use super::message::{PublicKey, Session};
use super::{Role, ShortCode};
use crate::SignedProfile;
use pumasi_crypto::{b64, hash::Digest, hash::sha256};
use vodozemac::sas::SasBytes;

/// One side's part of the exchange.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) key: PublicKey,
    pub(super) profile: SignedProfile,
}

#[derive(Debug, Clone)]
pub(super) struct Transcript {
    pub(super) session: Session,
    pub(super) commitment: Digest,
    pub(super) inviter: Party,
    pub(super) acceptor: Party,
}

/// SHA-256 over a label, the session, the inviter's key and the digest of its profile. The key is random, so the
/// commitment tells nothing about it.
pub(super) fn commitment(session: Session, inviter: &Party) -> Digest {
    sha256(&[b"pumasi pairing 1 commitment", &session.0, &inviter.key.0, &inviter.profile.digest().0])
}

impl Transcript {
    pub(super) fn party(&self, role: Role) -> &Party {
        match role {
            Role::Inviter => &self.inviter,
            Role::Acceptor => &self.acceptor,
        }
    }

    /// The HKDF info for the emoji.
    pub(super) fn sas_info(&self) -> String {
        format!("pumasi pairing 1 sas|{}", self.text())
    }

    /// The HKDF info for the key of this side's MAC.
    pub(super) fn mac_info(&self, sender: Role) -> String {
        format!("pumasi pairing 1 mac|{}|{}", sender.as_str(), self.text())
    }

    /// What this side's MAC is over.
    pub(super) fn mac_input(&self, sender: Role) -> String {
        let [from, to] = [sender, sender.other()].map(|role| self.party(role).profile.digest());
        format!("{from}|{to}")
    }

    fn text(&self) -> String {
        let party =
            |party: &Party| format!("{}|{}|{}", party.profile.did(), b64::encode(party.key.0), party.profile.digest());
        let session = b64::encode(self.session.0);
        format!("{session}|{}|{}|{}", self.commitment, party(&self.inviter), party(&self.acceptor))
    }
}

impl ShortCode {
    pub(super) fn from_sas(bytes: &SasBytes) -> Self {
        let (first, second, third) = bytes.decimals();
        let emoji = bytes.emoji_indices().map(|index| &EMOJI[usize::from(index)]);
        Self { emoji, numbers: [first, second, third] }
    }
}
