//! A light client among peers that may lie about filters.

use super::{Bytes, NOW};
use crate::PeerId;
use crate::host::Host;
use crate::light::{FilterSync, LightEvent, Request};
use crate::network::testing::{TestHost, coin, spend};
use bitcoin::bip158::{FilterHash, FilterHeader};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, ScriptBuf};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

const BLOCKS: u32 = 24;

struct Chain {
    host: TestHost,
    filters: Vec<(BlockHash, Vec<u8>)>,
    headers: Vec<FilterHeader>,
}

/// A chain in which every third block pays to the watched script.
static CHAIN: LazyLock<Chain> = LazyLock::new(|| {
    let mut host = TestHost::new();
    for height in 1..=BLOCKS {
        let mut tx = spend(&[coin(height)], 2, 0);
        if height % 3 == 0 {
            tx.output[1].script_pubkey = watched();
        }
        host.mempool_insert(&tx);
        host.generate(1, 0, NOW);
    }
    let block = |height| host.active_block(height).expect("it was mined").hash;
    let filters: Vec<_> =
        (0..=BLOCKS).map(block).map(|hash| (hash, host.filter(&hash).expect("it has a block"))).collect();
    let headers = headers(&filters, &BTreeMap::new());
    Chain { host, filters, headers }
});

fn watched() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x53; 22])
}

type Lies = BTreeMap<u32, Vec<u8>>;

fn headers(filters: &[(BlockHash, Vec<u8>)], lies: &Lies) -> Vec<FilterHeader> {
    let mut last = FilterHeader::all_zeros();
    let mut all = Vec::new();
    for (height, (_, filter)) in filters.iter().enumerate() {
        let filter = lies.get(&(height as u32)).unwrap_or(filter);
        last = FilterHash::hash(filter).filter_header(&last);
        all.push(last);
    }
    all
}

/// What a peer answers.
struct Liar {
    lies: Lies,
    headers: Vec<FilterHeader>,
    /// It answers nothing from this question on.
    patience: u8,
    /// It shows the true filters although it has claimed others.
    contradicts: bool,
}

/// First the peers: what each of them lies about (heights, and filters that it made itself). Then when each comes. Peer
/// zero is honest; whenever it comes, it is not sent away and what pays to the script is found.
pub fn block_filters(data: &[u8]) {
    let chain = &*CHAIN;
    let mut bytes = Bytes(data);
    let mut sync = FilterSync::new(chain.filters[0].0, chain.headers[0]);
    assert!(sync.watch(watched(), 1));
    let honest_comes = bytes.u8() % 40;
    let mut liars = Vec::new();
    for _ in 0..bytes.u8() % 5 {
        let (comes, patience, contradicts) = (bytes.u8() % 40, bytes.u8(), bytes.u8() & 1 == 1);
        let mut lies = Lies::new();
        for _ in 0..bytes.u8() % 4 {
            // Of the genesis block everybody knows the filter.
            let height = u32::from(bytes.u8()) % (BLOCKS + 1);
            lies.insert(height, bytes.part().to_vec());
        }
        let headers = headers(&chain.filters, &lies);
        liars.push((comes, Liar { lies, headers, patience, contradicts }));
    }
    let truth = Liar { lies: Lies::new(), headers: chain.headers.clone(), patience: u8::MAX, contradicts: false };
    let mut peers: Vec<(u8, Liar)> = vec![(honest_comes, truth)];
    peers.extend(liars);

    let (mut now, mut found, mut gone) = (NOW, BTreeSet::new(), BTreeSet::new());
    for round in 0..400_u16 {
        for (index, (comes, _)) in peers.iter().enumerate() {
            if u16::from(*comes) == round {
                sync.connected(PeerId(index as u64));
            }
        }
        for (peer, request) in sync.poll(now, &chain.host, &|_, _| true) {
            let (_, liar) = &mut peers[peer.0 as usize];
            if liar.patience == 0 {
                continue;
            }
            if peer.0 > 0 {
                liar.patience -= 1;
            }
            answer(&mut sync, peer, &request, liar, now);
        }
        while let Some(event) = sync.poll_event() {
            match event {
                LightEvent::Block { height, block } => {
                    assert_eq!(block.block_hash(), chain.filters[height as usize].0);
                    found.insert(height);
                }
                LightEvent::Liar(peer) | LightEvent::Slow(peer) => {
                    assert!(peer.0 != 0, "the honest peer was sent away");
                    gone.insert(peer);
                }
                LightEvent::Headers { start, headers, .. } => {
                    assert!(start as usize + headers.len() <= BLOCKS as usize + 1);
                }
                _ => {}
            }
        }
        now = now + Duration::from_secs(2);
    }
    assert_eq!(sync.scanned(), BLOCKS);
    for height in (3..=BLOCKS).step_by(3) {
        assert!(found.contains(&height), "the payment at height {height} was not found; gone: {gone:?}");
    }
}

fn answer(sync: &mut FilterSync, peer: PeerId, request: &Request, liar: &Liar, now: crate::Time) {
    let chain = &*CHAIN;
    let height_of = |hash: &BlockHash| chain.host.header(hash).expect("only known blocks are asked for").height;
    match request {
        Request::FilterHeaders { start, stop } => {
            let hashes = (*start..=height_of(stop))
                .map(|height| FilterHash::hash(liar.lies.get(&height).unwrap_or(&chain.filters[height as usize].1)));
            let previous = liar.headers[*start as usize - 1];
            sync.on_filter_headers(peer, *stop, previous, hashes.collect(), now);
        }
        Request::Filters { start, stop } => {
            for height in *start..=height_of(stop) {
                let (hash, filter) = &chain.filters[height as usize];
                let lie = liar.lies.get(&height).filter(|_| !liar.contradicts);
                sync.on_filter(peer, *hash, lie.unwrap_or(filter), now);
            }
        }
        Request::Block(hash) => {
            sync.on_block(&chain.host.block(hash).expect("only known blocks are asked for"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn liar() -> impl Strategy<Value = Vec<u8>> {
        let lies = prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..4)), 0..3);
        (0..40_u8, any::<u8>(), any::<bool>(), lies).prop_map(|(comes, patience, contradicts, lies)| {
            let mut bytes = vec![comes, patience, u8::from(contradicts), lies.len() as u8];
            for (height, filter) in lies {
                bytes.extend([height, filter.len() as u8, 0]);
                bytes.extend(filter);
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn an_honest_peer_wins_over_any_liars(comes in 0..40_u8, liars in prop::collection::vec(liar(), 0..5)) {
            let mut bytes = vec![comes, liars.len() as u8];
            liars.iter().for_each(|liar| bytes.extend(liar));
            block_filters(&bytes);
        }
    }
}
