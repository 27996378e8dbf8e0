//! The writer: one thread, one connection, and the writes that wait for it.

use super::translate;
use crate::operation::SignedOperation;
use crate::state::{Effect, Known, Refusal, decide, decide_mirrored};
use crate::store::job::{Done, Job, MAX_GROUP, MAX_WAITING};
use crate::store::{
    KEEP_ENDED, KEEP_REPLACED, Kind, Mirrored, SWEEP, StoreError, extended_body, listed_body, number, unsigned,
};
use crate::text::{Indexed, category_key};
use pumasi_crypto::hash::Digest;
use pumasi_units::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

pub(super) struct Writer {
    /// `None` only while it is dropped.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("directory-writer".into())
            .spawn(move || run(&mut connection, &queue))
            .map_err(|error| StoreError::Failed(format!("no thread for the writer: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a write at once; ready when it is durable or refused.
    pub(super) async fn submit<T>(&self, job: impl FnOnce(Done<T>) -> Job) -> Result<T, StoreError> {
        let (done, outcome) = oneshot::channel();
        let stopped = || StoreError::Failed("the writer has stopped; open the directory again".into());
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.try_send(job(done)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => stopped(),
        })?;
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Waits until everything that was submitted is written.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the directory's writer panicked");
        }
    }
}

fn run(connection: &mut Connection, queue: &Receiver<Job>) {
    let mut poison: Option<StoreError> = None;
    while let Ok(first) = queue.recv() {
        let group: Vec<Job> = std::iter::once(first).chain(queue.try_iter().take(MAX_GROUP - 1)).collect();
        match &poison {
            Some(error) => group.into_iter().for_each(|job| job.refuse(error.clone())),
            None => poison = write_group(connection, group),
        }
    }
}

/// Writes in one transaction, and answers only after it is durable. A failure of the storage fails all of them.
///
/// After a failed sync nobody knows what the disk holds: then it gives the error, and nothing more may be written until the
/// file is opened anew.
fn write_group(connection: &mut Connection, group: Vec<Job>) -> Option<StoreError> {
    let mut answers: Vec<Box<dyn FnOnce(Option<StoreError>)>> = Vec::with_capacity(group.len());
    let mut failure = None;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(translate);
    let tx = tx.map_err(|error| failure = Some(error)).ok();
    for job in group {
        match job {
            Job::Apply { operation, now, done } => {
                let work = |tx: &Transaction<'_>| apply(tx, &operation, now, false);
                answers.push(attempt(tx.as_ref(), &mut failure, work, done));
            }
            Job::Mirror { source, operations, next, now, done } => {
                let work = |tx: &Transaction<'_>| mirror(tx, &source, &operations, next, now);
                answers.push(attempt(tx.as_ref(), &mut failure, work, done));
            }
            Job::Sweep { now, done } => {
                answers.push(attempt(tx.as_ref(), &mut failure, |tx| sweep(tx, now), done));
            }
        }
    }
    let mut unsynced = None;
    // Dropped without a commit, it is rolled back.
    if failure.is_none()
        && let Some(tx) = tx
    {
        failure = tx.commit().map_err(translate).err();
        unsynced = failure.clone().filter(|error| matches!(error, StoreError::Failed(_) | StoreError::Corrupt(_)));
    }
    if let Some(error) = &failure {
        tracing::error!(%error, "writes were not kept");
    }
    for answer in answers {
        answer(failure.clone());
    }
    unsynced
}

/// Does one write of the group, unless one before it failed; what is given back answers it.
fn attempt<T: 'static>(
    tx: Option<&Transaction<'_>>,
    failure: &mut Option<StoreError>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    done: Done<T>,
) -> Box<dyn FnOnce(Option<StoreError>)> {
    let result = match (tx, &failure) {
        (Some(tx), None) => work(tx),
        _ => Err(StoreError::Busy),
    };
    if let Err(error) = &result
        && failure.is_none()
    {
        *failure = Some(error.clone());
    }
    // Nobody may be waiting any more; it is durable all the same.
    Box::new(move |failure| drop(done.send(failure.map_or(result, Err))))
}

/// A row of `entry`.
struct Row {
    id: i64,
    known: Known,
    body: Option<String>,
}

fn row(tx: &Transaction<'_>, did: &[u8; 32]) -> rusqlite::Result<Option<Row>> {
    tx.prepare_cached("SELECT id, sequence, last, listing, expires, body FROM entry WHERE did = ?1")?
        .query_row([did], |row| {
            let known = Known {
                sequence: unsigned(row.get(1)?),
                last: Digest(row.get(2)?),
                listing: row.get::<_, Option<[u8; 32]>>(3)?.map(Digest),
                expires: Timestamp(unsigned(row.get(4)?)),
            };
            Ok(Row { id: row.get(0)?, known, body: row.get(5)? })
        })
        .optional()
}

fn apply(
    tx: &Transaction<'_>,
    operation: &SignedOperation,
    now: Timestamp,
    mirrored: bool,
) -> Result<Result<Effect, Refusal>, StoreError> {
    let found = row(tx, operation.did().public()).map_err(translate)?;
    let known = found.as_ref().map(|row| &row.known);
    let decided = if mirrored { decide_mirrored(known, operation, now) } else { decide(known, operation, now) };
    let Ok(effect) = decided else { return Ok(decided) };
    log(tx, operation, effect, now).map_err(translate)?;
    match (effect, found) {
        (Effect::Extend, Some(row)) => {
            let body = extended_body(row.body.as_deref().unwrap_or_default(), operation)?;
            extend(tx, row.id, operation, &body).map_err(translate)?;
        }
        (Effect::List, found) => {
            let body = listed_body(operation)?;
            list(tx, found, operation, &body, now).map_err(translate)?;
        }
        (Effect::Remove, found) => remove(tx, found, operation).map_err(translate)?,
        (Effect::Extend, None) => return Err(StoreError::Failed("nothing to extend".into())),
    }
    Ok(Ok(effect))
}

/// Writes to the log what is in force now, and what no longer is.
fn log(tx: &Transaction<'_>, operation: &SignedOperation, effect: Effect, now: Timestamp) -> rusqlite::Result<()> {
    let did = operation.did();
    tx.prepare_cached("DELETE FROM operation WHERE did = ?1 AND kind = ?2")?
        .execute(params![did.public(), Kind::Heartbeat as u8])?;
    if effect != Effect::Extend {
        tx.prepare_cached("UPDATE operation SET superseded = ?2 WHERE did = ?1 AND superseded IS NULL")?
            .execute(params![did.public(), number(now.0)])?;
    }
    tx.prepare_cached("INSERT INTO operation (at, did, kind, proof) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        number(now.0),
        did.public(),
        Kind::from(effect) as u8,
        operation.as_str()
    ])?;
    Ok(())
}

fn extend(tx: &Transaction<'_>, id: i64, operation: &SignedOperation, body: &str) -> rusqlite::Result<()> {
    let said = operation.operation();
    tx.prepare_cached("UPDATE entry SET sequence = ?2, last = ?3, expires = ?4, body = ?5 WHERE id = ?1")?
        .execute(params![id, number(said.sequence), operation.id().0, number(said.expires.0), body])?;
    Ok(())
}

fn list(
    tx: &Transaction<'_>,
    found: Option<Row>,
    operation: &SignedOperation,
    body: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let said = operation.operation();
    let standing = found.as_ref().filter(|row| row.known.listing.is_some() && row.known.expires > now);
    // Whoever stands keeps their place; whoever comes back begins at the end.
    let kept = standing.map(|row| row.id);
    if let Some(row) = found {
        forget(tx, row.id)?;
    }
    tx.prepare_cached(
        "INSERT INTO entry (id, did, sequence, last, listing, expires, body) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)",
    )?
    .execute(params![
        kept,
        operation.did().public(),
        number(said.sequence),
        operation.id().0,
        number(said.expires.0),
        body
    ])?;
    let id = tx.last_insert_rowid();
    if let Some(listing) = said.action.listing() {
        let indexed = Indexed::of(listing);
        tx.prepare_cached("INSERT INTO term (rowid, category, name, description) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, indexed.category.join(" "), indexed.name.join(" "), indexed.description.join(" ")])?;
        let mut statement = tx.prepare_cached("INSERT INTO category (category, entry) VALUES (?1, ?2)")?;
        for category in &listing.categories {
            statement.execute(params![category_key(category), id])?;
        }
    }
    Ok(())
}

fn remove(tx: &Transaction<'_>, found: Option<Row>, operation: &SignedOperation) -> rusqlite::Result<()> {
    if let Some(row) = found {
        forget(tx, row.id)?;
    }
    let said = operation.operation();
    tx.prepare_cached("INSERT INTO entry (did, sequence, last, expires) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        operation.did().public(),
        number(said.sequence),
        operation.id().0,
        number(said.expires.0)
    ])?;
    Ok(())
}

/// Takes an entry out of every table but the log.
fn forget(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM entry WHERE id = ?1",
        "DELETE FROM term WHERE rowid = ?1",
        "DELETE FROM category WHERE entry = ?1",
    ] {
        tx.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}

fn mirror(
    tx: &Transaction<'_>,
    source: &str,
    operations: &[SignedOperation],
    next: u64,
    now: Timestamp,
) -> Result<Mirrored, StoreError> {
    let mut mirrored = Mirrored::default();
    for operation in operations {
        match apply(tx, operation, now, true)? {
            Ok(_) => mirrored.taken += 1,
            Err(_) => mirrored.known += 1,
        }
    }
    tx.prepare_cached("INSERT OR REPLACE INTO mirror (source, next) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute(params![source, number(next)]))
        .map_err(translate)?;
    Ok(mirrored)
}

fn sweep(tx: &Transaction<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let swept = || {
        let ended = number((now - KEEP_ENDED).0);
        let mut statement = tx.prepare_cached("SELECT id, did FROM entry WHERE expires < ?1 LIMIT ?2")?;
        let rows = statement
            .query_map(params![ended, SWEEP], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        for (id, did) in &rows {
            forget(tx, *id)?;
            tx.prepare_cached("DELETE FROM operation WHERE did = ?1")?.execute([did])?;
        }
        let replaced = number((now - KEEP_REPLACED).0);
        let sql = "DELETE FROM operation WHERE number IN \
                   (SELECT number FROM operation WHERE superseded < ?1 LIMIT ?2)";
        let operations = tx.prepare_cached(sql)?.execute(params![replaced, SWEEP])?;
        Ok((rows.len() + operations) as u64)
    };
    swept().map_err(translate)
}
