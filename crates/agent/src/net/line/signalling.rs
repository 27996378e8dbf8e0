//! Signalling: how offers and answers travel, and how they come in.

use super::{Done, Line, Said, State};
use crate::clock;
use crate::event::{Event, Road, RoadClosed, Step};
use crate::net::doorbell::{Ring, Unanswered};
use crate::net::road;
use crate::net::streams::At;
use crate::platform::PlatformProvider;
use pumasi_crypto::Provider as _;
use pumasi_crypto::hash::Digest;
use pumasi_signaling::{Content, SignalError, SignedSignal};
use std::mem;
use tokio::sync::oneshot;

/// Who may wait at the door for an answer: one by each road, and one more that was cut off and came again.
const WAITING: usize = 4;

/// The offer of theirs that is being answered.
pub(super) struct Answering {
    pub(super) offer: Digest,
    /// By which road it came first.
    pub(super) road: Road,
    /// It lies in the mailbox, and so its answer belongs there too.
    pub(super) in_mailbox: bool,
}

/// Somebody at the door who waits for the answer to an offer.
pub(super) type Waiting = (Digest, oneshot::Sender<Result<SignedSignal, Unanswered>>);

impl Line {
    /// Brings a signal on its way: an offer on its roads, an answer to whoever waits at the door or into the mailbox.
    pub(super) fn publish(&mut self, signed: SignedSignal) {
        match &signed.signal().content {
            Content::Offer { .. } => {
                if self.race.start(&signed, clock::now()) {
                    self.relay = None;
                    self.go_on();
                    return;
                }
                // Only the mailbox loses what was said.
                if !self.race.is_in_mailbox() {
                    return;
                }
            }
            Content::Answer { offer, .. } | Content::Reject { offer, .. } => {
                self.answer_waiting(offer, &Ok(signed.clone()));
                if let Some(answering) = self.answering.as_ref().filter(|answering| answering.offer == *offer) {
                    self.said = Some((*offer, signed.clone()));
                    if !answering.in_mailbox {
                        return;
                    }
                }
            }
            _ => {}
        }
        self.put(&signed);
    }

    /// Starts the roads of our offer that are due.
    pub(super) fn go_on(&mut self) {
        for road in self.race.due(clock::now()) {
            let Some(offer) = self.race.offer().cloned() else { return };
            match road {
                Road::Stream => self.ask_node(offer),
                Road::Endpoint => self.ask_endpoint(offer),
                Road::Mailbox => {
                    self.tell(Event::Step { peer: self.peer(), step: Step::Offering, road: Some(road) });
                    self.put(&offer);
                }
            }
        }
    }

    fn ask_node(&mut self, offer: SignedSignal) {
        let (Some(streams), Some(at)) = (self.shared.streams.clone(), self.at.clone()) else { return };
        self.tell(Event::Step { peer: self.peer(), step: Step::Waiting, road: Some(Road::Stream) });
        let me = self.shared.profile.clone();
        self.beside.spawn(async move {
            let said = streams.ask(&at, &offer, &me).await;
            let said = said.map(|(answer, relay)| Said { answer: Box::new(answer), relay });
            Done::Asked { road: Road::Stream, offer: offer.id(), said }
        });
    }

    fn ask_endpoint(&mut self, offer: SignedSignal) {
        let Some(url) = self.endpoint() else { return };
        self.tell(Event::Step { peer: self.peer(), step: Step::Waiting, road: Some(Road::Endpoint) });
        let token = self.shared.tokens.get(&self.peer()).cloned();
        let (client, me) = (self.shared.client.clone(), self.shared.profile.clone());
        self.beside.spawn(async move {
            let id = offer.id();
            let said = match road::ask(client, url, offer, me, token).await {
                Ok(answer) => Ok(Said { answer: Box::new(answer), relay: None }),
                Err(error) => {
                    tracing::debug!(%error, "an endpoint was of no use");
                    Err(road::why(&error))
                }
            };
            Done::Asked { road: Road::Endpoint, offer: id, said }
        });
    }

    /// It is known where their node is, or why not.
    pub(super) fn located(&mut self, attempt: u64, found: Result<At, RoadClosed>) {
        if attempt != self.racing {
            return;
        }
        match found {
            Ok(at) => {
                self.at = Some(at);
                self.race.found_stream();
                self.go_on();
            }
            Err(why) => self.closed(Road::Stream, why),
        }
    }

    /// A road has brought an answer, or will not.
    pub(super) fn asked(&mut self, road: Road, offer: &Digest, said: Result<Said, RoadClosed>) {
        if !self.race.stands(offer) || self.race.taken().is_some() {
            return; // of an attempt that is over, or the slower one
        }
        let Said { answer, relay } = match said {
            Ok(said) => said,
            Err(why) => return self.closed(road, why),
        };
        match self.session.handle_signal(&answer, clock::now()) {
            Ok(()) => {
                self.race.take(road);
                self.relay = relay;
            }
            Err(SignalError::Replayed { .. }) => {}
            Err(error) => {
                tracing::debug!(peer = %self.peer().short(), %error, "an answer was passed over");
                self.closed(road, RoadClosed::Silent);
            }
        }
    }

    /// A road is closed: the others do not wait for it any more.
    fn closed(&mut self, road: Road, why: RoadClosed) {
        let news = self.race.close(road, why);
        // That somebody has no node now is as it should be, and nothing failed.
        if news && !matches!(why, RoadClosed::Unannounced | RoadClosed::Gone) {
            let host = match road {
                Road::Stream => self.at.as_ref().map(At::node),
                _ => self.endpoint().map(|url| road::host_of(&url)),
            };
            self.tell(Event::FellBack { peer: self.peer(), from: road, host: host.unwrap_or_default(), why });
        }
        self.go_on();
    }

    /// Somebody is at the door with an offer.
    pub(super) async fn ring(&mut self, ring: Ring) {
        let Ring { offer, road, answer } = ring;
        let id = offer.id();
        // The same offer by another road, or once more because the answer was lost on its way.
        if let Some((_, said)) = self.said.as_ref().filter(|(about, _)| *about == id) {
            let _ = answer.send(Ok(said.clone())); // whoever asked may have gone
            return;
        }
        if let Err(error) = self.session.handle_signal(&offer, clock::now()) {
            tracing::debug!(peer = %self.peer().short(), %error, "an offer at the door was passed over");
            let _ = answer.send(Err(Unanswered::Unexpected));
            return;
        }
        if self.answering.as_ref().is_none_or(|answering| answering.offer != id) {
            self.answering = Some(Answering { offer: id, road, in_mailbox: false });
        }
        // Who waits for the answer to an offer before this one gets none.
        let (same, before): (Vec<_>, Vec<_>) = mem::take(&mut self.waiting).into_iter().partition(|(to, _)| *to == id);
        self.waiting = same;
        for (_, answer) in before {
            let _ = answer.send(Err(Unanswered::Busy));
        }
        if self.waiting.len() >= WAITING {
            let _ = answer.send(Err(Unanswered::Busy));
            return;
        }
        self.waiting.push((id, answer));
        self.drain().await;
        // Both called at once, and our own offer stands: they get it by one of our roads, or call again.
        if !matches!(self.state, State::Connecting | State::Linked { .. }) {
            self.answer_waiting(&id, &Err(Unanswered::Busy));
        }
    }

    /// Answers everybody who waits for this offer's answer.
    fn answer_waiting(&mut self, offer: &Digest, answer: &Result<SignedSignal, Unanswered>) {
        let (now, later): (Vec<_>, Vec<_>) = mem::take(&mut self.waiting).into_iter().partition(|(to, _)| to == offer);
        self.waiting = later;
        for (_, waiting) in now {
            let _ = waiting.send(answer.clone()); // whoever waited may have gone; they come by another road
        }
    }

    /// Puts a signal into the mailbox.
    fn put(&mut self, signed: &SignedSignal) {
        let mut random = [0; 64];
        let sealed = match PlatformProvider.random(&mut random) {
            Ok(()) => self.pair.seal(signed, clock::now(), random),
            Err(error) => Err(error.into()),
        };
        match sealed {
            Ok((key, record)) => {
                let records = self.shared.records.clone();
                self.beside.spawn(async move {
                    if let Err(error) = records.put_mailbox(key, record).await {
                        tracing::debug!(%error, "a signal was not put; it comes again");
                    }
                    Done::Published
                });
            }
            Err(error) => tracing::warn!(%error, "a signal was not sealed"),
        }
    }

    pub(super) fn fetch(&mut self) {
        if mem::replace(&mut self.fetching, true) {
            return;
        }
        let keys: Vec<_> = self.pair.to_read(clock::now()).iter().map(|slot| slot.record_key()).collect();
        let records = self.shared.records.clone();
        self.beside.spawn(async move {
            let mut found = Vec::new();
            for key in keys {
                match records.mailbox(key).await {
                    Ok(Some(record)) => found.push((key, record)),
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "a slot was not read"),
                }
            }
            Done::Fetched(found)
        });
    }

    /// Watches the slots of this hour, where this node keeps records; and no others.
    pub(super) async fn watch_slots(&mut self) {
        if !self.look {
            return;
        }
        let keys: Vec<_> = self.pair.to_read(clock::now()).iter().map(|slot| slot.record_key()).collect();
        self.watches.retain(|(key, _)| keys.contains(key));
        for key in keys {
            if !self.watches.iter().any(|(watched, _)| *watched == key)
                && let Ok(watch) = self.shared.records.watch(key).await
            {
                self.watches.push((key, watch));
            }
        }
    }

    pub(super) async fn take_record(&mut self, at: usize, record: &[u8]) {
        let key = self.watches[at].0;
        self.take_signal(key, record).await;
    }

    pub(super) async fn take_signal(&mut self, key: [u8; 32], record: &[u8]) {
        let now = clock::now();
        let Some(slot) = self.pair.to_read(now).into_iter().find(|slot| slot.record_key() == key) else { return };
        let opened = self.pair.open(&PlatformProvider, self.shared.keys.agreement_key(), &slot, record, now).await;
        let heard = opened.and_then(|signed| {
            let heard = self.session.handle_signal(&signed, now);
            match &signed.signal().content {
                Content::Offer { .. } if heard.is_ok() => self.lies_in_mailbox(signed.id()),
                Content::Answer { .. } if heard.is_ok() => self.race.take(Road::Mailbox),
                _ => {}
            }
            heard
        });
        match heard {
            // The same record is read again and again while it lives.
            Ok(())
            | Err(SignalError::Replayed { .. } | SignalError::OtherOffer { .. } | SignalError::Expired { .. }) => {}
            Err(error) => tracing::debug!(peer = %self.peer().short(), %error, "a signal was passed over"),
        }
    }

    /// An offer of theirs lies in the mailbox, so its answer belongs there too, whoever else brought it.
    fn lies_in_mailbox(&mut self, offer: Digest) {
        match self.answering.as_mut().filter(|answering| answering.offer == offer) {
            Some(answering) => answering.in_mailbox = true,
            None => self.answering = Some(Answering { offer, road: Road::Mailbox, in_mailbox: true }),
        }
    }
}
