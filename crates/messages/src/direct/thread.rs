//! All that is under way between two people, as a state machine without a clock or a disk.
//!
//! ```text
//! let mut thread = Thread::load(me, them, state, sent, got);  // what the disk has
//! thread.receive(&message, disk, now)?;                       // or say, acked, stored, read, timeout
//! for change in thread.take() { … }                           // all into one transaction
//! // only when that is durable: send, acknowledge, show
//! ```
//!
//! So a crash can repeat a message or an acknowledgement, which changes nothing, and cannot lose one: what was not written
//! was not acknowledged, and what is not acknowledged is sent again.

use super::message::{DirectAck, DirectMessage, MAX_ACKED, MAX_DIRECT_LIFE, SignedAck, SignedDirect};
use crate::Text;
use crate::inbox::PLACES;
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Messages of mine to one person that may be unfinished at a time: as many as their inbox in the DHT has places.
pub const WINDOW: u64 = PLACES as u64;
/// How far ahead of what is expected a message may be to be kept. An honest sender stays within [`WINDOW`].
pub const AHEAD: u64 = 2 * WINDOW;
/// For how long a message that is ahead waits for those before it: two minutes. Then the gap is told.
pub const GAP_WAIT: Millis = 120_000;
/// Most messages of one stranger that are kept.
pub const MAX_PER_STRANGER: usize = 20;
const FIRST_PAUSE: Millis = 2_000;
const LAST_PAUSE: Millis = 600_000;

/// How long to wait after so many attempts in vain: two seconds, doubling up to ten minutes.
#[must_use]
pub fn pause_after(attempts: u32) -> Millis {
    FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(LAST_PAUSE)
}

/// What the other is to me.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Unknown: what they say waits among the requests, and they are not told whether it was read.
    #[default]
    Stranger,
    /// A contact, or a stranger whose request was accepted.
    Known,
    /// Not wanted: nothing of them is kept.
    Unwanted,
}

/// What is kept of a pair beside its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadState {
    /// When my numbering began; zero while nothing was said.
    pub stream: Timestamp,
    /// The number of my next message.
    pub next: u64,
    /// The numbering of theirs that counts.
    pub their_stream: Timestamp,
    /// The number of theirs that comes next; 0 while nothing of their numbering was heard.
    pub expected: u64,
    /// Since when something of theirs is missing.
    pub gap_since: Option<Timestamp>,
    /// How many of theirs before `expected` will not come, and were not told yet.
    pub missing: u64,
    /// What they are to me.
    pub standing: Standing,
}

/// A message of mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// The id of its JWS.
    pub id: Digest,
    /// Its numbering.
    pub stream: Timestamp,
    /// Its number.
    pub number: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// When it is given up.
    pub expires: Timestamp,
    /// What it says.
    pub text: String,
    /// The compact JWS, to be sealed each time that it leaves.
    pub jws: String,
    /// How far it is.
    pub state: SentState,
}

/// How far a message of mine is. What is shown is this, never more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SentState {
    /// Signed and written down. It is nowhere but here.
    Queued,
    /// Nodes of the DHT have it for the recipient, who has said nothing.
    Mailbox {
        /// Since when.
        at: Timestamp,
        /// Of which day the slot is.
        day: u64,
        /// In which place of it.
        place: u8,
    },
    /// The recipient has it, and signed for it.
    Delivered {
        /// When the acknowledgement came.
        at: Timestamp,
        /// The acknowledgement.
        ack: String,
    },
    /// The recipient's owner has seen it, and signed for it.
    Read {
        /// When the acknowledgement came.
        at: Timestamp,
        /// The acknowledgement.
        ack: String,
    },
    /// Its time is over. Whether the recipient got it is not known; nobody has signed for it.
    Expired {
        /// When that was noticed.
        at: Timestamp,
    },
}

impl SentState {
    /// Whether it still has to be brought to the recipient.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Queued | Self::Mailbox { .. })
    }
}

/// A message to me.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Got {
    /// The id of its JWS.
    pub id: Digest,
    /// Its numbering.
    pub stream: Timestamp,
    /// Its number.
    pub number: u64,
    /// When its sender says it was signed.
    pub issued: Timestamp,
    /// When it came.
    pub at: Timestamp,
    /// What it says.
    pub text: String,
    /// The compact JWS: proof of who said it.
    pub jws: String,
    /// How many before it are missing.
    pub missing: u64,
    /// It came after others that were said later.
    pub late: bool,
    /// How far it is.
    pub state: GotState,
}

/// How far a message to me is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum GotState {
    /// Others before it are awaited.
    Waiting,
    /// To be read, in its turn.
    Unread,
    /// Shown.
    Read {
        /// When.
        at: Timestamp,
    },
}

/// Something to be written down. All changes of one step belong into one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The state of the pair.
    State(ThreadState),
    /// A message of mine is new, or has another state.
    Sent(Sent),
    /// A message to me is new, or has another state. Those that become [`GotState::Unread`] do so in the order in which
    /// they are to be read.
    Got(Got),
}

/// What became of a message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is new, and can be read.
    Readable,
    /// It is new, and waits for others before it.
    Ahead,
    /// It was here before. Acknowledge it again: the last time was not heard.
    Known,
}

/// What the disk has of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnDisk {
    /// Whether the message of this id is there.
    pub known: bool,
    /// How many of their messages are there that nobody has read.
    pub kept: usize,
}

/// Why a step is not taken. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadError {
    /// Too many messages of mine are unfinished.
    #[error("{WINDOW} messages to them are not delivered yet; wait until one is, or has expired")]
    Full,
    /// Another step was faster: take the next number.
    #[error("number {number} is taken")]
    Taken {
        /// The number.
        number: u64,
    },
    /// Its number is too far ahead of what is expected.
    #[error("number {number} is too far ahead of {expected}")]
    Ahead {
        /// Its number.
        number: u64,
        /// What is expected.
        expected: u64,
    },
    /// A stranger who says too much.
    #[error("{MAX_PER_STRANGER} messages of this stranger wait already")]
    Stranger,
    /// From somebody who is not wanted.
    #[error("not wanted")]
    Unwanted,
    /// Signed by, or for, somebody else than the two of this thread.
    #[error("of other people")]
    OtherPeople,
}

/// All that is under way between two people.
#[derive(Debug, Clone)]
pub struct Thread {
    me: Did,
    them: Did,
    state: ThreadState,
    /// Mine of this numbering: those that are open, and those that may still become [`SentState::Read`].
    sent: BTreeMap<u64, Sent>,
    /// Theirs of the numbering that counts: those that wait, and the last that came.
    got: BTreeMap<u64, Got>,
    /// Of messages only; the state is written as it is at the end of the step.
    changes: Vec<Change>,
    state_changed: bool,
}

impl Thread {
    /// The thread as the disk has it. Of `sent` and `got` the last [`AHEAD`] of the numberings in `state` are needed, and
    /// all that are open or wait; others are passed over.
    #[must_use]
    pub fn load(
        me: Did,
        them: Did,
        state: ThreadState,
        sent: impl IntoIterator<Item = Sent>,
        got: impl IntoIterator<Item = Got>,
    ) -> Self {
        let sent = sent.into_iter().filter(|it| it.stream == state.stream).map(|it| (it.number, it)).collect();
        let got = got.into_iter().filter(|it| it.stream == state.their_stream).map(|it| (it.number, it)).collect();
        Self { me, them, state, sent, got, changes: Vec::new(), state_changed: false }
    }

    /// What is kept beside the messages.
    #[must_use]
    pub fn state(&self) -> &ThreadState {
        &self.state
    }

    /// The changes since the last time, to be written in one transaction.
    #[must_use = "what is not written did not happen"]
    pub fn take(&mut self) -> Vec<Change> {
        let changes = std::mem::take(&mut self.changes);
        if !std::mem::take(&mut self.state_changed) && changes.is_empty() {
            return changes;
        }
        std::iter::once(Change::State(self.state.clone())).chain(changes).collect()
    }

    /// The messages of which [`take`](Self::take) will tell.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Messages of mine that have to be brought to the recipient, in order.
    pub fn open(&self) -> impl Iterator<Item = &Sent> {
        self.sent.values().filter(|it| it.state.is_open())
    }

    /// Says what they are to me from now on.
    pub fn set_standing(&mut self, standing: Standing) {
        if self.state.standing != standing {
            self.state.standing = standing;
            self.state_changed = true;
        }
    }

    /// The next message of mine, to be signed and given to [`say`](Self::say).
    ///
    /// # Errors
    /// [`ThreadError::Full`].
    pub fn draft(
        &self,
        text: Text<{ super::MAX_TEXT }>,
        agreement: [u8; 32],
        now: Timestamp,
    ) -> Result<DirectMessage, ThreadError> {
        let (stream, number) = match self.state.stream {
            Timestamp(0) => (now, 1),
            stream => (stream, self.state.next),
        };
        let oldest = self.open().next().map_or(number, |it| it.number);
        if number - oldest >= WINDOW {
            return Err(ThreadError::Full);
        }
        // A clock that goes back makes no message older than its numbering.
        let issued = now.max(stream);
        let (from, to, expires) = (self.me, self.them, issued + MAX_DIRECT_LIFE);
        Ok(DirectMessage { agreement, expires, from, issued, number, oldest, stream, text, to })
    }

    /// Takes a signed message of mine into the outbox.
    ///
    /// # Errors
    /// [`ThreadError::Taken`] when its number is not the next one any more; [`ThreadError::OtherPeople`].
    pub fn say(&mut self, signed: &SignedDirect) -> Result<(), ThreadError> {
        let said = signed.value();
        if (said.from, said.to) != (self.me, self.them) {
            return Err(ThreadError::OtherPeople);
        }
        let fits = match self.state.stream {
            Timestamp(0) => said.number == 1,
            stream => said.stream == stream && said.number == self.state.next,
        };
        if !fits {
            return Err(ThreadError::Taken { number: said.number });
        }
        self.state.stream = said.stream;
        self.state.next = said.number + 1;
        let sent = Sent {
            id: signed.id(),
            stream: said.stream,
            number: said.number,
            issued: said.issued,
            expires: said.expires,
            text: said.text.as_str().to_owned(),
            jws: signed.as_str().to_owned(),
            state: SentState::Queued,
        };
        self.put_sent(sent);
        Ok(())
    }

    /// Nodes of the DHT have taken a message of mine for them. Says whether that is news.
    pub fn stored(&mut self, number: u64, day: u64, place: u8, now: Timestamp) -> bool {
        let Some(sent) = self.sent.get(&number).filter(|it| it.state == SentState::Queued) else { return false };
        let state = SentState::Mailbox { at: now, day, place };
        self.put_sent(Sent { state, ..sent.clone() });
        true
    }

    /// Takes an acknowledgement of theirs. Gives the numbers whose state is another now.
    ///
    /// # Errors
    /// [`ThreadError::OtherPeople`].
    pub fn acked(&mut self, signed: &SignedAck, now: Timestamp) -> Result<Vec<u64>, ThreadError> {
        let ack = signed.value();
        if (ack.from, ack.to) != (self.them, self.me) {
            return Err(ThreadError::OtherPeople);
        }
        let mut changed = Vec::new();
        for sent in self.sent.values() {
            let read = ack.read.contains(&sent.id);
            let news = match sent.state {
                SentState::Read { .. } => false,
                SentState::Delivered { .. } => read,
                _ => read || ack.delivered.contains(&sent.id),
            };
            if news {
                let (at, ack) = (now, signed.as_str().to_owned());
                let state = if read { SentState::Read { at, ack } } else { SentState::Delivered { at, ack } };
                changed.push(Sent { state, ..sent.clone() });
            }
        }
        let numbers = changed.iter().map(|it| it.number).collect();
        changed.into_iter().for_each(|it| self.put_sent(it));
        Ok(numbers)
    }

    /// Takes a message of theirs. `disk` says what is there of them, of this numbering and of all before.
    ///
    /// # Errors
    /// [`ThreadError`]: it is not kept, and must not be acknowledged.
    pub fn receive(&mut self, signed: &SignedDirect, disk: OnDisk, now: Timestamp) -> Result<Received, ThreadError> {
        let said = signed.value();
        if (said.from, said.to) != (self.them, self.me) {
            return Err(ThreadError::OtherPeople);
        }
        if self.state.standing == Standing::Unwanted {
            return Err(ThreadError::Unwanted);
        }
        if disk.known {
            return Ok(Received::Known);
        }
        if self.state.standing == Standing::Stranger && disk.kept >= MAX_PER_STRANGER {
            return Err(ThreadError::Stranger);
        }
        let mut got = Got {
            id: signed.id(),
            stream: said.stream,
            number: said.number,
            issued: said.issued,
            at: now,
            text: said.text.as_str().to_owned(),
            jws: signed.as_str().to_owned(),
            missing: 0,
            late: false,
            state: GotState::Waiting,
        };
        if said.stream < self.state.their_stream {
            // The rest of an earlier numbering: better late than lost.
            (got.late, got.state) = (true, GotState::Unread);
            self.changes.push(Change::Got(got));
            return Ok(Received::Readable);
        }
        let fresh = said.stream > self.state.their_stream || self.state.expected == 0;
        let expected = if fresh { said.oldest } else { self.state.expected.max(said.oldest) };
        if said.number >= expected.saturating_add(AHEAD) {
            return Err(ThreadError::Ahead { number: said.number, expected });
        }
        if fresh {
            // What still waits of the numbering before is told first.
            let end = self.got.values().filter(|it| it.state == GotState::Waiting).map(|it| it.number + 1).max();
            self.release(end.unwrap_or(self.state.expected));
            self.got.clear();
            (self.state.their_stream, self.state.expected) = (said.stream, said.oldest);
            (self.state.missing, self.state.gap_since) = (0, None);
        } else if said.oldest > self.state.expected {
            // What the sender has given up is not waited for.
            self.release(said.oldest);
        }
        if said.number < self.state.expected {
            (got.late, got.state) = (true, GotState::Unread);
            self.put_got(got);
            return Ok(Received::Readable);
        }
        self.put_got(got);
        let before = self.state.expected;
        self.release(before);
        self.note_gap(self.state.expected > before, now);
        Ok(if self.state.expected > said.number { Received::Readable } else { Received::Ahead })
    }

    /// What is due: a gap that was waited for long enough is told with the message behind it, and what is too old is given
    /// up.
    pub fn timeout(&mut self, now: Timestamp) {
        if self.state.gap_since.is_some_and(|since| now.since(since) >= GAP_WAIT) {
            let first = self.waiting();
            self.release(first.unwrap_or(self.state.expected));
            self.note_gap(true, now);
            self.state_changed = true;
        }
        let over: Vec<Sent> = self.open().filter(|it| it.expires <= now).cloned().collect();
        over.into_iter().for_each(|it| self.put_sent(Sent { state: SentState::Expired { at: now }, ..it }));
    }

    /// When [`timeout`](Self::timeout) has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let gap = self.state.gap_since.map(|since| since + GAP_WAIT);
        self.open().map(|it| it.expires).chain(gap).min()
    }

    /// The owner has seen a message. Says whether that is news.
    pub fn read(&mut self, got: &Got, now: Timestamp) -> bool {
        if got.state != GotState::Unread {
            return false;
        }
        self.put_got(Got { state: GotState::Read { at: now }, ..got.clone() });
        true
    }

    /// The acknowledgement of what I have of theirs: the last messages of the numbering, and the one that it is `about`.
    /// `None` when there is nothing to acknowledge.
    #[must_use]
    pub fn ack(&self, about: Option<Digest>, now: Timestamp) -> Option<DirectAck> {
        let (mut delivered, mut read) = (Vec::new(), Vec::new());
        let strays = about.into_iter().filter(|id| !self.got.values().any(|it| it.id == *id));
        delivered.extend(strays);
        for got in self.got.values().rev().take(MAX_ACKED - delivered.len()) {
            // A stranger is not told whether anybody looked.
            match got.state {
                GotState::Read { .. } if self.state.standing == Standing::Known => read.push(got.id),
                _ => delivered.push(got.id),
            }
        }
        if delivered.is_empty() && read.is_empty() {
            return None;
        }
        Some(DirectAck { delivered, from: self.me, issued: now, read, to: self.them })
    }

    fn waiting(&self) -> Option<u64> {
        self.got.values().find(|it| it.state == GotState::Waiting).map(|it| it.number)
    }

    /// Makes readable, in order, what waits: all below `until`, and what follows on it without a gap. What is missing on the
    /// way is counted, and told with the next message that is there.
    fn release(&mut self, until: u64) {
        loop {
            let expected = self.state.expected;
            match self.waiting() {
                Some(number) if number == expected || number < until => {
                    let Some(got) = self.got.get(&number).cloned() else { return };
                    let missing = std::mem::take(&mut self.state.missing) + (number - expected);
                    self.put_got(Got { missing, state: GotState::Unread, ..got });
                    self.state.expected = number + 1;
                }
                _ if until > expected => {
                    self.state.missing += until - expected;
                    self.state.expected = until;
                }
                _ => return,
            }
        }
    }

    fn note_gap(&mut self, moved: bool, now: Timestamp) {
        self.state.gap_since = match (self.waiting(), self.state.gap_since) {
            (None, _) => None,
            (Some(_), Some(since)) if !moved => Some(since),
            (Some(_), _) => Some(now),
        };
    }

    fn put_sent(&mut self, sent: Sent) {
        self.changes.push(Change::Sent(sent.clone()));
        self.sent.insert(sent.number, sent);
    }

    fn put_got(&mut self, got: Got) {
        self.changes.push(Change::Got(got.clone()));
        if got.stream == self.state.their_stream {
            self.got.insert(got.number, got);
        }
    }
}
