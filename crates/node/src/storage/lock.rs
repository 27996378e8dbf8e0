//! One process per folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a folder is not ours. Nothing in it was touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process works with the folder.
    #[error("Cannot obtain a lock on directory {}. Pumasi is probably already running.", .folder.display())]
    Held {
        /// The folder; the file `.lock` in it says which process that is.
        folder: PathBuf,
    },
    /// The folder cannot be written.
    #[error("Cannot write to directory '{}'; check permissions.", .0.display())]
    Unwritable(PathBuf),
}

/// Holds a folder until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder.
    ///
    /// # Errors
    /// [`LockError`] when another process has it, or it cannot be written.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(".lock");
        let unwritable = |_| LockError::Unwritable(folder.to_owned());
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { folder: folder.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        let told = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        told.map_err(unwritable)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_refused_and_the_file_says_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("Cannot obtain a lock on directory"), "{error}");
        let holder = std::fs::read_to_string(folder.path().join(".lock")).unwrap();
        assert_eq!(holder.trim(), std::process::id().to_string());
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
