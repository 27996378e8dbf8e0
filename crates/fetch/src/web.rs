//! Over the browser's `fetch`.

use crate::{FetchError, Method, Options, Request, Response};
use futures::future::{Either, select};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use std::pin::pin;
use std::time::Duration;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect,
};

#[derive(Debug, Clone)]
pub(crate) struct Client {
    timeout: Duration,
}

impl Client {
    #[allow(clippy::unnecessary_wraps, reason = "the native one can fail")]
    pub(crate) fn new(options: Options) -> Result<Self, FetchError> {
        Ok(Self { timeout: options.timeout })
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response, FetchError> {
        let host = request.host().to_owned();
        let controller = AbortController::new().map_err(platform)?;
        let answer = pin!(fetch(request, &host, &controller));
        let deadline = pin!(sleep(self.timeout)?);
        match select(answer, deadline).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                controller.abort();
                Err(FetchError::Timeout { host: host.clone(), seconds: self.timeout.as_secs() })
            }
        }
    }
}

async fn fetch(request: Request, host: &str, controller: &AbortController) -> Result<Response, FetchError> {
    let unreachable = |error: JsValue| FetchError::Unreachable { host: host.into(), reason: message(&error) };
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    init.set_credentials(RequestCredentials::Omit);
    init.set_cache(RequestCache::NoStore);
    // A redirect would let a host send what is meant for it to another.
    init.set_redirect(RequestRedirect::Error);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_signal(Some(&controller.signal()));
    let headers = web_sys::Headers::new().map_err(platform)?;
    for (name, value) in &request.headers {
        headers.append(name, value).map_err(|_| FetchError::Header { name: name.clone() })?;
    }
    init.set_headers(&headers);
    if request.method != Method::Get {
        init.set_body(&Uint8Array::from(request.body.as_slice()));
    }
    let asked = web_sys::Request::new_with_str_and_init(&request.url, &init);
    let asked = asked.map_err(|_| FetchError::Url { url: request.url.clone() })?;
    // Pages and workers have `fetch` under the same name.
    let promise: Promise = function("fetch")?.call1(&js_sys::global(), &asked).map_err(platform)?.unchecked_into();
    let answer: web_sys::Response = JsFuture::from(promise).await.map_err(unreachable)?.unchecked_into();
    let mut shown = Vec::new();
    for pair in answer.headers().entries() {
        let pair: js_sys::Array = pair.map_err(platform)?.unchecked_into();
        if let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) {
            shown.push((name, value));
        }
    }
    let mut body = Vec::new();
    if let Some(stream) = answer.body() {
        let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        loop {
            let piece = JsFuture::from(reader.read()).await.map_err(unreachable)?;
            if Reflect::get(&piece, &"done".into()).is_ok_and(|done| done.is_truthy()) {
                break;
            }
            let chunk: Uint8Array = Reflect::get(&piece, &"value".into()).map_err(platform)?.unchecked_into();
            if body.len() + chunk.length() as usize > request.limit {
                controller.abort();
                return Err(FetchError::Limit { host: host.into(), limit: request.limit });
            }
            body.extend_from_slice(&chunk.to_vec());
        }
    }
    Ok(Response { status: answer.status(), headers: shown, body })
}

/// Ends after a while.
fn sleep(time: Duration) -> Result<JsFuture, FetchError> {
    let timer = function("setTimeout")?;
    let millis = f64::from(u32::try_from(time.as_millis()).unwrap_or(u32::MAX >> 1));
    let promise = Promise::new(&mut |resolve, _| {
        // The platform has timers; were it otherwise, the deadline would come at once.
        if timer.call2(&js_sys::global(), &resolve, &millis.into()).is_err() {
            drop(resolve.call0(&JsValue::UNDEFINED));
        }
    });
    Ok(JsFuture::from(promise))
}

fn function(name: &str) -> Result<Function, FetchError> {
    let found = Reflect::get(&js_sys::global(), &name.into()).map_err(platform)?;
    found.dyn_into().map_err(|_| FetchError::Platform(format!("no {name}")))
}

fn platform(error: JsValue) -> FetchError {
    FetchError::Platform(message(&error))
}

fn message(error: &JsValue) -> String {
    let text = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    text.unwrap_or_else(|| "no reason was given".into())
}

#[cfg(test)]
mod tests {
    use crate::{Client, FetchError, Options, Request};
    use std::time::Duration;
    use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

    wasm_bindgen_test_configure!(run_in_browser);

    fn origin() -> String {
        js_sys::Reflect::get(&js_sys::global(), &"origin".into()).unwrap().as_string().unwrap()
    }

    #[wasm_bindgen_test]
    async fn an_answer_is_read_whole_and_not_beyond_its_limit() {
        let client = Client::new(Options::default()).unwrap();
        let page = client.send(Request::get(origin())).await.unwrap();
        assert!(page.is_success() && !page.body.is_empty());
        let limited = client.send(Request::get(origin()).limit(page.body.len() - 1)).await;
        assert!(matches!(limited, Err(FetchError::Limit { .. })), "{limited:?}");
    }

    #[wasm_bindgen_test]
    async fn who_cannot_be_reached_is_named() {
        let client = Client::new(Options { timeout: Duration::from_secs(5), ..Options::default() }).unwrap();
        let refused = client.send(Request::get("http://127.0.0.1:1/")).await;
        assert!(matches!(&refused, Err(FetchError::Unreachable { host, .. }) if host == "127.0.0.1"), "{refused:?}");
    }
}
