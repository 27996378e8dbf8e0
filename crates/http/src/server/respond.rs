use crate::problem::{PROBLEM_TYPE, Problem};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// A response whose body is a problem.
pub(crate) fn problem(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Response {
    of(Problem::new(status.as_u16(), code, title, detail))
}

/// As [`problem`], boxed for the error side of a result.
pub(crate) fn simple(status: StatusCode, code: &str, title: &str, detail: &str) -> Box<Response> {
    Box::new(problem(status, code, title, detail))
}

/// A response whose body is this problem, boxed for the error side of a result.
pub(crate) fn failed(problem: Problem) -> Box<Response> {
    Box::new(of(problem))
}

/// Come again later.
pub(crate) fn later(status: StatusCode, code: &str, title: &str, detail: &str, seconds: u32) -> Box<Response> {
    failed(Problem::new(status.as_u16(), code, title, detail).after(seconds))
}

fn of(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&problem).expect("texts and numbers");
    let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_TYPE)], body).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A response of JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("texts and numbers");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// What every response says: pages of any origin may read it, without cookies; nobody guesses its type; nobody keeps it,
/// unless the handler said otherwise.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response = match *request.method() {
        Method::OPTIONS => preflight(&asked),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    let said = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after, www-authenticate, etag"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in said {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let said = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-none-match"),
        (header::ACCESS_CONTROL_MAX_AGE, "7200"),
        (header::ALLOW, "GET, HEAD, POST, PUT, OPTIONS"),
    ];
    for (name, value) in said {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page from the internet that asks a peer in the same network (Private Network Access).
    if asked.contains_key("access-control-request-private-network") {
        headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    response
}

pub(crate) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "not-found", "Not found", "there is nothing at this address")
}

pub(crate) async fn not_allowed() -> Response {
    let detail = "this address is not asked with this method";
    problem(StatusCode::METHOD_NOT_ALLOWED, "method", "Method not allowed", detail)
}
