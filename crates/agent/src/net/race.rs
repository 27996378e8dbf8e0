//! The roads of one offer, raced: each starts at once, or after a short head start where it costs others something. Sans-I/O.
//!
//! The stream costs nobody but the payee, and starts at once. The endpoint costs a TLS connection and often a third machine:
//! it gives the stream [`ENDPOINT_AFTER`]. The mailbox costs twenty nodes of the DHT, and many more questions while the answer
//! is awaited: it gives the others [`MAILBOX_AFTER`]. Where the others are closed, nobody waits for them.

use crate::event::{Outrun, Road, RoadClosed};
use pumasi_crypto::hash::Digest;
use pumasi_signaling::SignedSignal;
use pumasi_units::{Millis, Timestamp};

/// What the stream has before the endpoint is asked as well, in milliseconds.
pub(crate) const ENDPOINT_AFTER: Millis = 250;
/// What the other roads have before the mailbox is used as well: about what a payee needs to gather its addresses.
pub(crate) const MAILBOX_AFTER: Millis = 2_000;

const ROADS: [Road; 3] = [Road::Stream, Road::Endpoint, Road::Mailbox];

/// How a road stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// There is no such road to this payee.
    Absent,
    /// Whether there is one is being found out.
    Sought,
    /// It has not been needed yet.
    Open,
    /// The offer is on it.
    Running,
    Closed(RoadClosed),
}

/// The roads of the offer of now.
pub(crate) struct Race {
    ways: [Way; ROADS.len()],
    offer: Option<(SignedSignal, Timestamp)>,
    /// The offer does not stand any more.
    over: bool,
    taken: Option<Road>,
}

impl Race {
    /// Before there is an offer. `stream`: the payee's node is being looked for; `endpoint`: its profile names one.
    pub(crate) fn new(stream: bool, endpoint: bool) -> Self {
        let way = |there, way| if there { way } else { Way::Absent };
        let ways = [way(stream, Way::Sought), way(endpoint, Way::Open), Way::Open];
        Self { ways, offer: None, over: false, taken: None }
    }

    fn way(&mut self, road: Road) -> &mut Way {
        let at = ROADS.iter().position(|known| *known == road).expect("a road of three");
        &mut self.ways[at]
    }

    /// The payee's profile names an endpoint, or none any more.
    pub(crate) fn set_endpoint(&mut self, there: bool) {
        let way = self.way(Road::Endpoint);
        match way {
            Way::Absent if there => *way = Way::Open,
            Way::Open if !there => *way = Way::Absent,
            _ => {}
        }
    }

    /// It is known where the payee's node is.
    pub(crate) fn found_stream(&mut self) {
        let way = self.way(Road::Stream);
        if *way == Way::Sought {
            *way = Way::Open;
        }
    }

    /// A road leads nowhere. Says whether that is news to somebody who waits: an offer stands, and no road has brought an
    /// answer.
    pub(crate) fn close(&mut self, road: Road, why: RoadClosed) -> bool {
        *self.way(road) = Way::Closed(why);
        self.is_on() && self.taken.is_none()
    }

    /// The offer does not stand any more: it was answered, given up, or gave way to theirs. It starts on no further road.
    pub(crate) fn end(&mut self) {
        self.over = true;
    }

    fn is_on(&self) -> bool {
        self.offer.is_some() && !self.over
    }

    /// An offer wants to travel. The one that stands already only wants to be said again: `false`.
    pub(crate) fn start(&mut self, offer: &SignedSignal, now: Timestamp) -> bool {
        if self.stands(&offer.id()) {
            return false;
        }
        if self.offer.replace((offer.clone(), now)).is_some() {
            // What was closed for the last offer may be open for this one, unless there is no such road.
            for way in &mut self.ways {
                let nowhere = [RoadClosed::Unannounced, RoadClosed::Gone].map(Way::Closed);
                if matches!(way, Way::Running | Way::Closed(_)) && !nowhere.contains(way) {
                    *way = Way::Open;
                }
            }
        }
        (self.over, self.taken) = (false, None);
        true
    }

    /// Whether this offer is the one of now.
    pub(crate) fn stands(&self, id: &Digest) -> bool {
        self.offer.as_ref().is_some_and(|(offer, _)| !self.over && offer.id() == *id)
    }

    pub(crate) fn offer(&self) -> Option<&SignedSignal> {
        self.offer.as_ref().map(|(offer, _)| offer)
    }

    /// The roads on which the offer has to go now; it counts as being there from now on.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Road> {
        let due: Vec<Road> = ROADS.into_iter().filter(|road| self.starts(*road).is_some_and(|at| at <= now)).collect();
        for road in &due {
            *self.way(*road) = Way::Running;
        }
        due
    }

    /// When [`due`](Self::due) will give something.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        ROADS.into_iter().filter_map(|road| self.starts(road)).min()
    }

    /// When a road that is open starts.
    fn starts(&self, road: Road) -> Option<Timestamp> {
        let (_, since) = self.offer.as_ref().filter(|_| !self.over && self.taken.is_none())?;
        let at = ROADS.iter().position(|known| *known == road)?;
        let hopeful = |way: &Way| matches!(way, Way::Sought | Way::Open | Way::Running);
        let before = self.ways[..at].iter().any(hopeful);
        let head_start = match road {
            Road::Endpoint if before => ENDPOINT_AFTER,
            Road::Mailbox if before => MAILBOX_AFTER,
            _ => 0,
        };
        (self.ways[at] == Way::Open).then(|| *since + head_start)
    }

    /// Whether the offer lies in the mailbox.
    pub(crate) fn is_in_mailbox(&self) -> bool {
        self.ways[2] == Way::Running
    }

    /// Whether no answer can lie in the mailbox: an offer stands, and is not there.
    pub(crate) fn spares_mailbox(&self) -> bool {
        self.is_on() && !self.is_in_mailbox()
    }

    /// A road has brought the answer. Only the first does.
    pub(crate) fn take(&mut self, road: Road) {
        self.taken.get_or_insert(road);
    }

    /// The road that brought the answer.
    pub(crate) fn taken(&self) -> Option<Road> {
        self.taken
    }

    /// The other roads, and why it was none of them.
    pub(crate) fn others(&self) -> Vec<Outrun> {
        let why = |way: &Way| match way {
            Way::Absent => None,
            Way::Sought | Way::Open => Some(RoadClosed::NotNeeded),
            Way::Running => Some(RoadClosed::Slower),
            Way::Closed(why) => Some(*why),
        };
        let others = ROADS.into_iter().zip(&self.ways).filter(|(road, _)| Some(*road) != self.taken);
        others.filter_map(|(road, way)| Some(Outrun { road, why: why(way)? })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use pumasi_crypto::{NativeProvider, Provider as _, pkcs8};
    use pumasi_identity::Did;
    use pumasi_signaling::{Content, Nonce, Sdp, Signal};

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn offer(number: u8) -> SignedSignal {
        let provider = NativeProvider;
        let key = block_on(provider.import_ed25519(&pkcs8::from_ed25519_seed(&[1; 32]))).unwrap();
        let from = Did::from_ed25519(provider.ed25519_public(&key));
        let content = Content::Offer { sdp: Sdp::new("v=0\r\n").unwrap() };
        let (session, nonce) = (Nonce([number; 16]), Nonce([number; 16]));
        let signal = Signal { from, to: from, session, nonce, issued: NOW, expires: NOW + 60_000, content };
        block_on(signal.sign(&provider, &key)).unwrap()
    }

    fn others(race: &Race) -> Vec<(Road, RoadClosed)> {
        race.others().into_iter().map(|other| (other.road, other.why)).collect()
    }

    #[test]
    fn each_road_starts_at_once_or_after_its_head_start() {
        let mut race = Race::new(true, true);
        race.found_stream();
        assert_eq!((race.due(NOW), race.poll_timeout()), (vec![], None), "no offer yet");
        assert!(race.start(&offer(1), NOW));
        assert_eq!(race.due(NOW), [Road::Stream]);
        assert!(!race.start(&offer(1), NOW + 1), "said again");
        assert_eq!(race.poll_timeout(), Some(NOW + ENDPOINT_AFTER));
        assert_eq!(race.due(NOW + ENDPOINT_AFTER), [Road::Endpoint]);
        assert!(race.spares_mailbox());
        assert_eq!(race.due(NOW + MAILBOX_AFTER - 1), []);
        assert_eq!(race.due(NOW + MAILBOX_AFTER), [Road::Mailbox]);
        assert!(!race.spares_mailbox() && race.is_in_mailbox());
        race.take(Road::Endpoint);
        race.take(Road::Mailbox);
        assert_eq!(race.taken(), Some(Road::Endpoint), "the first counts");
        assert_eq!(others(&race), [(Road::Stream, RoadClosed::Slower), (Road::Mailbox, RoadClosed::Slower)]);
        assert_eq!(race.poll_timeout(), None);
    }

    #[test]
    fn nobody_waits_for_a_road_that_is_closed_or_was_never_there() {
        let mut race = Race::new(false, false);
        race.start(&offer(1), NOW);
        assert_eq!(race.due(NOW), [Road::Mailbox]);

        let mut race = Race::new(true, true);
        race.start(&offer(1), NOW);
        assert_eq!(race.due(NOW), [], "the node is being looked for");
        assert!(race.close(Road::Stream, RoadClosed::Unannounced));
        assert_eq!(race.due(NOW), [Road::Endpoint]);
        assert!(race.close(Road::Endpoint, RoadClosed::TokenNeeded));
        assert_eq!(race.due(NOW), [Road::Mailbox]);
        race.take(Road::Mailbox);
        let closed = [(Road::Stream, RoadClosed::Unannounced), (Road::Endpoint, RoadClosed::TokenNeeded)];
        assert_eq!(others(&race), closed);
        assert!(!race.close(Road::Endpoint, RoadClosed::Silent), "no news after the answer");
    }

    #[test]
    fn a_road_that_appears_late_starts_at_once_and_what_was_not_needed_is_told_as_such() {
        let mut race = Race::new(true, false);
        race.start(&offer(1), NOW);
        race.found_stream();
        assert_eq!(race.due(NOW + 100), [Road::Stream]);
        race.set_endpoint(true);
        race.take(Road::Stream);
        let spared = [(Road::Endpoint, RoadClosed::NotNeeded), (Road::Mailbox, RoadClosed::NotNeeded)];
        assert_eq!((others(&race), race.due(NOW + 60_000)), (spared.to_vec(), vec![]));
        // One that does not stand any more goes nowhere, although nobody has answered it.
        race.end();
        assert!(!race.stands(&offer(1).id()) && !race.spares_mailbox());
        // The next offer races anew, also where the last one was in vain.
        assert!(race.start(&offer(2), NOW + 70_000) && race.stands(&offer(2).id()));
        assert_eq!(race.due(NOW + 70_000), [Road::Stream]);
        race.close(Road::Stream, RoadClosed::Unreachable);
        assert_eq!(race.due(NOW + 70_000), [Road::Endpoint]);
        race.end();
        assert_eq!((race.due(NOW + 99_000), race.poll_timeout()), (vec![], None), "theirs came first");
    }
}
