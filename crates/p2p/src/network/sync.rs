//! Which blocks to fetch from which peer (Core's `FindNextBlocksToDownload`), and what each peer is known to have.

use super::Network;
use super::peer::Peer;
use crate::host::{HeaderInfo, Host};
use crate::{PeerId, Time, pow};
use bitcoin::{BlockHash, Work};
use std::time::Duration;

/// How far ahead of our chain blocks are fetched.
const DOWNLOAD_WINDOW: u32 = 1_024;
/// Blocks that a peer which keeps recent ones only must have.
pub(super) const LIMITED_MIN_BLOCKS: u32 = 288;
/// Time within which everybody's waiting for one peer must end.
pub(super) const STALLING_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
/// It doubles with each peer that is dropped for it, up to this.
pub(super) const STALLING_TIMEOUT_MAX: Duration = Duration::from_secs(64);
/// Headers looked at in one step.
const STEP: u32 = 128;

/// Whether the chain of one header contains the other.
fn contains(host: &dyn Host, chain: &HeaderInfo, header: &HeaderInfo) -> bool {
    host.ancestor(&chain.hash, header.height).is_some_and(|ancestor| ancestor.hash == header.hash)
}

/// Whether a header is in the active chain.
pub(super) fn is_active(host: &dyn Host, header: &HeaderInfo) -> bool {
    host.active_block(header.height).is_some_and(|active| active.hash == header.hash)
}

/// The last header that a chain shares with the active one: binary search, since what is shared is a prefix.
fn fork_with_active(host: &dyn Host, header: &HeaderInfo) -> Option<HeaderInfo> {
    let tip = host.tip();
    if contains(host, header, &tip) {
        return Some(tip);
    }
    let (mut low, mut high) = (0, header.height.min(tip.height));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let shared = host.ancestor(&header.hash, middle).is_some_and(|ancestor| is_active(host, &ancestor));
        if shared { low = middle } else { high = middle - 1 }
    }
    host.ancestor(&header.hash, low)
}

impl Peer {
    /// Whether the peer has this header: it announced a descendant, or we sent one.
    pub(super) fn has_header(&self, header: &HeaderInfo, host: &dyn Host) -> bool {
        [self.best_known, self.best_header_sent].iter().flatten().any(|chain| contains(host, chain, header))
    }
}

impl Network {
    /// Learns whether the last unknown block that a peer announced is known by now.
    pub(super) fn process_block_availability(&mut self, id: PeerId, host: &dyn Host) {
        let peer = self.peer_mut(id);
        let Some(header) = peer.last_unknown.and_then(|hash| host.header(&hash)) else { return };
        if peer.best_known.is_none_or(|best| header.work >= best.work) {
            peer.best_known = Some(header);
        }
        peer.last_unknown = None;
    }

    /// A peer has announced a block.
    pub(super) fn update_block_availability(&mut self, id: PeerId, hash: BlockHash, host: &dyn Host) {
        self.process_block_availability(id, host);
        let peer = self.peer_mut(id);
        match host.header(&hash) {
            Some(header) => {
                if peer.best_known.is_none_or(|best| header.work >= best.work) {
                    peer.best_known = Some(header);
                }
            }
            None => peer.last_unknown = Some(hash),
        }
    }

    /// Whether our tip is so recent that new blocks are fetched as soon as they are announced.
    pub(super) fn can_direct_fetch(&self, now: Time, host: &dyn Host) -> bool {
        Time::from_secs(i64::from(host.tip().time)) > now - self.config.params.target_spacing * 20
    }

    /// Work that a chain of headers must have to be kept.
    pub(super) fn anti_dos_work_threshold(host: &dyn Host) -> Work {
        let tip = host.tip();
        let near_tip = pow::sub(tip.work, pow::times(pow::proof(tip.bits), 144));
        near_tip.max(host.minimum_chain_work())
    }

    /// Chooses up to `count` blocks to fetch from a peer; and who holds up the window, if nothing can be fetched.
    pub(super) fn next_blocks_to_download(
        &mut self,
        id: PeerId,
        count: usize,
        host: &dyn Host,
    ) -> (Vec<HeaderInfo>, Option<PeerId>) {
        let nothing = (Vec::new(), None);
        if count == 0 {
            return nothing;
        }
        self.process_block_availability(id, host);
        let Some(best) = self.peer(id).best_known else { return nothing };
        if best.work < host.tip().work || best.work < host.minimum_chain_work() {
            return nothing;
        }
        let Some(fork) = fork_with_active(host, &best) else { return nothing };
        let common = match self.peer(id).last_common {
            Some(common) if fork.work <= common.work && contains(host, &best, &common) => common,
            _ => fork,
        };
        self.peer_mut(id).last_common = Some(common);
        if common.hash == best.hash {
            return nothing;
        }
        self.walk_window(id, count, common, &best, host)
    }

    /// Walks from the last common block towards the peer's best, within the window.
    fn walk_window(
        &mut self,
        id: PeerId,
        count: usize,
        common: HeaderInfo,
        best: &HeaderInfo,
        host: &dyn Host,
    ) -> (Vec<HeaderInfo>, Option<PeerId>) {
        let window_end = common.height.saturating_add(DOWNLOAD_WINDOW);
        // One more than the window, to see whether the window is what stops us.
        let last_height = best.height.min(window_end + 1);
        let (limited, witnesses) = (self.peer(id).is_limited(), self.peer(id).serves_witnesses());
        let mut blocks = Vec::new();
        let mut waiting_for = None;
        let mut walk = common;
        while walk.height < last_height {
            let step = (last_height - walk.height).min(STEP.max((count - blocks.len()) as u32));
            let Some(end) = host.ancestor(&best.hash, walk.height + step) else { break };
            let mut chunk = vec![end];
            while chunk.len() < step as usize {
                let Some(previous) = chunk.last().and_then(|header| host.header(&header.prev)) else { break };
                chunk.push(previous);
            }
            for header in chunk.into_iter().rev() {
                if !header.valid || (!witnesses && host.segwit_active_after(&header.prev)) {
                    return (blocks, None);
                }
                if header.have_data || is_active(host, &header) {
                    if header.have_chain_transactions {
                        self.peer_mut(id).last_common = Some(header);
                    }
                    continue;
                }
                if let Some(first) = self.blocks_in_flight.peers_of(&header.hash).first() {
                    waiting_for = waiting_for.or(Some(*first));
                    continue;
                }
                if header.height > window_end {
                    let staller = waiting_for.filter(|other| blocks.is_empty() && *other != id);
                    return (blocks, staller);
                }
                // Two blocks of room, since its tip may move while we ask.
                if limited && best.height - header.height >= LIMITED_MIN_BLOCKS - 2 {
                    continue;
                }
                blocks.push(header);
                if blocks.len() == count {
                    return (blocks, None);
                }
            }
            walk = end;
        }
        (blocks, None)
    }
}
