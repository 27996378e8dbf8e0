//! `find`: shops of a category, from the DHT and from directories, each checked, in an order with its reasons.

use super::events::{Names, names};
use super::{reputation, show};
use crate::args::find::Find;
use crate::context::Context;
use crate::failure;
use anyhow::Context as _;
use futures::future::join_all;
use pumasi_agent::net::{Asked, NetOptions, find_shops, hear, visit};
use pumasi_agent::{Wallet, now};
use pumasi_discovery::SignedOperation;
use pumasi_discovery::client::{ClientError, Directory, Found};
use pumasi_discovery::dht::{Merge, Place, Query, Rank, SHARDS, ShopFound};
use pumasi_fetch::{Client, Options};
use pumasi_overlay::Overlay;
use pumasi_trust::{Evidence, Reason, evaluate, standing};
use pumasi_units::Timestamp;
use pumasi_words::{Directory as DirectoryWords, Exit, Market};
use serde_json::json;

/// Shops about which others are asked; those that would be first by what is known here.
const ASKED_ABOUT: usize = 16;
/// About how many of them at once.
const AT_ONCE: usize = 4;

/// What was found, from everywhere.
#[derive(Default)]
struct Findings {
    dht: Vec<Asked>,
    /// Why the DHT was not asked.
    no_dht: Option<String>,
    directories: Vec<(String, Result<Found, ClientError>)>,
}

/// A shop and why it stands where it stands.
struct Shown {
    shop: ShopFound,
    reasons: Vec<Reason>,
    since: Option<Timestamp>,
}

impl Shown {
    fn rank(&self) -> Rank {
        Rank::of(&self.shop, standing(&self.reasons), self.since)
    }
}

pub(crate) async fn find(context: &mut Context, args: Find) -> anyhow::Result<Exit> {
    let typed = args.query.join(" ");
    let query = match Query::new(&typed, args.near.as_deref()) {
        Ok(query) => query,
        Err(error) => {
            let problem = error.to_string();
            return Ok(failure::say(context, Exit::Usage, &Market::BadQuery { problem: &problem }));
        }
    };
    let wallet = context.read().await?;
    let net: NetOptions = args.network.clone().try_into()?;
    let urls = if args.directory.is_empty() { wallet.config().directories.clone() } else { args.directory.clone() };
    let http = Client::new(Options { roots: net.authorities.clone(), ..Options::default() })?;
    let shards = query.categories.len() * usize::from(SHARDS);
    context.ui.progress(context.say(&Market::Asking { shards, directories: urls.len() }));

    let mut merge = Merge::new(&query, &typed);
    let words = args.near.iter().fold(typed.clone(), |words, near| format!("{words} {near}"));
    let at = now();
    let in_dht = async {
        match visit(&wallet, &net, args.wait).await {
            Ok(overlay) => Ok((find_shops(&overlay, &query, at).await, overlay)),
            Err(error) => Err(error.to_string()),
        }
    };
    let in_directories = join_all(urls.iter().map(|url| async {
        let directory = Directory::new(http.clone(), url);
        (directory.url().to_owned(), directory.search(&words, None, at).await)
    }));
    let (dht, directories) = tokio::join!(in_dht, in_directories);
    let mut findings = Findings { directories, ..Findings::default() };
    let overlay = match dht {
        Ok(((shops, asked), overlay)) => {
            shops.iter().for_each(|shop| merge.dht(shop));
            findings.dht = asked;
            Some(overlay)
        }
        Err(reason) => {
            findings.no_dht = Some(reason);
            None
        }
    };
    for (url, answer) in &findings.directories {
        for entry in answer.iter().flat_map(|found| &found.entries) {
            let since = SignedOperation::verify(&entry.entry().proof).map_or(at, |proof| proof.operation().created);
            merge.directory(url, entry, since);
        }
    }
    let near = merge.finish();
    let mut shown = judge(&wallet, near.shops, overlay.as_ref()).await?;
    shown.sort_by_key(Shown::rank);
    let names = names(&wallet).await?;
    for shown in shown.iter().take(args.most.into()) {
        show_one(context, &names, shown);
    }
    if near.elsewhere > 0 {
        let words = args.near.as_deref().unwrap_or(&typed);
        context.ui.say(context.say(&Market::Elsewhere { shops: near.elsewhere, near: words }));
    }
    let exit = show_sources(context, &findings);
    if let Some(overlay) = overlay {
        overlay.shutdown().await.context("leaving the overlay")?;
    }
    if shown.is_empty() && exit == Exit::Done {
        let sentence = context.say(&Market::Nothing { query: &typed });
        context.ui.print(&json!({ "event": "nothing", "query": typed, "elsewhere": near.elsewhere }), sentence);
        return Ok(Exit::NotFound);
    }
    Ok(exit)
}

/// What is known of each shop: by the owner, and for the first of them by those who vouch.
async fn judge(wallet: &Wallet, shops: Vec<ShopFound>, overlay: Option<&Overlay>) -> anyhow::Result<Vec<Shown>> {
    let me = wallet.did();
    let mut evidence: Vec<(Shown, Evidence)> = Vec::with_capacity(shops.len());
    for shop in shops {
        let known = wallet.evidence(&shop.did).await?;
        let reasons = evaluate(&me, &shop.did, &known, now());
        let since = shop.since;
        evidence.push((Shown { shop, reasons, since }, known));
    }
    evidence.sort_by_key(|(shown, _)| shown.rank());
    if let Some(overlay) = overlay {
        let first = evidence.len().min(ASKED_ABOUT);
        for several in evidence[..first].chunks_mut(AT_ONCE) {
            join_all(several.iter_mut().map(async |(shown, known)| {
                hear(overlay, &me, &shown.shop.did, known).await;
                shown.reasons = evaluate(&me, &shown.shop.did, known, now());
            }))
            .await;
        }
    }
    Ok(evidence.into_iter().map(|(shown, _)| shown).collect())
}

fn show_one(context: &mut Context, names: &Names, shown: &Shown) {
    let Shown { shop, reasons, since } = shown;
    let (listing, did) = (&shop.listing, shop.did.to_string());
    let mut lines = vec![context.say(&Market::Shop {
        name: listing.name.as_deref().unwrap_or(&did),
        categories: &listing.categories.join(", "),
        description: &listing.description,
        did: &did,
        endpoint: listing.service_endpoint.as_deref().unwrap_or_default(),
    })];
    lines.extend(reasons.iter().map(|reason| format!("  - {}", reputation::say(reason, names, context.lang))));
    if let Some(since) = since {
        let date = show::date_time(*since, context.lang);
        lines.push(format!("  - {}", context.say(&Market::ListedSince { date: &date })));
    }
    let places: Vec<String> = shop.sources.iter().map(|source| place(&source.place)).collect();
    let found = context.say(&Market::FoundAt { places: &places.join(", "), work: shop.work });
    lines.push(format!("  - {found}"));
    let sources: Vec<_> = shop
        .sources
        .iter()
        .map(|source| json!({ "source": place(&source.place), "sequence": source.sequence }))
        .collect();
    let object = json!({
        "event": "found", "did": did, "name": listing.name, "description": listing.description,
        "categories": listing.categories, "service_endpoint": listing.service_endpoint, "sequence": shop.sequence,
        "expires": shop.expires, "since": since, "work": shop.work, "sources": sources, "reasons": reasons,
        "verified": true,
    });
    context.ui.print(&object, lines.join("\n"));
}

fn place(place: &Place) -> String {
    match place {
        Place::Dht(category) => format!("DHT {category}"),
        Place::Directory(url) => url.clone(),
    }
}

/// Who was asked, who answered, and who gave what was not valid.
fn show_sources(context: &mut Context, findings: &Findings) -> Exit {
    let mut exit = Exit::Done;
    let mut answered = 0;
    for asked in &findings.dht {
        let Asked { category, shards, silent, asked, answered: nodes, entries, invalid, liars } = asked;
        let heard = shards - silent;
        answered += usize::from(heard > 0);
        let liars: Vec<String> = liars.iter().map(ToString::to_string).collect();
        let object = json!({
            "event": "source", "kind": "dht", "category": category, "shards": shards, "silent": silent, "asked": asked,
            "answered": nodes, "entries": entries, "invalid": invalid, "liars": liars,
        });
        let (answered, asked, entries) = (*nodes, *asked, *entries);
        let sentence = context.say(&Market::Dht { category, shards: heard, answered, asked, entries });
        context.ui.print(&object, sentence);
        if *invalid > 0 {
            let sentence = context.say(&Market::Invalid { invalid: *invalid, nodes: &liars.join(", ") });
            context.ui.warn(sentence);
        }
    }
    if let Some(reason) = &findings.no_dht {
        context.ui.object(&json!({ "event": "source", "kind": "dht", "error": reason }));
        context.ui.warn(context.say(&Market::NoDht { reason }));
    }
    for (url, answer) in &findings.directories {
        let found = match answer {
            Ok(found) => found,
            Err(error) => {
                tracing::info!(url, %error, "no answer");
                let error = error.to_string();
                context.ui.object(&json!({ "event": "source", "kind": "directory", "directory": url, "error": error }));
                context.ui.warn(context.say(&DirectoryWords::Silent { url }));
                continue;
            }
        };
        answered += 1;
        let (entries, forged) = (found.entries.len(), found.forged.len());
        let object =
            json!({ "event": "source", "kind": "directory", "directory": url, "entries": entries, "forged": forged });
        let sentence = context.say(&Market::Directory { url, entries });
        context.ui.print(&object, sentence);
        for forged in &found.forged {
            exit = Exit::Unsound;
            let did = forged.did.map_or_else(|| "?".to_owned(), |did| did.to_string());
            let reason = forged.reason.to_string();
            context.ui.object(&json!({ "event": "forged", "directory": url, "did": forged.did, "reason": reason }));
            context.ui.warn(context.say(&DirectoryWords::Forged { url, did: &did, reason: &reason }));
        }
    }
    if answered == 0 {
        context.ui.warn(context.say(&Market::NobodyAnswered));
        exit = Exit::Unreachable;
    }
    exit
}
