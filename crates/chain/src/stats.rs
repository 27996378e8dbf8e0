//! Figures about all coins: what `gettxoutsetinfo` tells.

use bitcoin::consensus::Encodable;
use bitcoin::hashes::{Hash, HashEngine, sha256d};
use bitcoin::{Amount, BlockHash, OutPoint, Txid};

use crate::coins::Coin;
use crate::muhash::MuHash3072;
use crate::store::{Store, StoreError};

/// Which hash of the coins is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoinsHash {
    /// None.
    None,
    /// `muhash`: independent of the order, so that it can be kept up block by block.
    MuHash,
    /// `hash_serialized_3`: over the coins in the order of their outpoints.
    Serialized,
}

/// Figures about all coins as of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoinStats {
    /// The block as of which the coins are.
    pub best_block: Option<BlockHash>,
    /// Transactions that have coins.
    pub transactions: u64,
    /// Coins.
    pub coins: u64,
    /// Bytes of the coins in a form that no database has, so that it can be compared.
    pub bogo_size: u64,
    /// Value of all coins.
    pub total: Amount,
    /// The hash that was asked for; Core shows it with the bytes reversed.
    pub hash: Option<[u8; 32]>,
    /// Bytes on the disk, about.
    pub disk_size: u64,
}

/// The form of a coin that is hashed: outpoint, height and coinbase flag, output.
pub fn coin_bytes(outpoint: &OutPoint, coin: &Coin) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(36 + 4 + 8 + 3 + coin.output.script_pubkey.len());
    let code = coin.height << 1 | u32::from(coin.coinbase);
    let written = outpoint
        .consensus_encode(&mut bytes)
        .and_then(|_| code.consensus_encode(&mut bytes))
        .and_then(|_| coin.output.consensus_encode(&mut bytes));
    written.expect("writing to memory does not fail");
    bytes
}

/// Size of a coin that no database has: txid, index, height and flag, value, length of the script, script.
fn bogo_size(coin: &Coin) -> u64 {
    32 + 4 + 4 + 8 + 2 + coin.output.script_pubkey.len() as u64
}

/// Walks over all coins of the last commit.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub fn coin_stats(store: &impl Store, wanted: CoinsHash) -> Result<CoinStats, StoreError> {
    let mut stats = CoinStats {
        best_block: store.best_block()?,
        transactions: 0,
        coins: 0,
        bogo_size: 0,
        total: Amount::ZERO,
        hash: None,
        disk_size: store.coins_size(),
    };
    let mut muhash = MuHash3072::default();
    let mut serialized = sha256d::Hash::engine();
    // The outputs of a transaction are hashed in the order of their indices, which a store's keys may not have.
    let mut group: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut last: Option<Txid> = None;
    store.for_each_coin(&mut |outpoint, coin| {
        if last != Some(outpoint.txid) {
            hash_group(&mut group, &mut serialized);
            stats.transactions += 1;
            last = Some(outpoint.txid);
        }
        stats.coins += 1;
        stats.bogo_size += bogo_size(&coin);
        stats.total = stats
            .total
            .checked_add(coin.output.value)
            .ok_or_else(|| StoreError::corrupt("coins", "worth more than there can be"))?;
        match wanted {
            CoinsHash::None => {}
            CoinsHash::MuHash => muhash.insert(&coin_bytes(&outpoint, &coin)),
            CoinsHash::Serialized => group.push((outpoint.vout, coin_bytes(&outpoint, &coin))),
        }
        Ok(())
    })?;
    hash_group(&mut group, &mut serialized);
    stats.hash = match wanted {
        CoinsHash::None => None,
        CoinsHash::MuHash => Some(muhash.finalize()),
        CoinsHash::Serialized => Some(sha256d::Hash::from_engine(serialized).to_byte_array()),
    };
    Ok(stats)
}

fn hash_group(group: &mut Vec<(u32, Vec<u8>)>, engine: &mut impl HashEngine) {
    group.sort_unstable_by_key(|(vout, _)| *vout);
    group.drain(..).for_each(|(_, bytes)| engine.input(&bytes));
}

#[cfg(test)]
mod tests {
    use bitcoin::{ScriptBuf, TxOut};

    use super::*;
    use crate::store::{Batch, MemoryStore};

    fn coin(sat: u64) -> Coin {
        let output = TxOut { value: Amount::from_sat(sat), script_pubkey: ScriptBuf::from_bytes(vec![0x51]) };
        Coin { output, height: 2, coinbase: true }
    }

    #[test]
    fn figures_count_transactions_coins_and_value() {
        let mut store = MemoryStore::default();
        let point = |txid: u8, vout| OutPoint::new(Txid::from_byte_array([txid; 32]), vout);
        let coins = [(point(1, 0), coin(5)), (point(1, 7), coin(6)), (point(2, 0), coin(7))];
        let changes = coins.iter().map(|(outpoint, coin)| (outpoint, Some(coin))).collect();
        store.commit(Batch { coins: changes, ..Batch::default() }).unwrap();

        let stats = coin_stats(&store, CoinsHash::MuHash).unwrap();

        assert_eq!((stats.transactions, stats.coins, stats.total), (2, 3, Amount::from_sat(18)));
        assert_eq!(stats.bogo_size, 3 * 51);
        let mut muhash = MuHash3072::default();
        coins.iter().rev().for_each(|(outpoint, coin)| muhash.insert(&coin_bytes(outpoint, coin)));
        assert_eq!(stats.hash, Some(muhash.finalize()));
        let serialized = coin_stats(&store, CoinsHash::Serialized).unwrap();
        let all: Vec<u8> = coins.iter().flat_map(|(outpoint, coin)| coin_bytes(outpoint, coin)).collect();
        assert_eq!(serialized.hash, Some(sha256d::Hash::hash(&all).to_byte_array()));
    }

    #[test]
    fn a_coin_is_hashed_as_outpoint_code_and_output() {
        let outpoint = OutPoint::new(Txid::from_byte_array([0xab; 32]), 3);
        let expected = format!("{}0300000005000000{}0151", "ab".repeat(32), "0900000000000000");
        assert_eq!(hex::encode(coin_bytes(&outpoint, &coin(9))), expected);
    }
}
