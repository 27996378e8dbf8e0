use crate::OverlayError;
use crate::reach::{Counted, Totals};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, MemoryTransport, OrTransport};
use libp2p::core::upgrade::Version;
use libp2p::{PeerId, Transport as _, dns, identity, noise, quic, relay, tcp, yamux};
use std::sync::Arc;
use std::time::Duration;

/// Dial, handshake and multiplexer together.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same over a relay: the way to it may have to be opened first, and each handshake goes twice as far.
const CIRCUIT_TIMEOUT: Duration = Duration::from_secs(15);

type Transport = Boxed<(PeerId, StreamMuxerBox)>;

/// TCP with Noise and Yamux, QUIC, and circuits over relays; names are resolved by the system's resolver.
pub(crate) fn internet(
    keypair: &identity::Keypair,
    circuits: relay::client::Transport,
    totals: &Arc<Totals>,
) -> Result<Transport, OverlayError> {
    let direct = match dns::tokio::Transport::system(by_number(keypair)?) {
        Ok(transport) => transport.boxed(),
        // A machine without a resolver's configuration still dials by number.
        Err(error) => {
            tracing::warn!(%error, "names cannot be resolved here; addresses with numbers work");
            by_number(keypair)?
        }
    };
    with_circuits(direct, keypair, circuits, totals)
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
pub(crate) fn memory(
    keypair: &identity::Keypair,
    circuits: relay::client::Transport,
    totals: &Arc<Totals>,
) -> Result<Transport, OverlayError> {
    let direct = MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(noise(keypair)?)
        .multiplex(yamux::Config::default())
        .timeout(UPGRADE_TIMEOUT)
        .boxed();
    with_circuits(direct, keypair, circuits, totals)
}

/// The circuits first: the others would take the address of the relay for the whole.
fn with_circuits(
    direct: Transport,
    keypair: &identity::Keypair,
    circuits: relay::client::Transport,
    totals: &Arc<Totals>,
) -> Result<Transport, OverlayError> {
    let circuits = circuits
        .upgrade(Version::V1Lazy)
        .authenticate(noise(keypair)?)
        .multiplex(yamux::Config::default())
        .timeout(CIRCUIT_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    // A circuit's own bytes are those of the connection to its relay: only direct connections are counted.
    let totals = Arc::clone(totals);
    let direct =
        direct.map(move |(peer, muxer), _| (peer, StreamMuxerBox::new(Counted::new(muxer, Arc::clone(&totals)))));
    Ok(OrTransport::new(circuits, direct).map(|either, _| either.into_inner()).boxed())
}

fn noise(keypair: &identity::Keypair) -> Result<noise::Config, OverlayError> {
    noise::Config::new(keypair).map_err(|error| OverlayError::Transport(error.to_string()))
}
