//! What one node promises to whoever holds its handle.

use crate::common::{MINUTE, Person, TEN_SECONDS, address, bare, listening, mail, now, peer, start, until};
use pumasi_overlay::{Limits, NodeId, Overlay, OverlayConfig, OverlayError, Refusal};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_put_by_one_is_found_by_another_over_tcp_and_quic() {
    for transport in ["tcp", "quic-v1"] {
        let bootstrap = start(peer(1, &[])).await;
        let at = listening(&bootstrap, transport).await;
        let (payee, payer) = (start(peer(2, std::slice::from_ref(&at))).await, start(peer(3, &[bare(&at)])).await);
        let person = Person::new().await;
        let profile = person.profile(1).await;

        let published = payee.put(person.key(), profile.clone()).await.unwrap();
        let found = payer.lookup(person.key()).await.unwrap();

        assert!(published.stored >= 1 && published.stored == published.asked, "{published:?}");
        assert_eq!(found.value, Some(profile), "{found:?}");
        assert!(found.answered >= 1 && found.agreed >= 1, "{found:?}");
        println!("{transport}: put {:?} to {}, lookup {:?}", published.took, published.stored, found.took);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_from_outside_is_kept_and_sent_on_within_the_share_of_its_giver() {
    let limits = Limits { records_per_peer: 2, ..Limits::default() };
    let gateway = start(OverlayConfig { limits, ..peer(1, &[]) }).await;
    let at = listening(&gateway, "tcp").await;
    let alone = gateway.give([1; 32], mail(1, now(), MINUTE, "one").0, mail(1, now(), MINUTE, "one").1).await.unwrap();
    assert_eq!((alone.asked, alone.stored), (0, 0));
    let other = start(peer(2, std::slice::from_ref(&at))).await;
    until(&gateway, "a peer", |status| status.routable == 1).await;

    let (key, record) = mail(2, now(), MINUTE, "two");
    let given = gateway.give([1; 32], key, record.clone()).await.unwrap();

    assert_eq!(given.stored, 1, "{given:?}");
    assert_eq!(other.get(key).await.unwrap(), Some(record));
    let (key, record) = mail(3, now(), MINUTE, "three");
    let full = gateway.give([1; 32], key, record.clone()).await;
    assert!(matches!(full, Err(OverlayError::Refused(Refusal::PeerFull { limit: 2 }))), "{full:?}");
    assert!(gateway.give([2; 32], key, record).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_listen_puts_and_gets() {
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let (key, record) = mail(1, now(), MINUTE, "offer");
    let writer = start(OverlayConfig::client([2; 32], vec![bare(&at)])).await;
    let reader = start(OverlayConfig::client([3; 32], vec![bare(&at)])).await;

    writer.put(key, record.clone()).await.unwrap();

    assert_eq!(reader.get(key).await.unwrap(), Some(record));
    assert_eq!(reader.get(mail(2, now(), MINUTE, "").0).await.unwrap(), None);
    let status = bootstrap.status().await.unwrap();
    assert_eq!(status.routable, 0, "clients are in nobody's routing table: {status:?}");
    assert!(reader.status().await.unwrap().listen.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_delivers_what_is_put_at_once_and_what_was_there_before() {
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let (answerer, offerer) = (start(peer(2, std::slice::from_ref(&at))).await, start(peer(3, &[at])).await);
    // The bootstrap node tells the offerer of the answerer once identify has told it.
    until(&offerer, "near both", |status| status.routable == 2).await;
    let made = now();
    let (key, offer) = mail(1, made, MINUTE, "offer");
    let mut watch = answerer.watch(key).await.unwrap();

    let sent = Instant::now();
    offerer.put(key, offer.clone()).await.unwrap();
    let seen = tokio::time::timeout(TEN_SECONDS, watch.next()).await.unwrap();

    assert_eq!(seen, Some(offer.clone()));
    println!("watch: {:?} from put to delivery", sent.elapsed());
    let mut late = answerer.watch(key).await.unwrap();
    assert_eq!(late.next().await, Some(offer));
    let (_, newer) = mail(1, made + 1, MINUTE, "another offer");
    offerer.put(key, newer.clone()).await.unwrap();
    assert_eq!(tokio::time::timeout(TEN_SECONDS, watch.next()).await.unwrap(), Some(newer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_record_is_gone_when_its_time_is_over() {
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let node = start(peer(2, &[at])).await;
    let (key, record) = mail(1, now(), 1_500, "offer");

    node.put(key, record.clone()).await.unwrap();
    assert_eq!(bootstrap.get(key).await.unwrap(), Some(record.clone()));
    tokio::time::sleep(Duration::from_millis(1_600)).await;

    assert_eq!(bootstrap.get(key).await.unwrap(), None);
    assert_eq!(node.get(key).await.unwrap(), None);
    let refused = node.put(key, record).await.unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");
}

#[tokio::test]
async fn what_is_not_acceptable_is_refused_before_it_is_sent() {
    let node = start(peer(1, &[])).await;
    let (key, record) = mail(1, now(), MINUTE, "offer");
    let mut forged = record.clone();
    *forged.iter_mut().rev().find(|byte| byte.is_ascii_lowercase()).unwrap() ^= 1;

    assert!(matches!(node.put(key, forged).await, Err(OverlayError::Refused(Refusal::Invalid(_)))));
    let (other, _) = mail(2, now(), MINUTE, "");
    assert!(matches!(node.put(other, record).await, Err(OverlayError::Refused(_))));
    let long = vec![b' '; 5_000];
    assert!(matches!(
        node.put(key, long).await,
        Err(OverlayError::Refused(Refusal::TooLong { len: 5_000, limit: 4_096 }))
    ));
}

#[tokio::test]
async fn a_node_alone_is_joined_at_once_and_says_that_it_is_offline() {
    let node = start(peer(1, &[])).await;
    let (key, record) = mail(1, now(), MINUTE, "offer");

    assert!(matches!(node.get(key).await, Err(OverlayError::Offline)));
    assert!(matches!(node.put(key, record.clone()).await, Err(OverlayError::Offline)));
    assert_eq!(node.get(key).await.unwrap(), Some(record), "kept, to be put when someone comes");
    assert_eq!(node.node_id(), NodeId::from_seed(&[1; 32]));
}

#[tokio::test]
async fn a_record_put_while_alone_reaches_those_who_come_later() {
    let first = Overlay::start(peer(1, &[])).await.unwrap();
    let (key, record) = mail(1, now(), MINUTE, "offer");
    assert!(matches!(first.put(key, record.clone()).await, Err(OverlayError::Offline)));

    let second = start(peer(2, &[listening(&first, "tcp").await])).await;

    assert_eq!(second.get(key).await.unwrap(), Some(record));
}

#[tokio::test]
async fn joining_in_vain_names_each_address_and_its_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let dead = address(&format!("/ip4/127.0.0.1/tcp/{port}"));
    let node = Overlay::start(peer(1, &[dead])).await.unwrap();

    let error = node.join(Duration::from_millis(1_500)).await.unwrap_err();

    assert!(matches!(error, OverlayError::NotJoined { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&port.to_string()) && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    let config = OverlayConfig { listen: vec![address(&listen)], ..peer(1, &[]) };

    let error = Overlay::start(config).await.err().unwrap().to_string();

    assert!(error.contains(&listen), "{error}");
}

#[tokio::test]
async fn every_handle_of_a_stopped_node_says_so() {
    let node = start(peer(1, &[])).await;
    let (other, mut watch) = (node.clone(), node.watch(mail(1, now(), MINUTE, "").0).await.unwrap());

    node.shutdown().await.unwrap();

    assert!(matches!(other.status().await, Err(OverlayError::Stopped)));
    assert_eq!(watch.next().await, None);
    other.shutdown().await.unwrap();
}
