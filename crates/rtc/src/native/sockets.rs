//! Every way out of this machine that one connection has: UDP sockets and relays.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::relay::{Relay, RelayEvent};
use crate::{ServerFailure, Transport};

/// Room for any datagram that the engine takes.
pub(crate) const DATAGRAM: usize = 2048;

/// A socket that fails this often in a row is given up.
const MAX_ERRORS: u32 = 64;

/// Something came in.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A datagram: who sent it, which of our addresses it came to, and its length in the buffer.
    Datagram {
        /// The peer, or a server.
        source: SocketAddr,
        /// The socket's or the relay's address.
        destination: SocketAddr,
        /// Bytes of the buffer.
        length: usize,
    },
    /// A relay has an address now.
    Allocated {
        /// The address on the relay.
        relayed: SocketAddr,
        /// Our end of the connection to the relay.
        local: SocketAddr,
    },
    /// A relay is lost: our end of the connection to it, and why.
    RelayFailed(SocketAddr, ServerFailure),
}

struct Base {
    socket: UdpSocket,
    address: SocketAddr,
    errors: u32,
}

/// The sockets and relays of one connection.
#[derive(Default)]
pub(crate) struct Sockets {
    bases: Vec<Base>,
    relays: Vec<Relay>,
    /// Where the next poll begins, so that a busy socket cannot starve the others.
    turn: usize,
}

impl Sockets {
    /// Opens a UDP socket on an address of this machine.
    pub(crate) async fn bind(&mut self, ip: IpAddr) -> io::Result<SocketAddr> {
        let socket = UdpSocket::bind(SocketAddr::new(ip, 0)).await?;
        // Until the runtime has heard so, `send` would drop everything, and ICE says it again after a quarter of a second.
        socket.writable().await?;
        let address = socket.local_addr()?;
        self.bases.push(Base { socket, address, errors: 0 });
        Ok(address)
    }

    /// Takes a relay in.
    pub(crate) fn add_relay(&mut self, relay: Relay) {
        self.relays.push(relay);
    }

    /// Takes all sockets and relays of another set in.
    pub(crate) fn extend(&mut self, other: Sockets) {
        self.bases.extend(other.bases);
        self.relays.extend(other.relays);
    }

    /// Closes every socket and relay whose address `keep` does not want.
    pub(crate) fn retain(&mut self, keep: impl Fn(SocketAddr) -> bool) {
        self.bases.retain(|base| keep(base.address));
        self.relays.retain(|relay| relay.relayed().is_some_and(&keep));
    }

    /// The addresses of the UDP sockets.
    pub(crate) fn bases(&self) -> impl Iterator<Item = SocketAddr> {
        self.bases.iter().map(|base| base.address)
    }

    /// How a relayed address of ours is reached; `None` when it is not one.
    pub(crate) fn relay_transport(&self, address: SocketAddr) -> Option<Transport> {
        self.relays.iter().find(|relay| relay.relayed() == Some(address)).map(Relay::transport)
    }

    /// Lets the peer's addresses use our relays.
    pub(crate) fn permit(&mut self, peers: impl Iterator<Item = IpAddr> + Clone) {
        for relay in &mut self.relays {
            for peer in peers.clone() {
                relay.permit(peer);
            }
        }
    }

    /// Sends a datagram from one of our addresses. What cannot be sent at once is dropped: ICE, DTLS and SCTP repeat.
    pub(crate) fn send(&mut self, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) {
        if let Some(base) = self.bases.iter().find(|base| base.address == source) {
            let _ = base.socket.try_send_to(datagram, destination);
        } else if let Some(relay) = self.relays.iter_mut().find(|relay| relay.relayed() == Some(source)) {
            relay.send(destination, datagram);
        }
    }

    /// The next thing that comes in; a datagram is put into `buffer`. Cancel-safe.
    pub(crate) async fn recv(&mut self, buffer: &mut [u8; DATAGRAM]) -> Arrival {
        poll_fn(|cx| self.poll_recv(cx, buffer)).await
    }

    /// Gives all allocations back.
    pub(crate) async fn release(&mut self) {
        for relay in &mut self.relays {
            relay.release().await;
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8; DATAGRAM]) -> Poll<Arrival> {
        self.turn = self.turn.wrapping_add(1);
        let (bases, count) = (self.bases.len(), self.bases.len() + self.relays.len());
        for at in 0..count {
            let at = (self.turn.wrapping_add(at)) % count;
            let polled = match at.checked_sub(bases) {
                None => self.bases[at].poll_recv(cx, buffer),
                Some(at) => poll_relay(&mut self.relays[at], cx, buffer),
            };
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }
}

impl Base {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Arrival> {
        while self.errors < MAX_ERRORS {
            let mut read = ReadBuf::new(buffer);
            match self.socket.poll_recv_from(cx, &mut read) {
                Poll::Ready(Ok(source)) => {
                    self.errors = 0;
                    let length = read.filled().len();
                    return Poll::Ready(Arrival::Datagram { source, destination: self.address, length });
                }
                // An ICMP error of an earlier datagram, or an interface that went away.
                Poll::Ready(Err(_)) => self.errors += 1,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }
}

fn poll_relay(relay: &mut Relay, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Arrival> {
    let local = relay.local();
    relay.poll(cx, buffer).map(|event| match (event, relay.relayed()) {
        (RelayEvent::Allocated(relayed), _) => Arrival::Allocated { relayed, local },
        (RelayEvent::Datagram(source, length), Some(destination)) => Arrival::Datagram { source, destination, length },
        (RelayEvent::Datagram(..), None) => Arrival::RelayFailed(local, ServerFailure::Refused),
        (RelayEvent::Failed(why), _) => Arrival::RelayFailed(local, why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On one thread, so that nothing but the code itself waits for the runtime to hear of the new socket.
    #[tokio::test]
    async fn what_is_sent_at_once_is_not_dropped() {
        let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        other.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let mut sockets = Sockets::default();
        let address = sockets.bind([127, 0, 0, 1].into()).await.unwrap();
        sockets.send(address, other.local_addr().unwrap(), b"at once");
        let mut buffer = [0; 64];
        let (length, source) = other.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], source), (b"at once".as_slice(), address));
    }
}
