//! The file keeps the contract of every store, and says clearly what is wrong with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use futures::executor::block_on;
use pumasi_ledger::Store;
use pumasi_ledger::contract;
use pumasi_ledger::store::StoreError;
use pumasi_store::SqliteStore;
use std::fs;
use std::path::Path;

#[test]
fn keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    block_on(contract::check(async || {
        number += 1;
        SqliteStore::open(&folder.path().join(format!("{number}.ledger"))).unwrap()
    }));
}

#[test]
#[cfg(unix)]
fn its_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let _store = SqliteStore::open(&folder.path().join("ledger")).unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 2, "the file and its log");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_second_process_may_read_but_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    assert!(
        matches!(SqliteStore::open_read_only(&path).err(), Some(StoreError::Failed(_))),
        "there is nothing to read"
    );
    let writer = SqliteStore::open(&path).unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    block_on(async {
        assert_eq!(reader.header().await, Ok(None));
        let batch = pumasi_ledger::store::Batch {
            expected: None,
            generation: 1,
            head: vec![1],
            entries: vec![],
            cells: vec![],
            slots: vec![pumasi_ledger::store::KeySlot { id: 0, salt: [0; 16], rounds: 600_000, token: vec![2] }],
            delete_slots: vec![],
        };
        assert_eq!(reader.commit(batch.clone()).await, Err(StoreError::ReadOnly));
        writer.commit(batch).await.unwrap();
        assert_eq!(reader.header().await.unwrap().unwrap().head, [1]);
    });
}

fn problem(path: &Path) -> StoreError {
    SqliteStore::open(path).err().unwrap()
}

#[test]
fn a_file_that_is_not_a_ledger_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("diary.txt");
    fs::write(&text, "오늘은 김장을 했다. ".repeat(100)).unwrap();
    let before = fs::read(&text).unwrap();
    assert_eq!(problem(&text), StoreError::NotALedger(text.display().to_string()));
    assert_eq!(fs::read(&text).unwrap(), before);

    let other = folder.path().join("other.sqlite");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    let before = fs::read(&other).unwrap();
    assert_eq!(problem(&other), StoreError::NotALedger(other.display().to_string()));
    assert_eq!(fs::read(&other).unwrap(), before);
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(SqliteStore::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert_eq!(problem(&path), StoreError::Newer { found: 9, known: 1 });
}

#[test]
fn a_missing_folder_is_a_failure_that_names_the_path() {
    let path = Path::new("/nonexistent/folder/ledger");
    assert!(matches!(problem(path), StoreError::Failed(text) if text.contains("/nonexistent/folder/ledger")));
}
