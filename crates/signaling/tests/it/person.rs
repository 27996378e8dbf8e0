//! People with keys, and what they say.

use futures::executor::block_on;
use pumasi_crypto::{NativeProvider, Provider, pkcs8};
use pumasi_identity::Did;
use pumasi_signaling::{Nonce, PairMailbox, Sdp, Signal, SignedSignal};
use pumasi_units::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_000);

pub(crate) struct Person {
    pub(crate) provider: NativeProvider,
    pub(crate) key: <NativeProvider as Provider>::Ed25519Key,
    pub(crate) agreement: <NativeProvider as Provider>::X25519Key,
    pub(crate) did: Did,
}

impl Person {
    /// The same number always gives the same keys.
    pub(crate) fn new(number: u8) -> Self {
        let provider = NativeProvider;
        let key = block_on(provider.import_ed25519(&pkcs8::from_ed25519_seed(&[number; 32]))).unwrap();
        let agreement = block_on(provider.import_x25519(&pkcs8::from_x25519_secret(&[number; 32]))).unwrap();
        let did = Did::from_ed25519(provider.ed25519_public(&key));
        Self { provider, key, agreement, did }
    }

    /// People in the order of their DIDs.
    pub(crate) fn sorted(count: u8) -> Vec<Self> {
        let mut people: Vec<_> = (1..=count).map(Self::new).collect();
        people.sort_by_key(|person| person.did);
        people
    }

    pub(crate) fn x25519(&self) -> [u8; 32] {
        self.provider.x25519_public(&self.agreement)
    }

    pub(crate) fn sign(&self, signal: Signal) -> SignedSignal {
        block_on(signal.sign(&self.provider, &self.key)).unwrap()
    }

    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        block_on(self.provider.ed25519_sign(&self.key, bytes)).unwrap()
    }

    pub(crate) fn mailbox_with(&self, other: &Self) -> PairMailbox {
        block_on(PairMailbox::new(&self.provider, &self.agreement, self.did, other.did, other.x25519())).unwrap()
    }
}

pub(crate) fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Nonce(bytes)
}

pub(crate) fn sdp(text: &str) -> Sdp {
    Sdp::new(text).unwrap()
}
