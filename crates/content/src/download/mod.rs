//! Whom to ask for what, and when: the state machine of a download.
//!
//! Contract: one `add`, `handle_*` call, then drain [`Download::poll_output`] to `None`, and call
//! [`Download::handle_timeout`] at [`Download::poll_timeout`]. A chunk is handed over as [`Proven`], after it is on the
//! disk: what the machine counts as there, is there.

mod pace;
mod peer;

pub use pace::Pace;
pub use peer::{Fault, ProviderId};

use crate::bitmap::Bitmap;
use crate::layout::Content;
use crate::tree::Proven;
use peer::{Peer, State};
use pumasi_units::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Providers that are remembered, dropped ones included.
const MAX_KNOWN: usize = 1_024;

/// Questions to a provider under way while what others are asked for is asked of it too.
const END_GAME: usize = 2;

/// Names one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(u64);

/// What is asked: which chunks there are, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Have,
    Chunk(u32),
}

/// What the driver does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Ask a provider, and say what came of it with [`Download::handle_answer`].
    Ask {
        /// The question's name.
        ask: AskId,
        /// Whom.
        provider: ProviderId,
        /// A chunk; `None` for which chunks there are.
        chunk: Option<u32>,
    },
    /// The answer to this question is of no use any more.
    Cancel(AskId),
    /// For the user.
    Event(Event),
}

/// What a user may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// This provider is not asked any more. After [`Fault::Lied`] it never is again.
    Dropped {
        /// Which one.
        provider: ProviderId,
        /// Why.
        fault: Fault,
    },
    /// Every chunk is there.
    Complete,
}

/// Which chunks a provider has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Have {
    /// All of them.
    Whole,
    /// These.
    Some(Bitmap),
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Which chunks there are.
    Have(Have),
    /// A chunk that proved itself and is on the disk.
    Chunk(Proven),
    /// A chunk that did not prove itself, or a message that is none.
    Lie,
    /// It does not have this content, or this chunk.
    NotHere,
    /// It has too much to do.
    Busy,
    /// No answer: not connected, closed, too late.
    Failed,
}

#[derive(Debug)]
struct Pending {
    provider: ProviderId,
    what: What,
    sent: Timestamp,
    deadline: Timestamp,
}

/// A download under way.
#[derive(Debug)]
pub struct Download {
    pace: Pace,
    got: Bitmap,
    /// Neither there nor asked for.
    wanted: Bitmap,
    /// How many providers have each chunk.
    copies: Vec<u8>,
    peers: BTreeMap<ProviderId, Peer>,
    pending: BTreeMap<AskId, Pending>,
    /// Who is asked for a chunk that is under way.
    askers: HashMap<u32, Vec<AskId>>,
    outputs: VecDeque<Output>,
    next_ask: u64,
    /// Who is served first next time.
    turn: usize,
    complete: bool,
}

impl Download {
    /// Begins, or goes on with what is there already.
    ///
    /// # Panics
    /// When `got` is of another number of chunks: a bug of the caller.
    #[must_use]
    pub fn new(content: &Content, got: Bitmap, pace: Pace) -> Self {
        assert_eq!(got.len(), content.chunks(), "the chunks of this content");
        let wanted = Bitmap::of(got.len(), (0..got.len()).filter(|index| !got.has(*index)));
        let copies = vec![0; got.len() as usize];
        let mut download = Self {
            pace,
            got,
            wanted,
            copies,
            peers: BTreeMap::new(),
            pending: BTreeMap::new(),
            askers: HashMap::new(),
            outputs: VecDeque::new(),
            next_ask: 0,
            turn: 0,
            complete: false,
        };
        download.finish_if_complete();
        download
    }

    /// Another provider, or one that was found again. One that lied, and one too many, is not taken: `false`.
    pub fn add(&mut self, provider: ProviderId, now: Timestamp) -> bool {
        let full = self.providers() >= self.pace.providers || self.peers.len() >= MAX_KNOWN;
        match self.peers.get_mut(&provider) {
            Some(peer) if !peer.may_return() => return false,
            Some(peer) if peer.is_dropped() => *peer = Peer::new(&self.pace),
            Some(_) => {}
            None if full => return false,
            None => drop(self.peers.insert(provider, Peer::new(&self.pace))),
        }
        self.fill(now);
        true
    }

    /// What came of a question. One that was cancelled, or answered, is passed over, except that a chunk is a chunk.
    pub fn handle_answer(&mut self, ask: AskId, answer: Answer, now: Timestamp) {
        let pending = self.take(ask);
        if let Answer::Chunk(proven) = &answer {
            self.keep(proven.index());
        }
        let Some(Pending { provider, what, sent, .. }) = pending else { return self.fill(now) };
        match (answer, what) {
            (Answer::Chunk(proven), What::Chunk(index)) if proven.index() == index => {
                let pace = self.pace.clone();
                self.peer(provider).served(now.since(sent), &pace);
            }
            (Answer::Have(have), What::Have) => self.has(provider, have, now),
            (Answer::NotHere, What::Have) => self.drop_peer(provider, Fault::NotThere),
            (Answer::NotHere, What::Chunk(index)) => self.has_not(provider, index, now),
            (Answer::Busy, _) => self.rest(provider, Fault::Busy, now),
            (Answer::Failed, _) => self.rest(provider, Fault::Silent, now),
            // A lie, or an answer to another question.
            _ => self.drop_peer(provider, Fault::Lied),
        }
        self.fill(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let late: Vec<AskId> =
            self.pending.iter().filter(|(_, pending)| pending.deadline <= now).map(|(ask, _)| *ask).collect();
        for ask in late {
            // An earlier one may have had its provider dropped.
            if let Some(pending) = self.take(ask) {
                self.outputs.push_back(Output::Cancel(ask));
                self.rest(pending.provider, Fault::Silent, now);
            }
        }
        self.fill(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.complete {
            return None;
        }
        let deadlines = self.pending.values().map(|pending| pending.deadline);
        // Who wakes while nothing may be asked waits for an answer to come.
        let room = self.pending.len() < self.pace.in_flight;
        let wakes = self.peers.values().filter_map(Peer::wakes).filter(|_| room);
        deadlines.chain(wakes).min()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Which chunks are there.
    #[must_use]
    pub fn got(&self) -> &Bitmap {
        &self.got
    }

    /// Whether every chunk is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether nobody is left to ask for what is missing: look for other providers.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        let useful = |peer: &Peer| !peer.is_dropped() && peer.may_have(&self.wanted);
        !self.complete && self.askers.is_empty() && !self.peers.values().any(useful)
    }

    /// Providers that are not dropped.
    #[must_use]
    pub fn providers(&self) -> usize {
        self.peers.values().filter(|peer| !peer.is_dropped()).count()
    }

    /// Providers that are being asked for a chunk now.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.peers.values().filter(|peer| peer.asks > 0).count()
    }

    fn peer(&mut self, provider: ProviderId) -> &mut Peer {
        self.peers.get_mut(&provider).expect("a question is asked of a provider that is known")
    }

    /// Forgets a question; its chunk is wanted again when nobody else is asked for it.
    fn take(&mut self, ask: AskId) -> Option<Pending> {
        let pending = self.pending.remove(&ask)?;
        self.peer(pending.provider).asks -= 1;
        if let What::Chunk(index) = pending.what
            && let Some(askers) = self.askers.get_mut(&index)
        {
            askers.retain(|other| *other != ask);
            if askers.is_empty() {
                self.askers.remove(&index);
                self.wanted.put(index, !self.got.has(index));
            }
        }
        Some(pending)
    }

    /// A chunk is there; whoever else is asked for it need not answer.
    fn keep(&mut self, index: u32) {
        if !self.got.put(index, true) {
            return;
        }
        self.wanted.put(index, false);
        for ask in self.askers.remove(&index).unwrap_or_default() {
            self.take(ask);
            self.outputs.push_back(Output::Cancel(ask));
        }
        self.finish_if_complete();
    }

    fn finish_if_complete(&mut self) {
        if self.got.is_full() && !self.complete {
            self.complete = true;
            let cancelled = std::mem::take(&mut self.pending).into_keys().map(Output::Cancel);
            self.outputs.extend(cancelled);
            self.peers.values_mut().for_each(|peer| peer.asks = 0);
            self.outputs.push_back(Output::Event(Event::Complete));
        }
    }

    fn has(&mut self, provider: ProviderId, have: Have, now: Timestamp) {
        let have = match have {
            Have::Whole => Bitmap::all(self.got.len()),
            Have::Some(bitmap) if bitmap.len() == self.got.len() => bitmap,
            Have::Some(_) => return self.drop_peer(provider, Fault::Lied),
        };
        self.count_copies(provider, |copies| copies.saturating_sub(1));
        let look_again = (!have.is_full()).then(|| now + self.pace.look_again);
        let peer = self.peer(provider);
        (peer.have, peer.look_again) = (Some(have), look_again);
        peer.answered();
        self.count_copies(provider, |copies| copies.saturating_add(1));
    }

    /// A chunk that a provider said it has is not there. It may come yet: after a rest it is asked for others, and, when
    /// there are none, which it has now.
    fn has_not(&mut self, provider: ProviderId, index: u32, now: Timestamp) {
        let pace = self.pace.clone();
        let peer = self.peer(provider);
        let had = peer.have.as_mut().is_some_and(|have| have.put(index, false));
        let broken = peer.broke_a_promise(now, &pace);
        if had {
            let copies = &mut self.copies[index as usize];
            *copies = copies.saturating_sub(1);
        }
        if broken {
            self.drop_peer(provider, Fault::NotThere);
        }
    }

    fn count_copies(&mut self, provider: ProviderId, change: impl Fn(u8) -> u8) {
        let Some(have) = self.peers.get(&provider).and_then(|peer| peer.have.as_ref()) else { return };
        have.iter().for_each(|index| self.copies[index as usize] = change(self.copies[index as usize]));
    }

    /// Lets a provider be for a while; one that fails again and again is dropped.
    fn rest(&mut self, provider: ProviderId, fault: Fault, now: Timestamp) {
        let pace = self.pace.clone();
        if self.peer(provider).failed(now, &pace) {
            self.drop_peer(provider, fault);
        }
    }

    fn drop_peer(&mut self, provider: ProviderId, fault: Fault) {
        if self.peer(provider).is_dropped() {
            return;
        }
        let asks = self.pending.iter().filter(|(_, pending)| pending.provider == provider);
        for ask in asks.map(|(ask, _)| *ask).collect::<Vec<_>>() {
            self.take(ask);
            self.outputs.push_back(Output::Cancel(ask));
        }
        self.count_copies(provider, |copies| copies.saturating_sub(1));
        let peer = self.peer(provider);
        (peer.state, peer.have) = (State::Dropped(fault), None);
        self.outputs.push_back(Output::Event(Event::Dropped { provider, fault }));
    }

    /// Asks whoever may be asked for something, one question each in turn.
    fn fill(&mut self, now: Timestamp) {
        if self.complete {
            return;
        }
        let open = self.peers.iter_mut().filter_map(|(provider, peer)| peer.is_open(now).then_some(*provider));
        let mut open: Vec<ProviderId> = open.collect();
        if !open.is_empty() {
            self.turn = (self.turn + 1) % open.len();
            open.rotate_left(self.turn);
        }
        while !open.is_empty() {
            open.retain(|provider| match self.question(*provider, now) {
                Some(what) => {
                    self.ask(*provider, what, now);
                    true
                }
                None => false,
            });
        }
    }

    fn question(&self, provider: ProviderId, now: Timestamp) -> Option<What> {
        let peer = &self.peers[&provider];
        if peer.asks >= peer.window || self.pending.len() >= self.pace.in_flight {
            return None;
        }
        let Some(have) = &peer.have else {
            return (peer.asks == 0).then_some(What::Have);
        };
        let chunk = self.rarest(have).or_else(|| self.second_opinion(provider, have));
        let stale = peer.asks == 0 && peer.look_again.is_some_and(|at| at <= now);
        chunk.map(What::Chunk).or(stale.then_some(What::Have))
    }

    /// The wanted chunk that the fewest providers have, among the next few: so that the file is written about in order.
    fn rarest(&self, have: &Bitmap) -> Option<u32> {
        let next = self.wanted.both(have).take(self.pace.look_ahead);
        next.min_by_key(|index| (self.copies[*index as usize], *index))
    }

    /// The end game: when everything that is missing is under way, what waits longest is asked for a second time, of those
    /// who have little left to do.
    fn second_opinion(&self, provider: ProviderId, have: &Bitmap) -> Option<u32> {
        if !self.wanted.is_empty() || self.peers[&provider].asks >= END_GAME {
            return None;
        }
        let lone = self.askers.iter().filter(|(index, _)| have.has(**index));
        let lone = lone.filter_map(|(index, asks)| match asks.as_slice() {
            [ask] if self.pending[ask].provider != provider => Some((self.pending[ask].sent, *ask, *index)),
            _ => None,
        });
        lone.min().map(|(_, _, index)| index)
    }

    fn ask(&mut self, provider: ProviderId, what: What, now: Timestamp) {
        let ask = AskId(self.next_ask);
        self.next_ask += 1;
        let deadline = now + self.pace.timeout;
        self.pending.insert(ask, Pending { provider, what, sent: now, deadline });
        let peer = self.peer(provider);
        peer.asks += 1;
        let chunk = match what {
            What::Have => {
                peer.look_again = None;
                None
            }
            What::Chunk(index) => {
                self.wanted.put(index, false);
                self.askers.entry(index).or_default().push(ask);
                Some(index)
            }
        };
        self.outputs.push_back(Output::Ask { ask, provider, chunk });
    }
}
