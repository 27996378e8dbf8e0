//! One `RTCPeerConnection`, its channel, and what their events say.

use super::inbox::{Inbox, Intake};
use super::{FLUSH, LABEL, pump, report};
use crate::outbox;
use crate::{
    CandidateKind, CloseReason, ConnectError, Fingerprint, IceConfig, IcePolicy, LinkState, Observer, PathReport,
    Progress, Transport,
};
use js_sys::{Array, Reflect};
use pumasi_rt::{Task, sleep, spawn, timeout};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    MessageEvent, RtcConfiguration, RtcDataChannel, RtcDataChannelEvent, RtcDataChannelInit, RtcDataChannelState,
    RtcDataChannelType, RtcIceConnectionState, RtcIceGatheringState, RtcIceServer, RtcIceTransportPolicy,
    RtcOfferOptions, RtcPeerConnection, RtcSdpType, RtcSessionDescriptionInit,
};

/// A channel takes more when less than this waits in the browser, in bytes.
const LOW: u32 = 64 * 1024;
/// How often a closing channel is looked at.
const STEP: Duration = Duration::from_millis(10);

/// What the events of the browser change, and the handles read.
pub(super) struct Shared {
    pub(super) peer: RtcPeerConnection,
    pub(super) channel: RefCell<Option<RtcDataChannel>>,
    pub(super) state: Cell<LinkState>,
    pub(super) report: Cell<Option<PathReport>>,
    /// The channel has opened once.
    pub(super) open: Cell<bool>,
    /// ICE has found a pair once.
    pub(super) paired: Cell<bool>,
    pub(super) observer: Observer,
    /// Counts events, so that nobody who waits for one misses it.
    pub(super) events: watch::Sender<u64>,
    /// How often the peer fell silent: a timer that was set at an earlier time means nothing any more.
    silences: Cell<u64>,
    give_up_after: Duration,
    intake: RefCell<Option<Intake>>,
}

/// Owns it all. Dropping it closes the connection.
pub(super) struct Connection {
    pub(super) shared: Rc<Shared>,
    pub(super) outbox: outbox::Sender,
    pub(super) inbox: Inbox,
    pub(super) config: IceConfig,
    pump: Task<()>,
    _peer_events: Closure<dyn FnMut()>,
    _on_channel: Closure<dyn FnMut(RtcDataChannelEvent)>,
    channel_events: Rc<ChannelEvents>,
}

struct ChannelEvents {
    any: Closure<dyn FnMut()>,
    message: Closure<dyn FnMut(MessageEvent)>,
}

impl Connection {
    pub(super) fn new(config: &IceConfig, observer: Observer) -> Result<Self, ConnectError> {
        let peer =
            RtcPeerConnection::new_with_configuration(&configuration(config)).map_err(|error| browser(&error))?;
        let (intake, inbox) = super::inbox::inbox();
        let shared = Rc::new(Shared {
            peer,
            channel: RefCell::new(None),
            state: Cell::new(LinkState::Down),
            report: Cell::new(None),
            open: Cell::new(false),
            paired: Cell::new(false),
            observer,
            events: watch::Sender::new(0),
            silences: Cell::new(0),
            give_up_after: config.give_up_after,
            intake: RefCell::new(Some(intake)),
        });
        let peer_events = on_event(&shared, Shared::peer_event);
        let events = peer_events.as_ref().unchecked_ref();
        shared.peer.set_onicegatheringstatechange(Some(events));
        shared.peer.set_oniceconnectionstatechange(Some(events));
        set_handler(&shared.peer, "onconnectionstatechange", events);
        let channel_events = Rc::new(ChannelEvents {
            any: on_event(&shared, Shared::channel_event),
            message: {
                let shared = Rc::downgrade(&shared);
                Closure::new(move |event: MessageEvent| {
                    if let Some(shared) = shared.upgrade() {
                        shared.message(&event.data());
                    }
                })
            },
        });
        let on_channel = {
            let (shared, events) = (Rc::downgrade(&shared), channel_events.clone());
            Closure::<dyn FnMut(RtcDataChannelEvent)>::new(move |event: RtcDataChannelEvent| {
                if let Some(shared) = shared.upgrade() {
                    shared.offered_channel(event.channel(), &events);
                }
            })
        };
        shared.peer.set_ondatachannel(Some(on_channel.as_ref().unchecked_ref()));
        let (outbox, from_outbox) = outbox::queue();
        let pump = spawn(pump::run(shared.clone(), from_outbox));
        let (config, _peer_events, _on_channel) = (config.clone(), peer_events, on_channel);
        Ok(Self { shared, outbox, inbox, config, pump, _peer_events, _on_channel, channel_events })
    }

    /// The one channel: reliable, ordered, made by the side that offers.
    pub(super) fn make_channel(&self) {
        let init = RtcDataChannelInit::new();
        init.set_ordered(true);
        let channel = self.shared.peer.create_data_channel_with_data_channel_dict(LABEL, &init);
        self.shared.take_channel(channel, &self.channel_events);
    }

    /// An offer, gathered.
    pub(super) async fn make_offer(&self, restart: bool) -> Result<String, ConnectError> {
        let options = RtcOfferOptions::new();
        options.set_ice_restart(restart);
        let offer = self.shared.peer.create_offer_with_rtc_offer_options(&options);
        let offer = JsFuture::from(offer).await.map_err(|error| browser(&error))?;
        self.describe(&offer, RtcSdpType::Offer).await
    }

    /// Takes a peer's offer and gives the answer, gathered.
    pub(super) async fn make_answer(&self, offer: &str) -> Result<String, ConnectError> {
        self.take(offer, RtcSdpType::Offer).await?;
        let answer = JsFuture::from(self.shared.peer.create_answer()).await.map_err(|error| browser(&error))?;
        self.describe(&answer, RtcSdpType::Answer).await
    }

    /// Takes a description of the peer's.
    pub(super) fn take(&self, sdp: &str, kind: RtcSdpType) -> impl Future<Output = Result<(), ConnectError>> + use<> {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        let taken = self.shared.peer.set_remote_description(&description);
        async move { JsFuture::from(taken).await.map(drop).map_err(|error| ConnectError::Sdp(text(&error))) }
    }

    /// Takes a description of ours, waits for the addresses, and gives the text for the peer.
    async fn describe(&self, made: &JsValue, kind: RtcSdpType) -> Result<String, ConnectError> {
        let description = RtcSessionDescriptionInit::new(kind);
        let sdp = Reflect::get(made, &"sdp".into()).ok().and_then(|sdp| sdp.as_string());
        description.set_sdp(&sdp.ok_or_else(|| ConnectError::Browser("a description without a text".into()))?);
        let set = JsFuture::from(self.shared.peer.set_local_description(&description)).await;
        set.map_err(|error| browser(&error))?;
        let mut events = self.shared.events.subscribe();
        let gathered = async {
            // Right after a restart the state is still that of the gathering before.
            while self.shared.peer.ice_gathering_state() != RtcIceGatheringState::Complete || !self.has_candidate() {
                if events.changed().await.is_err() {
                    break;
                }
            }
        };
        // Whoever has not answered by now is left out.
        let _ = timeout(self.config.gather_timeout, gathered).await;
        let local = self.shared.peer.local_description().ok_or(ConnectError::Closed)?.sdp();
        // Over TCP nobody on our side listens; a few hundred bytes less in the mailbox.
        let lines = local.lines().filter(|line| !is_tcp_candidate(line));
        let sdp: String = lines.flat_map(|line| [line, "\r\n"]).collect();
        let kinds = |kind: &str| sdp.lines().filter(|l| l.starts_with("a=candidate:") && l.contains(kind)).count();
        let (host, server_reflexive, relay) = (kinds(" typ host"), kinds(" typ srflx"), kinds(" typ relay"));
        if host + server_reflexive + relay == 0 {
            return Err(ConnectError::NoLocalCandidates);
        }
        self.shared.observer.notify(Progress::Gathered { host, server_reflexive, relay });
        Ok(sdp)
    }

    fn has_candidate(&self) -> bool {
        self.shared.peer.local_description().is_some_and(|description| description.sdp().contains("a=candidate:"))
    }

    /// Waits until the channel is open, and for the path that it takes.
    pub(super) async fn opened(&self) -> Result<PathReport, ConnectError> {
        let shared = &self.shared;
        let mut events = shared.events.subscribe();
        let opened = async {
            loop {
                if shared.open.get() {
                    return Ok(());
                }
                if matches!(shared.state.get(), LinkState::Closed(_)) {
                    return Err(ConnectError::Closed);
                }
                match connection_state(&shared.peer).as_deref() {
                    Some("failed") => return Err(self.how_far()),
                    Some("closed") => return Err(ConnectError::Closed),
                    _ => {}
                }
                if events.changed().await.is_err() {
                    return Err(ConnectError::Closed);
                }
            }
        };
        timeout(self.config.connect_timeout, opened).await.unwrap_or_else(|_| Err(self.how_far()))?;
        shared.state.set(LinkState::Up);
        let report = report::read(&shared.peer).await.unwrap_or(report::UNKNOWN);
        shared.report.set(Some(report));
        shared.observer.notify(Progress::Open(report));
        Ok(report)
    }

    fn how_far(&self) -> ConnectError {
        if !self.shared.paired.get() {
            ConnectError::ChecksFailed
        } else if connection_state(&self.shared.peer).as_deref() == Some("connected") {
            ConnectError::ChannelNotOpened
        } else {
            ConnectError::Dtls("the browser does not say why".into())
        }
    }

    /// Sends what is queued, then closes.
    pub(super) async fn close(&self) {
        let shared = &self.shared;
        let channel = shared.channel.borrow().clone();
        let closed = async {
            let Some(channel) = channel else { return };
            while channel.ready_state() == RtcDataChannelState::Open
                && !(self.outbox.is_empty() && channel.buffered_amount() == 0)
            {
                sleep(STEP).await;
            }
            // The browser sends what is on its way, then tells the peer.
            shared.state.set(LinkState::Closed(CloseReason::Local));
            channel.close();
            while channel.ready_state() != RtcDataChannelState::Closed {
                sleep(STEP).await;
            }
        };
        let _ = timeout(FLUSH, closed).await;
        shared.end(CloseReason::Local);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.end(CloseReason::Local);
        self.pump.abort();
        self.shared.peer.set_onicegatheringstatechange(None);
        self.shared.peer.set_oniceconnectionstatechange(None);
        self.shared.peer.set_ondatachannel(None);
        set_handler(&self.shared.peer, "onconnectionstatechange", &JsValue::NULL);
        if let Some(channel) = self.shared.channel.borrow().as_ref() {
            channel.set_onmessage(None);
            channel.set_onopen(None);
            channel.set_onclose(None);
            channel.set_onbufferedamountlow(None);
        }
    }
}

impl Shared {
    /// Something about ICE, DTLS or the gathering has changed.
    fn peer_event(self: &Rc<Self>) {
        match self.peer.ice_connection_state() {
            RtcIceConnectionState::Checking if !self.open.get() => self.observer.notify(Progress::Checking),
            RtcIceConnectionState::Connected | RtcIceConnectionState::Completed => {
                if !self.paired.replace(true) {
                    self.observer.notify(Progress::Securing);
                }
                if self.open.get() && self.state.get() == LinkState::Down {
                    self.heard_again();
                }
            }
            RtcIceConnectionState::Disconnected | RtcIceConnectionState::Failed
                if self.open.get() && self.state.get() == LinkState::Up =>
            {
                self.fell_silent();
            }
            _ => {}
        }
        self.events.send_modify(|count| *count += 1);
    }

    fn fell_silent(self: &Rc<Self>) {
        self.state.set(LinkState::Down);
        self.observer.notify(Progress::Down);
        let silence = self.silences.get() + 1;
        self.silences.set(silence);
        let (shared, patience) = (Rc::downgrade(self), self.give_up_after);
        drop(spawn(async move {
            sleep(patience).await;
            if let Some(shared) = shared.upgrade()
                && shared.silences.get() == silence
                && shared.state.get() == LinkState::Down
            {
                shared.end(CloseReason::Lost);
            }
        }));
    }

    fn heard_again(self: &Rc<Self>) {
        self.state.set(LinkState::Up);
        self.silences.set(self.silences.get() + 1);
        let shared = self.clone();
        drop(spawn(async move {
            let report = report::read(&shared.peer).await.or(shared.report.get()).unwrap_or(report::UNKNOWN);
            shared.report.set(Some(report));
            shared.observer.notify(Progress::Up(report));
        }));
    }

    /// The channel has opened, closed, or takes more.
    fn channel_event(self: &Rc<Self>) {
        let state = self.channel.borrow().as_ref().map(RtcDataChannel::ready_state);
        match state {
            Some(RtcDataChannelState::Open) => self.open.set(true),
            Some(RtcDataChannelState::Closing | RtcDataChannelState::Closed) => self.end(CloseReason::Peer),
            _ => {}
        }
        self.events.send_modify(|count| *count += 1);
    }

    /// The peer that offers makes the channel. There is one, and it is reliable and ordered.
    fn offered_channel(self: &Rc<Self>, channel: RtcDataChannel, events: &ChannelEvents) {
        // Ordered unless it says otherwise; web-sys has no getter for it.
        let ordered = Reflect::get(&channel, &"ordered".into()).is_ok_and(|ordered| !ordered.is_falsy());
        let plain = ordered && channel.max_retransmits().is_none() && channel.max_packet_life_time().is_none();
        if self.channel.borrow().is_none() && channel.label() == LABEL && plain {
            self.take_channel(channel, events);
        } else {
            channel.close();
        }
    }

    fn take_channel(self: &Rc<Self>, channel: RtcDataChannel, events: &ChannelEvents) {
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        channel.set_buffered_amount_low_threshold(LOW);
        let any = events.any.as_ref().unchecked_ref();
        channel.set_onopen(Some(any));
        channel.set_onclose(Some(any));
        channel.set_onbufferedamountlow(Some(any));
        channel.set_onmessage(Some(events.message.as_ref().unchecked_ref()));
        *self.channel.borrow_mut() = Some(channel);
        self.channel_event(); // it may be open already
    }

    fn message(self: &Rc<Self>, data: &JsValue) {
        let kept = match (data.dyn_ref::<js_sys::ArrayBuffer>(), self.intake.borrow_mut().as_mut()) {
            (Some(chunk), Some(intake)) => intake.take(chunk),
            (_, None) => return, // it has ended
            (None, Some(_)) => false,
        };
        if !kept {
            self.end(CloseReason::Protocol);
        }
    }

    /// It has ended; the first reason counts.
    pub(super) fn end(&self, reason: CloseReason) {
        let reason = match self.state.get() {
            LinkState::Closed(first) => first,
            LinkState::Up | LinkState::Down => reason,
        };
        // What has come is still given out; then comes the end.
        if self.intake.borrow_mut().take().is_some() {
            self.state.set(LinkState::Closed(reason));
            self.peer.close();
            self.observer.notify(Progress::Closed(reason));
            self.events.send_modify(|count| *count += 1);
        }
    }
}

fn on_event(shared: &Rc<Shared>, handle: fn(&Rc<Shared>)) -> Closure<dyn FnMut()> {
    let shared = Rc::downgrade(shared);
    Closure::new(move || {
        if let Some(shared) = shared.upgrade() {
            handle(&shared);
        }
    })
}

/// Events that web-sys has no setter for.
fn set_handler(target: &JsValue, name: &str, handler: &JsValue) {
    let _ = Reflect::set(target, &name.into(), handler); // an old browser lacks the event, and goes on without
}

/// `RTCPeerConnection.connectionState`: ICE and DTLS together.
fn connection_state(peer: &RtcPeerConnection) -> Option<String> {
    Reflect::get(peer, &"connectionState".into()).ok()?.as_string()
}

fn configuration(config: &IceConfig) -> RtcConfiguration {
    let servers = Array::new();
    for stun in &config.stun {
        let server = RtcIceServer::new();
        server.set_urls(&format!("stun:{}", stun.address).into());
        servers.push(&server);
    }
    for turn in &config.turn {
        let server = RtcIceServer::new();
        let url = match turn.transport {
            Transport::Udp => format!("turn:{}?transport=udp", turn.address),
            Transport::Tcp => format!("turn:{}?transport=tcp", turn.address),
            Transport::Tls => format!("turns:{}?transport=tcp", turn.address),
        };
        server.set_urls(&url.into());
        server.set_username(&turn.username);
        server.set_credential(turn.credential());
        servers.push(&server);
    }
    let configuration = RtcConfiguration::new();
    configuration.set_ice_servers(&servers);
    if config.policy == IcePolicy::RelayOnly {
        configuration.set_ice_transport_policy(RtcIceTransportPolicy::Relay);
    }
    configuration
}

fn is_tcp_candidate(line: &str) -> bool {
    line.strip_prefix("a=candidate:")
        .and_then(|candidate| candidate.split_ascii_whitespace().nth(2))
        .is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"))
}

/// The fingerprint in a description of our own.
pub(super) fn own_fingerprint(sdp: &str) -> Result<Fingerprint, ConnectError> {
    sdp.lines()
        .find_map(|line| line.strip_prefix("a=fingerprint:sha-256 "))
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| ConnectError::Browser("a description without a SHA-256 fingerprint".into()))
}

pub(super) fn candidate_kind(text: &str) -> CandidateKind {
    match text {
        "srflx" => CandidateKind::ServerReflexive,
        "prflx" => CandidateKind::PeerReflexive,
        "relay" => CandidateKind::Relay,
        _ => CandidateKind::Host,
    }
}

fn browser(error: &JsValue) -> ConnectError {
    ConnectError::Browser(text(error))
}

/// What an exception says.
pub(super) fn text(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}
