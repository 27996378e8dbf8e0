//! What is needed to take a block back: the coins that it spent.

use crate::coins::{Coin, compressed_len, read_output, read_varint, varint_len, write_output, write_varint};
use crate::params::MAX_BLOCK_WEIGHT;
use crate::store::StoreError;

/// Transactions and inputs that no block exceeds, whatever a damaged file says.
const MAX_ITEMS: u64 = MAX_BLOCK_WEIGHT / 40;

/// The coins that one transaction spent, in the order of its inputs.
pub type TxUndo = Vec<Coin>;

/// The coins that a block spent, of every transaction but the coinbase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockUndo {
    /// One per transaction, from the second on.
    pub transactions: Vec<TxUndo>,
}

impl BlockUndo {
    /// Core's `CBlockUndo`.
    pub fn encode(&self) -> Vec<u8> {
        let coins = || self.transactions.iter().flatten();
        let size: usize = coins().map(|coin| varint_len(coin.code()) + 1 + compressed_len(&coin.output)).sum();
        let mut out = Vec::with_capacity(size + 3 * self.transactions.len() + 9);
        write_count(&mut out, self.transactions.len());
        for coins in &self.transactions {
            write_count(&mut out, coins.len());
            for coin in coins {
                write_varint(&mut out, coin.code());
                if coin.height > 0 {
                    // Where old versions of Core wrote the version of the transaction.
                    out.push(0);
                }
                write_output(&mut out, &coin.output);
            }
        }
        out
    }

    /// Reads [`BlockUndo::encode`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not one whole block's undo data.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, StoreError> {
        let undo = read_block_undo(&mut bytes).filter(|_| bytes.is_empty());
        undo.ok_or_else(|| StoreError::corrupt("undo data", "not the undo data of a block"))
    }
}

fn read_block_undo(bytes: &mut &[u8]) -> Option<BlockUndo> {
    let count = read_count(bytes)?;
    let transactions = (0..count).map(|_| read_tx_undo(bytes)).collect::<Option<_>>()?;
    Some(BlockUndo { transactions })
}

fn read_tx_undo(bytes: &mut &[u8]) -> Option<TxUndo> {
    let count = read_count(bytes)?;
    (0..count)
        .map(|_| {
            let code = read_varint(bytes)?;
            if code >> 1 > 0 {
                read_varint(bytes)?;
            }
            Coin::from_code(code, read_output(bytes)?)
        })
        .collect()
}

/// A compact size, as on the wire.
fn write_count(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=0xfc => out.push(count as u8),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&(count as u16).to_le_bytes());
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
    }
}

fn read_count(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    let (count, rest) = match first {
        0xfd => {
            let (count, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_le_bytes(*count)), rest)
        }
        0xfe => {
            let (count, rest) = rest.split_first_chunk()?;
            (u64::from(u32::from_le_bytes(*count)), rest)
        }
        0xff => return None,
        small => (u64::from(small), rest),
    };
    *bytes = rest;
    (count <= MAX_ITEMS).then_some(count)
}

#[cfg(test)]
mod tests {
    use bitcoin::{Amount, ScriptBuf, TxOut};
    use proptest::prelude::*;

    use super::*;

    fn coin(height: u32, script: Vec<u8>) -> Coin {
        let output = TxOut { value: Amount::from_sat(5_000_000_000), script_pubkey: ScriptBuf::from_bytes(script) };
        Coin { output, height, coinbase: height.is_multiple_of(2) }
    }

    #[test]
    fn undo_data_has_cores_form() {
        let undo = BlockUndo { transactions: vec![vec![coin(3, vec![0x51])], vec![]] };
        // Two transactions: one coin (code 6, dummy, 50 bitcoin, script of one byte), none.
        assert_eq!(hex::encode(undo.encode()), "0201060032075100");
        assert_eq!(BlockUndo::decode(&undo.encode()).unwrap(), undo);
    }

    #[test]
    fn damage_is_an_error_and_not_an_allocation() {
        for bytes in [&[][..], &[1], &[0xfe, 0xff, 0xff, 0xff, 0xff], &[0, 0], &[0xff; 9]] {
            assert!(matches!(BlockUndo::decode(bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_undo_data_survives(spent in proptest::collection::vec(
            proptest::collection::vec((0u32..1000, proptest::collection::vec(any::<u8>(), 0..30)), 0..4), 0..300,
        )) {
            let transactions = spent
                .into_iter()
                .map(|coins| coins.into_iter().map(|(height, script)| coin(height, script)).collect())
                .collect();
            let undo = BlockUndo { transactions };
            prop_assert_eq!(BlockUndo::decode(&undo.encode()).unwrap(), undo);
        }
    }
}
