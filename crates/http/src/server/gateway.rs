//! `/v1/records/…` and `/v1/node` (`docs/spec/https.md` §3): the overlay for those who speak HTTPS only.

use super::figures::{Figure, figures};
use super::limit::{Buckets, Rate};
use super::metrics::{Metrics, Outcome};
use super::reception::too_many;
use super::respond::{self, failed, json, later, simple};
use super::{body, now};
use crate::records::{Place, Records, RecordsError};
use crate::turn::TurnOffer;
use crate::wire::NodeInfo;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Extensions, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use pumasi_crypto::hash::sha256;
use pumasi_identity::SignedProfile;
use pumasi_signaling::MailboxRecord;
use pumasi_tls::{Counts, Source};
use serde_json::json as object;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What a gateway's own node says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Its name in the overlay.
    pub node: String,
    /// Where it listens there.
    pub addresses: Vec<String>,
    /// Peers with an open connection.
    pub connected: usize,
    /// Peers in the routing table.
    pub routable: usize,
    /// Profiles kept.
    pub profiles: usize,
    /// Mailbox records kept.
    pub mailboxes: usize,
    /// Puts of other nodes that were refused.
    pub refused: u64,
    /// What else it counts.
    pub figures: Vec<Figure>,
}

/// A node of the overlay behind a gateway.
pub trait Node: Records + Clone + Send + Sync + 'static {
    /// What it says of itself; `None` when it has stopped.
    fn view(&self) -> impl Future<Output = Option<NodeView>> + Send;
}

impl Node for pumasi_overlay::Overlay {
    async fn view(&self) -> Option<NodeView> {
        let status = self.status().await.ok()?;
        Some(NodeView {
            figures: figures(&status),
            node: status.node.to_string(),
            addresses: status.listen.iter().map(ToString::to_string).collect(),
            connected: status.connected.len(),
            routable: status.routable,
            profiles: status.profiles,
            mailboxes: status.mailboxes,
            refused: status.refused,
        })
    }
}

/// How much a gateway does for strangers.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayLimits {
    /// Lookups of one source at once, and then a second.
    pub gets: (u32, f64),
    /// Puts of one source at once, and then a second.
    pub puts: (u32, f64),
    /// Sources that are told apart.
    pub keys: usize,
    /// Lookups and puts under way. The overlay's own limit is beyond.
    pub under_way: usize,
    /// How long one may take.
    pub patience: Duration,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self { gets: (120, 10.0), puts: (40, 1.0), keys: 16_384, under_way: 96, patience: Duration::from_secs(25) }
    }
}

/// Makes credentials for one whom it is told by a name.
pub type MakeTurnOffer = Box<dyn Fn(&str) -> TurnOffer + Send + Sync>;

/// How a gateway behaves.
#[derive(Default)]
pub struct GatewayConfig {
    /// Gateways that it tells of, its own public address first.
    pub gateways: Vec<String>,
    /// What the node offers beside.
    pub offers: Vec<String>,
    /// How much it does for strangers.
    pub limits: GatewayLimits,
    /// Makes credentials for the TURN server that the node offers, for the source that asks.
    pub turn: Option<MakeTurnOffer>,
    /// More metrics, in Prometheus' text format.
    pub metrics: Option<Box<dyn Fn() -> String + Send + Sync>>,
    /// What the listener has seen, for the metrics.
    pub listener: Option<Box<dyn Fn() -> Counts + Send + Sync>>,
}

struct Shared<N> {
    node: N,
    config: GatewayConfig,
    gets: Buckets<Source>,
    puts: Buckets<Source>,
    room: Semaphore,
    metrics: Metrics,
}

/// A gateway to the overlay.
pub fn gateway_router<N: Node>(node: N, config: GatewayConfig) -> Router {
    let limits = &config.limits;
    let rate = |(burst, per_second)| Rate { burst, per_second };
    let shared = Arc::new(Shared {
        node,
        gets: Buckets::new(rate(limits.gets), limits.keys),
        puts: Buckets::new(rate(limits.puts), limits.keys),
        room: Semaphore::new(limits.under_way),
        metrics: Metrics::default(),
        config,
    });
    Router::new()
        .route("/v1/records/{kind}/{key}", get(get_record::<N>).put(put_record::<N>))
        .route("/v1/node", get(node_info::<N>))
        .route("/v1/turn", get(turn_offer::<N>))
        .route("/healthz", get(healthz::<N>))
        .route("/metrics", get(metrics::<N>))
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::not_allowed)
        .layer(middleware::from_fn(respond::headers))
        .with_state(shared)
}

type Failed = Box<Response>;

async fn get_record<N: Node>(
    State(shared): State<Arc<Shared<N>>>,
    Path((kind, key)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (source, held) = (source(request.extensions()), request.headers().get(header::IF_NONE_MATCH).cloned());
    let given = async {
        shared.gets.take(source, Instant::now()).map_err(|wait| failed(too_many("source", wait)))?;
        let place = place(&kind, &key)?;
        let record = shared.bounded(shared.node.get(&place)).await?;
        let none = || simple(StatusCode::NOT_FOUND, "no-record", "No record", &format!("{place}: none was found"));
        Ok(record_response(&place, record.ok_or_else(none)?, held.as_ref()))
    };
    shared.count(&kind, false, given.await)
}

async fn put_record<N: Node>(
    State(shared): State<Arc<Shared<N>>>,
    Path((kind, key)): Path<(String, String)>,
    request: Request,
) -> Response {
    let put = async {
        let (head, body) = request.into_parts();
        let source = source(&head.extensions);
        shared.puts.take(source, Instant::now()).map_err(|wait| failed(too_many("source", wait)))?;
        let place = place(&kind, &key)?;
        let record = body::read(&head.headers, body, place.limit()).await?.to_vec();
        check(&place, &record)?;
        // The source itself is told to nobody, not even to our own disk.
        let giver = sha256(&[b"pumasi/gateway/giver\0", source.to_string().as_bytes()]).0;
        let put = shared.bounded(shared.node.give(giver, &place, record)).await?;
        Ok(json(StatusCode::OK, &object!({ "asked": put.asked, "stored": put.stored })))
    };
    shared.count(&kind, true, put.await)
}

async fn node_info<N: Node>(State(shared): State<Arc<Shared<N>>>) -> Response {
    let Some(view) = shared.node.view().await else { return *stopped() };
    let info = NodeInfo {
        node: view.node,
        version: concat!("pumasi/", env!("CARGO_PKG_VERSION")).to_owned(),
        records: ["profile", "mailbox"].map(str::to_owned).to_vec(),
        addresses: view.addresses,
        gateways: shared.config.gateways.clone(),
        offers: shared.config.offers.clone(),
        time: now().0,
    };
    json(StatusCode::OK, &info)
}

/// Credentials for the TURN server. One source is one user of it, however often it asks.
async fn turn_offer<N: Node>(State(shared): State<Arc<Shared<N>>>, request: Request) -> Response {
    let source = source(request.extensions());
    drop(request);
    if let Err(wait) = shared.gets.take(source, Instant::now()) {
        return *failed(too_many("source", wait));
    }
    let Some(offer) = &shared.config.turn else { return respond::not_found().await };
    let mut response = json(StatusCode::OK, &offer(&source.to_string()));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn healthz<N: Node>(State(shared): State<Arc<Shared<N>>>) -> Response {
    match shared.node.view().await {
        Some(view) => json(StatusCode::OK, &object!({ "status": "ok", "peers": view.connected })),
        None => *stopped(),
    }
}

/// For whoever runs it: not for strangers.
async fn metrics<N: Node>(State(shared): State<Arc<Shared<N>>>, request: Request) -> Response {
    let near = is_near(request);
    let counts = shared.config.listener.as_ref().map(|counts| counts());
    let view = shared.node.view().await;
    let more = || shared.config.metrics.as_ref().map_or_else(String::new, |more| more());
    metrics_response(near, || shared.metrics.text(view.as_ref(), counts) + &more()).await
}

pub(super) fn is_near(request: Request) -> bool {
    Source::from_request(request.extensions()).is_some_and(Source::is_near)
}

/// The figures, to whoever asks from near by; others do not even learn that there are any.
pub(super) async fn metrics_response(near: bool, text: impl FnOnce() -> String) -> Response {
    if !near {
        return respond::not_found().await;
    }
    let mut response = Response::new(Body::from(text()));
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

impl<N: Node> Shared<N> {
    /// Within the room and the time that there is.
    async fn bounded<T>(&self, work: impl Future<Output = Result<T, RecordsError>>) -> Result<T, Failed> {
        let busy = |detail: &str| later(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", detail, 2);
        let Ok(_room) = self.room.try_acquire() else { return Err(busy("too much is under way")) };
        match timeout(self.config.limits.patience, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(busy("the overlay did not answer in time")),
        }
    }

    fn count(&self, kind: &str, put: bool, done: Result<Response, Failed>) -> Response {
        let response = done.unwrap_or_else(|failed| *failed);
        self.metrics.count(kind, put, Outcome::of(response.status()));
        response
    }
}

fn source(extensions: &Extensions) -> Source {
    // `pumasi-tls` names the source; served by something else, all are one.
    Source::from_request(extensions).unwrap_or(Source::of(Ipv4Addr::UNSPECIFIED.into()))
}

fn place(kind: &str, key: &str) -> Result<Place, Failed> {
    let bad = |detail: &str| simple(StatusCode::BAD_REQUEST, "malformed", "Malformed request", detail);
    match kind {
        "profile" => Ok(Place::Profile(key.parse().map_err(|_| bad("did: not a did:key of an Ed25519 key"))?)),
        "mailbox" => {
            let mut slot = [0; 32];
            let lower = !key.bytes().any(|byte| byte.is_ascii_uppercase());
            let read = hex::decode_to_slice(key, &mut slot).is_ok() && lower;
            if read { Ok(Place::Mailbox(slot)) } else { Err(bad("slot: not 64 hexadecimal digits in lower case")) }
        }
        _ => {
            let detail = "no such kind of records; there are `profile` and `mailbox`";
            Err(simple(StatusCode::NOT_FOUND, "kind", "No such kind", detail))
        }
    }
}

/// What can be told about a record without asking the overlay.
fn check(place: &Place, record: &[u8]) -> Result<(), Failed> {
    let reason = match place {
        Place::Profile(did) => match SignedProfile::verify(record, now()) {
            Ok(profile) if profile.did() == did => return Ok(()),
            Ok(_) => "profile: of another DID".to_owned(),
            Err(error) => error.to_string(),
        },
        Place::Mailbox(slot) => match MailboxRecord::validate(slot, record, now()) {
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        },
    };
    Err(refused(&RecordsError::Refused(reason)))
}

fn refused(error: &RecordsError) -> Failed {
    let detail = error.to_string();
    match error {
        RecordsError::Refused(_) => {
            simple(StatusCode::UNPROCESSABLE_ENTITY, "refused", "Record not acceptable", &detail)
        }
        RecordsError::Conflict(_) => simple(StatusCode::CONFLICT, "conflict", "A newer record is held", &detail),
        RecordsError::Full(_) => later(StatusCode::SERVICE_UNAVAILABLE, "full", "No room", &detail, 60),
        RecordsError::Unreachable(_) => {
            later(StatusCode::SERVICE_UNAVAILABLE, "offline", "Overlay not reachable", &detail, 5)
        }
    }
}

fn stopped() -> Failed {
    later(StatusCode::SERVICE_UNAVAILABLE, "offline", "Overlay not reachable", "the node has stopped", 5)
}

/// A profile changes seldom: whoever has it may ask whether it has. A mailbox record is nobody's to keep.
fn record_response(place: &Place, record: Vec<u8>, held: Option<&HeaderValue>) -> Response {
    let tag = format!("\"{}\"", sha256(&[&record]));
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes");
    let same = held == Some(&tag);
    let mut response = Response::new(if same { Body::empty() } else { Body::from(record) });
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if matches!(place, Place::Profile(_)) {
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}
