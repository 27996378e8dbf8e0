//! A driver for a Universal Resolver: the DID document of a `did:key`, with the endpoint of its listing where there is one.
//!
//! Errors here are those of DID resolution, not problems: a resolver reads them.

use super::{State, now};
use crate::Entry;
use crate::store::Store;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pumasi_identity::Did;
use serde_json::{Value, json};

/// The whole result.
const RESULT: &str = "application/ld+json;profile=\"https://w3id.org/did-resolution\"";
/// The document alone.
const DOCUMENT: &str = "application/did+ld+json";

/// Resolves a DID (W3C DID Resolution, HTTPS binding).
#[utoipa::path(get, path = "/1.0/identifiers/{did}", tag = "resolver",
    params(("did" = String, Path, description = "A did:key of an Ed25519 key.")),
    responses(
        (status = 200, description = "The result, or, where `application/did+ld+json` is accepted, the document.", content(
            (inline(Value) = "application/ld+json"), (inline(Value) = "application/did+ld+json"))),
        (status = 400, description = "No DID.", body = inline(Value), content_type = "application/ld+json"),
        (status = 406, description = "No such representation.", body = inline(Value), content_type = "application/ld+json"),
        (status = 501, description = "Another method than did:key, or another key.", body = inline(Value), content_type = "application/ld+json"),
    ))]
pub(super) async fn resolve<S: Store>(
    axum::extract::State(shared): axum::extract::State<State<S>>,
    did: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(text)) = did else { return failed(StatusCode::BAD_REQUEST, "invalidDid") };
    let Some(wants_document) = accepted(&headers) else {
        return failed(StatusCode::NOT_ACCEPTABLE, "representationNotSupported");
    };
    let did: Did = match text.parse() {
        Ok(did) => did,
        Err(_) if is_other_method(&text) => return failed(StatusCode::NOT_IMPLEMENTED, "methodNotSupported"),
        Err(_) => return failed(StatusCode::BAD_REQUEST, "invalidDid"),
    };
    let entry = match shared.store.entry(did, now()).await {
        Ok(entry) => entry.and_then(|entry| serde_json::from_str::<Entry>(&entry).ok()),
        Err(error) => {
            tracing::error!(%error, "the store failed");
            return failed(StatusCode::INTERNAL_SERVER_ERROR, "internalError");
        }
    };
    let document = document(&did, entry.as_ref());
    if wants_document {
        return ([(header::CONTENT_TYPE, DOCUMENT)], document.to_string()).into_response();
    }
    let mut metadata = json!({});
    if let Some(entry) = entry {
        // What vouches for the service above.
        metadata["versionId"] = entry.sequence.to_string().into();
        metadata["proof"] = json!([entry.proof].into_iter().chain(entry.heartbeat).collect::<Vec<_>>());
    }
    let result = json!({
        "@context": "https://w3id.org/did-resolution/v1",
        "didDocument": document,
        "didResolutionMetadata": { "contentType": DOCUMENT },
        "didDocumentMetadata": metadata,
    });
    ([(header::CONTENT_TYPE, RESULT)], result.to_string()).into_response()
}

fn failed(status: StatusCode, error: &str) -> Response {
    let result = json!({
        "@context": "https://w3id.org/did-resolution/v1",
        "didDocument": null,
        "didResolutionMetadata": { "error": error },
        "didDocumentMetadata": {},
    });
    (status, [(header::CONTENT_TYPE, RESULT)], result.to_string()).into_response()
}

/// `did:` and another method, or a `did:key` of another kind of key.
fn is_other_method(text: &str) -> bool {
    let Some((method, id)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else { return false };
    let is_name = !method.is_empty() && method.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    is_name && !id.is_empty() && (method != "key" || (id.starts_with('z') && !id.starts_with("z6Mk")))
}

/// Whether the document alone is wanted; `None` when neither that nor the result is accepted.
fn accepted(headers: &HeaderMap) -> Option<bool> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    for wanted in accept.split(',') {
        let (media, parameters) = wanted.split_once(';').unwrap_or((wanted, ""));
        match media.trim() {
            "application/ld+json" if !parameters.contains("did-resolution") => return Some(true),
            "application/did+ld+json" | "application/did+json" | "application/did" => return Some(true),
            "*/*"
            | "application/*"
            | "application/ld+json"
            | "application/json"
            | "application/did-resolution"
            | "" => {
                return Some(false);
            }
            _ => {}
        }
    }
    None
}

fn document(did: &Did, entry: Option<&Entry>) -> Value {
    let key = did.key_id();
    let mut document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            { "id": key, "type": "Multikey", "controller": did, "publicKeyMultibase": did.multibase() },
        ],
        "authentication": [key],
        "assertionMethod": [key],
        "capabilityInvocation": [key],
        "capabilityDelegation": [key],
    });
    if let Some(endpoint) = entry.and_then(|entry| entry.listing.service_endpoint.as_ref()) {
        document["service"] =
            json!([{ "id": format!("{did}#signaling"), "type": "PumasiSignaling", "serviceEndpoint": endpoint }]);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_gets_what_it_accepts() {
        let accepted = |value: &str| accepted(&[(header::ACCEPT, value.parse().unwrap())].into_iter().collect());
        assert_eq!(accepted("application/did+ld+json"), Some(true));
        assert_eq!(accepted("application/ld+json;profile=\"https://w3id.org/did-resolution\""), Some(false));
        assert_eq!(accepted("*/*"), Some(false));
        assert_eq!(accepted("text/html, application/did+json;q=0.5"), Some(true));
        assert_eq!(accepted("image/png"), None);
    }

    #[test]
    fn other_methods_are_told_from_nonsense() {
        for text in ["did:web:example.org", "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"] {
            assert!(is_other_method(text), "{text}");
        }
        for text in ["", "did:", "did:web", "web:example.org", "did:key:z6Mkxx", "did::x", "did:Web:x"] {
            assert!(!is_other_method(text), "{text}");
        }
    }
}
