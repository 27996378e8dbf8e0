//! The second half, the same for both: the people compare, then each side proves that it holds the same secret and means
//! the same two profiles.

use super::message::{Message, Session, Tag};
use super::transcript::Transcript;
use super::{AbortReason, Role, ShortCode};
use crate::SignedProfile;
use vodozemac::Curve25519PublicKey;
use vodozemac::sas::{EstablishedSas, Mac, Sas};

pub(super) struct Comparison {
    us: Role,
    secret: EstablishedSas,
    transcript: Transcript,
    /// Our person has said that the emoji are the same.
    confirmed: bool,
    /// The other side's MAC has come, and it verified.
    verified: bool,
}

impl Comparison {
    pub(super) fn new(us: Role, sas: Sas, transcript: Transcript) -> Result<Self, AbortReason> {
        let theirs = transcript.party(us.other()).key.0;
        let secret = sas.diffie_hellman(Curve25519PublicKey::from_bytes(theirs)).map_err(|_| AbortReason::Key)?;
        Ok(Self { us, secret, transcript, confirmed: false, verified: false })
    }

    pub(super) fn session(&self) -> Session {
        self.transcript.session
    }

    pub(super) fn short_code(&self) -> ShortCode {
        ShortCode::from_sas(&self.secret.bytes(&self.transcript.sas_info()))
    }

    /// Notes that our person confirmed; the message that says so, the first time.
    pub(super) fn confirm(&mut self) -> Option<Message> {
        if std::mem::replace(&mut self.confirmed, true) {
            return None;
        }
        let mac = self.secret.calculate_mac(&self.transcript.mac_input(self.us), &self.transcript.mac_info(self.us));
        let mac = Tag(mac.as_bytes().try_into().expect("HMAC-SHA256 is 32 bytes"));
        Some(Message::Confirm { session: self.transcript.session, from: self.us, mac })
    }

    /// Checks the other side's confirmation.
    pub(super) fn verify(&mut self, mac: &Tag) -> Result<(), AbortReason> {
        let them = self.us.other();
        let (input, info) = (self.transcript.mac_input(them), self.transcript.mac_info(them));
        self.secret.verify_mac(&input, &info, &Mac::from_slice(&mac.0)).map_err(|_| AbortReason::Mac)?;
        self.verified = true;
        Ok(())
    }

    /// The other's profile, once both people have confirmed.
    pub(super) fn result(&self) -> Option<SignedProfile> {
        (self.confirmed && self.verified).then(|| self.transcript.party(self.us.other()).profile.clone())
    }
}
