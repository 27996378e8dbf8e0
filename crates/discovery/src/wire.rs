//! The bodies of the API, as server and client read and write them (spec: `docs/spec/directory.md` §4).

use crate::entry::{Entry, ListedFields};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};

/// The body of `POST /register` and `POST /update`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Registration {
    /// The DID. As signed in the proof, like every field here.
    #[cfg_attr(
        feature = "server",
        schema(min_length = 56, max_length = 56, pattern = "^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$")
    )]
    pub did: String,
    /// What to list.
    #[serde(flatten)]
    pub listing: ListedFields,
    /// The operation: a compact JWS by the DID's key. What it says is what counts.
    #[cfg_attr(feature = "server", schema(min_length = 1, max_length = 10240))]
    pub proof: String,
}

/// The body of `POST /heartbeat` and `POST /delete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Signed {
    /// The DID.
    #[cfg_attr(
        feature = "server",
        schema(min_length = 56, max_length = 56, pattern = "^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$")
    )]
    pub did: String,
    /// The operation: a compact JWS by the DID's key.
    #[cfg_attr(feature = "server", schema(min_length = 1, max_length = 10240))]
    pub proof: String,
}

/// The answer to a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Status {
    /// What was done.
    #[cfg_attr(feature = "server", schema(example = "DID registered successfully"))]
    pub status: String,
}

/// The answer of `GET /search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SearchPage {
    /// The best first.
    pub results: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub cursor: Option<String>,
}

/// The answer of `GET /categories`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Categories {
    /// The most used first.
    pub categories: Vec<CategoryCount>,
}

/// A category and how many are listed under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct CategoryCount {
    /// NFC, lower case.
    pub category: String,
    /// How many.
    pub count: u64,
}

/// The answer of `GET /export`: a part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ExportPage {
    /// The operations, in the order of their numbers.
    pub operations: Vec<Logged>,
    /// Ask for what comes after this number next.
    pub next: u64,
    /// The highest number in the log.
    pub head: u64,
}

/// One operation in a directory's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Logged {
    /// Its number in this directory's log. Numbers rise, and have gaps.
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub number: u64,
    /// When this directory took it, in milliseconds since 1970.
    #[cfg_attr(feature = "server", schema(value_type = u64))]
    pub at: Timestamp,
    /// The operation: a compact JWS.
    pub proof: String,
}

/// The answer of `GET /v1/policy`: what a client has to know before it writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Policy {
    /// Zero bits that a stamp must give.
    pub difficulty: u8,
    /// The longest life of a listing, in milliseconds.
    pub max_life: u64,
    /// The directory's clock, in milliseconds since 1970.
    #[cfg_attr(feature = "server", schema(value_type = u64))]
    pub now: Timestamp,
}

/// An error (RFC 9457), `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Which kind: `urn:pumasi:directory:…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, with the field and the limit.
    pub detail: String,
    /// The zero bits that are wanted, where the stamp is too small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub difficulty: Option<u8>,
    /// The sequence of the last operation, where this one is stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub sequence: Option<u64>,
}
