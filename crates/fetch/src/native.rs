//! Over `reqwest`, with rustls.

use crate::{FetchError, Method, Options, Request, Response};
use reqwest::redirect::Policy;
use std::error::Error as _;
use std::time::Duration;

/// How long a connection is kept for the next request. Our own servers wait 15 s, most others longer.
const POOL_IDLE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(crate) struct Client {
    inner: reqwest::Client,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(options: Options) -> Result<Self, FetchError> {
        let mut roots = Vec::new();
        for pem in &options.roots {
            let read = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(root)?;
            if read.is_empty() {
                return Err(FetchError::Root("no certificate in it".into()));
            }
            roots.extend(read);
        }
        let inner = reqwest::Client::builder()
            .timeout(options.timeout)
            // Before a server closes an idle connection: a request that meets the close is lost, and is not ours to repeat.
            .pool_idle_timeout(POOL_IDLE)
            // A redirect would let a host send what is meant for it to another.
            .redirect(Policy::none())
            .no_proxy()
            .tls_certs_merge(roots)
            .build()
            .map_err(root)?;
        Ok(Self { inner, timeout: options.timeout })
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response, FetchError> {
        let host = request.host().to_owned();
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let url = reqwest::Url::parse(&request.url).map_err(|_| FetchError::Url { url: request.url.clone() })?;
        let mut builder = self.inner.request(method, url);
        for (name, value) in &request.headers {
            let refused = || FetchError::Header { name: name.clone() };
            let field = reqwest::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
            let value = reqwest::header::HeaderValue::from_str(value).map_err(|_| refused())?;
            builder = builder.header(field, value);
        }
        if request.method != Method::Get {
            builder = builder.body(request.body);
        }
        let failed = |error: reqwest::Error| self.failed(&host, &error);
        let mut answer = builder.send().await.map_err(failed)?;
        let limit = request.limit;
        let too_long = || FetchError::Limit { host: host.clone(), limit };
        if answer.content_length().is_some_and(|len| len > limit as u64) {
            return Err(too_long());
        }
        let status = answer.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = answer.headers().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        let headers = headers.collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limit {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }

    fn failed(&self, host: &str, error: &reqwest::Error) -> FetchError {
        if error.is_timeout() {
            return FetchError::Timeout { host: host.into(), seconds: self.timeout.as_secs() };
        }
        // The outermost layer repeats the address; the innermost says what happened.
        let mut reason = error.source();
        while let Some(deeper) = reason.and_then(std::error::Error::source) {
            reason = Some(deeper);
        }
        let reason = reason.map_or_else(|| "no connection".into(), ToString::to_string);
        FetchError::Unreachable { host: host.into(), reason }
    }
}

fn root(error: reqwest::Error) -> FetchError {
    FetchError::Root(error.to_string())
}
