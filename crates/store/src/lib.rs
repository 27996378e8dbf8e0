//! The ledger's store on disk: one SQLite file in WAL mode, synced in full at every commit.
//!
//! A thread of its own writes. Batches that wait when it comes round become durable together, in one SQLite transaction
//! with a savepoint for each, so that many payments cost one sync of the disk, and one refused batch fails alone. Reads go
//! through a second connection, on the calling thread: each is one page at most, and takes well under a millisecond a row.
//!
//! SQLite's own files hold nothing readable: every token is encrypted by the ledger. What the file does show is counts,
//! sizes, the order of writing, and which entries share a person or a transfer (not which person).

mod error;
mod file;
mod read;
mod schema;
mod write;

use pumasi_ledger::store::{Batch, Header, Space, Store, StoreError, StoredCell, StoredEntry, Tag};
use rusqlite::Connection;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use write::Writer;

/// A ledger's file. Clones share it; dropping the last one waits for the writer and closes the file.
#[derive(Clone)]
pub struct SqliteStore {
    /// Closed before the writer: the last connection to close writes the log back, and a reader may not.
    reader: Arc<Mutex<Connection>>,
    /// `None` when open for reading only.
    writer: Option<Arc<Writer>>,
}

impl SqliteStore {
    /// Opens a ledger's file for reading and writing, or makes it (readable by its owner only).
    ///
    /// # Errors
    /// [`StoreError::NotALedger`], [`StoreError::Newer`], [`StoreError::Corrupt`], [`StoreError::Busy`],
    /// [`StoreError::Failed`]. Nothing was changed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = file::open_for_writing(path)?;
        let reader = file::open_for_reading(path)?;
        let writer = Writer::start(connection)?;
        Ok(Self { writer: Some(Arc::new(writer)), reader: Arc::new(Mutex::new(reader)) })
    }

    /// Opens a ledger's file for reading, beside the process that writes it.
    ///
    /// # Errors
    /// As [`open`](Self::open); a file that is not there is [`StoreError::Failed`].
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { writer: None, reader: Arc::new(Mutex::new(file::open_for_reading(path)?)) })
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().expect("no code panics while it holds the lock")
    }
}

impl Store for SqliteStore {
    async fn header(&self) -> Result<Option<Header>, StoreError> {
        read::header(&self.reader())
    }

    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + Send + 'static + use<> {
        let handed = self.writer.as_ref().ok_or(StoreError::ReadOnly).and_then(|writer| writer.submit(batch));
        async move { handed?.await.unwrap_or_else(|_| Err(write::stopped())) }
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        read::entries(&self.reader(), from, limit)
    }

    async fn find(&self, tag: Tag, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        read::find(&self.reader(), tag, from, limit)
    }

    async fn cell(&self, space: Space, key: Tag) -> Result<Option<Vec<u8>>, StoreError> {
        read::cell(&self.reader(), space, key)
    }

    async fn cells(&self, space: Space, after: Option<Tag>, limit: u32) -> Result<Vec<StoredCell>, StoreError> {
        read::cells(&self.reader(), space, after, limit)
    }
}
