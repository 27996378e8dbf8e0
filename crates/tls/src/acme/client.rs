//! Lets the ACME library ask through the same bounded client as everything else.

use axum::body::Bytes;
use axum::http;
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use pumasi_fetch::{Client, Method, Request};
use std::pin::Pin;

/// Longest answer of an authority, in bytes: a certificate chain has some ten thousand.
const MAX_ANSWER: usize = 256 * 1_024;

pub(super) struct Fetch(pub(super) Client);

impl HttpClient for Fetch {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move { send(client, request).await.map_err(Error::Other) })
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn send(client: Client, request: http::Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Failure> {
    let (head, body) = request.into_parts();
    let method = match head.method {
        http::Method::POST => Method::Post,
        // A nonce may be asked for by HEAD or by GET (RFC 8555 §7.2).
        http::Method::GET | http::Method::HEAD => Method::Get,
        other => return Err(format!("{other} is no method of ACME").into()),
    };
    let mut asked = Request { method, ..Request::get(head.uri.to_string()) }.limit(MAX_ANSWER);
    for (name, value) in &head.headers {
        asked = asked.header(name.as_str(), value.to_str()?);
    }
    asked.body = body.collect().await?.to_bytes().to_vec();
    let answer = client.send(asked).await?;
    // To HEAD the same resource says 200.
    let status = if head.method == http::Method::HEAD && answer.status == 204 { 200 } else { answer.status };
    let mut response = http::Response::builder().status(status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    Ok(BytesResponse::from(response.body(Full::new(Bytes::from(answer.body)))?))
}
