//! What becomes of nodes that break the rules.

use super::Node;
use crate::score::{Action, Offence};
use libp2p::PeerId;
use libp2p::swarm::DialError;
use std::collections::{HashMap, VecDeque};

/// Peers that others told of and that nobody has dialled yet.
const TOLD: usize = 2_048;

/// Who told of whom, the oldest forgotten first. Of each peer the first to tell answers, once: `None` when it has.
#[derive(Default)]
pub(crate) struct Tellers {
    by_told: HashMap<PeerId, Option<PeerId>>,
    order: VecDeque<PeerId>,
}

impl Tellers {
    /// Notes that a node told of a peer.
    pub(crate) fn note(&mut self, teller: PeerId, told: PeerId) {
        if teller == told || self.by_told.contains_key(&told) {
            return;
        }
        if self.order.len() >= TOLD
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_told.remove(&oldest);
        }
        self.by_told.insert(told, Some(teller));
        self.order.push_back(told);
    }

    fn take(&mut self, told: &PeerId) -> Option<PeerId> {
        self.by_told.get_mut(told)?.take()
    }
}

impl Node {
    /// Does what the offences since the last event ask for.
    pub(super) fn judge(&mut self) {
        for (peer, action) in self.store().take_verdicts() {
            match action {
                Action::Limit => tracing::info!(%peer, "less is taken from a node that breaks rules"),
                Action::Disconnect => {
                    tracing::info!(%peer, "a node that breaks rules is disconnected");
                    let _ = self.swarm.disconnect_peer_id(peer); // an error means that it is gone already
                }
                Action::Ban(span) => {
                    tracing::info!(%peer, ?span, "a node that breaks rules is shut out");
                    self.kad().remove_peer(&peer);
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
            }
        }
    }

    /// Shuts a node out whose owner was shown to lie.
    pub(super) fn shun(&mut self, peer: PeerId) {
        self.store().blame(peer, Offence::Proven);
    }

    /// A peer is there of which another node told.
    pub(super) fn on_told_there(&mut self, peer: &PeerId) {
        if let Some(teller) = self.swarm.behaviour_mut().kad.tellers.take(peer) {
            self.store().told(teller, true);
        }
    }

    /// A peer is not there. That counts only while others answer: with no connection at all our own link is down.
    pub(super) fn on_told_gone(&mut self, peer: &PeerId, error: &DialError) {
        let gone = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. });
        if gone
            && self.swarm.connected_peers().next().is_some()
            && let Some(teller) = self.swarm.behaviour_mut().kad.tellers.take(peer)
        {
            self.store().told(teller, false);
        }
    }
}
