//! What masks the block files, so that no virus scanner finds in them what somebody put into a block (`-blocksxor`).
//!
//! The key is that of Bitcoin Core's `xor.dat`: eight bytes, repeated over the whole file. Zeros mask nothing.

use std::fs;
use std::path::Path;

use pumasi_chain::store::StoreError;

use super::private;

/// Name of the key's file.
const FILE_NAME: &str = "xor.dat";

/// The key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mask([u8; 8]);

impl Mask {
    /// The key of a folder of block files. A new folder gets one by chance, or zeros where it is not wanted; files that
    /// were there before are not masked.
    ///
    /// # Errors
    /// When the key cannot be read or written, or is there and not wanted.
    pub(crate) fn open(folder: &Path, wanted: bool) -> Result<Self, StoreError> {
        let path = folder.join(FILE_NAME);
        if let Ok(bytes) = fs::read(&path) {
            let key = bytes.try_into().map_err(|_| StoreError::corrupt("xor.dat", "it has not 8 bytes"))?;
            if !wanted && key != [0; 8] {
                return Err(StoreError::failed(
                    "opening the block files",
                    std::io::Error::other(format!(
                        "The blocksdir XOR-key can not be disabled when a random key was already stored! Stored key: \
                         '{}', stored path: '{}'.",
                        hex::encode(key),
                        path.display()
                    )),
                ));
            }
            return Ok(Self(key));
        }
        let mut key = [0; 8];
        if wanted && !private::has_file(folder, "blk", ".dat") {
            getrandom::fill(&mut key).expect("the system gives random bytes");
        }
        fs::write(&path, key).map_err(|error| StoreError::failed("writing xor.dat", error))?;
        Ok(Self(key))
    }

    /// Masks or unmasks bytes that are at `offset` of a file.
    pub(crate) fn apply(self, offset: u64, bytes: &mut [u8]) {
        if self.0 == [0; 8] {
            return;
        }
        let mut key = self.0;
        key.rotate_left(usize::try_from(offset % 8).unwrap_or(0));
        // Eight at a time: blocks are megabytes.
        let word = u64::from_ne_bytes(key);
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(key) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_goes_by_the_place_in_the_file() {
        let mask = Mask([1, 2, 3, 4, 5, 6, 7, 8]);
        let mut whole = [0; 20];
        mask.apply(0, &mut whole);
        let mut part = [0; 9];
        mask.apply(5, &mut part);
        assert_eq!(part, whole[5..14]);
        mask.apply(5, &mut part);
        assert_eq!(part, [0; 9]);
    }

    #[test]
    fn a_key_is_made_once_and_files_that_were_there_stay_readable() {
        let folder = tempfile::tempdir().unwrap();
        let first = Mask::open(folder.path(), true).unwrap();
        assert_ne!(first, Mask::default());
        assert_eq!(Mask::open(folder.path(), true).unwrap(), first);
        assert!(Mask::open(folder.path(), false).is_err());
        let old = tempfile::tempdir().unwrap();
        fs::write(old.path().join("blk00000.dat"), b"x").unwrap();
        assert_eq!(Mask::open(old.path(), true).unwrap(), Mask::default());
        fs::write(old.path().join(FILE_NAME), b"short").unwrap();
        assert!(Mask::open(old.path(), true).is_err());
    }
}
