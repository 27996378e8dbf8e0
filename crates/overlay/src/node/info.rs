//! What nodes say of themselves to those that join through them (`docs/spec/overlay.md` §12).

use super::Node;
use crate::NodeId;
use crate::behaviour::KAD_PROTOCOL;
use crate::exchange::{AskId, Protocol, Unanswered};
use crate::service::Bounds;
use crate::store::now;
use libp2p::{PeerId, identify};
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_signaling::{MAX_NODE_INFO, NodeInfo, Offers, RelayOffer};
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::oneshot;

/// The protocol.
pub(crate) const INFO: Bounds = Bounds {
    protocol: "/pumasi/node/1.0.0",
    request: 0,
    answer: MAX_NODE_INFO,
    patience: Duration::from_secs(5),
    streams: 8,
};

/// Nodes whose word is asked for and kept: a few are enough to find a relay, a gateway, a directory.
const KEPT: usize = 8;
/// How old an own statement may be before it is made anew, and another's before it is asked for again, in milliseconds.
const FRESH: Millis = 60 * 60 * 1_000;

/// What this node says, and what it was told.
pub(super) struct Infos {
    signer: EphemeralSigner,
    offers: Offers,
    own: Option<(Timestamp, Vec<u8>)>,
    asked: HashMap<AskId, PeerId>,
    told: BTreeMap<PeerId, NodeInfo>,
}

impl Infos {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self {
            signer: EphemeralSigner::from_seed(seed),
            offers: Offers::default(),
            own: None,
            asked: HashMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// What the node offers beside records and its relay, from now on.
    pub(super) fn offer(&mut self, offers: Offers) {
        self.offers = offers;
        self.own = None;
    }

    /// It is said in another way the next time.
    pub(super) fn changed(&mut self) {
        self.own = None;
    }

    /// The statements that are still good.
    pub(super) fn told(&self) -> Vec<NodeInfo> {
        let now = now();
        self.told.values().filter(|info| info.expires > now).cloned().collect()
    }
}

impl Node {
    /// Asks a node that was dialled, and serves, what it offers.
    pub(super) fn ask_info(&mut self, peer: PeerId, info: &identify::Info) {
        let speaks = |name: &str| info.protocols.iter().any(|protocol| protocol.as_ref() == name);
        if !speaks(KAD_PROTOCOL) || !speaks(INFO.protocol) || !self.dialled(&peer) {
            return;
        }
        let now = now();
        self.infos.told.retain(|_, info| info.expires > now);
        let fresh = self.infos.told.get(&peer).is_some_and(|info| now.since(info.created) < FRESH);
        let room = self.infos.told.contains_key(&peer) || self.infos.told.len() + self.infos.asked.len() < KEPT;
        let asked = self.infos.asked.values().any(|asked| *asked == peer);
        if room && !fresh && !asked {
            let id = self.swarm.behaviour_mut().exchange.ask(peer, Vec::new(), Protocol::Info, Vec::new());
            self.infos.asked.insert(id, peer);
        }
    }

    pub(super) fn on_info_asked(&mut self, answer: oneshot::Sender<Vec<u8>>) {
        // Whoever asked may have gone.
        let _ = answer.send(self.own_info());
    }

    pub(super) fn on_info(&mut self, id: AskId, answer: Result<Vec<u8>, Unanswered>) {
        let Some(peer) = self.infos.asked.remove(&id) else { return };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%peer, %error, "a node does not say what it offers");
                return;
            }
        };
        match NodeInfo::verify(&answer, NodeId(peer).ed25519().as_ref(), now()) {
            Ok(info) => {
                self.infos.told.insert(peer, info);
            }
            Err(error) => tracing::debug!(%peer, %error, "what a node says of itself is not believed"),
        }
    }

    fn own_info(&mut self) -> Vec<u8> {
        let now = now();
        if let Some((created, said)) = &self.infos.own
            && now.since(*created) < FRESH
        {
            return said.clone();
        }
        let relay = self.relays().then_some(RelayOffer {
            bytes: self.limits.relay_circuit_bytes,
            seconds: self.limits.relay_circuit_duration.as_secs(),
            circuits: self.limits.relay_circuits_per_peer as u64,
        });
        let addresses: Vec<String> = self.addresses_to_tell().iter().map(ToString::to_string).collect();
        let offers = Offers { relay, ..self.infos.offers.clone() };
        let said = NodeInfo::sign(&self.infos.signer, &addresses, &offers, now);
        self.infos.own = Some((now, said.clone()));
        said
    }
}
