//! The handles of a connection, from the offer to the open link.

use super::connection::{Connection, Shared, own_fingerprint};
use super::report;
use crate::framing::MAX_MESSAGE;
use crate::sdp::{self, RemoteSdp};
use crate::{CloseReason, ConnectError, DataLink, Fingerprint, LinkError, LinkState, PathReport, outbox};
use pumasi_rt::Boxed;
use std::fmt;
use std::rc::Rc;
use wasm_bindgen_futures::JsFuture;
use web_sys::{RtcSdpType, RtcSessionDescriptionInit};

/// An offer that waits for its answer. Dropping it closes the connection.
pub struct Offering {
    connection: Connection,
    sdp: String,
    local: Fingerprint,
}

/// A connection on its way. Dropping it closes the connection.
pub struct Connecting {
    connection: Connection,
    local: Fingerprint,
    remote: Fingerprint,
    /// The browser is still reading the peer's answer.
    taken: Option<Boxed<'static, Result<(), ConnectError>>>,
}

/// An open channel to a peer. Dropping it closes the connection, without waiting for what is still queued.
pub struct Link {
    connection: Connection,
    local: Fingerprint,
    remote: Fingerprint,
}

/// Sends on a link beside whoever receives on it.
#[derive(Clone)]
pub struct LinkSender {
    outbox: outbox::Sender,
    shared: Rc<Shared>,
}

impl Offering {
    pub(super) fn new(connection: Connection, sdp: String) -> Result<Self, ConnectError> {
        let local = own_fingerprint(&sdp)?;
        Ok(Self { connection, sdp, local })
    }

    /// The SDP for the peer.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// The fingerprint of our DTLS certificate in this connection.
    pub fn local_fingerprint(&self) -> Fingerprint {
        self.local
    }

    /// Takes the peer's answer and begins to connect.
    ///
    /// # Errors
    /// [`ConnectError::Sdp`], [`ConnectError::SdpTooLarge`] or [`ConnectError::NoRemoteCandidates`] when the answer
    /// cannot be used. The offer is used up then.
    pub fn accept(self, answer_sdp: &str) -> Result<Connecting, ConnectError> {
        let remote = sdp::read(answer_sdp, true, true)?;
        let taken = pumasi_rt::boxed(self.connection.take(&remote.text, RtcSdpType::Answer));
        Ok(Connecting {
            connection: self.connection,
            local: self.local,
            remote: remote.fingerprint,
            taken: Some(taken),
        })
    }
}

impl Connecting {
    pub(super) fn new(connection: Connection, remote: Fingerprint, sdp: &str) -> Result<Self, ConnectError> {
        Ok(Self { connection, local: own_fingerprint(sdp)?, remote, taken: None })
    }

    /// The fingerprint of our DTLS certificate in this connection.
    pub fn local_fingerprint(&self) -> Fingerprint {
        self.local
    }

    /// The fingerprint that the peer's SDP announced.
    pub fn remote_fingerprint(&self) -> Fingerprint {
        self.remote
    }

    /// Waits until the channel is open, at most [`IceConfig::connect_timeout`](crate::IceConfig::connect_timeout).
    ///
    /// # Errors
    /// How far it came: [`ConnectError::ChecksFailed`], [`ConnectError::Dtls`], [`ConnectError::ChannelNotOpened`],
    /// [`ConnectError::Sdp`] or [`ConnectError::Closed`].
    pub async fn open(self) -> Result<Link, ConnectError> {
        if let Some(taken) = self.taken {
            taken.await?;
        }
        self.connection.opened().await?;
        Ok(Link { connection: self.connection, local: self.local, remote: self.remote })
    }
}

/// Why nothing can be sent any more.
fn closed(shared: &Shared) -> LinkError {
    LinkError::Closed(match shared.state.get() {
        LinkState::Closed(reason) => reason,
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
        if matches!(self.shared.state.get(), LinkState::Closed(_)) {
            return Err(closed(&self.shared));
        }
        self.outbox.send(message).await.map_err(|_| closed(&self.shared))
    }
}

impl Link {
    /// A second hand to send with. It keeps the connection open no longer than the link itself.
    #[must_use]
    pub fn sender(&self) -> LinkSender {
        LinkSender { outbox: self.connection.outbox.clone(), shared: self.connection.shared.clone() }
    }

    /// The restarted connection must be with the same certificate: the DID proof is bound to it.
    fn read_same_peer(&self, text: &str) -> Result<RemoteSdp, LinkError> {
        let sdp = sdp::read(text, true, true).map_err(|error| LinkError::Restart(error.to_string()))?;
        if sdp.fingerprint == self.remote {
            Ok(sdp)
        } else {
            Err(LinkError::Restart("the certificate's fingerprint is another one".to_owned()))
        }
    }

    fn check_open(&self) -> Result<(), LinkError> {
        match self.state() {
            LinkState::Closed(reason) => Err(LinkError::Closed(reason)),
            LinkState::Up | LinkState::Down => Ok(()),
        }
    }

    /// Takes an offer of ours back that was not answered, so that another description can be taken.
    async fn roll_back(&self) {
        let description = RtcSessionDescriptionInit::new(RtcSdpType::Rollback);
        // Nothing to take back is no error worth telling.
        let _ = JsFuture::from(self.connection.shared.peer.set_local_description(&description)).await;
    }
}

fn restart(error: ConnectError) -> LinkError {
    LinkError::Restart(error.to_string())
}

impl DataLink for Link {
    async fn send(&self, message: Vec<u8>) -> Result<(), LinkError> {
        self.sender().send(message).await
    }

    async fn recv(&mut self) -> Option<Vec<u8>> {
        self.connection.inbox.recv().await
    }

    fn local_fingerprint(&self) -> Fingerprint {
        self.local
    }

    fn remote_fingerprint(&self) -> Fingerprint {
        self.remote
    }

    fn report(&self) -> PathReport {
        self.connection.shared.report.get().unwrap_or(report::UNKNOWN)
    }

    fn state(&self) -> LinkState {
        self.connection.shared.state.get()
    }

    async fn restart_offer(&self) -> Result<String, LinkError> {
        self.check_open()?;
        self.connection.make_offer(true).await.map_err(restart)
    }

    async fn accept_restart(&self, offer_sdp: &str) -> Result<String, LinkError> {
        self.check_open()?;
        let remote = self.read_same_peer(offer_sdp)?;
        if self.connection.shared.peer.signaling_state() == web_sys::RtcSignalingState::HaveLocalOffer {
            self.roll_back().await;
        }
        self.connection.make_answer(&remote.text).await.map_err(restart)
    }

    async fn finish_restart(&self, answer_sdp: &str) -> Result<(), LinkError> {
        self.check_open()?;
        let remote = self.read_same_peer(answer_sdp)?;
        self.connection.take(&remote.text, RtcSdpType::Answer).await.map_err(restart)
    }

    async fn close(&self) {
        self.connection.close().await;
    }
}

impl fmt::Debug for Offering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offering").field("local", &self.local).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").field("local", &self.local).finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("local", &self.local).field("state", &self.state()).finish_non_exhaustive()
    }
}
