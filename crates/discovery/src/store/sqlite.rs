//! The store in one SQLite file: the default.
//!
//! A thread of its own writes; the writes that wait when it comes round become durable together. Reads run on a pool of
//! connections beside it (WAL), each with a deadline.

mod query;
mod read;
mod schema;
mod write;

use super::job::Job;
use super::{Counts, Mirrored, Page, Position, Store, StoreError};
use crate::operation::SignedOperation;
use crate::state::{Effect, Refusal};
use crate::text::Plan;
use crate::wire::{CategoryCount, ExportPage};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use rusqlite::{Connection, Error, ErrorCode};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use write::Writer;

/// Connections that read.
const READERS: usize = 8;
/// How long a read may wait for one of them.
const READER_WAIT: Duration = Duration::from_secs(5);

/// A directory's file. Clones share it; dropping the last one waits for the writer and closes the file.
#[derive(Clone)]
pub struct SqliteStore {
    readers: Arc<Readers>,
    writer: Arc<Writer>,
}

struct Readers {
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteStore {
    /// Opens `directory.db` in a folder, or makes it (readable by its owner only).
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("directory.db");
        let connection = schema::open_for_writing(&path)?;
        let readers = (0..READERS).map(|_| schema::open_for_reading(&path)).collect::<Result<_, _>>()?;
        let readers = Readers { permits: Semaphore::new(READERS), idle: Mutex::new(readers) };
        Ok(Self { readers: Arc::new(readers), writer: Arc::new(Writer::start(connection)?) })
    }

    /// Runs a read on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let permit = tokio::time::timeout(READER_WAIT, readers.permits.acquire());
        let _permit = permit.await.map_err(|_| StoreError::Busy)?.map_err(|_| StoreError::Busy)?;
        let shared = Arc::clone(&self.readers);
        let read = tokio::task::spawn_blocking(move || {
            let idle = || shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut connection = idle().pop().ok_or(StoreError::Busy)?;
            let read = read(&mut connection);
            idle().push(connection);
            read
        });
        read.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }
}

impl Store for SqliteStore {
    async fn apply(&self, operation: SignedOperation, now: Timestamp) -> Result<Result<Effect, Refusal>, StoreError> {
        self.writer.submit(|done| Job::Apply { operation: Box::new(operation), now, done }).await
    }

    async fn mirror(
        &self,
        source: String,
        operations: Vec<SignedOperation>,
        next: u64,
        now: Timestamp,
    ) -> Result<Mirrored, StoreError> {
        self.writer.submit(|done| Job::Mirror { source, operations, next, now, done }).await
    }

    async fn mirrored(&self, source: String) -> Result<u64, StoreError> {
        self.read(move |connection| read::mirrored(connection, &source)).await
    }

    async fn search(&self, plan: Plan, from: Position, limit: u32, now: Timestamp) -> Result<Page, StoreError> {
        self.read(move |connection| read::search(connection, &plan, from, limit, now)).await
    }

    async fn entry(&self, did: Did, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.read(move |connection| read::entry(connection, &did, now)).await
    }

    async fn categories(&self, limit: u32, now: Timestamp) -> Result<Vec<CategoryCount>, StoreError> {
        self.read(move |connection| read::categories(connection, limit, now)).await
    }

    async fn export(&self, after: u64, limit: u32) -> Result<ExportPage, StoreError> {
        self.read(move |connection| read::export(connection, after, limit)).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.submit(|done| Job::Sweep { now, done }).await
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        self.read(move |connection| read::counts(connection, now)).await
    }
}

/// What a failure of SQLite means here.
fn translate(error: Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt(text),
        Some(ErrorCode::NotADatabase) => StoreError::NotADirectory("the file".into()),
        Some(_) => StoreError::Failed(text),
        None => StoreError::Corrupt(text),
    }
}
