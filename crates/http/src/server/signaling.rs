//! `POST /receive-offer`, `/send-answer`, `/candidates` (`docs/spec/https.md` §2).
//!
//! In this order, the cheap first: pace of the source, API token, size, form, signature with audience and times, what it
//! says, replay, pace of the DID, profile. Only then the [`Offers`] hears of it.

use super::body;
use super::callback::{Callbacks, Caller};
use super::limit::Buckets;
use super::reception::{Reception, malformed, rate, too_many};
use super::respond::{self, failed, json, problem};
use crate::tokens::{NoAccess, Tokens};
use crate::wire::{AnswerBody, CandidatesBody, MAX_BODY, OfferBody};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use pumasi_identity::{Did, SignedProfile};
use pumasi_signaling::SignedSignal;
use pumasi_tls::Source;
use serde_json::json as object;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who answers offers: a payee.
pub trait Offers: Send + Sync + 'static {
    /// The DID that offers are for.
    fn did(&self) -> Did;

    /// Takes an offer for [`did`](Self::did) that is signed by its sender, new, and of now, and gives the signed answer or
    /// reject. The profile is the sender's own, checked. `source` is where it came from, of an IPv6 address the network; it
    /// is absent where a stream of the overlay brought it.
    fn receive(
        &self,
        offer: SignedSignal,
        profile: Option<SignedProfile>,
        source: Option<IpAddr>,
    ) -> impl Future<Output = Result<SignedSignal, Refusal>> + Send;

    /// Takes an answer or reject that was posted to us, who had asked to be called back.
    fn answered(&self, answer: SignedSignal) -> impl Future<Output = Result<(), Refusal>> + Send {
        drop(answer);
        async { Err(Refusal::Unexpected) }
    }

    /// Takes candidates that were found since.
    fn candidates(&self, candidates: SignedSignal) -> impl Future<Output = Result<(), Refusal>> + Send {
        drop(candidates);
        async { Err(Refusal::Unexpected) }
    }
}

/// Why there is no signed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Too much at once.
    Busy {
        /// After how many seconds to try again.
        retry_after: u32,
    },
    /// The sender is not known here; with its profile it could be.
    ProfileNeeded,
    /// The sender is not known here, and will not be.
    Stranger,
    /// Nothing stands here that it could be about.
    Unexpected,
    /// Something went wrong inside. What, is for the log.
    Failed,
}

/// How much is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalingLimits {
    /// Requests of one source at once, and then a second.
    pub source: (u32, f64),
    /// Offers of one DID at once, and then a second.
    pub did: (u32, f64),
    /// Candidates and answers of one DID at once, and then a second.
    pub trickle: (u32, f64),
    /// Sources and DIDs that are told apart.
    pub keys: usize,
    /// Offers that are being answered.
    pub offers: usize,
    /// How long an answer may take.
    pub answer: Duration,
}

impl Default for SignalingLimits {
    fn default() -> Self {
        Self {
            source: (60, 2.0),
            did: (12, 0.2),
            trickle: (64, 2.0),
            keys: 8_192,
            offers: 32,
            answer: Duration::from_secs(20),
        }
    }
}

/// How an endpoint behaves.
#[derive(Default)]
pub struct SignalingConfig {
    /// The tokens one of which is demanded; nobody needs one without.
    pub tokens: Option<Tokens>,
    /// How much is taken.
    pub limits: SignalingLimits,
    /// Whether answers are posted to addresses that offers name.
    pub callbacks: Callbacks,
}

struct Shared<O> {
    reception: Reception<O>,
    tokens: Option<Tokens>,
    caller: Caller,
    sources: Buckets<Source>,
}

/// The endpoint of a payee.
pub fn signaling_router<O: Offers>(offers: Arc<O>, config: SignalingConfig) -> Router {
    let SignalingConfig { tokens, limits, callbacks } = config;
    let shared = Arc::new(Shared {
        sources: Buckets::new(rate(limits.source), limits.keys),
        reception: Reception::new(offers, &limits),
        tokens,
        caller: Caller::new(callbacks),
    });
    Router::new()
        .route("/receive-offer", post(receive_offer::<O>))
        .route("/send-answer", post(send_answer::<O>))
        .route("/candidates", post(candidates::<O>))
        .route("/healthz", get(healthz))
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::not_allowed)
        .layer(middleware::from_fn(respond::headers))
        .with_state(shared)
}

type Failed = Box<Response>;

async fn healthz() -> Response {
    json(StatusCode::OK, &object!({ "status": "ok" }))
}

async fn receive_offer<O: Offers>(State(shared): State<Arc<Shared<O>>>, request: Request) -> Response {
    take_offer(shared, request).await.unwrap_or_else(|failed| *failed)
}

async fn take_offer<O: Offers>(shared: Arc<Shared<O>>, request: Request) -> Result<Response, Failed> {
    let (head, body) = request.into_parts();
    let source = shared.admit(&head.extensions, &head.headers)?;
    let body = read(&head.headers, body).await?;
    let body = OfferBody::parse(&body).map_err(|reason| malformed(&reason)).map_err(failed)?;
    let admitted = shared.reception.admit(&body, None).map_err(failed)?;
    let call = body.callback.as_deref().and_then(|url| shared.caller.takes(url));
    if let Some(call) = call {
        tokio::spawn(async move {
            if let Ok(answer) = shared.reception.answer(admitted, Some(source)).await {
                call.make(answer).await;
            }
        });
        return Ok(json(StatusCode::ACCEPTED, &object!({ "status": "the answer will be posted" })));
    }
    let answer = shared.reception.answer(admitted, Some(source)).await.map_err(failed)?;
    Ok(json(StatusCode::OK, &answer))
}

async fn send_answer<O: Offers>(State(shared): State<Arc<Shared<O>>>, request: Request) -> Response {
    let taken = async {
        let (head, body) = request.into_parts();
        // A payee who calls back has no token of ours: it answers what we asked.
        shared.pace(&head.extensions)?;
        let body = read(&head.headers, body).await?;
        let body = AnswerBody::parse(&body).map_err(|reason| malformed(&reason)).map_err(failed)?;
        shared.reception.answered(&body).await.map_err(failed)
    };
    no_content(taken.await)
}

async fn candidates<O: Offers>(State(shared): State<Arc<Shared<O>>>, request: Request) -> Response {
    let taken = async {
        let (head, body) = request.into_parts();
        shared.admit(&head.extensions, &head.headers)?;
        let body = read(&head.headers, body).await?;
        let body = CandidatesBody::parse(&body).map_err(|reason| malformed(&reason)).map_err(failed)?;
        shared.reception.candidates(&body).await.map_err(failed)
    };
    no_content(taken.await)
}

impl<O: Offers> Shared<O> {
    /// The pace of a source.
    fn pace(&self, extensions: &axum::http::Extensions) -> Result<IpAddr, Failed> {
        // `pumasi-tls` names the source; served by something else, all are one.
        let source = Source::from_request(extensions).unwrap_or(Source::of(Ipv4Addr::UNSPECIFIED.into()));
        self.sources.take(source, Instant::now()).map_err(|seconds| failed(too_many("source", seconds)))?;
        Ok(source.address())
    }

    /// The pace of a source, and its token.
    fn admit(&self, extensions: &axum::http::Extensions, headers: &HeaderMap) -> Result<IpAddr, Failed> {
        let source = self.pace(extensions)?;
        if let Some(tokens) = &self.tokens {
            let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
            tokens.check(given, super::now()).map_err(unauthorized)?;
        }
        Ok(source)
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, Failed> {
    body::read(headers, body, MAX_BODY).await
}

fn unauthorized(reason: NoAccess) -> Failed {
    let (code, error) = match reason {
        NoAccess::Missing => ("token-missing", ""),
        NoAccess::Malformed => ("token-malformed", ", error=\"invalid_request\""),
        NoAccess::Unknown => ("token-unknown", ", error=\"invalid_token\""),
        NoAccess::Expired => ("token-expired", ", error=\"invalid_token\""),
        NoAccess::Unreadable => ("token-unreadable", ""),
    };
    let mut response = problem(StatusCode::UNAUTHORIZED, code, "API token needed", reason.to_string());
    let challenge = format!("Bearer realm=\"pumasi\"{error}");
    let challenge = HeaderValue::from_str(&challenge).expect("printable ASCII");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    Box::new(response)
}

fn no_content(taken: Result<(), Failed>) -> Response {
    match taken {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(failed) => *failed,
    }
}
