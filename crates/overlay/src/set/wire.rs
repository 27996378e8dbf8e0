//! What is asked of a node that keeps sets, and its answer (`docs/spec/overlay.md` §7).

use super::key::SetKey;
use crate::exchange::push_length;
use crate::service::Bounds;
use std::time::Duration;

/// The name under which the protocol is negotiated.
pub const SET_PROTOCOL: &str = "/pumasi/set/1.0.0";
/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 8 * 1024;
/// The longest answer, in bytes; what does not fit is left out, the lowest rank first.
pub const MAX_ANSWER: usize = 256 * 1024;

pub(crate) const BOUNDS: Bounds = Bounds {
    protocol: SET_PROTOCOL,
    request: MAX_REQUEST,
    answer: MAX_ANSWER,
    patience: Duration::from_secs(5),
    streams: 64,
};

const ADD: u8 = 1;
const LIST: u8 = 2;
const STORED: u8 = 1;
const REFUSED: u8 = 2;
const ENTRIES: u8 = 3;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetRequest {
    /// Keep this entry under this key.
    Add {
        /// The key.
        key: SetKey,
        /// The entry.
        entry: Vec<u8>,
    },
    /// What is there?
    List {
        /// The key.
        key: SetKey,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetAnswer {
    /// It is kept.
    Stored,
    /// It is not kept; the reason is not told.
    Refused,
    /// These are there.
    Entries(Vec<Vec<u8>>),
}

impl SetRequest {
    /// The bytes: the operation, the key behind its length, and the entry.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (operation, key, entry) = match self {
            Self::Add { key, entry } => (ADD, key, entry.as_slice()),
            Self::List { key } => (LIST, key, [].as_slice()),
        };
        let mut bytes = vec![operation];
        push_prefixed(&mut bytes, &key.to_bytes());
        bytes.extend_from_slice(entry);
        bytes
    }

    /// Reads the bytes; `None` when they are no request of this version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (operation, mut rest) = bytes.split_first()?;
        let key = SetKey::from_bytes(take_prefixed(&mut rest)?)?;
        match *operation {
            ADD => Some(Self::Add { key, entry: rest.to_vec() }),
            LIST if rest.is_empty() => Some(Self::List { key }),
            _ => None,
        }
    }
}

impl SetAnswer {
    /// The bytes: what it is, and the entries each behind its length.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Stored => vec![STORED],
            Self::Refused => vec![REFUSED],
            Self::Entries(entries) => {
                let mut bytes = vec![ENTRIES];
                for entry in entries {
                    // A length has at most four bytes.
                    if bytes.len() + entry.len() + 4 <= MAX_ANSWER {
                        push_prefixed(&mut bytes, entry);
                    }
                }
                bytes
            }
        }
    }

    /// Reads the bytes; `None` when they are no answer of this version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        match (*kind, rest.is_empty()) {
            (STORED, true) => Some(Self::Stored),
            (REFUSED, true) => Some(Self::Refused),
            (ENTRIES, _) => {
                let mut entries = Vec::new();
                while !rest.is_empty() {
                    entries.push(take_prefixed(&mut rest)?.to_vec());
                }
                Some(Self::Entries(entries))
            }
            _ => None,
        }
    }
}

fn push_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    push_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Bytes behind their length, as [`push_length`] writes it.
fn take_prefixed<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut len = 0_usize;
    for shift in [0, 7, 14, 21] {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (bytes, after) = rest.split_at_checked(len)?;
            *rest = after;
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn requests_and_answers_come_back(id: [u8; 32], entry: Vec<u8>, entries: Vec<Vec<u8>>) {
            for request in [SetRequest::Add { key: SetKey::vouch(id), entry }, SetRequest::List { key: SetKey::inbox(id) }] {
                prop_assert_eq!(SetRequest::from_bytes(&request.to_bytes()), Some(request));
            }
            for answer in [SetAnswer::Stored, SetAnswer::Refused, SetAnswer::Entries(entries)] {
                prop_assert_eq!(SetAnswer::from_bytes(&answer.to_bytes()), Some(answer));
            }
        }

        #[test]
        fn anything_is_read_without_harm(bytes: Vec<u8>) {
            if let Some(request) = SetRequest::from_bytes(&bytes) {
                prop_assert_eq!(SetRequest::from_bytes(&request.to_bytes()), Some(request));
            }
            if let Some(answer) = SetAnswer::from_bytes(&bytes) {
                prop_assert_eq!(SetAnswer::from_bytes(&answer.to_bytes()), Some(answer));
            }
        }
    }

    #[test]
    fn an_answer_ends_at_its_limit() {
        let bytes = SetAnswer::Entries(vec![vec![7; 4_096]; 100]).to_bytes();
        assert!(bytes.len() <= MAX_ANSWER);
        let Some(SetAnswer::Entries(entries)) = SetAnswer::from_bytes(&bytes) else { panic!() };
        assert_eq!(entries.len(), 63);
    }
}
