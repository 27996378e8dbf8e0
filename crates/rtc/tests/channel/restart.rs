//! A path that breaks: the link goes down, and an ICE restart brings it up over new addresses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pumasi_rtc::{CloseReason, DataLink, IceConfig, Link, LinkError, LinkState, Observer, Progress, answer, offer};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::common::{echo, loopback, pair, recorder};

/// A wire between two peers that can be cut.
struct Wire {
    /// Where the offerer believes the answerer to be.
    answerer: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Wire {
    /// Carries datagrams between two addresses.
    async fn between(offerer: SocketAddr, answerer: SocketAddr) -> Wire {
        let near_offerer = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let near_answerer = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let wire = Wire { answerer: near_offerer.local_addr().unwrap(), cut: Arc::default() };
        let carry = |from: &Arc<UdpSocket>, by: &Arc<UdpSocket>, to: SocketAddr| {
            let (from, by, cut) = (from.clone(), by.clone(), wire.cut.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while let Ok((length, _)) = from.recv_from(&mut buffer).await {
                    if !cut.load(Ordering::Relaxed) {
                        let _ = by.send_to(&buffer[..length], to).await;
                    }
                }
            });
        };
        carry(&near_offerer, &near_answerer, answerer);
        carry(&near_answerer, &near_offerer, offerer);
        wire
    }
}

/// Connects two peers over a wire. The answerer learns the offerer's address from the first check only.
async fn pair_over_a_wire(config: &IceConfig, observer: Observer) -> (Link, Link, Wire) {
    let offering = offer(config, observer).await.unwrap();
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let (answering, sdp) = answer(config, &moved(offering.sdp(), nowhere), Observer::silent()).await.unwrap();
    let wire = Wire::between(address(offering.sdp()), address(&sdp)).await;
    let connecting = offering.accept(&moved(&sdp, wire.answerer)).unwrap();
    let (offerer, answerer) = tokio::join!(connecting.open(), answering.open());
    (offerer.unwrap(), answerer.unwrap(), wire)
}

/// The address of the only candidate.
fn address(sdp: &str) -> SocketAddr {
    let line = sdp.lines().find(|line| line.starts_with("a=candidate:")).unwrap();
    let fields: Vec<_> = line.split(' ').collect();
    format!("{}:{}", fields[4], fields[5]).parse().unwrap()
}

/// The SDP with the only candidate's port replaced.
fn moved(sdp: &str, to: SocketAddr) -> String {
    let from = format!(" {} ", address(sdp).port());
    let line = |line: &str| match line.starts_with("a=candidate:") {
        true => line.replace(&from, &format!(" {} ", to.port())) + "\r\n",
        false => format!("{line}\r\n"),
    };
    sdp.lines().map(line).collect()
}

#[tokio::test]
async fn a_cut_path_goes_down_and_a_restart_brings_the_same_channel_up() {
    let (observer, seen) = recorder();
    let (mut offerer, answerer, wire) = pair_over_a_wire(&loopback(), observer).await;
    assert_eq!(offerer.report().remote.address, wire.answerer);

    wire.cut.store(true, Ordering::Relaxed);
    let began = Instant::now();
    while offerer.state() != LinkState::Down || answerer.state() != LinkState::Down {
        assert!(began.elapsed() < Duration::from_secs(15), "the cut was not noticed");
        sleep(Duration::from_millis(100)).await;
    }
    // What is sent meanwhile waits.
    offerer.send(b"while down".to_vec()).await.unwrap();

    let began = Instant::now();
    let restart = offerer.restart_offer().await.unwrap();
    let answered = answerer.accept_restart(&restart).await.unwrap();
    offerer.finish_restart(&answered).await.unwrap();
    tokio::spawn(echo(answerer));
    let echoed = timeout(Duration::from_secs(15), offerer.recv()).await.expect("the restart finds a path");
    assert_eq!(echoed.as_deref(), Some(b"while down".as_slice()));
    println!("message over the new path {:?} after the restart", began.elapsed());
    assert_eq!(offerer.state(), LinkState::Up);
    assert_ne!(offerer.report().remote.address, wire.answerer);
    let seen = seen.lock().unwrap().clone();
    let down = seen.iter().position(|it| *it == Progress::Down).unwrap();
    assert!(matches!(seen[down..], [Progress::Down, Progress::Checking, Progress::Up(_)]), "{seen:?}");
}

#[tokio::test]
async fn a_restart_while_all_is_well_keeps_the_channel() {
    let (mut offerer, answerer) = pair(&loopback()).await;
    for _ in 0..3 {
        let restart = answerer.restart_offer().await.unwrap();
        let answered = offerer.accept_restart(&restart).await.unwrap();
        answerer.finish_restart(&answered).await.unwrap();
    }
    tokio::spawn(echo(answerer));
    offerer.send(b"still here".to_vec()).await.unwrap();
    let echoed = timeout(Duration::from_secs(10), offerer.recv()).await.unwrap();
    assert_eq!(echoed.as_deref(), Some(b"still here".as_slice()));
}

#[tokio::test]
async fn a_restart_with_another_certificate_or_none_offered_is_refused() {
    let (offerer, answerer) = pair(&loopback()).await;
    let (stranger, _other) = pair(&loopback()).await;
    let foreign = stranger.restart_offer().await.unwrap();
    assert!(matches!(offerer.accept_restart(&foreign).await, Err(LinkError::Restart(_))));
    let restart = answerer.restart_offer().await.unwrap();
    let answered = offerer.accept_restart(&restart).await.unwrap();
    assert!(matches!(offerer.finish_restart(&restart).await, Err(LinkError::Restart(_))));
    answerer.finish_restart(&answered).await.unwrap();
    assert!(matches!(answerer.finish_restart(&answered).await, Err(LinkError::Restart(_))));
}

#[tokio::test]
async fn a_peer_that_stays_silent_is_given_up() {
    let config = IceConfig { give_up_after: Duration::from_secs(9), ..loopback() };
    let (mut offerer, _answerer, wire) = pair_over_a_wire(&config, Observer::silent()).await;
    wire.cut.store(true, Ordering::Relaxed);
    assert_eq!(timeout(Duration::from_secs(20), offerer.recv()).await, Ok(None));
    assert_eq!(offerer.state(), LinkState::Closed(CloseReason::Lost));
}
