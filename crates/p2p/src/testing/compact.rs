//! Compact blocks: reconstruction with a mempool that has some of it.

use super::{Bytes, NOW};
use crate::compact::{Failure, PartialBlock, compact, read_request, write_request};
use crate::host::Host;
use crate::network::testing::{TestHost, coin, mine_block, spend};
use crate::wire::Reader;
use bitcoin::bip152::{HeaderAndShortIds, PrefilledTransaction, ShortId};
use bitcoin::consensus::encode::deserialize_partial;
use std::sync::Arc;

/// Transactions of the block besides the coinbase.
const MAX_TRANSACTIONS: u8 = 40;

/// First a block: how many transactions, which of them the mempool has and which were seen lately. Then how its compact
/// form is changed, what is answered to the request, and perhaps a compact block of the peer's own making.
pub fn compact_block(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut host = TestHost::new();
    let count = bytes.u8() % MAX_TRANSACTIONS;
    let transactions = (0..count).map(|number| spend(&[coin(number.into())], 1 + usize::from(number % 3), 0)).collect();
    let block = mine_block(&host.tip(), transactions, 1_700_000_000, 0);
    let mut extra = Vec::new();
    for tx in &block.txdata[1..] {
        match bytes.u8() % 4 {
            0 => host.mempool_insert(tx),
            1 => extra.push((tx.compute_wtxid(), Arc::new(tx.clone()))),
            2 => {
                host.mempool_insert(tx);
                extra.push((tx.compute_wtxid(), Arc::new(tx.clone())));
            }
            _ => {}
        }
    }
    let mut form = compact(&block, bytes.u32().into());
    // More transactions sent whole, as a peer does that knows what others lack.
    let mut prefilled = form.prefilled_txs.clone();
    for place in (1..block.txdata.len()).rev() {
        if bytes.u8() % 8 == 0 {
            form.short_ids.remove(place - 1);
            prefilled.insert(1, PrefilledTransaction { idx: place as u16, tx: block.txdata[place].clone() });
        }
    }
    let mut next = 0;
    for one in &mut prefilled {
        let place = one.idx;
        one.idx = place - next;
        next = place + 1;
    }
    form.prefilled_txs = prefilled;
    let changed = change(&mut form, &mut bytes);

    let mut log = Vec::new();
    match PartialBlock::new(&form, &extra, &host, &mut log) {
        Ok(mut partial) => {
            let missing = partial.missing();
            let request = write_request(block.block_hash(), &missing);
            assert_eq!(read_request(&mut Reader::new(&request)), Ok((block.block_hash(), missing.clone())));
            let answer = missing.iter().filter_map(|place| block.txdata.get(usize::from(*place)).cloned());
            let mut answer: Vec<_> = answer.collect();
            let lie = match bytes.u8() % 8 {
                0 => answer.pop().is_some(),
                1 => {
                    answer.push(block.txdata[0].clone());
                    true
                }
                2 if answer.len() > 1 => {
                    answer.reverse();
                    true
                }
                _ => false,
            };
            match partial.fill(answer, true, &host, &mut log) {
                Ok(whole) => {
                    assert!(whole.check_merkle_root());
                    if !changed {
                        assert_eq!(whole, block);
                    }
                }
                Err(failure) => assert!(changed || lie, "an honest block was not put together: {failure:?}"),
            }
            assert_eq!(partial.fill(Vec::new(), true, &host, &mut log), Err(Failure::Invalid), "once only");
        }
        Err(failure) => assert!(changed, "an honest compact block was refused: {failure:?}"),
    }
    let _ = host.accept_transaction(&Arc::new(block.txdata[0].clone()), NOW);
    raw(bytes.0, &extra, &host);
}

/// Changes what the peer sends; whether it did.
fn change(form: &mut HeaderAndShortIds, bytes: &mut Bytes<'_>) -> bool {
    let before = form.clone();
    let (how, which) = (bytes.u8(), usize::from(bytes.u8()));
    match how % 10 {
        0 if !form.prefilled_txs.is_empty() => {
            let index = which % form.prefilled_txs.len();
            form.prefilled_txs[index].idx = bytes.u16();
        }
        1 if !form.short_ids.is_empty() => {
            let index = which % form.short_ids.len();
            form.short_ids[index] = form.short_ids[0];
        }
        2 if !form.short_ids.is_empty() => {
            form.short_ids.swap_remove(which % form.short_ids.len());
        }
        3 => form.short_ids.extend(vec![form.short_ids.first().copied(); which].into_iter().flatten()),
        4 => form.nonce ^= u64::from(bytes.u8()),
        5 => form.prefilled_txs.clear(),
        6 if !form.short_ids.is_empty() => {
            let keys = ShortId::calculate_siphash_keys(&form.header, form.nonce);
            let coinbase = form.prefilled_txs.first().map(|one| one.tx.compute_wtxid());
            if let Some(wtxid) = coinbase {
                form.short_ids[0] = ShortId::with_siphash_keys(&wtxid.to_raw_hash(), keys);
            }
        }
        _ => {}
    }
    *form != before
}

fn raw(data: &[u8], extra: &[(bitcoin::Wtxid, Arc<bitcoin::Transaction>)], host: &TestHost) {
    let _ = read_request(&mut Reader::new(data));
    let Ok((form, _)) = deserialize_partial::<HeaderAndShortIds>(data) else { return };
    if let Ok(mut partial) = PartialBlock::new(&form, extra, host, &mut Vec::new()) {
        assert!(partial.missing().len() <= form.short_ids.len());
        if let Ok(block) = partial.fill(Vec::new(), true, host, &mut Vec::new()) {
            assert!(block.check_merkle_root());
        }
    }
}
