//! Many peers in one process, used for long in every way at once: memory stays flat, nothing fails, and no error is logged.
//!
//! `PUMASI_SOAK_PEERS` (60) and `PUMASI_SOAK_SECONDS` (60) say how many and how long. The full one:
//!
//! ```sh
//! PUMASI_SOAK_PEERS=200 PUMASI_SOAK_SECONDS=1200 cargo nextest run -p pumasi-overlay --profile ci -E 'binary(slow_soak)'
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test may panic, and tells its figures"
)]

#[path = "it/rule.rs"]
mod rule;
#[path = "sim/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod sim;

use pumasi_crypto::{NativeProvider, RsaBits};
use pumasi_identity::{Did, PlainKeys, PrivateKeys, ProfileDraft, SignedProfile};
use pumasi_messages::Text;
use pumasi_messages::member::Membership;
use pumasi_messages::topic::{TopicMessage, TopicName};
use pumasi_overlay::{Gossip, Limits, Overlay, OverlayConfig, OverlayError, Peer, RecordKey, Service, SetKey, TopicId};
use pumasi_signaling::{MailboxRecord, Slot};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rule::rule;
use sim::people::now;
use sim::tally::Usage;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tracing_subscriber::fmt::MakeWriter;

const TOPICS: usize = 4;
/// What each peer does, one thing after another, with a pause of up to twice this between.
const PAUSE: Duration = Duration::from_secs(3);
const MINUTE: u64 = 60_000;

/// Everything that is logged as a warning or worse.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// How often each thing was done, how often it failed, and how the last failure was told.
#[derive(Debug, Default)]
struct Count(Mutex<BTreeMap<&'static str, (u64, u64, String)>>);

impl Count {
    /// Counts one; `right` says whether what came is as it should be.
    fn add<T>(&self, what: &'static str, done: Result<T, OverlayError>, right: impl FnOnce(&T) -> bool) {
        let failure = match done {
            Ok(value) if right(&value) => None,
            Ok(_) => Some("not what was wanted".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let mut counts = self.0.lock().unwrap();
        let (all, bad, last) = counts.entry(what).or_default();
        *all += 1;
        if let Some(failure) = failure {
            *bad += 1;
            *last = failure;
        }
    }
}

/// One peer and whoever uses it.
struct User {
    node: Overlay,
    keys: PrivateKeys<NativeProvider>,
    topic: TopicName,
    number: u32,
}

/// What everyone can see of the others.
struct Crowd {
    everyone: Vec<(Did, Peer, TopicName, u32)>,
    count: Count,
    heard: AtomicU64,
}

/// Each two have one of their own, as in life: a slot is written by one person.
fn slot(from: u32, to: u32) -> Slot {
    Slot::derive(&[9; 32], &[from.to_be_bytes(), to.to_be_bytes()].concat())
}

async fn user(seed: [u8; 32], number: u32, entrances: Vec<pumasi_overlay::Address>) -> User {
    let limits = Limits { republish: Duration::from_secs(60), ..Limits::default() };
    let listen = vec!["/memory/0".parse().unwrap()];
    let config = OverlayConfig { listen, limits, ..OverlayConfig::peer(seed, entrances) };
    let node = Overlay::start(config).await.unwrap();
    node.join(Duration::from_secs(60)).await.unwrap();
    let keys = PlainKeys::generate(&NativeProvider, RsaBits::B2048).await.unwrap();
    let keys = keys.import(&NativeProvider).await.unwrap();
    let topic = format!("topic-{}", number as usize % TOPICS).parse().unwrap();
    User { node, keys, topic, number }
}

impl User {
    /// Its part until the end. It stays there for the others: the last ones would be alone.
    async fn live(self, crowd: Arc<Crowd>, mut rng: StdRng, end: Instant) -> Self {
        let topic = TopicId(self.topic.id().0);
        let mut gossip = self.node.subscribe(topic, rule(self.topic.clone(), now)).await.unwrap();
        let mut requests = self.node.serve(Service::Message).await.unwrap();
        tokio::spawn(async move {
            while let Some(incoming) = requests.next().await {
                let answer = incoming.request.clone();
                incoming.answer(answer);
            }
        });
        let mut sequence = 1;
        self.publish(&crowd, sequence).await;
        self.join_topic(&crowd).await;
        while Instant::now() < end {
            let next = tokio::time::Instant::now() + PAUSE.mul_f64(rng.random_range(0.0..2.0));
            while let Ok(Some(_)) = tokio::time::timeout_at(next, gossip.next()).await {
                crowd.heard.fetch_add(1, Ordering::Relaxed);
            }
            let (did, peer, topic, other) = crowd.everyone.choose(&mut rng).unwrap().clone();
            match rng.random_range(0..8) {
                0 => {
                    sequence += 1;
                    self.publish(&crowd, sequence).await;
                }
                1 | 2 => {
                    let found = self.node.get(RecordKey::profile(&did)).await;
                    crowd.count.add("profile found", found, Option::is_some);
                }
                3 => {
                    let slot = slot(self.number, other);
                    let record = MailboxRecord::seal(&slot, now(), now() + MINUTE, &rng.random(), &[7; 700]).unwrap();
                    let put = self.node.put(RecordKey::mailbox(slot.record_key()), record).await;
                    crowd.count.add("mail put", put, |put| put.stored > 0);
                }
                4 => {
                    let got = self.node.get(RecordKey::mailbox(slot(other, self.number).record_key())).await;
                    crowd.count.add("mail looked for", got, |_| true);
                }
                5 => {
                    let listed = self.node.list(SetKey::member(topic.id().0)).await;
                    crowd.count.add("members listed", listed, |listed| !listed.entries.is_empty());
                }
                6 if peer.node != self.node.node_id() => {
                    let request = vec![3; 2_000];
                    let answer = self.node.ask(&peer, Service::Message, request.clone()).await;
                    crowd.count.add("asked", answer, |answer| *answer == request);
                }
                _ => self.say(&gossip, &crowd).await,
            }
        }
        self
    }

    async fn publish(&self, crowd: &Crowd, sequence: u64) {
        let created = now();
        let expires = created + 24 * 60 * MINUTE;
        let draft = ProfileDraft { sequence, created, expires, name: None, services: Vec::new() };
        let profile = SignedProfile::sign(&NativeProvider, &self.keys, draft).await.unwrap();
        let put = self.node.put(RecordKey::profile(self.keys.did()), profile.json().as_bytes().to_vec()).await;
        crowd.count.add("profile put", put, |put| put.stored > 0);
    }

    async fn join_topic(&self, crowd: &Crowd) {
        let at = self.node.status().await.unwrap().listen.iter().map(ToString::to_string).collect();
        let node = self.node.node_id().to_string();
        let member = Membership::new(*self.keys.did(), self.topic.id(), node, at, now());
        let entry = member.sign(&NativeProvider, self.keys.did_key()).await.unwrap();
        let added = self.node.add(SetKey::member(self.topic.id().0), entry.as_str().as_bytes().to_vec()).await;
        crowd.count.add("topic joined", added, |added| added.stored > 0);
    }

    async fn say(&self, gossip: &Gossip, crowd: &Crowd) {
        let message = TopicMessage {
            from: *self.keys.did(),
            issued: now(),
            sequence: now().0,
            text: Text::new("점심 먹었어요?").unwrap(),
            topic: self.topic.clone(),
        };
        let message = message.sign(&NativeProvider, self.keys.did_key()).await.unwrap();
        let said = gossip.publish(message.as_str().as_bytes().to_vec()).await;
        crowd.count.add("said", said, |_| true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_flat_and_nothing_fails_under_mixed_use() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false).with_writer(log.clone()).init();
    let peers = sim::number("PUMASI_SOAK_PEERS", 60);
    let span = Duration::from_secs(sim::number("PUMASI_SOAK_SECONDS", 60));
    let seed = sim::seed();
    println!("PUMASI_SEED={seed}: {peers} peers for {span:?}");
    let mut rng = StdRng::seed_from_u64(seed);

    let (mut users, mut known): (Vec<User>, Vec<pumasi_overlay::Address>) = (Vec::new(), Vec::new());
    for number in 0..peers {
        let entrances = known.sample(&mut rng, 3).cloned().collect();
        let user = user(rng.random(), number, entrances).await;
        known.extend(user.node.status().await.unwrap().listen);
        users.push(user);
    }
    let everyone = users
        .iter()
        .zip(&known)
        .map(|(user, at)| {
            let peer = Peer { node: user.node.node_id(), addresses: vec![at.clone()] };
            (*user.keys.did(), peer, user.topic.clone(), user.number)
        })
        .collect();
    let crowd = Arc::new(Crowd { everyone, count: Count::default(), heard: AtomicU64::new(0) });
    let (began, cpu) = (Instant::now(), Usage::cpu());
    let mut living = JoinSet::new();
    for user in users {
        living.spawn(user.live(Arc::clone(&crowd), StdRng::from_seed(rng.random()), began + span));
    }

    let mut samples = Vec::new();
    while began.elapsed() < span {
        tokio::time::sleep(span / 20).await;
        samples.push(Usage::memory() as f64 / 1e6);
    }
    let used = Usage::cpu() - cpu;
    let mut ended = Vec::new();
    while let Some(user) = living.join_next().await {
        ended.push(user.expect("no panic"));
    }
    for user in ended {
        user.node.shutdown().await.unwrap();
    }

    let cells: Vec<String> = samples.iter().map(|sample| format!("{sample:.0}")).collect();
    println!("MB, at each twentieth: {}", cells.join(" "));
    println!("CPU {:.2}% of a core a peer", 100.0 * used.as_secs_f64() / span.as_secs_f64() / f64::from(peers));
    let counts = crowd.count.0.lock().unwrap();
    for (what, (all, bad, last)) in counts.iter() {
        println!("{what}: {all}, failed {bad} {last}");
    }
    println!("heard: {}", crowd.heard.load(Ordering::Relaxed));
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    // Libraries warn of what is none of our business: a peer that has gone, a table that is empty at the end.
    let ours: Vec<&str> = text.lines().filter(|line| line.contains("ERROR") || line.contains(" pumasi")).collect();
    println!("logged: {} errors, and {} warnings of libraries", ours.len(), text.lines().count() - ours.len());
    assert!(ours.is_empty(), "{ours:?}");
    let all: u64 = counts.values().map(|(all, ..)| all).sum();
    let bad: u64 = counts.values().map(|(_, bad, _)| bad).sum();
    assert!(bad * 100 <= all, "{bad} of {all} failed: {counts:?}");
    assert!(crowd.heard.load(Ordering::Relaxed) > 0, "topics are heard");
    // The middle: by then everyone knows everyone.
    let (middle, end) = (samples[samples.len() / 2], samples[samples.len() - 1]);
    assert!(end <= middle * 1.15 + 10.0, "from {middle:.0} MB in the middle to {end:.0} MB at the end");
}
