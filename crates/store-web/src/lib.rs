//! The ledger's store in a browser: one IndexedDB database for each identity.
//!
//! A commit is one IndexedDB transaction with `durability: "strict"`: it happens whole or not at all, and when its future
//! is ready the browser has flushed it to the disk. Transactions that write run in the order in which they were made, so
//! batches take effect in the order of the calls.
//!
//! The database holds nothing readable: tokens are encrypted by the ledger, and the key files beside them with the
//! password. The browser may throw it away when the disk is full, unless the page has asked to keep it
//! (`navigator.storage.persist`), and whoever clears the site's data clears it: it is no backup.
//!
//! Two pages on one database would be noticed at the second one's first commit, which is refused; the agent holds a lock so
//! that it does not come to that.
#![cfg(target_arch = "wasm32")]

mod files;
mod header;
mod idb;
mod read;
mod write;

use idb::Database;
use pumasi_ledger::store::{Batch, Header, Space, Store, StoreError, StoredCell, StoredEntry, Tag};
use std::future::Future;
use std::rc::Rc;

/// One identity's database. Clones share it; dropping the last one closes it.
#[derive(Clone)]
pub struct WebStore {
    database: Rc<Database>,
}

impl WebStore {
    /// Opens the database of this name, or makes it.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Full`], [`StoreError::Busy`] when a page with an older format has it open, and
    /// [`StoreError::Failed`] where the browser keeps nothing (some private modes).
    pub async fn open(name: &str) -> Result<Self, StoreError> {
        Ok(Self { database: Rc::new(Database::open(name).await?) })
    }

    /// Removes the database of this name with everything in it; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another page has it open, [`StoreError::Failed`].
    pub async fn remove(name: &str) -> Result<(), StoreError> {
        Database::remove(name).await
    }
}

impl Store for WebStore {
    async fn header(&self) -> Result<Option<Header>, StoreError> {
        read::header(&self.database).await
    }

    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + 'static + use<> {
        write::commit(&self.database, batch)
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        read::entries(&self.database, from, limit).await
    }

    async fn find(&self, tag: Tag, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        read::find(&self.database, tag, from, limit).await
    }

    async fn cell(&self, space: Space, key: Tag) -> Result<Option<Vec<u8>>, StoreError> {
        read::cell(&self.database, space, key).await
    }

    async fn cells(&self, space: Space, after: Option<Tag>, limit: u32) -> Result<Vec<StoredCell>, StoreError> {
        read::cells(&self.database, space, after, limit).await
    }
}
