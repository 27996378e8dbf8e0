use crate::keys::Keys;
use crate::store::{KeySlot, MAX_SLOTS, Store};
use crate::{Ledger, LedgerError};
use pumasi_crypto::Provider;
use pumasi_crypto::password::Password;
use pumasi_units::Timestamp;

/// A password locks the data key, and the data key locks everything else: changing it rewrites one row.
impl<S: Store, P: Provider> Ledger<S, P> {
    /// Replaces the password at once. From then on the old one opens nothing.
    ///
    /// # Errors
    /// [`LedgerError::WrongPassword`] when `old` does not open the ledger, and what the store says.
    pub async fn change_password(&self, old: &Password, new: &Password, now: Timestamp) -> Result<(), LedgerError> {
        let (used, slot) = self.second_slot(old, new, now).await?;
        self.write_slots(vec![slot], vec![used]).await
    }

    /// Lets a second password open the ledger too, for as long as other files (the keys) still move from the first to
    /// the second. [`retire_passwords`](Self::retire_passwords) ends it.
    ///
    /// # Errors
    /// As [`change_password`](Self::change_password).
    pub async fn add_password(&self, old: &Password, new: &Password, now: Timestamp) -> Result<(), LedgerError> {
        let (_, slot) = self.second_slot(old, new, now).await?;
        self.write_slots(vec![slot], Vec::new()).await
    }

    /// Makes this the only password. After an interrupted change, either one can be kept.
    ///
    /// # Errors
    /// As [`change_password`](Self::change_password).
    pub async fn retire_passwords(&self, keep: &Password) -> Result<(), LedgerError> {
        let slots = self.slots().await?;
        let (kept, _) = Keys::unlock(&self.inner.provider, &slots, keep).await?;
        let others: Vec<u8> = slots.iter().map(|slot| slot.id).filter(|id| *id != kept).collect();
        if others.is_empty() { Ok(()) } else { self.write_slots(Vec::new(), others).await }
    }

    /// The slot that `old` opens, and a new one for `new` in the other place.
    async fn second_slot(&self, old: &Password, new: &Password, now: Timestamp) -> Result<(u8, KeySlot), LedgerError> {
        let inner = &*self.inner;
        let (used, _) = Keys::unlock(&inner.provider, &self.slots().await?, old).await?;
        let slot = inner.keys.wrap(&inner.provider, (used + 1) % MAX_SLOTS, new, now).await?;
        Ok((used, slot))
    }

    async fn slots(&self) -> Result<Vec<KeySlot>, LedgerError> {
        Ok(self.inner.store.header().await?.ok_or(LedgerError::Empty)?.slots)
    }

    async fn write_slots(&self, slots: Vec<KeySlot>, delete_slots: Vec<u8>) -> Result<(), LedgerError> {
        let mut tx = self.begin().await?;
        tx.slots = slots;
        tx.delete_slots = delete_slots;
        self.commit(tx).await.map(drop)
    }
}
