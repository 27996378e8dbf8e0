//! Making a connection and keeping it: offers, answers, ICE, the proof, and the link.

use super::{Done, Line, State, nonce};
use crate::bookkeeper::Input;
use crate::clock;
use crate::event::{Event, Road, Step, Unreached};
use crate::net::link::{Ended, ToLink, carry, path_of};
use crate::net::prove::{Proved, Side};
use pumasi_crypto::hash::Digest;
use pumasi_identity::SignedProfile;
use pumasi_rt::Instant;
use pumasi_rtc::{Connecting, DataLink as _, Offering};
use pumasi_signaling::{Event as Signalled, Sdp};
use pumasi_units::{Millis, Timestamp};
use std::mem;
use tokio::sync::{mpsc, oneshot};

/// How long an offer waits for its answer before it is made anew.
pub(super) const DIAL_WAIT: Millis = 30_000;
/// First pause after an attempt that failed; it doubles up to [`LAST_PAUSE`].
pub(super) const FIRST_PAUSE: Millis = 500;
const LAST_PAUSE: Millis = 30_000;

impl Line {
    /// Something new is under way. What reports under an older number is over, and changes nothing.
    pub(super) fn begin(&mut self) -> u64 {
        self.attempt += 1;
        self.attempt
    }

    pub(super) fn gather(&mut self) {
        self.step(Step::Gathering);
        let (attempt, ice, observer) = (self.attempt, self.shared.ice.clone(), self.observer());
        self.beside.spawn(async move {
            Done::Offering { attempt, made: pumasi_rtc::offer(&ice.config().await, observer).await }
        });
    }

    pub(super) async fn signalled(&mut self, event: Signalled) {
        match event {
            Signalled::Offered { offer, sdp, .. } => self.offered(offer, sdp).await,
            Signalled::Answered { sdp, .. } => self.answered(&sdp).await,
            Signalled::OfferGone { .. } if matches!(self.state, State::Connecting) => {
                self.fail(Unreached::NoAnswer, "the other side gave its offer up".into());
            }
            Signalled::OfferGone { .. } => {}
            Signalled::Rejected { reason, .. } => self.fail(Unreached::Refused, reason.to_string()),
            Signalled::Yielded { .. } => {
                self.race.end();
                self.state = State::Idle;
            }
            Signalled::TimedOut { .. } => {
                self.fail(Unreached::NoAnswer, "nobody answered; they may not be listening".into())
            }
        }
    }

    pub(super) async fn offered(&mut self, offer: Digest, sdp: Sdp) {
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
                        Done::Answering {
                            offer,
                            made: pumasi_rtc::answer(&ice.config().await, sdp.as_str(), observer).await,
                        }
                    }
                }
            });
            return;
        }
        self.began = Instant::now();
        self.begin();
        self.state = State::Connecting;
        let (ice, observer) = (self.shared.ice.clone(), self.observer());
        self.beside.spawn(async move {
            let made = pumasi_rtc::answer(&ice.config().await, sdp.as_str(), observer).await;
            Done::Answering { offer, made }
        });
    }

    async fn answered(&mut self, sdp: &Sdp) {
        match mem::replace(&mut self.state, State::Connecting) {
            State::Dialing(offering) => match offering.accept(sdp.as_str()) {
                Ok(connecting) => self.open(connecting, Side::Offerer),
                Err(error) => self.fail(Unreached::NoPath, error.to_string()),
            },
            State::Linked { number, to_link, dialed, restarting: true } => {
                let _ = to_link.send(ToLink::FinishRestart(sdp.as_str().to_owned())).await;
                self.state = State::Linked { number, to_link, dialed, restarting: false };
            }
            other => self.state = other,
        }
    }

    fn open(&mut self, connecting: Connecting, side: Side) {
        let attempt = self.begin();
        self.beside.spawn(async move { Done::Opened { attempt, side, link: connecting.open().await } });
    }

    /// Looks for a new path of a link that has gone silent. The side that dialed does it, so that not both do.
    pub(super) fn restart(&mut self) {
        if let State::Linked { to_link, dialed: true, restarting: false, .. } = &self.state {
            let (to_link, (reply, offer)) = (to_link.clone(), oneshot::channel());
            self.beside.spawn(async move {
                let asked = to_link.send(ToLink::Restart(reply)).await;
                Done::Restart(if asked.is_ok() { offer.await.ok().flatten() } else { None })
            });
        }
    }

    pub(super) fn dial(&mut self, offering: Offering) {
        if !matches!(self.state, State::Gathering) {
            return; // an offer of theirs came first; ours is dropped, which closes it
        }
        let dialed = Sdp::new(offering.sdp()).map_err(|error| error.to_string()).and_then(|sdp| {
            let now = clock::now();
            self.session.dial(nonce(), nonce(), sdp, DIAL_WAIT, now).map_err(|error| error.to_string())
        });
        match dialed {
            Ok(()) => self.state = State::Dialing(Box::new(offering)),
            Err(reason) => self.fail(Unreached::NoPath, reason),
        }
    }

    pub(super) fn answer(&mut self, offer: &Digest, connecting: Connecting, sdp: String) {
        let answered = Sdp::new(sdp)
            .map_err(|error| error.to_string())
            .and_then(|sdp| self.session.answer(offer, nonce(), sdp, clock::now()).map_err(|error| error.to_string()));
        match answered {
            Ok(()) => {
                self.state = State::Connecting;
                self.open(connecting, Side::Answerer);
            }
            Err(reason) => self.fail(Unreached::NoPath, reason),
        }
    }

    pub(super) async fn linked(&mut self, proved: Proved) {
        self.session.connected();
        self.pause = FIRST_PAUSE;
        self.not_before = Timestamp(0);
        if let Some(profile) = proved.newer {
            self.take_profile(profile).await;
        }
        self.links += 1;
        let number = self.links;
        let (road, relay, others) = match proved.side {
            Side::Offerer => (self.race.taken(), self.relay.take(), self.race.others()),
            Side::Answerer => (self.answering.as_ref().map(|answering| answering.road), None, Vec::new()),
        };
        self.tell(Event::Connected {
            peer: self.peer(),
            road: road.unwrap_or(Road::Mailbox),
            relay,
            path: path_of(&proved.link.report()),
            took: self.began.elapsed(),
            others,
            report: self.findings.report(),
        });
        self.race.end();
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

    pub(super) async fn carried(&mut self, number: u64, ended: Ended) {
        let _ = self.shared.inputs.send(Input::LinkDown { peer: self.peer(), link: number }).await;
        if matches!(&self.state, State::Linked { number: current, .. } if *current == number) {
            self.state = State::Idle;
            self.tell(Event::Disconnected { peer: self.peer(), reason: ended.reason });
        }
    }

    pub(super) async fn take_profile(&mut self, profile: SignedProfile) {
        if profile.sequence() <= self.them.sequence() {
            return;
        }
        let (reply, taken) = oneshot::channel();
        let input = Input::Profile { profile: Box::new(profile.clone()), reply };
        if self.shared.inputs.send(input).await.is_ok() && matches!(taken.await, Ok(Ok(_))) {
            self.them = profile;
            self.race.set_endpoint(self.endpoint().is_some());
        }
    }

    /// The attempt is over; another follows after a pause, while a link is wanted.
    pub(super) fn fail(&mut self, why: Unreached, reason: String) {
        if let State::Linked { restarting, .. } = &mut self.state {
            // Nobody has answered a restart of ICE: once more, as long as the link is silent.
            if mem::take(restarting) {
                self.restart();
            }
            return;
        }
        self.begin();
        self.race.end();
        self.state = State::Idle;
        self.looked_up = false;
        self.not_before = clock::now() + self.pause;
        let again_in = self.wants_link().then_some(self.pause);
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        self.session.hang_up(clock::now());
        let (peer, took, report) = (self.peer(), self.began.elapsed(), self.findings.report());
        if why != Unreached::NoAnswer || self.findings.server_answered() {
            self.tell(Event::Unreachable { peer, why, reason, took, report, again_in });
            return;
        }
        // Nobody answered: is it them, or is it us?
        let records = self.shared.records.clone();
        self.beside.spawn(async move {
            let why = if records.is_online().await { why } else { Unreached::Offline };
            Done::Told(Box::new(Event::Unreachable { peer, why, reason, took, report, again_in }))
        });
    }
}
