//! What every request passes: CORS, the deadline, how many at once, how many of one source, and the figures.

use super::limits::{Ask, source};
use super::problem::ApiError;
use super::{State, TIMEOUT};
use crate::store::Store;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// Paths for those who run the directory: not counted against anybody.
const UNLIMITED: [&str; 3] = ["/healthz", "/metrics", "/v1/policy"];

pub(super) async fn guard<S: Store>(
    axum::extract::State(shared): axum::extract::State<State<S>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && path.is_some();
    let mut response = if is_preflight {
        preflight()
    } else {
        match admit(&shared, &request, path.as_deref()) {
            Err(error) => error.into_response(),
            Ok(()) => match shared.under_way.try_acquire() {
                Err(_) => ApiError::Unavailable("too many requests are under way").into_response(),
                Ok(_permit) => match tokio::time::timeout(TIMEOUT, next.run(request)).await {
                    Ok(response) => response,
                    Err(_) => ApiError::Unavailable("it took too long").into_response(),
                },
            },
        }
    };
    // A directory is public, holds no cookies and signs nothing: any page may ask it.
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    shared.metrics.count(path.as_deref().unwrap_or("other"), response.status(), begun.elapsed());
    response
}

fn admit<S: Store>(shared: &State<S>, request: &Request, path: Option<&str>) -> Result<(), ApiError> {
    if path.is_some_and(|path| UNLIMITED.contains(&path)) {
        return Ok(());
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let ip = source(peer, request.headers(), &shared.config.proxies);
    let ask = if request.method() == Method::POST { Ask::Write } else { Ask::Read };
    shared.limiter.source(ip, ask).map_err(|retry_after| ApiError::TooMany { retry_after })
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, accept"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
