//! The task that owns one connection: the engine, the sockets, and the clock.
//!
//! The engine's one rule: after every change of it, `poll_output` is drained to its timeout before the next change.

mod clock;
mod early;
mod messages;
mod restart;
mod shared;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::{mpsc, oneshot};

use self::clock::{FLUSH, FLUSH_STEP, KEEP_BINDING, Phase};
use self::early::{Datagram, Early};
use self::messages::Flight;
use super::gather::{Gathered, Local};
use super::path::PathWatch;
use super::sockets::{Arrival, DATAGRAM, Sockets};
use super::stun;
use crate::framing::{Assembler, Chunks};
use crate::outbox;
use crate::sdp::RemoteSdp;
use crate::{CloseReason, ConnectError, IceConfig, LinkError, LinkState, Observer, Progress};

pub(crate) use self::shared::Shared;

/// How long the servers may take to hear that their relays are free.
const RELEASE: Duration = Duration::from_secs(1);

/// Steps that the engine takes at once after a change.
const WAKE_STEPS: usize = 4;

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

/// One connection.
pub(crate) struct Driver {
    rtc: Rtc,
    /// Whether the first offer was ours.
    is_offerer: bool,
    sockets: Sockets,
    candidates: Vec<Local>,
    bindings: Vec<(SocketAddr, SocketAddr)>,
    refresh: Instant,
    path: PathWatch,
    early: Early,
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
    flight: Flight,
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
            is_offerer: remote.is_none(),
            sockets: gathered.sockets,
            candidates: gathered.candidates,
            bindings: gathered.bindings,
            refresh: now + KEEP_BINDING,
            path: PathWatch::new(gathered.reflexive),
            early: Early::default(),
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
            flight: Flight::default(),
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
        let mut engine_timeout = self.wake()?;
        loop {
            while self.send_next_chunk() {
                engine_timeout = self.drain()?;
            }
            if self.check_deadlines()? {
                return Ok(CloseReason::Local);
            }
            let timeout = engine_timeout.min(self.next_deadline());
            tokio::select! {
                arrival = self.sockets.recv(&mut buffer) => {
                    self.arrived(&arrival, &buffer);
                    engine_timeout = self.drain()?;
                }
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.command(command)?;
                        self.drain()?;
                        engine_timeout = self.wake()?;
                    }
                    None => return Ok(CloseReason::Local),
                },
                Some(queued) = self.outbox.recv(), if self.phase == Phase::Open && self.sending.is_none() => {
                    self.begin_message(queued);
                }
                () = messages::wait_for_room(&self.inbox, self.undelivered.front()), if !self.undelivered.is_empty() => {
                    self.deliver();
                }
                () = tokio::time::sleep_until(timeout.into()) => {
                    self.input(Input::Timeout(Instant::now()));
                    engine_timeout = self.drain()?;
                }
            }
        }
    }

    /// Lets the engine go on at once after a change: left alone, it would answer checks that came before it knew the
    /// peer, and begin its own, one each 50 ms.
    fn wake(&mut self) -> Result<Instant, CloseReason> {
        for _ in 1..WAKE_STEPS {
            self.input(Input::Timeout(Instant::now()));
            self.drain()?;
        }
        self.input(Input::Timeout(Instant::now()));
        self.drain()
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
            let securing = matches!(self.phase, Phase::Checking(_) | Phase::Securing(_));
            if securing && !stun::is_stun(datagram) {
                self.early.keep(source, destination, datagram);
            }
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

    /// Feeds the engine one of those that came too early, if it takes one now.
    fn input_early(&mut self) -> bool {
        let (rtc, now) = (&self.rtc, Instant::now());
        let welcome = |early: &Datagram| early.input(now).is_some_and(|input| rtc.accepts(&input));
        let Some(datagram) = self.early.take(welcome) else { return false };
        if let Some(input) = datagram.input(now) {
            self.input(input);
        }
        true
    }

    /// Does what the engine wants done; gives the moment at which it wants to be called again.
    fn drain(&mut self) -> Result<Instant, CloseReason> {
        let now = Instant::now();
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(_)) if self.input_early() => {}
                Ok(Output::Timeout(at)) => return Ok(at),
                Ok(Output::Transmit(transmit)) => {
                    let source = transmit.source;
                    let destination = self.path.route(source, transmit.destination, &transmit.contents, now);
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
                self.early.clear();
            }
            Event::ChannelOpen(id, label) => self.channel_opened(id, &label)?,
            Event::ChannelData(data) => self.channel_data(&data)?,
            Event::ChannelClose(_) | Event::Closed => return Err(CloseReason::Peer),
            _ => {}
        }
        Ok(())
    }

    fn report_path(&mut self) {
        self.shared.set_report(self.path.report(&self.sockets));
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

impl Drop for Driver {
    /// Also when the task ends by a panic or with its runtime, the handle must not believe that the link is up.
    fn drop(&mut self) {
        if !matches!(self.shared.state(), LinkState::Closed(_)) {
            self.shared.set_state(LinkState::Closed(CloseReason::Failed));
        }
    }
}
