//! A certificate from a real ACME server: Let's Encrypt's own test server, Pebble, with its test name server.

use crate::common::{MOMENT, made, options, program, router};
use pumasi_fetch::{Client, Request};
use pumasi_tls::{AcmeOptions, Identity, Options, Server};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(program: &Path, arguments: &[&str]) -> Child {
    Command::new(program)
        .args(arguments)
        .env("PEBBLE_VA_NOSLEEP", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn until_open(address: SocketAddr) {
    let open = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(MOMENT, open).await.expect("the program listens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_got_from_pebble_kept_and_used_after_a_restart() {
    const TEST: &str = "a_certificate_is_got_from_pebble_kept_and_used_after_a_restart";
    let (Some(pebble), Some(names)) = (program("pebble", TEST), program("pebble-challtestsrv", TEST)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = made(folder.path());
    let [api, management, dns, port, control] = [free(), free(), free(), free(), free()];
    let config = serde_json::json!({ "pebble": {
        "listenAddress": api.to_string(),
        "managementListenAddress": management.to_string(),
        "certificate": server.chain,
        "privateKey": server.key,
        "httpPort": 9,
        "tlsPort": port.port(),
        "ocspResponderURL": "",
        "externalAccountBindingRequired": false,
    }});
    let config_file = folder.path().join("pebble.json");
    std::fs::write(&config_file, config.to_string()).unwrap();
    let _names = start(
        &names,
        &[
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-dns01",
            &dns.to_string(),
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-management",
            &control.to_string(),
        ],
    );
    let _pebble =
        start(&pebble, &["-config", config_file.to_str().unwrap(), "-dnsserver", &dns.to_string(), "-strict"]);
    until_open(api).await;
    until_open(management).await;

    let roots = vec![std::fs::read_to_string(&server.authority).unwrap()];
    let acme = AcmeOptions {
        domains: vec!["shop.example".into(), "www.shop.example".into()],
        contacts: vec!["admin@shop.example".into()],
        directory: format!("https://{api}/dir"),
        roots: roots.clone(),
        folder: folder.path().join("acme"),
    };
    let listen = |acme: &AcmeOptions| Options { listen: port, ..options(Some(Identity::Acme(acme.clone()))) };
    let running = Server::bind(listen(&acme)).await.unwrap().serve(router());
    running.certified(MOMENT * 3).await.unwrap();

    // Whom the certificate is from, and for whom: by the root that Pebble made when it started.
    let asking = Client::new(pumasi_fetch::Options { timeout: MOMENT, roots }).unwrap();
    let root = asking.send(Request::get(format!("https://{management}/roots/0"))).await.unwrap();
    let issued = folder.path().join("root.pem");
    std::fs::write(&issued, &root.body).unwrap();
    let verified = |host: &'static str| {
        let (at, issued) = (port.to_string(), issued.clone());
        async move {
            let openssl = program("openssl", TEST)?;
            let mut command = Command::new(openssl);
            command.args(["s_client", "-connect", &at, "-servername", host, "-verify_hostname", host, "-CAfile"]);
            command.arg(issued).stdin(Stdio::null()).kill_on_drop(true);
            let output = tokio::time::timeout(MOMENT, command.output()).await.unwrap().unwrap();
            Some(String::from_utf8_lossy(&output.stdout).contains("Verify return code: 0 (ok)"))
        }
    };
    assert_ne!(verified("shop.example").await, Some(false));
    assert_ne!(verified("www.shop.example").await, Some(false));
    assert_ne!(verified("other.example").await, Some(true));
    running.stop(MOMENT).await;

    // The authority is gone; what was got is kept, for its owner only.
    drop(_pebble);
    let again = Server::bind(listen(&acme)).await.unwrap().serve(router());
    again.certified(Duration::ZERO).await.unwrap();
    assert_ne!(verified("shop.example").await, Some(false));
    #[cfg(unix)]
    for file in std::fs::read_dir(folder.path().join("acme")).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    again.stop(MOMENT).await;
}
