//! The line to one contact: signalling in the mailbox, a connection of it, and the link while it lasts.
//!
//! One task owns it. Whatever takes time (gathering, connecting, reading the DHT) runs beside it and reports back, so an
//! offer is never kept waiting by a node that does not answer.

mod connection;
mod signalling;

use super::attempt::Attempt;
use super::doorbell::ToLine;
use super::ice::Ice;
use super::link::{Ended, ToLink};
use super::people::People;
use super::prove::{Proved, Side, prove};
use super::race::Race;
use super::records::{Records, Watch};
use super::road::{self, Token};
use super::streams::{At, Streams};
use crate::bookkeeper::Input;
use crate::clock;
use crate::event::{Event, Road, RoadClosed, Step, Unreached};
use crate::platform::PlatformProvider;
use connection::{DIAL_WAIT, FIRST_PAUSE};
use pumasi_crypto::Provider as _;
use pumasi_crypto::hash::Digest;
use pumasi_identity::{Did, PrivateKeys, SignedProfile};
use pumasi_rt::{Instant, Tasks};
use pumasi_rtc::{ConnectError, Connecting, Link, Observer, Offering, Progress};
use pumasi_signaling::{Nonce, Output, Pace, PairMailbox, PairSession, RejectReason, Sdp, SignalError, SignedSignal};
use pumasi_transfer::Keys;
use pumasi_units::{Millis, Timestamp};
use signalling::{Answering, Waiting};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Longest sleep; the epoch of the slots may change meanwhile.
const LONGEST_SLEEP: Millis = 5_000;

/// What every line of a peer shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) records: Records,
    /// What asks nodes; a page has none.
    pub(crate) streams: Option<Streams>,
    /// What asks endpoints.
    pub(crate) client: pumasi_fetch::Client,
    /// API tokens, by the payee whose endpoint demands one.
    pub(crate) tokens: Arc<BTreeMap<Did, Token>>,
    pub(crate) people: People,
    /// Direct messages over links.
    pub(crate) chats: super::chat::Chats,
    pub(crate) keys: PrivateKeys<PlatformProvider>,
    pub(crate) desk_keys: Arc<Keys<PlatformProvider>>,
    pub(crate) profile: SignedProfile,
    pub(crate) ice: Ice,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Whom something is under way with.
    pub(crate) wanted: watch::Receiver<BTreeSet<Did>>,
    /// Whether offers of others are looked for.
    pub(crate) listening: bool,
}

/// What was said to an offer.
struct Said {
    answer: Box<SignedSignal>,
    /// The node that relayed the stream that it came over.
    relay: Option<String>,
}

/// What ran beside the line and is done.
enum Done {
    Looked {
        attempt: u64,
        profile: Option<SignedProfile>,
    },
    /// Where their node is.
    Located {
        attempt: u64,
        found: Result<At, RoadClosed>,
    },
    Offering {
        attempt: u64,
        made: Result<Offering, ConnectError>,
    },
    Answering {
        offer: Digest,
        made: Result<(Connecting, String), ConnectError>,
    },
    Opened {
        attempt: u64,
        side: Side,
        link: Result<Link, ConnectError>,
    },
    Proved {
        attempt: u64,
        proved: Result<Box<Proved>, String>,
    },
    Carried {
        number: u64,
        ended: Ended,
    },
    Fetched(Vec<([u8; 32], Vec<u8>)>),
    Published,
    /// Something to tell.
    Told(Box<Event>),
    /// What a node or an endpoint said to an offer.
    Asked {
        road: Road,
        offer: Digest,
        said: Result<Said, RoadClosed>,
    },
    Restart(Option<String>),
    RestartAnswer {
        offer: Digest,
        sdp: Option<String>,
    },
}

/// How far a connection is. At most one is being made.
enum State {
    Idle,
    /// An offer is being made.
    Gathering,
    /// An offer stands; the connection waits for the answer.
    Dialing(Box<Offering>),
    /// An answer is being made, or stands, or the channel is opening, or being proved.
    Connecting,
    /// The link is up.
    Linked {
        number: u64,
        to_link: mpsc::Sender<ToLink>,
        dialed: bool,
        restarting: bool,
    },
}

/// The line to one contact.
pub(crate) struct Line {
    shared: Shared,
    them: SignedProfile,
    /// Whether offers are looked for in the mailbox.
    look: bool,
    pair: PairMailbox,
    session: PairSession,
    state: State,
    beside: Tasks<Done>,
    fetching: bool,
    watches: Vec<([u8; 32], Watch)>,
    /// The roads of our offer.
    race: Race,
    /// The node that relayed the stream that brought the answer.
    relay: Option<String>,
    /// The attempt that it belongs to.
    racing: u64,
    /// Where their node is.
    at: Option<At>,
    answering: Option<Answering>,
    /// Who waits at the door for the answer to which offer.
    waiting: Vec<Waiting>,
    /// The offer of theirs that was answered last, and what was said.
    said: Option<(Digest, SignedSignal)>,
    /// Numbers what is under way.
    attempt: u64,
    /// When the attempt of now began.
    began: Instant,
    /// What it finds out on its way.
    findings: Attempt,
    looked_up: bool,
    pause: Millis,
    not_before: Timestamp,
    links: u64,
    /// Links say here that nothing is heard any more.
    silence: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Line {
    pub(crate) async fn new(shared: Shared, them: SignedProfile, look: bool) -> Result<Self, SignalError> {
        let me = *shared.keys.did();
        let agreement = shared.keys.agreement_key();
        let pair = PairMailbox::new(&PlatformProvider, agreement, me, *them.did(), *them.x25519()).await?;
        let mut session = PairSession::new(me, *them.did());
        if look {
            session.listen(Pace::LISTENING, clock::now());
        }
        Ok(Self {
            shared,
            them,
            look,
            pair,
            session,
            state: State::Idle,
            beside: Tasks::new(),
            fetching: false,
            watches: Vec::new(),
            race: Race::new(false, false),
            relay: None,
            racing: 0,
            at: None,
            answering: None,
            waiting: Vec::new(),
            said: None,
            attempt: 0,
            began: Instant::now(),
            findings: Attempt::default(),
            looked_up: false,
            pause: FIRST_PAUSE,
            not_before: Timestamp(0),
            links: 0,
            silence: mpsc::channel(1),
        })
    }

    fn peer(&self) -> Did {
        *self.them.did()
    }

    /// Works until the handle of the line is dropped.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>, mut door: mpsc::Receiver<ToLine>) {
        loop {
            self.watch_slots().await;
            self.work().await;
            let sleep = self.sleep();
            tokio::select! {
                _ = &mut stop => break,
                Some(done) = self.beside.join_next(), if !self.beside.is_empty() => {
                    // A task that panicked reports nothing; the others go on.
                    if let Ok(done) = done { self.handle(done).await; }
                }
                (at, record) = next_record(&mut self.watches) => match record {
                    Some(record) => self.take_record(at, &record).await,
                    None => drop(self.watches.remove(at)),
                },
                Some(()) = self.silence.1.recv() => self.restart(),
                Some(came) = door.recv() => match came {
                    ToLine::Ring(ring) => self.ring(*ring).await,
                    ToLine::Nudge => (self.pause, self.not_before) = (FIRST_PAUSE, Timestamp(0)),
                },
                changed = self.shared.wanted.changed() => if changed.is_err() { break },
                () = pumasi_rt::sleep(sleep) => self.session.handle_timeout(clock::now()),
            }
        }
        self.hang_up().await;
    }

    /// Closes what is open, so that the other side learns at once.
    async fn hang_up(mut self) {
        if let State::Linked { to_link, .. } = &self.state {
            let (reply, closed) = oneshot::channel();
            if to_link.send(ToLink::Close(reply)).await.is_ok() {
                let _ = closed.await;
            }
        }
        self.beside.abort_all();
    }

    fn sleep(&self) -> Duration {
        let now = clock::now();
        let due = [
            self.session.poll_timeout(),
            self.race.poll_timeout(),
            (self.wants_link() && self.is_idle()).then_some(self.not_before),
        ];
        let wait = due.into_iter().flatten().map(|at| at.since(now)).min().unwrap_or(LONGEST_SLEEP);
        // The 1 ms is for a deadline that has come but was not yet handled: it must not spin.
        Duration::from_millis(wait.clamp(1, LONGEST_SLEEP))
    }

    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    fn wants_link(&self) -> bool {
        self.shared.wanted.borrow().contains(self.them.did())
    }

    /// Does what is due: dials when a link is wanted, and what the signalling asks for.
    async fn work(&mut self) {
        self.go_on();
        if self.is_idle() && self.wants_link() && clock::now() >= self.not_before {
            self.began = Instant::now();
            self.state = State::Gathering;
            let attempt = self.begin();
            self.look_for_node(attempt);
            if self.looked_up {
                self.gather();
            } else {
                self.step(Step::LookingUp);
                let (records, peer) = (self.shared.records.clone(), self.peer());
                self.beside.spawn(async move { Done::Looked { attempt, profile: records.profile(&peer).await } });
            }
        }
        self.drain().await;
    }

    /// How an attempt ended that did not come as far as trying pairs.
    fn unreached(&self, error: &ConnectError) -> Unreached {
        match error {
            ConnectError::NoLocalCandidates if self.shared.ice.hides() => Unreached::NoRelay,
            ConnectError::NoLocalCandidates => Unreached::Offline,
            _ => Unreached::NoPath,
        }
    }

    /// The endpoint of their profile. It would see from where it is asked.
    fn endpoint(&self) -> Option<String> {
        if self.shared.ice.hides() { None } else { road::endpoint_of(&self.them) }
    }

    /// Begins a race, and looks where their node is while the offer is being made.
    fn look_for_node(&mut self, attempt: u64) {
        (self.racing, self.at) = (attempt, None);
        let endpoint = self.endpoint().is_some();
        self.race = Race::new(self.shared.streams.is_some(), endpoint);
        if let Some(streams) = self.shared.streams.clone() {
            let (records, keys, them) = (self.shared.records.clone(), self.shared.keys.clone(), self.them.clone());
            self.beside.spawn(async move {
                let found = streams.find(&records, &keys, &them).await;
                Done::Located { attempt, found }
            });
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Sign(signal) => match signal.sign(&PlatformProvider, self.shared.keys.did_key()).await {
                    Ok(signed) => self.session.handle_signed(signed, clock::now()),
                    Err(error) => tracing::error!(%error, "a signal was not signed"),
                },
                Output::Publish(signed) => self.publish(signed),
                // While other roads have the offer alone, no answer to it can lie in the mailbox.
                Output::Fetch if self.race.spares_mailbox() && !self.look => {}
                Output::Fetch => self.fetch(),
                Output::Event(event) => self.signalled(event).await,
            }
        }
    }

    async fn handle(&mut self, done: Done) {
        match done {
            Done::Looked { attempt, profile } => {
                self.looked_up = true;
                if let Some(profile) = profile {
                    self.take_profile(profile).await;
                }
                if attempt == self.attempt {
                    self.gather();
                }
            }
            Done::Located { attempt, found } => self.located(attempt, found),
            Done::Answering { offer, made: Ok((connecting, sdp)) } => self.answer(&offer, connecting, sdp),
            Done::Answering { offer, made: Err(error) } => {
                let _ = self.session.reject(&offer, nonce(), RejectReason::Incompatible, clock::now());
                self.fail(self.unreached(&error), error.to_string());
            }
            // What follows is of now; an attempt that is over can neither fail nor end the one that came after it.
            Done::Offering { attempt, .. } | Done::Opened { attempt, .. } | Done::Proved { attempt, .. }
                if attempt != self.attempt => {}
            Done::Offering { made: Ok(offering), .. } => self.dial(offering),
            Done::Offering { made: Err(error), .. } => self.fail(self.unreached(&error), error.to_string()),
            Done::Opened { attempt, side, link: Ok(link) } => {
                self.step(Step::Proving);
                let (shared, them) = (self.shared.clone(), self.them.clone());
                self.beside.spawn(async move {
                    let proved = prove(link, side, &shared, &them).await.map(Box::new);
                    Done::Proved { attempt, proved }
                });
            }
            Done::Opened { link: Err(error), .. } => self.fail(Unreached::NoPath, error.to_string()),
            Done::Proved { proved: Ok(proved), .. } => self.linked(*proved).await,
            Done::Proved { proved: Err(reason), .. } => self.fail(Unreached::NotProven, reason),
            Done::Carried { number, ended } => self.carried(number, ended).await,
            Done::Fetched(found) => {
                self.fetching = false;
                for (key, record) in found {
                    self.take_signal(key, &record).await;
                }
            }
            Done::Published if matches!(self.state, State::Dialing(_)) => {
                self.tell(Event::Step { peer: self.peer(), step: Step::Waiting, road: Some(Road::Mailbox) });
            }
            Done::Published => {}
            Done::Told(event) => self.tell(*event),
            Done::Asked { road, offer, said } => self.asked(road, &offer, said),
            Done::Restart(Some(sdp)) => {
                if let (State::Linked { restarting, .. }, Ok(sdp)) = (&mut self.state, Sdp::new(sdp)) {
                    *restarting = self.session.dial(nonce(), nonce(), sdp, DIAL_WAIT, clock::now()).is_ok();
                }
            }
            Done::Restart(None) | Done::RestartAnswer { sdp: None, .. } => {}
            Done::RestartAnswer { offer, sdp: Some(sdp) } => {
                if let Ok(sdp) = Sdp::new(sdp) {
                    let _ = self.session.answer(&offer, nonce(), sdp, clock::now());
                }
            }
        }
    }

    fn step(&self, step: Step) {
        self.tell(Event::Step { peer: self.peer(), step, road: None });
    }

    fn tell(&self, event: Event) {
        let _ = self.shared.events.send(event); // nobody listening is no error
    }

    fn observer(&self) -> Observer {
        let (events, peer, silence) = (self.shared.events.clone(), self.peer(), self.silence.0.clone());
        let findings = self.findings.clone();
        Observer::new(move |progress| {
            findings.note(&progress);
            let step = match progress {
                Progress::Checking => Step::Checking,
                Progress::Securing => Step::Securing,
                Progress::Down => {
                    let _ = silence.try_send(()); // a full channel says it already
                    return;
                }
                _ => return,
            };
            let _ = events.send(Event::Step { peer, step, road: None });
        })
    }
}

pub(crate) fn nonce() -> Nonce {
    let mut bytes = [0; 16];
    PlatformProvider.random(&mut bytes).expect("the system has random bytes, or nothing here works");
    Nonce(bytes)
}

/// The next record of any watch; never, when there is none.
async fn next_record(watches: &mut [([u8; 32], Watch)]) -> (usize, Option<Vec<u8>>) {
    if watches.is_empty() {
        return std::future::pending().await;
    }
    let each = watches.iter_mut().enumerate().map(|(at, (_, watch))| Box::pin(async move { (at, watch.next().await) }));
    futures::future::select_all(each).await.0
}
