//! Opening a `fjall` database, so that a crash while it is made leaves none instead of half of one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

/// A database and its keyspaces, in the order of their names.
pub(crate) type Opened<const N: usize> = (Database, [Keyspace; N]);

/// Opens a database, or makes it: first aside, then renamed.
///
/// # Errors
/// When the folder cannot be used, or what is in it is damaged.
pub(crate) fn open<const N: usize>(path: &Path, cache_size: u64, names: [&str; N]) -> Result<Opened<N>, fjall::Error> {
    if !path.exists() {
        let aside = path.with_extension("new");
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        let (database, keyspaces) = open_in_place(&aside, cache_size, names)?;
        database.persist(PersistMode::SyncAll)?;
        drop((database, keyspaces));
        fs::rename(&aside, path)?;
        sync_parent(path)?;
    }
    open_in_place(path, cache_size, names)
}

fn open_in_place<const N: usize>(path: &Path, cache_size: u64, names: [&str; N]) -> Result<Opened<N>, fjall::Error> {
    let database =
        Database::builder(path).cache_size(cache_size).manual_journal_persist(true).worker_threads(1).open()?;
    let mut keyspaces = Vec::with_capacity(N);
    for name in names {
        keyspaces.push(database.keyspace(name, KeyspaceCreateOptions::default)?);
    }
    let keyspaces =
        <[Keyspace; N]>::try_from(keyspaces).unwrap_or_else(|_| unreachable!("one was pushed for each name"));
    Ok((database, keyspaces))
}

/// Makes a rename durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = (path, File::open);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_of_a_new_database_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chainstate");
        let half = folder.path().join("chainstate.new");
        fs::create_dir_all(half.join("keyspaces")).unwrap();
        let (database, [one, _]) = open(&path, 1 << 20, ["one", "two"]).unwrap();
        one.insert("key", "value").unwrap();
        database.persist(PersistMode::SyncAll).unwrap();
        drop((database, one));
        let (_, [one, _]) = open(&path, 1 << 20, ["one", "two"]).unwrap();
        assert_eq!(&*one.get("key").unwrap().unwrap(), b"value");
        assert!(!half.exists());
    }
}
