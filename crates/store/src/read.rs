//! Reads. Each is one statement, so each sees one state.

use crate::error::translate;
use pumasi_ledger::store::{Header, KeySlot, MAX_PAGE, Space, StoreError, StoredCell, StoredEntry, Tag};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

pub(crate) fn header(connection: &Connection) -> Result<Option<Header>, StoreError> {
    // Both reads in one transaction: a commit between them must not show half of it.
    let tx = connection.unchecked_transaction().map_err(translate)?;
    let row = tx.query_row("SELECT sequence, generation, head FROM ledger", (), |row| {
        Ok((unsigned(row, 0)?, unsigned(row, 1)?, row.get(2)?))
    });
    let Some((sequence, generation, head)) = row.optional().map_err(translate)? else { return Ok(None) };
    let mut statement = tx.prepare_cached("SELECT id, salt, rounds, token FROM slot ORDER BY id").map_err(translate)?;
    let slots = statement.query_map((), |row| {
        Ok(KeySlot { id: row.get(0)?, salt: row.get(1)?, rounds: row.get(2)?, token: row.get(3)? })
    });
    let slots = slots.and_then(Iterator::collect).map_err(translate)?;
    Ok(Some(Header { sequence, generation, head, slots }))
}

pub(crate) fn entries(connection: &Connection, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
    let sql = "SELECT sequence, token FROM entry WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    let rows = statement.query_map(params![number(from), limit.min(MAX_PAGE)], entry);
    rows.and_then(Iterator::collect).map_err(translate)
}

pub(crate) fn find(connection: &Connection, tag: Tag, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
    let sql = "SELECT e.sequence, e.token FROM tag t JOIN entry e ON e.sequence = t.sequence
               WHERE t.tag = ?1 AND t.sequence >= ?2 ORDER BY t.sequence LIMIT ?3";
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    let rows = statement.query_map(params![tag.0, number(from), limit.min(MAX_PAGE)], entry);
    rows.and_then(Iterator::collect).map_err(translate)
}

pub(crate) fn cell(connection: &Connection, space: Space, key: Tag) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT token FROM cell WHERE space = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    statement.query_row(params![space as u8, key.0], |row| row.get(0)).optional().map_err(translate)
}

pub(crate) fn cells(
    connection: &Connection,
    space: Space,
    after: Option<Tag>,
    limit: u32,
) -> Result<Vec<StoredCell>, StoreError> {
    // An empty blob sorts before every key.
    let sql = "SELECT key, token FROM cell WHERE space = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
    let after = after.as_ref().map_or(&[][..], |key| &key.0);
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    let rows = statement.query_map(params![space as u8, after, limit.min(MAX_PAGE)], |row| {
        Ok(StoredCell { space, key: Tag(row.get(0)?), token: row.get(1)? })
    });
    rows.and_then(Iterator::collect).map_err(translate)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    Ok(StoredEntry { sequence: unsigned(row, 0)?, token: row.get(1)? })
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// SQLite's integers are signed. What is beyond them is beyond every entry.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
