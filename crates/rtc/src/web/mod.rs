//! The browser's driver: its `RTCPeerConnection` (W3C WebRTC) behind the same names as the native one.
//!
//! The browser gathers, checks, encrypts and retransmits; here is only what turns its events into the states of a link.
//! Which interfaces are used, and whether loopback and addresses without a `.local` name are offered, the browser decides.

mod connection;
mod inbox;
mod link;
mod pump;
mod report;

use crate::sdp;
use crate::{ConnectError, IceConfig, Observer, Progress};
use connection::Connection;
use std::time::Duration;

pub use link::{Connecting, Link, LinkSender, Offering};

/// The label of the channel.
const LABEL: &str = "pumasi";

/// How long the last messages may take when a link is closed.
const FLUSH: Duration = Duration::from_secs(3);

/// Makes an offer: gathers addresses and gives the SDP for the peer.
///
/// # Errors
/// [`ConnectError::NoLocalCandidates`] when there is no way out of this machine; [`ConnectError::Browser`].
pub async fn offer(config: &IceConfig, observer: Observer) -> Result<Offering, ConnectError> {
    observer.notify(Progress::Gathering);
    let connection = Connection::new(config, observer)?;
    connection.make_channel();
    let sdp = connection.make_offer(false).await?;
    Offering::new(connection, sdp)
}

/// Answers an offer: gathers addresses, begins to connect, and gives the SDP for the peer.
///
/// # Errors
/// Those of [`offer`]; [`ConnectError::Sdp`] and [`ConnectError::SdpTooLarge`] when the offer cannot be used;
/// [`ConnectError::NoRemoteCandidates`].
pub async fn answer(
    config: &IceConfig,
    offer_sdp: &str,
    observer: Observer,
) -> Result<(Connecting, String), ConnectError> {
    // Before any object of the browser is made.
    let remote = sdp::read(offer_sdp, true, true)?;
    observer.notify(Progress::Gathering);
    let connection = Connection::new(config, observer)?;
    let sdp = connection.make_answer(&remote.text).await?;
    Ok((Connecting::new(connection, remote.fingerprint, &sdp)?, sdp))
}
