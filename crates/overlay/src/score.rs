//! How other nodes behave, as a few points each: who breaks the rules is limited, then disconnected, then shut out for a
//! time (`docs/spec/overlay.md` §13). Sans-I/O; the time is told.
//!
//! Only what no node that keeps the rules can do costs points. A record that has expired on its way, one that is older than
//! ours, or one for which there is no room is nobody's fault. Points fade, so that a fault of long ago is forgotten.

use libp2p::PeerId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a node did that it must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Offence {
    /// It answered with something that it must have refused when it was given it.
    InvalidAnswer,
    /// It gave us something that it must have refused itself.
    InvalidPut,
    /// What it sent cannot be read.
    Malformed,
    /// It sends many times more than is looked at.
    Flood,
    /// It passed on a gossiped message that it must have rejected.
    RejectedGossip,
    /// Of many peers that it told us, not one is there.
    Mirage,
    /// Whose node it is was shown to lie, by a proof that this node's owner checked.
    Proven,
}

impl Offence {
    /// What it costs. Only [`Proven`](Self::Proven) shuts out at once.
    const fn points(self) -> u32 {
        match self {
            Self::InvalidAnswer | Self::Malformed | Self::Mirage => 20,
            Self::InvalidPut | Self::RejectedGossip => 10,
            Self::Flood => 40,
            Self::Proven => BANNED,
        }
    }
}

/// From so many points on, less is taken from a node.
const LIMITED: u32 = 40;
/// From so many on it is disconnected, once for each time that it gets there.
const DISCONNECTED: u32 = 80;
/// From so many on it is shut out.
const BANNED: u32 = 120;
/// What is left of a node's points when it may come back: the next fault limits it again.
const AFTER_BAN: u32 = 30;
/// The time in which points halve.
const HALF_LIFE: Duration = Duration::from_secs(10 * 60);
/// The first ban; each further one is twice as long.
const FIRST_BAN: Duration = Duration::from_secs(10 * 60);
const LONGEST_BAN: Duration = Duration::from_secs(24 * 60 * 60);
/// Halvings after which nothing is left.
const FADED: u32 = 16;
/// Points that [`Offence::Mirage`] leads to at most: a night in which a network dies makes every honest node tell of peers
/// that are gone, so that alone shuts nobody out.
const MIRAGE: u32 = 60;
/// Peers told by one node that must all be gone before that counts.
const TOLD: u32 = 16;

/// What is to be done about a node now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Take less from it.
    Limit,
    /// Close its connections; it may come back.
    Disconnect,
    /// Close its connections, forget it, and let it back in only after this long.
    Ban(Duration),
}

/// Points are kept in 256ths, so that fading loses little.
#[derive(Debug, Clone)]
struct Score {
    points: u32,
    at: Instant,
    bans: u32,
    banned_until: Option<Instant>,
    /// Of the peers that it told: gone in a row since one was there.
    gone: u32,
}

const UNIT: u32 = 256;

impl Score {
    fn new(now: Instant) -> Self {
        Self { points: 0, at: now, bans: 0, banned_until: None, gone: 0 }
    }

    /// Halves for each half-life, and in a straight line between.
    fn faded(&self, now: Instant) -> u32 {
        let age = now.saturating_duration_since(self.at);
        let halvings = u32::try_from(age.as_secs() / HALF_LIFE.as_secs()).unwrap_or(u32::MAX);
        if halvings >= FADED {
            return 0;
        }
        let whole = self.points >> halvings;
        let rest = age.as_secs() % HALF_LIFE.as_secs();
        let lost = u64::from(whole / 2) * rest / HALF_LIFE.as_secs();
        whole - u32::try_from(lost).unwrap_or(0)
    }

    fn is_banned(&self, now: Instant) -> bool {
        self.banned_until.is_some_and(|until| now < until)
    }

    /// Whether forgetting it changes nothing, or nothing that matters any more.
    fn is_forgotten(&self, now: Instant) -> bool {
        let quiet = self.gone == 0 || now.saturating_duration_since(self.at) >= HALF_LIFE;
        quiet && !self.is_banned(now) && self.faded(now) < UNIT
    }
}

/// How the nodes stand that broke a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Nodes from which less is taken now.
    pub(crate) limited: usize,
    /// Nodes that are shut out now.
    pub(crate) banned: usize,
    /// Offences since the start.
    pub(crate) offences: u64,
    /// Times that a node was disconnected or shut out since the start.
    pub(crate) dropped: u64,
}

/// The scores of the nodes that broke a rule: at most so many, the worst of them.
#[derive(Debug)]
pub(crate) struct Scores {
    limit: usize,
    peers: HashMap<PeerId, Score>,
    offences: u64,
    dropped: u64,
}

impl Scores {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), peers: HashMap::new(), offences: 0, dropped: 0 }
    }

    /// Counts an offence, and says what is to be done, if anything new is.
    pub(crate) fn note(&mut self, peer: PeerId, offence: Offence, now: Instant) -> Option<Action> {
        self.offences = self.offences.saturating_add(1);
        let score = self.entry(peer, now);
        if score.is_banned(now) {
            return None;
        }
        let before = score.faded(now);
        let most = if offence == Offence::Mirage { before.max(MIRAGE * UNIT) } else { 2 * BANNED * UNIT };
        let after = before.saturating_add(offence.points() * UNIT).min(most);
        (score.points, score.at) = (after, now);
        let reached = |mark: u32| before < mark * UNIT && after >= mark * UNIT;
        let action = if after >= BANNED * UNIT {
            let span = FIRST_BAN.saturating_mul(1_u32.checked_shl(score.bans).unwrap_or(u32::MAX)).min(LONGEST_BAN);
            score.bans = score.bans.saturating_add(1);
            score.banned_until = Some(now + span);
            // They fade from the end of the ban on.
            (score.points, score.at) = (AFTER_BAN * UNIT, now + span);
            Some(Action::Ban(span))
        } else if reached(DISCONNECTED) {
            Some(Action::Disconnect)
        } else {
            reached(LIMITED).then_some(Action::Limit)
        };
        self.dropped += u64::from(matches!(action, Some(Action::Disconnect | Action::Ban(_))));
        action
    }

    /// A peer that a node told was found, or was not there. Says so when not one of many was.
    pub(crate) fn told(&mut self, teller: PeerId, there: bool, now: Instant) -> Option<Action> {
        if there {
            if let Some(score) = self.peers.get_mut(&teller) {
                score.gone = 0;
            }
            return None;
        }
        let score = self.entry(teller, now);
        if score.is_banned(now) {
            return None;
        }
        (score.points, score.at) = (score.faded(now), now);
        score.gone += 1;
        if score.gone < TOLD {
            return None;
        }
        score.gone = 0;
        self.note(teller, Offence::Mirage, now)
    }

    /// Whether a node is shut out now.
    pub(crate) fn is_banned(&self, peer: &PeerId, now: Instant) -> bool {
        self.peers.get(peer).is_some_and(|score| score.is_banned(now))
    }

    /// Whether less is taken from a node now.
    pub(crate) fn is_limited(&self, peer: &PeerId, now: Instant) -> bool {
        self.peers.get(peer).is_some_and(|score| score.faded(now) >= LIMITED * UNIT)
    }

    /// Forgets what has faded.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.peers.retain(|_, score| !score.is_forgotten(now));
    }

    pub(crate) fn tally(&self, now: Instant) -> Tally {
        let banned = self.peers.values().filter(|score| score.is_banned(now)).count();
        let limited = |score: &&Score| !score.is_banned(now) && score.faded(now) >= LIMITED * UNIT;
        let limited = self.peers.values().filter(limited).count();
        Tally { limited, banned, offences: self.offences, dropped: self.dropped }
    }

    /// The score of a node. For a new one in a full table the least of the others goes: who is not shut out, then who has
    /// the fewest points, then whose ban ends first.
    fn entry(&mut self, peer: PeerId, now: Instant) -> &mut Score {
        if !self.peers.contains_key(&peer) && self.peers.len() >= self.limit {
            self.sweep(now);
            if self.peers.len() >= self.limit {
                let weight = |score: &Score| (score.is_banned(now), score.faded(now), score.banned_until, score.at);
                let least = self.peers.iter().min_by_key(|(_, score)| weight(score)).map(|(peer, _)| *peer);
                least.and_then(|peer| self.peers.remove(&peer));
            }
        }
        self.peers.entry(peer).or_insert_with(|| Score::new(now))
    }
}

#[cfg(test)]
mod tests;
