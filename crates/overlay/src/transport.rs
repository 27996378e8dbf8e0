use crate::OverlayError;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, MemoryTransport, OrTransport};
use libp2p::core::upgrade::Version;
use libp2p::{PeerId, Transport as _, dns, identity, noise, quic, tcp, yamux};
use std::time::Duration;

/// Dial, handshake and multiplexer together.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(5);

type Transport = Boxed<(PeerId, StreamMuxerBox)>;

/// TCP with Noise and Yamux, and QUIC; names are resolved by the system's resolver.
pub(crate) fn internet(keypair: &identity::Keypair) -> Result<Transport, OverlayError> {
    match dns::tokio::Transport::system(by_number(keypair)?) {
        Ok(transport) => Ok(transport.boxed()),
        // A machine without a resolver's configuration still dials by number.
        Err(error) => {
            tracing::warn!(%error, "names cannot be resolved here; addresses with numbers work");
            by_number(keypair)
        }
    }
}

fn by_number(keypair: &identity::Keypair) -> Result<Transport, OverlayError> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise(keypair)?)
        .multiplex(yamux::Config::default())
        .timeout(UPGRADE_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let mut quic = quic::Config::new(keypair);
    quic.handshake_timeout = UPGRADE_TIMEOUT;
    let quic = quic::tokio::Transport::new(quic).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(OrTransport::new(quic, tcp).map(|either, _| either.into_inner()).boxed())
}

/// Channels within this process, with the same encryption: networks of hundreds of nodes in one test.
pub(crate) fn memory(keypair: &identity::Keypair) -> Result<Transport, OverlayError> {
    Ok(MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(noise(keypair)?)
        .multiplex(yamux::Config::default())
        .timeout(UPGRADE_TIMEOUT)
        .boxed())
}

fn noise(keypair: &identity::Keypair) -> Result<noise::Config, OverlayError> {
    noise::Config::new(keypair).map_err(|error| OverlayError::Transport(error.to_string()))
}
