//! One topic, joined: gossip, members, history.

use super::whereabouts::{addresses, peer_of};
use super::{Session, TalkError};
use crate::clock;
use crate::platform::PlatformProvider;
use pumasi_identity::{Did, PrivateKeys};
use pumasi_messages::Text;
use pumasi_messages::member::{Membership, SignedMembership};
use pumasi_messages::topic::{
    Gate, History, HistoryRequest, Judged, Limits, MAX_HISTORY, MAX_HISTORY_AGE, Refused, SignedTopicMessage,
    TopicMessage, TopicName, Verdict, answer_bytes, read_answer,
};
use pumasi_overlay::{Gossip, Overlay, OverlayError, Requests, Rule, Service, SetKey, TopicId};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Events that wait for a slow listener.
const EVENTS: usize = 512;
/// Members that are dialled at a time: gossip needs a few, and finds the others through them.
const NEIGHBOURS: usize = 8;
/// Members that are asked for the history.
const ASKED: usize = 4;
/// How often members are looked for at first, and later.
const LOOKS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];
/// Looks at the first pace.
const FIRST_LOOKS: u32 = 6;
/// How long the word of leaving may take.
const LEAVING: Duration = Duration::from_secs(3);

/// Something that was said in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What.
    pub message: SignedTopicMessage,
    /// It was said before this node came, and others told of it.
    pub earlier: bool,
}

/// What happens in a joined topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Something was said.
    Heard(Box<Heard>),
    /// An author says too much, and is not heard for a while.
    Muted(Did),
    /// These are here now, by their own word.
    Members(Vec<Did>),
}

/// What the rule, which runs within the node, shares with the room.
struct State {
    gate: Gate,
    history: History,
    last: u64,
}

/// A joined topic. Dropping it leaves without a word; [`Room::leave`] says it.
pub struct Room {
    name: TopicName,
    me: Did,
    keys: PrivateKeys<PlatformProvider>,
    state: Arc<Mutex<State>>,
    say: mpsc::Sender<ToSay>,
    events: mpsc::Receiver<RoomEvent>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Room {
    /// Joins a topic: listens, says so to the others, and asks them what was said.
    ///
    /// # Errors
    /// [`TalkError::Overlay`] when this node has joined it already.
    pub async fn join(session: &Session, name: TopicName, limits: Limits) -> Result<Self, TalkError> {
        let state = State { gate: Gate::new(name.clone(), limits), history: History::default(), last: 0 };
        let state = Arc::new(Mutex::new(state));
        let (events, told) = mpsc::channel(EVENTS);
        let rule = rule(state.clone(), events.clone());
        let gossip = session.overlay.subscribe(TopicId(name.id().0), rule).await?;
        let requests = match session.stays {
            // Another room at this node may answer already, for its own topic.
            true => session.overlay.serve(Service::Topic).await.ok(),
            false => None,
        };
        let (say, to_say) = mpsc::channel(EVENTS);
        let (stop, stopped) = oneshot::channel();
        let worker = Worker {
            overlay: session.overlay.clone(),
            keys: session.keys.clone(),
            name: name.clone(),
            stays: session.stays,
            state: state.clone(),
            events,
            here: None,
            known: HashSet::new(),
            asked: HashSet::new(),
        };
        let task = tokio::spawn(worker.run(gossip, requests, to_say, stopped));
        let (me, keys) = (session.me(), session.keys.clone());
        Ok(Self { name, me, keys, state, say, events: told, stop, task })
    }

    /// The topic.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// What happens next; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        self.events.recv().await
    }

    /// Says something. Gives it, signed, and how many neighbours listen: with none it is heard by those who ask for the
    /// history while this node stays.
    ///
    /// # Errors
    /// [`TalkError::Text`], [`TalkError::Signed`], [`TalkError::Overlay`].
    pub async fn say(&self, text: &str) -> Result<(SignedTopicMessage, usize), TalkError> {
        let message = self.sign(text).await?;
        let listening = self.publish(&message).await?;
        Ok((message, listening))
    }

    /// Signs a message, and takes it for said.
    ///
    /// # Errors
    /// [`TalkError::Text`], [`TalkError::Signed`].
    pub async fn sign(&self, text: &str) -> Result<SignedTopicMessage, TalkError> {
        let text = Text::new(text)?;
        let issued = clock::now();
        let sequence = {
            let mut state = locked(&self.state);
            state.last = issued.0.max(state.last + 1);
            state.last
        };
        let message = TopicMessage { from: self.me, issued, sequence, text, topic: self.name.clone() };
        let signed = message.sign(&PlatformProvider, self.keys.did_key()).await?;
        let mut state = locked(&self.state);
        state.gate.said(&signed);
        state.history.insert(signed.clone());
        Ok(signed)
    }

    /// Gives a signed message to the neighbours, again if need be. Says how many listen.
    ///
    /// # Errors
    /// [`TalkError::Overlay`].
    pub async fn publish(&self, message: &SignedTopicMessage) -> Result<usize, TalkError> {
        let (reply, said) = oneshot::channel();
        let bytes = message.as_str().as_bytes().to_vec();
        self.say.send((bytes, reply)).await.map_err(|_| OverlayError::Stopped)?;
        Ok(said.await.map_err(|_| OverlayError::Stopped)??)
    }

    /// What was said lately, as far as it is known here, the oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<SignedTopicMessage> {
        let mut state = locked(&self.state);
        state.history.expire(clock::now());
        state.history.iter().cloned().collect()
    }

    /// Leaves the topic, and says so.
    pub async fn leave(self) {
        drop(self.stop);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(2 * LEAVING, self.task).await.is_err() {
            abort.abort();
        }
    }

    /// Who says that they are in a topic.
    ///
    /// # Errors
    /// [`TalkError::Overlay`].
    pub async fn members(session: &Session, name: &TopicName) -> Result<Vec<SignedMembership>, TalkError> {
        members(&session.overlay, name).await
    }

    /// What was said in a topic, by the word of its members, without joining it: each message checked, the oldest first;
    /// and how many members answered.
    ///
    /// # Errors
    /// [`TalkError::Overlay`].
    pub async fn ask_history(
        session: &Session,
        name: &TopicName,
    ) -> Result<(Vec<SignedTopicMessage>, usize), TalkError> {
        let members = members(&session.overlay, name).await?;
        let (mut history, mut answered) = (History::default(), 0);
        let others = members.iter().filter(|it| it.value().node != session.overlay.node_id().to_string());
        let asked = others.take(NEIGHBOURS).map(|it| history_of(&session.overlay, name, it));
        for messages in futures::future::join_all(asked).await.into_iter().flatten() {
            answered += 1;
            for message in messages {
                history.insert(message);
            }
        }
        Ok((history.iter().cloned().collect(), answered))
    }
}

/// The rule of the topic for the node, which also keeps and tells what it accepts.
fn rule(state: Arc<Mutex<State>>, events: mpsc::Sender<RoomEvent>) -> Rule {
    Arc::new(move |neighbour, bytes| {
        let mut state = locked(&state);
        let now = clock::now();
        let judged = state.gate.judge(Some(&neighbour.to_bytes()), bytes, now);
        let verdict = judged.verdict();
        match judged {
            Judged::Accepted(message) => {
                state.history.expire(now);
                if state.history.insert((*message).clone()) {
                    // One who does not keep up misses some; the history has them.
                    let _ = events.try_send(RoomEvent::Heard(Box::new(Heard { message: *message, earlier: false })));
                }
            }
            Judged::Refused { why, .. } => {
                tracing::debug!(%why, ?verdict, "a topic message goes no further");
                if let Refused::Muted { author, begins: true, .. } = why {
                    let _ = events.try_send(RoomEvent::Muted(author));
                }
            }
        }
        match verdict {
            Verdict::Accept => pumasi_overlay::Verdict::Accept,
            Verdict::Ignore => pumasi_overlay::Verdict::Ignore,
            Verdict::Reject => pumasi_overlay::Verdict::Reject,
        }
    })
}

async fn members(overlay: &Overlay, name: &TopicName) -> Result<Vec<SignedMembership>, TalkError> {
    let topic = name.id();
    let listed = overlay.list(SetKey::member(topic.0)).await?;
    let entries = listed.entries.iter().filter_map(|it| SignedMembership::verify(&topic, it, clock::now()).ok());
    let mut members: Vec<_> = entries.filter(|it| !it.value().left).collect();
    // Whoever came last is the most likely to be there.
    members.sort_by_key(|it| std::cmp::Reverse(it.value().sequence));
    Ok(members)
}

/// What one member says was said.
async fn history_of(overlay: &Overlay, name: &TopicName, member: &SignedMembership) -> Option<Vec<SignedTopicMessage>> {
    let now = clock::now();
    let most = u16::try_from(MAX_HISTORY).unwrap_or(u16::MAX);
    let request = HistoryRequest { most, since: now - MAX_HISTORY_AGE, topic: name.id() };
    let answer = overlay.ask(&peer_of(member)?, Service::Topic, request.to_bytes()).await;
    let answer = answer.inspect_err(|error| tracing::debug!(%error, "a member does not tell the history")).ok()?;
    let (messages, bad) = read_answer(&answer, name, now).ok()?;
    if bad > 0 {
        tracing::debug!(bad, "a member tells what nobody has said");
    }
    Some(messages)
}

/// The task of a room.
struct Worker {
    overlay: Overlay,
    keys: PrivateKeys<PlatformProvider>,
    name: TopicName,
    stays: bool,
    state: Arc<Mutex<State>>,
    events: mpsc::Sender<RoomEvent>,
    here: Option<Membership>,
    /// Members told of.
    known: HashSet<Did>,
    /// Nodes that have told their history.
    asked: HashSet<String>,
}

/// Bytes for the neighbours, and where it is told how many listen.
type ToSay = (Vec<u8>, oneshot::Sender<Result<usize, OverlayError>>);

impl Worker {
    async fn run(
        mut self,
        mut gossip: Gossip,
        requests: Option<Requests>,
        mut to_say: mpsc::Receiver<ToSay>,
        mut stop: oneshot::Receiver<()>,
    ) {
        let serving = requests.map(|requests| tokio::spawn(serve(requests, self.state.clone(), self.name.clone())));
        let saying = tokio::spawn(async move {
            loop {
                tokio::select! {
                    heard = gossip.next() => if heard.is_none() { break },
                    said = to_say.recv() => match said {
                        Some((bytes, reply)) => drop(reply.send(gossip.publish(bytes).await)),
                        None => break,
                    },
                }
            }
        });
        let mut looks = 0;
        loop {
            tokio::select! {
                _ = &mut stop => break,
                () = self.look() => {}
            }
            looks += 1;
            let pause = if looks <= FIRST_LOOKS { LOOKS[0] } else { LOOKS[1] };
            tokio::select! {
                _ = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let Some(here) = self.here.take() {
            let _ = tokio::time::timeout(LEAVING, self.put(&here.leave(clock::now()))).await; // it ends by itself as well
        }
        saying.abort();
        if let Some(serving) = serving {
            serving.abort();
        }
    }

    /// Says that I am here, finds the others, and asks those who are new what was said.
    async fn look(&mut self) {
        let now = clock::now();
        if self.stays && self.here.as_ref().is_none_or(|entry| entry.is_due(now)) {
            let (me, node) = (*self.keys.did(), self.overlay.node_id().to_string());
            let entry = Membership::new(me, self.name.id(), node, addresses(&self.overlay).await, now);
            if self.put(&entry).await {
                self.here = Some(entry);
            }
        }
        let members = match members(&self.overlay, &self.name).await {
            Ok(members) => members,
            Err(error) => return tracing::debug!(%error, "no members found"),
        };
        let own = self.overlay.node_id().to_string();
        let others: Vec<_> = members.iter().filter(|it| it.value().node != own).collect();
        let dialled = others.iter().take(NEIGHBOURS).filter_map(|it| peer_of(it));
        let dialling = dialled.map(|peer| {
            let overlay = self.overlay.clone();
            async move { overlay.connect(&peer).await }
        });
        for error in futures::future::join_all(dialling).await.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "a member is not reached");
        }
        let strangers: Vec<_> = others.iter().filter(|it| !self.asked.contains(&it.value().node)).take(ASKED).collect();
        for member in strangers {
            if let Some(messages) = history_of(&self.overlay, &self.name, member).await {
                self.asked.insert(member.value().node.clone());
                self.tell_earlier(messages).await;
            }
        }
        let present: HashSet<Did> = members.iter().map(|it| it.value().from).collect();
        if present != self.known {
            let mut listed: Vec<Did> = present.iter().copied().collect();
            listed.sort_unstable();
            self.known = present;
            let _ = self.events.send(RoomEvent::Members(listed)).await; // whoever listened has gone
        }
    }

    async fn tell_earlier(&self, messages: Vec<SignedTopicMessage>) {
        let new: Vec<_> = {
            let mut state = locked(&self.state);
            messages.into_iter().filter(|it| state.history.insert(it.clone())).collect()
        };
        for message in new {
            // What comes by gossip afterwards was here before.
            locked(&self.state).gate.said(&message);
            let _ = self.events.send(RoomEvent::Heard(Box::new(Heard { message, earlier: true }))).await;
        }
    }

    async fn put(&self, entry: &Membership) -> bool {
        let signed = match entry.sign(&PlatformProvider, self.keys.did_key()).await {
            Ok(signed) => signed,
            Err(error) => {
                tracing::error!(%error, "not signed");
                return false;
            }
        };
        let added = self.overlay.add(SetKey::member(entry.topic.0), signed.as_str().as_bytes().to_vec()).await;
        if let Err(error) = &added {
            tracing::debug!(%error, "membership not told yet");
        }
        // Where no node has taken it yet, this one keeps it and gives it again.
        matches!(added, Ok(_) | Err(OverlayError::NotStored { .. } | OverlayError::Offline))
    }
}

/// Tells others what was said.
async fn serve(mut requests: Requests, state: Arc<Mutex<State>>, name: TopicName) {
    while let Some(incoming) = requests.next().await {
        let Ok(request) = HistoryRequest::parse(&incoming.request) else { continue };
        let answer = if request.topic == name.id() {
            let mut state = locked(&state);
            state.history.expire(clock::now());
            state.history.answer(&request)
        } else {
            answer_bytes(std::iter::empty())
        };
        incoming.answer(answer);
    }
}
