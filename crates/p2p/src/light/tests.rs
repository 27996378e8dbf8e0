use super::*;
use crate::network::testing::{TestHost, coin, mine_block, spend};
use bitcoin::bip158::FilterHeader;
use bitcoin::hashes::Hash;

const NOW: Time = Time::from_secs(1_700_000_000);

/// What a peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Honest,
    /// Its filter of this height is empty, and its headers fit that.
    Hides(u32),
    /// Its headers are not those of the filters that it shows.
    Contradicts(u32),
    Silent,
}

/// A chain with one block that pays to a script of ours.
fn chain(blocks: u32, at: u32) -> (TestHost, ScriptBuf, BlockHash) {
    let mut host = TestHost::new();
    let script = ScriptBuf::from_bytes(vec![0x53; 22]);
    let mut hash = BlockHash::all_zeros();
    for height in 1..=blocks {
        if height == at {
            let mut tx = spend(&[coin(height)], 2, 0);
            tx.output[1].script_pubkey = script.clone();
            host.mempool_insert(&tx);
        }
        host.generate(1, 0, NOW);
        if height == at {
            hash = host.tip().hash;
        }
    }
    (host, script, hash)
}

fn genesis(host: &TestHost) -> FilterSync {
    let genesis = host.active_block(0).unwrap();
    FilterSync::new(genesis.hash, host.filter_hashes(&genesis.hash).unwrap().header)
}

struct Peers<'a> {
    host: &'a TestHost,
    kinds: BTreeMap<PeerId, Kind>,
    now: Time,
    events: Vec<LightEvent>,
    /// Blocks that were asked for.
    blocks: usize,
}

impl<'a> Peers<'a> {
    fn new(host: &'a TestHost, sync: &mut FilterSync, kinds: &[Kind]) -> Self {
        let mut peers = Self { host, kinds: BTreeMap::new(), now: NOW, events: Vec::new(), blocks: 0 };
        kinds.iter().for_each(|kind| peers.join(sync, *kind));
        peers
    }

    fn join(&mut self, sync: &mut FilterSync, kind: Kind) {
        let peer = PeerId(self.kinds.len() as u64);
        self.kinds.insert(peer, kind);
        sync.connected(peer);
    }

    fn filter(&self, kind: Kind, height: u32) -> (BlockHash, Vec<u8>) {
        let hash = self.host.active_block(height).unwrap().hash;
        let lies = kind == Kind::Hides(height);
        (hash, if lies { vec![0] } else { self.host.filter(&hash).unwrap() })
    }

    fn filter_hash(&self, kind: Kind, height: u32) -> FilterHash {
        match kind {
            Kind::Contradicts(at) if at == height => FilterHash::hash(b"another"),
            kind => FilterHash::hash(&self.filter(kind, height).1),
        }
    }

    fn header(&self, kind: Kind, height: u32) -> FilterHeader {
        let first = self.filter_hash(kind, 0).filter_header(&FilterHeader::all_zeros());
        (1..=height).fold(first, |last, height| self.filter_hash(kind, height).filter_header(&last))
    }

    fn answer(&mut self, sync: &mut FilterSync, peer: PeerId, request: &Request) {
        let kind = self.kinds[&peer];
        match request {
            _ if kind == Kind::Silent => {}
            Request::FilterHeaders { start, stop } => {
                let end = self.host.header(stop).unwrap().height;
                let hashes = (*start..=end).map(|height| self.filter_hash(kind, height)).collect();
                sync.on_filter_headers(peer, *stop, self.header(kind, start - 1), hashes, self.now);
            }
            Request::Filters { start, stop } => {
                for height in *start..=self.host.header(stop).unwrap().height {
                    let (hash, filter) = self.filter(kind, height);
                    sync.on_filter(peer, hash, &filter, self.now);
                }
            }
            Request::Block(hash) => {
                self.blocks += 1;
                sync.on_block(&self.host.block(hash).unwrap());
            }
        }
    }

    fn run(&mut self, sync: &mut FilterSync) {
        for _ in 0..100 {
            for (peer, request) in sync.poll(self.now, self.host, &|_, _| true) {
                self.answer(sync, peer, &request);
            }
            self.events.extend(std::iter::from_fn(|| sync.poll_event()));
            self.now = self.now + Duration::from_secs(1);
        }
    }

    fn liars(&self) -> Vec<u64> {
        let mut liars: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match event {
                LightEvent::Liar(peer) => Some(peer.0),
                _ => None,
            })
            .collect();
        liars.sort_unstable();
        liars
    }

    fn found(&self) -> Vec<(u32, BlockHash)> {
        let blocks = self.events.iter().filter_map(|event| match event {
            LightEvent::Block { height, block } => Some((*height, block.block_hash())),
            _ => None,
        });
        blocks.collect()
    }
}

#[test]
fn a_block_that_pays_us_is_found_and_no_other_fetched() {
    let (host, script, hash) = chain(120, 77);
    let mut sync = genesis(&host);
    assert!(sync.watch(script, 1));
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Honest, Kind::Honest]);
    peers.run(&mut sync);
    assert_eq!((peers.found(), peers.blocks), (vec![(77, hash)], 1));
    assert_eq!((sync.scanned(), sync.height()), (120, 120));
    let last = peers.events.iter().rposition(|event| matches!(event, LightEvent::Block { .. }));
    let told = peers.events.iter().position(|event| matches!(event, LightEvent::Scanned { height } if *height >= 77));
    assert!(last < told, "what matches comes before it is told that all was looked at: {:?}", peers.events);
}

#[test]
fn who_hides_an_output_is_found_out() {
    for kinds in [[Kind::Hides(33), Kind::Honest], [Kind::Honest, Kind::Hides(33)]] {
        let (host, script, hash) = chain(40, 33);
        let mut sync = genesis(&host);
        sync.watch(script, 1);
        let mut peers = Peers::new(&host, &mut sync, &kinds);
        peers.run(&mut sync);
        let liar = kinds.iter().position(|kind| *kind != Kind::Honest).unwrap() as u64;
        assert_eq!((peers.liars(), peers.found()), (vec![liar], vec![(33, hash)]));
        assert_eq!(sync.scanned(), 40);
    }
}

#[test]
fn the_block_decides_and_not_the_majority() {
    let (host, script, hash) = chain(40, 33);
    let mut sync = genesis(&host);
    sync.watch(script, 1);
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Hides(33), Kind::Honest, Kind::Hides(33)]);
    peers.run(&mut sync);
    assert_eq!((peers.liars(), peers.found()), (vec![0, 2], vec![(33, hash)]));
}

#[test]
fn who_claims_what_it_does_not_show_is_found_out() {
    let (host, script, hash) = chain(40, 33);
    let mut sync = genesis(&host);
    sync.watch(script, 1);
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Contradicts(7), Kind::Honest]);
    peers.run(&mut sync);
    assert_eq!((peers.liars(), peers.found()), (vec![0], vec![(33, hash)]));
}

#[test]
fn an_honest_peer_that_comes_late_wins_over_liars_that_were_first() {
    let (host, script, hash) = chain(2_100, 33);
    let mut sync = genesis(&host);
    sync.watch(script, 1);
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Hides(33), Kind::Hides(33), Kind::Hides(33)]);
    peers.run(&mut sync);
    assert_eq!((sync.scanned(), peers.found()), (2_100, Vec::new()), "they were believed");
    peers.join(&mut sync, Kind::Honest);
    peers.run(&mut sync);
    assert_eq!(peers.liars(), [0, 1, 2]);
    assert_eq!((sync.scanned(), peers.found()), (2_100, vec![(33, hash)]));
    let expected = host.active_block(32).unwrap();
    assert!(peers.events.contains(&LightEvent::Distrusted { height: 32, tip: expected.hash }));
}

#[test]
fn a_liar_that_comes_late_changes_nothing() {
    let (host, script, hash) = chain(2_100, 33);
    let mut sync = genesis(&host);
    sync.watch(script, 1);
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Honest]);
    peers.run(&mut sync);
    peers.join(&mut sync, Kind::Hides(33));
    peers.run(&mut sync);
    assert_eq!((peers.liars(), peers.found()), (vec![1], vec![(33, hash)]));
    assert!(!peers.events.iter().any(|event| matches!(event, LightEvent::Distrusted { .. })));
}

#[test]
fn a_silent_peer_is_replaced_and_not_called_a_liar() {
    let (host, script, hash) = chain(40, 33);
    let mut sync = genesis(&host);
    sync.watch(script, 1);
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Silent, Kind::Honest]);
    peers.run(&mut sync);
    assert!(peers.events.contains(&LightEvent::Slow(PeerId(0))));
    assert_eq!((peers.liars(), peers.found()), (Vec::new(), vec![(33, hash)]));
}

#[test]
fn a_reorganisation_is_followed() {
    let (mut host, script, _) = chain(20, 18);
    let mut sync = genesis(&host);
    sync.watch(script, 1);
    Peers::new(&host, &mut sync, &[Kind::Honest]).run(&mut sync);
    let fork = host.active_block(15).unwrap();
    let mut tip = fork;
    for mark in 0..8 {
        let block = mine_block(&tip, Vec::new(), tip.time + 1, 70 + mark);
        let hash = block.block_hash();
        host.accept_block(std::sync::Arc::new(block), true, true, NOW);
        tip = host.header(&hash).unwrap();
    }
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Honest]);
    peers.run(&mut sync);
    assert_eq!(peers.events.first(), Some(&LightEvent::Rewound { height: 15, tip: fork.hash }));
    assert_eq!((sync.scanned(), peers.found()), (23, Vec::new()));
}

#[test]
fn it_goes_on_where_it_was_and_looks_again_for_a_new_script() {
    let (host, script, hash) = chain(60, 33);
    let mut sync = genesis(&host);
    let other = ScriptBuf::from_bytes(vec![0x54; 22]);
    sync.watch(other.clone(), 1);
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Honest]);
    peers.run(&mut sync);
    let mut headers = vec![peers.header(Kind::Honest, 0)];
    let mut tip = BlockHash::all_zeros();
    for event in &peers.events {
        if let LightEvent::Headers { start, headers: more, tip: last } = event {
            assert_eq!(*start as usize, headers.len());
            headers.extend(more);
            tip = *last;
        }
    }
    let mut again = FilterSync::resume(Saved { headers, tip, scanned: 60 });
    again.watch_on(other, 1);
    let mut peers = Peers::new(&host, &mut again, &[Kind::Honest]);
    peers.run(&mut again);
    assert_eq!(peers.events, [], "there is nothing to do");
    again.watch(script, 30);
    peers.run(&mut again);
    assert_eq!((again.scanned(), peers.found()), (60, vec![(33, hash)]));
}

#[test]
fn before_the_birth_of_a_script_no_filter_is_fetched() {
    let (host, script, hash) = chain(60, 33);
    let mut sync = genesis(&host);
    sync.watch(script, 33);
    sync.connected(PeerId(0));
    let mut peers = Peers::new(&host, &mut sync, &[Kind::Honest]);
    let mut starts = Vec::new();
    for _ in 0..20 {
        for (peer, request) in sync.poll(NOW, &host, &|_, _| true) {
            if let Request::Filters { start, .. } = &request {
                starts.push(*start);
            }
            peers.answer(&mut sync, peer, &request);
        }
    }
    peers.run(&mut sync);
    assert_eq!((starts, peers.found()), (vec![33], vec![(33, hash)]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (host, _, _) = chain(10, 3);
    let mut sync = genesis(&host);
    sync.connected(PeerId(0));
    let requests = sync.poll(NOW, &host, &|_, _| true);
    let Request::FilterHeaders { stop, .. } = requests[0].1 else { panic!("headers first") };
    sync.on_filter_headers(PeerId(0), stop, FilterHeader::all_zeros(), vec![FilterHash::all_zeros(); 10], NOW);
    assert_eq!(sync.poll_event(), Some(LightEvent::Liar(PeerId(0))));
    assert_eq!(sync.scanned(), 0);
}
