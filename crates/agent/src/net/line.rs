//! The line to one contact: signalling in the mailbox, a connection of it, and the link while it lasts.
//!
//! One task owns it. Whatever takes time (gathering, connecting, reading the DHT) runs beside it and reports back, so an
//! offer is never kept waiting by a node that does not answer.

use super::link::{Ended, ToLink, carry, path_of};
use super::mailbox::Mailbox;
use super::prove::{Proved, Side, prove};
use crate::bookkeeper::Input;
use crate::clock;
use crate::event::{Event, Step};
use pumasi_crypto::Provider as _;
use pumasi_crypto::hash::Digest;
use pumasi_crypto::native::NativeProvider;
use pumasi_identity::{Did, PrivateKeys, SignedProfile};
use pumasi_overlay::{Overlay, RecordKey, Watch};
use pumasi_rtc::{ConnectError, Connecting, DataLink as _, IceConfig, Link, Observer, Offering, Progress};
use pumasi_signaling::{
    Event as Signalled, Nonce, Output, Pace, PairMailbox, PairSession, RejectReason, Sdp, SignalError,
};
use pumasi_transfer::Keys;
use pumasi_units::{Millis, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How long an offer waits for its answer before it is made anew.
const DIAL_WAIT: Millis = 30_000;
/// First pause after an attempt that failed; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Millis = 500;
const LAST_PAUSE: Millis = 30_000;
/// Longest sleep; the epoch of the slots may change meanwhile.
const LONGEST_SLEEP: Millis = 5_000;

/// What every line of a peer shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) overlay: Overlay,
    pub(crate) keys: PrivateKeys<NativeProvider>,
    pub(crate) desk_keys: Arc<Keys<NativeProvider>>,
    pub(crate) profile: SignedProfile,
    pub(crate) ice: IceConfig,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Whom something is under way with.
    pub(crate) wanted: watch::Receiver<BTreeSet<Did>>,
    /// Whether offers of others are looked for.
    pub(crate) listening: bool,
}

/// What ran beside the line and is done.
enum Done {
    Looked(Option<SignedProfile>),
    Offering(Result<Offering, ConnectError>),
    Answering { offer: Digest, made: Result<(Connecting, String), ConnectError> },
    Opened { side: Side, link: Result<Link, ConnectError> },
    Proved(Result<Box<Proved>, String>),
    Carried { number: u64, ended: Ended },
    Fetched(Vec<([u8; 32], Vec<u8>)>),
    Published,
    Restart(Option<String>),
    RestartAnswer { offer: Digest, sdp: Option<String> },
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
    mailbox: Mailbox,
    pair: PairMailbox,
    session: PairSession,
    state: State,
    beside: JoinSet<Done>,
    fetching: bool,
    watches: Vec<([u8; 32], Watch)>,
    /// When the attempt of now began.
    began: Instant,
    looked_up: bool,
    pause: Millis,
    not_before: Timestamp,
    links: u64,
    /// Links say here that nothing is heard any more.
    silence: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Line {
    pub(crate) async fn new(shared: Shared, them: SignedProfile) -> Result<Self, SignalError> {
        let me = *shared.keys.did();
        let agreement = shared.keys.agreement_key();
        let pair = PairMailbox::new(&NativeProvider, agreement, me, *them.did(), *them.x25519()).await?;
        let mut session = PairSession::new(me, *them.did());
        if shared.listening {
            session.listen(Pace::LISTENING, clock::now());
        }
        Ok(Self {
            mailbox: Mailbox::new(shared.overlay.clone()),
            shared,
            them,
            pair,
            session,
            state: State::Idle,
            beside: JoinSet::new(),
            fetching: false,
            watches: Vec::new(),
            began: Instant::now(),
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
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
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
                changed = self.shared.wanted.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(sleep) => self.session.handle_timeout(clock::now()),
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
        let due = [self.session.poll_timeout(), (self.wants_link() && self.is_idle()).then_some(self.not_before)];
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
        if self.is_idle() && self.wants_link() && clock::now() >= self.not_before {
            self.began = Instant::now();
            self.state = State::Gathering;
            if self.looked_up {
                self.gather();
            } else {
                self.step(Step::LookingUp);
                let (overlay, peer) = (self.shared.overlay.clone(), self.peer());
                self.beside.spawn(async move { Done::Looked(look_up(&overlay, &peer).await) });
            }
        }
        self.drain().await;
    }

    fn gather(&mut self) {
        self.step(Step::Gathering);
        let (ice, observer) = (self.shared.ice.clone(), self.observer());
        self.beside.spawn(async move { Done::Offering(pumasi_rtc::offer(&ice, observer).await) });
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Sign(signal) => match signal.sign(&NativeProvider, self.shared.keys.did_key()).await {
                    Ok(signed) => self.session.handle_signed(signed, clock::now()),
                    Err(error) => tracing::error!(%error, "a signal was not signed"),
                },
                Output::Publish(signed) => {
                    let mut random = [0; 64];
                    let sealed = match NativeProvider.random(&mut random) {
                        Ok(()) => self.pair.seal(&signed, clock::now(), random),
                        Err(error) => Err(error.into()),
                    };
                    match sealed {
                        Ok((key, record)) => {
                            let mailbox = self.mailbox.clone();
                            self.beside.spawn(async move {
                                if let Err(error) = mailbox.put(key, record).await {
                                    tracing::debug!(%error, "a signal was not put; it comes again");
                                }
                                Done::Published
                            });
                        }
                        Err(error) => tracing::warn!(%error, "a signal was not sealed"),
                    }
                }
                Output::Fetch => self.fetch(),
                Output::Event(event) => self.signalled(event).await,
            }
        }
    }

    fn fetch(&mut self) {
        if std::mem::replace(&mut self.fetching, true) {
            return;
        }
        let keys: Vec<_> = self.pair.to_read(clock::now()).iter().map(|slot| slot.record_key()).collect();
        let mailbox = self.mailbox.clone();
        self.beside.spawn(async move {
            let mut found = Vec::new();
            for key in keys {
                match mailbox.get(key).await {
                    Ok(Some(record)) => found.push((key, record)),
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "a slot was not read"),
                }
            }
            Done::Fetched(found)
        });
    }

    /// Watches the slots of this hour, where this node keeps records; and no others.
    async fn watch_slots(&mut self) {
        if !self.shared.listening {
            return;
        }
        let keys: Vec<_> = self.pair.to_read(clock::now()).iter().map(|slot| slot.record_key()).collect();
        self.watches.retain(|(key, _)| keys.contains(key));
        for key in keys {
            if !self.watches.iter().any(|(watched, _)| *watched == key)
                && let Ok(watch) = self.mailbox.watch(key).await
            {
                self.watches.push((key, watch));
            }
        }
    }

    async fn take_record(&mut self, at: usize, record: &[u8]) {
        let key = self.watches[at].0;
        self.take_signal(key, record).await;
    }

    async fn take_signal(&mut self, key: [u8; 32], record: &[u8]) {
        let now = clock::now();
        let Some(slot) = self.pair.to_read(now).into_iter().find(|slot| slot.record_key() == key) else { return };
        let opened = self.pair.open(&NativeProvider, self.shared.keys.agreement_key(), &slot, record, now).await;
        let heard = opened.and_then(|signed| self.session.handle_signal(&signed, now));
        match heard {
            // The same record is read again and again while it lives.
            Ok(())
            | Err(SignalError::Replayed { .. } | SignalError::OtherOffer { .. } | SignalError::Expired { .. }) => {}
            Err(error) => tracing::debug!(peer = %self.peer().short(), %error, "a signal was passed over"),
        }
    }

    async fn signalled(&mut self, event: Signalled) {
        match event {
            Signalled::Offered { offer, sdp, .. } => self.offered(offer, sdp).await,
            Signalled::Answered { sdp, .. } => self.answered(&sdp).await,
            Signalled::OfferGone { .. } if matches!(self.state, State::Connecting) => {
                self.fail("the other side gave its offer up".into());
            }
            Signalled::OfferGone { .. } => {}
            Signalled::Rejected { reason, .. } => self.fail(reason.to_string()),
            Signalled::Yielded { .. } => self.state = State::Idle,
            Signalled::TimedOut { .. } => self.fail("nobody answered; they may not be listening".into()),
        }
    }

    async fn offered(&mut self, offer: Digest, sdp: Sdp) {
        if let State::Linked { to_link, .. } = &self.state {
            // Either the other side restarts ICE on this link, or it has lost it and begins anew.
            let (reply, answer) = oneshot::channel();
            let _ = to_link.send(ToLink::AcceptRestart(sdp.as_str().to_owned(), reply)).await;
            let answer = async move { answer.await.ok().flatten() };
            let fresh = (self.shared.ice.clone(), self.observer());
            self.beside.spawn(async move {
                match answer.await {
                    Some(sdp) => Done::RestartAnswer { offer, sdp: Some(sdp) },
                    None => {
                        let (ice, observer) = fresh;
                        Done::Answering { offer, made: pumasi_rtc::answer(&ice, sdp.as_str(), observer).await }
                    }
                }
            });
            return;
        }
        self.began = Instant::now();
        self.state = State::Connecting;
        let (ice, observer) = (self.shared.ice.clone(), self.observer());
        self.beside.spawn(async move {
            let made = pumasi_rtc::answer(&ice, sdp.as_str(), observer).await;
            Done::Answering { offer, made }
        });
    }

    async fn answered(&mut self, sdp: &Sdp) {
        match std::mem::replace(&mut self.state, State::Connecting) {
            State::Dialing(offering) => match offering.accept(sdp.as_str()) {
                Ok(connecting) => self.open(connecting, Side::Offerer),
                Err(error) => self.fail(error.to_string()),
            },
            State::Linked { number, to_link, dialed, restarting: true } => {
                let _ = to_link.send(ToLink::FinishRestart(sdp.as_str().to_owned())).await;
                self.state = State::Linked { number, to_link, dialed, restarting: false };
            }
            other => self.state = other,
        }
    }

    fn open(&mut self, connecting: Connecting, side: Side) {
        self.beside.spawn(async move { Done::Opened { side, link: connecting.open().await } });
    }

    async fn handle(&mut self, done: Done) {
        match done {
            Done::Looked(profile) => {
                self.looked_up = true;
                if let Some(profile) = profile {
                    self.take_profile(profile).await;
                }
                self.gather();
            }
            Done::Offering(Ok(offering)) => self.dial(offering),
            Done::Offering(Err(error)) => self.fail(error.to_string()),
            Done::Answering { offer, made: Ok((connecting, sdp)) } => self.answer(&offer, connecting, sdp),
            Done::Answering { offer, made: Err(error) } => {
                let _ = self.session.reject(&offer, nonce(), RejectReason::Incompatible, clock::now());
                self.fail(error.to_string());
            }
            Done::Opened { side, link: Ok(link) } => {
                self.step(Step::Proving);
                let (shared, them) = (self.shared.clone(), self.them.clone());
                self.beside.spawn(async move { Done::Proved(prove(link, side, &shared, &them).await.map(Box::new)) });
            }
            Done::Opened { link: Err(error), .. } => self.fail(error.to_string()),
            Done::Proved(Ok(proved)) => self.linked(*proved).await,
            Done::Proved(Err(reason)) => self.fail(reason),
            Done::Carried { number, ended } => self.carried(number, ended).await,
            Done::Fetched(found) => {
                self.fetching = false;
                for (key, record) in found {
                    self.take_signal(key, &record).await;
                }
            }
            Done::Published if matches!(self.state, State::Dialing(_)) => self.step(Step::Waiting),
            Done::Published => {}
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

    /// Looks for a new path of a link that has gone silent. The side that dialed does it, so that not both do.
    fn restart(&mut self) {
        if let State::Linked { to_link, dialed: true, restarting: false, .. } = &self.state {
            let (to_link, (reply, offer)) = (to_link.clone(), oneshot::channel());
            self.beside.spawn(async move {
                let asked = to_link.send(ToLink::Restart(reply)).await;
                Done::Restart(if asked.is_ok() { offer.await.ok().flatten() } else { None })
            });
        }
    }

    fn dial(&mut self, offering: Offering) {
        if !matches!(self.state, State::Gathering) {
            return; // an offer of theirs came first; ours is dropped, which closes it
        }
        let dialed = Sdp::new(offering.sdp()).map_err(|error| error.to_string()).and_then(|sdp| {
            let now = clock::now();
            self.session.dial(nonce(), nonce(), sdp, DIAL_WAIT, now).map_err(|error| error.to_string())
        });
        match dialed {
            Ok(()) => {
                self.state = State::Dialing(Box::new(offering));
                self.step(Step::Offering);
            }
            Err(reason) => self.fail(reason),
        }
    }

    fn answer(&mut self, offer: &Digest, connecting: Connecting, sdp: String) {
        let answered = Sdp::new(sdp)
            .map_err(|error| error.to_string())
            .and_then(|sdp| self.session.answer(offer, nonce(), sdp, clock::now()).map_err(|error| error.to_string()));
        match answered {
            Ok(()) => {
                self.state = State::Connecting;
                self.open(connecting, Side::Answerer);
            }
            Err(reason) => self.fail(reason),
        }
    }

    async fn linked(&mut self, proved: Proved) {
        self.session.connected();
        self.pause = FIRST_PAUSE;
        self.not_before = Timestamp(0);
        if let Some(profile) = proved.newer {
            self.take_profile(profile).await;
        }
        self.links += 1;
        let number = self.links;
        self.tell(Event::Connected {
            peer: self.peer(),
            path: path_of(&proved.link.report()),
            took: self.began.elapsed(),
        });
        let (outbox, outgoing) = mpsc::channel(crate::bookkeeper::INPUTS);
        let (to_link, commands) = mpsc::channel(8);
        let up = Input::LinkUp { peer: self.peer(), link: number, outbox };
        if self.shared.inputs.send(up).await.is_err() {
            return;
        }
        let dialed = proved.side == Side::Offerer;
        self.state = State::Linked { number, to_link, dialed, restarting: false };
        let (shared, them) = (self.shared.clone(), self.them.clone());
        self.beside.spawn(async move {
            let ended = carry(proved.link, shared, them, outgoing, commands).await;
            Done::Carried { number, ended }
        });
    }

    async fn carried(&mut self, number: u64, ended: Ended) {
        let _ = self.shared.inputs.send(Input::LinkDown { peer: self.peer(), link: number }).await;
        if matches!(&self.state, State::Linked { number: current, .. } if *current == number) {
            self.state = State::Idle;
            self.tell(Event::Disconnected { peer: self.peer(), reason: ended.reason });
        }
    }

    async fn take_profile(&mut self, profile: SignedProfile) {
        if profile.sequence() <= self.them.sequence() {
            return;
        }
        let (reply, taken) = oneshot::channel();
        let input = Input::Profile { profile: Box::new(profile.clone()), reply };
        if self.shared.inputs.send(input).await.is_ok() && matches!(taken.await, Ok(Ok(_))) {
            self.them = profile;
        }
    }

    /// The attempt is over; another follows after a pause, while a link is wanted.
    fn fail(&mut self, reason: String) {
        if matches!(self.state, State::Linked { .. }) {
            return;
        }
        self.state = State::Idle;
        self.looked_up = false;
        self.not_before = clock::now() + self.pause;
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        self.session.hang_up(clock::now());
        self.tell(Event::Unreachable { peer: self.peer(), reason });
    }

    fn step(&self, step: Step) {
        self.tell(Event::Step { peer: self.peer(), step });
    }

    fn tell(&self, event: Event) {
        let _ = self.shared.events.send(event); // nobody listening is no error
    }

    fn observer(&self) -> Observer {
        let (events, peer, silence) = (self.shared.events.clone(), self.peer(), self.silence.0.clone());
        Observer::new(move |progress| {
            let step = match progress {
                Progress::Checking => Step::Checking,
                Progress::Securing => Step::Securing,
                Progress::Down => {
                    let _ = silence.try_send(()); // a full channel says it already
                    return;
                }
                _ => return,
            };
            let _ = events.send(Event::Step { peer, step });
        })
    }
}

/// The newest profile that the DHT has; what is not valid is as good as none.
pub(crate) async fn look_up(overlay: &Overlay, did: &Did) -> Option<SignedProfile> {
    let found = overlay.get(RecordKey::profile(did)).await;
    let bytes = found.inspect_err(|error| tracing::debug!(%error, "no profile looked up")).ok()??;
    let profile = SignedProfile::verify(&bytes, clock::now()).ok()?;
    (profile.did() == did).then_some(profile)
}

pub(crate) fn nonce() -> Nonce {
    let mut bytes = [0; 16];
    NativeProvider.random(&mut bytes).expect("the system has random bytes, or nothing here works");
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
