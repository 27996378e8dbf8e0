use super::{Audience, MAX_PRESENCE, PresenceError, SignedPresence};
use crate::Put;
use crate::pair_box::PairBox;
#[cfg(doc)]
use crate::record::MAX_LIFETIME;
use crate::slot::{Slot, epoch};
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use pumasi_units::Timestamp;

/// What the inner box is for: it does not open anywhere else.
const BOX_INFO: &[u8] = b"pumasi/1/presence\0";

/// The presence that two people show each other and nobody else: sealed in slots of the pair, among the mailbox records of
/// the DHT. A node that keeps it cannot tell whose it is, nor link two of them.
pub struct PairPresence {
    me: Did,
    them: Did,
    pair: PairBox,
}

impl PairPresence {
    /// Agrees on the pair's secret from my X25519 key and the one in their profile.
    ///
    /// # Errors
    /// [`PresenceError::Crypto`] when their key is of small order or the platform fails.
    pub async fn new<P: Provider>(
        provider: &P,
        my_agreement_key: &P::X25519Key,
        me: Did,
        them: Did,
        their_agreement: [u8; 32],
    ) -> Result<Self, PresenceError> {
        let pair = PairBox::new(provider, my_agreement_key, me, them, their_agreement, BOX_INFO).await?;
        Ok(Self { me, them, pair })
    }

    /// Seals my presence for the other: the record's key and its bytes, to put into the DHT. `random` must be fresh.
    ///
    /// All are of one length, so that nobody can count addresses. The record ends with the presence, and after
    /// [`MAX_LIFETIME`] at the latest.
    ///
    /// # Errors
    /// [`PresenceError::OtherDid`] and [`PresenceError::OtherAudience`] when it is not mine for them;
    /// [`PresenceError::Record`] when it has expired; [`PresenceError::Crypto`] when the other's key is bad.
    pub fn seal(&mut self, signed: &SignedPresence, now: Timestamp, random: [u8; 64]) -> Result<Put, PresenceError> {
        let signed = signed.clone().expect(&self.me, Audience::Contact(self.them))?;
        let slot = self.pair.slots.outgoing_presence(epoch(now));
        let mut text = signed.as_str().as_bytes().to_vec();
        text.resize(MAX_PRESENCE, 0);
        self.pair.seal(&slot, &text, signed.presence().expires, now, random)
    }

    /// The slots to look into now: one, or two near the full hour. The newest first.
    #[must_use]
    pub fn to_read(&self, now: Timestamp) -> Vec<Slot> {
        self.pair.slots.presence_to_read(now)
    }

    /// Opens what was read from a slot and checks it to the last.
    ///
    /// # Errors
    /// The [`PresenceError`] that says what is wrong with it.
    pub async fn open<P: Provider>(
        &self,
        provider: &P,
        my_agreement_key: &P::X25519Key,
        slot: &Slot,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<SignedPresence, PresenceError> {
        let text = self.pair.open::<_, PresenceError>(provider, my_agreement_key, slot, bytes, now).await?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        let (text, padding) = text.split_at(end);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(PresenceError::Malformed);
        }
        let text = std::str::from_utf8(text).map_err(|_| PresenceError::Malformed)?;
        SignedPresence::verify(text, now)?.expect(&self.them, Audience::Contact(self.me))
    }
}
