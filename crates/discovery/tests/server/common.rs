//! A directory on a loopback port, and shops.

use axum::Router;
use pumasi_crypto::{NativeProvider, Provider, pkcs8};
use pumasi_discovery::client::{Author, Directory};
use pumasi_discovery::server::{self, Config, Limits};
use pumasi_discovery::store::SqliteStore;
use pumasi_discovery::{Action, Listing, Operation, SignedOperation};
use pumasi_fetch::{Client, Options, Request, Response};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::sync::watch;

pub(crate) const HOUR: u64 = 3_600_000;

/// Easy work, and no limits.
pub(crate) fn easy() -> Config {
    Config { difficulty: 4, limits: Limits { reads: 0, writes: 0, writes_per_did: 0 }, ..Config::default() }
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) store: SqliteStore,
    stop: watch::Sender<bool>,
    pub(crate) task: tokio::task::JoinHandle<std::io::Result<()>>,
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        let (url, stop, task) = serve(server::router(store.clone(), config)).await;
        Self { url, store, stop, task, _folder: folder }
    }

    pub(crate) fn client(&self) -> Directory {
        Directory::new(http(), &self.url)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        http().send(Request::get(format!("{}{path}", self.url)).limit(8 << 20)).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        let body = body.to_string().into_bytes();
        http().send(Request::json(pumasi_fetch::Method::Post, format!("{}{path}", self.url), body)).await.unwrap()
    }

    pub(crate) fn stop(&self) {
        let _ = self.stop.send(true);
    }
}

/// Serves a router until what is given back says stop.
pub(crate) async fn serve(
    router: Router,
) -> (String, watch::Sender<bool>, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = watch::channel(false);
    (url, stop, tokio::spawn(server::serve(listener, router, stopped)))
}

pub(crate) fn http() -> Client {
    Client::new(Options::default()).unwrap()
}

pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&response.body)))
}

pub(crate) struct Shop {
    pub(crate) key: <NativeProvider as Provider>::Ed25519Key,
    pub(crate) did: Did,
}

impl Shop {
    pub(crate) async fn new(number: u8) -> Self {
        let key = NativeProvider.import_ed25519(&pkcs8::from_ed25519_seed(&[number; 32])).await.unwrap();
        let did = Did::from_ed25519(NativeProvider.ed25519_public(&key));
        Self { key, did }
    }

    pub(crate) fn author(&self) -> Author<'_, NativeProvider> {
        Author { provider: &NativeProvider, key: &self.key, did: self.did }
    }

    pub(crate) async fn sign(&self, sequence: u64, created: Timestamp, action: Action) -> SignedOperation {
        let operation = Operation { did: self.did, sequence, created, expires: created + HOUR, action };
        operation.sign(&NativeProvider, &self.key, 4).await.unwrap()
    }
}

pub(crate) fn restaurant() -> Listing {
    Listing {
        name: Some("한밭식당".into()),
        description: "강남구 역삼동, 김치찌개와 제육볶음".into(),
        categories: vec!["식당".into(), "한식".into()],
        bootstrap_nodes: vec!["/ip4/203.0.113.7/tcp/8468".into()],
        service_endpoint: Some("https://shop.example:8443".into()),
    }
}

/// The body that note 002 describes, with its proof.
pub(crate) fn registration(operation: &SignedOperation) -> Value {
    let listing = operation.operation().action.listing().expect("it lists");
    let mut body = serde_json::to_value(listing).unwrap();
    body["did"] = operation.did().to_string().into();
    body["proof"] = operation.as_str().into();
    body
}

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}
