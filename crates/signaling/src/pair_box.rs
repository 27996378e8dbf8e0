//! Sealing for one other person, in the slots that only the two can find.

use crate::record::MAX_LIFETIME;
use crate::slot::{PairSlots, Slot};
use crate::{MailboxRecord, Put, RecordError};
use pumasi_crypto::{CryptoError, Provider, sealed};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use zeroize::{Zeroize as _, Zeroizing};

/// What two people seal for each other, of one kind.
///
/// It is sealed twice. The outer seal is the slot's, which both can make. The inner one is an HPKE box for the recipient alone
/// with a key of its own for each message, so that the sender's keys, learnt later, do not open it.
pub(crate) struct PairBox {
    their_agreement: [u8; 32],
    pub(crate) slots: PairSlots,
    /// What the inner box is for: it does not open anywhere else.
    info: &'static [u8],
    last: Timestamp,
}

impl PairBox {
    /// Agrees on the pair's secret from my X25519 key and the one in their profile.
    pub(crate) async fn new<P: Provider>(
        provider: &P,
        my_agreement_key: &P::X25519Key,
        me: Did,
        them: Did,
        their_agreement: [u8; 32],
        info: &'static [u8],
    ) -> Result<Self, CryptoError> {
        let shared = provider.x25519_agree(my_agreement_key, &their_agreement).await?;
        Ok(Self { their_agreement, slots: PairSlots::new(&shared, me, them), info, last: Timestamp(0) })
    }

    /// Seals a text for a slot of mine until `expires`, or after [`MAX_LIFETIME`] if that is sooner. `random` must be fresh.
    ///
    /// A second call at the same time, or after the clock went back, still gets a higher sequence.
    pub(crate) fn seal<E: From<CryptoError> + From<RecordError>>(
        &mut self,
        slot: &Slot,
        text: &[u8],
        expires: Timestamp,
        now: Timestamp,
        mut random: [u8; 64],
    ) -> Result<Put, E> {
        let made = now.max(self.last + 1);
        let (ephemeral, salt) = random.split_first_chunk::<32>().expect("32 of 64 bytes");
        let salt: [u8; 32] = salt.try_into().expect("32 of 64 bytes");
        let boxed = sealed::seal(*ephemeral, &self.their_agreement, &self.box_info(slot), text);
        random.zeroize();
        let record = MailboxRecord::seal(slot, made, expires.min(made + MAX_LIFETIME), &salt, &boxed?)?;
        self.last = made;
        Ok((slot.record_key(), record))
    }

    /// Opens what was read from a slot of theirs.
    pub(crate) async fn open<P: Provider, E: From<CryptoError> + From<RecordError>>(
        &self,
        provider: &P,
        my_agreement_key: &P::X25519Key,
        slot: &Slot,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, E> {
        let boxed = MailboxRecord::open(slot, bytes, now)?;
        Ok(sealed::open(provider, my_agreement_key, &self.box_info(slot), &boxed).await?)
    }

    fn box_info(&self, slot: &Slot) -> Vec<u8> {
        [self.info, &slot.record_key()].concat()
    }
}
