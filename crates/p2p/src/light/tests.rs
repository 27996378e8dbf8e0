use super::*;
use crate::network::testing::{TestHost, coin, spend};
use bitcoin::bip158::FilterHeader;

const NOW: Time = Time::from_secs(1_700_000_000);

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

fn sync(host: &TestHost, peers: u64) -> FilterSync {
    let genesis = host.active_block(0).unwrap();
    let hashes = host.filter_hashes(&genesis.hash).unwrap();
    let mut sync = FilterSync::new(&genesis, hashes.hash, hashes.header);
    (0..peers).for_each(|peer| sync.connected(PeerId(peer)));
    sync
}

/// What an honest peer, or one that changes a filter of one height, answers.
fn answer(sync: &mut FilterSync, host: &TestHost, peer: PeerId, request: &Request, lie_at: Option<u32>) {
    let filter_of = |height: u32| {
        let hash = host.active_block(height).unwrap().hash;
        let mut filter = host.filter(&hash).unwrap();
        if lie_at == Some(height) {
            filter = vec![0];
        }
        (hash, filter)
    };
    match request {
        Request::FilterHeaders { start, stop } => {
            let end = host.header(stop).unwrap().height;
            let before = host.active_block(start - 1).unwrap().hash;
            let previous: FilterHeader = host.filter_hashes(&before).unwrap().header;
            let hashes = (*start..=end).map(|height| FilterHash::hash(&filter_of(height).1)).collect();
            sync.on_filter_headers(peer, *stop, previous, hashes, NOW);
        }
        Request::Filters { start, stop } => {
            for height in *start..=host.header(stop).unwrap().height {
                let (hash, filter) = filter_of(height);
                sync.on_filter(peer, hash, &filter, NOW);
            }
        }
        Request::Block(hash) => {
            sync.on_block(&host.block(hash).unwrap());
        }
    }
}

fn run(sync: &mut FilterSync, host: &TestHost, liars: &[PeerId], lie_at: u32) -> Vec<LightEvent> {
    let mut events = Vec::new();
    for _ in 0..100 {
        for (peer, request) in sync.poll(NOW, host) {
            let lie = liars.contains(&peer).then_some(lie_at);
            answer(sync, host, peer, &request, lie);
        }
        while let Some(event) = sync.poll_event() {
            events.push(event);
        }
    }
    events
}

#[test]
fn a_block_that_pays_us_is_found_and_no_other_fetched() {
    let (host, script, hash) = chain(120, 77);
    let mut sync = sync(&host, 2);
    assert!(sync.watch(script));
    let events = run(&mut sync, &host, &[], 0);
    let blocks: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            LightEvent::Block { height, block } => Some((*height, block.block_hash())),
            _ => None,
        })
        .collect();
    assert_eq!(blocks, [(77, hash)]);
    assert_eq!(sync.height(), 120);
}

#[test]
fn who_hides_an_output_is_found_out() {
    for liar in 0..2 {
        let (host, script, hash) = chain(40, 33);
        let mut sync = sync(&host, 2);
        sync.watch(script);
        let events = run(&mut sync, &host, &[PeerId(liar)], 33);
        assert!(events.contains(&LightEvent::Liar(PeerId(liar))), "{events:?}");
        assert!(!events.contains(&LightEvent::Liar(PeerId(1 - liar))));
        assert!(
            events.iter().any(|event| matches!(event, LightEvent::Block { block, .. } if block.block_hash() == hash))
        );
        assert_eq!(sync.height(), 40);
    }
}

#[test]
fn the_block_decides_and_not_the_majority() {
    let (host, script, hash) = chain(40, 33);
    let mut sync = sync(&host, 3);
    sync.watch(script);
    let events = run(&mut sync, &host, &[PeerId(0), PeerId(2)], 33);
    assert!(events.contains(&LightEvent::Liar(PeerId(0))) && events.contains(&LightEvent::Liar(PeerId(2))));
    assert!(!events.contains(&LightEvent::Liar(PeerId(1))));
    assert!(events.iter().any(|event| matches!(event, LightEvent::Block { block, .. } if block.block_hash() == hash)));
}

#[test]
fn a_reorganisation_is_followed() {
    let (mut host, script, _) = chain(20, 18);
    let mut sync = sync(&host, 1);
    sync.watch(script);
    run(&mut sync, &host, &[], 0);
    let mut tip = host.active_block(15).unwrap();
    for mark in 0..8 {
        let block = crate::network::testing::mine_block(&tip, Vec::new(), tip.time + 1, 70 + mark);
        let hash = block.block_hash();
        host.accept_block(std::sync::Arc::new(block), true, true, NOW);
        tip = host.header(&hash).unwrap();
    }
    let events = run(&mut sync, &host, &[], 0);
    assert!(events.contains(&LightEvent::Rewound { height: 15 }));
    assert_eq!(sync.height(), 23);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (host, _, _) = chain(10, 3);
    let mut sync = sync(&host, 1);
    let requests = sync.poll(NOW, &host);
    let Request::FilterHeaders { stop, .. } = requests[0].1 else { panic!("headers first") };
    sync.on_filter_headers(PeerId(0), stop, FilterHeader::all_zeros(), vec![FilterHash::all_zeros(); 10], NOW);
    assert_eq!(sync.poll_event(), Some(LightEvent::Liar(PeerId(0))));
    assert_eq!(sync.height(), 0);
}
