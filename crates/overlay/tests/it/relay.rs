//! Nodes that nobody reaches directly, and the relays between. Each test asserts the path that was taken.

use crate::common::{MINUTE, address, listening, mail, now, peer, start, until};
use pumasi_overlay::{Address, Limits, Mode, Overlay, OverlayConfig, Path, Serving, Status};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where a node is told to be over a relay. The address comes a moment after the slot.
async fn circuit(hidden: &Overlay) -> Address {
    let over_relay = |status: &Status| status.reach.addresses.iter().find(|at| at.relay().is_some()).cloned();
    until(hidden, "telling where it is over a relay", |status| over_relay(status).is_some()).await;
    over_relay(&hidden.status().await.unwrap()).unwrap()
}

/// A server that relays, in memory or on loopback.
async fn relay(seed: u8, listen: Option<&str>, limits: Limits) -> Overlay {
    let config = OverlayConfig { relay: true, limits, ..peer(seed, &[]) };
    start(match listen {
        Some(listen) => OverlayConfig { listen: vec![address(listen)], ..config },
        None => config,
    })
    .await
}

/// A node that is measured as soon as it can be.
fn eager() -> Limits {
    Limits { measure: Duration::from_millis(50), ..Limits::default() }
}

/// A node that others do not reach: what it is seen under is not where it listens.
fn hidden(seed: u8, relays: &[Address]) -> OverlayConfig {
    OverlayConfig { mode: Mode::Auto, listen: Vec::new(), limits: eager(), ..peer(seed, relays) }
}

fn memory() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0x7e1a_0000);
    format!("/memory/{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn first(node: &Overlay) -> Address {
    node.status().await.unwrap().listen[0].clone()
}

/// Over which relay the two are connected.
async fn path(from: &Overlay, to: &Overlay) -> Option<Path> {
    let status = from.status().await.unwrap();
    status.reach.path_to(to.node_id()).map(|connection| connection.path)
}

async fn goes_over_the_relay(relay: Overlay) {
    let at = first(&relay).await;
    let hidden = start(hidden(2, std::slice::from_ref(&at))).await;
    until(&hidden, "holding a slot", |status| status.reach.reserved.len() == 1).await;
    until(
        &hidden,
        "measured",
        |status| matches!(&status.reach.serving, Serving::Unreachable { by, .. } if *by == relay.node_id()),
    )
    .await;
    let circuit = circuit(&hidden).await;
    assert_eq!(circuit.relay(), Some(relay.node_id()));
    assert_eq!(circuit.node(), Some(hidden.node_id()));
    let reserved = hidden.status().await.unwrap().reach.reserved;
    assert_eq!(reserved[0].bytes, Some(Limits::default().relay_circuit_bytes));
    let before = relay.status().await.unwrap().reach.relay;
    assert_eq!((before.reservations, before.circuits), (1, 0));
    assert!(before.bytes < 64, "a reservation, and nothing carried: {before:?}");

    // It knows no other way to the hidden node than the circuit.
    let caller = Overlay::start(OverlayConfig::client([3; 32], vec![circuit])).await.unwrap();
    until(&caller, "connected", |status| status.connected.contains(&hidden.node_id())).await;
    until(&hidden, "connected", |status| status.connected.contains(&caller.node_id())).await;

    let over = Path::Relayed { over: relay.node_id() };
    assert_eq!((path(&caller, &hidden).await, path(&hidden, &caller).await), (Some(over), Some(over)));
    until(&relay, "relaying", |status| status.reach.relay.bytes > 500).await;
    assert_eq!(relay.status().await.unwrap().reach.relay.circuits, 1);
    // Hole punching was tried, and the report says what came of it.
    until(&hidden, "done with hole punching", |status| {
        let connection = status.reach.path_to(caller.node_id());
        connection.is_some_and(|connection| connection.failed.iter().any(|tried| tried.what == "hole punching"))
    })
    .await;

    caller.shutdown().await.unwrap();
    until(&relay, "done", |status| status.reach.relay.circuits == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_node_is_reached_over_a_relay_in_memory() {
    goes_over_the_relay(relay(1, Some(&memory()), Limits::default()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_node_is_reached_over_a_relay_by_tcp() {
    goes_over_the_relay(relay(1, Some("/ip4/127.0.0.1/tcp/0"), Limits::default()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_node_is_reached_over_a_relay_by_quic() {
    goes_over_the_relay(relay(1, Some("/ip4/127.0.0.1/udp/0/quic-v1"), Limits::default()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circuit_becomes_a_direct_connection_where_one_can_be_had() {
    let relay = relay(1, None, Limits::default()).await;
    let at = listening(&relay, "tcp").await;
    // Reachable, but nobody measures it, so that it goes for a relay.
    let limits = Limits { measure: Duration::from_secs(3_600), reserve_after: Duration::ZERO, ..Limits::default() };
    let hidden = start(OverlayConfig { mode: Mode::Auto, limits, ..peer(2, &[at]) }).await;
    until(&hidden, "holding a slot", |status| !status.reach.reserved.is_empty()).await;
    let circuit = circuit(&hidden).await;

    let caller = Overlay::start(OverlayConfig::client([3; 32], vec![circuit])).await.unwrap();

    until(&caller, "directly connected", |status| {
        let mut connections = status.reach.connections.iter().filter(|one| one.node == hidden.node_id()).peekable();
        // The circuit is given up, and what was agreed on over it stays.
        connections.peek().is_some() && connections.all(|one| one.path == Path::Punched)
    })
    .await;
    assert_eq!(path(&hidden, &caller).await, Some(Path::Punched));
    let used = relay.status().await.unwrap().reach.relay;
    assert_eq!((used.circuits_total, used.circuits_denied), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_are_kept_at_two_relays_and_the_loss_of_one_is_made_good() {
    let mut relays = Vec::new();
    for seed in 1..=3 {
        relays.push(relay(seed, None, Limits::default()).await);
    }
    let mut bootstrap = Vec::new();
    for relay in &relays {
        bootstrap.push(listening(relay, "tcp").await);
    }
    let hidden = start(hidden(9, &bootstrap)).await;
    until(&hidden, "holding two slots", |status| status.reach.reserved.len() == 2).await;
    let held: Vec<_> = hidden.status().await.unwrap().reach.reserved.iter().map(|slot| slot.relay).collect();
    let (lost, others): (Vec<_>, Vec<_>) = relays.iter().partition(|relay| relay.node_id() == held[0]);
    assert!(others.iter().any(|relay| relay.node_id() == held[1]), "two slots, two relays");

    lost[0].shutdown().await.unwrap();

    until(&hidden, "holding two slots again", |status| {
        let held: Vec<_> = status.reach.reserved.iter().map(|slot| slot.relay).collect();
        others.iter().all(|relay| held.contains(&relay.node_id()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_full_says_no_and_the_node_says_so() {
    let limits = Limits { relay_reservations: 1, ..Limits::default() };
    let relay = relay(1, None, limits).await;
    let at = listening(&relay, "tcp").await;
    let first = start(hidden(2, std::slice::from_ref(&at))).await;
    until(&first, "holding a slot", |status| status.reach.reserved.len() == 1).await;

    let second = start(hidden(3, &[at])).await;

    until(&relay, "refusing", |status| status.reach.relay.reservations_denied == 1).await;
    assert_eq!(second.status().await.unwrap().reach.reserved, []);
    assert_eq!(relay.status().await.unwrap().reach.relay.reservations, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circuit_ends_at_its_limit_of_bytes() {
    let limits = Limits { relay_circuit_bytes: 4_096, ..Limits::default() };
    let relay = relay(1, None, limits).await;
    let hidden = start(hidden(2, &[listening(&relay, "tcp").await])).await;
    until(&hidden, "holding a slot", |status| status.reach.reserved.len() == 1).await;
    assert_eq!(hidden.status().await.unwrap().reach.reserved[0].bytes, Some(4_096));
    let circuit = circuit(&hidden).await;
    // What the two say while they get to know each other is more than that.
    let caller = Overlay::start(OverlayConfig::client([3; 32], vec![circuit])).await.unwrap();

    until(&relay, "ending the circuit", |status| {
        status.reach.relay.circuits_total > 0 && status.reach.relay.circuits == 0
    })
    .await;
    caller.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_not_told_to_relay_does_not() {
    let server = start(peer(1, &[])).await;
    let hidden = start(hidden(2, &[listening(&server, "tcp").await])).await;
    until(&hidden, "measured", |status| matches!(status.reach.serving, Serving::Unreachable { .. })).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hidden.status().await.unwrap().reach.reserved, []);
    assert!(!server.status().await.unwrap().reach.relay.serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_others_reach_serves_and_one_that_they_do_not_only_asks() {
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let reached = OverlayConfig { mode: Mode::Auto, limits: eager(), ..peer(2, std::slice::from_ref(&at)) };
    let reached = start(reached).await;
    let asks = start(hidden(3, &[at])).await;

    until(&reached, "serving", |status| matches!(status.reach.serving, Serving::Measured { .. })).await;
    until(&asks, "measured", |status| matches!(status.reach.serving, Serving::Unreachable { .. })).await;
    // The routing tables say the same.
    until(&bootstrap, "knowing the one", |status| status.routable == 1).await;
    let (key, record) = mail(1, now(), MINUTE, "for both");
    let published = asks.put(key, record.clone()).await.unwrap();
    assert_eq!(published.stored, 2, "the bootstrap node and the one that serves");
    assert_eq!(reached.status().await.unwrap().mailboxes, 1);
    assert_eq!(bootstrap.get(key).await.unwrap(), Some(record));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_the_internet_dials_nobody_into_its_own_network_to_measure_for_a_stranger() {
    let server = start(OverlayConfig { private_addresses: false, ..peer(1, &[]) }).await;
    let at = listening(&server, "tcp").await;
    // It could be reached at loopback, if the other one dialled there.
    let node = start(OverlayConfig { mode: Mode::Auto, limits: eager(), ..peer(2, &[at]) }).await;
    until(&node, "refuted", |status| matches!(status.reach.serving, Serving::Unreachable { .. })).await;
    assert_eq!(server.status().await.unwrap().reach.connections.len(), 1, "the one that the stranger opened");
}
