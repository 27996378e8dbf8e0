//! Asking a directory, and believing nothing of what it answers before it is checked. Native and in a browser.

mod several;

pub use several::{Directories, Merged};

use crate::bounds::{DEFAULT_PAGE, MAX_EXPORT, MAX_LIFE, MAX_OPERATION, MAX_SEQUENCE};
use crate::entry::{Entry, Forgery, VerifiedEntry};
use crate::listing::Listing;
use crate::operation::{Action, Operation, OperationError, SignedOperation};
use crate::wire::{Categories, CategoryCount, ExportPage, Policy, Problem, Registration, Signed};
use pumasi_crypto::Provider;
use pumasi_fetch::{Client, FetchError, Method, Request, Response};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Room for one entry in an answer, in bytes: two operations, and the fields once more.
const ENTRY_ROOM: usize = 4 * MAX_OPERATION;
/// Operations asked for in one part of the log.
const EXPORT_PART: u32 = 250;

/// Why a directory did not do what it was asked to. What it answered is shown to nobody as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It refused.
    #[error("the directory refused ({}): {}", .0.status, .0.detail)]
    Refused(Box<Problem>),
    /// It answered something else than a directory does.
    #[error("the directory answered {status} with something that is no {what}")]
    Malformed {
        /// The HTTP status.
        status: u16,
        /// What was expected.
        what: &'static str,
    },
    /// What was to be said cannot be signed.
    #[error(transparent)]
    Operation(#[from] OperationError),
}

impl ClientError {
    /// The status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            _ => None,
        }
    }
}

/// An entry that its DID's owner did not sign as it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    /// The DID that it claims, where it claims one.
    pub did: Option<Did>,
    /// What is wrong with it.
    pub reason: Forgery,
}

/// One page of results, each checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What its owners signed, the best first.
    pub entries: Vec<VerifiedEntry>,
    /// What they did not: the directory lies, or was lied to.
    pub forged: Vec<Forged>,
    /// Where the next page begins.
    pub cursor: Option<String>,
}

/// Who writes: a DID and its key.
pub struct Author<'a, P: Provider> {
    /// The platform's cryptography.
    pub provider: &'a P,
    /// The DID's Ed25519 key.
    pub key: &'a P::Ed25519Key,
    /// The DID.
    pub did: Did,
}

/// What [`Directory::keep`] had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was not listed: it is now.
    Registered,
    /// It was listed with other words.
    Updated,
    /// It was listed like this, and will be for longer.
    Extended,
}

/// One directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    http: Client,
    url: String,
}

#[derive(Deserialize)]
struct RawPage {
    results: Vec<serde_json::Value>,
    #[serde(default)]
    cursor: Option<String>,
}

impl Directory {
    /// The directory at this address, such as `https://directory.example`.
    #[must_use]
    pub fn new(http: Client, url: &str) -> Self {
        Self { http, url: url.trim_end_matches('/').to_owned() }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it wants of those who write.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn policy(&self) -> Result<Policy, ClientError> {
        self.get("/v1/policy", "policy", 16 * 1024).await
    }

    /// Hands in an operation that is signed.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the directory's reason, and the others.
    pub async fn submit(&self, signed: &SignedOperation) -> Result<(), ClientError> {
        let (did, proof) = (signed.did().to_string(), signed.as_str().to_owned());
        let (path, body) = match &signed.operation().action {
            Action::Register(listing) | Action::Update(listing) => {
                let body = Registration { did, listing: listing.clone().into(), proof };
                (
                    if matches!(signed.operation().action, Action::Update(_)) { "/update" } else { "/register" },
                    json(&body),
                )
            }
            Action::Heartbeat { .. } => ("/heartbeat", json(&Signed { did, proof })),
            Action::Delete => ("/delete", json(&Signed { did, proof })),
        };
        let response = self.http.send(Request::json(Method::Post, format!("{}{path}", self.url), body)).await?;
        if response.is_success() { Ok(()) } else { Err(refusal(&response)) }
    }

    /// Signs what its policy asks for and hands it in. Where the directory knows a higher sequence, or wants a greater
    /// stamp than it said, it is signed once more.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), and [`ClientError::Operation`].
    pub async fn write<P: Provider>(
        &self,
        author: &Author<'_, P>,
        action: Action,
        life: Millis,
        now: Timestamp,
    ) -> Result<SignedOperation, ClientError> {
        let mut difficulty = self.policy().await?.difficulty;
        let mut sequence = now.0;
        let mut again = true;
        loop {
            let expires = now + life;
            let operation = Operation { did: author.did, sequence, created: now, expires, action: action.clone() };
            let signed = operation.sign(author.provider, author.key, difficulty).await?;
            match self.submit(&signed).await {
                Ok(()) => return Ok(signed),
                Err(ClientError::Refused(problem)) if again && problem.sequence.is_some_and(|s| s < MAX_SEQUENCE) => {
                    sequence = problem.sequence.unwrap_or(sequence).max(sequence) + 1;
                }
                Err(ClientError::Refused(problem)) if again && problem.difficulty.is_some_and(|d| d > difficulty) => {
                    difficulty = problem.difficulty.unwrap_or(difficulty);
                }
                Err(error) => return Err(error),
            }
            again = false;
        }
    }

    /// Lists a DID.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn register<P: Provider>(
        &self,
        author: &Author<'_, P>,
        listing: Listing,
        life: Millis,
        now: Timestamp,
    ) -> Result<SignedOperation, ClientError> {
        self.write(author, Action::Register(listing), life, now).await
    }

    /// Takes a DID out of the directory.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn delete<P: Provider>(
        &self,
        author: &Author<'_, P>,
        now: Timestamp,
    ) -> Result<SignedOperation, ClientError> {
        // As long as can be: until then no older operation brings it back.
        self.write(author, Action::Delete, MAX_LIFE, now).await
    }

    /// Sees to it that a DID is listed with these words until `life` from now: a heartbeat where it is already, an update
    /// where it is with others, a registration where it is not. A listening shop calls this, often enough that one
    /// failure does no harm: every third of `life`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn keep<P: Provider>(
        &self,
        author: &Author<'_, P>,
        listing: &Listing,
        life: Millis,
        now: Timestamp,
    ) -> Result<Kept, ClientError> {
        let listed = match self.entry(&author.did, now).await? {
            Some(Ok(entry)) => Some(entry),
            // What is there is not ours to continue: say it anew.
            Some(Err(_)) | None => None,
        };
        let (action, kept) = match listed {
            Some(entry) if entry.listing() == listing => (Action::Heartbeat { listing: entry.id() }, Kept::Extended),
            Some(_) => (Action::Update(listing.clone()), Kept::Updated),
            None => (Action::Register(listing.clone()), Kept::Registered),
        };
        match self.write(author, action, life, now).await {
            Ok(_) => Ok(kept),
            // It ended, or another device of ours wrote, in between.
            Err(ClientError::Refused(problem)) if matches!(problem.status, 404 | 409) => {
                self.register(author, listing.clone(), life, now).await.map(|_| Kept::Registered)
            }
            Err(error) => Err(error),
        }
    }

    /// Searches. The entries are checked; those that fail are apart.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn search(&self, query: &str, cursor: Option<&str>, now: Timestamp) -> Result<Found, ClientError> {
        let mut path = format!("/search?limit={DEFAULT_PAGE}&query={}", encode(query));
        if let Some(cursor) = cursor {
            path += &format!("&cursor={}", encode(cursor));
        }
        let room = DEFAULT_PAGE as usize * ENTRY_ROOM;
        let page: RawPage = self.get(&path, "page of results", room).await?;
        let mut found = Found { cursor: page.cursor, ..Found::default() };
        for value in page.results.into_iter().take(DEFAULT_PAGE as usize) {
            match check(value, now) {
                Ok(entry) => found.entries.push(entry),
                Err(forged) => found.forged.push(forged),
            }
        }
        Ok(found)
    }

    /// What is listed of one DID; `None` when nothing is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn entry(&self, did: &Did, now: Timestamp) -> Result<Option<Result<VerifiedEntry, Forged>>, ClientError> {
        let value = match self.get(&format!("/v1/listings/{did}"), "entry", ENTRY_ROOM).await {
            Ok(value) => value,
            Err(error) if error.status() == Some(404) => return Ok(None),
            Err(error) => return Err(error),
        };
        let checked = check(value, now).and_then(|entry| {
            let asked = entry.did() == *did;
            if asked { Ok(entry) } else { Err(Forged { did: Some(*did), reason: Forgery::OtherDid(entry.did()) }) }
        });
        Ok(Some(checked))
    }

    /// The categories and how many are listed under each. Nobody signs these figures.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn categories(&self, limit: u32) -> Result<Vec<CategoryCount>, ClientError> {
        let listed: Categories =
            self.get(&format!("/categories?limit={limit}"), "list of categories", 512 * 1024).await?;
        Ok(listed.categories)
    }

    /// A part of its log, after this number.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export(&self, after: u64) -> Result<ExportPage, ClientError> {
        const { assert!(EXPORT_PART <= MAX_EXPORT) };
        let room = EXPORT_PART as usize * (MAX_OPERATION + 256);
        self.get(&format!("/export?after={after}&limit={EXPORT_PART}"), "part of a log", room).await
    }

    /// What it says as a driver of a Universal Resolver: the DID resolution result, as JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn resolve(&self, did: &Did) -> Result<serde_json::Value, ClientError> {
        self.get(&format!("/1.0/identifiers/{did}"), "resolution result", 256 * 1024).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, what: &'static str, limit: usize) -> Result<T, ClientError> {
        let response = self.http.send(Request::get(format!("{}{path}", self.url)).limit(limit)).await?;
        if !response.is_success() {
            return Err(refusal(&response));
        }
        serde_json::from_slice(&response.body).map_err(|_| ClientError::Malformed { status: response.status, what })
    }
}

fn check(value: serde_json::Value, now: Timestamp) -> Result<VerifiedEntry, Forged> {
    let did = value.get("did").and_then(|did| did.as_str()).and_then(|did| did.parse().ok());
    let entry: Entry = serde_json::from_value(value).map_err(|_| Forged { did, reason: Forgery::Malformed })?;
    entry.verify(now).map_err(|reason| Forged { did, reason })
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("what is sent is plain data")
}

/// Longest text of a directory that is kept for a log, in characters.
const MAX_DETAIL: usize = 300;

fn refusal(response: &Response) -> ClientError {
    match serde_json::from_slice::<Problem>(&response.body) {
        Ok(mut problem) => {
            problem.status = response.status;
            problem.detail = problem.detail.chars().filter(|c| !c.is_control()).take(MAX_DETAIL).collect();
            ClientError::Refused(Box::new(problem))
        }
        Err(_) => ClientError::Malformed { status: response.status, what: "problem" },
    }
}

/// Percent-encodes for a query (RFC 3986 §2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_query_is_encoded_whole() {
        assert_eq!(super::encode("식 a&b=%~"), "%EC%8B%9D%20a%26b%3D%25~");
    }
}
