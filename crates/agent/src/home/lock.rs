//! One writer per folder: an advisory lock that says who holds it.

use crate::home::HomeError;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// How long a look at the lock may seem to hold it.
const GLANCE: Duration = Duration::from_millis(20);

/// Who holds a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// What it was started to do, such as `listen`.
    pub doing: String,
}

/// The lock, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder for a purpose.
    ///
    /// # Errors
    /// [`HomeError::Held`] with the holder when another process has it.
    pub fn take(folder: &Path, doing: &str) -> Result<Self, HomeError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(HomeError::io("open", &path))?;
        // Whoever asks for the holder has the lock for an instant.
        let taken = file.try_lock().or_else(|_| {
            std::thread::sleep(GLANCE);
            file.try_lock()
        });
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HomeError::Held { holder: read_holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(HomeError::io("lock", &path)(source)),
        }
        let holder = Holder { pid: std::process::id(), doing: doing.to_owned() };
        let text = serde_json::to_string(&holder).expect("a holder is plain data");
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(HomeError::io("write", &path))?;
        Ok(Self { _file: file })
    }

    /// Who holds a folder now, without taking it. `None` when nobody does, whatever an earlier holder left in the file.
    #[must_use]
    pub fn holder(folder: &Path) -> Option<Holder> {
        let mut file = File::open(folder.join("lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_holder(&mut file),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

/// The holder, where the file says one; it is written just after the lock is taken, so it can be missing for a moment.
fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_holds_it_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path(), "listen").unwrap();

        let refused = Lock::take(folder.path(), "pay").unwrap_err();
        assert!(
            matches!(&refused, HomeError::Held { holder: Some(holder) } if holder.doing == "listen" && holder.pid == std::process::id()),
            "{refused:?}"
        );

        drop(first);
        Lock::take(folder.path(), "pay").unwrap();
    }

    #[test]
    fn the_holder_is_named_only_while_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(folder.path()), None, "nobody was ever here");

        let lock = Lock::take(folder.path(), "listen").unwrap();
        assert_eq!(Lock::holder(folder.path()), Some(Holder { pid: std::process::id(), doing: "listen".into() }));

        drop(lock);
        assert_eq!(Lock::holder(folder.path()), None, "the file still names the last one");
    }
}
