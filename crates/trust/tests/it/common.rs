//! People with keys.

use futures::executor::block_on;
use pumasi_crypto::{NativeProvider, Provider, pkcs8};
use pumasi_identity::{Did, Trust};
use pumasi_trust::vouch::{MAX_LIFE, MIN_WORK};
use pumasi_trust::{Acquaintance, Claim, SignedVouch, Vouch};
use pumasi_units::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_000);
pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) struct Person {
    pub(crate) provider: NativeProvider,
    pub(crate) key: <NativeProvider as Provider>::Ed25519Key,
    pub(crate) did: Did,
}

impl Person {
    /// The same number always gives the same key.
    pub(crate) fn new(number: u8) -> Self {
        let provider = NativeProvider;
        let key = block_on(provider.import_ed25519(&pkcs8::from_ed25519_seed(&[number; 32]))).unwrap();
        let did = Did::from_ed25519(provider.ed25519_public(&key));
        Self { provider, key, did }
    }

    pub(crate) fn says(&self, about: &Did, claims: &[Claim]) -> Vouch {
        let (from, about, claims) = (self.did, *about, claims.to_vec());
        Vouch { from, about, claims, note: None, sequence: 1, created: NOW, expires: NOW + MAX_LIFE }
    }

    pub(crate) fn sign(&self, vouch: Vouch) -> SignedVouch {
        block_on(vouch.sign(&self.provider, &self.key, MIN_WORK)).unwrap()
    }

    pub(crate) fn vouch(&self, about: &Did, claims: &[Claim]) -> SignedVouch {
        self.sign(self.says(about, claims))
    }
}

pub(crate) fn verified() -> Acquaintance {
    Acquaintance { trust: Trust::Paired { at: NOW }, since: NOW, changed: None }
}

pub(crate) fn met() -> Acquaintance {
    Acquaintance { trust: Trust::FirstUse { at: NOW }, since: NOW, changed: None }
}
