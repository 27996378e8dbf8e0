//! What is passed on in a topic, and what is not.
//!
//! Every node that has joined a topic asks its gate about each message before it gives it to its neighbours, so a flood
//! ends one hop from where it begins.

use super::{SignedTopicMessage, TopicError, TopicName};
use crate::{Bucket, Rate};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What becomes of a message. The names are gossipsub's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Show it, and pass it on.
    Accept,
    /// Neither. Whoever brought it may mean well.
    Ignore,
    /// Neither. Whoever brought it has not done what every node has to do, and loses standing.
    Reject,
}

/// Everything that a stranger can make a gate keep or do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages of one author.
    pub author: Rate,
    /// After so many messages beyond the rate, with no pause in between that would have filled it up again, ...
    pub strikes: u32,
    /// ... the author is not heard for so long.
    pub mute: Millis,
    /// Messages that one neighbour brings, whoever says them.
    pub neighbour: Rate,
    /// Messages in the topic, whoever brings them.
    pub topic: Rate,
    /// Authors that are remembered; beyond it the one that was silent for longest is forgotten.
    pub authors: usize,
    /// Neighbours that are remembered.
    pub neighbours: usize,
    /// Messages that are remembered, good or bad, so that they cost nothing when they come again.
    pub seen: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            author: Rate { burst: 10, every: 2_000 },
            strikes: 20,
            mute: 600_000,
            neighbour: Rate { burst: 200, every: 50 },
            topic: Rate { burst: 400, every: 25 },
            authors: 1_024,
            neighbours: 256,
            seen: 4_096,
        }
    }
}

/// Why a message is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Seen before, byte for byte.
    #[error("seen before")]
    Duplicate,
    /// Its author has used this sequence, for something else or under another signature; or it is older than is remembered.
    #[error("its sequence was used before")]
    OldSequence,
    /// Its author says too much.
    #[error("its author says too much")]
    Author,
    /// Its author said far too much, and is not heard for a while.
    #[error("its author is not heard until {until}")]
    Muted {
        /// Who.
        author: Did,
        /// Until when.
        until: Timestamp,
        /// Whether it begins with this message.
        begins: bool,
    },
    /// The neighbour brings too much.
    #[error("the neighbour brings too much")]
    Neighbour,
    /// Too much is said here altogether.
    #[error("too much is said in this topic")]
    Topic,
    /// The message itself.
    #[error(transparent)]
    Message(#[from] TopicError),
}

/// A decision, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// To show and to pass on.
    Accepted(Box<SignedTopicMessage>),
    /// Not to pass on.
    Refused {
        /// What the neighbour hears of it.
        verdict: Verdict,
        /// Why.
        why: Refused,
    },
}

impl Judged {
    /// What to tell gossipsub.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Accepted(_) => Verdict::Accept,
            Self::Refused { verdict, .. } => *verdict,
        }
    }
}

/// Sequences of one author that are remembered.
const SEQUENCES: usize = 256;

struct Author {
    bucket: Bucket,
    strikes: u32,
    muted: Option<Timestamp>,
    sequences: BTreeSet<u64>,
    /// This and all below were used, or are too old to know.
    floor: u64,
    heard: Timestamp,
}

/// The rule of one topic.
///
/// An honest neighbour asks a gate like this one before it passes a message on. So what no such gate lets through (bad
/// signatures, other topics, far too long ago, more than a neighbour may bring twice over) is rejected, and costs the
/// neighbour; what depends on when one came to the topic and whom one hears (duplicates, an author's rate) is ignored.
pub struct Gate {
    topic: TopicName,
    limits: Limits,
    seen: Seen,
    authors: HashMap<Did, Author>,
    neighbours: HashMap<Vec<u8>, Neighbour>,
    all: Option<Bucket>,
}

struct Neighbour {
    bucket: Bucket,
    beyond: Bucket,
    heard: Timestamp,
}

impl Gate {
    /// The rule of a topic.
    #[must_use]
    pub fn new(topic: TopicName, limits: Limits) -> Self {
        let (authors, neighbours) = (HashMap::new(), HashMap::new());
        Self { topic, limits, seen: Seen::default(), authors, neighbours, all: None }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Decides about a message that a neighbour brings. Without a name for the neighbour, its own rate is not looked at.
    ///
    /// A signature is checked only for what is new, well-formed and within the neighbour's rate.
    pub fn judge(&mut self, neighbour: Option<&[u8]>, bytes: &[u8], now: Timestamp) -> Judged {
        self.decide(neighbour, bytes, now).unwrap_or_else(|(verdict, why)| Judged::Refused { verdict, why })
    }

    fn decide(&mut self, neighbour: Option<&[u8]>, bytes: &[u8], now: Timestamp) -> Result<Judged, (Verdict, Refused)> {
        self.count_neighbour(neighbour, now)?;
        let digest = sha256(&[bytes]);
        match self.seen.get(&digest) {
            // What was rejected once is rejected again: it is in no better hands now.
            Some(Known::Bad) => return Err((Verdict::Reject, Refused::Duplicate)),
            Some(Known::Seen) => return Err((Verdict::Ignore, Refused::Duplicate)),
            None => {}
        }
        let signed = match SignedTopicMessage::verify(bytes, &self.topic, now) {
            Ok(signed) => signed,
            Err(error) => {
                let verdict = verdict_of(&error);
                if verdict == Verdict::Reject {
                    self.seen.insert(digest, Known::Bad, self.limits.seen);
                }
                return Err((verdict, error.into()));
            }
        };
        self.seen.insert(digest, Known::Seen, self.limits.seen);
        let ignore = |why| (Verdict::Ignore, why);
        self.count_author(&signed.value().from, signed.value().sequence, now).map_err(ignore)?;
        let all = self.all.get_or_insert_with(|| Bucket::new(self.limits.topic, now));
        if !all.take(now) {
            return Err(ignore(Refused::Topic));
        }
        Ok(Judged::Accepted(Box::new(signed)))
    }

    /// A message of mine: so that it is known when it comes back. It counts as said, whatever the rates.
    pub fn said(&mut self, message: &SignedTopicMessage) {
        self.seen.insert(sha256(&[message.as_str().as_bytes()]), Known::Seen, self.limits.seen);
    }

    /// Authors that are not heard now.
    #[must_use]
    pub fn muted(&self, now: Timestamp) -> Vec<Did> {
        let muted = |author: &Author| author.muted.is_some_and(|until| until > now);
        self.authors.iter().filter(|(_, author)| muted(author)).map(|(did, _)| *did).collect()
    }

    fn count_neighbour(&mut self, neighbour: Option<&[u8]>, now: Timestamp) -> Result<(), (Verdict, Refused)> {
        let Some(name) = neighbour else { return Ok(()) };
        let limits = self.limits;
        make_room(&mut self.neighbours, name, limits.neighbours, |it| it.heard);
        let fresh = || {
            let bucket = Bucket::new(limits.neighbour, now);
            Neighbour { beyond: bucket.clone(), bucket, heard: now }
        };
        let it = self.neighbours.entry(name.to_vec()).or_insert_with(fresh);
        it.heard = now.max(it.heard);
        if it.bucket.take(now) {
            return Ok(());
        }
        let verdict = if it.beyond.take(now) { Verdict::Ignore } else { Verdict::Reject };
        Err((verdict, Refused::Neighbour))
    }

    fn count_author(&mut self, did: &Did, sequence: u64, now: Timestamp) -> Result<(), Refused> {
        let limits = self.limits;
        make_room(&mut self.authors, did, limits.authors, |it| it.heard.max(it.muted.unwrap_or_default()));
        let author = self.authors.entry(*did).or_insert_with(|| Author {
            bucket: Bucket::new(limits.author, now),
            strikes: 0,
            muted: None,
            sequences: BTreeSet::new(),
            floor: 0,
            heard: now,
        });
        author.heard = now.max(author.heard);
        if let Some(until) = author.muted {
            if until > now {
                return Err(Refused::Muted { author: *did, until, begins: false });
            }
            (author.muted, author.strikes) = (None, 0);
        }
        if author.bucket.is_full(now) {
            author.strikes = 0;
        }
        if sequence <= author.floor || author.sequences.contains(&sequence) {
            return Err(Refused::OldSequence);
        }
        if !author.bucket.take(now) {
            author.strikes += 1;
            if author.strikes < limits.strikes {
                return Err(Refused::Author);
            }
            let until = now + limits.mute;
            author.muted = Some(until);
            return Err(Refused::Muted { author: *did, until, begins: true });
        }
        author.sequences.insert(sequence);
        if author.sequences.len() > SEQUENCES {
            author.floor = author.sequences.pop_first().unwrap_or_default();
        }
        Ok(())
    }
}

/// What every node can tell costs the neighbour; what depends on the clock does not, unless the clock is far off.
fn verdict_of(error: &TopicError) -> Verdict {
    match error {
        TopicError::Early { .. } | TopicError::Late { .. } => Verdict::Ignore,
        TopicError::Signed(_) | TopicError::OtherTopic { .. } | TopicError::Sequence { .. } => Verdict::Reject,
    }
}

/// Forgets the one that was silent for longest where a new one has no room.
fn make_room<K, Q, V>(map: &mut HashMap<K, V>, new: &Q, limit: usize, heard: impl Fn(&V) -> Timestamp)
where
    K: Clone + Ord + std::hash::Hash + std::borrow::Borrow<Q>,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if map.len() < limit || map.contains_key(new) {
        return;
    }
    let silent = map.iter().min_by_key(|(key, value)| (heard(value), (*key).clone())).map(|(key, _)| key.clone());
    if let Some(silent) = silent {
        map.remove(silent.borrow());
    }
}

#[derive(Clone, Copy)]
enum Known {
    Seen,
    Bad,
}

/// Digests that came before, the oldest forgotten first.
#[derive(Default)]
struct Seen {
    known: HashMap<Digest, (u64, Known)>,
    order: BTreeMap<u64, Digest>,
    next: u64,
}

impl Seen {
    fn get(&self, digest: &Digest) -> Option<Known> {
        self.known.get(digest).map(|(_, known)| *known)
    }

    fn insert(&mut self, digest: Digest, known: Known, limit: usize) {
        if self.known.contains_key(&digest) {
            return;
        }
        self.known.insert(digest, (self.next, known));
        self.order.insert(self.next, digest);
        self.next += 1;
        if self.order.len() > limit
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.known.remove(&oldest);
        }
    }
}
