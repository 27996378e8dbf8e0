//! The tables, and opening the file.

use super::translate;
use crate::store::StoreError;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// `PUMD`: what `file` and SQLite know a directory's file by.
const APPLICATION_ID: i32 = 0x5055_4d44;
/// The format. A program refuses a file of a newer one.
const VERSION: i32 = 1;
/// How long to wait for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

const TABLES: &str = "
    -- What is known of a DID: its entry, or (body NULL) that it was deleted.
    CREATE TABLE entry (
        id        INTEGER PRIMARY KEY AUTOINCREMENT,
        did       BLOB NOT NULL UNIQUE CHECK (length(did) = 32),
        sequence  INTEGER NOT NULL,
        last      BLOB NOT NULL CHECK (length(last) = 32),
        listing   BLOB CHECK (length(listing) = 32),
        expires   INTEGER NOT NULL,
        body      TEXT
    ) STRICT;
    CREATE INDEX entry_expires ON entry (expires);
    CREATE TABLE category (
        category  TEXT NOT NULL,
        entry     INTEGER NOT NULL,
        PRIMARY KEY (category, entry)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX category_entry ON category (entry);
    -- Terms of our own making (text.rs), in ASCII; a syllable of Hangul is a prefix of seven characters.
    CREATE VIRTUAL TABLE term USING fts5 (
        category, name, description,
        content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '7'
    );
    -- The log. `superseded` is when something later took the place of an operation.
    CREATE TABLE operation (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        at          INTEGER NOT NULL,
        did         BLOB NOT NULL,
        kind        INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
        superseded  INTEGER,
        proof       TEXT NOT NULL
    ) STRICT;
    CREATE INDEX operation_did ON operation (did);
    CREATE INDEX operation_superseded ON operation (superseded) WHERE superseded IS NOT NULL;
    CREATE TABLE mirror (
        source  TEXT PRIMARY KEY,
        next    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    create_private(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let empty = is_empty(&connection, path)?;
    let pragmas = "
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA fullfsync = ON;
        PRAGMA cache_size = -65536;
    ";
    connection.execute_batch(pragmas).map_err(translate)?;
    if empty {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(translate)?;
        if is_empty(&tx, path)? {
            tx.execute_batch(TABLES).map_err(translate)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(translate)?;
            tx.pragma_update(None, "user_version", VERSION).map_err(translate)?;
        }
        tx.commit().map_err(translate)?;
    }
    Ok(connection)
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 268435456;").map_err(translate)?;
    Ok(connection)
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(translate)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(translate)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch("PRAGMA trusted_schema = OFF;").map_err(translate)?;
    Ok(connection)
}

/// Whether the tables are still to be made; a file of somebody else's, or of a newer version, is an error.
fn is_empty(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let foreign = || StoreError::NotADirectory(path.display().to_string());
    let number = |name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(|error| match translate(error) {
            StoreError::NotADirectory(_) => foreign(),
            other => other,
        })
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION_ID {
        return if version > VERSION { Err(StoreError::Newer { found: version, known: VERSION }) } else { Ok(false) };
    }
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0));
    let is_new = tables.map_err(translate)? == 0 && application == 0 && version == 0;
    if is_new { Ok(true) } else { Err(foreign()) }
}

fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(StoreError::Full),
        Err(error) => Err(StoreError::Failed(format!("{}: {error}", path.display()))),
    }
}
