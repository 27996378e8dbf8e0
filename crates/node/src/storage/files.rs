//! The block files: numbered, appended to, in the framing of Bitcoin Core's `blk` and `rev` files.
//!
//! Each record is the network's magic, a length (little endian), the bytes, and for undo data a checksum.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use bitcoin::hashes::{Hash, HashEngine, sha256d};

use super::Mask;

/// Bytes before each record.
pub(super) const HEADER_LENGTH: u64 = 8;
/// Bytes after the undo data.
const CHECKSUM_LENGTH: u64 = 32;
/// No record is longer: a block weighs at most 4 million units, and its undo data stays below this too.
const MAX_RECORD_LENGTH: u32 = 32_000_000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Block,
    Undo,
}

/// The files of one folder.
#[derive(Debug)]
pub(super) struct BlockFiles {
    folder: PathBuf,
    magic: [u8; 4],
    mask: Mask,
    /// Files written since the last [`BlockFiles::sync`].
    unsynced: Vec<(Kind, u32, File)>,
}

impl BlockFiles {
    pub(super) fn new(folder: PathBuf, magic: [u8; 4], mask: Mask) -> Self {
        Self { folder, magic, mask, unsynced: Vec::new() }
    }

    /// Where a file is.
    pub(super) fn path(&self, kind: Kind, number: u32) -> PathBuf {
        let name = match kind {
            Kind::Block => "blk",
            Kind::Undo => "rev",
        };
        self.folder.join(format!("{name}{number:05}.dat"))
    }

    /// Writes a record at `offset` of a file; the offset behind it.
    ///
    /// What the file has beyond `offset` is left over from a crash and is overwritten.
    pub(super) fn write(&mut self, kind: Kind, number: u32, offset: u64, bytes: &[u8], salt: &[u8]) -> io::Result<u64> {
        let path = self.path(kind, number);
        let known = self.unsynced.iter().position(|(of, at, _)| (*of, *at) == (kind, number));
        let index = match known {
            Some(index) => index,
            None => {
                let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
                self.unsynced.push((kind, number, file));
                self.unsynced.len() - 1
            }
        };
        let length = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut record = Vec::with_capacity(bytes.len() + 40);
        record.extend_from_slice(&self.magic);
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(bytes);
        if kind == Kind::Undo {
            record.extend_from_slice(&checksum(salt, bytes));
        }
        self.mask.apply(offset, &mut record);
        let file = &mut self.unsynced[index].2;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(&record)?;
        Ok(offset + record.len() as u64)
    }

    /// Reads the record at `offset`; the text tells what is damaged.
    pub(super) fn read(&self, kind: Kind, number: u32, offset: u64, salt: &[u8]) -> Result<Vec<u8>, ReadError> {
        let path = self.path(kind, number);
        let damaged = |what: &str| ReadError::Damaged(format!("{} at {offset}: {what}", path.display()));
        let mut file = File::open(&path).map_err(ReadError::Io)?;
        file.seek(SeekFrom::Start(offset)).map_err(ReadError::Io)?;
        let mut header = [0; HEADER_LENGTH as usize];
        file.read_exact(&mut header).map_err(|_| damaged("the file ends early"))?;
        self.mask.apply(offset, &mut header);
        if header[..4] != self.magic {
            return Err(damaged("no record begins here"));
        }
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if length > MAX_RECORD_LENGTH {
            return Err(damaged("a record is longer than 32,000,000 bytes"));
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes).map_err(|_| damaged("the file ends early"))?;
        let start = offset + HEADER_LENGTH;
        self.mask.apply(start, &mut bytes);
        if kind == Kind::Undo {
            let mut stored = [0; CHECKSUM_LENGTH as usize];
            file.read_exact(&mut stored).map_err(|_| damaged("the file ends early"))?;
            self.mask.apply(start + u64::from(length), &mut stored);
            if stored != checksum(salt, &bytes) {
                return Err(damaged("the checksum does not fit"));
            }
        }
        Ok(bytes)
    }

    /// Makes all that was written durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        for (_, _, file) in &self.unsynced {
            file.sync_data()?;
        }
        self.unsynced.clear();
        Ok(())
    }

    /// Removes both files of a number.
    pub(super) fn remove(&mut self, number: u32) -> io::Result<()> {
        self.unsynced.retain(|(_, at, _)| *at != number);
        for kind in [Kind::Block, Kind::Undo] {
            match fs::remove_file(self.path(kind, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The length of a file; 0 when there is none.
    pub(super) fn length(&self, kind: Kind, number: u32) -> io::Result<u64> {
        match fs::metadata(self.path(kind, number)) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Why a record could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    Damaged(String),
}

/// Binds undo data to its block.
fn checksum(salt: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut engine = sha256d::Hash::engine();
    engine.input(salt);
    engine.input(bytes);
    sha256d::Hash::from_engine(engine).to_byte_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_written_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut files =
            BlockFiles::new(folder.path().to_owned(), [1, 2, 3, 4], Mask::open(folder.path(), true).unwrap());
        let end = files.write(Kind::Block, 0, 0, b"first", b"").unwrap();
        assert_eq!(end, 13);
        files.write(Kind::Block, 0, end, b"second", b"").unwrap();
        files.write(Kind::Undo, 0, 0, b"undo", b"block").unwrap();
        files.sync().unwrap();
        assert_eq!(files.read(Kind::Block, 0, end, b"").unwrap(), b"second");
        assert_eq!(files.read(Kind::Undo, 0, 0, b"block").unwrap(), b"undo");
        let damaged = |result| matches!(result, Err(ReadError::Damaged(_)));
        assert!(damaged(files.read(Kind::Undo, 0, 0, b"other block")));
        assert!(damaged(files.read(Kind::Block, 0, 1, b"")));
        assert!(damaged(files.read(Kind::Block, 0, 5000, b"")));
        assert!(matches!(files.read(Kind::Block, 7, 0, b""), Err(ReadError::Io(_))));
    }
}
