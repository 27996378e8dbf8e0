//! The API of a directory over a store (spec: `docs/spec/directory.md` §4): [`router`] has all of it, [`serve`] is a plain
//! HTTP listener for loopback and for a proxy that speaks TLS.

mod guard;
mod handlers;
mod limits;
mod metrics;
mod mirror;
mod openapi;
mod problem;
mod resolver;

pub use limits::{Limits, Network};
pub use mirror::{MirrorError, catch_up, follow};
pub use openapi::document;

use crate::bounds::{DEFAULT_DIFFICULTY, MAX_DIFFICULTY};
use crate::store::{Store, StoreError};
use crate::wire::Categories;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use limits::Limiter;
use metrics::Metrics;
use pumasi_units::Timestamp;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Longest request body, in bytes: an operation, its fields once more, and escapes.
const MAX_BODY: usize = 32 * 1024;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most requests under way at once.
const MAX_UNDER_WAY: usize = 512;
/// How often what ended is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How long requests under way may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// How a directory behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Zero bits that a stamp must give, at most [`MAX_DIFFICULTY`].
    pub difficulty: u8,
    /// How much one source and one DID may ask.
    pub limits: Limits,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
}

impl Default for Config {
    fn default() -> Self {
        Self { difficulty: DEFAULT_DIFFICULTY, limits: Limits::default(), proxies: Vec::new() }
    }
}

/// What every request needs.
struct Shared<S> {
    store: S,
    config: Config,
    limiter: Limiter,
    metrics: Metrics,
    under_way: Semaphore,
    /// The last answer of `/categories`, and until when it serves.
    categories: Mutex<Option<(Timestamp, Arc<Categories>)>>,
    /// The last counts, and until when they serve.
    counts: Mutex<Option<(Timestamp, crate::store::Counts)>>,
}

type State<S> = Arc<Shared<S>>;

/// The API. It wants to know who asks: serve it with `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn router<S: Store>(store: S, config: Config) -> Router {
    let config = Config { difficulty: config.difficulty.min(MAX_DIFFICULTY), ..config };
    let shared = Arc::new(Shared {
        store,
        limiter: Limiter::new(config.limits),
        metrics: Metrics::default(),
        under_way: Semaphore::new(MAX_UNDER_WAY),
        categories: Mutex::default(),
        counts: Mutex::default(),
        config,
    });
    Router::new()
        .route("/register", post(handlers::register::<S>))
        .route("/update", post(handlers::update::<S>))
        .route("/heartbeat", post(handlers::heartbeat::<S>))
        .route("/delete", post(handlers::delete::<S>))
        .route("/search", get(handlers::search::<S>))
        .route("/categories", get(handlers::categories::<S>))
        .route("/export", get(handlers::export::<S>))
        .route("/v1/listings/{did}", get(handlers::listing::<S>))
        .route("/v1/policy", get(handlers::policy::<S>))
        .route("/1.0/identifiers/{did}", get(resolver::resolve::<S>))
        .route("/healthz", get(handlers::health::<S>))
        .route("/metrics", get(handlers::metrics::<S>))
        .route("/openapi.json", get(openapi::serve))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::guard::<S>))
        .with_state(shared)
}

/// Answers plain HTTP until `stop` turns true, then lets what is under way end.
///
/// # Errors
/// When the socket fails.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut stopping = stop.clone();
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopped).into_future();
    let overdue = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => Ok(()),
    }
}

/// Removes what ended, every minute, until `stop` turns true.
pub async fn sweep<S: Store>(store: S, mut stop: watch::Receiver<bool>) {
    let mut beat = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = beat.tick() => {}
        }
        if let Err(error) = sweep_all(&store, now()).await {
            tracing::warn!(%error, "what ended could not be removed yet");
        }
    }
}

async fn sweep_all<S: Store>(store: &S, now: Timestamp) -> Result<(), StoreError> {
    loop {
        let gone = store.sweep(now).await?;
        if gone == 0 {
            return Ok(());
        }
        tracing::debug!(gone, "removed what ended");
    }
}

/// Now, by the system's clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
