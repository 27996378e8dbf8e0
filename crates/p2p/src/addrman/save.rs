//! The address book as bytes, for a file that the driver keeps.
//!
//! Layout: a version byte, the key, the number of entries, the entries (address, source, times, places in new), and a
//! SHA256d of all that. Tried entries find their place by the key again.

use super::entry::{BUCKET_SIZE, NEW_BUCKETS};
use super::{AddressBook, NEW_BUCKETS_PER_ADDRESS};
use crate::address::{read_entry_v2, write_entry_v2};
use crate::wire::{DecodeError, Reader, Writer};
use crate::{AddressEntry, PeerAddress, Time};
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::p2p::ServiceFlags;

const VERSION: u8 = 1;
/// More entries than the tables have places.
const MAX_ENTRIES: u64 = 100_000;

/// The bytes are not an address book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Too short, or changed since.
    #[error("checksum mismatch, data corrupted")]
    Checksum,
    /// Written by a later version.
    #[error("unsupported format of the address book: {0}")]
    Version(u8),
    /// Not what we write.
    #[error("corrupt address book: {0}")]
    Corrupt(String),
}

impl From<DecodeError> for BookError {
    fn from(error: DecodeError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl AddressBook {
    /// The book as bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut places = std::collections::HashMap::<_, Vec<usize>>::new();
        for (place, id) in self.new.iter().enumerate() {
            if let Some(id) = id {
                places.entry(*id).or_default().push(place);
            }
        }
        let mut writer = Writer::default();
        writer.u8(VERSION);
        writer.bytes(&self.key);
        writer.compact_size(self.entries.len() as u64);
        for id in &self.order {
            let entry = &self.entries[id];
            write_entry_v2(&mut writer, &entry.info);
            let source = PeerAddress::new(entry.source, 0);
            write_entry_v2(&mut writer, &AddressEntry { address: source, services: ServiceFlags::NONE, time: 0 });
            writer.i64(entry.last_success.micros());
            writer.u32(entry.attempts);
            writer.u8(u8::from(entry.in_tried));
            let places = places.get(id).map_or(&[][..], Vec::as_slice);
            writer.list(places, |writer, place| writer.u32((place / BUCKET_SIZE) as u32));
        }
        let mut bytes = writer.into_bytes();
        let checksum = sha256d::Hash::hash(&bytes);
        bytes.extend(checksum.to_byte_array());
        bytes
    }

    /// Reads a saved book; `seed` is for its randomness from now on.
    ///
    /// # Errors
    ///
    /// When the bytes are not what [`AddressBook::save`] gives.
    pub fn load(bytes: &[u8], seed: [u8; 32]) -> Result<Self, BookError> {
        let (body, checksum) = bytes.split_last_chunk::<32>().ok_or(BookError::Checksum)?;
        if sha256d::Hash::hash(body).to_byte_array() != *checksum {
            return Err(BookError::Checksum);
        }
        let mut reader = Reader::new(body);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(BookError::Version(version));
        }
        let mut book = Self::new(seed);
        book.key = reader.array()?;
        let count = reader.compact_size()?;
        if count > MAX_ENTRIES {
            return Err(BookError::Corrupt(format!("{count} entries, more than {MAX_ENTRIES}")));
        }
        for _ in 0..count {
            book.load_entry(&mut reader)?;
        }
        book.log.clear();
        Ok(book)
    }

    fn load_entry(&mut self, reader: &mut Reader<'_>) -> Result<(), BookError> {
        let info = read_entry_v2(reader)?;
        let source = read_entry_v2(reader)?.address.addr;
        let last_success = Time::from_micros(reader.i64()?);
        let attempts = reader.u32()?;
        let in_tried = reader.u8()? == 1;
        let buckets = reader.list(Reader::u32)?;
        if buckets.len() > NEW_BUCKETS_PER_ADDRESS as usize {
            return Err(BookError::Corrupt(format!("{} places, more than {NEW_BUCKETS_PER_ADDRESS}", buckets.len())));
        }
        if !info.address.is_valid() || self.find(&info.address).is_some() {
            return Ok(());
        }
        let id = self.create(info, source);
        let key = self.key;
        let entry = self.entries.get_mut(&id).expect("just created");
        entry.last_success = last_success;
        entry.attempts = attempts;
        if in_tried {
            let bucket = entry.tried_bucket(&key);
            let place = bucket * BUCKET_SIZE + entry.position(&key, false, bucket);
            if self.tried[place].is_none() {
                entry.in_tried = true;
                self.tried[place] = Some(id);
                *self.count(&info.address, false) -= 1;
                *self.count(&info.address, true) += 1;
                return Ok(());
            }
        }
        for bucket in buckets.into_iter().map(|bucket| bucket as usize).filter(|bucket| *bucket < NEW_BUCKETS) {
            let place = bucket * BUCKET_SIZE + self.entries[&id].position(&key, true, bucket);
            if self.new[place].is_none() {
                self.new[place] = Some(id);
                self.entries.get_mut(&id).expect("just created").references += 1;
            }
        }
        if self.entries[&id].references == 0 {
            // Its place is gone: it finds one as a newcomer does, or is forgotten.
            self.place_new(id, &source, Time::NEVER);
        }
        Ok(())
    }
}
