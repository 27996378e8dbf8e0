//! Certificates, servers and programs for the tests.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request};
use axum::routing::{get, post};
use pumasi_tls::{Identity, Limits, Options, Running, Server, Source, dev};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const MOMENT: Duration = Duration::from_secs(10);

/// Says who asks, echoes what is posted, and takes its time when asked to.
pub(crate) fn router() -> Router {
    Router::new()
        .route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| async move {
                let source = Source::from_request(request.extensions()).unwrap();
                format!("{} {source}", peer.ip())
            }),
        )
        .route("/echo", post(|body: Bytes| async move { body }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                "slow"
            }),
        )
        .route("/large", get(|| async { vec![b'x'; 8 << 20] }))
}

pub(crate) fn made(folder: &Path) -> dev::Made {
    dev::make(folder, &[], time::OffsetDateTime::now_utc()).unwrap()
}

pub(crate) fn options(identity: Option<Identity>) -> Options {
    Options { identity, ..Options::new("127.0.0.1:0".parse().unwrap()) }
}

pub(crate) async fn plain(limits: Limits) -> Running {
    let options = Options { limits, ..options(None) };
    Server::bind(options).await.unwrap().serve(router())
}

pub(crate) async fn with_files(folder: &Path) -> Running {
    let made = made(folder);
    let identity = Identity::Files { chain: made.chain, key: made.key };
    Server::bind(options(Some(identity))).await.unwrap().serve(router())
}

/// Sends bytes as they are and reads until the server closes, or a moment has passed.
pub(crate) async fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The server may have closed already: then there is something to read, or nothing.
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let _ = tokio::time::timeout(MOMENT, stream.read_to_end(&mut text)).await;
    String::from_utf8_lossy(&text).into_owned()
}

/// A program on this machine, or `None` when it is missing, which is said.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let found =
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED {test}: no {name} on this machine");
    }
    found
}
