//! What outlives a node: its records, and the way back into the network.

use crate::common::{MINUTE, Person, address, bare, listening, mail, now, peer, start, until};
use pumasi_overlay::{Address, Link, LinkDown, NodeId, OverlayConfig, OverlayError, Peer, Service};

fn at(listen: &Address, config: OverlayConfig) -> OverlayConfig {
    OverlayConfig { listen: vec![bare(listen)], ..config }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_records_of_a_bootstrap_node_survive_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = OverlayConfig { store: Some(folder.path().join("records.sqlite")), ..peer(1, &[]) };
    let bootstrap = start(config.clone()).await;
    let address = listening(&bootstrap, "tcp").await;
    let person = Person::new().await;
    let (old, profile) = (person.profile(1).await, person.profile(2).await);
    let (slot, record) = mail(1, now(), MINUTE, "offer");
    let (short_slot, short) = mail(2, now(), 1_000, "gone soon");
    let writer = start(OverlayConfig::client([2; 32], vec![address.clone()])).await;
    for (key, record) in
        [(person.key(), old), (person.key(), profile.clone()), (slot, record.clone()), (short_slot, short)]
    {
        writer.put(key, record).await.unwrap();
    }
    // The writer would put its records again; the file alone shall be the memory.
    writer.shutdown().await.unwrap();
    bootstrap.shutdown().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;

    let bootstrap = start(at(&address, config)).await;
    let status = bootstrap.status().await.unwrap();
    assert_eq!((status.profiles, status.mailboxes), (1, 1), "{status:?}");
    let reader = start(OverlayConfig::client([3; 32], vec![address])).await;

    assert_eq!(reader.get(person.key()).await.unwrap(), Some(profile));
    assert_eq!(reader.get(slot).await.unwrap(), Some(record));
    assert_eq!(reader.get(short_slot).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_brings_in_nothing_that_a_peer_could_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    let config = OverlayConfig { store: Some(path.clone()), ..peer(1, &[]) };
    let node = start(config.clone()).await;
    let writer = start(peer(2, &[listening(&node, "tcp").await])).await;
    let (key, record) = mail(1, now(), MINUTE, "offer");
    writer.put(key, record).await.unwrap();
    writer.shutdown().await.unwrap();
    node.shutdown().await.unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(file.execute("UPDATE record SET value = replace(value, 'body', 'BODY')", []).unwrap(), 1);
    drop(file);

    let node = start(config).await;

    assert_eq!(node.status().await.unwrap().mailboxes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_return_by_the_peers_they_remember_when_the_bootstrap_node_is_gone() {
    let bootstrap = start(peer(1, &[])).await;
    let first = listening(&bootstrap, "tcp").await;
    let (stays, leaves) =
        (start(peer(2, std::slice::from_ref(&first))).await, start(peer(3, std::slice::from_ref(&first))).await);
    until(&leaves, "near both", |status| status.routable == 2).await;
    let (key, record) = mail(1, now(), MINUTE, "offer");
    stays.put(key, record.clone()).await.unwrap();
    let known = leaves.known_peers().await.unwrap();
    leaves.shutdown().await.unwrap();
    bootstrap.shutdown().await.unwrap();

    let back = start(OverlayConfig { known_peers: known, ..peer(3, &[first]) }).await;

    assert_eq!(back.get(key).await.unwrap(), Some(record));
    let status = back.status().await.unwrap();
    assert!(status.connected.contains(&stays.node_id()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_joins_again_by_itself_and_puts_its_records_again() {
    let bootstrap = start(peer(1, &[])).await;
    let address = listening(&bootstrap, "tcp").await;
    let node = start(peer(2, std::slice::from_ref(&address))).await;
    let person = Person::new().await;
    let profile = person.profile(1).await;
    node.put(person.key(), profile.clone()).await.unwrap();

    bootstrap.shutdown().await.unwrap();
    until(&node, "lost", |status| !status.joined && status.connected.is_empty()).await;
    let bootstrap = start(at(&address, peer(1, &[]))).await;
    assert_eq!(bootstrap.status().await.unwrap().profiles, 0);

    until(&node, "joined again", |status| status.joined).await;
    until(&bootstrap, "holding the profile again", |status| status.profiles == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_outlives_all_of_its_bootstrap_nodes_but_one() {
    let first = start(peer(1, &[])).await;
    let mut addresses = vec![listening(&first, "tcp").await];
    let second = start(peer(2, &addresses)).await;
    addresses.push(listening(&second, "tcp").await);
    let third = start(peer(3, &addresses)).await;
    addresses.push(listening(&third, "quic").await);
    until(&third, "near both", |status| status.routable == 2).await;
    let writer = start(OverlayConfig::client([4; 32], addresses.clone())).await;
    let (key, record) = mail(1, now(), MINUTE, "offer");
    assert_eq!(writer.put(key, record.clone()).await.unwrap().stored, 3);
    writer.shutdown().await.unwrap();

    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();

    let reader = start(OverlayConfig::client([5; 32], addresses)).await;
    assert_eq!(reader.get(key).await.unwrap(), Some(record));
    assert_eq!(reader.status().await.unwrap().connected, [third.node_id()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_link_is_told_apart_from_a_lost_peer() {
    let nodes = [start(peer(1, &[])).await, start(peer(2, &[])).await];
    let addresses = [listening(&nodes[0], "tcp").await, listening(&nodes[1], "tcp").await];
    let node = start(peer(3, &addresses)).await;
    until(&node, "connected with both", |status| status.connected.len() == 2).await;
    let absent = Peer { node: NodeId::from_seed(&[9; 32]), addresses: vec![address("/ip4/127.0.0.1/tcp/9")] };

    // One peer is away and others are there: it is they who are gone.
    let told = node.ask(&absent, Service::Signal, b"hello".to_vec()).await;
    assert!(matches!(told, Err(OverlayError::Unreachable { .. })), "{told:?}");
    assert_eq!(node.status().await.unwrap().reach.link, Link::Up);

    // All go within a moment: the part that they share is this side's.
    for gone in &nodes {
        gone.shutdown().await.unwrap();
    }
    until(&node, "dark", |status| {
        matches!(status.reach.link, Link::Down { why: LinkDown::AllLost | LinkDown::NoNetwork, .. })
    })
    .await;
    let told = node.ask(&absent, Service::Signal, b"hello".to_vec()).await;
    assert!(matches!(told, Err(OverlayError::Offline)), "{told:?}");
}
