//! Which relays a node behind a NAT keeps a slot at. Sans-I/O; the time is told.

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Relays that are remembered while they are connected.
const OFFERS: usize = 64;
/// Circuit addresses of one relay.
const ADDRESSES: usize = 4;
/// The pause before a relay that refused is asked again, doubled each time.
const PAUSE: Duration = Duration::from_secs(15);
const MAX_DOUBLINGS: u32 = 6;

struct Offer {
    address: Multiaddr,
    refusals: u32,
    not_before: Option<Instant>,
}

/// A slot that was asked for.
pub(crate) struct Slot {
    pub(crate) relay: PeerId,
    pub(crate) granted: bool,
    pub(crate) addresses: Vec<Multiaddr>,
    pub(crate) bytes: Option<u64>,
    pub(crate) duration: Option<Duration>,
}

#[derive(Default)]
pub(crate) struct Relays {
    offers: HashMap<PeerId, Offer>,
    slots: HashMap<ListenerId, Slot>,
}

impl Relays {
    /// A connected peer says that it relays, and is reached at this address.
    pub(crate) fn offered(&mut self, relay: PeerId, address: Multiaddr) {
        if let Some(offer) = self.offers.get_mut(&relay) {
            offer.address = address;
        } else if self.offers.len() < OFFERS {
            self.offers.insert(relay, Offer { address, refusals: 0, not_before: None });
        }
    }

    /// It does not relay any more, or is gone.
    pub(crate) fn gone(&mut self, relay: &PeerId) {
        self.offers.remove(relay);
    }

    /// The next relay to ask, when fewer than `wanted` slots are held or asked for.
    pub(crate) fn choose(&self, wanted: usize, now: Instant) -> Option<(PeerId, Multiaddr)> {
        if self.slots.len() >= wanted {
            return None;
        }
        let taken = |relay: &PeerId| self.slots.values().any(|slot| slot.relay == *relay);
        let (relay, offer) = self
            .offers
            .iter()
            .filter(|(relay, offer)| !taken(relay) && offer.not_before.is_none_or(|at| at <= now))
            // The same order at every node would load one relay with all of them; a map's order differs.
            .min_by_key(|(_, offer)| offer.refusals)?;
        let relay_part = Protocol::P2p(*relay);
        let mut address = offer.address.clone();
        if address.iter().last().as_ref() != Some(&relay_part) {
            address.push(relay_part);
        }
        address.push(Protocol::P2pCircuit);
        Some((*relay, address))
    }

    pub(crate) fn asked(&mut self, listener: ListenerId, relay: PeerId) {
        let slot = Slot { relay, granted: false, addresses: Vec::new(), bytes: None, duration: None };
        self.slots.insert(listener, slot);
    }

    pub(crate) fn granted(&mut self, relay: &PeerId, bytes: Option<u64>, duration: Option<Duration>) {
        for slot in self.slots.values_mut().filter(|slot| slot.relay == *relay) {
            (slot.granted, slot.bytes, slot.duration) = (true, bytes, duration);
        }
        if let Some(offer) = self.offers.get_mut(relay) {
            offer.refusals = 0;
        }
    }

    /// `false` when the listener is none of a relay's.
    pub(crate) fn listens(&mut self, listener: ListenerId, address: Multiaddr) -> bool {
        let Some(slot) = self.slots.get_mut(&listener) else { return false };
        if slot.addresses.len() < ADDRESSES && !slot.addresses.contains(&address) {
            slot.addresses.push(address);
        }
        true
    }

    /// The slot is lost, or was never granted. `false` when the listener is none of a relay's.
    pub(crate) fn lost(&mut self, listener: &ListenerId, now: Instant) -> bool {
        let Some(slot) = self.slots.remove(listener) else { return false };
        if let Some(offer) = self.offers.get_mut(&slot.relay) {
            offer.not_before = Some(now + PAUSE * 2_u32.pow(offer.refusals.min(MAX_DOUBLINGS)));
            offer.refusals = offer.refusals.saturating_add(1);
        }
        true
    }

    pub(crate) fn listeners(&self) -> Vec<ListenerId> {
        self.slots.keys().copied().collect()
    }

    /// Slots that are held.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values().filter(|slot| slot.granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Multiaddr {
        format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn two_slots_are_at_two_relays_and_no_third_is_asked() {
        let now = Instant::now();
        let mut relays = Relays::default();
        let peers: Vec<PeerId> = (0..3).map(|_| PeerId::random()).collect();
        for (port, peer) in (1..).zip(&peers) {
            relays.offered(*peer, at(port));
        }
        let (first, address) = relays.choose(2, now).unwrap();
        assert!(address.to_string().ends_with(&format!("/p2p/{first}/p2p-circuit")), "{address}");
        relays.asked(ListenerId::next(), first);
        let (second, _) = relays.choose(2, now).unwrap();
        assert_ne!(first, second);
        relays.asked(ListenerId::next(), second);
        assert_eq!(relays.choose(2, now), None);
    }

    #[test]
    fn a_relay_that_refused_is_left_alone_for_longer_each_time() {
        let mut now = Instant::now();
        let (mut relays, peer) = (Relays::default(), PeerId::random());
        relays.offered(peer, at(1));
        let mut pauses = Vec::new();
        for _ in 0..3 {
            let listener = ListenerId::next();
            relays.asked(listener, relays.choose(2, now).unwrap().0);
            assert!(relays.lost(&listener, now));
            let lost_at = now;
            while relays.choose(2, now).is_none() {
                now += Duration::from_secs(1);
            }
            pauses.push((now - lost_at).as_secs());
        }
        assert_eq!(pauses, [15, 30, 60]);
        relays.gone(&peer);
        assert_eq!(relays.choose(2, now + PAUSE * 100), None);
    }

    proptest::proptest! {
        /// Whatever comes and goes, no more slots are asked for than wanted, and no two at one relay.
        #[test]
        fn slots_are_few_and_each_at_another_relay(steps in proptest::collection::vec((0..5_u8, 0..6_usize, 0..90_u64), 0..80)) {
            let peers: Vec<PeerId> = (0..6).map(|_| PeerId::random()).collect();
            let (mut relays, mut now) = (Relays::default(), Instant::now());
            for (what, who, seconds) in steps {
                now += Duration::from_secs(seconds);
                match what {
                    0 => relays.offered(peers[who], at(1)),
                    1 => relays.gone(&peers[who]),
                    2 => relays.granted(&peers[who], None, None),
                    3 => if let Some((relay, _)) = relays.choose(2, now) {
                        relays.asked(ListenerId::next(), relay);
                    },
                    _ => if let Some(listener) = relays.listeners().get(who) {
                        proptest::prop_assert!(relays.lost(listener, now));
                    },
                }
                let held: Vec<PeerId> = relays.slots.values().map(|slot| slot.relay).collect();
                proptest::prop_assert!(held.len() <= 2);
                proptest::prop_assert!(held.len() < 2 || held[0] != held[1]);
            }
        }
    }

    #[test]
    fn a_slot_counts_as_held_once_it_is_granted() {
        let (mut relays, peer, listener) = (Relays::default(), PeerId::random(), ListenerId::next());
        relays.asked(listener, peer);
        assert!(relays.listens(listener, at(1)) && !relays.listens(ListenerId::next(), at(1)));
        assert_eq!(relays.held().count(), 0);
        relays.granted(&peer, Some(7), None);
        let slot = relays.held().next().unwrap();
        assert_eq!((slot.addresses.len(), slot.bytes), (1, Some(7)));
    }
}
