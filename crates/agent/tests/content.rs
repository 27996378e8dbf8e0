//! Sharing and fetching with real sockets on loopback: several providers, one that lies, one that is gone.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod common;

use common::{PATIENCE, bootstrap};
use pumasi_agent::content::{
    ContentError, ContentNode, FetchEvent, FetchOptions, Fetched, Served, ShareEvent, Sharing, Source, fetch,
    fresh_secret, part_of, target_of,
};
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_agent::now;
use pumasi_content::provider::ProviderEntry;
use pumasi_content::{Bitmap, CHUNK, ContentId, Fault, FileName, Link, Request, Response, Secret};
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_overlay::{Overlay, OverlayConfig, Service, SetKey};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// 40 chunks and a bit.
const SIZE: usize = 40 * CHUNK as usize + 77;

struct World {
    folder: TempDir,
    _bootstrap: Overlay,
    net: NetOptions,
    file: PathBuf,
    bytes: Vec<u8>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bootstrap, net) = bootstrap(folder.path()).await;
        let bytes: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8 ^ (n / 70_000) as u8).collect();
        let file = folder.path().join("영수증 3월.pdf");
        fs::write(&file, &bytes).unwrap();
        Self { folder, _bootstrap: bootstrap, net, file, bytes }
    }

    async fn node(&self, entry: Entry) -> ContentNode {
        ContentNode::enter(&self.folder.path().join("nobody"), &self.net, entry).await.unwrap()
    }

    /// Offers the file, and waits until it can be found.
    async fn share(&self, secret: Option<Secret>) -> (Sharing, Link, ContentNode) {
        let source = Source::open(&self.file, secret, |_, _| {}).unwrap();
        let link = source.link().unwrap();
        let node = self.node(Entry::Server).await;
        let mut sharing = Sharing::start(node.clone()).await.unwrap();
        let (events, mut told) = mpsc::channel(16);
        sharing.offer(source, events);
        let found = async { while !matches!(told.recv().await.unwrap(), ShareEvent::Announced { nodes: 1.. }) {} };
        tokio::time::timeout(PATIENCE, found).await.unwrap();
        (sharing, link, node)
    }

    async fn fetch(&self, link: &Link, name: &str) -> (Result<Fetched, ContentError>, Vec<FetchEvent>) {
        let node = self.node(Entry::Client).await;
        let (events, mut told) = mpsc::channel(4_096);
        let options = FetchOptions { patience: Duration::from_secs(20), ..FetchOptions::default() };
        let target = self.folder.path().join(name);
        let fetching = fetch(&node, link, &target, &options, &events, None);
        let ended = tokio::time::timeout(PATIENCE * 2, fetching).await.expect("it ends");
        node.leave().await;
        let mut heard = Vec::new();
        while let Ok(event) = told.try_recv() {
            heard.push(event);
        }
        (ended, heard)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_whole_from_two_who_offer_it() {
    let world = World::new().await;
    let (one, link, _) = world.share(None).await;
    let (two, same, _) = world.share(None).await;
    assert_eq!(link, same, "the same file has one link");
    let target = target_of(&link, Some(world.folder.path()));
    assert_eq!(target, world.file, "into the folder under its name");
    let (ended, _) = world.fetch(&link, "copy").await;
    let fetched = ended.unwrap();
    assert_eq!(world.read("copy"), world.bytes);
    assert!(!part_of(&fetched.path).exists(), "nothing is left beside it");
    let (Served { chunks: one }, Served { chunks: two }) = (one.stop().await, two.stop().await);
    println!("{one} and {two} chunks; {:?}", fetched.from);
    assert!(one > 0 && two > 0 && one + two >= 41, "both gave: {one} and {two}");
    assert_eq!(fetched.from.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_share_opens_with_its_link_alone() {
    let world = World::new().await;
    let (_sharing, link, node) = world.share(Some(fresh_secret().unwrap())).await;
    assert_eq!(link.file_size(), SIZE as u64);

    // What the provider gives is ciphertext: nothing of the file is in it.
    let asker = world.node(Entry::Client).await;
    let token = pumasi_content::AskToken::new(&link.content().id(), &node.public());
    let peer = pumasi_overlay::Peer {
        node: node.overlay().node_id(),
        addresses: node.addresses().await.unwrap().iter().map(|text| text.parse().unwrap()).collect(),
    };
    let answer = asker.overlay().ask(&peer, Service::Content, Request::Chunk(token, 0).to_bytes()).await.unwrap();
    let Ok(Response::Chunk { path, bytes }) = Response::parse(&answer) else { panic!("no chunk") };
    assert!(link.content().prove(0, &path, bytes).is_ok());
    assert!(!bytes.windows(32).any(|part| part == &world.bytes[..32]));
    // Who does not know the address is told nothing, not even that it is here.
    let stranger = pumasi_content::AskToken::new(&ContentId([0; 32]), &node.public());
    let answer = asker.overlay().ask(&peer, Service::Content, Request::Have(stranger).to_bytes()).await.unwrap();
    assert_eq!(Response::parse(&answer), Ok(Response::NotHere));

    let other = Link::new(link.content(), FileName::clean("other"), Some(Secret::from_random([1; 32]))).unwrap();
    let (ended, _) = world.fetch(&other, "other").await;
    assert!(matches!(ended, Err(ContentError::WrongKey)), "{ended:?}");
    let (ended, _) = world.fetch(&link, "copy").await;
    ended.unwrap();
    assert_eq!(world.read("copy"), world.bytes);
}

/// A node of its own that is listed as a provider and answers as it is told. It need not know the address.
async fn provider(
    world: &World,
    seed: u8,
    id: &ContentId,
    answer: impl Fn(Request) -> Vec<u8> + Send + 'static,
) -> Overlay {
    let bootstrap = world.net.bootstrap.iter().map(|text| text.parse().unwrap()).collect();
    let overlay = Overlay::start(OverlayConfig::peer([seed; 32], bootstrap)).await.unwrap();
    overlay.join(PATIENCE).await.unwrap();
    let mut requests = overlay.serve(Service::Content).await.unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = requests.next().await {
            let bytes = answer(Request::parse(&incoming.request).unwrap());
            incoming.answer(bytes);
        }
    });
    let key = EphemeralSigner::from_seed(&[seed; 32]);
    let addresses: Vec<String> = overlay.status().await.unwrap().listen.iter().map(ToString::to_string).collect();
    let (place, made) = (id.providers_key(), now());
    let entry = ProviderEntry::sign(&place, &key.public(), addresses[..1].to_vec(), made, made + 600_000, 0, |bytes| {
        key.sign(bytes)
    });
    overlay.add(SetKey::provider(place), entry.unwrap()).await.unwrap();
    overlay
}

fn lie(request: Request) -> Vec<u8> {
    match request {
        Request::Have(_) => Response::Whole.to_bytes(),
        Request::Chunk(..) => {
            let hash = pumasi_crypto::hash::Digest([1; 32]);
            Response::Chunk { path: vec![hash; 6], bytes: &vec![7; CHUNK as usize] }.to_bytes()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_lies_is_named_and_does_no_harm() {
    let world = World::new().await;
    let (_sharing, link, _) = world.share(None).await;
    let liar = provider(&world, 66, &link.content().id(), lie).await;
    let (ended, heard) = world.fetch(&link, "copy").await;
    let fetched = ended.unwrap();
    assert_eq!(world.read("copy"), world.bytes);
    let name = liar.node_id().to_string();
    assert!(heard.contains(&FetchEvent::Dropped { node: name.clone(), fault: Fault::Lied }), "{heard:?}");
    assert!(fetched.from.iter().all(|(node, _)| *node != name));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_what_nobody_offers_any_more_stays_begun_and_goes_on_later() {
    let world = World::new().await;
    let (sharing, link, _) = world.share(None).await;
    // As if it had been cut off: the first chunks are here, one of them damaged on the disk since.
    let (ended, _) = world.fetch(&link, "copy").await;
    ended.unwrap();
    sharing.stop().await;
    let (part, state) = (world.folder.path().join("next.part"), world.folder.path().join("next.part.state"));
    let mut kept = world.bytes.clone();
    kept[5 * CHUNK as usize + 1] ^= 1;
    fs::write(&part, &kept).unwrap();
    let mut head = b"pumasi\0\x01".to_vec();
    head.extend(link.content().id().0);
    head.extend(link.content().size().to_be_bytes());
    for chunk in world.bytes.chunks(CHUNK as usize).take(30) {
        head.extend(pumasi_content::leaf(chunk).0);
    }
    fs::write(&state, head).unwrap();

    let (ended, heard) = world.fetch(&link, "next").await;
    let got = 29 * u64::from(CHUNK);
    assert!(matches!(ended, Err(ContentError::NoProvider { got: here, .. }) if here == got), "{ended:?}");
    assert!(heard.contains(&FetchEvent::Resumed { bytes: got }), "{heard:?}");

    let (sharing, ..) = world.share(None).await;
    let (ended, _) = world.fetch(&link, "next").await;
    assert_eq!(ended.unwrap().before, got);
    assert_eq!(world.read("next"), world.bytes);
    assert!((12..=20).contains(&sharing.stop().await.chunks), "only what was missing was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_is_not_given() {
    let world = World::new().await;
    for secret in [None, Some(fresh_secret().unwrap())] {
        fs::write(&world.file, &world.bytes).unwrap();
        let source = Source::open(&world.file, secret, |_, _| {}).unwrap();
        let token = pumasi_content::AskToken([0; 32]);
        let (whole, not_here) = (Response::Whole.to_bytes(), Response::NotHere.to_bytes());
        assert_eq!(source.answer(&Request::Have(token)), (whole, true));
        let (chunk, _) = source.answer(&Request::Chunk(token, 0));
        assert!(matches!(Response::parse(&chunk), Ok(Response::Chunk { .. })));
        // One byte is enough.
        let mut changed = world.bytes.clone();
        changed[CHUNK as usize + 9] ^= 1;
        fs::write(&world.file, changed).unwrap();
        assert_eq!(source.answer(&Request::Chunk(token, 1)), (not_here.clone(), false));
        assert_eq!(source.answer(&Request::Have(token)), (not_here, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_there_is_overwritten() {
    let world = World::new().await;
    let (_sharing, link, _) = world.share(None).await;
    let path = |name: &str| world.folder.path().join(name);
    fs::write(path("mine"), "mine").unwrap();
    assert!(matches!(world.fetch(&link, "mine").await.0, Err(ContentError::Exists(_))));
    fs::write(path("begun.part"), "somebody's").unwrap();
    assert!(matches!(world.fetch(&link, "begun").await.0, Err(ContentError::OtherPart(_))));
    assert_eq!((world.read("mine"), world.read("begun.part")), (b"mine".to_vec(), b"somebody's".to_vec()));
    assert!(matches!(world.fetch(&link, "no/such/folder").await.0, Err(ContentError::Io { .. })));

    let node = world.node(Entry::Client).await;
    let (events, _told) = mpsc::channel(64);
    let options = FetchOptions { force: true, ..FetchOptions::default() };
    fetch(&node, &link, &path("mine"), &options, &events, None).await.unwrap();
    assert_eq!(world.read("mine"), world.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_needs_no_provider_and_an_empty_private_one_does() {
    let world = World::new().await;
    fs::write(&world.file, b"").unwrap();
    let link = Source::open(&world.file, None, |_, _| {}).unwrap().link().unwrap();
    world.fetch(&link, "empty").await.0.unwrap();
    assert_eq!(world.read("empty"), b"");
    let (_sharing, link, _) = world.share(Some(fresh_secret().unwrap())).await;
    assert_eq!((link.file_size(), link.content().chunks()), (0, 1));
    world.fetch(&link, "sealed").await.0.unwrap();
    assert_eq!(world.read("sealed"), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_addresses_needs_no_look_up() {
    let world = World::new().await;
    let source = Source::open(&world.file, None, |_, _| {}).unwrap();
    let node = world.node(Entry::Server).await;
    let hints: Vec<String> = node.addresses().await.unwrap();
    let link = source.link().unwrap().with_hints(hints[..1].to_vec()).unwrap();
    assert!(Path::new(&hints[0]).to_string_lossy().contains("/p2p/"), "{hints:?}");
    let mut sharing = Sharing::start(node).await.unwrap();
    let (events, _told) = mpsc::channel(16);
    sharing.offer(source, events);
    world.fetch(&link, "copy").await.0.unwrap();
    assert_eq!(world.read("copy"), world.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_what_has_come_is_given_on_before_the_rest_is_there() {
    const THERE: u32 = 20;
    let world = World::new().await;
    let source = Source::open(&world.file, Some(fresh_secret().unwrap()), |_, _| {}).unwrap();
    let link = source.link().unwrap();
    let content = link.content();
    let id = content.id();
    let first = provider(&world, 67, &id, move |request| match request {
        Request::Have(_) => Response::Some(&Bitmap::of(content.chunks(), 0..THERE).to_bytes()).to_bytes(),
        Request::Chunk(_, index) if index < THERE => source.answer(&request).0,
        Request::Chunk(..) => Response::NotHere.to_bytes(),
    });
    let first = first.await;

    // One gets the beginning, and offers it.
    let node = world.node(Entry::Server).await;
    let name = node.overlay().node_id().to_string();
    let (events, mut told) = mpsc::channel(4_096);
    let target = world.folder.path().join("one");
    let one = {
        let link = link.clone();
        tokio::spawn(async move {
            let mut sharing = Sharing::start(node.clone()).await.unwrap();
            let (heard, _told) = mpsc::channel(64);
            let ended =
                fetch(&node, &link, &target, &FetchOptions::default(), &events, Some((&mut sharing, heard))).await;
            (ended, sharing)
        })
    };
    let half = u64::from(THERE) * u64::from(CHUNK);
    let came =
        async { while !matches!(told.recv().await, Some(FetchEvent::Progress { bytes, .. }) if bytes == half) {} };
    tokio::time::timeout(PATIENCE, came).await.expect("the beginning comes");
    first.shutdown().await.unwrap();

    // The other gets it from the one, for nobody else has it now.
    let (ended, _) = world.fetch(&link, "two").await;
    assert!(matches!(ended, Err(ContentError::NoProvider { got, .. }) if got == half), "{ended:?}");

    let (_sharing, ..) = world.share(link.secret().cloned()).await;
    let (ended, sharing) = tokio::time::timeout(PATIENCE, one).await.expect("the rest comes").unwrap();
    ended.unwrap();
    assert!(sharing.served().chunks >= u64::from(THERE), "{name} gave {:?}", sharing.served());
    let (ended, _) = world.fetch(&link, "two").await;
    assert_eq!(ended.unwrap().before, half);
    assert_eq!((world.read("one"), world.read("two")), (world.bytes.clone(), world.bytes.clone()));
}
