//! Looking somebody up, with everything that it took to know.

use super::ice::{Entry, NetOptions};
use super::network::Network;
use super::presence::{self, Source};
use super::records::Records;
use crate::clock;
use crate::error::AgentError;
use crate::platform::PlatformProvider;
use crate::wallet::Wallet;
use pumasi_identity::{Did, PrivateKeys, SignedProfile};
use pumasi_overlay::{Lookup, NodeId, OverlayError, RecordKey};
use pumasi_signaling::presence::SignedPresence;
use std::time::{Duration, Instant};

/// Who said what about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnesses {
    /// Nodes asked.
    pub asked: usize,
    /// Nodes that answered, with a record or without.
    pub answered: usize,
    /// Nodes that hold these very bytes.
    pub agreed: usize,
    /// Nodes that hold an older record. They were sent the newest.
    pub older: Vec<NodeId>,
    /// Nodes that gave something invalid.
    pub invalid: usize,
    /// From question to answer.
    pub took: Duration,
}

impl Witnesses {
    fn of(lookup: Lookup) -> (Option<Vec<u8>>, Self) {
        let Lookup { value, asked, answered, agreed, older, invalid, took, .. } = lookup;
        (value, Self { asked, answered, agreed, older, invalid, took })
    }
}

/// Where somebody is.
#[derive(Debug, Clone)]
pub struct Whereabouts {
    /// What they say.
    pub presence: SignedPresence,
    /// Where it was found.
    pub source: Source,
    /// Who held it.
    pub witnesses: Witnesses,
}

impl From<presence::Found> for Whereabouts {
    fn from(found: presence::Found) -> Self {
        Self { presence: found.presence, source: found.source, witnesses: Witnesses::of(found.lookup).1 }
    }
}

/// How a node was reached.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    /// How long it took.
    pub took: Duration,
    /// The way of the connection; `None` when it is gone again.
    pub path: Option<pumasi_overlay::Path>,
}

/// A node of the overlay for as long as questions are asked. It has a name of its own that nobody can link to its owner,
/// keeps nothing for others, and says nothing of whom it asks about but the hash under which records lie.
pub struct Inquiry {
    network: Network,
    keys: PrivateKeys<PlatformProvider>,
}

impl Inquiry {
    /// Enters the overlay.
    ///
    /// # Errors
    /// [`AgentError::NoBootstrap`], [`AgentError::Overlay`] when the network cannot be entered.
    pub async fn enter(wallet: &Wallet, options: &NetOptions) -> Result<Self, AgentError> {
        let network = Network::enter(wallet, options, Entry::Client).await?;
        Ok(Self { network, keys: wallet.keys().clone() })
    }

    fn records(&self) -> Records {
        self.network.records()
    }

    /// The newest profile of somebody. What is not valid is as good as none.
    ///
    /// # Errors
    /// What the overlay says.
    pub async fn profile(&self, did: &Did) -> Result<(Option<SignedProfile>, Witnesses), AgentError> {
        let (value, witnesses) = Witnesses::of(self.records().look_up(RecordKey::profile(did)).await?);
        let profile = value.and_then(|bytes| SignedProfile::verify(&bytes, clock::now()).ok());
        Ok((profile.filter(|profile| profile.did() == did), witnesses))
    }

    /// Where somebody is. With the profile of a contact, what they tell their contacts counts; of somebody else, what
    /// they tell everyone.
    pub async fn whereabouts(&self, did: &Did, contact: Option<&SignedProfile>) -> Option<Whereabouts> {
        whereabouts(&self.records(), &self.keys, did, contact).await
    }

    /// Connects to the node of a presence, which proves that it is there. Tells how long that took, and by which way.
    ///
    /// # Errors
    /// [`OverlayError::Unreachable`], [`OverlayError::Timeout`].
    pub async fn reach(&self, presence: &SignedPresence) -> Result<Reached, OverlayError> {
        let node = presence.presence().node.to_string();
        let Some(peer) = presence::peer_of(presence) else { return Err(OverlayError::Unreachable { node }) };
        let started = Instant::now();
        let overlay = self.network.overlay();
        overlay.connect(&peer).await?;
        let took = started.elapsed();
        let path = overlay.status().await?.reach.path_to(peer.node).map(|connection| connection.path);
        Ok(Reached { took, path })
    }

    /// Leaves the overlay, and remembers the way back.
    pub async fn leave(self) {
        self.network.remember().await;
        self.network.leave().await;
    }
}

pub(crate) async fn whereabouts(
    records: &Records,
    keys: &PrivateKeys<PlatformProvider>,
    did: &Did,
    contact: Option<&SignedProfile>,
) -> Option<Whereabouts> {
    let found = match contact {
        Some(profile) => presence::find(records, keys, profile).await,
        None => presence::find_public(records, did).await,
    };
    found.map(Whereabouts::from)
}
