//! Serving the page: one origin, nothing from anywhere else, and no file that the build did not write.

use super::Files;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use pumasi_crypto::hash::sha256;
use serde::Serialize;
use std::sync::Arc;

/// The policy of the page, as it also stands in `index.html`; as a header it can keep the page out of frames as well.
const POLICY: &str = include_str!("../../../web/static/csp.txt");
/// Sent with everything.
const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(self), clipboard-write=(self), microphone=(), geolocation=(), payment=(), usb=()"),
];

/// Where the page asks at first: its `config.json`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct PageConfig {
    /// URLs of directories.
    pub(crate) directories: Vec<String>,
    /// URLs of gateways to the DHT.
    pub(crate) gateways: Vec<String>,
}

struct Page {
    files: Files,
    config: Vec<u8>,
    policy: HeaderValue,
}

/// The page, as something to serve.
pub(crate) fn router(files: Files, config: &PageConfig) -> Router {
    let config = serde_json::to_vec(config).expect("lists of strings");
    let policy = format!("{}; frame-ancestors 'none'", POLICY.trim());
    let policy = HeaderValue::from_str(&policy).expect("the policy is plain text");
    Router::new().fallback(answer).with_state(Arc::new(Page { files, config, policy }))
}

async fn answer(State(page): State<Arc<Page>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let mut response = match method {
        Method::GET | Method::HEAD => file(&page, uri.path(), &headers),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response.headers_mut().insert(HeaderName::from_static("content-security-policy"), page.policy.clone());
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from(format!("{status}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn file(page: &Page, path: &str, headers: &HeaderMap) -> Response {
    let name = match path.strip_prefix('/').unwrap_or(path) {
        "" => "index.html",
        name => name,
    };
    let bytes = if name == "config.json" { Some(page.config.as_slice()) } else { page.files.get(name) };
    let Some(bytes) = bytes else { return plain(StatusCode::NOT_FOUND) };
    let tag = format!("\"{}\"", &sha256(&[bytes]).to_string()[..16]);
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits");

    let mut response = Response::new(Body::empty());
    let coding = ["br", "gz"]
        .into_iter()
        .find(|coding| accepts(headers, coding) && page.files.compressed(name, coding).is_some());
    let bytes = coding.and_then(|coding| page.files.compressed(name, coding)).unwrap_or(bytes);
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(bytes.to_vec());
        if let Some(coding) = coding {
            let coding = if coding == "gz" { "gzip" } else { coding };
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
    }
    let cache = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    for (header, value) in [(CONTENT_TYPE, media(name)), (CACHE_CONTROL, cache), (VARY, "accept-encoding")] {
        response.headers_mut().insert(header, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Whether the client takes this coding. One that it refuses with `q=0` it does not.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let wanted = if coding == "gz" { "gzip" } else { coding };
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        name.trim().eq_ignore_ascii_case(wanted) && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// `pumasi.0123456789.wasm`: what is in it never changes.
fn is_hashed(name: &str) -> bool {
    let mut parts = name.rsplit('.').skip(1);
    parts.next().is_some_and(|hash| hash.len() == 10 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn media(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn ask(path: &str, headers: &[(HeaderName, &str)], method: Method) -> (StatusCode, HeaderMap, Vec<u8>) {
        let files = Files::of(&[
            ("index.html", b"<!doctype html>"),
            ("pumasi.0123456789.wasm", b"module"),
            ("pumasi.0123456789.wasm.br", b"br"),
            ("pumasi.0123456789.wasm.gz", b"gz"),
        ]);
        let config = PageConfig { directories: vec!["https://d.example".into()], ..PageConfig::default() };
        let policy = HeaderValue::from_static("default-src 'self'");
        let page = Page { files, config: serde_json::to_vec(&config).unwrap(), policy };
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let response = answer(State(Arc::new(page)), method, path.parse().unwrap(), headers).await;
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, to_bytes(body, 1 << 20).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn the_index_has_the_policy_and_is_asked_for_again_each_time() {
        let (status, headers, body) = ask("/", &[], Method::GET).await;
        assert_eq!((status, body), (StatusCode::OK, b"<!doctype html>".to_vec()));
        assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[CACHE_CONTROL], "no-cache");
        assert_eq!(headers["content-security-policy"], "default-src 'self'");
        assert_eq!(headers["x-content-type-options"], "nosniff");

        let (status, _, body) = ask("/", &[(IF_NONE_MATCH, headers[ETAG].to_str().unwrap())], Method::GET).await;
        assert_eq!((status, body), (StatusCode::NOT_MODIFIED, vec![]));
    }

    #[tokio::test]
    async fn the_module_comes_compressed_to_whoever_takes_it_and_may_be_kept_for_ever() {
        let path = "/pumasi.0123456789.wasm";
        for (accepted, coding, body) in [
            ("gzip, deflate, br, zstd", Some("br"), &b"br"[..]),
            ("gzip, br;q=0", Some("gzip"), b"gz"),
            ("identity", None, b"module"),
        ] {
            let (_, headers, got) = ask(path, &[(ACCEPT_ENCODING, accepted)], Method::GET).await;
            assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap()), coding, "{accepted}");
            assert_eq!(got, body, "{accepted}");
            assert_eq!(headers[CONTENT_TYPE], "application/wasm");
            assert!(headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        }
    }

    #[tokio::test]
    async fn nothing_else_is_served() {
        for path in ["/pumasi.0123456789.wasm.br", "/../Cargo.toml", "/index", "//index.html", "/config.json/"] {
            assert_eq!(ask(path, &[], Method::GET).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(ask("/", &[], Method::POST).await.0, StatusCode::METHOD_NOT_ALLOWED);
        let (_, headers, body) = ask("/config.json", &[], Method::GET).await;
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        assert_eq!(body, br#"{"directories":["https://d.example"],"gateways":[]}"#);
    }
}
