use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use pumasi_crypto::MaybeSend;

use crate::{CloseReason, Fingerprint, LinkError, Transport};

/// One open, reliable, ordered channel to one peer.
///
/// Whole messages go in and come out; the peer gets them once and in order, or the link ends.
pub trait DataLink: MaybeSend {
    /// Queues one message of 1 to [`framing::MAX_MESSAGE`](crate::framing::MAX_MESSAGE) bytes; waits while the queue is
    /// full. `Ok` says that it is queued here, not that the peer has it: only the peer's own answer says that.
    ///
    /// # Errors
    /// [`LinkError::MessageLength`], or [`LinkError::Closed`] once the link has ended.
    fn send(&self, message: Vec<u8>) -> impl Future<Output = Result<(), LinkError>> + MaybeSend;

    /// The next whole message, or `None` when the link has ended. Cancel-safe: no message is lost by dropping the future.
    fn recv(&mut self) -> impl Future<Output = Option<Vec<u8>>> + MaybeSend;

    /// The fingerprint of our DTLS certificate in this connection.
    fn local_fingerprint(&self) -> Fingerprint;

    /// The fingerprint of the peer's certificate, which the handshake has checked.
    fn remote_fingerprint(&self) -> Fingerprint;

    /// The path that is used right now.
    fn report(&self) -> PathReport;

    /// Whether the peer is heard.
    fn state(&self) -> LinkState;

    /// Starts an ICE restart (RFC 8445 §9): an SDP offer for the peer. The channel and its fingerprints stay; only the
    /// path is looked for anew, with the addresses that this machine has now.
    ///
    /// # Errors
    /// [`LinkError::Closed`] once the link has ended.
    fn restart_offer(&self) -> impl Future<Output = Result<String, LinkError>> + MaybeSend;

    /// Takes the peer's restart offer and gives the answer.
    ///
    /// # Errors
    /// [`LinkError::Restart`] when the SDP is not a restart of this very connection.
    fn accept_restart(&self, offer_sdp: &str) -> impl Future<Output = Result<String, LinkError>> + MaybeSend;

    /// Takes the peer's answer to [`DataLink::restart_offer`].
    ///
    /// # Errors
    /// [`LinkError::Restart`] when no restart was offered or the SDP does not fit it.
    fn finish_restart(&self, answer_sdp: &str) -> impl Future<Output = Result<(), LinkError>> + MaybeSend;

    /// Sends what is queued (waiting at most a few seconds for the peer to acknowledge it), then closes, so that the
    /// peer learns at once.
    fn close(&self) -> impl Future<Output = ()> + MaybeSend;
}

/// Whether a link works at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The peer is heard.
    Up,
    /// Nothing was heard for some seconds. Messages wait.
    Down,
    /// It has ended.
    Closed(CloseReason),
}

/// What an ICE candidate is (RFC 8445 §5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// An address of the machine itself.
    Host,
    /// The outside address of a NAT, as a STUN server saw it.
    ServerReflexive,
    /// The outside address of a NAT, as the peer saw it.
    PeerReflexive,
    /// An address on a TURN relay.
    Relay,
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relay => "relay",
        })
    }
}

/// One end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathEnd {
    /// What kind of address it is.
    pub kind: CandidateKind,
    /// The address: of our own end the socket's or the relay's, of the peer's end the one that we send to.
    pub address: SocketAddr,
}

/// The path between two peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathReport {
    /// Our end.
    pub local: PathEnd,
    /// The peer's end.
    pub remote: PathEnd,
    /// How we reach our end: always UDP, except to a relay, which may be reached by TCP or TLS.
    pub transport: Transport,
    /// Round-trip time of the last connectivity check, if one was answered yet.
    pub rtt: Option<Duration>,
}

impl PathReport {
    /// Whether a relay stands in the path, at either end.
    pub fn is_relayed(&self) -> bool {
        self.local.kind == CandidateKind::Relay || self.remote.kind == CandidateKind::Relay
    }
}

/// A pair of addresses that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Our end: an address of this machine, or one on a relay.
    pub local: PathEnd,
    /// The peer's end.
    pub remote: PathEnd,
    /// How we reach our end.
    pub transport: Transport,
    /// Connectivity checks sent.
    pub checks: u32,
    /// Whether one was answered.
    pub answered: bool,
}

/// How two peers come together, the best way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// To an address of the peer's machine.
    Direct,
    /// To an address of the peer's NAT.
    Punched,
    /// Over a relay.
    Relayed,
}

impl Way {
    fn of(local: CandidateKind, remote: CandidateKind) -> Self {
        match (local, remote) {
            (CandidateKind::Relay, _) | (_, CandidateKind::Relay) => Self::Relayed,
            (_, CandidateKind::Host) => Self::Direct,
            _ => Self::Punched,
        }
    }
}

impl Tried {
    /// Which way it would have been.
    #[must_use]
    pub fn way(&self) -> Way {
        Way::of(self.local.kind, self.remote.kind)
    }
}

impl PathReport {
    /// Which way it is.
    #[must_use]
    pub fn way(&self) -> Way {
        Way::of(self.local.kind, self.remote.kind)
    }
}

impl fmt::Display for PathReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PathReport { local, remote, transport, rtt } = self;
        write!(f, "{} {} → {} {} over {transport}", local.kind, local.address, remote.kind, remote.address)?;
        match rtt {
            Some(rtt) => write!(f, ", {:.1} ms", rtt.as_secs_f64() * 1e3),
            None => Ok(()),
        }
    }
}
