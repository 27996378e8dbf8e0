//! One running node: chain, mempool and peers in one place, worked on by one thread.

use pumasi_chain::ChainError;
use pumasi_p2p::{ChainEvent, Network, Time};

use crate::backend::{Backend, Chain};
use crate::conf::Settings;
use crate::rpc::ActiveCalls;

/// All that the validation thread owns.
pub(crate) struct Node {
    /// Chain and mempool.
    pub(crate) backend: Backend,
    /// The peers.
    pub(crate) net: Network,
    /// What the node was started with.
    pub(crate) settings: Settings,
    /// When it was started, in node time.
    pub(crate) started_at: i64,
    /// Calls that are under way.
    pub(crate) calls: ActiveCalls,
    /// Somebody has asked the node to stop.
    pub(crate) stopping: bool,
    /// When timers last ran in node time, so that a test can wind it forward.
    pub(crate) last_flush: i64,
}

impl Node {
    /// Node time, as the peers' side counts it.
    pub(crate) fn time(&self) -> Time {
        Time::from_micros(self.backend.clock.micros())
    }

    /// Runs something that may change the chain, and tells the peers.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Chain, i64) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let result = self.backend.change(change);
        self.tell_peers();
        result
    }

    /// Lets the peers' side follow what has happened to the chain.
    pub(crate) fn tell_peers(&mut self) {
        let now = self.time();
        let events: Vec<ChainEvent> = self.backend.take_events();
        for event in events {
            self.net.handle_chain_event(event, now, &self.backend);
        }
    }
}
