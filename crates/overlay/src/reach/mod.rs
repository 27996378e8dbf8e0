//! How a node is reached: relays, hole punching, measurements, ports at the router, and whether the own link works.

mod count;
mod filtered;
mod link;
mod mapping;
mod relays;
mod status;

pub(crate) use count::{Counted, Totals};
pub(crate) use filtered::Filtered;
pub(crate) use link::{LinkWatch, has_route};
pub(crate) use mapping::{Mapper, Port, Told};
pub(crate) use relays::Relays;
pub use status::{
    Attempt, Connection, Link, LinkDown, Path, PortMapping, Reachability, RelayFigures, Reserved, Serving,
};

use crate::Limits;
use libp2p::relay;
use std::num::NonZeroU32;
use std::time::Duration;

/// How long a reservation stands; its holder renews it at three quarters.
const RESERVATION: Duration = Duration::from_secs(60 * 60);
/// Reservations and circuits of one peer at once, and the time in which it may ask for one more.
const PER_PEER: (u32, Duration) = (30, Duration::from_secs(10));
/// The same of one IP address, behind which a whole house may be.
const PER_ADDRESS: (u32, Duration) = (240, Duration::from_secs(1));

/// What this node does for others as a relay.
pub(crate) fn relay_config(limits: &Limits) -> relay::Config {
    let pace = |(burst, span): (u32, Duration)| (NonZeroU32::new(burst).expect("a literal above zero"), span);
    let (peer, peer_span) = pace(PER_PEER);
    let (address, address_span) = pace(PER_ADDRESS);
    relay::Config {
        max_reservations: limits.relay_reservations,
        // libp2p refuses what is above this, not what reaches it.
        max_reservations_per_peer: limits.relay_reservations_per_peer.saturating_sub(1),
        reservation_duration: RESERVATION,
        reservation_rate_limiters: Vec::new(),
        max_circuits: limits.relay_circuits,
        max_circuits_per_peer: limits.relay_circuits_per_peer.saturating_sub(1),
        max_circuit_duration: limits.relay_circuit_duration,
        max_circuit_bytes: limits.relay_circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
    }
    .reservation_rate_per_peer(peer, peer_span)
    .circuit_src_per_peer(peer, peer_span)
    .reservation_rate_per_ip(address, address_span)
    .circuit_src_per_ip(address, address_span)
}
