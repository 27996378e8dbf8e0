//! coturn in the middle: STUN, and TURN over UDP, TCP and TLS. Each test asserts that the path was the relay.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pumasi_rtc::{
    CandidateKind, ConnectError, DataLink, IceConfig, IcePolicy, Link, Progress, ServerFailure, Transport, TurnServer,
};
use tempfile::TempDir;
use tokio::time::timeout;

use super::common::{echo, loopback, pair, pattern, recorder};

/// A coturn on loopback with one user and a certificate of its own authority.
struct Turn {
    process: Child,
    port: u16,
    tls_port: u16,
    authority: Vec<u8>,
    directory: TempDir,
}

impl Turn {
    /// Starts it; `None`, and a word on the terminal, when it is not installed.
    fn start(test: &str) -> Option<Turn> {
        if Command::new("turnserver").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("SKIPPED {test}: turnserver not installed");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let authority = certificate(&directory);
        let (port, tls_port) = (free_port(), free_port());
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let file = |name: &str| directory.path().join(name).display().to_string();
        let process = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-cli"])
            .args(["--lt-cred-mech", "--user=pumasi:secret", "--realm=pumasi.test", "--fingerprint"])
            .args([format!("--listening-port={port}"), format!("--tls-listening-port={tls_port}")])
            .args([format!("--cert={}", file("cert.pem")), format!("--pkey={}", file("key.pem"))])
            .args([format!("--userdb={}", file("db")), format!("--pidfile={}", file("pid"))])
            .args(["--log-file=stdout", "--verbose", "--relay-threads=1", "--min-port=49152", "--max-port=65535"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let turn = Turn { process, port, tls_port, authority, directory };
        let began = Instant::now();
        for port in [port, tls_port] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(began.elapsed() < Duration::from_secs(10), "turnserver does not listen:\n{}", turn.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Some(turn)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn config(&self, uri: &str) -> IceConfig {
        IceConfig {
            turn: vec![TurnServer::new(uri, "pumasi", "secret").unwrap()],
            policy: IcePolicy::RelayOnly,
            extra_roots: vec![self.authority.clone()],
            ..loopback()
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that is free for TCP and UDP at this moment.
fn free_port() -> u16 {
    loop {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() && address.port() < 49152 {
            return address.port();
        }
    }
}

/// Makes an authority and a certificate for `localhost`; gives the authority's certificate.
fn certificate(directory: &TempDir) -> Vec<u8> {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(directory.path().join("cert.pem"), server.pem()).unwrap();
    std::fs::write(directory.path().join("key.pem"), key.serialize_pem()).unwrap();
    authority.der().to_vec()
}

/// Echoes a small and a long message and checks that a relay on both sides carried them.
async fn relayed(turn: &Turn, config: &IceConfig, transport: Transport) -> (Link, Instant) {
    let began = Instant::now();
    let (mut offerer, answerer) = pair(config).await;
    let opened = Instant::now();
    println!("open over {transport} in {:?}: {}", opened - began, offerer.report());
    for report in [offerer.report(), answerer.report()] {
        assert_eq!((report.local.kind, report.remote.kind), (CandidateKind::Relay, CandidateKind::Relay), "{report}");
        assert_eq!(report.transport, transport);
    }
    tokio::spawn(echo(answerer));
    for length in [5, 256 * 1024] {
        offerer.send(pattern(length)).await.unwrap();
        let echoed = timeout(Duration::from_secs(20), offerer.recv()).await.expect("the relay carries on");
        assert!(echoed == Some(pattern(length)), "{length}\n{}", turn.log());
    }
    (offerer, opened)
}

#[tokio::test]
async fn a_relay_over_udp_carries_the_channel() {
    let Some(turn) = Turn::start("a_relay_over_udp_carries_the_channel") else { return };
    let config = turn.config(&format!("turn:127.0.0.1:{}", turn.port));
    let (link, _) = relayed(&turn, &config, Transport::Udp).await;
    link.close().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let freed = turn.log().matches("reason: allocation").count() + turn.log().matches("lifetime=0").count();
    assert!(turn.log().contains("refreshed") && freed > 0, "the allocation is given back:\n{}", turn.log());
}

#[tokio::test]
async fn a_relay_over_tcp_carries_the_channel() {
    let Some(turn) = Turn::start("a_relay_over_tcp_carries_the_channel") else { return };
    let config = turn.config(&format!("turn:127.0.0.1:{}?transport=tcp", turn.port));
    relayed(&turn, &config, Transport::Tcp).await;
}

#[tokio::test]
async fn a_relay_over_tls_carries_the_channel() {
    let Some(turn) = Turn::start("a_relay_over_tls_carries_the_channel") else { return };
    let config = turn.config(&format!("turns:localhost:{}", turn.tls_port));
    relayed(&turn, &config, Transport::Tls).await;
}

#[tokio::test]
async fn a_relay_whose_certificate_is_not_trusted_is_not_used() {
    let Some(turn) = Turn::start("a_relay_whose_certificate_is_not_trusted_is_not_used") else { return };
    let mut config = turn.config(&format!("turns:localhost:{}", turn.tls_port));
    config.extra_roots.clear();
    assert_eq!(why_no_relay(&config).await, ServerFailure::NotTrusted);
}

/// Why the only server of a configuration gives no relay.
async fn why_no_relay(config: &IceConfig) -> ServerFailure {
    let (observer, seen) = recorder();
    assert!(matches!(pumasi_rtc::offer(config, observer).await, Err(ConnectError::NoLocalCandidates)));
    match seen.lock().unwrap()[1..] {
        [Progress::ServerFailed { why, .. }] => why,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_password_gives_no_relay_and_is_not_waited_for() {
    let Some(turn) = Turn::start("a_wrong_password_gives_no_relay_and_is_not_waited_for") else { return };
    let mut config = turn.config(&format!("turn:127.0.0.1:{}", turn.port));
    config.turn = vec![TurnServer::new(&format!("turn:127.0.0.1:{}", turn.port), "pumasi", "wrong").unwrap()];
    let began = Instant::now();
    assert_eq!(why_no_relay(&config).await, ServerFailure::Credentials);
    assert!(began.elapsed() < config.gather_timeout, "{:?}", began.elapsed());
}

#[tokio::test]
async fn all_three_roads_and_stun_are_gathered_at_once_and_the_direct_path_wins() {
    let Some(turn) = Turn::start("all_three_roads_and_stun_are_gathered_at_once") else { return };
    let mut config = turn.config(&format!("turn:127.0.0.1:{}", turn.port));
    config.policy = IcePolicy::All;
    config.stun = vec![format!("stun:127.0.0.1:{}", turn.port).parse().unwrap()];
    for uri in [format!("turn:localhost:{}?transport=tcp", turn.port), format!("turns:localhost:{}", turn.tls_port)] {
        config.turn.push(TurnServer::new(&uri, "pumasi", "secret").unwrap());
    }
    let (observer, seen) = recorder();
    let began = Instant::now();
    let offering = pumasi_rtc::offer(&config, observer).await.unwrap();
    println!("gathered in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2));
    // No NAT here: the server sees the host's own address, which is not offered twice.
    let expected = Progress::Gathered { host: 1, server_reflexive: 0, relay: 3 };
    assert_eq!(seen.lock().unwrap()[1], expected);
    drop(offering);

    let (offerer, _answerer) = pair(&config).await;
    let mut report = offerer.report();
    let began = Instant::now();
    while report.is_relayed() && began.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        report = offerer.report();
    }
    assert!(!report.is_relayed(), "{report}");
}
