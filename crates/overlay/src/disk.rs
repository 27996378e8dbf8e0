//! The records on disk. SQLite, which the workspace carries anyway for the ledger: one file, atomic, and a torn write
//! of a killed node cannot cost the records before it. A thread of its own does the writing and puts everything that
//! waits into one transaction, so the node never waits for a disk.

use crate::record::RecordKey;
use crate::set::{Name, SetKey};
use crate::table::Giver;
use crate::{OverlayError, address::NodeId};
use libp2p::PeerId;
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Changes that may wait for the disk; when it is that far behind, records are refused.
const QUEUE: usize = 1_024;
/// Changes written in one transaction.
const BATCH: usize = 256;

pub(crate) enum Change {
    Put { key: RecordKey, value: Vec<u8>, giver: Giver },
    Delete(RecordKey),
    PutEntry { key: SetKey, name: Name, value: Vec<u8>, giver: Giver },
    DeleteEntry { key: SetKey, name: Name },
}

/// What a file held.
pub(crate) struct Loaded {
    pub(crate) records: Vec<Row>,
    pub(crate) entries: Vec<Row>,
}

/// A record, or an entry of a set, as it was when the node stopped; nothing in it has been checked.
pub(crate) struct Row {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) giver: Option<NodeId>,
    /// Of an entry.
    pub(crate) name: Option<Name>,
}

pub(crate) struct Disk {
    /// `None` once closed.
    queue: Option<SyncSender<Change>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// Opens or makes the file and reads what it holds.
    pub(crate) fn open(path: &Path) -> Result<(Self, Loaded), OverlayError> {
        let failed = |reason: String| OverlayError::Store { path: path.display().to_string(), reason };
        let connection = connect(path).map_err(|e| failed(e.to_string()))?;
        let load = |query| load(&connection, query).map_err(|e| failed(e.to_string()));
        let loaded = Loaded {
            records: load("SELECT key, value, giver, NULL FROM record")?,
            entries: load("SELECT key, value, giver, name FROM entry")?,
        };
        let (queue, changes) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("overlay-store".to_owned())
            .spawn(move || write(connection, &changes))
            .map_err(|e| failed(e.to_string()))?;
        Ok((Self { queue: Some(queue), writer: Some(writer) }, loaded))
    }

    /// Queues a change. `false` when the disk is too far behind, or has failed.
    pub(crate) fn push(&self, change: Change) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.try_send(change).is_ok())
    }

    /// Ends the queue and hands out the thread that empties it; joining it means that everything is written.
    pub(crate) fn close(&mut self) -> Option<JoinHandle<()>> {
        self.queue = None;
        self.writer.take()
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // Records are soft state, put again by their owners: a power cut may cost the last ones, never the file.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS record (key BLOB PRIMARY KEY, value BLOB NOT NULL, giver BLOB) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS entry (key BLOB, name BLOB, value BLOB NOT NULL, giver BLOB, PRIMARY KEY (key, name))
         WITHOUT ROWID",
    )?;
    Ok(connection)
}

fn load(connection: &Connection, query: &str) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare(query)?;
    let rows = statement.query_map([], |row| {
        // A cell of another type becomes bytes that no check lets through.
        let bytes = |column| row.get_ref(column).ok()?.as_bytes().ok().map(<[u8]>::to_vec);
        let giver = bytes(2).and_then(|bytes| PeerId::from_bytes(&bytes).ok()).map(NodeId);
        let name = bytes(3).and_then(|bytes| bytes.try_into().ok());
        Ok(Row { key: bytes(0).unwrap_or_default(), value: bytes(1).unwrap_or_default(), giver, name })
    })?;
    rows.collect()
}

fn write(mut connection: Connection, changes: &Receiver<Change>) {
    while let Ok(first) = changes.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(changes.try_iter().take(BATCH - 1)).collect();
        if let Err(error) = apply(&mut connection, &batch) {
            // A failed disk ends persistence; dropping the receiver makes every later put fail.
            tracing::error!(%error, "the record store cannot be written");
            return;
        }
    }
}

fn giver_bytes(giver: &Giver) -> Option<Vec<u8>> {
    match giver {
        Giver::Own => None,
        Giver::Peer(peer) => Some(peer.to_bytes()),
    }
}

fn apply(connection: &mut Connection, batch: &[Change]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for change in batch {
        match change {
            Change::Put { key, value, giver } => {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO record (key, value, giver) VALUES (?1, ?2, ?3)")?
                    .execute(params![key.to_bytes(), value, giver_bytes(giver)])?;
            }
            Change::Delete(key) => {
                transaction.prepare_cached("DELETE FROM record WHERE key = ?1")?.execute(params![key.to_bytes()])?;
            }
            Change::PutEntry { key, name, value, giver } => {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO entry (key, name, value, giver) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![key.to_bytes(), name, value, giver_bytes(giver)])?;
            }
            Change::DeleteEntry { key, name } => {
                transaction
                    .prepare_cached("DELETE FROM entry WHERE key = ?1 AND name = ?2")?
                    .execute(params![key.to_bytes(), name])?;
            }
        }
    }
    transaction.commit()
}
