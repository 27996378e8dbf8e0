use super::{LOCK, connection, query, translate};
use crate::operation::SignedOperation;
use crate::state::{Effect, Known, Refusal, decide, decide_mirrored};
use crate::store::job::{Done, Job, MAX_GROUP};
use crate::store::{
    KEEP_ENDED, KEEP_REPLACED, Kind, Mirrored, SWEEP, StoreError, extended_body, listed_body, number, unsigned,
};
use crate::text::{Indexed, category_key};
use deadpool_postgres::{Pool, Transaction};
use pumasi_crypto::hash::Digest;
use pumasi_units::Timestamp;
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;

type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;

/// Writes what comes until every store is dropped.
pub(super) async fn run(pool: Pool, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(MAX_GROUP);
    while queue.recv_many(&mut group, MAX_GROUP).await > 0 {
        let mut answers = Vec::with_capacity(group.len());
        let failure = write_group(&pool, &mut group, &mut answers).await.err();
        if let Some(error) = &failure {
            tracing::error!(%error, "writes were not kept");
        }
        for answer in answers {
            answer(failure.clone());
        }
        // What a failed group did not come to.
        for job in group.drain(..) {
            job.refuse(StoreError::Busy);
        }
    }
}

/// One transaction for all of them; a failure fails them all.
async fn write_group(pool: &Pool, group: &mut Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
    let begun = async {
        let mut client = connection(pool).await?;
        let tx = client.transaction().await.map_err(translate)?;
        tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(translate)?;
        for job in group.drain(..) {
            match job {
                Job::Apply { operation, now, done } => {
                    let applied = apply(&tx, &operation, now, false).await;
                    keep(applied, done, answers)?;
                }
                Job::Mirror { source, operations, next, now, done } => {
                    let mirrored = mirror(&tx, &source, &operations, next, now).await;
                    keep(mirrored, done, answers)?;
                }
                Job::Sweep { now, done } => keep(sweep(&tx, now).await, done, answers)?,
            }
        }
        tx.commit().await.map_err(translate)
    };
    begun.await
}

/// Remembers an answer until the transaction is durable.
fn keep<T: Send + 'static>(
    result: Result<T, StoreError>,
    done: Done<T>,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    let failure = result.as_ref().err().cloned();
    answers.push(Box::new(move |failed| drop(done.send(failed.map_or(result, Err)))));
    failure.map_or(Ok(()), Err)
}

async fn execute(tx: &Transaction<'_>, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
    let statement = tx.prepare_cached(sql).await.map_err(translate)?;
    tx.execute(&statement, values).await.map_err(translate)
}

/// A row of `pumasi_entry`.
struct Row {
    id: i64,
    known: Known,
    body: Option<String>,
}

async fn row(tx: &Transaction<'_>, did: &[u8]) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT id, sequence, last, listing, expires, body FROM pumasi_entry WHERE did = $1";
    let statement = tx.prepare_cached(sql).await.map_err(translate)?;
    let Some(row) = tx.query_opt(&statement, &[&did]).await.map_err(translate)? else { return Ok(None) };
    let digest = |bytes: Vec<u8>| {
        bytes.try_into().map(Digest).map_err(|_| StoreError::Corrupt("an id that is not 32 bytes".into()))
    };
    let listing: Option<Vec<u8>> = row.try_get(3).map_err(translate)?;
    let known = Known {
        sequence: unsigned(row.try_get(1).map_err(translate)?),
        last: digest(row.try_get(2).map_err(translate)?)?,
        listing: listing.map(digest).transpose()?,
        expires: Timestamp(unsigned(row.try_get(4).map_err(translate)?)),
    };
    let (id, body) = (row.try_get(0).map_err(translate)?, row.try_get(5).map_err(translate)?);
    Ok(Some(Row { id, known, body }))
}

async fn apply(
    tx: &Transaction<'_>,
    operation: &SignedOperation,
    now: Timestamp,
    mirrored: bool,
) -> Result<Result<Effect, Refusal>, StoreError> {
    let did = operation.did();
    let did = did.public().as_slice();
    let found = row(tx, did).await?;
    let known = found.as_ref().map(|row| &row.known);
    let decided = if mirrored { decide_mirrored(known, operation, now) } else { decide(known, operation, now) };
    let Ok(effect) = decided else { return Ok(decided) };
    log(tx, operation, effect, now).await?;

    let said = operation.operation();
    let (sequence, expires) = (number(said.sequence), number(said.expires.0));
    let (id_bytes, standing) = (operation.id().0, found.as_ref().filter(|row| row.known.expires > now));
    match (effect, &found) {
        (Effect::Extend, Some(row)) => {
            let body = extended_body(row.body.as_deref().unwrap_or_default(), operation)?;
            let sql = "UPDATE pumasi_entry SET sequence = $2, last = $3, expires = $4, body = $5 WHERE id = $1";
            execute(tx, sql, &[&row.id, &sequence, &id_bytes.as_slice(), &expires, &body]).await?;
        }
        (Effect::List, _) => {
            // Whoever stands keeps their place; whoever comes back begins at the end.
            let kept = standing.filter(|row| row.known.listing.is_some()).map(|row| row.id);
            execute(tx, "DELETE FROM pumasi_entry WHERE did = $1", &[&did]).await?;
            let body = listed_body(operation)?;
            let listing = said.action.listing().ok_or_else(|| StoreError::Failed("no listing to list".into()))?;
            let terms = query::vector(&Indexed::of(listing));
            let categories: Vec<String> = listing.categories.iter().map(|category| category_key(category)).collect();
            let sql = "INSERT INTO pumasi_entry (id, did, sequence, last, listing, expires, body, categories, terms) \
                       VALUES (coalesce($1, nextval(pg_get_serial_sequence('pumasi_entry', 'id'))), \
                       $2, $3, $4, $4, $5, $6, $7, $8::text::tsvector)";
            let values: [&(dyn ToSql + Sync); 8] =
                [&kept, &did, &sequence, &id_bytes.as_slice(), &expires, &body, &categories, &terms];
            execute(tx, sql, &values).await?;
        }
        (Effect::Remove, _) => {
            execute(tx, "DELETE FROM pumasi_entry WHERE did = $1", &[&did]).await?;
            let sql = "INSERT INTO pumasi_entry (did, sequence, last, expires) VALUES ($1, $2, $3, $4)";
            execute(tx, sql, &[&did, &sequence, &id_bytes.as_slice(), &expires]).await?;
        }
        (Effect::Extend, None) => return Err(StoreError::Failed("nothing to extend".into())),
    }
    Ok(Ok(effect))
}

/// Writes to the log what is in force now, and what no longer is.
async fn log(
    tx: &Transaction<'_>,
    operation: &SignedOperation,
    effect: Effect,
    now: Timestamp,
) -> Result<(), StoreError> {
    let did = operation.did();
    let did = did.public().as_slice();
    let kind = |kind: Kind| kind as i16;
    let at = number(now.0);
    let sql = "DELETE FROM pumasi_operation WHERE did = $1 AND kind = $2";
    execute(tx, sql, &[&did, &kind(Kind::Heartbeat)]).await?;
    if effect != Effect::Extend {
        let sql = "UPDATE pumasi_operation SET superseded = $2 WHERE did = $1 AND superseded IS NULL";
        execute(tx, sql, &[&did, &at]).await?;
    }
    let sql = "WITH logged AS (INSERT INTO pumasi_operation (at, did, kind, proof) VALUES ($1, $2, $3, $4) \
               RETURNING number) UPDATE pumasi_head SET number = logged.number FROM logged";
    execute(tx, sql, &[&at, &did, &kind(effect.into()), &operation.as_str()]).await?;
    Ok(())
}

async fn mirror(
    tx: &Transaction<'_>,
    source: &str,
    operations: &[SignedOperation],
    next: u64,
    now: Timestamp,
) -> Result<Mirrored, StoreError> {
    let mut mirrored = Mirrored::default();
    for operation in operations {
        match apply(tx, operation, now, true).await? {
            Ok(_) => mirrored.taken += 1,
            Err(_) => mirrored.known += 1,
        }
    }
    let sql = "INSERT INTO pumasi_mirror VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET next = $2";
    execute(tx, sql, &[&source, &number(next)]).await?;
    Ok(mirrored)
}

async fn sweep(tx: &Transaction<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let limit = i64::from(SWEEP);
    let sql = "WITH gone AS (DELETE FROM pumasi_entry WHERE id IN \
               (SELECT id FROM pumasi_entry WHERE expires < $1 LIMIT $2) RETURNING did), \
               log AS (DELETE FROM pumasi_operation USING gone WHERE pumasi_operation.did = gone.did) \
               SELECT count(*) FROM gone";
    let row = tx.query_one(sql, &[&number((now - KEEP_ENDED).0), &limit]).await.map_err(translate)?;
    let entries = unsigned(row.try_get(0).map_err(translate)?);
    let sql = "DELETE FROM pumasi_operation WHERE number IN \
               (SELECT number FROM pumasi_operation WHERE superseded < $1 LIMIT $2)";
    Ok(entries + execute(tx, sql, &[&number((now - KEEP_REPLACED).0), &limit]).await?)
}
