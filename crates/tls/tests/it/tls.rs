use crate::common::{MOMENT, made, options, plain, raw, router, with_files};
use pumasi_fetch::{Client, Request};
use pumasi_tls::{Identity, Limits, Options, Server, TlsError, dev};
use std::time::Duration;
use tokio::net::TcpStream;

fn client(authority: &std::path::Path) -> Client {
    let roots = vec![std::fs::read_to_string(authority).unwrap()];
    Client::new(pumasi_fetch::Options { timeout: MOMENT, roots }).unwrap()
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served_and_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let running = with_files(folder.path()).await;
    let port = running.address().port();
    let trusting = client(&folder.path().join("authority.pem"));

    for host in ["127.0.0.1", "localhost"] {
        let answer = trusting.send(Request::get(format!("https://{host}:{port}/"))).await.unwrap();
        assert_eq!(answer.body, b"127.0.0.1 127.0.0.1");
    }
    let other = Client::new(pumasi_fetch::Options::default()).unwrap();
    assert!(other.send(Request::get(format!("https://127.0.0.1:{port}/"))).await.is_err());
    let refused = async {
        while running.counts().handshakes_failed == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MOMENT, refused).await.unwrap();
    assert_eq!(running.counts().requests, 2);
    running.stop(MOMENT).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_changed_certificate_is_used_and_one_that_does_not_fit_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let running = with_files(folder.path()).await;
    let address = running.address();
    let url = format!("https://127.0.0.1:{}/", address.port());
    let first = client(&folder.path().join("authority.pem"));
    assert!(first.send(Request::get(&url)).await.is_ok());

    // A key of another certificate: the old pair stays in use.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = made(elsewhere.path());
    std::fs::copy(&other.key, folder.path().join("localhost.key")).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(client(&folder.path().join("authority.pem")).send(Request::get(&url)).await.is_ok());

    // And its certificate: now they belong together.
    std::fs::copy(&other.chain, folder.path().join("localhost.pem")).unwrap();
    let second = elsewhere.path().join("authority.pem");
    let changed = async {
        while client(&second).send(Request::get(&url)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(MOMENT, changed).await.unwrap();
    running.stop(MOMENT).await;
}

#[tokio::test]
async fn plain_http_is_for_loopback_or_behind_a_proxy_that_names_the_client() {
    let outside = Options::new("0.0.0.0:0".parse().unwrap());
    let refused = Server::bind(outside.clone()).await.err().unwrap();
    assert!(matches!(refused, TlsError::PlainOutside { .. }), "{refused}");

    let running = Server::bind(Options { behind_proxy: true, ..outside }).await.unwrap().serve(router());
    let to = ([127, 0, 0, 1], running.address().port()).into();
    let request =
        b"GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 203.0.113.1, 198.51.100.9\r\nconnection: close\r\n\r\n";
    let answer = raw(to, request).await;
    assert!(answer.ends_with("127.0.0.1 198.51.100.9"), "{answer}");
    running.stop(MOMENT).await;

    let running = plain(Limits::default()).await;
    let answer = raw(running.address(), request).await;
    assert!(answer.ends_with("127.0.0.1 127.0.0.1"), "a stranger names itself: {answer}");
    running.stop(MOMENT).await;
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_end() {
    let running = plain(Limits::default()).await;
    let to = running.address();
    let asked = tokio::spawn(async move { raw(to, b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await });
    while running.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop(MOMENT).await;
    let answer = asked.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow"), "{answer}");
}

#[test]
fn hosts_stay_in_the_authority_and_a_new_one_makes_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let now = time::OffsetDateTime::now_utc();
    let make = |hosts: &[&str], at| {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        dev::make(folder.path(), &hosts, at)
    };
    let first = make(&["Shop.test", "192.168.0.7"], now).unwrap();
    assert!(first.new_authority);
    assert_eq!(first.hosts, ["localhost", "shop.test", "127.0.0.1", "192.168.0.7", "::1"]);
    let again = make(&[], now).unwrap();
    assert!(!again.new_authority && again.fingerprint == first.fingerprint && again.hosts == first.hosts);
    let more = make(&["other.test"], now).unwrap();
    assert!(more.new_authority && more.hosts.len() == 6);
    let years = now + time::Duration::days(9 * 365);
    assert!(make(&[], years).unwrap().new_authority, "it would end before its certificate");

    for host in ["", "*.test", "a b", "-a.test", "a..b", "https://a.test", "가.test"] {
        assert!(matches!(make(&[host], now), Err(TlsError::Option { field: "host", .. })), "{host}");
    }
    let many: Vec<String> = (0..=dev::MAX_HOSTS).map(|at| format!("h{at}.test")).collect();
    assert!(matches!(dev::make(folder.path(), &many, now), Err(TlsError::Option { .. })));
    #[cfg(unix)]
    for name in ["authority.key", "localhost.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path());
    let other = tempfile::tempdir().unwrap();
    let others = crate::common::made(other.path());
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let large = folder.path().join("large.pem");
    std::fs::write(&large, vec![b'a'; 300_000]).unwrap();
    let gone = folder.path().join("gone.pem");
    for (chain, key, says) in [
        (&gone, &made.key, "gone.pem"),
        (&empty, &made.key, "no certificate in it"),
        (&made.chain, &empty, "no private key in it"),
        (&made.chain, &others.key, "not the key of this certificate"),
        (&large, &made.key, "more than"),
    ] {
        let identity = Identity::Files { chain: chain.clone(), key: key.clone() };
        let error = Server::bind(options(Some(identity))).await.err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
    let busy = Server::bind(options(None)).await.unwrap();
    let taken = Server::bind(Options::new(busy.address())).await.err().unwrap();
    assert!(matches!(taken, TlsError::Listen { .. }), "{taken}");
}
