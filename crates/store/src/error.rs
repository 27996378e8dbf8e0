use pumasi_ledger::store::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

/// What a failure of SQLite means to the ledger.
pub(crate) fn translate(error: Error) -> StoreError {
    let text = error.to_string();
    // The index of the log could not grow, which needs room on the disk.
    if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE) {
        return StoreError::Full;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt(text),
        Some(ErrorCode::NotADatabase) => StoreError::NotALedger("the file".into()),
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
        Some(_) => StoreError::Failed(text),
        // A column of another type or length than ours: the schema forbids it, so the file was changed.
        None => StoreError::Corrupt(text),
    }
}
