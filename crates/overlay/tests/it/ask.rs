//! Requests to one node, and gossip.

use crate::common::{listening, peer, start};
use pumasi_overlay::{MAX_GOSSIP, Overlay, OverlayConfig, OverlayError, Peer, Service, TopicId, Verdict};
use std::sync::Arc;
use std::time::Duration;

async fn at(overlay: &Overlay) -> Peer {
    Peer { node: overlay.node_id(), addresses: vec![listening(overlay, "tcp").await] }
}

/// Answers each request with its bytes the other way round.
async fn echo(overlay: &Overlay, service: Service) {
    let mut requests = overlay.serve(service).await.unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = requests.next().await {
            let answer = incoming.request.iter().rev().copied().collect();
            incoming.answer(answer);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_what_it_serves_and_nothing_else() {
    let (one, other) = (start(peer(1, &[])).await, start(peer(2, &[])).await);
    let served = at(&one).await;
    let before = other.ask(&served, Service::Content, vec![1]).await;
    assert!(matches!(before, Err(OverlayError::NotServed { .. })), "nobody serves it: {before:?}");
    for service in Service::ALL {
        echo(&one, service).await;
        assert!(matches!(one.serve(service).await, Err(OverlayError::Taken { .. })));
        assert_eq!(other.ask(&served, service, vec![1, 2, 3]).await.unwrap(), [3, 2, 1]);
        let long = vec![0; service.max_request() + 1];
        assert!(matches!(other.ask(&served, service, long).await, Err(OverlayError::TooLong { .. })));
    }
    // Connected now, so no address is needed; and the other way round as well.
    let bare = Peer { addresses: Vec::new(), ..served };
    assert_eq!(other.ask(&bare, Service::Signal, vec![4, 5]).await.unwrap(), [5, 4]);
    echo(&other, Service::Signal).await;
    let back = Peer { node: other.node_id(), addresses: Vec::new() };
    assert_eq!(one.ask(&back, Service::Signal, vec![6, 7]).await.unwrap(), [7, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_and_a_dead_node_is_told_as_such() {
    let one = start(peer(1, &[])).await;
    echo(&one, Service::Message).await;
    let served = at(&one).await;
    let client = start(OverlayConfig::client([2; 32], served.addresses.clone())).await;
    let big = vec![7; Service::Message.max_answer()];
    assert_eq!(client.ask(&served, Service::Message, big.clone()).await.unwrap(), big);
    one.shutdown().await.unwrap();
    let gone = client.ask(&served, Service::Message, vec![1]).await;
    assert!(matches!(gone, Err(OverlayError::Unreachable { .. } | OverlayError::NoAnswer { .. })), "{gone:?}");
    assert!(matches!(client.connect(&served).await, Err(OverlayError::Unreachable { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_heard_by_those_who_listen_and_a_rule_stops_what_is_wrong() {
    let topic = TopicId([7; 32]);
    let rule = || -> pumasi_overlay::Rule {
        Arc::new(|_, bytes: &[u8]| match bytes.first() {
            Some(b'!') => Verdict::Reject,
            Some(b'?') => Verdict::Ignore,
            _ => Verdict::Accept,
        })
    };
    let nodes = [start(peer(1, &[])).await, start(peer(2, &[])).await, start(peer(3, &[])).await];
    // A line: the first and the last hear each other through the one between.
    let between = at(&nodes[1]).await;
    let mut gossips = Vec::new();
    for node in &nodes {
        gossips.push(node.subscribe(topic, rule()).await.unwrap());
    }
    assert!(matches!(nodes[0].subscribe(topic, rule()).await, Err(OverlayError::Taken { .. })));
    nodes[0].connect(&between).await.unwrap();
    nodes[2].connect(&between).await.unwrap();
    let [first, _, last] = &mut gossips[..] else { unreachable!() };
    let mut count = 0;
    let hello = async {
        loop {
            // Until the subscriptions have come around, a message reaches nobody.
            count += 1;
            let before = first.publish(format!("hello {count}").into_bytes()).await.unwrap();
            if before > 0 && tokio::time::timeout(Duration::from_secs(1), last.next()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), hello).await.expect("the topic comes together");
    for text in ["!wrong", "?old", "right"] {
        first.publish(text.as_bytes().to_vec()).await.unwrap();
    }
    let next = tokio::time::timeout(Duration::from_secs(30), last.next()).await.unwrap().unwrap();
    assert_eq!(next, b"right");
    let long = first.publish(vec![0; MAX_GOSSIP + 1]).await;
    assert!(matches!(long, Err(OverlayError::NotSaid { .. })), "{long:?}");
}
