//! `discovery`, `register`, `unregister`, `search`.

use super::listen::stopped;
use crate::args::{Directories, Discovery, Register, Search, Unregister};
use crate::context::{Context, default_home};
use crate::failure;
use anyhow::Context as _;
use pumasi_agent::now;
use pumasi_discovery::client::{self, Author, ClientError};
use pumasi_discovery::server::{self, Config, Limits};
use pumasi_discovery::store::{PostgresStore, SqliteStore, Store};
use pumasi_discovery::{Listing, VerifiedEntry};
use pumasi_fetch::{Client, Options};
use pumasi_tls::Server;
use pumasi_words::{Directory as Words, Exit, Told};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The variable that may hold the URL of a database, with its password.
const POSTGRES: &str = "PUMASI_POSTGRES";
/// How long requests under way may take when the directory stops.
const GRACE: Duration = Duration::from_secs(10);
/// Connections of one source. A directory is read by whole networks behind one address, and each client opens a few.
const CONNECTIONS_PER_SOURCE: usize = 256;
const DAY: u64 = 24 * 60 * 60 * 1_000;

pub(crate) async fn discovery(context: &mut Context, args: Discovery) -> anyhow::Result<Exit> {
    if args.postgres.as_deref().is_some_and(has_password) {
        return Ok(failure::say(context, Exit::Usage, &Words::PasswordInUrl));
    }
    let from_environment = if args.data.is_none() { std::env::var(POSTGRES).ok() } else { None };
    match args.postgres.clone().or(from_environment) {
        Some(url) => {
            let store = PostgresStore::open(&url).await?;
            run(context, args, store, "PostgreSQL").await
        }
        None => {
            let folder = match &args.data {
                Some(folder) => folder.clone(),
                None => default_home()?.join("directory"),
            };
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            let _lock = pumasi_agent::home::Lock::take(&folder, "discovery").map_err(pumasi_agent::AgentError::from)?;
            let store = SqliteStore::open(&folder)?;
            run(context, args, store, &folder.display().to_string()).await
        }
    }
}

/// `user:password@` in a URL, or `password=` in a list of settings.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || url.contains("password=")
}

async fn run<S: Store>(context: &mut Context, args: Discovery, store: S, place: &str) -> anyhow::Result<Exit> {
    let limits = Limits { reads: args.reads, writes: args.writes, writes_per_did: args.writes_per_did };
    let config = Config { difficulty: args.difficulty, limits, proxies: args.trust_proxy };
    let http = http(&args.roots)?;
    let mut options = args.tls.options(args.listen)?;
    options.limits.connections_per_source = CONNECTIONS_PER_SOURCE;
    let listener = Server::bind(options).await?;
    let url = format!("{}://{}", listener.scheme(), listener.address());
    let sentence = context.say(&Words::Up { url: &url, place });
    context.ui.print(&json!({ "event": "listening", "url": url, "store": place }), sentence);

    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(server::sweep(store.clone(), stopping.clone()));
    for source in &args.mirror {
        let sentence = context.say(&Words::Mirrors { url: source });
        context.ui.print(&json!({ "event": "mirroring", "source": source }), sentence);
        tasks.spawn(server::follow(store.clone(), client::Directory::new(http.clone(), source), stopping.clone()));
    }
    let running = listener.serve(server::router(store, config));
    args.tls.wait(context, &running).await;
    stopped().await;
    let sentence = context.say(&Told::Stopping);
    context.ui.say(sentence);
    let _ = stop.send(true); // nobody may be left to hear it
    running.stop(GRACE).await;
    tasks.shutdown().await;
    Ok(Exit::Done)
}

fn http(roots: &[PathBuf]) -> anyhow::Result<Client> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let roots = roots.iter().map(read).collect::<anyhow::Result<_>>()?;
    Ok(Client::new(Options { roots, ..Options::default() })?)
}

fn directories(args: &Directories) -> anyhow::Result<client::Directories> {
    Ok(client::Directories::new(&http(&args.roots)?, &args.urls))
}

/// Tells why a directory did not do it.
fn tell(context: &mut Context, url: &str, error: &ClientError) -> Exit {
    match error {
        ClientError::Refused(problem) => {
            failure::say(context, Exit::Refused, &Words::Refused { url, detail: &problem.detail })
        }
        ClientError::Malformed { .. } => failure::say(context, Exit::Failed, &Words::Nonsense { url }),
        ClientError::Operation(error) => {
            let problem = error.to_string();
            failure::say(context, Exit::Failed, &Words::BadListing { problem: &problem })
        }
        error => {
            tracing::info!(url, %error, "no answer");
            failure::say(context, Exit::Unreachable, &Words::Silent { url })
        }
    }
}

pub(crate) async fn register(context: &mut Context, args: Register) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let bootstrap = if args.bootstrap.is_empty() { wallet.config().bootstrap.clone() } else { args.bootstrap };
    let listing = Listing {
        name: args.name.or_else(|| wallet.profile().name().map(str::to_owned)).filter(|name| !name.is_empty()),
        description: args.description,
        categories: args.category,
        bootstrap_nodes: bootstrap,
        service_endpoint: args.endpoint,
    };
    if let Err(error) = listing.check() {
        let problem = error.to_string();
        return Ok(failure::say(context, Exit::Failed, &Words::BadListing { problem: &problem }));
    }
    let author = Author { provider: wallet.provider(), key: wallet.keys().did_key(), did: wallet.did() };
    context.ui.progress(context.say(&Words::Stamping));
    let mut exit = Exit::Done;
    for directory in directories(&args.directories)?.each() {
        let url = directory.url();
        match directory.register(&author, listing.clone(), u64::from(args.days) * DAY, now()).await {
            Ok(signed) => {
                let sentence = context.say(&Words::Registered { url, days: args.days });
                let object = json!({
                    "event": "registered", "directory": url, "did": signed.did(), "sequence": signed.operation().sequence,
                    "expires": signed.operation().expires, "id": signed.id(),
                });
                context.ui.print(&object, sentence);
            }
            Err(error) => exit = tell(context, url, &error),
        }
    }
    Ok(exit)
}

pub(crate) async fn unregister(context: &mut Context, args: Unregister) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let author = Author { provider: wallet.provider(), key: wallet.keys().did_key(), did: wallet.did() };
    let mut exit = Exit::Done;
    for directory in directories(&args.directories)?.each() {
        let url = directory.url();
        let deleted = directory.delete(&author, now()).await;
        let (event, message) = match &deleted {
            Ok(_) => ("unregistered", Words::Unregistered { url }),
            Err(error) if error.status() == Some(404) => ("not-listed", Words::WasNotListed { url }),
            Err(error) => {
                exit = tell(context, url, error);
                continue;
            }
        };
        let sentence = context.say(&message);
        context.ui.print(&json!({ "event": event, "directory": url, "did": author.did }), sentence);
    }
    Ok(exit)
}

pub(crate) async fn search(context: &mut Context, args: Search) -> anyhow::Result<Exit> {
    let query = args.query.join(" ");
    let found = directories(&args.directories)?.search(&query, args.cursor.as_deref(), now()).await;
    for entry in &found.entries {
        show(context, entry);
    }
    for (url, forged) in &found.forged {
        let (did, reason) =
            (forged.did.map_or_else(|| "?".to_owned(), |did| did.to_string()), forged.reason.to_string());
        let sentence = context.say(&Words::Forged { url, did: &did, reason: &reason });
        context.ui.object(&json!({ "event": "forged", "directory": url, "did": forged.did, "reason": reason }));
        context.ui.warn(sentence);
    }
    let mut exit = if found.forged.is_empty() { Exit::Done } else { Exit::Unsound };
    for (url, error) in &found.failed {
        let failed = tell(context, url, error);
        if found.asked.is_empty() {
            exit = failed;
        }
    }
    if found.asked.is_empty() {
        if found.failed.len() > 1 {
            let sentence = context.say(&Words::NobodyAnswered);
            context.ui.warn(sentence);
        }
        return Ok(exit);
    }
    if found.entries.is_empty() && exit == Exit::Done {
        let sentence = context.say(&Words::Nothing { query: &query });
        context.ui.print(&json!({ "event": "nothing", "query": query, "asked": found.asked }), sentence);
        return Ok(Exit::NotFound);
    }
    if let Some(cursor) = &found.cursor {
        let sentence = context.say(&Words::More { cursor });
        context.ui.print(&json!({ "event": "more", "cursor": cursor }), sentence);
    }
    Ok(exit)
}

fn show(context: &mut Context, entry: &VerifiedEntry) {
    let listing = entry.listing();
    let did = entry.did().to_string();
    let sentence = context.say(&Words::Shop {
        name: listing.name.as_deref().unwrap_or(&did),
        categories: &listing.categories.join(", "),
        description: &listing.description,
        did: &did,
        endpoint: listing.service_endpoint.as_deref().unwrap_or_default(),
    });
    let object = json!({
        "event": "found", "did": did, "name": listing.name, "description": listing.description,
        "categories": listing.categories, "bootstrap_nodes": listing.bootstrap_nodes,
        "service_endpoint": listing.service_endpoint, "sequence": entry.sequence(), "expires": entry.expires(),
        "verified": true,
    });
    context.ui.print(&object, sentence);
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn a_password_in_a_url_is_seen() {
        for url in ["postgres://pumasi:secret@db/x", "host=db password=secret", "postgres://db/x?password=secret"] {
            assert!(has_password(url), "{url}");
        }
        for url in ["postgres://pumasi@db/x", "postgres:///x?host=/run/postgresql", "host=/run user=pumasi"] {
            assert!(!has_password(url), "{url}");
        }
    }
}
