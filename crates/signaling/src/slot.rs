use crate::RecordError;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use pumasi_crypto::{ed25519::EphemeralSigner, hash};
use pumasi_identity::{Did, pairing::Step};
use pumasi_units::{Millis, Timestamp};
use zeroize::{Zeroize as _, Zeroizing};

/// How long one slot of a pair is used: one hour, counted from the Unix epoch.
pub const EPOCH: Millis = 3_600_000;
/// How far two clocks may be apart before people cannot reach each other: two minutes.
pub const CLOCK_SKEW: Millis = 120_000;
/// How much longer what a slot seals is than the plaintext: a salt in front, and the tag of AES-GCM at the end.
pub const SEAL_OVERHEAD: usize = SALT + 16;

const SLOT_SALT: &[u8] = b"pumasi/slot/1";
const SEAL_SALT: &[u8] = b"pumasi/slot/1/seal";
const SALT: usize = 32;

/// A place in the DHT that only those who know a secret can find, write and read.
///
/// The record there is signed by the slot's own key, so that a DHT node can check it without knowing whose it is.
pub struct Slot {
    signer: EphemeralSigner,
    public: [u8; 32],
    seal_key: Zeroizing<[u8; 32]>,
}

impl Slot {
    /// The slot of a secret and a label. Another label gives a slot that nobody can link to this one.
    #[must_use]
    pub fn derive(secret: &[u8; 32], label: &[u8]) -> Self {
        let mut keys = Zeroizing::new([0; 64]);
        hash::hkdf_sha256(SLOT_SALT, secret, label, &mut *keys);
        let (seed, seal) = keys.split_at(32);
        let mut seed: [u8; 32] = seed.try_into().expect("half of 64 bytes");
        let signer = EphemeralSigner::from_seed(&seed);
        seed.zeroize();
        let seal_key = Zeroizing::new(seal.try_into().expect("half of 64 bytes"));
        Self { public: signer.public(), signer, seal_key }
    }

    /// One part of one step of a pairing: `secret` is what both derive from the typed code, `part` counts the records of
    /// a message that needs more than one.
    #[must_use]
    pub fn from_code(secret: &[u8; 32], step: Step, part: u8) -> Self {
        Self::derive(secret, &[b"code".as_slice(), &[step.number(), part]].concat())
    }

    /// Where the record lies: SHA-256 of the slot's public key.
    #[must_use]
    pub fn record_key(&self) -> [u8; 32] {
        record_key(&self.public)
    }

    /// The Ed25519 public key that signs the records of this slot.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Signs with the slot's key, for a record of the slot.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signer.sign(message)
    }

    /// `salt ‖ AES-256-GCM`, under a key that no other record uses: `salt` must be fresh and random. It opens only with the
    /// same `bound`. [`SEAL_OVERHEAD`] bytes longer than the plaintext.
    ///
    /// # Panics
    /// For a plaintext of 64 GB and more, which only our own code can cause.
    #[must_use]
    pub fn seal(&self, salt: &[u8; SALT], bound: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let (cipher, nonce) = self.cipher(salt);
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: plaintext, aad: bound });
        [salt.as_slice(), &sealed.expect("AES-GCM takes anything shorter than 64 GB")].concat()
    }

    /// Opens what [`seal`](Self::seal) has sealed.
    ///
    /// # Errors
    /// [`RecordError::Sealed`] for another slot, another `bound`, or a changed byte.
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        let (salt, ciphertext) = sealed.split_first_chunk::<SALT>().ok_or(RecordError::Sealed)?;
        let (cipher, nonce) = self.cipher(salt);
        let opened = cipher.decrypt(&nonce.into(), Payload { msg: ciphertext, aad: bound });
        opened.map(Zeroizing::new).map_err(|_| RecordError::Sealed)
    }

    fn cipher(&self, salt: &[u8; SALT]) -> (Aes256Gcm, [u8; 12]) {
        let mut keys = Zeroizing::new([0; 44]);
        hash::hkdf_sha256(SEAL_SALT, &*self.seal_key, salt, &mut *keys);
        let (key, nonce) = keys.split_at(32);
        let key: &[u8; 32] = key.try_into().expect("32 of 44 bytes");
        (Aes256Gcm::new(key.into()), nonce.try_into().expect("12 of 44 bytes"))
    }
}

/// The record key of a slot's public key.
pub(crate) fn record_key(public: &[u8; 32]) -> [u8; 32] {
    hash::sha256(&[public]).0
}

/// The slots of one pair: in each direction another one each hour.
pub struct PairSlots {
    secret: Zeroizing<[u8; 32]>,
    me: Did,
    them: Did,
}

impl PairSlots {
    /// The slots of two people whose X25519 keys agree on `shared`. Both sides get the same ones, mirrored.
    #[must_use]
    pub fn new(shared: &[u8; 32], me: Did, them: Did) -> Self {
        Self { secret: Zeroizing::new(*shared), me, them }
    }

    /// Where I write in this epoch.
    #[must_use]
    pub fn outgoing(&self, epoch: u64) -> Slot {
        self.slot(&self.me, &self.them, epoch)
    }

    /// Where the other writes in this epoch.
    #[must_use]
    pub fn incoming(&self, epoch: u64) -> Slot {
        self.slot(&self.them, &self.me, epoch)
    }

    /// The slots to read now: this epoch's, and a neighbour's only while a record of it can still be alive.
    ///
    /// A record lives for at most [`MAX_LIFETIME`](crate::MAX_LIFETIME), so most of the hour this is one slot.
    #[must_use]
    pub fn to_read(&self, now: Timestamp) -> Vec<Slot> {
        epochs_to_read(now).map(|epoch| self.incoming(epoch)).collect()
    }

    /// Where I say in this epoch where I am.
    #[must_use]
    pub fn outgoing_presence(&self, epoch: u64) -> Slot {
        self.labelled(b"presence", &self.me, &self.them, epoch)
    }

    /// Where the other says it: the slots to read now, as [`to_read`](Self::to_read).
    #[must_use]
    pub fn presence_to_read(&self, now: Timestamp) -> Vec<Slot> {
        epochs_to_read(now).map(|epoch| self.labelled(b"presence", &self.them, &self.me, epoch)).collect()
    }

    fn slot(&self, from: &Did, to: &Did, epoch: u64) -> Slot {
        self.labelled(b"pair", from, to, epoch)
    }

    fn labelled(&self, label: &[u8], from: &Did, to: &Did, epoch: u64) -> Slot {
        let label = [label, from.public(), to.public(), &epoch.to_be_bytes()].concat();
        Slot::derive(&self.secret, &label)
    }
}

/// The epochs in which a record can lie that lives now, the newest first.
fn epochs_to_read(now: Timestamp) -> impl Iterator<Item = u64> {
    let first = epoch(now - (crate::MAX_LIFETIME + CLOCK_SKEW));
    let last = epoch(now + CLOCK_SKEW);
    (first..=last).rev()
}

/// Which epoch it is.
#[must_use]
pub fn epoch(now: Timestamp) -> u64 {
    now.0 / EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (PairSlots, PairSlots) {
        let [a, b] = [1, 2].map(|n| Did::from_ed25519(EphemeralSigner::from_seed(&[n; 32]).public()));
        (PairSlots::new(&[7; 32], a, b), PairSlots::new(&[7; 32], b, a))
    }

    #[test]
    fn what_one_writes_the_other_reads_and_no_two_slots_share_a_key() {
        let (a, b) = pair();
        let mut keys = std::collections::HashSet::new();
        for epoch in 0..50 {
            assert_eq!(a.outgoing(epoch).record_key(), b.incoming(epoch).record_key());
            assert_eq!(a.incoming(epoch).record_key(), b.outgoing(epoch).record_key());
            assert!(keys.insert(a.outgoing(epoch).record_key()) && keys.insert(a.incoming(epoch).record_key()));
        }
        for step in Step::ALL {
            for part in 0..4 {
                assert!(keys.insert(Slot::from_code(&[7; 32], step, part).record_key()));
            }
        }
    }

    #[test]
    fn the_neighbour_epoch_is_read_only_while_its_records_can_live() {
        let (_, b) = pair();
        let keys = |ms| b.to_read(Timestamp(ms)).iter().map(Slot::record_key).collect::<Vec<_>>();
        let key = |epoch: u64| b.incoming(epoch).record_key();
        assert_eq!(keys(10 * EPOCH + EPOCH / 2), [key(10)]);
        assert_eq!(keys(10 * EPOCH + 60_000), [key(10), key(9)]);
        assert_eq!(keys(11 * EPOCH - 60_000), [key(11), key(10)]);
        assert_eq!(keys(0), [key(0)]);
    }

    #[test]
    fn a_sealed_text_opens_only_in_its_slot_unchanged_and_where_it_belongs() {
        let slot = Slot::derive(&[1; 32], b"one");
        let sealed = slot.seal(&[9; 32], b"bound", b"hello");
        assert_eq!(sealed.len(), 5 + SEAL_OVERHEAD);
        assert_eq!(slot.open(b"bound", &sealed).unwrap().as_slice(), b"hello");
        assert!(slot.open(b"other", &sealed).is_err());
        assert!(Slot::derive(&[1; 32], b"two").open(b"bound", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(slot.open(b"bound", &changed).is_err(), "byte {at}");
            assert!(slot.open(b"bound", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
