//! The handles of a connection, from the offer to the open link.

use std::sync::Arc;

use str0m::Rtc;
use str0m::change::SdpPendingOffer;
use tokio::sync::{mpsc, oneshot};

use super::driver::{Command, Driver, Ends, Reply, Shared, Start};
use super::gather::{Gathered, gather};
use crate::framing::MAX_MESSAGE;
use crate::outbox;
use crate::sdp::RemoteSdp;
use crate::{CloseReason, ConnectError, DataLink, Fingerprint, IceConfig, LinkError, LinkState, Observer, PathReport};

/// Calls that may wait for the task at a time.
const COMMANDS: usize = 8;

/// An offer that waits for its answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct Offering {
    sdp: String,
    pending: SdpPending,
    handle: Handle,
    opened: oneshot::Receiver<Result<(), ConnectError>>,
}

/// A connection on its way. Dropping it closes the connection.
#[derive(Debug)]
pub struct Connecting {
    handle: Handle,
    remote: Fingerprint,
    opened: oneshot::Receiver<Result<(), ConnectError>>,
}

/// An open channel to a peer. Dropping it closes the connection, without waiting for what is still queued.
#[derive(Debug)]
pub struct Link {
    handle: Handle,
    remote: Fingerprint,
    report: PathReport,
}

/// The engine's half of the offer; it has no `Debug`.
struct SdpPending(SdpPendingOffer);

impl std::fmt::Debug for SdpPending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SdpPending")
    }
}

struct Handle {
    commands: mpsc::Sender<Command>,
    outbox: outbox::Sender,
    inbox: outbox::Receiver,
    shared: Arc<Shared>,
    local: Fingerprint,
    config: IceConfig,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("shared", &self.shared).field("local", &self.local).finish_non_exhaustive()
    }
}

/// Starts the task of a connection.
fn spawn(mut start: Start, remote: Option<&RemoteSdp>) -> (Handle, oneshot::Receiver<Result<(), ConnectError>>) {
    let local = local_fingerprint(&mut start.rtc);
    let config = start.config.clone();
    let shared = Shared::new();
    let (opened, on_open) = oneshot::channel();
    let (commands, on_command) = mpsc::channel(COMMANDS);
    let (outbox, from_outbox) = outbox::queue();
    let (to_inbox, inbox) = outbox::queue();
    let ends = Ends { opened, commands: on_command, outbox: from_outbox, inbox: to_inbox, shared: shared.clone() };
    tokio::spawn(Driver::new(start, ends, remote).run());
    (Handle { commands, outbox, inbox, shared, local, config }, on_open)
}

fn local_fingerprint(rtc: &mut Rtc) -> Fingerprint {
    let print = rtc.direct_api().local_dtls_fingerprint().clone();
    Fingerprint::new(print.bytes.try_into().expect("the engine's own certificate is hashed with SHA-256"))
}

impl Offering {
    pub(crate) fn start(sdp: String, pending: SdpPendingOffer, start: Start) -> Self {
        let (handle, opened) = spawn(start, None);
        Offering { sdp, pending: SdpPending(pending), handle, opened }
    }

    /// The SDP for the peer.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// The fingerprint of our DTLS certificate in this connection.
    pub fn local_fingerprint(&self) -> Fingerprint {
        self.handle.local
    }

    /// Takes the peer's answer and begins to connect.
    ///
    /// # Errors
    /// [`ConnectError::Sdp`], [`ConnectError::SdpTooLarge`] or [`ConnectError::NoRemoteCandidates`] when the answer
    /// cannot be used. The offer is used up then.
    pub fn accept(self, answer_sdp: &str) -> Result<Connecting, ConnectError> {
        let (remote, answer) = super::read_answer(answer_sdp, &self.handle.config)?;
        let fingerprint = remote.fingerprint;
        let accept = Command::Accept(Box::new((remote, answer, self.pending.0)));
        self.handle.commands.try_send(accept).map_err(|_| ConnectError::Closed)?;
        Ok(Connecting { handle: self.handle, remote: fingerprint, opened: self.opened })
    }
}

impl Connecting {
    pub(crate) fn start(remote: RemoteSdp, start: Start) -> Self {
        let (handle, opened) = spawn(start, Some(&remote));
        Connecting { handle, remote: remote.fingerprint, opened }
    }

    /// The fingerprint of our DTLS certificate in this connection.
    pub fn local_fingerprint(&self) -> Fingerprint {
        self.handle.local
    }

    /// The fingerprint that the peer's SDP announced.
    pub fn remote_fingerprint(&self) -> Fingerprint {
        self.remote
    }

    /// Waits until the channel is open, at most [`IceConfig::connect_timeout`](crate::IceConfig::connect_timeout).
    ///
    /// # Errors
    /// How far it came: [`ConnectError::ChecksFailed`], [`ConnectError::Dtls`], [`ConnectError::ChannelNotOpened`], or
    /// [`ConnectError::Closed`].
    pub async fn open(self) -> Result<Link, ConnectError> {
        self.opened.await.map_err(|_| ConnectError::Closed)??;
        let report = self.handle.shared.report().ok_or(ConnectError::Closed)?;
        Ok(Link { handle: self.handle, remote: self.remote, report })
    }
}

/// Sends on a link beside whoever receives on it. Two peers who both wait to send, and do not receive meanwhile, would
/// wait for each other for ever.
#[derive(Clone)]
pub struct LinkSender {
    outbox: outbox::Sender,
    shared: Arc<Shared>,
}

/// Why nothing can be sent any more.
fn closed(shared: &Shared) -> LinkError {
    LinkError::Closed(match shared.state() {
        LinkState::Closed(reason) => reason,
        // The task is ending right now.
        LinkState::Up | LinkState::Down => CloseReason::Local,
    })
}

impl LinkSender {
    /// As [`DataLink::send`].
    ///
    /// # Errors
    /// As [`DataLink::send`].
    pub async fn send(&self, message: Vec<u8>) -> Result<(), LinkError> {
        if !(1..=MAX_MESSAGE).contains(&message.len()) {
            return Err(LinkError::MessageLength { limit: MAX_MESSAGE, got: message.len() });
        }
        self.outbox.send(message).await.map_err(|_| closed(&self.shared))
    }
}

impl Link {
    /// A second hand to send with. It keeps the connection open no longer than the link itself.
    #[must_use]
    pub fn sender(&self) -> LinkSender {
        LinkSender { outbox: self.handle.outbox.clone(), shared: self.handle.shared.clone() }
    }

    /// The addresses that this machine has now, for an ICE restart.
    async fn gather(&self) -> Result<Gathered, LinkError> {
        let gathered = gather(&self.handle.config, &Observer::silent()).await;
        gathered.map_err(|error| LinkError::Restart(error.to_string()))
    }

    /// The restarted connection must be with the same certificate: the DID proof is bound to it.
    fn check_same_peer(&self, sdp: &RemoteSdp) -> Result<(), LinkError> {
        if sdp.fingerprint == self.remote {
            Ok(())
        } else {
            Err(LinkError::Restart("the certificate's fingerprint is another one".to_owned()))
        }
    }

    /// Asks the task and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, LinkError> {
        let (reply, answer) = oneshot::channel();
        self.handle.commands.send(command(reply)).await.map_err(|_| self.closed())?;
        answer.await.map_err(|_| self.closed())?
    }

    fn closed(&self) -> LinkError {
        closed(&self.handle.shared)
    }
}

impl DataLink for Link {
    async fn send(&self, message: Vec<u8>) -> Result<(), LinkError> {
        self.sender().send(message).await
    }

    async fn recv(&mut self) -> Option<Vec<u8>> {
        self.handle.inbox.recv().await.map(|(message, _room)| message)
    }

    fn local_fingerprint(&self) -> Fingerprint {
        self.handle.local
    }

    fn remote_fingerprint(&self) -> Fingerprint {
        self.remote
    }

    fn report(&self) -> PathReport {
        self.handle.shared.report().unwrap_or(self.report)
    }

    fn state(&self) -> LinkState {
        self.handle.shared.state()
    }

    async fn restart_offer(&self) -> Result<String, LinkError> {
        let gathered = Box::new(self.gather().await?);
        self.ask(|reply| Command::OfferRestart(gathered, reply)).await
    }

    async fn accept_restart(&self, offer_sdp: &str) -> Result<String, LinkError> {
        let read = super::read_offer(offer_sdp, &self.handle.config);
        let (remote, offer) = read.map_err(|error| LinkError::Restart(error.to_string()))?;
        self.check_same_peer(&remote)?;
        let offer = Box::new((remote, offer, self.gather().await?));
        self.ask(|reply| Command::AnswerRestart(offer, reply)).await
    }

    async fn finish_restart(&self, answer_sdp: &str) -> Result<(), LinkError> {
        let read = super::read_answer(answer_sdp, &self.handle.config);
        let (remote, answer) = read.map_err(|error| LinkError::Restart(error.to_string()))?;
        self.check_same_peer(&remote)?;
        self.ask(|reply| Command::FinishRestart(Box::new((remote, answer)), reply)).await
    }

    async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.handle.commands.send(Command::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}
