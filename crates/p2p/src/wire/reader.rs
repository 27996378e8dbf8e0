//! Reading and writing Bitcoin's encoding, with the words of Core's errors: logs and tests look for them.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::{Decodable, Encodable};
use bitcoin::transaction::Version;
use bitcoin::{Block, Transaction, TxIn};

/// Largest length that a message may state (Core's `MAX_SIZE`).
const MAX_SIZE: u64 = 0x0200_0000;

/// Why a payload could not be read. The text is what Core's exceptions say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("DataStream::read(): end of data: iostream error")]
    EndOfData,
    #[error("non-canonical ReadCompactSize(): iostream error")]
    NonCanonical,
    #[error("ReadCompactSize(): size too large: iostream error")]
    SizeTooLarge,
    #[error("String length limit exceeded: iostream error")]
    StringTooLong,
    #[error("Address too long: {size} > {limit}: iostream error")]
    AddressTooLong { size: u64, limit: u64 },
    #[error("BIP155 {name} address with length {size} (should be {expected}): iostream error")]
    AddressSize { name: &'static str, size: usize, expected: usize },
    #[error("Superfluous witness record: iostream error")]
    SuperfluousWitness,
    #[error("Unknown transaction optional data: iostream error")]
    UnknownOptionalData,
    #[error("differential value overflow: iostream error")]
    DifferentialOverflow,
    #[error("indexes overflowed 16 bits: iostream error")]
    IndexOverflow,
    #[error("{0}: iostream error")]
    Consensus(String),
}

/// Reads from a payload; what is left over at the end is ignored, as Core does.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(DecodeError::EndOfData)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(DecodeError::EndOfData)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_le_bytes)
    }

    /// A length: canonical, and at most 32 MiB.
    pub(crate) fn compact_size(&mut self) -> Result<u64, DecodeError> {
        let size = self.compact_size_unchecked()?;
        if size > MAX_SIZE { Err(DecodeError::SizeTooLarge) } else { Ok(size) }
    }

    /// A number in the encoding of lengths, without their limit.
    pub(crate) fn compact_size_unchecked(&mut self) -> Result<u64, DecodeError> {
        let (value, least) = match self.u8()? {
            253 => (u64::from(u16::from_le_bytes(self.array()?)), 253),
            254 => (u64::from(self.u32()?), 0x1_0000),
            255 => (self.u64()?, 0x1_0000_0000),
            small => (u64::from(small), 0),
        };
        if value < least { Err(DecodeError::NonCanonical) } else { Ok(value) }
    }

    /// A text of at most `limit` bytes.
    pub(crate) fn string(&mut self, limit: u64) -> Result<&'a [u8], DecodeError> {
        let length = self.compact_size()?;
        if length > limit {
            return Err(DecodeError::StringTooLong);
        }
        self.bytes(length as usize)
    }

    /// A list. Nothing is reserved for what the peer only claims to send.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.compact_size()?;
        let mut items = Vec::with_capacity((count as usize).min(1_000));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A type of the consensus encoding.
    pub(crate) fn consensus<T: Decodable>(&mut self) -> Result<T, DecodeError> {
        T::consensus_decode_from_finite_reader(&mut self.0).map_err(|error| match error {
            bitcoin::consensus::encode::Error::Io(_) => DecodeError::EndOfData,
            other => DecodeError::Consensus(other.to_string()),
        })
    }

    /// A transaction. One without inputs and outputs is read too: its first bytes look like the marker of witnesses with
    /// no flag set, which the type's own decoder refuses; but it is for validation to say what is wrong with it.
    pub(crate) fn transaction(&mut self) -> Result<Transaction, DecodeError> {
        match self.0.get(4..6) {
            Some(&[0, 0]) => {
                let version = Version(self.i32()?);
                self.bytes(2)?;
                let lock_time = LockTime::from_consensus(self.u32()?);
                Ok(Transaction { version, lock_time, input: Vec::new(), output: Vec::new() })
            }
            Some(&[0, flags]) => self.flagged_transaction(flags),
            _ => self.consensus(),
        }
    }

    /// A transaction with flags (BIP144), of which one is known: witnesses.
    fn flagged_transaction(&mut self, flags: u8) -> Result<Transaction, DecodeError> {
        let version = Version(self.i32()?);
        self.bytes(2)?;
        let mut input: Vec<TxIn> = self.consensus()?;
        let output = self.consensus()?;
        if flags & 1 == 1 {
            for one in &mut input {
                one.witness = self.consensus()?;
            }
            if input.iter().all(|one| one.witness.is_empty()) {
                return Err(DecodeError::SuperfluousWitness);
            }
        }
        if flags & !1 != 0 {
            return Err(DecodeError::UnknownOptionalData);
        }
        Ok(Transaction { version, lock_time: LockTime::from_consensus(self.u32()?), input, output })
    }

    /// A block.
    pub(crate) fn block(&mut self) -> Result<Block, DecodeError> {
        Ok(Block { header: self.consensus()?, txdata: self.list(Self::transaction)? })
    }
}

/// Writes a payload.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn compact_size(&mut self, value: u64) {
        match value {
            0..=252 => self.u8(value as u8),
            253..=0xffff => {
                self.u8(253);
                self.bytes(&(value as u16).to_le_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.u8(254);
                self.u32(value as u32);
            }
            _ => {
                self.u8(255);
                self.u64(value);
            }
        }
    }

    pub(crate) fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.compact_size(items.len() as u64);
        for one in items {
            item(self, one);
        }
    }

    pub(crate) fn consensus<T: Encodable + ?Sized>(&mut self, value: &T) {
        value.consensus_encode(&mut self.0).expect("a vector takes every byte");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_canonical_and_bounded() {
        let read = |bytes: &[u8]| Reader::new(bytes).compact_size();
        assert_eq!(read(&[252]), Ok(252));
        assert_eq!(read(&[253, 253, 0]), Ok(253));
        assert_eq!(read(&[253, 252, 0]), Err(DecodeError::NonCanonical));
        assert_eq!(read(&[254, 0xff, 0xff, 0, 0]), Err(DecodeError::NonCanonical));
        assert_eq!(read(&[254, 1, 0, 0, 2]), Err(DecodeError::SizeTooLarge));
        assert_eq!(read(&[253, 1]), Err(DecodeError::EndOfData));
    }

    #[test]
    fn a_transaction_without_inputs_and_outputs_is_read() {
        let bytes = [2, 0, 0, 0, 0, 0, 7, 0, 0, 0];
        let tx = Reader::new(&bytes).transaction().unwrap();
        assert_eq!((tx.input.len(), tx.output.len(), tx.lock_time.to_consensus_u32()), (0, 0, 7));
    }

    #[test]
    fn a_claimed_length_reserves_nothing() {
        let mut reader = Reader::new(&[254, 0, 0, 0, 2, 1, 2, 3]);
        assert_eq!(reader.list(Reader::u8), Err(DecodeError::EndOfData));
    }
}
