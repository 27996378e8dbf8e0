//! Sets: finding the nodes nearest to a key, and giving them an entry or asking what they have.

use super::{Node, Purpose, Reply};
use crate::exchange::{AskId, Protocol, Unanswered};
use crate::score::Offence;
use crate::set::{Name, SetAnswer, SetKey, SetRequest};
use crate::store::now;
use crate::table::Giver;
use crate::{Listed, NodeId, OverlayError, Published};
use libp2p::PeerId;
use libp2p::kad::PeerInfo;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;
use tokio::sync::oneshot;

/// What is done with a set.
pub(super) enum Work {
    /// Giving it an entry. Nobody waits for one that is given again.
    Add { entry: Vec<u8>, reply: Option<Reply<Published>> },
    /// Asking what is in it.
    List { reply: Reply<Listed> },
}

/// An addition or a listing under way.
pub(super) struct Job {
    key: SetKey,
    work: Work,
    started: Instant,
    heard_at: Instant,
    waiting: HashSet<AskId>,
    asked: usize,
    answered: usize,
    stored: usize,
    invalid: usize,
    liars: Vec<NodeId>,
    found: BTreeMap<Name, (u64, Vec<u8>)>,
}

/// The sets of this node: what it publishes, and what is under way.
#[derive(Default)]
pub(super) struct Sets {
    /// Entries that this node publishes, put again after each join and every [`Limits::republish`](crate::Limits).
    own: BTreeMap<(SetKey, Name), Vec<u8>>,
    jobs: HashMap<u64, Job>,
    requests: HashMap<AskId, u64>,
    next: u64,
}

impl Job {
    fn new(key: SetKey, work: Work) -> Self {
        let now = Instant::now();
        Self {
            key,
            work,
            started: now,
            heard_at: now,
            waiting: HashSet::new(),
            asked: 0,
            answered: 0,
            stored: 0,
            invalid: 0,
            liars: Vec::new(),
            found: BTreeMap::new(),
        }
    }

    /// Weighs one entry that somebody answered with; of two with one name the later stays. Says whether no node that keeps
    /// the rules can have it.
    fn weigh(&mut self, entry: Vec<u8>) -> bool {
        match self.key.validate(&entry, now()) {
            Ok(facts) => {
                let newer = self.found.get(&facts.name).is_none_or(|(sequence, _)| facts.sequence > *sequence);
                if newer {
                    self.found.insert(facts.name, (facts.sequence, entry));
                }
                false
            }
            Err(refusal) => {
                tracing::debug!(key = %self.key, %refusal, "a peer answered with a bad entry");
                self.invalid += 1;
                refusal.is_fault(|now| self.key.validate(&entry, now), now())
            }
        }
    }

    pub(super) fn key(&self) -> SetKey {
        self.key
    }

    fn has_something(&self) -> bool {
        self.stored > 0 || !self.found.is_empty()
    }

    fn finish(self) {
        let took = self.started.elapsed();
        match self.work {
            Work::Add { reply: None, .. } => {}
            Work::Add { reply: Some(reply), .. } => {
                let result = match (self.asked, self.stored) {
                    (0, _) => Err(OverlayError::Offline),
                    (asked, 0) => Err(OverlayError::NotStored { asked }),
                    (asked, stored) => Ok(Published { asked, stored, took }),
                };
                let _ = reply.send(result);
            }
            Work::List { reply } => {
                let (asked, answered, invalid, liars) = (self.asked, self.answered, self.invalid, self.liars);
                let entries = self.found.into_values().map(|(_, entry)| entry).collect();
                let _ = reply.send(Ok(Listed { entries, asked, answered, invalid, liars, took }));
            }
        }
    }
}

impl Node {
    pub(super) fn add(&mut self, key: SetKey, entry: Vec<u8>, reply: Reply<Published>) {
        let limit = self.limits.own_entries;
        let checked = match self.is_busy() {
            Some(busy) => Err(busy),
            None if self.sets.own.len() >= limit && !self.forget_ended_entries() => {
                Err(OverlayError::Busy { what: "own entries", limit })
            }
            None => self.store().admit_entry(key, entry.clone(), Giver::Own).map_err(OverlayError::Refused),
        };
        match checked {
            Ok(name) => {
                self.sets.own.insert((key, name), entry.clone());
                self.begin(Job::new(key, Work::Add { entry, reply: Some(reply) }));
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Publishes an entry no more. Nodes that have it keep it until it expires.
    pub(super) fn withdraw(&mut self, key: &SetKey, entry: &[u8]) {
        let gone: Vec<_> = self.sets.own.iter().filter(|((at, _), held)| at == key && *held == entry).collect();
        let gone: Vec<_> = gone.into_iter().map(|(at, _)| *at).collect();
        for (key, name) in gone {
            self.sets.own.remove(&(key, name));
            self.store().remove_entry(&key, &name);
        }
    }

    pub(super) fn list(&mut self, key: SetKey, reply: Reply<Listed>) {
        match self.is_busy() {
            Some(busy) => {
                let _ = reply.send(Err(busy));
            }
            None => self.begin(Job::new(key, Work::List { reply })),
        }
    }

    /// Puts every own entry again, to reach the nodes that came since.
    pub(super) fn republish_entries(&mut self) {
        self.forget_ended_entries();
        let own: Vec<_> = self.sets.own.iter().map(|((key, _), entry)| (*key, entry.clone())).collect();
        for (key, entry) in own {
            self.give_again(key, entry);
        }
    }

    /// Passes on what its owners have not given again for long.
    pub(super) fn pass_on_entries(&mut self) {
        for key in self.store().due_entries() {
            for entry in self.store().entries(&key) {
                self.give_again(key, entry);
            }
        }
    }

    fn give_again(&mut self, key: SetKey, entry: Vec<u8>) {
        if self.is_busy().is_none() {
            self.begin(Job::new(key, Work::Add { entry, reply: None }));
        }
    }

    /// Forgets own entries that have expired or were replaced. Tells whether there were any.
    fn forget_ended_entries(&mut self) -> bool {
        let before = self.sets.own.len();
        let mut own = std::mem::take(&mut self.sets.own);
        own.retain(|(key, name), entry| self.store().entry(key, name).is_some_and(|held| held == *entry));
        self.sets.own = own;
        self.sets.own.len() < before
    }

    fn begin(&mut self, mut job: Job) {
        // What this node holds counts as an answer: in a small network it is one of the nearest itself.
        if matches!(job.work, Work::List { .. }) {
            for entry in self.store().entries(&job.key) {
                job.weigh(entry);
            }
        }
        if self.routable() == 0 {
            let offline = !job.has_something() && self.swarm.connected_peers().next().is_none();
            match job.work {
                Work::List { reply } if offline => {
                    let _ = reply.send(Err(OverlayError::Offline));
                }
                _ => job.finish(),
            }
            return;
        }
        let id = self.kad().get_closest_peers(job.key.to_bytes());
        self.track(id, Purpose::SetNearest(Box::new(job)));
    }

    pub(super) fn on_set_nearest(&mut self, mut job: Job, peers: Vec<PeerInfo>) {
        let own = *self.swarm.local_peer_id();
        let request = match &job.work {
            Work::Add { entry, .. } => SetRequest::Add { key: job.key, entry: entry.clone() },
            Work::List { .. } => SetRequest::List { key: job.key },
        };
        let request = request.to_bytes();
        let number = self.sets.next;
        self.sets.next += 1;
        let behaviour = self.swarm.behaviour_mut();
        for peer in peers.into_iter().filter(|peer| peer.peer_id != own) {
            let addresses = peer.addrs.into_iter().filter(|address| behaviour.kad.allows(address)).collect();
            let id = behaviour.exchange.ask(peer.peer_id, addresses, Protocol::Set, request.clone());
            self.sets.requests.insert(id, number);
            job.waiting.insert(id);
        }
        job.asked = job.waiting.len();
        job.heard_at = Instant::now();
        if job.waiting.is_empty() {
            job.finish();
        } else {
            self.sets.jobs.insert(number, job);
        }
    }

    pub(super) fn on_set_asked(&mut self, peer: PeerId, request: &[u8], reply: oneshot::Sender<Vec<u8>>) {
        let Some(request) = SetRequest::from_bytes(request) else {
            self.store().blame(peer, Offence::Malformed);
            return;
        };
        let answer = match request {
            SetRequest::Add { key, entry } => match self.store().admit_entry_from(peer, key, entry) {
                Ok(()) => SetAnswer::Stored,
                Err(_) => SetAnswer::Refused,
            },
            // A client is nobody's holder, and answers that it has nothing.
            SetRequest::List { .. } if !self.store().keeps() => SetAnswer::Entries(Vec::new()),
            SetRequest::List { key } => SetAnswer::Entries(self.told_entries(&key)),
        };
        // Whoever asked may have gone.
        let _ = reply.send(answer.to_bytes());
    }

    /// Own entries are told only where this node keeps those of others too, like own records.
    fn told_entries(&mut self, key: &SetKey) -> Vec<Vec<u8>> {
        if self.swarm.behaviour_mut().kad.keeps(&key.to_bytes()) {
            self.store().entries(key)
        } else {
            self.store().entries_of_others(key)
        }
    }

    pub(super) fn on_set_answered(&mut self, peer: PeerId, id: AskId, answer: Result<Vec<u8>, Unanswered>) {
        let answer = answer.ok().map(|answer| SetAnswer::from_bytes(&answer));
        if matches!(answer, Some(None)) {
            self.store().blame(peer, Offence::Malformed);
        }
        self.on_set_answer(peer, id, answer.flatten());
    }

    fn on_set_answer(&mut self, peer: PeerId, id: AskId, answer: Option<SetAnswer>) {
        let Some(number) = self.sets.requests.remove(&id) else { return };
        let Some(job) = self.sets.jobs.get_mut(&number) else { return };
        job.waiting.remove(&id);
        job.heard_at = Instant::now();
        job.answered += usize::from(answer.is_some());
        let mut lied = false;
        match answer {
            Some(SetAnswer::Stored) => job.stored += 1,
            Some(SetAnswer::Entries(entries)) => {
                let most = job.key.rule().per_key;
                let faults = entries.into_iter().take(most).filter_map(|entry| job.weigh(entry).then_some(())).count();
                if faults > 0 {
                    // Once for an answer: how many it made up is for the liar to choose.
                    lied = true;
                    job.liars.push(NodeId(peer));
                }
            }
            Some(SetAnswer::Refused) | None => {}
        }
        if job.waiting.is_empty() {
            self.finish_set_job(number);
        }
        if lied {
            self.store().blame(peer, Offence::InvalidAnswer);
        }
    }

    /// Ends what only waits for nodes that do not answer.
    pub(super) fn finish_stalled_sets(&mut self, now: Instant) {
        let (grace, stall) = (self.limits.grace, self.limits.stall);
        let stalled = |job: &Job| now.duration_since(job.heard_at) >= if job.has_something() { grace } else { stall };
        let stalled: Vec<u64> =
            self.sets.jobs.iter().filter(|(_, job)| stalled(job)).map(|(number, _)| *number).collect();
        stalled.into_iter().for_each(|number| self.finish_set_job(number));
    }

    fn finish_set_job(&mut self, number: u64) {
        if let Some(job) = self.sets.jobs.remove(&number) {
            for id in &job.waiting {
                self.sets.requests.remove(id);
            }
            job.finish();
        }
    }

    /// Additions and listings whose nodes are being asked.
    pub(super) fn set_jobs(&self) -> usize {
        self.sets.jobs.len()
    }
}
