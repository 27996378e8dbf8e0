//! The examples in `docs/spec/overlay.md` are what this crate does.

use crate::common::{MINUTE, listening, mail, now, peer, start};
use pumasi_identity::Did;
use pumasi_overlay::{
    Address, BOOTSTRAP_PORT, IDENTIFY_PROTOCOL, KAD_PROTOCOL, Limits, NodeId, Overlay, OverlayConfig, OverlayError,
    RecordKey, Refusal, SET_PROTOCOL, Service, SetKey,
};
use serde::Deserialize;

const SPEC: &str = include_str!("../../../../docs/spec/overlay.md");

/// The content of the fenced block with this name.
fn block(name: &str) -> &'static str {
    let start = SPEC.find(&format!("```json {name}\n")).unwrap_or_else(|| panic!("no block {name}"));
    let body = &SPEC[start..];
    let body = &body[body.find('\n').unwrap() + 1..];
    &body[..body.find("```").unwrap()]
}

fn read<T: Deserialize<'static>>(name: &str) -> T {
    serde_json::from_str(block(name)).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protocols {
    kademlia: String,
    identify: String,
    set: String,
    signal: String,
    message: String,
    content: String,
    topic: String,
    turn: String,
    bootstrap_port: u16,
}

#[test]
fn protocol_names_are_as_specified() {
    let spec: Protocols = read("protocols");
    assert_eq!((spec.kademlia.as_str(), spec.identify.as_str()), (KAD_PROTOCOL, IDENTIFY_PROTOCOL));
    assert_eq!(spec.set, SET_PROTOCOL);
    let services = [spec.signal, spec.message, spec.content, spec.topic, spec.turn];
    assert_eq!(services, Service::ALL.map(Service::protocol));
    assert_eq!(spec.bootstrap_port, BOOTSTRAP_PORT);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    did: String,
    profile_key: String,
    mailbox_slot: String,
    mailbox_key: String,
    node_seed: String,
    node: String,
}

#[test]
fn keys_are_as_specified() {
    let spec: Keys = read("keys");
    let bytes32 = |text: &str| <[u8; 32]>::try_from(hex::decode(text).unwrap()).unwrap();
    let did: Did = spec.did.parse().unwrap();
    let (profile, mailbox) = (RecordKey::profile(&did), RecordKey::mailbox(bytes32(&spec.mailbox_slot)));
    assert_eq!(hex::encode(profile.to_bytes()), spec.profile_key);
    assert_eq!(hex::encode(mailbox.to_bytes()), spec.mailbox_key);
    assert_eq!(RecordKey::from_bytes(&profile.to_bytes()), Some(profile));
    assert_eq!(RecordKey::from_bytes(&mailbox.to_bytes()), Some(mailbox));
    assert_eq!(NodeId::from_seed(&bytes32(&spec.node_seed)).to_string(), spec.node);
}

#[test]
fn only_whole_keys_of_a_known_namespace_are_keys() {
    let key = RecordKey::mailbox([7; 32]).to_bytes();
    assert!(RecordKey::from_bytes(&key[..key.len() - 1]).is_none());
    assert!(RecordKey::from_bytes(&[&key[..], b"x"].concat()).is_none());
    assert!(RecordKey::from_bytes(&[b"/pumasi/topic/".as_slice(), &[7; 32]].concat()).is_none());
    assert!(RecordKey::from_bytes(b"").is_none());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    profiles: usize,
    mailboxes: usize,
    records_per_peer: usize,
    puts_per_peer_in_10_s: u32,
    own_records: usize,
    inbound_connections: u32,
    outbound_connections: u32,
    connections_per_peer: u32,
    idle_s: u64,
    refresh_s: u64,
    queries: usize,
    watches: usize,
    agree: usize,
    query_timeout_s: u64,
    grace_ms: u128,
    stall_ms: u128,
    republish_s: u64,
    rejoin_ms: u128,
}

#[test]
fn limits_are_as_specified() {
    let (spec, limits): (Bounds, _) = (read("limits"), Limits::default());
    assert_eq!((spec.profiles, spec.mailboxes), (limits.profiles, limits.mailboxes));
    assert_eq!(spec.records_per_peer, limits.records_per_peer);
    assert_eq!(spec.puts_per_peer_in_10_s, limits.puts_per_peer);
    assert_eq!(spec.own_records, limits.own_records);
    assert_eq!(spec.inbound_connections, limits.inbound_connections);
    assert_eq!(spec.outbound_connections, limits.outbound_connections);
    assert_eq!(spec.connections_per_peer, limits.connections_per_peer);
    assert_eq!((spec.idle_s, spec.refresh_s), (limits.idle.as_secs(), limits.refresh.as_secs()));
    assert_eq!((spec.queries, spec.watches, spec.agree), (limits.queries, limits.watches, limits.agree));
    assert_eq!(spec.query_timeout_s, limits.query_timeout.as_secs());
    assert_eq!((spec.grace_ms, spec.stall_ms), (limits.grace.as_millis(), limits.stall.as_millis()));
    assert_eq!(spec.republish_s, limits.republish.as_secs());
    assert_eq!(spec.rejoin_ms, limits.rejoin.as_millis());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceBounds {
    request: usize,
    answer: usize,
    patience_s: u64,
}

#[test]
fn services_are_as_specified() {
    let spec: std::collections::BTreeMap<String, ServiceBounds> = read("services");
    assert_eq!(spec.len(), Service::ALL.len());
    for service in Service::ALL {
        let name = service.protocol().split('/').nth(2).unwrap();
        let bounds = &spec[name];
        assert_eq!((bounds.request, bounds.answer), (service.max_request(), service.max_answer()), "{name}");
        assert_eq!(bounds.patience_s, service.patience().as_secs(), "{name}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBounds {
    prefix: String,
    entry: usize,
    life_s: u64,
    per_key: usize,
    passed_on: bool,
}

#[tokio::test]
async fn sets_are_as_specified() {
    let spec: std::collections::BTreeMap<String, SetBounds> = read("sets");
    let node = start(peer(1, &[])).await;
    let keys = [SetKey::listing, SetKey::member, SetKey::provider, SetKey::inbox, SetKey::vouch];
    assert_eq!(spec.len(), keys.len());
    for key in keys.map(|make| make([7; 32])) {
        let bytes = key.to_bytes();
        assert_eq!(SetKey::from_bytes(&bytes), Some(key));
        assert!(SetKey::from_bytes(&bytes[1..]).is_none() && SetKey::from_bytes(&bytes[..bytes.len() - 1]).is_none());
        let bounds = spec.values().find(|bounds| bytes.starts_with(bounds.prefix.as_bytes())).unwrap();
        let told = node.add(key, vec![b' '; bounds.entry + 1]).await;
        let limit = bounds.entry;
        assert!(
            matches!(told, Err(OverlayError::Refused(Refusal::TooLong { limit: l, .. })) if l == limit),
            "{key}: {told:?}"
        );
        let facts = key.bounds();
        assert_eq!(
            (facts.life.as_secs(), facts.per_key, facts.passed_on),
            (bounds.life_s, bounds.per_key, bounds.passed_on)
        );
    }
}

#[test]
fn addresses_are_as_specified() {
    for text in read::<Vec<&str>>("addresses") {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    for text in read::<Vec<&str>>("no addresses") {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn the_largest_record_of_each_kind_is_as_specified() {
    let spec: std::collections::BTreeMap<String, usize> = read("sizes");
    let node = start(peer(1, &[])).await;
    let did: Did = read::<Keys>("keys").did.parse().unwrap();
    for (name, key) in [
        ("profile", RecordKey::profile(&did)),
        ("mailbox", RecordKey::mailbox([7; 32])),
        ("presence", RecordKey::presence(&did)),
    ] {
        let limit = spec[name];
        let told = node.put(key, vec![b' '; limit + 1]).await;
        assert!(
            matches!(told, Err(OverlayError::Refused(Refusal::TooLong { limit: l, .. })) if l == limit),
            "{told:?}"
        );
        let told = node.put(key, vec![b' '; limit]).await;
        assert!(matches!(told, Err(OverlayError::Refused(Refusal::Invalid(_)))), "{told:?}");
    }
}

#[tokio::test]
async fn configurations_that_cannot_work_are_refused_by_name() {
    let many: Vec<Address> = (1..=17).map(|port| format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()).collect();
    let memory: Address = "/memory/77".parse().unwrap();
    for (config, word) in [
        (OverlayConfig::client([1; 32], many.clone()), "bootstrap"),
        (OverlayConfig { listen: many.clone(), ..peer(1, &[]) }, "listen"),
        (OverlayConfig { listen: many[..1].to_vec(), ..OverlayConfig::client([1; 32], vec![]) }, "client"),
        (peer(1, &[memory]), "/memory"),
    ] {
        let error = Overlay::start(config).await.err().unwrap();
        assert!(matches!(error, OverlayError::Config(_)) && error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn watches_are_bounded_and_free_their_place() {
    let limits = Limits { watches: 2, ..Limits::default() };
    let node = start(OverlayConfig { limits, ..peer(1, &[]) }).await;
    let key = mail(1, now(), MINUTE, "").0;
    let _first = node.watch(key).await.unwrap();
    let second = node.watch(key).await.unwrap();
    assert!(matches!(node.watch(key).await, Err(OverlayError::Busy { limit: 2, .. })));
    drop(second);
    assert!(node.watch(key).await.is_ok());
    assert!(listening(&node, "tcp").await.node() == Some(node.node_id()));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayBounds {
    slots: usize,
    reservations: usize,
    reservations_per_peer: usize,
    circuits: usize,
    circuits_per_peer: usize,
    circuit_s: u64,
    circuit_bytes: u64,
}

#[test]
fn the_limits_of_a_relay_are_as_specified() {
    let (spec, limits): (RelayBounds, _) = (read("relay limits"), Limits::default());
    assert_eq!(spec.slots, limits.relay_slots);
    assert_eq!(spec.reservations, limits.relay_reservations);
    assert_eq!(spec.reservations_per_peer, limits.relay_reservations_per_peer);
    assert_eq!((spec.circuits, spec.circuits_per_peer), (limits.relay_circuits, limits.relay_circuits_per_peer));
    assert_eq!(spec.circuit_s, limits.relay_circuit_duration.as_secs());
    assert_eq!(spec.circuit_bytes, limits.relay_circuit_bytes);
}

#[test]
fn what_a_node_says_of_itself_is_read_as_specified() {
    let node = NodeId::from_seed(&[1; 32]);
    let now = pumasi_units::Timestamp(1_800_000_060_000);
    let info = pumasi_signaling::NodeInfo::verify(block("node info").as_bytes(), node.ed25519().as_ref(), now).unwrap();
    assert_eq!(info.addresses, ["/ip4/192.0.2.7/tcp/8468"]);
    assert_eq!(info.offers.gateways, ["https://node.example:8469"]);
    assert_eq!(info.offers.relay.map(|relay| relay.bytes), Some(Limits::default().relay_circuit_bytes));
}
