//! Records to put and nodes to start.

use pumasi_crypto::{NativeProvider, RsaBits};
use pumasi_identity::{Did, PlainKeys, PrivateKeys, ProfileDraft, SignedProfile};
use pumasi_overlay::{Address, Overlay, OverlayConfig, RecordKey, Status};
use pumasi_signaling::{MailboxRecord, Slot};
use pumasi_units::{Millis, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const TEN_SECONDS: Duration = Duration::from_secs(10);
pub(crate) const MINUTE: Millis = 60_000;

pub(crate) fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

/// A mailbox record of the slot with this number; `made` is its sequence.
pub(crate) fn mail(slot: u32, made: Timestamp, life: Millis, text: &str) -> (RecordKey, Vec<u8>) {
    let slot = Slot::derive(&[9; 32], &slot.to_be_bytes());
    let salt = [text.len() as u8; 32];
    let bytes = MailboxRecord::seal(&slot, made, made + life, &salt, text.as_bytes()).unwrap();
    (RecordKey::mailbox(slot.record_key()), bytes)
}

/// Someone who can sign profiles.
pub(crate) struct Person(PrivateKeys<NativeProvider>);

impl Person {
    pub(crate) async fn new() -> Self {
        let provider = NativeProvider;
        let keys = PlainKeys::generate(&provider, RsaBits::B2048).await.unwrap();
        Self(keys.import(&provider).await.unwrap())
    }

    pub(crate) fn did(&self) -> &Did {
        self.0.did()
    }

    pub(crate) fn key(&self) -> RecordKey {
        RecordKey::profile(self.0.did())
    }

    pub(crate) async fn profile(&self, sequence: u64) -> Vec<u8> {
        let created = now();
        let draft =
            ProfileDraft { sequence, created, expires: created + 60 * MINUTE, name: None, services: Vec::new() };
        let signed = SignedProfile::sign(&NativeProvider, &self.0, draft).await.unwrap();
        signed.json().as_bytes().to_vec()
    }
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A peer on free loopback ports, TCP and QUIC.
pub(crate) fn peer(seed: u8, bootstrap: &[Address]) -> OverlayConfig {
    OverlayConfig {
        listen: vec![address("/ip4/127.0.0.1/tcp/0"), address("/ip4/127.0.0.1/udp/0/quic-v1")],
        ..OverlayConfig::peer([seed; 32], bootstrap.to_vec())
    }
}

/// Starts a node and waits until it has joined.
pub(crate) async fn start(config: OverlayConfig) -> Overlay {
    let overlay = Overlay::start(config).await.unwrap();
    overlay.join(TEN_SECONDS).await.unwrap();
    overlay
}

/// Where the node listens, of one transport: `tcp` or `quic-v1`.
pub(crate) async fn listening(overlay: &Overlay, transport: &str) -> Address {
    let status = overlay.status().await.unwrap();
    status.listen.into_iter().find(|at| at.to_string().contains(transport)).unwrap()
}

/// The address without the node's name at its end.
pub(crate) fn bare(at: &Address) -> Address {
    let text = at.to_string();
    address(text.split("/p2p/").next().unwrap())
}

/// Waits until the status is as wanted; the test fails with the last status after half a minute.
pub(crate) async fn until(overlay: &Overlay, what: &str, wanted: impl Fn(&Status) -> bool) {
    let started = std::time::Instant::now();
    loop {
        let status = overlay.status().await.unwrap();
        if wanted(&status) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "not {what}: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
