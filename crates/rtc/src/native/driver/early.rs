//! Datagrams that come a moment too early. The peer may find a pair of addresses good, and begin DTLS over it, before our own check
//! of that pair is answered; until then the engine takes nothing from there. What is lost so is said again only after DTLS's first
//! timeout, a second (RFC 9147 §5.8.2), so it is kept for that moment.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::Input;
use str0m::net::{Protocol, Receive};

/// Datagrams kept. A flight of DTLS has fewer.
const MOST: usize = 8;

/// One datagram that nobody vouches for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

impl Datagram {
    /// What the engine is fed.
    pub(super) fn input(&self, now: Instant) -> Option<Input<'_>> {
        let receive = Receive::new(Protocol::Udp, self.source, self.destination, &self.bytes).ok()?;
        Some(Input::Receive(now, receive))
    }
}

/// What came too early, in its order.
#[derive(Debug, Default)]
pub(super) struct Early(Vec<Datagram>);

impl Early {
    /// Keeps one, while there is room.
    pub(super) fn keep(&mut self, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        if self.0.len() < MOST {
            self.0.push(Datagram { source, destination, bytes: bytes.to_vec() });
        }
    }

    /// The first that is welcome now.
    pub(super) fn take(&mut self, welcome: impl Fn(&Datagram) -> bool) -> Option<Datagram> {
        let at = self.0.iter().position(welcome)?;
        Some(self.0.remove(at))
    }

    /// There is no handshake any more that could want them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_early_is_taken_in_order_once_it_is_welcome_and_few_are_kept() {
        let at = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
        let mut early = Early::default();
        for number in 0..20_u8 {
            early.keep(at(1 + u16::from(number % 2)), at(9), &[number]);
        }
        assert_eq!(early.take(|_| false), None);
        let mut taken = || early.take(|datagram| datagram.source == at(2)).map(|datagram| datagram.bytes);
        let order: Vec<_> = std::iter::from_fn(&mut taken).collect();
        assert_eq!(order, [[1], [3], [5], [7]]);
        early.keep(at(2), at(9), &[21]);
        early.clear();
        assert_eq!(early.take(|_| true), None);
    }
}
