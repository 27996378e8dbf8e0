//! coturn's own client talks to our server: through two relayed addresses, from one of its sockets to the other.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

use pumasi_turn::{Issuer, Limits, Turn, TurnConfig, TurnRunning};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn server(limits: Limits, private_peers: bool) -> (TurnRunning, Issuer) {
    let issuer = Issuer::new(&[9; 32]);
    let config = TurnConfig {
        listen: (LOCAL, 0).into(),
        relay: LOCAL,
        external: LOCAL,
        realm: "pumasi.test".to_owned(),
        private_peers,
        limits,
    };
    (Turn::bind(config, issuer.clone()).await.unwrap().serve(), issuer)
}

/// Runs the client; what it printed. `None`, and a word on the terminal, when it is not installed.
async fn client(test: &str, turn: &TurnRunning, issuer: &Issuer, more: &[&str]) -> Option<String> {
    if Command::new("turnutils_uclient").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("SKIPPED {test}: turnutils_uclient not installed");
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let credentials = issuer.issue("coturn", now + 600);
    let mut command = Command::new("timeout");
    // Five messages of 200 bytes, without the second port that RTP would want.
    command.args(["60", "turnutils_uclient", "-y", "-c", "-n", "5", "-l", "200"]).args(more);
    command.args(["-u", &credentials.username, "-w", &credentials.password]);
    command.args(["-p", &turn.address().port().to_string(), "127.0.0.1"]);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    Some(said)
}

fn assert_all_came(said: &str, turn: &TurnRunning) {
    let came = said.lines().rfind(|line| line.contains("tot_recv_msgs=")).unwrap_or_default();
    assert!(came.contains("tot_send_msgs=10, tot_recv_msgs=10"), "{said}");
    let stats = turn.stats();
    println!("{stats:?}");
    assert!(stats.allocated >= 2 && stats.relayed_bytes >= 2 * 10 * 200 && stats.denied == 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn coturns_client_is_relayed_over_udp() {
    let (turn, issuer) = server(Limits::default(), true).await;
    let Some(said) = client("coturns_client_is_relayed_over_udp", &turn, &issuer, &[]).await else { return };
    assert_all_came(&said, &turn);
}

#[tokio::test(flavor = "multi_thread")]
async fn coturns_client_is_relayed_over_tcp() {
    let (turn, issuer) = server(Limits::default(), true).await;
    let Some(said) = client("coturns_client_is_relayed_over_tcp", &turn, &issuer, &["-t"]).await else { return };
    assert_all_came(&said, &turn);
}

#[tokio::test(flavor = "multi_thread")]
async fn coturns_client_is_relayed_by_send_indications() {
    let (turn, issuer) = server(Limits::default(), true).await;
    let Some(said) = client("coturns_client_is_relayed_by_send_indications", &turn, &issuer, &["-s"]).await else {
        return;
    };
    assert_all_came(&said, &turn);
}

#[tokio::test(flavor = "multi_thread")]
async fn coturns_client_is_told_that_a_private_peer_is_forbidden() {
    let (turn, issuer) = server(Limits::default(), false).await;
    let test = "coturns_client_is_told_that_a_private_peer_is_forbidden";
    let Some(said) = client(test, &turn, &issuer, &[]).await else { return };
    assert!(said.contains("403"), "{said}");
    assert_eq!(turn.stats().relayed_bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn coturns_client_is_told_that_it_has_enough() {
    let (turn, issuer) = server(Limits { per_user: 1, ..Limits::default() }, true).await;
    let Some(said) = client("coturns_client_is_told_that_it_has_enough", &turn, &issuer, &[]).await else { return };
    assert!(said.contains("486"), "{said}");
    assert!(turn.stats().denied > 0, "{:?}", turn.stats());
}
