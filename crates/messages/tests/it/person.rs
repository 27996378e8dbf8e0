//! People with keys, and what they say.

use futures::executor::block_on;
use pumasi_crypto::{NativeProvider, Provider, pkcs8};
use pumasi_identity::Did;
use pumasi_messages::direct::{DirectAck, DirectMessage, SignedAck, SignedDirect};
use pumasi_messages::inbox::InboxSlots;
use pumasi_messages::topic::{SignedTopicMessage, TopicMessage, TopicName};
use pumasi_messages::{Signed, Statement, Text};
use pumasi_units::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_000);

#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) provider: NativeProvider,
    pub(crate) key: <NativeProvider as Provider>::Ed25519Key,
    pub(crate) agreement: <NativeProvider as Provider>::X25519Key,
    pub(crate) did: Did,
}

pub(crate) fn chat() -> TopicName {
    "global-chat".parse().unwrap()
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

    pub(crate) fn x25519(&self) -> [u8; 32] {
        self.provider.x25519_public(&self.agreement)
    }

    pub(crate) fn sign<T: Statement>(&self, value: &T) -> Signed<T> {
        block_on(Signed::sign(value, &self.provider, &self.key)).unwrap()
    }

    pub(crate) fn says(&self, text: &str, issued: Timestamp) -> SignedTopicMessage {
        self.says_as(text, issued, issued.0)
    }

    pub(crate) fn says_as(&self, text: &str, issued: Timestamp, sequence: u64) -> SignedTopicMessage {
        let text = Text::new(text).unwrap();
        self.sign(&TopicMessage { from: self.did, issued, sequence, text, topic: chat() })
    }

    pub(crate) fn writes(&self, message: &DirectMessage) -> SignedDirect {
        block_on(message.sign(&self.provider, &self.key)).unwrap()
    }

    pub(crate) fn acks(&self, ack: &DirectAck) -> SignedAck {
        block_on(ack.sign(&self.provider, &self.key)).unwrap()
    }

    pub(crate) fn secret_with(&self, other: &Self) -> [u8; 32] {
        *block_on(self.provider.x25519_agree(&self.agreement, &other.x25519())).unwrap()
    }

    pub(crate) fn slots_with(&self, other: &Self) -> InboxSlots {
        InboxSlots::new(&self.secret_with(other), self.did, other.did)
    }
}
