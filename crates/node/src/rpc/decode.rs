//! Reading a block that a caller hands in, whatever the sizes of its parts.
//!
//! The library refuses parts of more than 4,000,000 bytes while it reads. Such a block is invalid, and the caller is to
//! hear why; the size of a request bounds what is allocated.

use bitcoin::block::Header;
use bitcoin::consensus::Decodable;
use bitcoin::hashes::Hash;
use bitcoin::{
    Amount, Block, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, VarInt, Witness, absolute,
    transaction,
};

/// The bytes that are left.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A number of things of at least one byte each: no more than bytes are left.
    fn count(&mut self) -> Option<usize> {
        let count = VarInt::consensus_decode(&mut self.0).ok()?;
        usize::try_from(count.0).ok().filter(|count| *count <= self.0.len())
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    fn input(&mut self) -> Option<TxIn> {
        let txid = Txid::from_byte_array(self.array()?);
        let vout = u32::from_le_bytes(self.array()?);
        Some(TxIn {
            previous_output: OutPoint { txid, vout },
            script_sig: ScriptBuf::from_bytes(self.part()?.to_vec()),
            sequence: Sequence(u32::from_le_bytes(self.array()?)),
            witness: Witness::new(),
        })
    }

    fn output(&mut self) -> Option<TxOut> {
        let value = Amount::from_sat(u64::from_le_bytes(self.array()?));
        Some(TxOut { value, script_pubkey: ScriptBuf::from_bytes(self.part()?.to_vec()) })
    }

    fn witness(&mut self) -> Option<Witness> {
        let items: Option<Vec<&[u8]>> = (0..self.count()?).map(|_| self.part()).collect();
        Some(Witness::from_slice(&items?))
    }

    /// BIP144.
    fn transaction(&mut self) -> Option<Transaction> {
        let version = transaction::Version(i32::from_le_bytes(self.array()?));
        let mut inputs = self.count()?;
        let segwit = inputs == 0;
        if segwit {
            match self.array::<1>()? {
                [1] => inputs = self.count()?,
                // Neither inputs nor outputs: invalid, but readable.
                [0] => {
                    let lock_time = absolute::LockTime::from_consensus(u32::from_le_bytes(self.array()?));
                    return Some(Transaction { version, lock_time, input: Vec::new(), output: Vec::new() });
                }
                _ => return None,
            }
        }
        let mut input: Vec<TxIn> = (0..inputs).map(|_| self.input()).collect::<Option<_>>()?;
        let output = (0..self.count()?).map(|_| self.output()).collect::<Option<_>>()?;
        if segwit {
            for input in &mut input {
                input.witness = self.witness()?;
            }
            // A witness that is announced and then empty is no valid form.
            if input.iter().all(|input| input.witness.is_empty()) {
                return None;
            }
        }
        let lock_time = absolute::LockTime::from_consensus(u32::from_le_bytes(self.array()?));
        Some(Transaction { version, lock_time, input, output })
    }
}

/// Reads a block; what follows it is left unread. `None` when it is no block.
pub(super) fn block(bytes: &[u8]) -> Option<Block> {
    let mut bytes = Bytes(bytes);
    let header = Header::consensus_decode(&mut bytes.0).ok()?;
    let txdata = (0..bytes.count()?).map(|_| bytes.transaction()).collect::<Option<_>>()?;
    Some(Block { header, txdata })
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::serialize;
    use bitcoin::constants::genesis_block;

    use super::*;

    #[test]
    fn blocks_are_read_as_the_library_writes_them() {
        let mut expected = genesis_block(bitcoin::Network::Regtest);
        assert_eq!(block(&serialize(&expected)), Some(expected.clone()));
        expected.txdata[0].input[0].witness.push(vec![7; 5_000_000]);
        let bytes = serialize(&expected);
        assert_eq!(block(&bytes), Some(expected), "parts of any size");
        assert_eq!(block(&bytes[..bytes.len() - 1]), None, "cut short");
        assert_eq!(block(&bytes[..80]), None, "no transactions at all");
        let mut empty = bytes[..80].to_vec();
        empty.push(0);
        assert_eq!(block(&empty).unwrap().txdata.len(), 0);
        empty.pop();
        empty.extend([0xff; 9]);
        assert_eq!(block(&empty), None, "a count that promises more than there is");
    }
}
