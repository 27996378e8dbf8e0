//! `listen --publish-listing`: being found in the DHT for as long as one listens.

use crate::context::Context;
use pumasi_agent::net::publish_shop;
use pumasi_agent::{Agent, now};
use pumasi_crypto::NativeProvider;
use pumasi_discovery::Listing;
use pumasi_discovery::dht::{MIN_WORK, sign_all};
use pumasi_units::Millis;
use pumasi_words::Market;
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinHandle;

/// For how long an entry stands without another word.
const LIFE: Millis = 3 * 60 * 60 * 1_000;
/// How often it is signed again: one failure does no harm.
const RENEW: Duration = Duration::from_millis(LIFE / 3);
/// How long a failed one waits.
const AGAIN: Duration = Duration::from_secs(60);

/// Puts the listing under each of its categories, says how that went, and keeps doing so until the task is ended.
///
/// # Errors
/// What makes the listing too long, or otherwise not fit for the DHT.
pub(crate) async fn keep(context: &mut Context, agent: &Agent, listing: Listing) -> anyhow::Result<JoinHandle<()>> {
    let keys = agent.with(|wallet| Box::pin(async move { wallet.keys().clone() })).await?;
    let overlay = agent.overlay().clone();
    let provider = NativeProvider;
    let sign = move |listing: Listing| {
        let keys = keys.clone();
        async move { sign_all(&provider, keys.did_key(), *keys.did(), &listing, now(), LIFE, MIN_WORK).await }
    };
    let entries = sign(listing.clone()).await?;
    let mut failed = false;
    for (category, put) in publish_shop(&overlay, &entries).await {
        match put {
            Ok(published) => {
                let sentence = context.say(&Market::Published { category: &category, stored: published.stored });
                let object = json!({
                    "event": "published", "category": category, "asked": published.asked, "stored": published.stored,
                });
                context.ui.print(&object, sentence);
            }
            Err(error) => {
                failed = true;
                let reason = error.to_string();
                context.ui.object(&json!({ "event": "not-published", "category": category, "reason": reason }));
                context.ui.warn(context.say(&Market::NotPublished { category: &category, reason: &reason }));
            }
        }
    }
    Ok(tokio::spawn(async move {
        loop {
            tokio::time::sleep(if failed { AGAIN } else { RENEW }).await;
            let entries = match sign(listing.clone()).await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(%error, "the listing cannot be signed");
                    return;
                }
            };
            failed = false;
            for (category, put) in publish_shop(&overlay, &entries).await {
                if let Err(error) = put {
                    tracing::warn!(category, %error, "not in the DHT; it is tried again");
                    failed = true;
                }
            }
        }
    }))
}
