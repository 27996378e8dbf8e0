use super::{query, translate};
use crate::store::{Counts, Page, Position, StoreError, number, unsigned};
use crate::text::Plan;
use crate::wire::{CategoryCount, ExportPage, Logged};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::time::{Duration, Instant};

/// How long one search may compute.
const DEADLINE: Duration = Duration::from_secs(2);
/// Virtual machine steps between two looks at the clock.
const STEPS: i32 = 10_000;

pub(super) fn search(
    connection: &mut Connection,
    plan: &Plan,
    from: Position,
    limit: u32,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let mut page = Page::default();
    if plan.words.is_empty() {
        return Ok(page);
    }
    let until = Instant::now() + DEADLINE;
    connection.progress_handler(STEPS, Some(move || Instant::now() > until)).map_err(translate)?;
    let searched = search_ranks(connection, plan, from, limit, now, &mut page);
    connection.progress_handler(0, None::<fn() -> bool>).map_err(translate)?;
    searched.map_err(translate)?;
    Ok(page)
}

fn search_ranks(
    connection: &Connection,
    plan: &Plan,
    from: Position,
    limit: u32,
    now: Timestamp,
    page: &mut Page,
) -> rusqlite::Result<()> {
    let sql = "SELECT entry.id, entry.body FROM term CROSS JOIN entry ON entry.id = term.rowid \
               WHERE term MATCH ?1 AND term.rowid > ?2 AND entry.expires > ?3 ORDER BY term.rowid LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let wanted = limit as usize;
    for (rank, text) in (0_u8..).zip(query::ranks(plan)).skip(from.rank.into()) {
        let after = if rank == from.rank { from.after } else { 0 };
        let left = wanted - page.entries.len();
        let mut rows = statement.query(params![text, number(after), number(now.0), number(left as u64)])?;
        let mut last = after;
        while let Some(row) = rows.next()? {
            last = unsigned(row.get(0)?);
            page.entries.push(row.get(1)?);
        }
        if page.entries.len() == wanted {
            page.next = Some(Position { rank, after: last });
            return Ok(());
        }
    }
    Ok(())
}

pub(super) fn entry(connection: &Connection, did: &Did, now: Timestamp) -> Result<Option<String>, StoreError> {
    let sql = "SELECT body FROM entry WHERE did = ?1 AND expires > ?2 AND body IS NOT NULL";
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    statement.query_row(params![did.public(), number(now.0)], |row| row.get(0)).optional().map_err(translate)
}

pub(super) fn categories(
    connection: &Connection,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<CategoryCount>, StoreError> {
    let sql = "SELECT category, count(*) AS count FROM category JOIN entry ON entry.id = category.entry \
               WHERE entry.expires > ?1 GROUP BY category ORDER BY count DESC, category LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    let rows = statement.query_map(params![number(now.0), limit], |row| {
        Ok(CategoryCount { category: row.get(0)?, count: unsigned(row.get(1)?) })
    });
    rows.and_then(Iterator::collect).map_err(translate)
}

pub(super) fn export(connection: &Connection, after: u64, limit: u32) -> Result<ExportPage, StoreError> {
    let page = || {
        // One transaction, so that the head is not behind what is read.
        let tx = connection.unchecked_transaction()?;
        let head: i64 = tx
            .prepare_cached("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'operation'), 0)")?
            .query_row((), |row| row.get(0))?;
        let sql = "SELECT number, at, proof FROM operation WHERE number > ?1 ORDER BY number LIMIT ?2";
        let mut statement = tx.prepare_cached(sql)?;
        let operations: Vec<Logged> = statement
            .query_map(params![number(after), limit], |row| {
                Ok(Logged { number: unsigned(row.get(0)?), at: Timestamp(unsigned(row.get(1)?)), proof: row.get(2)? })
            })?
            .collect::<Result<_, _>>()?;
        Ok((operations, unsigned(head)))
    };
    let (operations, head) = page().map_err(translate)?;
    // Behind the last one there may be numbers that are gone: go on after the head.
    let next = if operations.len() < limit as usize {
        head.max(after)
    } else {
        operations.last().map_or(after, |operation| operation.number)
    };
    Ok(ExportPage { operations, next, head })
}

pub(super) fn mirrored(connection: &Connection, source: &str) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT next FROM mirror WHERE source = ?1").map_err(translate)?;
    let next = statement.query_row([source], |row| row.get(0)).optional().map_err(translate)?;
    Ok(next.map_or(0, unsigned))
}

pub(super) fn counts(connection: &Connection, now: Timestamp) -> Result<Counts, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM entry WHERE expires > ?1 AND listing IS NOT NULL), \
               (SELECT count(*) FROM operation)";
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    statement
        .query_row([number(now.0)], |row| {
            Ok(Counts { entries: unsigned(row.get(0)?), operations: unsigned(row.get(1)?) })
        })
        .map_err(translate)
}
