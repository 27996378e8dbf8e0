use serde::{Deserialize, Serialize};
use std::fmt;

/// The media type of a problem (RFC 9457 §3).
pub const PROBLEM_TYPE: &str = "application/problem+json";
/// What the type of every problem of ours begins with.
const URN: &str = "urn:pumasi:problem:";
/// Longest problem that is read, in bytes.
pub(crate) const MAX_PROBLEM: usize = 4_096;
/// Longest detail that is kept of a problem from elsewhere, in characters.
const MAX_DETAIL: usize = 300;

/// What went wrong with a request (RFC 9457). [`code`](Self::code) is for programs and never changes its meaning; the
/// texts are for whoever reads a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:pumasi:problem:` and a code.
    #[serde(rename = "type", default = "blank")]
    pub kind: String,
    /// What happened, for this code always the same.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What is wrong with this request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// After how many seconds to try again.
    #[serde(default, rename = "retry-after", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

fn blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    // A page answers nobody.
    #[cfg(any(test, all(feature = "server", not(target_arch = "wasm32"))))]
    pub(crate) fn new(status: u16, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self { kind: format!("{URN}{code}"), title: title.to_owned(), status, detail: detail.into(), retry_after: None }
    }

    /// With the time after which to try again, in seconds.
    #[cfg(all(feature = "server", not(target_arch = "wasm32")))]
    pub(crate) fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What follows `urn:pumasi:problem:` in the type; empty for a problem of somebody else.
    #[must_use]
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(URN).unwrap_or_default()
    }

    /// Reads what a server said. Whatever it is, something can be told.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let read = body.get(..MAX_PROBLEM.min(body.len())).and_then(|body| serde_json::from_slice::<Self>(body).ok());
        let mut problem = read.unwrap_or(Self {
            kind: blank(),
            title: String::new(),
            status,
            detail: String::new(),
            retry_after: None,
        });
        problem.status = status;
        // From a stranger, on its way to a log or a screen.
        for text in [&mut problem.title, &mut problem.detail, &mut problem.kind] {
            *text = text.chars().filter(|char| !char.is_control()).take(MAX_DETAIL).collect();
        }
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for text in [&self.title, &self.detail] {
            if !text.is_empty() {
                write!(f, ", {text}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_server_answers_something_short_can_be_told() {
        let ours = Problem::new(429, "too-many-requests", "Too many requests", "of this source");
        let body = serde_json::to_vec(&ours).unwrap();
        assert_eq!(Problem::read(429, &body), ours);
        assert_eq!(ours.code(), "too-many-requests");
        for body in [b"".as_slice(), b"<html>", b"[]", b"{\"title\":3}"] {
            assert_eq!(Problem::read(502, body).to_string(), "502");
        }
        let long = format!("{{\"detail\":\"\\u001b[31m{}\"}}", "a".repeat(1_000));
        let read = Problem::read(400, long.as_bytes());
        assert_eq!(read.detail.len(), MAX_DETAIL);
        assert!(!read.detail.contains('\u{1b}'));
        assert_eq!(read.code(), "");
    }
}
