//! Two of ours on one machine, without any server.

use std::time::{Duration, Instant};

use pumasi_rtc::framing::MAX_MESSAGE;
use pumasi_rtc::{
    CandidateKind, CloseReason, DataLink, LinkError, LinkState, Observer, Progress, Transport, Way, answer, offer,
};
use tokio::time::timeout;

use super::common::{echo, loopback, pair, pattern, recorder};

#[tokio::test]
async fn a_pair_opens_and_a_message_comes_back() {
    let (mut offerer, answerer) = pair(&loopback()).await;
    assert_eq!(offerer.local_fingerprint(), answerer.remote_fingerprint());
    assert_eq!(offerer.remote_fingerprint(), answerer.local_fingerprint());
    assert_ne!(offerer.local_fingerprint(), offerer.remote_fingerprint());
    tokio::spawn(echo(answerer));
    offerer.send(b"hello".to_vec()).await.unwrap();
    assert_eq!(offerer.recv().await.as_deref(), Some(b"hello".as_slice()));
}

#[tokio::test]
async fn the_report_names_the_path_that_is_used() {
    let (offerer, answerer) = pair(&loopback()).await;
    let (here, there) = (offerer.report(), answerer.report());
    assert_eq!(here.transport, Transport::Udp);
    assert_eq!((here.local.kind, here.remote.kind), (CandidateKind::Host, CandidateKind::Host));
    assert_eq!((here.local.address, here.remote.address), (there.remote.address, there.local.address));
    assert!(here.rtt.is_some_and(|rtt| rtt < Duration::from_secs(1)), "{here}");
    assert!(!here.is_relayed());
}

#[tokio::test]
async fn ipv6_alone_connects() {
    let mut config = loopback();
    config.bind = vec!["::1".parse().unwrap()];
    let (offerer, _answerer) = pair(&config).await;
    assert!(offerer.report().local.address.is_ipv6());
}

#[tokio::test]
async fn the_longest_message_arrives_whole_and_a_longer_one_is_refused() {
    let (mut offerer, answerer) = pair(&loopback()).await;
    tokio::spawn(echo(answerer));
    for length in [1, 16 * 1024 - 5, 16 * 1024 - 4, 100_000, MAX_MESSAGE] {
        offerer.send(pattern(length)).await.unwrap();
        assert!(offerer.recv().await == Some(pattern(length)), "{length}");
    }
    for got in [0, MAX_MESSAGE + 1] {
        let refused = offerer.send(vec![0; got]).await;
        assert_eq!(refused, Err(LinkError::MessageLength { limit: MAX_MESSAGE, got }));
    }
}

#[tokio::test]
async fn ten_thousand_small_messages_arrive_in_order() {
    let (offerer, mut answerer) = pair(&loopback()).await;
    let sender = tokio::spawn(async move {
        for number in 0..10_000_u32 {
            offerer.send(number.to_be_bytes().to_vec()).await.unwrap();
        }
        offerer
    });
    for number in 0..10_000_u32 {
        assert_eq!(answerer.recv().await, Some(number.to_be_bytes().to_vec()));
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn close_delivers_what_is_queued_and_the_peer_learns_at_once() {
    let (offerer, mut answerer) = pair(&loopback()).await;
    let reader = tokio::spawn(async move {
        let mut received = 0;
        while let Some(message) = answerer.recv().await {
            received += message.len();
        }
        (received, answerer.state(), Instant::now())
    });
    for _ in 0..40 {
        offerer.send(pattern(50_000)).await.unwrap();
    }
    offerer.close().await;
    let closed = Instant::now();
    assert_eq!(offerer.state(), LinkState::Closed(CloseReason::Local));
    let (received, state, seen) = timeout(Duration::from_secs(5), reader).await.unwrap().unwrap();
    assert_eq!(received, 40 * 50_000);
    assert_eq!(state, LinkState::Closed(CloseReason::Peer));
    assert!(seen.saturating_duration_since(closed) < Duration::from_secs(1));
    assert_eq!(offerer.send(vec![1]).await, Err(LinkError::Closed(CloseReason::Local)));
    // A second close has nothing to do and does not hang.
    offerer.close().await;
}

#[tokio::test]
async fn a_dropped_link_is_seen_at_once() {
    let (offerer, mut answerer) = pair(&loopback()).await;
    drop(offerer);
    let seen = timeout(Duration::from_secs(1), answerer.recv()).await;
    assert_eq!(seen, Ok(None));
    assert_eq!(answerer.state(), LinkState::Closed(CloseReason::Peer));
}

#[tokio::test]
async fn a_slow_reader_holds_the_sender_back_and_loses_nothing() {
    const COUNT: usize = 48;
    let (offerer, mut answerer) = pair(&loopback()).await;
    let sender = tokio::spawn(async move {
        for _ in 0..COUNT {
            offerer.send(pattern(MAX_MESSAGE)).await.unwrap();
        }
        offerer
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!sender.is_finished(), "12 MiB were taken from the sender while nobody read");
    for number in 0..COUNT {
        let message = timeout(Duration::from_secs(20), answerer.recv()).await.expect("the flow goes on");
        assert!(message == Some(pattern(MAX_MESSAGE)), "{number}");
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn both_directions_at_once_do_not_block_each_other() {
    let (offerer, answerer) = pair(&loopback()).await;
    let busy = |mut link: pumasi_rtc::Link| async move {
        for _ in 0..20 {
            link.send(pattern(200_000)).await.unwrap();
            assert!(link.recv().await == Some(pattern(200_000)));
        }
        link
    };
    let both = async { tokio::join!(busy(offerer), busy(answerer)) };
    timeout(Duration::from_secs(90), both).await.unwrap();
}

#[tokio::test]
async fn progress_is_told_step_by_step() {
    let config = loopback();
    let (offerer_observer, seen) = recorder();
    let offering = offer(&config, offerer_observer).await.unwrap();
    let (answering, sdp) = answer(&config, offering.sdp(), Observer::silent()).await.unwrap();
    let connecting = offering.accept(&sdp).unwrap();
    let (link, _peer) = tokio::join!(connecting.open(), answering.open());
    let link = link.unwrap();
    link.close().await;

    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[0], Progress::Gathering);
    assert_eq!(seen[1], Progress::Gathered { host: 1, server_reflexive: 0, relay: 0 });
    assert_eq!(seen[2..4], [Progress::Checking, Progress::Securing]);
    let Progress::Tried(tried) = &seen[4] else { panic!("{seen:?}") };
    assert!(tried.iter().any(|tried| tried.answered && tried.way() == Way::Direct), "{tried:?}");
    assert!(matches!(seen[5], Progress::Open(report) if report.local.kind == CandidateKind::Host), "{seen:?}");
    assert_eq!(seen[6..], [Progress::Closed(CloseReason::Local)]);
}
