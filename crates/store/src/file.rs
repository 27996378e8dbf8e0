//! Opening the file: whose it is, and of which format.

use crate::error::translate;
use crate::schema::{APPLICATION_ID, TABLES, VERSION};
use pumasi_ledger::store::StoreError;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    create_private(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Before anything is written: a file that is not ours stays as it is.
    let state = identify(&connection, path)?;
    let pragmas = "
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA fullfsync = ON;          -- macOS: past the disk's own cache
        PRAGMA secure_delete = ON;      -- an old password's slot is overwritten
    ";
    connection.execute_batch(pragmas).map_err(|e| at(path, e))?;
    if matches!(state, State::Empty) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(translate)?;
        // Another process may have been first.
        if matches!(identify(&tx, path)?, State::Empty) {
            tx.execute_batch(TABLES).map_err(translate)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(translate)?;
            tx.pragma_update(None, "user_version", VERSION).map_err(translate)?;
        }
        tx.commit().map_err(translate)?;
    }
    Ok(connection)
}

pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match identify(&connection, path)? {
        State::Ledger => Ok(connection),
        State::Empty => Err(StoreError::NotALedger(path.display().to_string())),
    }
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = connection.map_err(|e| at(path, e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(translate)?;
    // The file may come from elsewhere: its schema must not run anything.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;").map_err(|e| at(path, e))?;
    Ok(connection)
}

enum State {
    Empty,
    Ledger,
}

fn identify(connection: &Connection, path: &Path) -> Result<State, StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(|e| at(path, e));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION_ID {
        return match u32::try_from(version) {
            Ok(found) if version > VERSION => Err(StoreError::Newer { found, known: VERSION.unsigned_abs() }),
            _ => Ok(State::Ledger),
        };
    }
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0));
    match tables.map_err(|e| at(path, e))? {
        0 if application == 0 && version == 0 => Ok(State::Empty),
        _ => Err(StoreError::NotALedger(path.display().to_string())),
    }
}

/// Makes the file readable by its owner only; SQLite gives its companions (`-wal`, `-shm`) the same mode.
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

/// As [`translate`], and names the file.
fn at(path: &Path, error: rusqlite::Error) -> StoreError {
    match translate(error) {
        StoreError::NotALedger(_) => StoreError::NotALedger(path.display().to_string()),
        StoreError::Corrupt(problem) => StoreError::Corrupt(format!("{}: {problem}", path.display())),
        StoreError::Failed(problem) => StoreError::Failed(format!("{}: {problem}", path.display())),
        other => other,
    }
}
