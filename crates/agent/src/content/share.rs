//! Offering files: answering requests, and saying in the DHT who has them.

use super::error::ContentError;
use super::node::ContentNode;
use super::source::Source;
use crate::clock::now;
use pumasi_content::{AskToken, Content, Request, Response};
use pumasi_overlay::{Incoming, Requests, Service, SetKey};
use pumasi_units::Millis;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Chunks that are read at the same time; whoever asks for more is told to come again. Each takes half a megabyte.
const READERS: usize = 32;
/// For how long an entry in the DHT holds.
const LIFE: Millis = 3 * 60 * 60 * 1_000;
/// How often it is made anew. Between, the overlay gives it to the nodes that came since.
const RENEW: Duration = Duration::from_secs(60 * 60);
/// How often it is looked whether the own addresses are still the same.
const LOOK: Duration = Duration::from_secs(30);
/// First pause after a failure; it doubles up to [`LOOK`].
const AGAIN: Duration = Duration::from_secs(1);

/// What happens to what is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShareEvent {
    /// So many nodes of the DHT say that it is here.
    Announced {
        /// How many.
        nodes: usize,
    },
    /// Nobody says so now; it is tried again.
    NotAnnounced {
        /// Why.
        reason: String,
    },
    /// The file is not what it was, so it is not offered any more.
    Changed,
}

/// What was given to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// Chunks.
    pub chunks: u64,
}

/// Something that can be offered.
pub(super) trait Offered: Send + Sync + 'static {
    fn content(&self) -> Content;
    /// The answer to a question about it. Blocks.
    fn answer(&self, request: &Request) -> Vec<u8>;
    /// Whether it is not what it was, and not to be offered any more.
    fn is_changed(&self) -> bool;
    /// Chunks that were given.
    fn served(&self) -> u64;
}

type Sources = Arc<RwLock<BTreeMap<AskToken, Arc<dyn Offered>>>>;

/// Files that are offered until this is stopped.
pub struct Sharing {
    node: ContentNode,
    sources: Sources,
    server: JoinHandle<()>,
    heralds: BTreeMap<AskToken, JoinHandle<()>>,
    /// Chunks given of what is offered in another way now.
    before: u64,
}

impl Sharing {
    /// Begins to answer on a node. Nothing is offered yet.
    ///
    /// # Errors
    /// What the overlay says.
    pub async fn start(node: ContentNode) -> Result<Self, ContentError> {
        let requests = node.overlay().serve(Service::Content).await?;
        let sources = Sources::default();
        let server = tokio::spawn(serve(requests, sources.clone()));
        Ok(Self { node, sources, server, heralds: BTreeMap::new(), before: 0 })
    }

    /// Offers a file, and tells the DHT so, now and again until this is stopped.
    pub fn offer(&mut self, source: Source, events: mpsc::Sender<ShareEvent>) {
        self.offer_any(Arc::new(source), events);
    }

    /// Offers something in place of what was offered of the same content.
    pub(super) fn offer_any(&mut self, offered: Arc<dyn Offered>, events: mpsc::Sender<ShareEvent>) {
        let token = AskToken::new(&offered.content().id(), &self.node.public());
        let old = self.sources.write().expect("nobody panics while holding it").insert(token, offered.clone());
        self.before += old.map_or(0, |old| old.served());
        let herald = tokio::spawn(herald(self.node.clone(), offered, events));
        if let Some(old) = self.heralds.insert(token, herald) {
            old.abort();
        }
    }

    /// What was given to others so far.
    #[must_use]
    pub fn served(&self) -> Served {
        let sources = self.sources.read().expect("nobody panics while holding it");
        Served { chunks: self.before + sources.values().map(|source| source.served()).sum::<u64>() }
    }

    /// Stops, and leaves the overlay. Nodes of the DHT go on naming this one until its entries expire.
    pub async fn stop(self) -> Served {
        let served = self.served();
        self.heralds.values().for_each(JoinHandle::abort);
        self.server.abort();
        self.node.leave().await;
        served
    }
}

async fn serve(mut requests: Requests, sources: Sources) {
    let readers = Arc::new(Semaphore::new(READERS));
    while let Some(incoming) = requests.next().await {
        let Incoming { request, .. } = &incoming;
        // What is no request is not answered: the stream is closed.
        let Ok(request) = Request::parse(request) else { continue };
        let source = sources.read().expect("nobody panics while holding it").get(&request.token()).cloned();
        let Some(source) = source else {
            incoming.answer(Response::NotHere.to_bytes());
            continue;
        };
        let Ok(permit) = readers.clone().try_acquire_owned() else {
            incoming.answer(Response::Busy.to_bytes());
            continue;
        };
        tokio::task::spawn_blocking(move || {
            incoming.answer(source.answer(&request));
            drop(permit);
        });
    }
}

/// Says in the DHT that a file is here, and again when that would be forgotten or the addresses are others.
async fn herald(node: ContentNode, source: Arc<dyn Offered>, events: mpsc::Sender<ShareEvent>) {
    let key = source.content().id().providers_key();
    let mut said: Option<(Vec<String>, tokio::time::Instant, Vec<u8>)> = None;
    let mut pause = AGAIN;
    loop {
        if source.is_changed() {
            if let Some((.., entry)) = said {
                let _ = node.overlay().withdraw(SetKey::provider(key), entry).await;
            }
            let _ = events.send(ShareEvent::Changed).await;
            return;
        }
        let addresses = node.addresses().await.unwrap_or_default();
        let holds = said.as_ref().is_some_and(|(before, at, _)| *before == addresses && at.elapsed() < RENEW);
        if !holds {
            match announce(&node, key, addresses.clone()).await {
                Ok((entry, nodes)) => {
                    said = Some((addresses, tokio::time::Instant::now(), entry));
                    pause = AGAIN;
                    let _ = events.send(ShareEvent::Announced { nodes }).await;
                }
                Err(reason) => {
                    let _ = events.send(ShareEvent::NotAnnounced { reason }).await;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LOOK);
                    continue;
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn announce(node: &ContentNode, key: [u8; 32], addresses: Vec<String>) -> Result<(Vec<u8>, usize), String> {
    let maker = node.clone();
    let made = tokio::task::spawn_blocking(move || maker.entry(&key, addresses, now(), LIFE)).await;
    let entry = made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let published = node.overlay().add(SetKey::provider(key), entry.clone()).await;
    published.map(|published| (entry, published.stored)).map_err(|error| error.to_string())
}
