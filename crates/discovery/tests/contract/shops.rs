//! Shops that write.

use futures::executor::block_on;
use pumasi_crypto::{NativeProvider, Provider, pkcs8};
use pumasi_discovery::{Action, Listing, Operation, SignedOperation};
use pumasi_identity::Did;
use pumasi_units::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_000);
pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) struct Shop {
    key: <NativeProvider as Provider>::Ed25519Key,
    pub(crate) did: Did,
}

impl Shop {
    /// The same number always gives the same key.
    pub(crate) fn new(number: u16) -> Self {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        let key = block_on(NativeProvider.import_ed25519(&pkcs8::from_ed25519_seed(&seed))).unwrap();
        let did = Did::from_ed25519(NativeProvider.ed25519_public(&key));
        Self { key, did }
    }

    pub(crate) fn act_until(&self, sequence: u64, action: Action, expires: Timestamp) -> SignedOperation {
        let operation = Operation { did: self.did, sequence, created: NOW, expires, action };
        block_on(operation.sign(&NativeProvider, &self.key, 0)).unwrap()
    }

    pub(crate) fn act(&self, sequence: u64, action: Action) -> SignedOperation {
        self.act_until(sequence, action, NOW + HOUR)
    }

    pub(crate) fn register(&self, sequence: u64, listing: Listing) -> SignedOperation {
        self.act(sequence, Action::Register(listing))
    }
}

pub(crate) fn listing(categories: &[&str], name: &str, description: &str) -> Listing {
    Listing {
        name: (!name.is_empty()).then(|| name.to_owned()),
        description: description.to_owned(),
        categories: categories.iter().map(|&category| category.to_owned()).collect(),
        bootstrap_nodes: vec!["/ip4/203.0.113.7/tcp/8468".to_owned()],
        service_endpoint: Some("https://shop.example".to_owned()),
    }
}

pub(crate) fn restaurant() -> Listing {
    listing(&["식당", "한식"], "한밭식당", "강남구 역삼동, 김치찌개와 제육볶음")
}
