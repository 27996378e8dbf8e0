//! The task that brings messages and takes them.

use super::desk::seal;
use super::store::{Correspondent, Store};
use super::whereabouts::{Find, addresses};
use super::{MessageRoad, Messages, TalkError, TalkEvent, inbox};
use crate::clock;
use crate::net::{Brought, Chats, People};
use crate::platform::PlatformProvider;
use pumasi_identity::{Did, SignedProfile};
use pumasi_messages::direct::{
    Answer, Said as Opened, Sent, SentState, Standing, StreamRefusal, open_box, pause_after,
};
use pumasi_messages::inbox::{days_alive, days_open};
use pumasi_messages::member::Membership;
use pumasi_messages::topic::TopicId;
use pumasi_messages::{Bucket, Rate};
use pumasi_overlay::{Incoming, NodeId, Overlay, Peer, RecordKey, Requests, Service, SetKey};
use pumasi_units::{Millis, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How often the outbox is looked at, which another process may have written.
const LOOK: Duration = Duration::from_millis(500);
/// How often everything is looked at, whether anything was written or not.
const LONG_LOOK: Duration = Duration::from_secs(2);
/// How often the inbox of each contact is looked into.
const POLL: Millis = 30_000;
/// How long the stream has before the inbox is taken as well.
const HEAD_START: Duration = Duration::from_secs(2);
/// How long the stream may take in all.
const STREAM: Duration = Duration::from_secs(20);
/// People to whom something is brought at a time, and inboxes that are looked into.
const BRINGING: usize = 8;
const FETCHING: usize = 4;
/// What one node may bring: direct messages are few.
const FROM_NODE: Rate = Rate { burst: 64, every: 250 };
/// Nodes whose rates are remembered.
const NODES: usize = 1_024;

/// A message of mine: to whom, and its place in which numbering.
pub(super) type Which = (Did, Timestamp, u64);
/// An entry in somebody's inbox, and where it is.
pub(super) type Entry = (SetKey, Vec<u8>);

/// What the tasks of a courier share.
pub(super) struct Shared {
    pub(super) messages: Messages,
    pub(super) overlay: Overlay,
    pub(super) people: People,
    pub(super) chats: Option<Chats>,
    pub(super) find: Find,
    pub(super) events: broadcast::Sender<TalkEvent>,
    /// Entries in inboxes of others that this node keeps alive, by whom and which message they are for.
    pub(super) posted: Mutex<HashMap<Which, Entry>>,
    /// The last sequence of an entry.
    pub(super) last_made: AtomicU64,
}

impl Shared {
    pub(super) fn store(&self) -> &Store {
        self.messages.store()
    }

    pub(super) fn knows(&self, did: &Did) -> bool {
        self.people.get(did).is_some()
    }

    pub(super) fn tell(&self, events: Vec<TalkEvent>) {
        for event in events {
            let _ = self.events.send(event); // nobody listening is no error
        }
    }

    /// The key that messages to somebody are sealed for: the pinned one, or for strangers the one in their profile.
    async fn key_of(&self, did: &Did) -> Result<[u8; 32], TalkError> {
        if let Some(profile) = self.people.get(did) {
            return Ok(*profile.x25519());
        }
        let bytes = self.overlay.get(RecordKey::profile(did)).await?.ok_or(TalkError::NoProfile(*did))?;
        let profile = SignedProfile::verify(&bytes, clock::now()).map_err(|_| TalkError::NoProfile(*did))?;
        if profile.did() == did { Ok(*profile.x25519()) } else { Err(TalkError::NoProfile(*did)) }
    }

    /// Sends one box to somebody's node, or without one over the link to them, and gives the answer.
    async fn ask(&self, to: &Did, node: Option<&Peer>, sealed: Vec<u8>) -> Result<Answer, TalkError> {
        let answer = match (node, &self.chats) {
            (Some(node), _) => self.overlay.ask(node, Service::Message, sealed).await?,
            (None, Some(chats)) => chats.ask(to, sealed).await.ok_or(TalkError::NoAnswer)?,
            (None, None) => return Err(TalkError::NoAnswer),
        };
        Answer::parse(&answer).ok_or(TalkError::NoAnswer)
    }

    fn has_link(&self, to: &Did) -> bool {
        self.chats.as_ref().is_some_and(|chats| chats.is_open(to))
    }

    async fn over_stream(&self, to: &Did, key: &[u8; 32], open: &[Sent]) -> Result<usize, TalkError> {
        let Some(node) = (self.find)(*to).await else { return Ok(0) };
        self.carry(to, Some(&node), key, open).await
    }

    /// Brings messages in order, and takes the acknowledgements. Says how many were acknowledged.
    async fn carry(&self, to: &Did, node: Option<&Peer>, key: &[u8; 32], open: &[Sent]) -> Result<usize, TalkError> {
        let mut carried = 0;
        for sent in open {
            match self.ask(to, node, seal(key, &sent.jws)?).await? {
                answer @ Answer::Ack(_) => {
                    let sealed = answer.sealed().ok_or(TalkError::NoAnswer)?;
                    let agreement = self.messages.keys().agreement_key();
                    let me = self.messages.me();
                    match open_box(&PlatformProvider, agreement, &me, &sealed, clock::now()).await? {
                        Opened::Ack(ack) if ack.value().from == *to => {
                            let mut events = Vec::new();
                            self.messages.take_ack(&ack, &mut events)?;
                            self.tell(events);
                            carried += 1;
                        }
                        _ => return Err(TalkError::NoAnswer),
                    }
                }
                Answer::Refused(why) => {
                    tracing::debug!(peer = %to.short(), %why, "a direct message was refused");
                    self.tell(vec![TalkEvent::Refused { peer: *to, why }]);
                    if why != StreamRefusal::Expired {
                        break;
                    }
                }
                Answer::Taken {} => return Err(TalkError::NoAnswer),
            }
        }
        Ok(carried)
    }

    /// Tries to bring everything that is open to somebody: over a stream, and soon into their inbox as well.
    async fn bring(&self, to: Did) -> Result<(), TalkError> {
        let key = self.key_of(&to).await?;
        let open: Vec<Sent> = self.store().thread(&to)?.open().cloned().collect();
        if self.has_link(&to) {
            let carried = self.carry(&to, None, &key, &open).await;
            log("not over the link", &to, carried.as_ref().err());
            self.tell(vec![TalkEvent::Road { peer: to, road: MessageRoad::Channel, carried: carried.unwrap_or(0) }]);
        }
        let open: Vec<Sent> = self.store().thread(&to)?.open().cloned().collect();
        if open.is_empty() {
            return Ok(());
        }
        let mut stream = Box::pin(tokio::time::timeout(STREAM, self.over_stream(&to, &key, &open)));
        let contact = self.people.get(&to);
        let streamed = match tokio::time::timeout(HEAD_START, &mut stream).await {
            Ok(done) => {
                if let Some(profile) = &contact {
                    inbox::post_messages(self, profile).await?;
                }
                done
            }
            Err(_) => match &contact {
                Some(profile) => {
                    let (streamed, posted) = tokio::join!(stream, inbox::post_messages(self, profile));
                    posted?;
                    streamed
                }
                None => stream.await,
            },
        };
        let carried = match streamed {
            Ok(Ok(carried)) => carried,
            Ok(Err(error)) => {
                tracing::debug!(peer = %to.short(), %error, "no stream");
                0
            }
            Err(_) => 0,
        };
        self.tell(vec![TalkEvent::Road { peer: to, road: MessageRoad::Stream, carried }]);
        Ok(())
    }

    /// Tells somebody what I have of theirs: over a stream if they are there, otherwise in their inbox.
    async fn tell_ack(&self, to: Did) -> Result<(), TalkError> {
        let key = self.key_of(&to).await?;
        let streamed = tokio::time::timeout(STREAM, async {
            let Some((told, sealed)) = self.messages.ack_box(&to, None, &key).await? else { return Ok(None) };
            let node = if self.has_link(&to) { None } else { (self.find)(to).await };
            let taken = self.ask(&to, node.as_ref(), sealed).await? == Answer::Taken {};
            if taken { Ok(Some(told)) } else { Err(TalkError::NoAnswer) }
        });
        let told = match streamed.await {
            Ok(Ok(told)) => told,
            _ => {
                let profile = self.people.get(&to).ok_or(TalkError::NoAnswer)?;
                inbox::post_ack(self, &profile).await?
            }
        };
        match told {
            Some(told) => self.store().ack_told(&to, &told),
            None => Ok(()),
        }
    }
}

/// What ran beside the courier and is done.
enum Done {
    Brought(Did, Result<(), TalkError>),
    Told(Did, Result<(), TalkError>),
    Fetched(Did, Result<(), TalkError>),
}

/// When somebody is tried again.
#[derive(Default)]
struct Pause {
    attempts: u32,
    not_before: Timestamp,
}

pub(super) struct Courier {
    shared: Arc<Shared>,
    nudge: Arc<Notify>,
    first_round: watch::Sender<bool>,
    announces: bool,
    tasks: JoinSet<Done>,
    bringing: HashSet<Did>,
    telling: HashSet<Did>,
    fetching: HashSet<Did>,
    pauses: HashMap<Did, Pause>,
    acks: HashMap<Did, Pause>,
    /// When whose inbox is looked into next; absent: it never was.
    polls: HashMap<Did, Timestamp>,
    nodes: HashMap<NodeId, Bucket>,
    version: i64,
    looked: Instant,
    here: Option<(Membership, Vec<u8>)>,
}

impl Courier {
    pub(super) fn new(
        shared: Arc<Shared>,
        nudge: Arc<Notify>,
        first_round: watch::Sender<bool>,
        announces: bool,
    ) -> Self {
        Self {
            shared,
            nudge,
            first_round,
            announces,
            tasks: JoinSet::new(),
            bringing: HashSet::new(),
            telling: HashSet::new(),
            fetching: HashSet::new(),
            pauses: HashMap::new(),
            acks: HashMap::new(),
            polls: HashMap::new(),
            nodes: HashMap::new(),
            version: 0,
            looked: Instant::now(),
            here: None,
        }
    }

    /// Works until it is told to stop, or the node is.
    pub(super) async fn run(
        mut self,
        mut stop: oneshot::Receiver<()>,
        mut requests: Option<Requests>,
        mut brought: Option<mpsc::Receiver<Brought>>,
    ) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let incoming = async {
                match &mut requests {
                    Some(requests) => requests.next().await,
                    None => std::future::pending().await,
                }
            };
            let over_links = async {
                match &mut brought {
                    Some(brought) => brought.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = &mut stop => break,
                over_link = over_links => match over_link {
                    Some(Brought { sealed, answer }) => {
                        if let Some(bytes) = self.take_box(&sealed).await {
                            let _ = answer.send(bytes); // the link may be down
                        }
                    }
                    None => brought = None,
                },
                incoming = incoming => match incoming {
                    Some(incoming) => self.take(incoming).await,
                    None => break,
                },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(done) = done { self.done(done) }
                }
                () = self.nudge.notified() => self.pauses.clear(),
                _ = tick.tick() => match self.changed() {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => {
                        tracing::error!(%error, "the messages cannot be read");
                        break;
                    }
                },
            }
            self.looked = Instant::now();
            if let Err(error) = self.look().await {
                tracing::error!(%error, "the messages cannot be read");
                break;
            }
        }
        self.leave().await;
        self.tasks.shutdown().await;
    }

    /// Whether another process has written, or it is time for a look anyway.
    fn changed(&mut self) -> Result<bool, TalkError> {
        let version = self.shared.store().version()?;
        let written = version != std::mem::replace(&mut self.version, version);
        if written {
            // What it wants does not wait for a pause of ours, unless they are known to be away.
            self.pauses.retain(|_, pause| pause.attempts > 3);
        }
        Ok(written || self.looked.elapsed() >= LONG_LOOK)
    }

    /// Begins whatever is due.
    async fn look(&mut self) -> Result<(), TalkError> {
        let now = clock::now();
        let mut events = Vec::new();
        self.shared.messages.timeouts(&mut events)?;
        self.shared.tell(events);
        self.announce(now).await;
        for Correspondent { peer, state, ack_due, open } in self.shared.store().peers()? {
            let due = self.pauses.get(&peer).is_none_or(|pause| pause.not_before <= now);
            if open && due && self.bringing.len() < BRINGING && self.bringing.insert(peer) {
                let shared = self.shared.clone();
                self.tasks.spawn(async move { Done::Brought(peer, shared.bring(peer).await) });
            }
            let due = self.acks.get(&peer).is_none_or(|pause| pause.not_before <= now);
            let told = ack_due && due && state.standing == Standing::Known;
            if told && self.telling.len() < BRINGING && self.telling.insert(peer) {
                let shared = self.shared.clone();
                self.tasks.spawn(async move { Done::Told(peer, shared.tell_ack(peer).await) });
            }
        }
        self.withdraw().await?;
        self.poll(now);
        Ok(())
    }

    /// Looks into the inboxes whose turn it is.
    fn poll(&mut self, now: Timestamp) {
        let people = self.shared.people.looked_for();
        for peer in &people {
            let due = self.polls.get(peer).is_none_or(|at| *at <= now);
            if !due || self.fetching.len() >= FETCHING || !self.fetching.insert(*peer) {
                continue;
            }
            let days = if self.polls.contains_key(peer) { days_open(now) } else { days_alive(now) };
            let (shared, peer) = (self.shared.clone(), *peer);
            self.tasks.spawn(async move { Done::Fetched(peer, inbox::fetch(&shared, peer, days).await) });
        }
        if people.iter().all(|peer| self.polls.contains_key(peer)) {
            self.first_round.send_if_modified(|done| !std::mem::replace(done, true));
        }
    }

    /// Keeps no longer alive what has arrived, or is over.
    async fn withdraw(&self) -> Result<(), TalkError> {
        let posted: Vec<_> = {
            let posted = self.shared.posted.lock().unwrap_or_else(PoisonError::into_inner);
            posted.keys().copied().collect()
        };
        for at @ (peer, stream, number) in posted {
            let thread = self.shared.store().thread(&peer)?;
            if thread.open().any(|it| (it.stream, it.number) == (stream, number)) {
                continue;
            }
            let gone = self.shared.posted.lock().unwrap_or_else(PoisonError::into_inner).remove(&at);
            if let Some((key, entry)) = gone {
                let _ = self.shared.overlay.withdraw(key, entry).await; // a node that has stopped sends nothing either
            }
        }
        Ok(())
    }

    fn done(&mut self, done: Done) {
        let now = clock::now();
        match done {
            Done::Brought(peer, result) => {
                self.bringing.remove(&peer);
                log("not brought", &peer, result.as_ref().err());
                self.shared.tell(vec![TalkEvent::Tried { peer }]);
                let pause = self.pauses.entry(peer).or_default();
                pause.attempts = pause.attempts.saturating_add(1);
                pause.not_before = now + pause_after(pause.attempts);
            }
            Done::Told(peer, result) => {
                self.telling.remove(&peer);
                log("not acknowledged", &peer, result.as_ref().err());
                let pause = self.acks.entry(peer).or_default();
                pause.attempts = if result.is_ok() { 0 } else { pause.attempts.saturating_add(1) };
                pause.not_before = if result.is_ok() { now } else { now + pause_after(pause.attempts) };
            }
            Done::Fetched(peer, result) => {
                self.fetching.remove(&peer);
                log("inbox not read", &peer, result.as_ref().err());
                self.polls.insert(peer, now + POLL);
            }
        }
    }

    /// Takes what another node brings.
    async fn take(&mut self, incoming: Incoming) {
        let now = clock::now();
        if self.nodes.len() >= NODES {
            self.nodes.retain(|_, bucket| !bucket.is_full(now));
        }
        let full = self.nodes.len() >= NODES && !self.nodes.contains_key(&incoming.from);
        if full || !self.nodes.entry(incoming.from).or_insert_with(|| Bucket::new(FROM_NODE, now)).take(now) {
            return incoming.answer(Answer::Refused(StreamRefusal::Busy).to_bytes());
        }
        if let Some(bytes) = self.take_box(&incoming.request).await {
            incoming.answer(bytes);
        }
    }

    /// Takes a box, and gives the answer.
    async fn take_box(&mut self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut events = Vec::new();
        let shared = self.shared.clone();
        let taken = shared.messages.take(sealed, &|did| shared.knows(did), &mut events).await;
        shared.tell(events);
        match taken {
            Ok(taken) => {
                // They are there: what waits for them need not wait any more.
                self.pauses.remove(&taken.from);
                if let Some(told) = &taken.told
                    && let Err(error) = shared.store().ack_told(&taken.from, told)
                {
                    tracing::error!(%error, "the messages cannot be written");
                }
                Some(taken.answer.to_bytes())
            }
            // Nothing is kept, so nothing is said: the sender tries again.
            Err(error) => {
                tracing::error!(%error, "a direct message could not be kept");
                None
            }
        }
    }

    /// Says where I take messages, where nobody else does.
    async fn announce(&mut self, now: Timestamp) {
        let due = self.here.as_ref().is_none_or(|(entry, _)| entry.is_due(now));
        if !self.announces || !due {
            return;
        }
        let (me, overlay) = (self.shared.messages.me(), &self.shared.overlay);
        let topic = TopicId::of_person(&me);
        let entry = Membership::new(me, topic, overlay.node_id().to_string(), addresses(overlay).await, now);
        match entry.sign(&PlatformProvider, self.shared.messages.keys().did_key()).await {
            Ok(signed) => {
                let bytes = signed.as_str().as_bytes().to_vec();
                self.here = Some((entry, bytes.clone()));
                let overlay = overlay.clone();
                // It is kept and given again by the node, so nobody waits for it here.
                tokio::spawn(async move {
                    if let Err(error) = overlay.add(SetKey::member(topic.0), bytes).await {
                        tracing::debug!(%error, "nobody knows yet where I take messages");
                    }
                });
            }
            Err(error) => tracing::error!(%error, "not signed"),
        }
    }

    /// Says that I take no messages here any more.
    async fn leave(&mut self) {
        let Some((entry, _)) = self.here.take() else { return };
        let left = entry.leave(clock::now());
        if let Ok(signed) = left.sign(&PlatformProvider, self.shared.messages.keys().did_key()).await {
            let added = self.shared.overlay.add(SetKey::member(entry.topic.0), signed.as_str().as_bytes().to_vec());
            let _ = tokio::time::timeout(Duration::from_secs(3), added).await; // the entry ends by itself as well
        }
    }
}

fn log(what: &'static str, peer: &Did, error: Option<&TalkError>) {
    if let Some(error) = error {
        tracing::debug!(peer = %peer.short(), %error, what);
    }
}

/// Whether a message of mine is nowhere but here, or only this process can keep it where it is.
pub(super) fn is_to_post(shared: &Shared, to: &Did, sent: &Sent) -> bool {
    match sent.state {
        SentState::Queued => true,
        SentState::Mailbox { .. } => {
            let posted = shared.posted.lock().unwrap_or_else(PoisonError::into_inner);
            !posted.contains_key(&(*to, sent.stream, sent.number))
        }
        _ => false,
    }
}
