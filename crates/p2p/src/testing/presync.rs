//! Headers presync: a chain that comes twice, perhaps not the same.

use super::Bytes;
use crate::config::Params;
use crate::headers_sync::{HeadersSync, Phase, Start};
use crate::network::testing::{mine_headers, regtest_genesis, regtest_params};
use crate::random::Random;
use crate::{PeerId, Time, pow};
use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, CompactTarget, TxMerkleNode};
use std::sync::LazyLock;

/// Two chains of headers with work, made once.
static CHAINS: LazyLock<[Vec<Header>; 2]> =
    LazyLock::new(|| [0, 1].map(|salt| mine_headers(regtest_genesis().hash, 700, salt)));

/// Batches of one run.
const MAX_BATCHES: usize = 64;

/// First how much work is needed, then batches: which chain goes on, how many headers of it, and whether one is changed.
pub fn headers_presync(data: &[u8]) {
    let mut bytes = Bytes(data);
    let params = Params {
        headers_commitment_period: u32::from(bytes.u8() % 16),
        headers_redownload_buffer: usize::from(bytes.u8()),
        allow_min_difficulty: bytes.u8() & 1 == 1,
        ..regtest_params()
    };
    let genesis = regtest_genesis();
    let least = pow::times(pow::proof(genesis.bits), u32::from(bytes.u16() % 800));
    let minimum = pow::add(genesis.work, least);
    let start = Start { header: genesis, locator: vec![genesis.hash], median_time_past: genesis.time };
    let now = Time::from_secs(i64::from(genesis.time) + i64::from(bytes.u16()) * 60);
    let mut sync = HeadersSync::new(PeerId(1), &params, start, minimum, now, &mut Random::new([5; 32]));

    let mut released: Vec<Header> = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_BATCHES {
        if bytes.is_empty() {
            break;
        }
        let before = sync.phase();
        let (choice, count) = (bytes.u8(), usize::from(bytes.u16() % 200));
        if choice & 2 != 0 {
            at = usize::from(bytes.u16()) % 700;
        }
        let chain = &CHAINS[usize::from(choice & 1)];
        let mut batch = chain[at..(at + count).min(chain.len())].to_vec();
        at += batch.len();
        if choice & 4 != 0 && !batch.is_empty() {
            change(&mut batch, &mut bytes);
        }
        let result = sync.process(&batch, choice & 8 == 0, &params);
        assert!(result.success || (result.ready.is_empty() && !result.request_more));
        assert!(result.ready.is_empty() || before == Phase::Redownload, "nothing leaves before it came twice");
        assert!(before != Phase::Final || !result.success, "what is over stays over");
        released.extend(result.ready);
        // A new phase begins where the chain began.
        if before == Phase::Presync && sync.phase() == Phase::Redownload {
            at = 0;
        }
        assert!(!sync.locator().is_empty());
        sync.drain_log();
    }
    let mut last = genesis.hash;
    for header in &released {
        assert_eq!(header.prev_blockhash, last, "what is released is one chain");
        last = header.block_hash();
    }
}

fn change(batch: &mut [Header], bytes: &mut Bytes<'_>) {
    let (index, field, value) = (usize::from(bytes.u8()) % batch.len(), bytes.u8(), bytes.u32());
    let header = &mut batch[index];
    match field % 5 {
        0 => header.time = value,
        1 => header.bits = CompactTarget::from_consensus(value),
        2 => header.nonce = value,
        3 => header.prev_blockhash = BlockHash::from_byte_array([value as u8; 32]),
        _ => header.merkle_root = TxMerkleNode::from_byte_array([value as u8; 32]),
    }
}
