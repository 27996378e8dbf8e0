//! The task that owns one connection: the engine, the sockets, and the clock.
//!
//! The engine's one rule: after every change of it, `poll_output` is drained to its timeout before the next change.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelData, ChannelId, Reliability};
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::{mpsc, oneshot};

use super::gather::Gathered;
use super::outbox::{self, Queued};
use super::path::PathWatch;
use super::sdp::RemoteSdp;
use super::sockets::{Arrival, DATAGRAM, Sockets};
use super::{LABEL, random, stun};
use crate::framing::{Assembler, Chunks};
use crate::{CloseReason, ConnectError, IceConfig, LinkError, LinkState, Observer, PathReport, Progress};

/// Both sides check the path every 3 s; after two and a bit without a word it is down.
const DOWN_AFTER: Duration = Duration::from_secs(7);

/// How long `close` waits for the peer to acknowledge more of what was sent, and how long in all.
const FLUSH_STEP: Duration = Duration::from_secs(3);
const FLUSH: Duration = Duration::from_secs(30);

/// How long the servers may take to hear that their relays are free.
const RELEASE: Duration = Duration::from_secs(1);

/// How often a NAT's binding is refreshed while no peer is known yet (RFC 8445 §11).
const KEEP_BINDING: Duration = Duration::from_secs(15);

/// What a connection begins with.
pub(crate) struct Start {
    pub(crate) rtc: Rtc,
    pub(crate) gathered: Gathered,
    pub(crate) config: IceConfig,
    pub(crate) observer: Observer,
}

/// Where the task answers.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, LinkError>>;

/// What the handle asks of the task.
pub(crate) enum Command {
    /// The peer's answer to our offer.
    Accept(Box<(RemoteSdp, SdpAnswer, SdpPendingOffer)>),
    /// Offer an ICE restart with these addresses as well.
    OfferRestart(Box<Gathered>, Reply<String>),
    /// Answer the peer's offer of an ICE restart.
    AnswerRestart(Box<(RemoteSdp, SdpOffer, Gathered)>, Reply<String>),
    /// The peer's answer to our offer of an ICE restart.
    FinishRestart(Box<(RemoteSdp, SdpAnswer)>, Reply<()>),
    /// Send what is queued, then close.
    Close(oneshot::Sender<()>),
}

/// What the handle may read at any time.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<LinkState>,
    report: Mutex<Option<PathReport>>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Shared { state: Mutex::new(LinkState::Down), report: Mutex::new(None) })
    }

    pub(crate) fn state(&self) -> LinkState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self) -> Option<PathReport> {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: LinkState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn set_report(&self, report: Option<PathReport>) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The offer is out.
    Offered,
    /// Both SDPs are known; pairs are being tried until the deadline.
    Checking(Instant),
    /// A pair answered; the handshake runs.
    Securing(Instant),
    /// The handshake is done; the channel opens.
    Opening(Instant),
    /// The channel is open.
    Open,
    /// The last bytes are on their way.
    Closing {
        /// Bytes that are not acknowledged yet.
        left: usize,
        /// When the peer must have acknowledged some more.
        step: Instant,
        /// When it is over in any case.
        deadline: Instant,
    },
}

/// One connection.
pub(crate) struct Driver {
    rtc: Rtc,
    sockets: Sockets,
    bindings: Vec<(std::net::SocketAddr, std::net::SocketAddr)>,
    refresh: Instant,
    path: PathWatch,
    phase: Phase,
    connect_timeout: Duration,
    give_up_after: Duration,
    observer: Observer,
    shared: Arc<Shared>,
    opened: Option<oneshot::Sender<Result<(), ConnectError>>>,
    commands: mpsc::Receiver<Command>,
    closing: Vec<oneshot::Sender<()>>,
    outbox: outbox::Receiver,
    sending: Option<(Chunks, tokio::sync::OwnedSemaphorePermit)>,
    chunk: Vec<u8>,
    inbox: outbox::Sender,
    undelivered: VecDeque<Vec<u8>>,
    assembler: Assembler,
    channel: Option<ChannelId>,
    last_heard: Instant,
    /// Our offer of an ICE restart that is not answered.
    restart: Option<SdpPendingOffer>,
    /// What the engine last complained of; the reason if the handshake fails.
    complaint: Option<String>,
}

/// The handle's ends of a task's queues.
pub(crate) struct Ends {
    pub(crate) opened: oneshot::Sender<Result<(), ConnectError>>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) outbox: outbox::Receiver,
    pub(crate) inbox: outbox::Sender,
    pub(crate) shared: Arc<Shared>,
}

impl Driver {
    /// A connection whose offer is out, or, with the peer's SDP, one that begins to check pairs.
    pub(crate) fn new(start: Start, ends: Ends, remote: Option<&RemoteSdp>) -> Self {
        let now = Instant::now();
        let Start { rtc, gathered, config, observer } = start;
        let mut driver = Driver {
            rtc,
            sockets: gathered.sockets,
            bindings: gathered.bindings,
            refresh: now + KEEP_BINDING,
            path: PathWatch::new(gathered.reflexive),
            phase: Phase::Offered,
            connect_timeout: config.connect_timeout,
            give_up_after: config.give_up_after,
            observer,
            shared: ends.shared,
            opened: Some(ends.opened),
            commands: ends.commands,
            closing: Vec::new(),
            outbox: ends.outbox,
            sending: None,
            chunk: Vec::new(),
            inbox: ends.inbox,
            undelivered: VecDeque::new(),
            assembler: Assembler::default(),
            channel: None,
            last_heard: now,
            restart: None,
            complaint: None,
        };
        if let Some(remote) = remote {
            driver.begin_checks(remote);
        }
        driver
    }

    /// Runs until the connection has ended.
    pub(crate) async fn run(mut self) {
        let reason = self.drive().await.unwrap_or_else(|reason| reason);
        self.finish(reason).await;
    }

    async fn drive(&mut self) -> Result<CloseReason, CloseReason> {
        let mut buffer = [0; DATAGRAM];
        loop {
            // Right after set-up this begins the checks at once instead of after the first timeout.
            self.input(Input::Timeout(Instant::now()));
            let mut engine_timeout = self.drain()?;
            loop {
                while self.send_next_chunk() {
                    engine_timeout = self.drain()?;
                }
                if self.check_deadlines()? {
                    return Ok(CloseReason::Local);
                }
                let timeout = engine_timeout.min(self.next_deadline());
                tokio::select! {
                    arrival = self.sockets.recv(&mut buffer) => self.arrived(&arrival, &buffer),
                    command = self.commands.recv() => match command {
                        Some(command) => self.command(command)?,
                        None => return Ok(CloseReason::Local),
                    },
                    Some(queued) = self.outbox.recv(), if self.phase == Phase::Open && self.sending.is_none() => {
                        self.begin_message(queued);
                        continue;
                    }
                    () = wait_for_room(&self.inbox, self.undelivered.front()), if !self.undelivered.is_empty() => {
                        self.deliver();
                        continue;
                    }
                    () = tokio::time::sleep_until(timeout.into()) => break,
                }
                engine_timeout = self.drain()?;
            }
        }
    }

    /// Tries pairs from now on.
    fn begin_checks(&mut self, remote: &RemoteSdp) {
        self.path.remote.clone_from(&remote.candidates);
        self.sockets.permit(remote.candidates.iter().map(|end| end.address.ip()));
        self.phase = Phase::Checking(Instant::now() + self.connect_timeout);
        self.observer.notify(Progress::Checking);
    }

    fn command(&mut self, command: Command) -> Result<(), CloseReason> {
        match command {
            Command::Accept(accept) => {
                let (remote, answer, pending) = *accept;
                match self.rtc.sdp_api().accept_answer(pending, answer) {
                    Ok(()) => self.begin_checks(&remote),
                    Err(error) => {
                        self.fail(ConnectError::Sdp(error.to_string()));
                        return Err(CloseReason::Failed);
                    }
                }
            }
            Command::OfferRestart(gathered, reply) => {
                let offered = self.offer_restart(*gathered);
                let _ = reply.send(offered);
            }
            Command::AnswerRestart(offer, reply) => {
                let (remote, offer, gathered) = *offer;
                let answered = self.answer_restart(&remote, offer, gathered);
                let _ = reply.send(answered);
            }
            Command::FinishRestart(answer, reply) => {
                let (remote, answer) = *answer;
                let finished = self.finish_restart(&remote, answer);
                let _ = reply.send(finished);
            }
            Command::Close(done) => {
                self.closing.push(done);
                if self.phase != Phase::Open {
                    return Err(CloseReason::Local);
                }
                let now = Instant::now();
                self.phase = Phase::Closing { left: usize::MAX, step: now + FLUSH_STEP, deadline: now + FLUSH };
            }
        }
        Ok(())
    }

    /// Adds the addresses that this machine has now; the old ones stay until the new path is found.
    fn add_addresses(&mut self, gathered: Gathered) {
        self.sockets.extend(gathered.sockets);
        self.bindings.extend(gathered.bindings);
        self.path.reflexive.extend(gathered.reflexive);
        for candidate in gathered.candidates {
            self.rtc.add_local_candidate(candidate);
        }
    }

    fn offer_restart(&mut self, gathered: Gathered) -> Result<String, LinkError> {
        if self.phase != Phase::Open {
            return Err(LinkError::Restart("the link is not open".to_owned()));
        }
        self.add_addresses(gathered);
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().expect("a restart needs a negotiation");
        self.restart = Some(pending);
        Ok(offer.to_sdp_string())
    }

    fn answer_restart(&mut self, remote: &RemoteSdp, offer: SdpOffer, gathered: Gathered) -> Result<String, LinkError> {
        self.add_addresses(gathered);
        // Both sides may offer at once; the answered offer wins and ours is void.
        self.restart = None;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|error| LinkError::Restart(error.to_string()))?;
        self.restarted(remote);
        Ok(answer.to_sdp_string())
    }

    fn finish_restart(&mut self, remote: &RemoteSdp, answer: SdpAnswer) -> Result<(), LinkError> {
        let pending = self.restart.take().ok_or_else(|| LinkError::Restart("none was offered".to_owned()))?;
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        accepted.map_err(|error| LinkError::Restart(error.to_string()))?;
        self.restarted(remote);
        Ok(())
    }

    fn restarted(&mut self, remote: &RemoteSdp) {
        self.path.remote.clone_from(&remote.candidates);
        self.sockets.permit(remote.candidates.iter().map(|end| end.address.ip()));
        self.observer.notify(Progress::Checking);
    }

    fn arrived(&mut self, arrival: &Arrival, buffer: &[u8]) {
        let Arrival::Datagram { source, destination, length } = *arrival else { return };
        let datagram = &buffer[..length];
        // While the reader is behind, only connectivity checks pass: SCTP repeats what is dropped, and slows down.
        if !self.undelivered.is_empty() && !stun::is_stun(datagram) {
            return;
        }
        if self.path.received(source, destination, datagram) {
            self.report_path();
        }
        let now = Instant::now();
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, datagram) else { return };
        let input = Input::Receive(now, receive);
        if !self.rtc.accepts(&input) {
            return;
        }
        self.last_heard = now;
        if self.shared.state() == LinkState::Down && self.is_open() {
            self.shared.set_state(LinkState::Up);
            self.shared.report().map(Progress::Up).into_iter().for_each(|up| self.observer.notify(up));
        }
        self.input(input);
    }

    /// Feeds the engine. What it refuses is not fatal: anyone can send us a datagram.
    fn input(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "the engine refused an input");
            self.complaint = Some(error.to_string());
        }
    }

    /// Does what the engine wants done; gives the moment at which it wants to be called again.
    fn drain(&mut self) -> Result<Instant, CloseReason> {
        let now = Instant::now();
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => return Ok(at),
                Ok(Output::Transmit(transmit)) => {
                    let (source, destination) = (transmit.source, transmit.destination);
                    if self.path.sent(source, destination, &transmit.contents, now) {
                        self.report_path();
                    }
                    self.sockets.send(source, destination, &transmit.contents);
                }
                Ok(Output::Event(event)) => self.event(event)?,
                Err(error) => {
                    self.complaint = Some(error.to_string());
                    self.fail_by_phase();
                    return Err(CloseReason::Failed);
                }
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), CloseReason> {
        match event {
            Event::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed) => {
                if let Phase::Checking(deadline) = self.phase {
                    self.phase = Phase::Securing(deadline);
                    self.observer.notify(Progress::Securing);
                }
            }
            Event::Connected => {
                if let Phase::Checking(deadline) | Phase::Securing(deadline) = self.phase {
                    self.phase = Phase::Opening(deadline);
                }
            }
            Event::ChannelOpen(id, label) => self.channel_opened(id, &label)?,
            Event::ChannelData(data) => self.channel_data(&data)?,
            Event::ChannelClose(_) | Event::Closed => return Err(CloseReason::Peer),
            _ => {}
        }
        Ok(())
    }

    fn channel_opened(&mut self, id: ChannelId, label: &str) -> Result<(), CloseReason> {
        let reliable = self
            .rtc
            .channel(id)
            .and_then(|channel| channel.config().map(|it| it.ordered && it.reliability == Reliability::Reliable));
        if self.channel.is_some() || label != LABEL || reliable == Some(false) {
            return Err(CloseReason::Protocol);
        }
        self.channel = Some(id);
        self.phase = Phase::Open;
        self.shared.set_state(LinkState::Up);
        self.report_path();
        if let Some(report) = self.shared.report() {
            self.observer.notify(Progress::Open(report));
        }
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Ok(()));
        }
        Ok(())
    }

    fn channel_data(&mut self, data: &ChannelData) -> Result<(), CloseReason> {
        if Some(data.id) != self.channel || !data.binary {
            return Err(CloseReason::Protocol);
        }
        match self.assembler.push(&data.data) {
            Ok(None) => {}
            Ok(Some(message)) => {
                self.undelivered.push_back(message);
                self.deliver();
            }
            Err(error) => {
                tracing::debug!(%error, "the peer broke the framing");
                return Err(CloseReason::Protocol);
            }
        }
        Ok(())
    }

    /// Hands messages to the reader as far as there is room.
    fn deliver(&mut self) {
        while let Some(message) = self.undelivered.pop_front() {
            if let Err(message) = self.inbox.try_send(message) {
                self.undelivered.push_front(message);
                return;
            }
        }
    }

    fn begin_message(&mut self, (message, room): Queued) {
        let chunks = Chunks::new(message).expect("the handle checks the length");
        self.sending = Some((chunks, room));
    }

    /// Gives the engine one chunk, if there is one and it takes it.
    fn send_next_chunk(&mut self) -> bool {
        if self.chunk.is_empty() && !self.fill_chunk() {
            return false;
        }
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else { return false };
        match channel.write(true, &self.chunk) {
            Ok(true) => {
                self.chunk.clear();
                true
            }
            // 128 KiB are on their way: an acknowledgement makes room.
            Ok(false) => false,
            Err(error) => {
                self.complaint = Some(error.to_string());
                false
            }
        }
    }

    fn fill_chunk(&mut self) -> bool {
        if !self.is_open() {
            return false;
        }
        loop {
            if let Some((chunks, _)) = &mut self.sending
                && chunks.next_into(&mut self.chunk)
            {
                return true;
            }
            self.sending = None;
            match self.outbox.try_recv() {
                Some(queued) => self.begin_message(queued),
                None => return false,
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing { .. })
    }

    fn report_path(&mut self) {
        self.shared.set_report(self.path.report(&self.sockets));
    }

    fn next_deadline(&self) -> Instant {
        let phase = match self.phase {
            Phase::Offered => self.refresh,
            Phase::Checking(at) | Phase::Securing(at) | Phase::Opening(at) => at,
            Phase::Closing { step, deadline, .. } => step.min(deadline),
            Phase::Open if self.shared.state() == LinkState::Down => self.last_heard + self.give_up_after,
            Phase::Open => self.last_heard + DOWN_AFTER,
        };
        phase.max(Instant::now())
    }

    /// Looks at the clock; `true` when a close is complete.
    fn check_deadlines(&mut self) -> Result<bool, CloseReason> {
        let now = Instant::now();
        match self.phase {
            Phase::Offered if now >= self.refresh => {
                self.refresh = now + KEEP_BINDING;
                for (base, server) in &self.bindings {
                    self.sockets.send(*base, *server, &stun::binding_request(random()));
                }
            }
            Phase::Checking(at) | Phase::Securing(at) | Phase::Opening(at) if now >= at => {
                self.fail_by_phase();
                return Err(CloseReason::Failed);
            }
            Phase::Open if now >= self.last_heard + self.give_up_after => return Err(CloseReason::Lost),
            Phase::Open if now >= self.last_heard + DOWN_AFTER && self.shared.state() == LinkState::Up => {
                self.shared.set_state(LinkState::Down);
                self.observer.notify(Progress::Down);
            }
            Phase::Closing { left: before, step, deadline } => {
                let left = self.unsent() + self.buffered();
                let step = if left < before { now + FLUSH_STEP } else { step };
                self.phase = Phase::Closing { left, step, deadline };
                return Ok(left == 0 || now >= step || now >= deadline);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Bytes that the engine has not taken yet.
    fn unsent(&self) -> usize {
        self.chunk.len() + self.outbox.bytes()
    }

    /// Bytes that the peer has not acknowledged.
    fn buffered(&mut self) -> usize {
        self.channel.and_then(|id| self.rtc.channel(id)).map_or(0, |mut channel| channel.buffered_amount())
    }

    /// Tells the one who waits for the connection why there will be none.
    fn fail_by_phase(&mut self) {
        let complaint = || self.complaint.clone().unwrap_or_else(|| "no answer".to_owned());
        self.fail(match self.phase {
            Phase::Securing(_) => ConnectError::Dtls(complaint()),
            Phase::Opening(_) => ConnectError::ChannelNotOpened,
            Phase::Checking(_) => match &self.complaint {
                // The handshake can fail before the checks have all ended.
                Some(complaint) => ConnectError::Dtls(complaint.clone()),
                None => ConnectError::ChecksFailed,
            },
            Phase::Offered | Phase::Open | Phase::Closing { .. } => ConnectError::Closed,
        });
    }

    fn fail(&mut self, error: ConnectError) {
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(error));
        }
    }

    /// Says goodbye: the peer learns at once, the relay frees the allocation.
    async fn finish(&mut self, reason: CloseReason) {
        self.fail(ConnectError::Closed);
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "the engine did not close cleanly");
        }
        while let Ok(output) = self.rtc.poll_output() {
            match output {
                Output::Timeout(_) => break,
                Output::Transmit(transmit) => {
                    self.sockets.send(transmit.source, transmit.destination, &transmit.contents);
                }
                Output::Event(_) => {}
            }
        }
        self.shared.set_state(LinkState::Closed(reason));
        self.observer.notify(Progress::Closed(reason));
        for done in self.closing.drain(..) {
            let _ = done.send(());
        }
        // What has arrived whole is still the reader's.
        while let Some(message) = self.undelivered.pop_front() {
            if self.inbox.send(message).await.is_err() {
                break;
            }
        }
        let _ = tokio::time::timeout(RELEASE, self.sockets.release()).await;
    }
}

/// Waits until the reader has room for the message that comes next.
async fn wait_for_room(inbox: &outbox::Sender, message: Option<&Vec<u8>>) {
    if let Some(message) = message {
        inbox.room_for(message).await;
    }
}

impl Drop for Driver {
    /// Also when the task ends by a panic or with its runtime, the handle must not believe that the link is up.
    fn drop(&mut self) {
        if !matches!(self.shared.state(), LinkState::Closed(_)) {
            self.shared.set_state(LinkState::Closed(CloseReason::Failed));
        }
    }
}
