//! One block of the index, as the store keeps it.

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize, serialize};

use super::StoreError;
use crate::coins::{read_varint, write_varint};
use crate::tree::Status;

/// What the store keeps of a block in the tree. Height, work and order follow from the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexRecord {
    /// The header.
    pub header: Header,
    /// What is known about the block.
    pub status: Status,
    /// Transactions in the block; 0 until its body was received.
    pub tx_count: u32,
}

impl IndexRecord {
    /// Status, number of transactions, header.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.status.to_byte()];
        write_varint(&mut bytes, u64::from(self.tx_count));
        bytes.extend_from_slice(&serialize(&self.header));
        bytes
    }

    /// Reads [`IndexRecord::encode`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not one whole record.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::read(bytes).ok_or_else(|| StoreError::corrupt("block index", "not an index record"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&status, mut rest) = bytes.split_first()?;
        let status = Status::from_byte(status)?;
        let tx_count = u32::try_from(read_varint(&mut rest)?).ok()?;
        Some(Self { header: deserialize(rest).ok()?, status, tx_count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;

    #[test]
    fn a_record_survives_its_bytes_and_damage_is_seen() {
        let header = Params::main().genesis.header;
        let record = IndexRecord { header, status: Status::HEADER, tx_count: 300 };
        let bytes = record.encode();
        assert_eq!(IndexRecord::decode(&bytes).unwrap(), record);
        assert!(IndexRecord::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(IndexRecord::decode(&[]).is_err());
    }
}
