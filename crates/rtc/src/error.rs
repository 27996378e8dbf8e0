use std::io;

/// Why no link came to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No local address to offer: no interface that the configuration allows, and no relay that answered.
    #[error("no way out of this machine: no network address and no relay could be had")]
    NoLocalCandidates,
    /// The peer's SDP names no address that can be tried.
    #[error("the peer offers no address that can be tried")]
    NoRemoteCandidates,
    /// An SDP from the peer is over a bound.
    #[error("the peer's SDP has {got} {what}, the limit is {limit}")]
    SdpTooLarge {
        /// What there is too much of: bytes or candidates.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// An SDP from the peer cannot be used.
    #[error("the peer's SDP cannot be used: {0}")]
    Sdp(String),
    /// Every pair of addresses was tried and none answered.
    #[error("no address pair answered; a relay (TURN) may be needed")]
    ChecksFailed,
    /// A path was found, but not the DTLS handshake with the announced certificate.
    #[error("the secure handshake failed: {0}")]
    Dtls(String),
    /// A secure path was found, but the data channel did not open in time.
    #[error("the data channel did not open in time")]
    ChannelNotOpened,
    /// The peer, or our own side, closed before the channel was open.
    #[error("the connection was closed before it was open")]
    Closed,
    /// The operating system refused a socket.
    #[error("a socket could not be opened")]
    Socket(#[source] io::Error),
    /// The browser has no WebRTC, or does not let this page use it.
    #[cfg(target_arch = "wasm32")]
    #[error("the browser makes no connection: {0}")]
    Browser(String),
    /// The trusted roots for a relay over TLS cannot be used.
    #[error("the certificates to trust for a relay over TLS cannot be used: {0}")]
    Roots(String),
}

/// Why a link has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed or dropped it.
    #[error("closed here")]
    Local,
    /// The peer closed it.
    #[error("closed by the peer")]
    Peer,
    /// Nothing was heard from the peer for too long.
    #[error("the peer was not heard any more")]
    Lost,
    /// The peer broke the rules of the channel (`docs/spec/channel.md`).
    #[error("the peer broke the rules of the channel")]
    Protocol,
    /// The engine failed; nothing more can be sent.
    #[error("the WebRTC engine failed")]
    Failed,
}

/// Why a call on a link failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The link has ended.
    #[error("the link has ended: {0}")]
    Closed(CloseReason),
    /// A message must have 1 to `limit` bytes.
    #[error("a message has {got} bytes, it must have 1 to {limit}")]
    MessageLength {
        /// The most bytes of a message.
        limit: usize,
        /// The bytes of this one.
        got: usize,
    },
    /// The ICE restart could not be done with this SDP, or at this moment.
    #[error("the ICE restart failed: {0}")]
    Restart(String),
}
