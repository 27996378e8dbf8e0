//! What does not connect says why, and in time.

use std::time::{Duration, Instant};

use pumasi_rtc::{ConnectError, IceConfig, IcePolicy, Observer, TurnServer, answer, offer};
use tokio::time::timeout;

use super::common::{connect, loopback};

fn impatient() -> IceConfig {
    IceConfig { connect_timeout: Duration::from_secs(3), gather_timeout: Duration::from_secs(1), ..loopback() }
}

#[tokio::test]
async fn an_answer_that_comes_late_still_connects() {
    let config = loopback();
    let offering = offer(&config, Observer::silent()).await.unwrap();
    let (answering, sdp) = answer(&config, offering.sdp(), Observer::silent()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let began = Instant::now();
    let connecting = offering.accept(&sdp).unwrap();
    let (offerer, answerer) = tokio::join!(connecting.open(), answering.open());
    offerer.unwrap();
    answerer.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn without_an_address_there_is_no_offer() {
    let config = IceConfig { policy: IcePolicy::RelayOnly, ..loopback() };
    let error = offer(&config, Observer::silent()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoLocalCandidates), "{error}");
}

#[tokio::test]
async fn servers_that_do_not_answer_cost_the_gathering_time_and_no_more() {
    // Discard port: nobody answers.
    let config = IceConfig {
        stun: vec!["stun:127.0.0.1:9".parse().unwrap()],
        turn: vec![TurnServer::new("turn:127.0.0.1:9", "user", "secret").unwrap()],
        ..impatient()
    };
    let began = Instant::now();
    let offering = offer(&config, Observer::silent()).await.unwrap();
    assert!(offering.sdp().contains("typ host"));
    // By themselves STUN and TURN ask on for half a minute (RFC 8489 §6.2.1).
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn checks_that_nobody_answers_fail_in_time_and_by_name() {
    // Both sides are told of a port where nobody listens.
    let nowhere = |sdp: String| {
        let line = |line: &str| match line.starts_with("a=candidate:") {
            true => "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n".to_owned(),
            false => format!("{line}\r\n"),
        };
        sdp.lines().map(line).collect()
    };
    let (offerer, answerer) = timeout(Duration::from_secs(8), connect(&impatient(), nowhere, nowhere)).await.unwrap();
    assert!(matches!(offerer, Err(ConnectError::ChecksFailed)), "{offerer:?}");
    assert!(matches!(answerer, Err(ConnectError::ChecksFailed)), "{answerer:?}");
}

#[tokio::test]
async fn another_certificate_than_the_announced_one_is_refused() {
    let forged = |sdp: String| {
        let line = |line: &str| match line.strip_prefix("a=fingerprint:sha-256 ") {
            Some(_) => format!("a=fingerprint:sha-256 {}\r\n", ["AB"; 32].join(":")),
            None => format!("{line}\r\n"),
        };
        sdp.lines().map(line).collect()
    };
    let connected = timeout(Duration::from_secs(8), connect(&impatient(), |sdp| sdp, forged)).await.unwrap();
    assert!(matches!(connected.0, Err(ConnectError::Dtls(_))), "{:?}", connected.0);
    assert!(connected.1.is_err());
    let connected = timeout(Duration::from_secs(8), connect(&impatient(), forged, |sdp| sdp)).await.unwrap();
    assert!(matches!(connected.1, Err(ConnectError::Dtls(_))), "{:?}", connected.1);
    assert!(connected.0.is_err());
}

#[tokio::test]
async fn an_sdp_that_is_none_is_refused() {
    let config = loopback();
    for sdp in ["", "v=0", "hello", &"v".repeat(100_000)] {
        assert!(answer(&config, sdp, Observer::silent()).await.is_err());
        let offering = offer(&config, Observer::silent()).await.unwrap();
        assert!(offering.accept(sdp).is_err());
    }
}

#[tokio::test]
async fn every_cut_and_every_flipped_line_of_an_offer_is_survived() {
    let config = loopback();
    let offering = offer(&config, Observer::silent()).await.unwrap();
    let sdp = offering.sdp();
    for cut in (0..sdp.len()).step_by(7) {
        let _ = answer(&config, &sdp[..cut], Observer::silent()).await;
    }
    let lines: Vec<&str> = sdp.lines().collect();
    for without in 0..lines.len() {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != without);
        let sdp: String = kept.map(|(_, line)| format!("{line}\r\n")).collect();
        let _ = answer(&config, &sdp, Observer::silent()).await;
        let twice: String = lines
            .iter()
            .flat_map(|line| [line, lines[without].to_owned().as_str()].map(|l| format!("{l}\r\n")))
            .collect();
        let _ = answer(&config, &twice, Observer::silent()).await;
    }
}
