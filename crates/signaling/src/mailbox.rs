use crate::pair_box::PairBox;
use crate::slot::{Slot, epoch};
use crate::{Put, SignalError, SignedSignal};
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use pumasi_units::Timestamp;

/// What the inner box is for: it does not open anywhere else.
const BOX_INFO: &[u8] = b"pumasi/1/signal\0";

/// The mailbox that two people share. What lies there is sealed twice: for the slot, and for the recipient alone.
pub struct PairMailbox {
    me: Did,
    them: Did,
    pair: PairBox,
}

impl PairMailbox {
    /// Opens the mailbox: agrees on its secret from my X25519 key and the one in their profile.
    ///
    /// # Errors
    /// [`SignalError::Crypto`] when their key is of small order or the platform fails.
    pub async fn new<P: Provider>(
        provider: &P,
        my_agreement_key: &P::X25519Key,
        me: Did,
        them: Did,
        their_agreement: [u8; 32],
    ) -> Result<Self, SignalError> {
        let pair = PairBox::new(provider, my_agreement_key, me, them, their_agreement, BOX_INFO).await?;
        Ok(Self { me, them, pair })
    }

    /// Seals a signal of mine: the record's key and its bytes, to put into the DHT. `random` must be fresh.
    ///
    /// A second call at the same time, or after the clock went back, still gets a higher sequence.
    ///
    /// # Errors
    /// [`SignalError::Record`] when it has expired, [`SignalError::Crypto`] when the other's key is bad.
    pub fn seal(&mut self, signal: &SignedSignal, now: Timestamp, random: [u8; 64]) -> Result<Put, SignalError> {
        let slot = self.pair.slots.outgoing(epoch(now));
        self.pair.seal(&slot, signal.as_str().as_bytes(), signal.signal().expires, now, random)
    }

    /// The slots to look into now: one, or two near the full hour. The newest first.
    #[must_use]
    pub fn to_read(&self, now: Timestamp) -> Vec<Slot> {
        self.pair.slots.to_read(now)
    }

    /// Opens what was read from a slot and checks it to the last.
    ///
    /// # Errors
    /// The [`SignalError`] that says what is wrong with it.
    pub async fn open<P: Provider>(
        &self,
        provider: &P,
        my_agreement_key: &P::X25519Key,
        slot: &Slot,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<SignedSignal, SignalError> {
        let text = self.pair.open::<_, SignalError>(provider, my_agreement_key, slot, bytes, now).await?;
        let text = std::str::from_utf8(&text).map_err(|_| SignalError::Malformed)?;
        SignedSignal::verify(text, &self.them, &self.me, now)
    }
}
