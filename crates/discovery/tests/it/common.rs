//! Shops with keys.

use futures::executor::block_on;
use pumasi_crypto::{NativeProvider, Provider, pkcs8};
use pumasi_discovery::{Action, Entry, Listing, Operation, SignedOperation};
use pumasi_identity::Did;
use pumasi_units::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_000);
pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) struct Shop {
    pub(crate) provider: NativeProvider,
    pub(crate) key: <NativeProvider as Provider>::Ed25519Key,
    pub(crate) did: Did,
}

impl Shop {
    /// The same number always gives the same key.
    pub(crate) fn new(number: u8) -> Self {
        let provider = NativeProvider;
        let key = block_on(provider.import_ed25519(&pkcs8::from_ed25519_seed(&[number; 32]))).unwrap();
        let did = Did::from_ed25519(provider.ed25519_public(&key));
        Self { provider, key, did }
    }

    pub(crate) fn operation(&self, sequence: u64, action: Action) -> Operation {
        Operation { did: self.did, sequence, created: NOW, expires: NOW + HOUR, action }
    }

    pub(crate) fn sign(&self, operation: Operation) -> SignedOperation {
        block_on(operation.sign(&self.provider, &self.key, 4)).unwrap()
    }

    pub(crate) fn act(&self, sequence: u64, action: Action) -> SignedOperation {
        self.sign(self.operation(sequence, action))
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry::new(&self.act(1, Action::Register(restaurant())), None).unwrap()
    }
}

pub(crate) fn restaurant() -> Listing {
    Listing {
        name: Some("한밭식당".into()),
        description: "강남구 역삼동, 김치찌개와 제육볶음".into(),
        categories: vec!["식당".into(), "한식".into()],
        bootstrap_nodes: vec!["/ip4/203.0.113.7/tcp/8468".into()],
        service_endpoint: Some("https://shop.example:8443".into()),
    }
}
