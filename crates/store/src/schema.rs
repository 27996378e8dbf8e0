//! The tables (spec: `docs/spec/ledger.md` §3.1). All of them, in one place.

/// `PUMA`: what `file` and SQLite know a ledger's file by.
pub(crate) const APPLICATION_ID: i32 = 0x5055_4d41;
/// The format. A program refuses a file of a newer one.
pub(crate) const VERSION: i32 = 1;

pub(crate) const TABLES: &str = "
    -- One row: where the ledger is.
    CREATE TABLE ledger (
        one         INTEGER PRIMARY KEY CHECK (one = 1),
        sequence    INTEGER NOT NULL CHECK (sequence >= 0),
        generation  INTEGER NOT NULL CHECK (generation >= 0),
        head        BLOB NOT NULL
    ) STRICT;
    -- The data key, wrapped under a password.
    CREATE TABLE slot (
        id      INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 1),
        salt    BLOB NOT NULL CHECK (length(salt) = 16),
        rounds  INTEGER NOT NULL,
        token   BLOB NOT NULL
    ) STRICT;
    CREATE TABLE entry (
        sequence  INTEGER PRIMARY KEY CHECK (sequence >= 1),
        token     BLOB NOT NULL,
        once      BLOB UNIQUE CHECK (length(once) = 16)
    ) STRICT;
    CREATE TABLE tag (
        tag       BLOB NOT NULL CHECK (length(tag) = 16),
        sequence  INTEGER NOT NULL,
        PRIMARY KEY (tag, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE cell (
        space  INTEGER NOT NULL,
        key    BLOB NOT NULL CHECK (length(key) = 16),
        token  BLOB NOT NULL,
        PRIMARY KEY (space, key)
    ) STRICT;
";
