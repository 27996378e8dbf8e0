//! Kademlia as this program needs it, around libp2p's.

use crate::RecordKey;
use crate::address::{is_dialable, is_public};
use crate::node::Tellers;
use crate::patience::Patience;
use crate::store::Store;
use crate::trail::Trails;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::kad::store::RecordStore as _;
use libp2p::kad::{self, ConnectionType, K_VALUE, KBucketDistance, KBucketKey, KadPeer, NodeStatus, QueryInfo, Record};
use libp2p::swarm::behaviour::ConnectionClosed;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Kademlia, with what it does not do: it answers a refused put at once; it tells the record store who is at the other end
/// of the connection that a record comes from (what the message says can be forged); it drops the addresses told by
/// strangers that must not be dialled; it lets lookups go on without peers that take too long; and it knows how far each
/// lookup went. And it answers what it can answer at less cost.
pub(crate) struct Guard {
    pub(crate) inner: kad::Behaviour<Store>,
    pub(crate) trails: Trails,
    patience: Patience,
    connected: HashSet<PeerId>,
    private_addresses: bool,
    /// Who told of whom.
    pub(crate) tellers: Tellers,
    answers: VecDeque<ToSwarm<kad::Event, ToHandler>>,
}

/// The node at the other end is shut out.
#[derive(Debug, thiserror::Error)]
#[error("the node has broken rules and is shut out for a time")]
struct ShutOut;

impl Guard {
    pub(crate) fn new(inner: Inner, private_addresses: bool) -> Self {
        Self {
            inner,
            trails: Trails::default(),
            patience: Patience::default(),
            connected: HashSet::new(),
            private_addresses,
            tellers: Tellers::default(),
            answers: VecDeque::new(),
        }
    }

    /// Whether an address that another node told may be dialled and passed on.
    pub(crate) fn allows(&self, address: &Multiaddr) -> bool {
        is_dialable(address) && (self.private_addresses || is_public(address))
    }

    /// How long one peer is waited for now.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.limit()
    }

    /// Lets every lookup and put go on without the peers that have had their time. They may still answer, and a record in a
    /// late answer still counts.
    pub(crate) fn give_up(&mut self, now: Instant) {
        for peer in self.patience.overdue(now) {
            tracing::debug!(%peer, "no answer yet; going on without it");
            self.trails.given_up(&peer);
            self.go_on_without(peer);
        }
    }

    fn go_on_without(&mut self, peer: PeerId) {
        // What libp2p-kad does with a dial that ended: it marks the peer as failed in all its queries, no more.
        let failure = DialFailure {
            peer_id: Some(peer),
            error: &DialError::Aborted,
            connection_id: ConnectionId::new_unchecked(0),
        };
        self.inner.on_swarm_event(FromSwarm::DialFailure(failure));
    }

    /// A put asks all its peers at once, so nobody waits for a slow one there. A stranger of whom only those told who so far told of
    /// silent ones is dialled all the same, for its tellers answer for what comes of it; no lookup waits for it.
    fn note_question(&mut self, event: &ToSwarm<kad::Event, ToHandler>) {
        let peer = match event {
            ToSwarm::Dial { opts } => opts.get_peer_id(),
            ToSwarm::NotifyHandler {
                peer_id,
                event: ToHandler::FindNodeReq { .. } | ToHandler::GetRecord { .. },
                ..
            } => Some(*peer_id),
            _ => None,
        };
        let Some(peer) = peer else { return };
        let strange = matches!(event, ToSwarm::Dial { .. }) && !self.is_routable(&peer);
        if strange && self.patience.others_answer() && self.trails.pass_over(&peer) {
            self.go_on_without(peer);
        } else {
            self.patience.begin(peer, Instant::now());
        }
    }

    fn is_routable(&mut self, peer: &PeerId) -> bool {
        self.inner.kbucket(*peer).is_some_and(|bucket| bucket.iter().any(|entry| entry.node.key.preimage() == peer))
    }

    fn note_answer(&mut self, peer: PeerId, event: &FromHandler) {
        match event {
            FromHandler::FindNodeRes { closer_peers, query_id }
            | FromHandler::GetRecordRes { closer_peers, query_id, .. } => {
                self.trails.there(&peer);
                let told = closer_peers.iter().map(|told| (told.node_id, self.connected.contains(&told.node_id)));
                self.trails.told(query_id, peer, told);
                closer_peers.iter().for_each(|told| self.tellers.note(peer, told.node_id));
                self.patience.answered(&peer, Instant::now());
            }
            FromHandler::PutRecordRes { .. } => self.patience.answered(&peer, Instant::now()),
            // An error without a source is an answer of another kind: a refused put.
            FromHandler::QueryError { error, .. } if std::error::Error::source(error).is_none() => {
                self.patience.answered(&peer, Instant::now());
            }
            FromHandler::QueryError { .. } => self.patience.forget(&peer),
            _ => {}
        }
    }

    /// The nodes nearest to a key, but for the one that asks: what libp2p-kad 0.49 finds too. It copies the whole of a bucket
    /// (6 kB) several times for each of 256, however empty, which was a quarter of what a node did.
    fn nearest(&mut self, key: &[u8], asks: &PeerId) -> Vec<KadPeer> {
        let target = KBucketKey::new(key.to_vec());
        let Some(farthest) = self.farthest_of_the_nearest(&target, asks) else { return Vec::new() };
        let mut near = Vec::with_capacity(K_VALUE.get());
        for bucket in self.inner.kbuckets() {
            for entry in bucket.iter() {
                let (node_id, distance) = (*entry.node.key.preimage(), entry.node.key.distance(&target));
                if distance > farthest || node_id == *asks {
                    continue;
                }
                let multiaddrs = entry.node.value.iter().cloned().collect();
                let connection_ty = match entry.status {
                    NodeStatus::Connected => ConnectionType::Connected,
                    NodeStatus::Disconnected => ConnectionType::NotConnected,
                };
                near.push((distance, KadPeer { node_id, multiaddrs, connection_ty }));
            }
        }
        near.sort_unstable_by_key(|(distance, _)| *distance);
        near.into_iter().map(|(_, peer)| peer).collect()
    }

    /// How far the last of those is from the key.
    fn farthest_of_the_nearest<T>(&mut self, target: &KBucketKey<T>, asks: &PeerId) -> Option<KBucketDistance> {
        let mut distances = Vec::new();
        for bucket in self.inner.kbuckets() {
            let others = bucket.iter().filter(|entry| entry.node.key.preimage() != asks);
            distances.extend(others.map(|entry| entry.node.key.distance(target)));
        }
        if distances.len() > K_VALUE.get() {
            distances.select_nth_unstable(K_VALUE.get() - 1);
            distances.truncate(K_VALUE.get());
        }
        distances.into_iter().max()
    }

    /// How far from a key those who keep its record are: as far as the last of the twenty nodes nearest to this one is from it,
    /// for ids lie evenly. It is less now and then, and still most of them are within. Were it more, liars between the keepers and
    /// there would be the only ones who have the record. Anybody, while fewer nodes are known.
    fn neighbourhood(&mut self) -> Option<KBucketDistance> {
        let own = self.inner.store_mut().node();
        let known: usize = self.inner.kbuckets().map(|bucket| bucket.num_entries()).sum();
        let farthest = self.farthest_of_the_nearest(&KBucketKey::from(own), &own);
        farthest.filter(|_| known > K_VALUE.get())
    }

    /// How many of these nodes are among those who keep what lies at a key, as far as this node can tell.
    pub(crate) fn near<T>(&mut self, key: &KBucketKey<T>, nodes: &[PeerId]) -> usize {
        let reach = self.neighbourhood();
        let near = |node: &&PeerId| reach.is_none_or(|reach| KBucketKey::from(**node).distance(key) <= reach);
        nodes.iter().filter(near).count()
    }

    /// Whether this node is among those who keep what lies at a key.
    pub(crate) fn keeps(&mut self, key: &[u8]) -> bool {
        let own = self.inner.store_mut().node();
        self.near(&KBucketKey::new(key.to_vec()), &[own]) == 1
    }

    /// What this node tells of a record. Its own it tells only where it keeps those of others too: else whoever asks every node
    /// for a profile or a presence would learn which node is its owner's.
    fn kept(&mut self, key: &kad::RecordKey) -> Option<Record> {
        let parsed = RecordKey::from_bytes(key.as_ref())?;
        if self.inner.store_mut().is_own_only(&parsed) && !self.keeps(key.as_ref()) {
            return None;
        }
        self.inner.store_mut().get(key).map(Cow::into_owned)
    }

    /// Answers who is near to a key, and what is kept under it. Gives back what libp2p-kad is to answer.
    fn answer(&mut self, peer: PeerId, connection: ConnectionId, event: FromHandler) -> Option<FromHandler> {
        let event = match event {
            FromHandler::FindNodeReq { key, request_id } => {
                ToHandler::FindNodeRes { closer_peers: self.nearest(&key, &peer), request_id }
            }
            FromHandler::GetRecord { key, request_id } => ToHandler::GetRecordRes {
                record: self.kept(&key),
                closer_peers: self.nearest(key.as_ref(), &peer),
                request_id,
            },
            other => return Some(other),
        };
        self.answers.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(connection),
            event,
        });
        None
    }

    /// libp2p-kad bootstraps by itself while it knows few peers, and that cannot be turned off: a lookup in each bucket, of twenty
    /// nodes or more, so that whoever joins connects with a hundred. Ended here, each asks one to three.
    fn end_bootstraps(&mut self) {
        for mut query in self.inner.iter_queries_mut() {
            if matches!(query.info(), QueryInfo::Bootstrap { .. }) {
                query.finish();
            }
        }
    }

    /// Whether a node may be connected with.
    fn admit(&mut self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        let banned = self.inner.store_mut().scores.is_banned(peer, Instant::now());
        if banned { Err(ConnectionDenied::new(ShutOut)) } else { Ok(()) }
    }
}

type Inner = kad::Behaviour<Store>;
type ToHandler = THandlerInEvent<Inner>;
type FromHandler = THandlerOutEvent<Inner>;

/// Answers a refused put with an empty `FIND_NODE` message, which no sender takes for stored. libp2p-kad 0.49 wants to
/// close the stream instead, but drops its waker while doing so: the sender would wait for its own timeout, and
/// after 32 refusals the connection would have no stream left.
fn refuse_at_once(event: ToSwarm<kad::Event, ToHandler>) -> ToSwarm<kad::Event, ToHandler> {
    match event {
        ToSwarm::NotifyHandler { peer_id, handler, event: ToHandler::Reset(request_id) } => {
            let event = ToHandler::FindNodeRes { closer_peers: Vec::new(), request_id };
            ToSwarm::NotifyHandler { peer_id, handler, event }
        }
        other => other,
    }
}

impl NetworkBehaviour for Guard {
    type ConnectionHandler = <Inner as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = kad::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer)?;
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.as_ref().map_or(Ok(()), |peer| self.admit(peer))?;
        let mut told = self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)?;
        told.retain(|address| self.allows(address));
        Ok(told)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer)?;
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            // Another dial is under way: nothing has ended.
            FromSwarm::DialFailure(DialFailure { error: DialError::DialPeerConditionFalse(_), .. }) => {}
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, .. }) => {
                self.patience.failed(peer);
                let gone = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. });
                if gone && !self.connected.contains(peer) {
                    self.trails.given_up(peer);
                }
            }
            FromSwarm::ConnectionEstablished(established) => {
                self.connected.insert(established.peer_id);
                self.patience.connected(&established.peer_id);
                self.trails.there(&established.peer_id);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, remaining_established: 0, .. }) => {
                self.connected.remove(peer_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        let Some(mut event) = self.answer(peer, connection, event) else { return };
        // Nobody has more to tell, and each of them is dialled.
        if let FromHandler::FindNodeRes { closer_peers, .. } | FromHandler::GetRecordRes { closer_peers, .. } =
            &mut event
        {
            closer_peers.truncate(K_VALUE.get());
        }
        self.note_answer(peer, &event);
        // A received record reaches the store within this call, so the store can charge it to the true sender.
        self.inner.store_mut().set_source(Some(peer));
        self.inner.on_connection_handler_event(peer, connection, event);
        self.inner.store_mut().set_source(None);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(answer) = self.answers.pop_front() {
            return Poll::Ready(answer);
        }
        let event = self.inner.poll(cx);
        self.end_bootstraps();
        event.map(|event| {
            self.note_question(&event);
            refuse_at_once(event)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::table::Giver;
    use crate::trail::Wants;
    use pumasi_signaling::{MailboxRecord, Slot};
    use pumasi_units::Timestamp;

    fn guard(own: PeerId, peers: &[PeerId]) -> Guard {
        let limits = Limits { puts_per_peer: u32::MAX, ..Limits::default() };
        let store = Store::open(own, limits, true, None).unwrap();
        let mut guard = Guard::new(kad::Behaviour::new(own, store), true);
        for (number, peer) in peers.iter().enumerate() {
            let address = format!("/ip4/127.0.0.1/tcp/{}", 1_000 + number).parse().unwrap();
            guard.inner.add_address(peer, address);
        }
        guard
    }

    fn random(count: usize) -> Vec<PeerId> {
        (0..count).map(|_| PeerId::random()).collect()
    }

    /// What libp2p-kad finds is what has to be found.
    #[test]
    fn the_nearest_are_those_that_libp2p_finds() {
        for peers in [0, 1, 19, 20, 21, 300] {
            let mut guard = guard(PeerId::random(), &random(peers));
            let known = guard.inner.kbuckets().next();
            let one = known.and_then(|bucket| bucket.iter().next().map(|entry| *entry.node.key.preimage()));
            for number in 0..200_u32 {
                // Somebody known asks now and then, also for its own id.
                let asks = one.filter(|_| number % 2 == 0).unwrap_or_else(PeerId::random);
                let key = if number % 4 == 0 { asks.to_bytes() } else { number.to_be_bytes().to_vec() };
                let target = KBucketKey::new(key.clone());
                let right: Vec<KadPeer> = guard.inner.find_closest_local_peers(&target, &asks).collect();
                assert_eq!(guard.nearest(&key, &asks), right);
            }
        }
    }

    fn mail(number: u64) -> (RecordKey, Vec<u8>) {
        let (slot, made) = (Slot::derive(&[7; 32], &number.to_be_bytes()), crate::store::now());
        let expires = Timestamp(made.0 + 600_000);
        (RecordKey::mailbox(slot.record_key()), MailboxRecord::seal(&slot, made, expires, &[1; 32], b"sealed").unwrap())
    }

    #[test]
    fn an_own_record_is_told_by_a_node_that_would_keep_it_and_by_no_other() {
        let (own, peers) = (PeerId::random(), random(2_000));
        for (known, giver) in [(5, Giver::Own), (2_000, Giver::Own), (2_000, Giver::Peer(peers[0]))] {
            let mut guard = guard(own, &peers[..known]);
            let mut told = 0;
            for number in 0..512 {
                let (key, value) = mail(number);
                guard.inner.store_mut().admit(key, value.clone(), giver).unwrap();
                let wire = kad::RecordKey::from(key.to_bytes());
                let keeps = guard.keeps(wire.as_ref());
                let record = guard.kept(&wire);
                assert_eq!(record.is_some(), keeps || giver != Giver::Own, "{number} of {known}");
                assert!(record.is_none_or(|record| record.value == value && record.publisher.is_none()));
                told += usize::from(keeps);
                // Once a peer has given it too, it counts on this node to keep it.
                guard.inner.store_mut().admit(key, value, Giver::Peer(peers[1])).unwrap();
                assert!(guard.kept(&wire).is_some());
            }
            assert!(if known < K_VALUE.get() { told == 512 } else { told < 64 }, "{told} with {known}");
        }
    }

    #[test]
    fn a_stranger_is_passed_over_for_lookups_alone_and_not_without_end() {
        let (mut guard, [liar, one]) = (guard(PeerId::random(), &random(5)), [PeerId::random(), PeerId::random()]);
        let key = kad::RecordKey::from(mail(1).0.to_bytes());
        let (lookup, put) = (guard.inner.get_record(key), guard.inner.get_closest_peers(one));
        let mirage = random(60);
        guard.trails.follow(lookup, Wants::Record);
        guard.trails.told(&lookup, liar, mirage.iter().map(|peer| (*peer, false)));
        mirage[..3].iter().for_each(|peer| guard.trails.given_up(peer));
        assert!(guard.trails.pass_over(&mirage[3]));
        assert!(!guard.trails.pass_over(&one), "nobody told of it");

        guard.trails.follow_put(put, std::iter::once(mirage[4]));
        assert!(!guard.trails.pass_over(&mirage[4]), "a record is to be given to it");
        guard.trails.forget(&put);
        let passed = mirage[4..].iter().filter(|peer| guard.trails.pass_over(peer)).count();
        assert_eq!(passed, 39, "each is dialled where a liar says");
    }

    #[test]
    fn those_who_keep_a_record_are_near_it_and_most_others_are_not() {
        let peers = random(2_000);
        let key = |number: u32| KBucketKey::new(number.to_be_bytes().to_vec());
        let few = guard(PeerId::random(), &peers[..20]).near(&key(0), &peers);
        assert_eq!(few, 2_000, "in a small network everybody is near");
        let (mut keepers, mut others) = (0, 0);
        for number in 0..100 {
            let mut guard = guard(PeerId::random(), &peers);
            let mut sorted = peers.clone();
            sorted.sort_by_cached_key(|peer| KBucketKey::from(*peer).distance(&key(number)));
            let (keep, rest) = sorted.split_at(K_VALUE.get());
            keepers += guard.near(&key(number), keep);
            others += guard.near(&key(number), rest);
        }
        assert!((1_500..2_000).contains(&keepers), "of 20 at each of 100 keys {keepers} are near");
        assert!(others < 1_000, "{others} that keep nothing are near");
    }
}
