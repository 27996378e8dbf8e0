//! A behaviour whose dials are looked at: AutoNAT and hole punching dial what a stranger told them.

use crate::address::{is_circuit, is_dialable, is_public};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialFailure, FromSwarm, NetworkBehaviour, NewExternalAddrCandidate, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::HashSet;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Addresses of our own that others say they see, in the life of a node. Each is measured once.
const CANDIDATES: usize = 64;
/// Dials for strangers within [`SPAN`], all strangers together.
const DIALS: usize = 64;
const SPAN: Duration = Duration::from_secs(10);

/// Why a dial that a stranger wanted was not made.
#[derive(Debug, thiserror::Error)]
#[error("an address that a stranger told is not dialled from here")]
struct NotDialled;

/// `B`, with its dials held to the addresses that may be dialled and to a pace, and with a bound on the addresses of
/// our own that it is told of.
pub(crate) struct Filtered<B> {
    inner: B,
    private_addresses: bool,
    under_way: HashSet<ConnectionId>,
    seen: HashSet<Multiaddr>,
    window: Instant,
    dials: usize,
}

impl<B: NetworkBehaviour> Filtered<B> {
    pub(crate) fn new(inner: B, private_addresses: bool) -> Self {
        Self {
            inner,
            private_addresses,
            under_way: HashSet::new(),
            seen: HashSet::new(),
            window: Instant::now(),
            dials: 0,
        }
    }

    /// Tells it of an address that may be ours. `false` when it is not looked at.
    pub(crate) fn candidate(&mut self, addr: &Multiaddr) -> bool {
        if is_circuit(addr) || !is_dialable(addr) || !(self.private_addresses || is_public(addr)) {
            return false;
        }
        if !self.seen.contains(addr) {
            if self.seen.len() >= CANDIDATES {
                return false;
            }
            self.seen.insert(addr.clone());
        }
        self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr }));
        true
    }

    fn allows(&mut self, addresses: &[Multiaddr]) -> bool {
        if self.window.elapsed() >= SPAN {
            (self.window, self.dials) = (Instant::now(), 0);
        }
        self.dials += 1;
        // One of a transport that we do not speak does no harm: it is passed over.
        let may = |address: &Multiaddr| !is_circuit(address) && (self.private_addresses || is_public(address));
        self.dials <= DIALS && !addresses.is_empty() && addresses.iter().all(may)
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Filtered<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.under_way.remove(&connection) && !self.allows(addresses) {
            return Err(ConnectionDenied::new(NotDialled));
        }
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr }) => {
                self.candidate(addr);
            }
            event => {
                if let FromSwarm::DialFailure(DialFailure { connection_id, .. }) = &event {
                    self.under_way.remove(connection_id);
                }
                self.inner.on_swarm_event(event);
            }
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let polled = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &polled {
            self.under_way.insert(opts.connection_id());
        }
        polled
    }
}
