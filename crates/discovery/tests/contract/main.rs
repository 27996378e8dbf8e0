//! What every store of a directory must do, on SQLite and on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

mod postgres;
mod shops;
mod suite;

use pumasi_discovery::store::{SqliteStore, Store as _, StoreError};

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folders = std::cell::RefCell::new(Vec::new());
    suite::check(async || {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        folders.borrow_mut().push(folder);
        store
    })
    .await;
}

#[tokio::test]
async fn postgres_keeps_the_contract() {
    let Some(cluster) = postgres::Cluster::start("postgres_keeps_the_contract").await else { return };
    suite::check(async || cluster.open(&cluster.database().await).await).await;

    // Two servers on one database are one directory.
    let database = cluster.database().await;
    let (one, other) = (cluster.open(&database).await, cluster.open(&database).await);
    suite::two_servers_are_one_directory(one, other).await;
}

#[tokio::test]
async fn a_file_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    std::fs::write(&path, "not a database, but long enough to look at ".repeat(30)).unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::NotADirectory(_))));
    std::fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::NotADirectory(_))));
    drop(foreign);
    std::fs::remove_file(&path).unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    assert_eq!(store.counts(shops::NOW).await.unwrap().entries, 0);
    drop(store);
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 9).unwrap();
    assert_eq!(SqliteStore::open(folder.path()).err(), Some(StoreError::Newer { found: 9, known: 1 }));
}
