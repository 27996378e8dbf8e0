//! What was said lately: kept in an order that does not depend on who told of it, and given to those who come late.

use super::{SignedTopicMessage, TopicId, TopicName};
use pumasi_crypto::{hash::Digest, jcs, json};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Most messages kept of a topic.
pub const MAX_HISTORY: usize = 200;
/// Most of them by one author: whoever talks without end does not push everyone else out.
pub const MAX_PER_AUTHOR: usize = 50;
/// For how long they are kept: 24 hours.
pub const MAX_HISTORY_AGE: Millis = 24 * 3_600_000;
/// The longest question, in bytes of JSON.
pub const MAX_HISTORY_REQUEST: usize = 256;
/// The longest answer, in bytes of JSON. What does not fit is left out, the oldest first.
pub const MAX_HISTORY_ANSWER: usize = 256 * 1_024;

/// Why a question or an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("history: {0}")]
pub struct HistoryError(&'static str);

/// Asks a peer for what was said in a topic: canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// At most so many, the newest.
    pub most: u16,
    /// Not before this.
    pub since: Timestamp,
    /// Where.
    pub topic: TopicId,
}

impl HistoryRequest {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        jcs::to_vec(self).unwrap_or_default() // three members that all have JSON
    }

    /// Reads a question.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, HistoryError> {
        json::from_slice("history request", bytes, MAX_HISTORY_REQUEST).map_err(|_| HistoryError("malformed question"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    #[serde(borrow)]
    messages: Vec<std::borrow::Cow<'a, str>>,
}

/// The answer to a question: these messages, in order, at most [`MAX_HISTORY_ANSWER`] bytes of them, the newest.
#[must_use]
pub fn answer_bytes<'a>(messages: impl DoubleEndedIterator<Item = &'a SignedTopicMessage>) -> Vec<u8> {
    let mut room = MAX_HISTORY_ANSWER - r#"{"messages":[]}"#.len();
    let fits = |it: &&SignedTopicMessage| {
        let left = room.checked_sub(it.as_str().len() + r#""","#.len());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let mut newest: Vec<_> = messages.rev().take(MAX_HISTORY).take_while(fits).map(|it| it.as_str().into()).collect();
    newest.reverse();
    jcs::to_vec(&Answer { messages: newest }).unwrap_or_default() // texts have JSON
}

/// Reads an answer and checks each message in it. Those that are not good are left out, and counted.
///
/// # Errors
/// [`HistoryError`] when it is no answer, or longer than one may be.
pub fn read_answer(
    bytes: &[u8],
    topic: &TopicName,
    now: Timestamp,
) -> Result<(Vec<SignedTopicMessage>, usize), HistoryError> {
    let malformed = |_| HistoryError("malformed answer, or longer than 262,144 bytes");
    // Checked for repeated names first; then read without copying.
    json::from_slice::<serde::de::IgnoredAny>("history answer", bytes, MAX_HISTORY_ANSWER).map_err(malformed)?;
    let answer: Answer<'_> = serde_json::from_slice(bytes).map_err(|_| HistoryError("malformed answer"))?;
    if answer.messages.len() > MAX_HISTORY {
        return Err(HistoryError("more than 200 messages"));
    }
    let told = answer.messages.len();
    let good: Vec<_> = answer
        .messages
        .iter()
        .filter_map(|it| SignedTopicMessage::verify_old(it.as_bytes(), topic, now).ok())
        .collect();
    let bad = told - good.len();
    Ok((good, bad))
}

/// Where a message stands: by time, and where that is the same by what nobody can choose twice.
type Place = (Timestamp, u64, Did, Digest);

/// The last messages of a topic, at most [`MAX_HISTORY`], [`MAX_PER_AUTHOR`] of each author and none older than
/// [`MAX_HISTORY_AGE`].
///
/// What it holds follows from the set of messages that were ever put in, not from their order: two people who have heard
/// the same see the same.
#[derive(Debug, Clone, Default)]
pub struct History {
    messages: BTreeMap<Place, SignedTopicMessage>,
    authors: HashMap<Did, usize>,
}

impl History {
    /// Puts a message in. Says whether it is new here and stays.
    pub fn insert(&mut self, message: SignedTopicMessage) -> bool {
        let place = place_of(&message);
        if self.messages.contains_key(&place) {
            return false;
        }
        let author = message.value().from;
        self.messages.insert(place, message);
        *self.authors.entry(author).or_default() += 1;
        if self.authors[&author] > MAX_PER_AUTHOR {
            let oldest = self.messages.keys().find(|(_, _, from, _)| *from == author).copied();
            oldest.into_iter().for_each(|oldest| self.remove(oldest));
        }
        if self.messages.len() > MAX_HISTORY {
            let oldest = self.messages.keys().next().copied();
            oldest.into_iter().for_each(|oldest| self.remove(oldest));
        }
        self.messages.contains_key(&place)
    }

    /// Forgets what is too old.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(oldest) = self.messages.keys().next().copied().filter(|it| now.since(it.0) > MAX_HISTORY_AGE) {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, place: Place) {
        if self.messages.remove(&place).is_some()
            && let Some(count) = self.authors.get_mut(&place.2)
        {
            *count -= 1;
            if *count == 0 {
                self.authors.remove(&place.2);
            }
        }
    }

    /// All of it, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &SignedTopicMessage> {
        self.messages.values()
    }

    /// The answer to a question.
    #[must_use]
    pub fn answer(&self, request: &HistoryRequest) -> Vec<u8> {
        let most = usize::from(request.most).min(MAX_HISTORY);
        let wanted: Vec<_> = self.iter().rev().take_while(|it| it.value().issued >= request.since).take(most).collect();
        answer_bytes(wanted.into_iter().rev())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

fn place_of(message: &SignedTopicMessage) -> Place {
    let said = message.value();
    (said.issued, said.sequence, said.from, message.id())
}
