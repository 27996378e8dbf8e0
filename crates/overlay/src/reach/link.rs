//! "My link is down" told apart from "they are gone". Sans-I/O; the time and the routes are told.

use super::status::{Link, LinkDown};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Peers lost within this span were lost together: a dead link shows at each connection when its own patience ends.
const TOGETHER: Duration = Duration::from_secs(20);
/// Losses that are remembered.
const LOSSES: usize = 16;

/// Watches the peers come and go.
#[derive(Default)]
pub(crate) struct LinkWatch {
    peers: usize,
    /// When the latest peers were lost, each while no others were gained since.
    losses: VecDeque<Instant>,
    dark_since: Option<Instant>,
}

impl LinkWatch {
    pub(crate) fn gained(&mut self) {
        self.peers += 1;
        self.losses.clear();
        self.dark_since = None;
    }

    /// `idle`: this node closed the connection itself, since nobody needed it.
    pub(crate) fn lost(&mut self, idle: bool, now: Instant) {
        self.peers = self.peers.saturating_sub(1);
        self.losses.extend((!idle).then_some(now));
        if self.losses.len() > LOSSES {
            self.losses.pop_front();
        }
        if self.peers == 0 {
            self.dark_since = Some(now);
        }
    }

    /// `has_network`: whether this machine has an interface and a route to anywhere.
    pub(crate) fn link(&self, has_network: bool, now: Instant) -> Link {
        if self.peers > 0 {
            return Link::Up;
        }
        let Some(since) = self.dark_since else {
            return match has_network {
                true => Link::Joining,
                false => Link::Down { why: LinkDown::NoNetwork, since: Duration::ZERO },
            };
        };
        let together = self.losses.iter().filter(|at| since.duration_since(**at) <= TOGETHER).count();
        let why = match (has_network, together) {
            (false, _) => LinkDown::NoNetwork,
            (true, 2..) => LinkDown::AllLost,
            (true, _) => LinkDown::LastPeerGone,
        };
        Link::Down { why, since: now.duration_since(since) }
    }
}

/// Whether the system knows a way to anywhere. Asks its routing table and sends nothing: the addresses are those of
/// documentation (RFC 5737, RFC 3849).
pub(crate) fn has_route() -> bool {
    use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
    let v4 = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.connect((Ipv4Addr::new(192, 0, 2, 1), 9));
    let v6 =
        || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?.connect((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9));
    v4().is_ok() || v6().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(peers: usize) -> LinkWatch {
        let mut watch = LinkWatch::default();
        (0..peers).for_each(|_| watch.gained());
        watch
    }

    #[test]
    fn a_peer_that_goes_while_others_stay_is_gone_itself() {
        let now = Instant::now();
        let mut watch = watch(3);
        watch.lost(false, now);
        watch.lost(false, now);
        assert_eq!(watch.link(true, now), Link::Up);
    }

    #[test]
    fn several_lost_within_seconds_mean_the_own_link() {
        let now = Instant::now();
        let mut watch = watch(3);
        for second in 0..3 {
            watch.lost(false, now + Duration::from_secs(second * 5));
        }
        let later = now + Duration::from_secs(11);
        assert_eq!(watch.link(true, later), Link::Down { why: LinkDown::AllLost, since: Duration::from_secs(1) });
        watch.gained();
        assert_eq!(watch.link(true, later), Link::Up);
    }

    #[test]
    fn peers_that_left_long_before_the_last_one_were_not_lost_with_it() {
        let now = Instant::now();
        let mut watch = watch(3);
        watch.lost(false, now);
        watch.lost(false, now);
        let later = now + TOGETHER + Duration::from_secs(1);
        watch.lost(false, later);
        assert_eq!(watch.link(true, later), Link::Down { why: LinkDown::LastPeerGone, since: Duration::ZERO });
    }

    #[test]
    fn what_this_node_closed_itself_says_nothing_of_the_link() {
        let now = Instant::now();
        let mut watch = watch(3);
        (0..3).for_each(|_| watch.lost(true, now));
        assert_eq!(watch.link(true, now), Link::Down { why: LinkDown::LastPeerGone, since: Duration::ZERO });
    }

    #[test]
    fn a_machine_without_a_network_says_so_first() {
        let now = Instant::now();
        let mut watch = watch(2);
        watch.lost(false, now);
        watch.lost(false, now);
        for link in [watch.link(false, now), LinkWatch::default().link(false, now)] {
            assert!(matches!(link, Link::Down { why: LinkDown::NoNetwork, .. }), "{link:?}");
        }
        assert_eq!(LinkWatch::default().link(true, now), Link::Joining);
    }
}
