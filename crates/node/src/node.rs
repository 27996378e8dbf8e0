//! One running node: chain, mempool and peers in one place, worked on by one thread.

use std::time::Instant;

use pumasi_chain::ChainError;
use pumasi_p2p::light::LightEvent;
use pumasi_p2p::{ChainEvent, Network, Time};

use crate::backend::{Backend, Chain};
use crate::conf::Settings;
use crate::light::Light;
use crate::rpc::ActiveCalls;

/// All that the validation thread owns.
pub(crate) struct Node {
    /// Chain and mempool.
    pub(crate) backend: Backend,
    /// The peers.
    pub(crate) net: Network,
    /// What a light node has found; a full node has none.
    pub(crate) light: Option<Light>,
    /// What the node was started with.
    pub(crate) settings: Settings,
    /// When it was started.
    pub(crate) started: Instant,
    /// Weight and transactions of the block that was last put together here, for `getmininginfo`.
    pub(crate) last_template: Option<(u64, usize)>,
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

    /// Takes over what the light client has found out.
    pub(crate) fn follow_light(&mut self) {
        while let Some(event) = self.net.poll_light() {
            if let LightEvent::Rewound { height, .. } | LightEvent::Distrusted { height, .. } = &event {
                let why = if matches!(event, LightEvent::Rewound { .. }) {
                    "a reorganisation"
                } else {
                    "a lie about filters"
                };
                self.backend
                    .log
                    .info(&format!("Light node: looking again at what is above height {height}, after {why}"));
            }
            if let LightEvent::Block { height, block } = &event {
                self.backend.log.info(&format!("Light node: block {} at height {height} matches", block.block_hash()));
            }
            let Some(light) = &mut self.light else { continue };
            let result = light.follow(event);
            self.backend.note_store(result);
        }
    }

    /// Makes durable what the light client has found out: first the headers of its blocks, then the rest.
    pub(crate) fn save_light(&mut self) {
        let Some(light) = self.light.as_mut().filter(|light| light.is_unsaved()) else { return };
        self.backend.flush_index();
        if self.backend.fatal.is_none() {
            let result = light.save();
            self.backend.note_store(result);
        }
    }
}
