//! People, servers, and raw requests.

use axum::Router;
use pumasi_crypto::{NativeProvider, RsaBits};
use pumasi_fetch::{Client, Method, Request, Response};
use pumasi_http::Problem;
use pumasi_identity::{Did, PlainKeys, PrivateKeys, ProfileDraft, Service, SignedProfile};
use pumasi_signaling::{Content, Nonce, Sdp, Signal, SignedSignal};
use pumasi_tls::{Identity, Limits, Options, Running, Server};
use pumasi_units::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const MOMENT: Duration = Duration::from_secs(10);

pub(crate) fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

/// A number that was not given before.
pub(crate) fn nonce() -> Nonce {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Relaxed).to_be_bytes());
    Nonce(bytes)
}

/// Someone with keys.
pub(crate) struct Person(PrivateKeys<NativeProvider>);

impl Person {
    pub(crate) async fn new() -> Self {
        let keys = PlainKeys::generate(&NativeProvider, RsaBits::B2048).await.unwrap();
        Self(keys.import(&NativeProvider).await.unwrap())
    }

    pub(crate) fn did(&self) -> Did {
        *self.0.did()
    }

    pub(crate) async fn profile(&self, sequence: u64) -> SignedProfile {
        self.profile_from(sequence, now()).await
    }

    pub(crate) async fn profile_from(&self, sequence: u64, created: Timestamp) -> SignedProfile {
        let service = Service {
            name: "signaling".into(),
            kind: "PumasiSignaling".into(),
            endpoint: "https://shop.example:8443".into(),
        };
        let draft = ProfileDraft {
            sequence,
            created,
            expires: created + 3_600_000,
            name: Some("김밥천국".into()),
            services: vec![service],
        };
        SignedProfile::sign(&NativeProvider, &self.0, draft).await.unwrap()
    }

    pub(crate) async fn sign(&self, signal: Signal) -> SignedSignal {
        signal.sign(&NativeProvider, self.0.did_key()).await.unwrap()
    }

    pub(crate) async fn offer(&self, to: Did) -> SignedSignal {
        self.sign(self.signal(to, Content::Offer { sdp: sdp() })).await
    }

    pub(crate) fn signal(&self, to: Did, content: Content) -> Signal {
        let issued = now();
        Signal { from: self.did(), to, session: nonce(), nonce: nonce(), issued, expires: issued + 60_000, content }
    }

    pub(crate) async fn answer(&self, offer: &SignedSignal) -> SignedSignal {
        let asked = offer.signal();
        let content = Content::Answer { offer: offer.id(), sdp: sdp() };
        self.sign(Signal { session: asked.session, ..self.signal(asked.from, content) }).await
    }
}

pub(crate) fn sdp() -> Sdp {
    Sdp::new("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n").unwrap()
}

/// Serves on a free port of loopback.
pub(crate) async fn serve(router: Router) -> (Running, String) {
    let limits = Limits { connections_per_source: 256, ..Limits::default() };
    let options = Options { limits, ..Options::new("127.0.0.1:0".parse().unwrap()) };
    let running = Server::bind(options).await.unwrap().serve(router);
    let url = format!("http://{}", running.address());
    (running, url)
}

/// Serves over TLS, with the certificate of the authority in this folder.
pub(crate) async fn serve_tls(folder: &std::path::Path, router: Router) -> (Running, String) {
    let made = pumasi_tls::dev::make(folder, &[], SystemTime::now().into()).unwrap();
    let identity = Some(Identity::Files { chain: made.chain, key: made.key });
    let options = Options { identity, ..Options::new("127.0.0.1:0".parse().unwrap()) };
    let running = Server::bind(options).await.unwrap().serve(router);
    let url = format!("https://{}", running.address());
    (running, url)
}

pub(crate) fn client() -> Client {
    Client::new(pumasi_fetch::Options { timeout: MOMENT, ..pumasi_fetch::Options::default() }).unwrap()
}

/// Posts a body as it is.
pub(crate) async fn post(url: &str, body: impl Into<Vec<u8>>) -> Response {
    client().send(Request::json(Method::Post, url, body.into())).await.unwrap()
}

/// The problem that an answer is: its status, its code, and its text.
pub(crate) fn problem(response: &Response) -> Problem {
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{response:?}");
    let problem: Problem = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(problem.status, response.status);
    problem
}

pub(crate) fn code(response: &Response) -> (u16, String) {
    (response.status, problem(response).code().to_owned())
}
