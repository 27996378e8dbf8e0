//! Blocks out of files: after `-reindex`, and from `-loadblock=`.
//!
//! `-reindex` sets the block files aside in `blocks/reindex/` and throws away what was derived from them. The files
//! stay there until all their blocks are in again, so that an interrupted import goes on at the next start.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Mask;

/// Longest block in a file: more than any valid block has.
const MAX_BLOCK: u32 = 4_000_000;

fn aside(blocks: &Path) -> PathBuf {
    blocks.join("reindex")
}

/// Sets the block files aside and removes what was derived from them.
///
/// # Errors
/// When the folder cannot be changed; then a second try does the rest.
pub(crate) fn set_aside(blocks: &Path, database: &Path) -> io::Result<()> {
    let aside = aside(blocks);
    fs::create_dir_all(&aside)?;
    // First what is derived: files without it are harmless, it without files is not.
    if database.exists() {
        fs::remove_dir_all(database)?;
    }
    for entry in fs::read_dir(blocks)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.starts_with("blk") && name.ends_with(".dat") {
            fs::rename(&path, free_name(&aside, &name))?;
        } else if name.starts_with("rev") && name.ends_with(".dat") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A name that an earlier, interrupted import has not taken.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.join(name);
    while path.exists() {
        let longer = path.file_name().map(|name| format!("{}.dat", name.to_string_lossy())).unwrap_or_default();
        path = folder.join(longer);
    }
    path
}

/// The files that were set aside, in their order.
pub(crate) fn files_aside(blocks: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(aside(blocks)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

/// Removes the files that were set aside, now that their blocks are in again.
///
/// # Errors
/// When they cannot be removed.
pub(crate) fn finish(blocks: &Path) -> io::Result<()> {
    let aside = aside(blocks);
    if aside.exists() { fs::remove_dir_all(aside) } else { Ok(()) }
}

/// A file as it was before it was masked.
struct Unmasked {
    file: File,
    offset: u64,
    mask: Mask,
}

impl Read for Unmasked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.mask.apply(self.offset, &mut buffer[..count]);
        self.offset += count as u64;
        Ok(count)
    }
}

/// Shows the bytes of each record of a block file; what is between records is skipped.
///
/// # Errors
/// When the file cannot be opened or read.
pub(crate) fn each_record(path: &Path, magic: [u8; 4], mask: Mask, visit: &mut dyn FnMut(Vec<u8>)) -> io::Result<()> {
    let file = Unmasked { file: File::open(path)?, offset: 0, mask };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut window = [0; 4];
    let mut filled = 0;
    loop {
        let mut byte = [0];
        if reader.read(&mut byte)? == 0 {
            return Ok(());
        }
        window.rotate_left(1);
        window[3] = byte[0];
        filled += 1;
        if filled < 4 || window != magic {
            continue;
        }
        filled = 0;
        let mut length = [0; 4];
        if reader.read_exact(&mut length).is_err() {
            return Ok(());
        }
        let length = u32::from_le_bytes(length);
        if (81..=MAX_BLOCK).contains(&length) {
            let mut bytes = vec![0; length as usize];
            if reader.read_exact(&mut bytes).is_err() {
                return Ok(());
            }
            visit(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_between_garbage_and_a_cut_off_one_ends_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blk00000.dat");
        let magic = [1, 2, 3, 4];
        let record = |fill: u8| [&magic[..], &100u32.to_le_bytes(), &[fill; 100]].concat();
        let garbage = [9, 1, 2, 1, 2, 3];
        fs::write(&path, [record(5), garbage.to_vec(), record(6), record(7)[..50].to_vec()].concat()).unwrap();
        let mut seen = Vec::new();
        each_record(&path, magic, Mask::default(), &mut |bytes| seen.push(bytes[0])).unwrap();
        assert_eq!(seen, [5, 6]);
    }

    #[test]
    fn files_stay_aside_until_the_import_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let (blocks, database) = (folder.path().join("blocks"), folder.path().join("chainstate"));
        fs::create_dir_all(&blocks).unwrap();
        fs::create_dir_all(&database).unwrap();
        for name in ["blk00000.dat", "rev00000.dat", "xor.dat"] {
            fs::write(blocks.join(name), b"x").unwrap();
        }
        set_aside(&blocks, &database).unwrap();
        assert!(!database.exists() && !blocks.join("rev00000.dat").exists() && blocks.join("xor.dat").exists());
        // Interrupted and begun again: nothing is written over.
        fs::write(blocks.join("blk00000.dat"), b"y").unwrap();
        set_aside(&blocks, &database).unwrap();
        assert_eq!(files_aside(&blocks).len(), 2);
        finish(&blocks).unwrap();
        assert!(files_aside(&blocks).is_empty());
    }
}
