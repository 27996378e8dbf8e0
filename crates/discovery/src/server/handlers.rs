use super::problem::ApiError;
use super::{MAX_BODY, State, now};
use crate::bounds::{DEFAULT_PAGE, MAX_EXPORT, MAX_LIFE, MAX_LISTED_CATEGORIES, MAX_PAGE, MAX_QUERY};
use crate::operation::{Action, SignedOperation};
use crate::store::{Position, Store};
use crate::text::Plan;
use crate::wire::{Categories, ExportPage, Policy, Problem, Registration, SearchPage, Signed, Status};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pumasi_crypto::json;
use pumasi_identity::Did;
use pumasi_units::Millis;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, PoisonError};

/// How long an answer of `/categories` serves for, in milliseconds: it reads every entry.
const CATEGORIES_LIFE: Millis = 10_000;
/// How long counts serve for, in milliseconds.
const COUNTS_LIFE: Millis = 5_000;

type Shared<S> = axum::extract::State<State<S>>;
type Body = Result<Bytes, BytesRejection>;

/// Reads a JSON body.
fn body<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::MediaType);
    }
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Malformed("the body did not arrive whole".into()),
    })?;
    json::from_slice("body", &bytes, MAX_BODY).map_err(|_| {
        // Once more, for what is wrong with it.
        let why = serde_json::from_slice::<T>(&bytes).err().map(|error| error.to_string());
        let why = why.unwrap_or_else(|| "not one object with each name once".into());
        ApiError::Malformed(format!("body: {}", why.chars().filter(|c| !c.is_control()).take(200).collect::<String>()))
    })
}

/// Checks what somebody handed in: the DID of the body is the proof's, the time is now, the work was done.
fn check<S: Store>(shared: &State<S>, did: &str, proof: &str) -> Result<SignedOperation, ApiError> {
    let did: Did = did.parse().map_err(|_| ApiError::Bounds("did: not a did:key of an Ed25519 key".into()))?;
    let operation = SignedOperation::verify(proof)?;
    if operation.did() != did {
        return Err(ApiError::Mismatch("did"));
    }
    operation.check_time(now())?;
    operation.check_stamp(shared.config.difficulty)?;
    shared.limiter.did(did.public()).map_err(|retry_after| ApiError::TooMany { retry_after })?;
    Ok(operation)
}

fn wants(operation: &SignedOperation, name: &'static str) -> Result<(), ApiError> {
    if operation.operation().action.name() == name { Ok(()) } else { Err(ApiError::Mismatch("action")) }
}

async fn apply<S: Store>(
    shared: &State<S>,
    operation: SignedOperation,
    status: &str,
) -> Result<Json<Status>, ApiError> {
    shared.store.apply(operation, now()).await??;
    Ok(Json(Status { status: status.to_owned() }))
}

async fn list<S: Store>(
    shared: &State<S>,
    headers: &HeaderMap,
    bytes: Body,
    action: &'static str,
    status: &str,
) -> Result<Json<Status>, ApiError> {
    let given: Registration = body(headers, bytes)?;
    let operation = check(shared, &given.did, &given.proof)?;
    wants(&operation, action)?;
    let signed = operation.operation().action.listing().ok_or(ApiError::Mismatch("action"))?;
    if let Some(field) = given.listing.differs(signed) {
        return Err(ApiError::Mismatch(field));
    }
    apply(shared, operation, status).await
}

/// Lists a DID, or lists it anew.
#[utoipa::path(post, path = "/register", tag = "write", request_body = Registration, responses(
    (status = 200, description = "Listed, durably.", body = Status),
))]
pub(super) async fn register<S: Store>(
    axum::extract::State(shared): Shared<S>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Json<Status>, ApiError> {
    list(&shared, &headers, bytes, "register", "DID registered successfully").await
}

/// Changes what is listed of a DID.
#[utoipa::path(post, path = "/update", tag = "write", request_body = Registration, responses(
    (status = 200, description = "Changed, durably.", body = Status),
))]
pub(super) async fn update<S: Store>(
    axum::extract::State(shared): Shared<S>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Json<Status>, ApiError> {
    list(&shared, &headers, bytes, "update", "DID updated successfully").await
}

/// Keeps what is listed for longer.
#[utoipa::path(post, path = "/heartbeat", tag = "write", request_body = Signed, responses(
    (status = 200, description = "Kept, durably.", body = Status),
))]
pub(super) async fn heartbeat<S: Store>(
    axum::extract::State(shared): Shared<S>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Json<Status>, ApiError> {
    let given: Signed = body(&headers, bytes)?;
    let operation = check(&shared, &given.did, &given.proof)?;
    wants(&operation, "heartbeat")?;
    apply(&shared, operation, "Heartbeat received").await
}

/// Takes a DID out.
#[utoipa::path(post, path = "/delete", tag = "write", request_body = Signed, responses(
    (status = 200, description = "Taken out, durably.", body = Status),
))]
pub(super) async fn delete<S: Store>(
    axum::extract::State(shared): Shared<S>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Json<Status>, ApiError> {
    let given: Signed = body(&headers, bytes)?;
    let operation = check(&shared, &given.did, &given.proof)?;
    if !matches!(operation.operation().action, Action::Delete) {
        return Err(ApiError::Mismatch("action"));
    }
    apply(&shared, operation, "DID deleted successfully").await
}

/// What to search for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Words of a category, a name or a description, or a whole DID. Every word must be found.
    #[param(min_length = 1, max_length = 100, example = "식당")]
    query: String,
    /// The `cursor` of the page before.
    #[param(pattern = r"^[0-2]\.(0|[1-9][0-9]{0,14})$", nullable = false)]
    cursor: Option<String>,
    /// Most results on the page; 20 unless said.
    #[param(minimum = 1, maximum = 100, nullable = false)]
    limit: Option<u32>,
}

/// Searches. What fits in a category comes first, then in the name, then in the description; among these, who has been
/// listed longest.
#[utoipa::path(get, path = "/search", tag = "read", params(SearchQuery), responses(
    (status = 200, description = "One page.", body = SearchPage),
))]
pub(super) async fn search<S: Store>(
    axum::extract::State(shared): Shared<S>,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = query.map_err(|rejection| ApiError::Malformed(rejection.body_text()))?;
    let limit = within("limit", asked.limit.unwrap_or(DEFAULT_PAGE), MAX_PAGE)?;
    let from = match &asked.cursor {
        None => Position::default(),
        Some(text) => Position::from_cursor(text).ok_or_else(|| ApiError::Bounds("cursor: not one of ours".into()))?,
    };
    if asked.query.is_empty() {
        return Err(ApiError::Bounds(format!("query: empty, from 1 to {MAX_QUERY} characters are wanted")));
    }
    let plan = Plan::new(&asked.query)?;
    let text = asked.query.trim();
    let page = match text.parse::<Did>() {
        Ok(did) => {
            let entry = shared.store.entry(did, now()).await?;
            crate::store::Page { entries: entry.into_iter().collect(), next: None }
        }
        Err(_) => shared.store.search(plan, from, limit, now()).await?,
    };
    // The entries are JSON already, as they were checked when they came.
    let mut answer = String::with_capacity(64 + page.entries.iter().map(|entry| entry.len() + 1).sum::<usize>());
    answer.push_str(r#"{"results":["#);
    answer.push_str(&page.entries.join(","));
    answer.push(']');
    if let Some(next) = page.next {
        answer.push_str(&format!(r#","cursor":"{}""#, next.to_cursor()));
    }
    answer.push('}');
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

fn within(name: &'static str, found: u32, most: u32) -> Result<u32, ApiError> {
    if (1..=most).contains(&found) {
        return Ok(found);
    }
    Err(ApiError::Bounds(format!("{name}: {found}, from 1 to {most} are allowed")))
}

/// What is listed of one DID.
#[utoipa::path(get, path = "/v1/listings/{did}", tag = "read", params(("did" = String, Path, description = "The DID.")),
    responses(
        (status = 200, description = "The entry.", body = crate::Entry),
        (status = 404, description = "Not listed.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn listing<S: Store>(
    axum::extract::State(shared): Shared<S>,
    did: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(did) = did.map_err(|rejection| ApiError::Malformed(rejection.body_text()))?;
    let did: Did = did.parse().map_err(|_| ApiError::Bounds("did: not a did:key of an Ed25519 key".into()))?;
    let entry = shared.store.entry(did, now()).await?.ok_or(ApiError::NotListed)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], entry).into_response())
}

/// How many categories to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CategoriesQuery {
    /// Most categories; 100 unless said.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
}

/// The categories, and how many are listed under each; at most ten seconds old.
#[utoipa::path(get, path = "/categories", tag = "read", params(CategoriesQuery), responses(
    (status = 200, description = "The most used first.", body = Categories),
))]
pub(super) async fn categories<S: Store>(
    axum::extract::State(shared): Shared<S>,
    query: Result<Query<CategoriesQuery>, QueryRejection>,
) -> Result<Json<Categories>, ApiError> {
    let Query(asked) = query.map_err(|rejection| ApiError::Malformed(rejection.body_text()))?;
    let limit = within("limit", asked.limit.unwrap_or(100), MAX_LISTED_CATEGORIES)? as usize;
    let now = now();
    let kept = shared.categories.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let all = match kept {
        Some((until, all)) if until > now => all,
        _ => {
            let listed = shared.store.categories(MAX_LISTED_CATEGORIES, now).await?;
            let all = Arc::new(Categories { categories: listed });
            let kept = (now + CATEGORIES_LIFE, Arc::clone(&all));
            *shared.categories.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
            all
        }
    };
    Ok(Json(Categories { categories: all.categories.iter().take(limit).cloned().collect() }))
}

/// Which part of the log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// Only what comes after this number.
    #[serde(default)]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64, required = false)]
    after: u64,
    /// Most operations; 250 unless said.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
}

/// The log: every operation that counts, in the order in which this directory took it. Follow it to run another one.
#[utoipa::path(get, path = "/export", tag = "mirror", params(ExportQuery), responses(
    (status = 200, description = "A part of the log.", body = ExportPage),
))]
pub(super) async fn export<S: Store>(
    axum::extract::State(shared): Shared<S>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Json<ExportPage>, ApiError> {
    let Query(asked) = query.map_err(|rejection| ApiError::Malformed(rejection.body_text()))?;
    let limit = within("limit", asked.limit.unwrap_or(250), MAX_EXPORT)?;
    if asked.after > crate::bounds::MAX_SEQUENCE {
        return Err(ApiError::Bounds(format!("after: {}, the limit is 2^53 - 1", asked.after)));
    }
    Ok(Json(shared.store.export(asked.after, limit).await?))
}

/// What to know before writing.
#[utoipa::path(get, path = "/v1/policy", tag = "write", responses(
    (status = 200, description = "The policy.", body = Policy),
))]
pub(super) async fn policy<S: Store>(axum::extract::State(shared): Shared<S>) -> Json<Policy> {
    Json(Policy { difficulty: shared.config.difficulty, max_life: MAX_LIFE, now: now() })
}

/// How many there are, at most five seconds ago.
async fn counts<S: Store>(shared: &State<S>) -> Result<crate::store::Counts, ApiError> {
    let now = now();
    let kept = *shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((until, counts)) = kept
        && until > now
    {
        return Ok(counts);
    }
    let counts = shared.store.counts(now).await?;
    *shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = Some((now + COUNTS_LIFE, counts));
    Ok(counts)
}

/// Whether the directory and its store answer.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses(
    (status = 200, description = "They do.", body = Status),
))]
pub(super) async fn health<S: Store>(axum::extract::State(shared): Shared<S>) -> Result<Json<Status>, ApiError> {
    counts(&shared).await?;
    Ok(Json(Status { status: "ok".to_owned() }))
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "Text format 0.0.4.", body = String, content_type = "text/plain"),
))]
pub(super) async fn metrics<S: Store>(axum::extract::State(shared): Shared<S>) -> Result<Response, ApiError> {
    let text = shared.metrics.text(counts(&shared).await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
