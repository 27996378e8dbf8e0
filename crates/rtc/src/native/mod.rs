//! The native driver: `str0m` for ICE, DTLS and SCTP, `tokio` for sockets.

mod address;
mod driver;
mod gather;
mod link;
mod path;
mod relay;
mod sockets;
mod stun;

use std::time::Instant;

use str0m::Rtc;
use str0m::change::{SdpAnswer, SdpOffer};

use crate::framing::MAX_CHUNK;
use crate::{ConnectError, IceConfig, Observer};

use crate::sdp::{self, RemoteSdp};

pub use link::{Connecting, Link, LinkSender, Offering};

/// The label of the channel.
const LABEL: &str = "pumasi";

/// How often an unanswered connectivity check is repeated, every 3 s in the end: for about a minute, because the answer
/// travels by a slow road and the peer begins its checks only when it has it.
const MAX_CHECKS: usize = 24;

/// Makes an offer: gathers addresses and gives the SDP for the peer.
///
/// # Errors
/// [`ConnectError::NoLocalCandidates`] when there is no way out of this machine; [`ConnectError::Socket`];
/// [`ConnectError::Roots`].
pub async fn offer(config: &IceConfig, observer: Observer) -> Result<Offering, ConnectError> {
    let gathered = gather::gather(config, &observer).await?;
    let mut rtc = engine(&gathered);
    let mut change = rtc.sdp_api();
    change.add_channel(LABEL.to_owned());
    let (offer, pending) = change.apply().expect("a first channel needs a negotiation");
    let parts = driver::Start { rtc, gathered, config: config.clone(), observer };
    Ok(Offering::start(offer.to_sdp_string(), pending, parts))
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
    let (remote, offer) = read_offer(offer_sdp, config)?;
    let gathered = gather::gather(config, &observer).await?;
    let mut rtc = engine(&gathered);
    let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| ConnectError::Sdp(error.to_string()))?;
    let parts = driver::Start { rtc, gathered, config: config.clone(), observer };
    Ok((Connecting::start(remote, parts), answer.to_sdp_string()))
}

/// Reads a peer's offer.
fn read_offer(sdp: &str, config: &IceConfig) -> Result<(RemoteSdp, SdpOffer), ConnectError> {
    let remote = sdp::read(sdp, config.include_loopback, false)?;
    let offer = SdpOffer::from_sdp_string(&remote.text).map_err(|error| ConnectError::Sdp(error.to_string()))?;
    Ok((remote, offer))
}

/// Reads a peer's answer.
fn read_answer(sdp: &str, config: &IceConfig) -> Result<(RemoteSdp, SdpAnswer), ConnectError> {
    let remote = sdp::read(sdp, config.include_loopback, false)?;
    let answer = SdpAnswer::from_sdp_string(&remote.text).map_err(|error| ConnectError::Sdp(error.to_string()))?;
    Ok((remote, answer))
}

fn engine(gathered: &gather::Gathered) -> Rtc {
    let mut config = Rtc::builder().set_sctp_max_message_size(MAX_CHUNK as u32);
    config.set_max_stun_retransmits(MAX_CHECKS);
    let mut rtc = config.build(Instant::now());
    for it in &gathered.candidates {
        rtc.add_local_candidate(it.candidate.clone());
    }
    rtc
}

/// Random bytes of the operating system.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}
