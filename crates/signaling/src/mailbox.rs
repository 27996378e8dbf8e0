use crate::record::MAX_LIFETIME;
use crate::slot::{PairSlots, Slot, epoch};
use crate::{MailboxRecord, Put, SignalError, SignedSignal};
use pumasi_crypto::{Provider, sealed};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use zeroize::Zeroize as _;

/// What the inner box is for: it does not open anywhere else.
const BOX_INFO: &[u8] = b"pumasi/1/signal\0";

/// The mailbox that two people share.
///
/// What lies there is sealed twice. The outer seal is the slot's, which both can make. The inner one is an HPKE box for
/// the recipient alone with a key of its own for each message, so that the sender's keys, learnt later, do not open it.
pub struct PairMailbox {
    me: Did,
    them: Did,
    their_agreement: [u8; 32],
    slots: PairSlots,
    last: Timestamp,
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
        let shared = provider.x25519_agree(my_agreement_key, &their_agreement).await?;
        let slots = PairSlots::new(&shared, me, them);
        Ok(Self { me, them, their_agreement, slots, last: Timestamp(0) })
    }

    /// Seals a signal of mine: the record's key and its bytes, to put into the DHT. `random` must be fresh.
    ///
    /// A second call at the same time, or after the clock went back, still gets a higher sequence.
    ///
    /// # Errors
    /// [`SignalError::Record`] when it has expired, [`SignalError::Crypto`] when the other's key is bad.
    pub fn seal(&mut self, signal: &SignedSignal, now: Timestamp, mut random: [u8; 64]) -> Result<Put, SignalError> {
        let made = now.max(self.last + 1);
        let slot = self.slots.outgoing(epoch(now));
        let (ephemeral, salt) = random.split_first_chunk::<32>().expect("32 of 64 bytes");
        let salt: [u8; 32] = salt.try_into().expect("32 of 64 bytes");
        let boxed = sealed::seal(*ephemeral, &self.their_agreement, &box_info(&slot), signal.as_str().as_bytes());
        random.zeroize();
        let expires = signal.signal().expires.min(made + MAX_LIFETIME);
        let record = MailboxRecord::seal(&slot, made, expires, &salt, &boxed?)?;
        self.last = made;
        Ok((slot.record_key(), record))
    }

    /// The slots to look into now: one, or two near the full hour. The newest first.
    #[must_use]
    pub fn to_read(&self, now: Timestamp) -> Vec<Slot> {
        self.slots.to_read(now)
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
        let boxed = MailboxRecord::open(slot, bytes, now)?;
        let text = sealed::open(provider, my_agreement_key, &box_info(slot), &boxed).await?;
        let text = std::str::from_utf8(&text).map_err(|_| SignalError::Malformed)?;
        SignedSignal::verify(text, &self.them, &self.me, now)
    }
}

fn box_info(slot: &Slot) -> Vec<u8> {
    [BOX_INFO, &slot.record_key()].concat()
}
