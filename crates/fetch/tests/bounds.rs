//! Against servers that are slow, long-winded or gone.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{get, post};
use pumasi_fetch::{Client, FetchError, Method, Options, Request};
use std::time::Duration;

async fn serve() -> String {
    let endless = || {
        let chunks = futures_chunks();
        async move { Body::from_stream(chunks) }
    };
    let app = Router::new()
        .route(
            "/echo",
            post(|headers: HeaderMap, body: String| async move {
                let token =
                    headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("none").to_owned();
                (StatusCode::CREATED, [("x-seen", token)], body)
            }),
        )
        .route("/missing", get(|| async { (StatusCode::NOT_FOUND, "not here") }))
        .route("/long", get(|| async { "a".repeat(1_000) }))
        .route("/endless", get(endless))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_secs(30)).await }))
        .route("/away", get(|| async { Redirect::temporary("/long") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// A body without an announced length and without an end.
fn futures_chunks() -> impl futures::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    futures::stream::repeat_with(|| Ok(vec![b'a'; 1_024]))
}

fn client() -> Client {
    Client::new(Options { timeout: Duration::from_millis(800), ..Options::default() }).unwrap()
}

#[tokio::test]
async fn a_request_and_its_answer_arrive_whole() {
    let request = Request::json(Method::Post, format!("{}/echo", serve().await), b"{\"a\":1}".to_vec()).bearer("t");
    let answer = client().send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, b"{\"a\":1}".as_slice()));
    assert_eq!(answer.header("X-Seen"), Some("Bearer t"));
    assert!(answer.is_success());
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let answer = client().send(Request::get(format!("{}/missing", serve().await))).await.unwrap();
    assert_eq!((answer.status, answer.is_success()), (404, false));
}

#[tokio::test]
async fn no_more_is_read_than_the_limit_says() {
    let server = serve().await;
    let fits = client().send(Request::get(format!("{server}/long")).limit(1_000)).await.unwrap();
    assert_eq!(fits.body.len(), 1_000);
    for path in ["long", "endless"] {
        let cut = client().send(Request::get(format!("{server}/{path}")).limit(999)).await;
        assert_eq!(cut, Err(FetchError::Limit { host: "127.0.0.1".into(), limit: 999 }), "{path}");
    }
}

#[tokio::test]
async fn one_who_never_answers_is_given_up() {
    let slow = client().send(Request::get(format!("{}/slow", serve().await))).await;
    assert!(matches!(slow, Err(FetchError::Timeout { .. })), "{slow:?}");
}

#[tokio::test]
async fn one_who_is_not_there_is_named() {
    let gone = client().send(Request::get("http://127.0.0.1:1/")).await;
    assert!(matches!(&gone, Err(FetchError::Unreachable { host, .. }) if host == "127.0.0.1"), "{gone:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer = client().send(Request::get(format!("{}/away", serve().await))).await.unwrap();
    assert_eq!(answer.status, 307);
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    let roots = vec!["no certificate".to_owned()];
    assert!(matches!(Client::new(Options { roots, ..Options::default() }), Err(FetchError::Root(_))));
}
