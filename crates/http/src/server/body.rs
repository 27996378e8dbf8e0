use super::respond::{problem, simple};
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Reads a body of JSON of at most `limit` bytes. The media type must be said: a page of another origin can then not send
/// it without asking first.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Box<Response>> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let detail = "the body must be application/json, and the content-type must say so";
        return Err(simple(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Unsupported media type", detail));
    }
    let too_large = || {
        let detail = format!("body: the limit is {limit} bytes");
        Box::new(problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Body too large", detail))
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(simple(StatusCode::BAD_REQUEST, "malformed", "Malformed request", "body: it ended too early")),
    }
}
