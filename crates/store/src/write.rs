//! The writer: one thread, one connection, and the batches that wait for it.

use crate::error::translate;
use crate::read::{number, unsigned};
use pumasi_ledger::store::{Batch, Expected, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Savepoint, Transaction, TransactionBehavior, params};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most batches that may wait. The agent has a few under way; more means that it does not wait for its commits.
const MAX_WAITING: usize = 1_024;
/// Most batches in one SQLite transaction.
const MAX_GROUP: usize = 256;

type Outcome = Result<(), StoreError>;

struct Job {
    batch: Batch,
    done: oneshot::Sender<Outcome>,
}

pub(crate) struct Writer {
    /// `None` only while it is dropped.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(mut connection: Connection) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || run(&mut connection, &queue))
            .map_err(|error| StoreError::Failed(format!("no thread for the writer: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a batch at once. What is given back becomes ready when it is durable or refused.
    pub(crate) fn submit(&self, batch: Batch) -> Result<oneshot::Receiver<Outcome>, StoreError> {
        let (done, outcome) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.try_send(Job { batch, done }).map(|()| outcome).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

/// Waits until everything that was submitted is written.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's writer panicked");
        }
    }
}

pub(crate) fn stopped() -> StoreError {
    StoreError::Failed("the writer has stopped; open the ledger again".into())
}

fn run(connection: &mut Connection, queue: &Receiver<Job>) {
    let mut poison = None;
    while let Ok(first) = queue.recv() {
        let group: Vec<Job> = std::iter::once(first).chain(queue.try_iter().take(MAX_GROUP - 1)).collect();
        let (batches, waiting): (Vec<_>, Vec<_>) = group.into_iter().map(|job| (job.batch, job.done)).unzip();
        let outcomes = match &poison {
            Some(error) => Err(StoreError::clone(error)),
            None => write_group(connection, &batches),
        };
        // After a failed sync nobody knows what the disk holds: nothing more is written until the file is opened anew.
        if let Err(error @ (StoreError::Failed(_) | StoreError::Corrupt(_))) = &outcomes
            && poison.is_none()
        {
            tracing::error!(%error, "the ledger's storage failed; it takes no more writes");
            poison = Some(error.clone());
        }
        let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error); waiting.len()]);
        for (done, outcome) in waiting.into_iter().zip(outcomes) {
            // Nobody may be waiting any more; the batch is durable all the same.
            drop(done.send(outcome));
        }
    }
}

/// Writes the batches in one transaction. A refused batch fails alone; a failure of the storage fails them all.
fn write_group(connection: &mut Connection, batches: &[Batch]) -> Result<Vec<Outcome>, StoreError> {
    let mut tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(translate)?;
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        outcomes.push(write_batch(&mut tx, batch)?);
    }
    tx.commit().map_err(translate)?;
    if batches.iter().any(|batch| !batch.delete_slots.is_empty() || !batch.slots.is_empty()) {
        // The log still holds the slot of the old password: write it back and cut it off. Another reader may keep it
        // from being cut now; the next checkpoint does it.
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())) {
            tracing::warn!(%error, "the log with the old key slot could not be cut off yet");
        }
    }
    Ok(outcomes)
}

/// The outer error is the storage's; the inner one refuses this batch only.
fn write_batch(tx: &mut Transaction<'_>, batch: &Batch) -> Result<Outcome, StoreError> {
    if let Err(refusal) = batch.check() {
        return Ok(Err(refusal));
    }
    // Rolled back when dropped.
    let savepoint = tx.savepoint().map_err(translate)?;
    if let Some(refusal) = refusal(&savepoint, batch)? {
        return Ok(Err(refusal));
    }
    if !apply(&savepoint, batch).map_err(translate)? {
        return Ok(Err(StoreError::Malformed("the last key slot would go")));
    }
    savepoint.commit().map_err(translate)?;
    Ok(Ok(()))
}

/// Why this batch may not be written on what is stored.
fn refusal(savepoint: &Savepoint<'_>, batch: &Batch) -> Result<Option<StoreError>, StoreError> {
    let mut statement = savepoint.prepare_cached("SELECT sequence, generation FROM ledger").map_err(translate)?;
    let found = statement
        .query_row((), |row| Ok(Expected { sequence: unsigned(row, 0)?, generation: unsigned(row, 1)? }))
        .optional()
        .map_err(translate)?;
    if found != batch.expected {
        let (found, generation) = found.map_or((0, 0), |found| (found.sequence, found.generation));
        return Ok(Some(StoreError::Conflict { found, generation }));
    }
    let mut tags: Vec<_> = batch.entries.iter().filter_map(|entry| entry.once).collect();
    let mut statement = savepoint.prepare_cached("SELECT sequence FROM entry WHERE once = ?1").map_err(translate)?;
    for tag in &tags {
        let existing = statement.query_row([tag.0], |row| unsigned(row, 0)).optional().map_err(translate)?;
        if let Some(existing) = existing {
            return Ok(Some(StoreError::Duplicate { existing }));
        }
    }
    tags.sort_unstable();
    let twice = tags.windows(2).any(|pair| pair[0] == pair[1]);
    Ok(twice.then_some(StoreError::Malformed("two entries of the batch hold the same")))
}

/// Tells whether a key slot remains.
fn apply(savepoint: &Savepoint<'_>, batch: &Batch) -> rusqlite::Result<bool> {
    savepoint
        .prepare_cached("INSERT OR REPLACE INTO ledger (one, sequence, generation, head) VALUES (1, ?1, ?2, ?3)")?
        .execute(params![number(batch.sequence()), number(batch.generation), batch.head])?;
    for entry in &batch.entries {
        savepoint.prepare_cached("INSERT INTO entry (sequence, token, once) VALUES (?1, ?2, ?3)")?.execute(params![
            number(entry.sequence),
            entry.token,
            entry.once.map(|tag| tag.0)
        ])?;
        for tag in &entry.tags {
            savepoint
                .prepare_cached("INSERT OR IGNORE INTO tag (tag, sequence) VALUES (?1, ?2)")?
                .execute(params![tag.0, number(entry.sequence)])?;
        }
    }
    for (space, key, token) in &batch.cells {
        match token {
            Some(token) => savepoint
                .prepare_cached("INSERT OR REPLACE INTO cell (space, key, token) VALUES (?1, ?2, ?3)")?
                .execute(params![*space as u8, key.0, token])?,
            None => savepoint
                .prepare_cached("DELETE FROM cell WHERE space = ?1 AND key = ?2")?
                .execute(params![*space as u8, key.0])?,
        };
    }
    for slot in &batch.slots {
        savepoint
            .prepare_cached("INSERT OR REPLACE INTO slot (id, salt, rounds, token) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![slot.id, slot.salt, slot.rounds, slot.token])?;
    }
    for id in &batch.delete_slots {
        savepoint.prepare_cached("DELETE FROM slot WHERE id = ?1")?.execute([id])?;
    }
    savepoint.prepare_cached("SELECT EXISTS (SELECT 1 FROM slot)")?.query_row((), |row| row.get(0))
}
