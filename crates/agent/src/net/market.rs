//! Shops in the DHT: being found there, and finding (spec: `docs/spec/find.md`).

use crate::error::AgentError;
use futures::StreamExt as _;
use futures::stream;
use pumasi_discovery::dht::{Query, SignedListing};
use pumasi_overlay::{Listed, NodeId, Overlay, OverlayError, SetKey};
use pumasi_units::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// Shards asked at once, and entries put at once.
const AT_ONCE: usize = 8;
/// How often, and after which pause, a set is asked for while nobody is known to ask.
const TRIES: usize = 4;
const AGAIN: Duration = Duration::from_secs(1);

/// What asking for one category in the DHT took.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The canonical category.
    pub category: String,
    /// Its shards that were asked.
    pub shards: usize,
    /// Those of them of which nobody could be asked.
    pub silent: usize,
    /// Nodes asked, all shards together.
    pub asked: usize,
    /// Nodes that answered.
    pub answered: usize,
    /// Entries found, checked.
    pub entries: usize,
    /// Invalid entries among the answers.
    pub invalid: usize,
    /// The nodes that gave such ones as no clock excuses.
    pub liars: BTreeSet<NodeId>,
}

/// Asks for a set; again after a moment where this node knows nobody to ask, which may be so for a blink after it joined.
///
/// # Errors
/// [`OverlayError::Offline`] when it still knows nobody, and what the overlay says.
pub(super) async fn ask_for(overlay: &Overlay, key: SetKey) -> Result<Listed, OverlayError> {
    for _ in 0..TRIES {
        let listed = overlay.list(key).await?;
        if listed.asked > 0 || !listed.entries.is_empty() {
            return Ok(listed);
        }
        tokio::time::sleep(AGAIN).await;
    }
    Err(OverlayError::Offline)
}

/// Asks for every category of a query, all shards, at most eight of them at once. Each entry is checked again.
///
/// It never fails: [`Asked`] says where nobody could be asked.
pub async fn find_shops(overlay: &Overlay, query: &Query, now: Timestamp) -> (Vec<SignedListing>, Vec<Asked>) {
    let places: Vec<(String, [u8; 32])> = query.places().map(|(category, id)| (category.to_owned(), id)).collect();
    let mut answers = stream::iter(places)
        .map(|(category, id)| async move { (category, id, ask_for(overlay, SetKey::listing(id)).await) })
        .buffer_unordered(AT_ONCE);
    let mut sources: Vec<Asked> =
        query.categories.iter().map(|category| Asked { category: category.clone(), ..Asked::default() }).collect();
    let mut shops = Vec::new();
    while let Some((category, id, answer)) = answers.next().await {
        let Some(source) = sources.iter_mut().find(|source| source.category == category) else { continue };
        source.shards += 1;
        match answer {
            Ok(listed) => {
                source.asked += listed.asked;
                source.answered += listed.answered;
                source.invalid += listed.invalid;
                source.liars.extend(listed.liars);
                let found = listed.entries.iter().filter_map(|entry| SignedListing::verify(&id, entry, now).ok());
                let before = shops.len();
                shops.extend(found);
                source.entries += shops.len() - before;
            }
            Err(error) => {
                tracing::debug!(category, %error, "a shard was not asked");
                source.silent += 1;
            }
        }
    }
    (shops, sources)
}

/// How putting one entry went: its category, and the nodes that have it of those asked.
pub type Put = (String, Result<pumasi_overlay::Published, OverlayError>);

/// Puts the entries of a shop where others look for them. The overlay gives them again from time to time, until they expire
/// or a later one takes their place.
pub async fn publish_shop(overlay: &Overlay, entries: &[SignedListing]) -> Vec<Put> {
    let put = |entry: &SignedListing| {
        let (category, key) = (entry.shop().category.clone(), SetKey::listing(entry.shop().place()));
        (category, key, entry.as_str().as_bytes().to_vec())
    };
    let entries: Vec<_> = entries.iter().map(put).collect();
    stream::iter(entries)
        .map(|(category, key, entry)| async move { (category, overlay.add(key, entry).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Enters the overlay for one command, beside a process that may be running as the same identity.
///
/// # Errors
/// [`AgentError::NoBootstrap`], [`AgentError::Overlay`].
pub async fn visit(
    wallet: &crate::Wallet,
    options: &super::NetOptions,
    patience: Duration,
) -> Result<Overlay, AgentError> {
    super::overlay::enter(wallet, options, super::Entry::Client, patience).await
}
