//! Getting a file from whoever has it.

use super::error::ContentError;
use super::node::ContentNode;
use super::part::{Part, beside};
use super::share::{ShareEvent, Sharing};
use crate::clock::now;
use pumasi_content::provider::ProviderEntry;
use pumasi_content::{
    Answer, AskId, AskToken, Bitmap, CHUNK, Content, Download, Event, Fault, Have, Link, Output, Pace, ProviderId,
    Request, Response,
};
use pumasi_overlay::{Address, NodeId, Overlay, Peer, Service, SetKey};
use pumasi_units::Timestamp;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// First pause between two look-ups of providers while none is known; it doubles up to [`LAST_LOOK`].
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// Longest pause between two look-ups of providers.
const LAST_LOOK: Duration = Duration::from_secs(30);
/// How often progress is told.
const BEAT: Duration = Duration::from_millis(200);
/// Providers of one look-up that are taken.
const TAKEN: usize = 32;

/// How to fetch.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Replace a file that is there.
    pub force: bool,
    /// For how long without a single new chunk before it is given up. What has come is kept.
    pub patience: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self { force: false, patience: Duration::from_secs(60) }
    }
}

/// How it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchEvent {
    /// What is here from before is being checked.
    Checking {
        /// Chunks looked at.
        done: u64,
        /// Chunks in all.
        of: u64,
    },
    /// So much was here already.
    Resumed {
        /// Bytes.
        bytes: u64,
    },
    /// Providers are being looked for.
    Looking,
    /// Somebody who says that they have it.
    Found {
        /// Its node.
        node: String,
    },
    /// So much is here.
    Progress {
        /// Bytes.
        bytes: u64,
        /// Bytes in all.
        of: u64,
        /// Providers that are being asked now.
        providers: usize,
    },
    /// Somebody is not asked any more.
    Dropped {
        /// Its node.
        node: String,
        /// Why.
        fault: Fault,
    },
    /// Everything is here; it is being checked as a whole and made durable.
    Finishing,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that were here before.
    pub before: u64,
    /// From the first question to the last chunk.
    pub took: Duration,
    /// Chunks that each node gave.
    pub from: Vec<(String, u32)>,
}

/// Where a link is fetched to: `to`, or the name in the link inside it when it is a folder, or in the current one.
#[must_use]
pub fn target_of(link: &Link, to: Option<&Path>) -> PathBuf {
    match to {
        Some(to) if to.is_dir() => to.join(link.name().as_str()),
        Some(to) => to.to_owned(),
        None => PathBuf::from(link.name().as_str()),
    }
}

/// Fetches a file. When it is stopped, by whatever, the same call goes on where it was. With `sharing`, which runs on the
/// same node, what has come is given on while the rest comes.
///
/// # Errors
/// [`ContentError`]; except for [`ContentError::Damaged`] what has come is kept.
pub async fn fetch(
    node: &ContentNode,
    link: &Link,
    target: &Path,
    options: &FetchOptions,
    events: &mpsc::Sender<FetchEvent>,
    sharing: Option<(&mut Sharing, mpsc::Sender<ShareEvent>)>,
) -> Result<Fetched, ContentError> {
    if !options.force && fs::symlink_metadata(target).is_ok() {
        return Err(ContentError::Exists(target.to_owned()));
    }
    let (part, got) = {
        let (link, target, events) = (link.clone(), target.to_owned(), events.clone());
        let told = move |done, of| drop(events.try_send(FetchEvent::Checking { done, of }));
        blocking(move || Part::open(&link, &target, told)).await?
    };
    let part = Arc::new(part);
    if let Some((sharing, told)) = sharing {
        sharing.offer_any(part.clone(), told);
    }
    let mut fetching = Fetching::new(node, link, part.clone(), got, events.clone());
    let before = fetching.bytes();
    if before > 0 {
        fetching.tell(FetchEvent::Resumed { bytes: before }).await;
    }
    let started = Instant::now();
    let ended = fetching.run(link, options.patience).await;
    fetching.asks.shutdown().await;
    ended?;
    let took = started.elapsed();
    fetching.tell(FetchEvent::Finishing).await;
    let force = options.force;
    blocking(move || part.finish(force)).await?;
    let from = fetching.peers.iter().filter(|peer| peer.gave > 0).map(|peer| (peer.name(), peer.gave)).collect();
    Ok(Fetched { path: target.to_owned(), size: link.file_size(), before, took, from })
}

/// The file that a fetch to this target writes to until it is whole.
#[must_use]
pub fn part_of(target: &Path) -> PathBuf {
    beside(target, ".part")
}

struct Known {
    peer: Peer,
    token: AskToken,
    gave: u32,
}

impl Known {
    fn name(&self) -> String {
        self.peer.node.to_string()
    }
}

/// A download and what it needs of the world.
struct Fetching {
    node: ContentNode,
    content: Content,
    file_size: u64,
    part: Arc<Part>,
    download: Download,
    /// By the number of the provider.
    peers: Vec<Known>,
    numbers: HashMap<NodeId, ProviderId>,
    asks: JoinSet<(AskId, ProviderId, Result<Answer, ContentError>)>,
    aborts: HashMap<AskId, AbortHandle>,
    looks: JoinSet<Vec<Peer>>,
    events: mpsc::Sender<FetchEvent>,
    /// The time of the download: it never goes back.
    start: (Timestamp, Instant),
}

impl Fetching {
    fn new(node: &ContentNode, link: &Link, part: Arc<Part>, got: Bitmap, events: mpsc::Sender<FetchEvent>) -> Self {
        Self {
            node: node.clone(),
            content: link.content(),
            file_size: link.file_size(),
            part,
            download: Download::new(&link.content(), got, Pace::default()),
            peers: Vec::new(),
            numbers: HashMap::new(),
            asks: JoinSet::new(),
            aborts: HashMap::new(),
            looks: JoinSet::new(),
            events,
            start: (now(), Instant::now()),
        }
    }

    fn time(&self) -> Timestamp {
        let (at, instant) = self.start;
        at + u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn run(&mut self, link: &Link, patience: Duration) -> Result<(), ContentError> {
        for hint in link.hints() {
            let peer = hint.parse::<Address>().ok().and_then(|address| {
                let node = address.node()?;
                Some(Peer { node, addresses: vec![address] })
            });
            // A hint that is none is no reason to give up.
            peer.into_iter().for_each(|peer| self.add(peer));
        }
        self.tell(FetchEvent::Looking).await;
        let mut pause = Duration::ZERO;
        let mut looked = Instant::now();
        let mut last = (self.download.got().count(), Instant::now());
        let mut beat = tokio::time::interval(BEAT);
        loop {
            self.act().await;
            if self.download.is_complete() {
                return Ok(());
            }
            let count = self.download.got().count();
            if count != last.0 {
                last = (count, Instant::now());
                pause = pause.min(FIRST_LOOK);
            }
            let wake = self.download.poll_timeout().map(|at| Duration::from_millis(at.since(self.time())));
            tokio::select! {
                Some(found) = self.looks.join_next() => {
                    looked = Instant::now();
                    found.unwrap_or_default().into_iter().for_each(|peer| self.add(peer));
                }
                Some(ended) = self.asks.join_next() => self.answered(ended)?,
                () = sleep(wake) => self.download.handle_timeout(self.time()),
                _ = beat.tick() => {
                    let (bytes, of) = (self.bytes(), self.file_size);
                    let providers = self.download.serving();
                    // Whoever is slow to hear misses one.
                    let _ = self.events.try_send(FetchEvent::Progress { bytes, of, providers });
                    if last.1.elapsed() > patience {
                        return Err(ContentError::NoProvider { got: bytes, size: of });
                    }
                    // Others may have come, also when all goes well.
                    let wait = if self.download.is_starved() { pause } else { LAST_LOOK };
                    if self.looks.is_empty() && (pause.is_zero() || looked.elapsed() >= wait) {
                        self.looks.spawn(look(self.node.overlay().clone(), self.content));
                        pause = (pause * 2).clamp(FIRST_LOOK, LAST_LOOK);
                    }
                }
            }
        }
    }

    /// Bytes of the file that are here.
    fn bytes(&self) -> u64 {
        if self.download.is_complete() {
            return self.file_size;
        }
        // The last chunk may be shorter: then this is a little less than the truth until the end.
        (u64::from(self.download.got().count()) * u64::from(CHUNK)).min(self.file_size)
    }

    async fn tell(&self, event: FetchEvent) {
        let _ = self.events.send(event).await; // nobody need listen
    }

    fn add(&mut self, peer: Peer) {
        let Some(public) = peer.node.ed25519() else { return };
        if public == self.node.public() {
            return;
        }
        let next = ProviderId(u32::try_from(self.peers.len()).expect("a download knows a thousand providers"));
        let number = *self.numbers.entry(peer.node).or_insert(next);
        if number == next {
            let token = AskToken::new(&self.content.id(), &public);
            self.peers.push(Known { peer, token, gave: 0 });
            let _ = self.events.try_send(FetchEvent::Found { node: self.peers[number.0 as usize].name() });
        } else {
            self.peers[number.0 as usize].peer = peer; // its addresses may be others now
        }
        let now = self.time();
        self.download.add(number, now);
    }

    /// Does what the download wants.
    async fn act(&mut self) {
        while let Some(output) = self.download.poll_output() {
            match output {
                Output::Ask { ask, provider, chunk } => self.ask(ask, provider, chunk),
                Output::Cancel(ask) => {
                    if let Some(abort) = self.aborts.remove(&ask) {
                        abort.abort();
                    }
                }
                Output::Event(Event::Dropped { provider, fault }) => {
                    let node = self.peers[provider.0 as usize].name();
                    self.tell(FetchEvent::Dropped { node, fault }).await;
                }
                _ => {}
            }
        }
    }

    fn ask(&mut self, ask: AskId, provider: ProviderId, chunk: Option<u32>) {
        let known = &self.peers[provider.0 as usize];
        let (overlay, peer, token) = (self.node.overlay().clone(), known.peer.clone(), known.token);
        let (content, part) = (self.content, self.part.clone());
        let task = async move {
            let request = chunk.map_or(Request::Have(token), |index| Request::Chunk(token, index)).to_bytes();
            let answer = match overlay.ask(&peer, Service::Content, request).await {
                Ok(bytes) => blocking(move || take(&content, &part, chunk, bytes)).await,
                Err(error) => {
                    tracing::debug!(%error, node = %peer.node, "no answer");
                    Ok(Answer::Failed)
                }
            };
            (ask, provider, answer)
        };
        self.aborts.insert(ask, self.asks.spawn(task));
    }

    fn answered(
        &mut self,
        ended: Result<(AskId, ProviderId, Result<Answer, ContentError>), tokio::task::JoinError>,
    ) -> Result<(), ContentError> {
        // One that was cancelled has no answer.
        let Ok((ask, provider, answer)) = ended else { return Ok(()) };
        self.aborts.remove(&ask);
        let answer = answer?;
        if let Answer::Chunk(_) = &answer {
            self.peers[provider.0 as usize].gave += 1;
        }
        let now = self.time();
        self.download.handle_answer(ask, answer, now);
        Ok(())
    }
}

/// Judges what a provider sent, and puts a good chunk on the disk. Blocks.
fn take(content: &Content, part: &Part, chunk: Option<u32>, bytes: Vec<u8>) -> Result<Answer, ContentError> {
    let answer = match (Response::parse(&bytes), chunk) {
        (Ok(Response::NotHere), _) => Answer::NotHere,
        (Ok(Response::Busy), _) => Answer::Busy,
        (Ok(Response::Chunk { path, bytes: chunk }), Some(index)) => match content.prove(index, &path, chunk) {
            Ok(proven) => {
                part.keep(proven, &path, chunk.to_vec())?;
                Answer::Chunk(proven)
            }
            Err(_) => Answer::Lie,
        },
        (Ok(Response::Whole), None) => Answer::Have(Have::Whole),
        (Ok(response), None) => {
            response.bitmap(content.chunks()).map_or(Answer::Lie, |bitmap| Answer::Have(Have::Some(bitmap)))
        }
        _ => Answer::Lie,
    };
    Ok(answer)
}

/// Who says in the DHT that they have it, in random order: those who did the most work for their place are not better.
async fn look(overlay: Overlay, content: Content) -> Vec<Peer> {
    let key = content.id().providers_key();
    let listed = match overlay.list(SetKey::provider(key)).await {
        Ok(listed) => listed.entries,
        Err(error) => {
            tracing::debug!(%error, "no providers found");
            return Vec::new();
        }
    };
    let entries = listed.iter().filter_map(|entry| ProviderEntry::parse(&key, entry, now()).ok());
    let mut peers: Vec<(u32, Peer)> = entries
        .map(|entry| {
            let addresses = entry.addresses().iter().filter_map(|text| text.parse().ok()).collect();
            (super::random_u32(), Peer { node: NodeId::from_ed25519(&entry.node()), addresses })
        })
        .collect();
    peers.sort_by_key(|(order, _)| *order);
    peers.into_iter().map(|(_, peer)| peer).take(TAKEN).collect()
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, ContentError> + Send + 'static,
) -> Result<T, ContentError> {
    tokio::task::spawn_blocking(run).await.map_err(|_| ContentError::Stopped)?
}
