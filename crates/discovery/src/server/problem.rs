//! Errors (RFC 9457).

use crate::listing::FieldError;
use crate::operation::OperationError;
use crate::state::Refusal;
use crate::store::StoreError;
use crate::text::QueryError;
use crate::wire::Problem;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request is not answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// The body or a parameter cannot be read.
    Malformed(String),
    /// A parameter or field is out of its bounds.
    Bounds(String),
    /// The proof is none, or of something else.
    Proof(String),
    /// The body says something else than the proof.
    Mismatch(&'static str),
    /// Made too long ago, in the future, or over.
    Time(String),
    /// Too little work.
    Stamp { detail: String, difficulty: u8 },
    /// This operation was here before.
    Replayed,
    /// A later one was here before.
    Stale { detail: String, sequence: u64 },
    /// Another listing stands.
    OtherListing(String),
    /// The DID is not listed.
    NotListed,
    /// No such path.
    NotFound,
    /// The path has other methods.
    NotAllowed,
    /// The body is not JSON.
    MediaType,
    /// The body is too long.
    TooLarge,
    /// Too many requests; try again after so many seconds.
    TooMany { retry_after: u64 },
    /// The store cannot be asked now.
    Unavailable(&'static str),
    /// Our fault.
    Internal,
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str, &'static str, String) {
        use ApiError as E;
        match self {
            E::Malformed(detail) => {
                (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail.clone())
            }
            E::Bounds(detail) => (StatusCode::BAD_REQUEST, "bounds", "A value is out of its bounds", detail.clone()),
            E::Proof(detail) => (StatusCode::FORBIDDEN, "proof", "The proof does not hold", detail.clone()),
            E::Mismatch(field) => (
                StatusCode::FORBIDDEN,
                "mismatch",
                "The body says something else than its proof",
                format!("{field}: not as it was signed"),
            ),
            E::Time(detail) => (StatusCode::FORBIDDEN, "time", "The operation is not of now", detail.clone()),
            E::Stamp { detail, .. } => (StatusCode::FORBIDDEN, "stamp", "The work stamp is too small", detail.clone()),
            E::Replayed => (StatusCode::CONFLICT, "replayed", "A replay", "this operation was here before".to_owned()),
            E::Stale { detail, .. } => (StatusCode::CONFLICT, "stale", "A stale write", detail.clone()),
            E::OtherListing(detail) => {
                (StatusCode::CONFLICT, "other-listing", "Another listing stands", detail.clone())
            }
            E::NotListed => (StatusCode::NOT_FOUND, "not-listed", "Not listed", Refusal::NotListed.to_string()),
            E::NotFound => {
                (StatusCode::NOT_FOUND, "not-found", "Not found", "there is nothing at this path".to_owned())
            }
            E::NotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "Method not allowed",
                "this path has other methods, see Allow".to_owned(),
            ),
            E::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "Not JSON",
                "Content-Type: application/json is wanted".to_owned(),
            ),
            E::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too long",
                format!("the limit is {} bytes", super::MAX_BODY),
            ),
            E::TooMany { retry_after } => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "Too many requests",
                format!("try again in {retry_after} s"),
            ),
            E::Unavailable(detail) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now", (*detail).to_owned()),
            E::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The directory failed",
                "nothing was changed; the log of the server says more".to_owned(),
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind, title, detail) = self.parts();
        let problem = Problem {
            kind: format!("urn:pumasi:directory:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            difficulty: if let Self::Stamp { difficulty, .. } = self { Some(difficulty) } else { None },
            sequence: if let Self::Stale { sequence, .. } = self { Some(sequence) } else { None },
        };
        let body = serde_json::to_string(&problem).expect("a problem is plain data");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let retry_after = match self {
            Self::TooMany { retry_after } => Some(retry_after),
            Self::Unavailable(_) => Some(1),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        let detail = error.to_string();
        match error {
            OperationError::Stamp { wanted, .. } => Self::Stamp { detail, difficulty: wanted },
            OperationError::NotNow { .. } | OperationError::Expired { .. } | OperationError::Lifetime { .. } => {
                Self::Time(detail)
            }
            _ => Self::Proof(detail),
        }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Bounds(error.to_string())
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::Bounds(error.to_string())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Replayed => Self::Replayed,
            Refusal::Stale { known, .. } => Self::Stale { detail: refusal.to_string(), sequence: known },
            Refusal::NotListed => Self::NotListed,
            Refusal::OtherListing(_) => Self::OtherListing(refusal.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Unavailable("the store is busy; nothing was changed"),
            StoreError::Full => Self::Unavailable("the disk is full; nothing was changed"),
            error => {
                tracing::error!(%error, "the store failed");
                Self::Internal
            }
        }
    }
}

pub(super) async fn not_found() -> ApiError {
    ApiError::NotFound
}

pub(super) async fn not_allowed() -> ApiError {
    ApiError::NotAllowed
}
