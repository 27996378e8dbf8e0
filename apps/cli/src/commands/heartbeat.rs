//! `listen --register`: being found in directories for as long as one listens.

use crate::args::Listen;
use crate::context::Context;
use anyhow::bail;
use pumasi_agent::{Agent, now};
use pumasi_crypto::NativeProvider;
use pumasi_discovery::Listing;
use pumasi_discovery::client::{Author, Directory};
use pumasi_fetch::{Client, Options};
use pumasi_units::Millis;
use pumasi_words::Roads;
use std::time::Duration;
use tokio::task::JoinHandle;

/// For how long a listing holds without another word: an hour after the shop is gone nobody finds it any more.
const LIFE: Millis = 60 * 60 * 1_000;
/// How often it is said again: one failure does no harm.
const BEAT: Duration = Duration::from_millis(LIFE / 3);
/// How long a failed one waits.
const AGAIN: Duration = Duration::from_secs(60);

/// What is to be listed, and where. `None` when nothing is.
pub(crate) fn listing(
    args: &Listen,
    wallet: &pumasi_agent::Wallet,
    endpoint: Option<&str>,
) -> anyhow::Result<Option<(Listing, Vec<String>)>> {
    if args.register.is_empty() {
        return Ok(None);
    }
    let config = wallet.config();
    let directories = if args.directory.is_empty() { config.directories.clone() } else { args.directory.clone() };
    if directories.is_empty() && !args.publish_listing {
        bail!("--register: no directory is known; give one with --directory, or write it into config.toml");
    }
    let bootstrap = if args.network.bootstrap.is_empty() { &config.bootstrap } else { &args.network.bootstrap };
    let listing = Listing {
        name: wallet.profile().name().map(str::to_owned),
        description: args.describe.clone().unwrap_or_default(),
        categories: args.register.clone(),
        bootstrap_nodes: bootstrap.clone(),
        service_endpoint: endpoint.map(str::to_owned),
    };
    if let Err(error) = listing.check() {
        bail!("--register: {error}");
    }
    Ok(Some((listing, directories)))
}

/// Keeps a listing in every directory, until the task is ended.
pub(crate) async fn keep(
    context: &mut Context,
    agent: &Agent,
    (listing, directories): (Listing, Vec<String>),
    authorities: Vec<String>,
) -> anyhow::Result<JoinHandle<()>> {
    let keys = agent.with(|wallet| Box::pin(async move { wallet.keys().clone() })).await?;
    let client = Client::new(Options { roots: authorities, ..Options::default() })?;
    let words = listing.categories.join(", ");
    let sentence = context.say(&Roads::Listed { words: &words, directories: directories.len() });
    context.ui.say(sentence);
    let directories: Vec<Directory> = directories.iter().map(|url| Directory::new(client.clone(), url)).collect();
    Ok(tokio::spawn(async move {
        let author = Author { provider: &NativeProvider, key: keys.did_key(), did: *keys.did() };
        loop {
            let mut failed = false;
            for directory in &directories {
                if let Err(error) = directory.keep(&author, &listing, LIFE, now()).await {
                    tracing::warn!(directory = directory.url(), %error, "not listed; it is tried again");
                    failed = true;
                }
            }
            tokio::time::sleep(if failed { AGAIN } else { BEAT }).await;
        }
    }))
}
