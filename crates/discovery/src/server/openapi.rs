//! The API's description, made from the code (OpenAPI 3.1).

use super::{handlers, resolver};
use crate::wire::Problem;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pumasi directory",
        version = "1",
        description = "Who is found under which word. Every entry carries a proof by the DID that it lists: check it.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        handlers::register,
        handlers::update,
        handlers::heartbeat,
        handlers::delete,
        handlers::search,
        handlers::listing,
        handlers::categories,
        handlers::export,
        handlers::policy,
        handlers::health,
        handlers::metrics,
        resolver::resolve,
    ),
    components(schemas(Problem)),
    modifiers(&Problems),
    servers((url = "/")),
)]
struct Document;

/// The problems that every operation can answer with.
struct Problems;

impl Modify for Problems {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut api.paths.paths {
            let is_write = item.post.is_some();
            let is_resolver = path.starts_with("/1.0/");
            let Some(operation) = operation(item) else { continue };
            let mut add = |status: &str, description: &str| {
                let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
                let response = ResponseBuilder::new()
                    .description(description)
                    .content("application/problem+json", content)
                    .build();
                operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
            };
            if !is_resolver {
                add("400", "The request cannot be read, or a value is out of its bounds.");
            }
            if is_write {
                add("403", "The proof does not hold, is of another time, or has too small a stamp.");
                add("404", "The DID is not listed.");
                add("409", "A replay, a stale write, or another listing.");
                add("413", "The body is too long.");
                add("415", "The body is not JSON.");
            }
            add("429", "Too many requests; see Retry-After.");
            add("500", "The directory failed.");
            add("503", "Not now; see Retry-After.");
        }
    }
}

fn operation(item: &mut PathItem) -> Option<&mut Operation> {
    item.get.as_mut().or(item.post.as_mut())
}

static TEXT: LazyLock<String> = LazyLock::new(document);

/// The description, as JSON.
///
/// # Panics
/// Never: it is plain data.
#[must_use]
pub fn document() -> String {
    let text = Document::openapi().to_pretty_json().expect("an API description is plain data");
    text + "\n"
}

pub(super) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}
