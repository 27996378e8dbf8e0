use crate::gate::Gate;
use crate::idle::Idle;
use crate::keyring::{ACME_PROTOCOL, Keyring};
use crate::{Identity, Limits, Options, Source, TlsError, acme, files};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

/// The pause after the system refused to accept a connection, as when files have run out.
const BREATH: Duration = Duration::from_millis(100);

/// A listener that is bound and does not serve yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
    tls: Option<(TlsAcceptor, Arc<Keyring>)>,
    counters: Arc<Counters>,
}

/// What a listener has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken.
    pub connections: u64,
    /// Connections closed at once, since their source had its share.
    pub refused: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Requests.
    pub requests: u64,
    /// Requests that took too long.
    pub timed_out: u64,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    refused: AtomicU64,
    handshakes_failed: AtomicU64,
    requests: AtomicU64,
    timed_out: AtomicU64,
}

impl Server {
    /// Reads the certificate and listens.
    ///
    /// # Errors
    /// [`TlsError`], as [`Options::check`] and the files say; [`TlsError::Listen`].
    pub async fn bind(options: Options) -> Result<Self, TlsError> {
        options.check()?;
        let tls = match &options.identity {
            None => None,
            Some(identity) => {
                let keyring = Keyring::new();
                match identity {
                    Identity::Files { chain, key } => keyring.use_key(files::load(chain, key)?),
                    Identity::Acme(options) => {
                        if let Some(key) = acme::kept(options)? {
                            keyring.use_key(key);
                        }
                    }
                }
                let config = keyring.config(matches!(identity, Identity::Acme(_)))?;
                Some((TlsAcceptor::from(config), keyring))
            }
        };
        let at = options.listen;
        let listen = |source| TlsError::Listen { address: at, source };
        let listener = TcpListener::bind(at).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, options, tls, counters: Arc::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Reads what the listener has seen so far, for a page of metrics that the router itself serves.
    pub fn counts(&self) -> impl Fn() -> Counts + Send + Sync + 'static {
        let counters = Arc::clone(&self.counters);
        move || counters.read()
    }

    /// Serves until [`Running::stop`] is called or the handle is dropped.
    #[must_use]
    pub fn serve(self, router: Router) -> Running {
        let (stop, stopped) = watch::channel(None);
        let counters = Arc::clone(&self.counters);
        let keyring = self.tls.as_ref().map(|(_, keyring)| Arc::clone(keyring));
        let keeper = match (&self.options.identity, &self.tls) {
            (Some(Identity::Files { chain, key }), Some((_, keyring))) => {
                Some(tokio::spawn(files::follow(Arc::clone(keyring), chain.clone(), key.clone())))
            }
            (Some(Identity::Acme(options)), Some((_, keyring))) => {
                Some(tokio::spawn(acme::keep(Arc::clone(keyring), options.clone())))
            }
            _ => None,
        };
        let shared = Arc::new(Shared {
            router,
            tls: self.tls.as_ref().map(|(acceptor, _)| acceptor.clone()),
            limits: self.options.limits.clone(),
            behind_proxy: self.options.behind_proxy,
            counters: Arc::clone(&counters),
        });
        let scheme = self.scheme();
        let task = tokio::spawn(accept(self.listener, shared, stopped));
        Running { address: self.address, scheme, stop, task, keeper, counters, keyring }
    }
}

/// A listener that serves. Dropping it ends every connection at once.
pub struct Running {
    address: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<()>,
    keeper: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    keyring: Option<Arc<Keyring>>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Waits until there is a certificate to serve with: at once, but for the first one from an ACME authority.
    ///
    /// # Errors
    /// [`TlsError::Acme`] after `limit`; it goes on trying.
    pub async fn certified(&self, limit: Duration) -> Result<(), TlsError> {
        let Some(keyring) = &self.keyring else { return Ok(()) };
        let mut ready = keyring.ready();
        if let Ok(Ok(_)) = timeout(limit, ready.wait_for(|ready| *ready)).await {
            return Ok(());
        }
        let why = keyring.failure().map(|why| format!(" ({why})")).unwrap_or_default();
        Err(TlsError::Acme(format!("no certificate within {} s{why}; it is tried again", limit.as_secs())))
    }

    /// Listens no more, lets the requests under way end, and returns when they have, or after `grace`.
    pub async fn stop(mut self, grace: Duration) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
        self.stop.send_replace(Some(grace));
        // The task ends by itself within `grace`; a panic in it has been told where it happened.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

impl Counters {
    fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Relaxed),
            refused: self.refused.load(Relaxed),
            handshakes_failed: self.handshakes_failed.load(Relaxed),
            requests: self.requests.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
        }
    }
}

struct Shared {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    behind_proxy: bool,
    counters: Arc<Counters>,
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<Option<Duration>>) {
    // Behind a proxy every connection has the same source.
    let per_source = if shared.behind_proxy { usize::MAX } else { shared.limits.connections_per_source };
    let gate = Gate::new(shared.limits.connections, per_source);
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let room = gate.room().await;
            (room, listener.accept().await)
        };
        let (room, accepted) = tokio::select! {
            next = next => next,
            _ = stop.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(place) = gate.enter(Source::of(peer.ip()), room) else {
            shared.counters.refused.fetch_add(1, Relaxed);
            continue;
        };
        shared.counters.connections.fetch_add(1, Relaxed);
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        connections.spawn(async move {
            serve(shared, stream, peer, stop).await;
            drop(place);
        });
    }
    drop(listener);
    // Without a word the handle was dropped: then at once.
    let grace = stop.borrow().unwrap_or_default();
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(grace, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, mut stop: watch::Receiver<Option<Duration>>) {
    // Small answers should not wait for more.
    let _ = stream.set_nodelay(true);
    let limits = &shared.limits;
    let stream = Idle::new(stream, limits.idle);
    let Some(acceptor) = shared.tls.clone() else { return speak(shared, stream, peer, stop).await };
    let handshake = tokio::select! {
        done = timeout(limits.handshake, acceptor.accept(stream)) => done,
        _ = stop.changed() => return,
    };
    match handshake {
        Ok(Ok(mut stream)) if stream.get_ref().1.alpn_protocol() == Some(ACME_PROTOCOL) => {
            // The handshake was all that the authority wanted to see.
            let _ = timeout(limits.handshake, stream.shutdown()).await;
        }
        Ok(Ok(stream)) => speak(shared, stream, peer, stop).await,
        Ok(Err(error)) => {
            shared.counters.handshakes_failed.fetch_add(1, Relaxed);
            tracing::trace!(%error, "a handshake failed");
        }
        Err(_) => {
            shared.counters.handshakes_failed.fetch_add(1, Relaxed);
        }
    }
}

async fn speak<S>(shared: Arc<Shared>, stream: S, peer: SocketAddr, mut stop: watch::Receiver<Option<Duration>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head)
        .max_headers(shared.limits.headers)
        .max_buf_size(shared.limits.head_bytes.max(8_192));
    let service = service_fn(move |request| answer(Arc::clone(&shared), peer, request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended badly");
    }
}

async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    shared.counters.requests.fetch_add(1, Relaxed);
    let mut request = request.map(Body::new);
    let source = Source::of_request(peer, request.headers(), shared.behind_proxy);
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(source);
    let mut router = shared.router.clone();
    match timeout(shared.limits.request, router.call(request)).await {
        Ok(response) => response,
        Err(_) => {
            shared.counters.timed_out.fetch_add(1, Relaxed);
            let body = r#"{"type":"about:blank","title":"Request Timeout","status":408}"#;
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
            // Some of the request's body may never come.
            headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            Ok(response)
        }
    }
}
