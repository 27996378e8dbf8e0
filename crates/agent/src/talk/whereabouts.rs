//! At which node somebody takes direct messages.

use super::Session;
use crate::clock;
use crate::net::{Records, presence};
use futures::future::BoxFuture;
use pumasi_identity::Did;
use pumasi_messages::member::SignedMembership;
use pumasi_messages::topic::TopicId;
use pumasi_overlay::{Address, NodeId, Overlay, Peer, SetKey};
use std::sync::Arc;

/// What looks for somebody.
pub type Find = Arc<dyn Fn(Did) -> Lookup + Send + Sync>;
/// Where somebody is now, if anybody knows.
pub type Lookup = BoxFuture<'static, Option<Peer>>;

/// By their presence, which a running peer tells to those who may know it; otherwise by the sets in which people say for
/// themselves where they take messages.
pub(super) fn by_presence(session: &Session) -> Find {
    let (overlay, keys, people) = (session.overlay.clone(), session.keys.clone(), session.people.clone());
    let records = Records::new(overlay.clone());
    Arc::new(move |did| {
        let (overlay, keys, people, records) = (overlay.clone(), keys.clone(), people.clone(), records.clone());
        Box::pin(async move {
            let profile = match people.get(&did) {
                Some(profile) => Some(profile),
                None => records.profile(&did).await,
            };
            if let Some(profile) = profile
                && let Some(found) = presence::find(&records, &keys, &profile).await
                && let Some(peer) = presence::peer_of(&found.presence)
            {
                return Some(peer);
            }
            let topic = TopicId::of_person(&did);
            let listed = overlay.list(SetKey::member(topic.0)).await;
            let listed = listed.inspect_err(|error| tracing::debug!(%error, "nobody knows where they are")).ok()?;
            let entries =
                listed.entries.iter().filter_map(|it| SignedMembership::verify(&topic, it, clock::now()).ok());
            let newest = entries.filter(|it| it.value().from == did).max_by_key(|it| it.value().sequence)?;
            peer_of(&newest)
        })
    })
}

/// The node of a member, unless they have left.
pub(super) fn peer_of(member: &SignedMembership) -> Option<Peer> {
    let it = member.value();
    if it.left {
        return None;
    }
    let addresses: Vec<Address> = it.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    Some(Peer { node: node_of(&it.node)?, addresses })
}

/// Reads a peer id.
fn node_of(text: &str) -> Option<NodeId> {
    format!("/ip4/0.0.0.0/tcp/1/p2p/{text}").parse::<Address>().ok()?.node()
}

/// Where this node can be reached, as others should try it.
pub(super) async fn addresses(overlay: &Overlay) -> Vec<String> {
    let Ok(status) = overlay.status().await else { return Vec::new() };
    status.reach.addresses.iter().map(ToString::to_string).collect()
}
