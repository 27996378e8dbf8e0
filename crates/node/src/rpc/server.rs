//! The HTTP side of the RPC: who may call, how many at once, and which status a reply has.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method as HttpMethod, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use pumasi_p2p::{NetAddr, Subnet};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::auth::{Auth, Cookie};
use super::error::{RpcError, RpcResult};
use super::request::{Request, Version, unreadable};
use super::rest::{self, Question};
use super::table;
use super::wait::{self, Waiting};
use crate::conf::{ConfError, Settings};
use crate::driver::{Event, Tip, call};
use crate::json::Json;
use crate::log::DebugLog;

/// A request body may be so long: a block in hexadecimal is 8 MB, and a batch holds several (Core: 32 MiB).
const MAX_BODY: usize = 0x0200_0000;
/// Path and headers together may be so long (Core's `MAX_HEADERS_SIZE`).
const MAX_HEAD: usize = 8192;
/// How long a wrong password is left waiting.
const WRONG_PASSWORD_DELAY: Duration = Duration::from_millis(250);

/// A call that is under way, for `getrpcinfo`.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    number: usize,
    pub(crate) method: String,
    pub(crate) since: Instant,
}

/// The calls that are under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActiveCalls(Arc<Mutex<(usize, Vec<Active>)>>);

impl ActiveCalls {
    fn begin(&self, method: &str) -> ActiveCall {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.0 += 1;
        let number = calls.0;
        calls.1.push(Active { number, method: method.to_owned(), since: Instant::now() });
        ActiveCall { calls: self.clone(), number }
    }

    /// A copy of the list.
    pub(crate) fn list(&self) -> Vec<Active> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

struct ActiveCall {
    calls: ActiveCalls,
    number: usize,
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        let mut calls = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.1.retain(|call| call.number != self.number);
    }
}

struct Shared {
    auth: Auth,
    allow: Vec<Subnet>,
    /// One permit per call that may run.
    threads: Semaphore,
    /// Calls that wait for a permit, and how many may.
    queued: AtomicUsize,
    queue_depth: usize,
    active: ActiveCalls,
    /// `-rest`
    rest: bool,
    node: mpsc::Sender<Event>,
    tip: watch::Receiver<Tip>,
    log: DebugLog,
}

/// The sockets are bound and the cookie is written; [`Server::serve`] answers.
pub(crate) struct Server {
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
    /// Removed with the server.
    cookie: Option<Cookie>,
}

impl Server {
    /// Binds the sockets and writes the cookie.
    ///
    /// # Errors
    /// When no address can be bound, or an option cannot be read.
    pub(crate) async fn bind(
        settings: &Settings,
        log: &DebugLog,
        node: mpsc::Sender<Event>,
        tip: watch::Receiver<Tip>,
        active: ActiveCalls,
    ) -> Result<Self, ConfError> {
        let mut listeners = Vec::new();
        for address in &settings.rpc_listen {
            match TcpListener::bind(address).await {
                Ok(listener) => listeners.push(listener),
                Err(error) => log.warn(&format!("Binding RPC on address {address} failed: {error}.")),
            }
        }
        if listeners.is_empty() && !settings.rpc_listen.is_empty() {
            return Err(ConfError::Value("Unable to start HTTP server. See debug log for details.".to_owned()));
        }
        let args = &settings.args;
        let wants_cookie = args.text("rpcpassword").is_none_or(str::is_empty);
        let cookie = match settings.cookie_path().filter(|_| wants_cookie && !listeners.is_empty()) {
            None => None,
            Some(path) => {
                let cookie = Cookie::write(&path, args.text("rpccookieperms")).map_err(|error| {
                    log.warn(&format!(
                        "Unable to open cookie authentication file {} for writing: {error}",
                        path.display()
                    ));
                    ConfError::Value("Unable to start HTTP server. See debug log for details.".to_owned())
                })?;
                log.info(&format!("Generated RPC authentication cookie {}", path.display()));
                Some(cookie)
            }
        };
        let auth = Auth::new(args, cookie.as_ref().map(|cookie| cookie.password.as_str())).map_err(|why| {
            log.error(&why);
            ConfError::Value("Unable to start HTTP server. See debug log for details.".to_owned())
        })?;
        let allow = args
            .all("rpcallowip")
            .into_iter()
            .map(|text| {
                // With CJDNS its addresses (fc00::/8) are those of others.
                let is_cjdns = args.flag("cjdnsreachable", false) && text.to_ascii_lowercase().starts_with("fc");
                text.parse::<Subnet>().ok().filter(|_| !is_cjdns).ok_or_else(|| {
                    ConfError::Value(format!(
                        "Invalid -rpcallowip subnet specification: {text}. Valid values are a single IP (e.g. \
                         1.2.3.4), a network/netmask (e.g. 1.2.3.4/255.255.255.0), a network/CIDR (e.g. \
                         1.2.3.4/24), all ipv4 (0.0.0.0/0), or all ipv6 (::/0)."
                    ))
                })
            })
            .collect::<Result<_, _>>()?;
        let at_least_one = |name, default| usize::try_from(args.integer(name, default).max(1)).unwrap_or(1);
        let shared = Shared {
            auth,
            allow,
            threads: Semaphore::new(at_least_one("rpcthreads", 16)),
            queued: AtomicUsize::new(0),
            queue_depth: at_least_one("rpcworkqueue", 64),
            active,
            rest: args.flag("rest", false),
            node,
            tip,
            log: log.clone(),
        };
        Ok(Self { listeners, shared: Arc::new(shared), cookie })
    }

    /// Answers until `stop` turns true.
    pub(crate) async fn serve(self, stop: watch::Receiver<bool>) {
        let mut servers = tokio::task::JoinSet::new();
        for listener in self.listeners {
            let app = Router::new()
                .fallback(answer)
                .layer(DefaultBodyLimit::max(MAX_BODY))
                .with_state(Arc::clone(&self.shared))
                .into_make_service_with_connect_info::<SocketAddr>();
            let mut stop = stop.clone();
            servers.spawn(async move {
                let stopped = async move {
                    let _ = stop.wait_for(|stop| *stop).await;
                };
                let _ = axum::serve(listener, app).with_graceful_shutdown(stopped).await;
            });
        }
        while servers.join_next().await.is_some() {}
        drop(self.cookie);
    }
}

/// One HTTP request.
async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: HttpMethod,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !shared.may_connect(peer.ip()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size + uri.to_string().len() > MAX_HEAD {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if let Some(path) = uri.path().strip_prefix("/rest").filter(|path| shared.rest && path.starts_with('/')) {
        let query = uri.query().unwrap_or_default().to_owned();
        return shared.rest(Question { path: path.to_owned(), query, body: body.to_vec() }).await;
    }
    if uri.path() != "/" {
        return StatusCode::NOT_FOUND.into_response();
    }
    if method != HttpMethod::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "JSONRPC server handles only POST requests").into_response();
    }
    let unauthorized =
        || (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")]).into_response();
    let Some(given) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return unauthorized();
    };
    let Some(user) = shared.auth.user(given) else {
        shared.log.warn(&format!("ThreadRPCServer incorrect password attempt from {peer}"));
        tokio::time::sleep(WRONG_PASSWORD_DELAY).await;
        return unauthorized();
    };
    let Some(_permit) = shared.permit().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Work queue depth exceeded").into_response();
    };
    let (status, reply) = match Json::parse(&body) {
        None => error_reply(None, RpcError::parse_error("Parse error")),
        Some(value @ Json::Object(_)) => shared.single(&user, &value).await,
        Some(Json::Array(values)) => shared.batch(&user, &values).await,
        Some(_) => error_reply(None, RpcError::parse_error("Top-level object parse error")),
    };
    match reply {
        Some(reply) => (status, [(header::CONTENT_TYPE, "application/json")], format!("{reply}\n")).into_response(),
        None => status.into_response(),
    }
}

/// An error of a request that is not 2.0: the HTTP status tells it too.
fn error_reply(request: Option<Request>, error: RpcError) -> (StatusCode, Option<Json>) {
    let status = match error.code {
        -32600 => StatusCode::BAD_REQUEST,
        -32601 => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let reply = match request {
        Some(request) => request.reply(Err(error)),
        None => unreadable(error),
    };
    (status, Some(reply))
}

impl Shared {
    fn may_connect(&self, ip: IpAddr) -> bool {
        ip.to_canonical().is_loopback()
            || self.allow.iter().any(|subnet| subnet.contains(&NetAddr::from(ip.to_canonical())))
    }

    /// Waits for a turn; `None` when too many wait already.
    async fn permit(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        if let Ok(permit) = self.threads.try_acquire() {
            return Some(permit);
        }
        if self.queued.fetch_add(1, Ordering::SeqCst) >= self.queue_depth {
            self.queued.fetch_sub(1, Ordering::SeqCst);
            self.log.warn("Request rejected because http work queue depth exceeded, it can be increased with the -rpcworkqueue= setting");
            return None;
        }
        let permit = self.threads.acquire().await.ok();
        self.queued.fetch_sub(1, Ordering::SeqCst);
        permit
    }

    /// A question to `/rest`.
    async fn rest(&self, question: Question) -> Response {
        let Some(_permit) = self.permit().await else {
            return (StatusCode::SERVICE_UNAVAILABLE, "Work queue depth exceeded").into_response();
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.node.send(call(move |node| rest::answer(node, &question), reply)).await;
        match answer.await {
            Ok(Ok(found)) if sent.is_ok() => ([(header::CONTENT_TYPE, found.content_type)], found.body).into_response(),
            Ok(Err((status, text))) => {
                (status, [(header::CONTENT_TYPE, "text/plain")], format!("{text}\r\n")).into_response()
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, "Shutting down\r\n").into_response(),
        }
    }

    async fn single(&self, user: &str, value: &Json) -> (StatusCode, Option<Json>) {
        let mut request = Request::read(value);
        let call = std::mem::replace(&mut request.call, Err(RpcError::internal("taken")));
        if let Ok((method, _)) = &call
            && !self.may_call(user, method)
        {
            return (StatusCode::FORBIDDEN, None);
        }
        let readable = call.is_ok();
        let result = match call {
            Ok((method, params)) => self.call(user, &method, params).await,
            Err(error) => Err(error),
        };
        match result {
            _ if request.is_notification() && readable => (StatusCode::NO_CONTENT, None),
            Err(error) if request.version == Version::Legacy || !readable => error_reply(Some(request), error),
            result => (StatusCode::OK, Some(request.reply(result))),
        }
    }

    async fn batch(&self, user: &str, values: &[Json]) -> (StatusCode, Option<Json>) {
        let named = |value: &Json| value.get("method").and_then(Json::as_str).map(str::to_owned);
        if values.iter().filter_map(named).any(|method| !self.may_call(user, &method)) {
            return (StatusCode::FORBIDDEN, None);
        }
        let mut replies = Vec::with_capacity(values.len().min(1000));
        for value in values {
            let mut request = Request::read(value);
            let result = match std::mem::replace(&mut request.call, Err(RpcError::internal("taken"))) {
                Ok((method, params)) => self.call(user, &method, params).await,
                Err(error) => Err(error),
            };
            if !request.is_notification() {
                replies.push(request.reply(result));
            }
        }
        if replies.is_empty() && !values.is_empty() {
            return (StatusCode::NO_CONTENT, None);
        }
        (StatusCode::OK, Some(Json::Array(replies)))
    }

    fn may_call(&self, user: &str, method: &str) -> bool {
        let may = self.auth.may_call(user, method);
        if !may {
            self.log.warn(&format!("RPC User {user} not allowed to call method {method}"));
        }
        may
    }

    async fn call(&self, user: &str, method: &str, params: Json) -> RpcResult {
        self.log.debug("rpc", &format!("ThreadRPCServer method={} user={user}", method.escape_default()));
        let _active = self.active.begin(method);
        let Some(method) = table::find(method) else {
            return Err(RpcError::method_not_found("Method not found"));
        };
        let params = method.arrange(params)?;
        if let Some(waiting) = Waiting::new(method.name, &params)? {
            return wait::until(waiting, self.tip.clone()).await;
        }
        if method.name == "getblocktemplate"
            && let Some(id) = params.get(0).and_then(|request| request.get("longpollid")).and_then(Json::as_str)
        {
            wait::until_template_changes(id, self.tip.clone(), &self.node).await;
        }
        let (reply, answer) = oneshot::channel();
        self.node
            .send(call(move |node| (method.run)(node, &params), reply))
            .await
            .map_err(|_| RpcError::not_connected("Shutting down"))?;
        answer.await.map_err(|_| RpcError::not_connected("Shutting down"))?
    }
}
