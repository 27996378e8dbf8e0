//! Which blocks are being fetched from whom.

use crate::compact::PartialBlock;
use crate::{PeerId, Time};
use bitcoin::BlockHash;
use std::collections::HashMap;

/// Blocks that are fetched from one peer at a time.
pub(crate) const MAX_PER_PEER: usize = 16;

/// A block that was asked for.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) hash: BlockHash,
    pub(crate) height: u32,
    /// What we have of it, if it comes as a compact block.
    pub(crate) partial: Option<Box<PartialBlock>>,
}

/// What is fetched from one peer.
#[derive(Debug, Default)]
pub(crate) struct PeerDownload {
    pub(crate) queue: Vec<Queued>,
    /// Since when the first of them is expected.
    pub(crate) since: Time,
    /// Since when everybody waits for this peer.
    pub(crate) stalling_since: Time,
}

/// All blocks in flight. The same block may come from several peers, as compact blocks.
#[derive(Debug, Default)]
pub(crate) struct BlocksInFlight {
    /// Peers in the order in which they were asked.
    by_hash: HashMap<BlockHash, Vec<PeerId>>,
    peers: HashMap<PeerId, PeerDownload>,
}

impl BlocksInFlight {
    pub(crate) fn is_requested(&self, hash: &BlockHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// Who is asked for a block, the first first.
    pub(crate) fn peers_of(&self, hash: &BlockHash) -> &[PeerId] {
        self.by_hash.get(hash).map_or(&[], Vec::as_slice)
    }

    /// Requests in flight, each block counted once for each peer.
    pub(crate) fn len(&self) -> usize {
        self.peers.values().map(|download| download.queue.len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Peers from which anything is fetched.
    pub(crate) fn busy_peers(&self) -> usize {
        self.peers.values().filter(|download| !download.queue.is_empty()).count()
    }

    pub(crate) fn of(&self, peer: PeerId) -> Option<&PeerDownload> {
        self.peers.get(&peer)
    }

    pub(crate) fn count(&self, peer: PeerId) -> usize {
        self.of(peer).map_or(0, |download| download.queue.len())
    }

    /// The request to this peer for this block.
    pub(crate) fn get_mut(&mut self, peer: PeerId, hash: &BlockHash) -> Option<&mut Queued> {
        self.peers.get_mut(&peer)?.queue.iter_mut().find(|queued| queued.hash == *hash)
    }

    /// Notes that everybody waits for this peer. Returns whether that is new.
    pub(crate) fn mark_stalling(&mut self, peer: PeerId, now: Time) -> bool {
        let download = self.peers.entry(peer).or_default();
        let new = download.stalling_since.is_never();
        if new {
            download.stalling_since = now;
        }
        new
    }

    /// Notes a request. Returns `false` when the peer was asked for it already.
    pub(crate) fn request(&mut self, peer: PeerId, hash: BlockHash, height: u32, now: Time) -> bool {
        let peers = self.by_hash.entry(hash).or_default();
        if peers.contains(&peer) {
            return false;
        }
        peers.push(peer);
        let download = self.peers.entry(peer).or_default();
        download.queue.push(Queued { hash, height, partial: None });
        if download.queue.len() == 1 {
            download.since = now;
        }
        true
    }

    /// Drops the requests for a block: all, or that to one peer.
    pub(crate) fn remove(&mut self, hash: &BlockHash, from: Option<PeerId>, now: Time) {
        let Some(peers) = self.by_hash.get_mut(hash) else { return };
        let dropped: Vec<_> = peers.extract_if(.., |peer| from.is_none_or(|from| from == *peer)).collect();
        if peers.is_empty() {
            self.by_hash.remove(hash);
        }
        for peer in dropped {
            let Some(download) = self.peers.get_mut(&peer) else { continue };
            let Some(index) = download.queue.iter().position(|queued| queued.hash == *hash) else { continue };
            if index == 0 {
                // The next one is expected from now on.
                download.since = download.since.max(now);
            }
            download.queue.remove(index);
            download.stalling_since = Time::NEVER;
        }
    }

    pub(crate) fn disconnected(&mut self, peer: PeerId) {
        for queued in self.peers.remove(&peer).into_iter().flat_map(|download| download.queue) {
            if let Some(peers) = self.by_hash.get_mut(&queued.hash) {
                peers.retain(|other| *other != peer);
                if peers.is_empty() {
                    self.by_hash.remove(&queued.hash);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::hashes::Hash;

    fn hash(number: u8) -> BlockHash {
        BlockHash::from_byte_array([number; 32])
    }

    #[test]
    fn a_disconnect_frees_its_blocks_and_no_others() {
        let mut flight = BlocksInFlight::default();
        assert!(flight.request(PeerId(1), hash(1), 1, Time::from_secs(1)));
        assert!(!flight.request(PeerId(1), hash(1), 1, Time::from_secs(2)), "asked already");
        assert!(flight.request(PeerId(2), hash(1), 1, Time::from_secs(2)));
        assert!(flight.request(PeerId(1), hash(2), 2, Time::from_secs(2)));
        flight.disconnected(PeerId(1));
        assert_eq!(flight.peers_of(&hash(1)), [PeerId(2)]);
        assert!(!flight.is_requested(&hash(2)));
        assert_eq!((flight.len(), flight.busy_peers()), (1, 1));
    }

    #[test]
    fn delivery_ends_stalling_and_starts_the_clock_of_the_next() {
        let mut flight = BlocksInFlight::default();
        flight.request(PeerId(1), hash(1), 1, Time::from_secs(1));
        flight.request(PeerId(1), hash(2), 2, Time::from_secs(1));
        assert!(flight.mark_stalling(PeerId(1), Time::from_secs(5)));
        flight.remove(&hash(1), None, Time::from_secs(9));
        let download = flight.of(PeerId(1)).unwrap();
        assert_eq!((download.since, download.stalling_since), (Time::from_secs(9), Time::NEVER));
    }
}
