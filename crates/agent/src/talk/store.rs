//! The file of messages: one SQLite database beside the ledger, which several processes of one person may write.
//!
//! Each step of a pair is one transaction, begun before the state is read: two processes cannot take the same number, and a
//! crash leaves the state before the step or the one after. Rows are sealed; what the file shows is how many there are, how
//! long and how far they are, and which belong to one (unnamed) person.

use super::TalkError;
use crate::clock;
use pumasi_crypto::fernet::FernetKey;
use pumasi_crypto::hash::{Digest, hkdf_sha256, hmac_sha256};
use pumasi_crypto::{NativeProvider, Provider as _};
use pumasi_identity::Did;
use pumasi_messages::direct::{AHEAD, Change, DirectAck, Got, GotState, OnDisk, Sent, SentState, Thread, ThreadState};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// `PUMM`.
const APPLICATION_ID: i32 = 0x5055_4d4d;
const VERSION: i32 = 1;
/// Finished messages that are kept of one person; the oldest make room.
const MAX_FINISHED: i64 = 5_000;

const TABLES: &str = "
    CREATE TABLE thread (
        tag       BLOB PRIMARY KEY CHECK (length(tag) = 16),
        token     BLOB NOT NULL,
        stranger  INTEGER NOT NULL,
        -- Whether the other side does not know yet what we have of theirs.
        ack_due   INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE line (
        line    INTEGER PRIMARY KEY AUTOINCREMENT,
        tag     BLOB NOT NULL CHECK (length(tag) = 16),
        mine    INTEGER NOT NULL,
        id      BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
        state   INTEGER NOT NULL,
        -- The order in which it is read, once it can be.
        turn    INTEGER UNIQUE,
        token   BLOB NOT NULL
    ) STRICT;
    CREATE INDEX line_of ON line (tag, mine, line);
    CREATE INDEX line_state ON line (state);
";

/// What a row's state column says. Numbers never change meaning.
mod code {
    pub(super) const QUEUED: i64 = 0;
    pub(super) const MAILBOX: i64 = 1;
    pub(super) const DELIVERED: i64 = 2;
    pub(super) const SEEN: i64 = 3;
    pub(super) const EXPIRED: i64 = 4;
    pub(super) const WAITING: i64 = 10;
    pub(super) const UNREAD: i64 = 11;
    pub(super) const READ: i64 = 12;
}

/// A message with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// With whom.
    pub peer: Did,
    /// What.
    pub what: Said,
}

/// One's own message or the other's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "kebab-case")]
pub enum Said {
    /// Said by the owner.
    Mine(Sent),
    /// Said by the other.
    Theirs(Got),
}

/// Somebody with whom something was said.
pub(crate) struct Correspondent {
    pub(crate) peer: Did,
    pub(crate) state: ThreadState,
    /// They do not know yet what I have of theirs.
    pub(crate) ack_due: bool,
    /// Messages of mine have to be brought to them.
    pub(crate) open: bool,
}

/// What is sealed into a row: with whom it belongs, so that a row moved elsewhere is noticed.
#[derive(Serialize, Deserialize)]
struct Row<T> {
    peer: Did,
    it: T,
}

/// The file of messages of one identity.
pub(crate) struct Store {
    connection: Mutex<Connection>,
    seal: FernetKey,
    blind: [u8; 32],
    me: Did,
}

impl Store {
    /// Opens the file, or makes it (readable by its owner only). `secret` is what only the owner's keys give.
    pub(crate) fn open(path: &Path, me: Did, secret: &[u8; 32]) -> Result<Self, TalkError> {
        create_private(path)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;",
        )?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        match (number("application_id")?, number("user_version")?) {
            (0, 0) => {
                tx.execute_batch(TABLES)?;
                tx.pragma_update(None, "application_id", APPLICATION_ID)?;
                tx.pragma_update(None, "user_version", VERSION)?;
            }
            (APPLICATION_ID, VERSION) => {}
            (APPLICATION_ID, _) => return Err(TalkError::Damaged("the file is of a newer program")),
            _ => return Err(TalkError::Damaged("the file is something else")),
        }
        tx.commit()?;
        let mut keys = zeroize::Zeroizing::new([0; 64]);
        hkdf_sha256(b"pumasi/messages/1", secret, me.public(), &mut *keys);
        let (seal, blind) = keys.split_at(32);
        let seal = FernetKey::from_bytes(seal.try_into().expect("half of 64 bytes"));
        let blind = blind.try_into().expect("half of 64 bytes");
        Ok(Self { connection: Mutex::new(connection), seal, blind, me })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in between leaves a transaction that was rolled back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step of a pair: reads its thread, lets `step` work on it, and writes all that it changed; or nothing when it fails.
    pub(crate) fn step<T, E: Into<TalkError>>(
        &self,
        peer: &Did,
        step: impl FnOnce(&mut Thread, &dyn Fn(&Digest) -> OnDisk) -> Result<T, E>,
    ) -> Result<T, TalkError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut thread = self.load(&tx, peer)?;
        let kept: i64 = tx
            .prepare_cached("SELECT count(*) FROM line WHERE tag = ?1 AND state IN (?2, ?3)")?
            .query_row(params![self.tag(peer), code::WAITING, code::UNREAD], |row| row.get(0))?;
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        let on_disk = |id: &Digest| OnDisk { known: self.has(&tx, id).unwrap_or(false), kept };
        let result = step(&mut thread, &on_disk).map_err(Into::into)?;
        for change in thread.take() {
            self.write(&tx, peer, change)?;
        }
        tx.commit()?;
        Ok(result)
    }

    /// The thread as it is now.
    pub(crate) fn thread(&self, peer: &Did) -> Result<Thread, TalkError> {
        let mut connection = self.connection();
        let tx = connection.transaction()?;
        self.load(&tx, peer)
    }

    fn load(&self, tx: &Transaction<'_>, peer: &Did) -> Result<Thread, TalkError> {
        let token = tx
            .prepare_cached("SELECT token FROM thread WHERE tag = ?1")?
            .query_row([self.tag(peer)], |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        let state: ThreadState = match token {
            Some(token) => self.open_row(peer, &token)?,
            None => ThreadState::default(),
        };
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        let mut statement = tx.prepare_cached(
            "SELECT token FROM line WHERE tag = ?1 AND mine = ?2 AND (state IN (?3, ?4, ?5) OR line IN
                (SELECT line FROM line WHERE tag = ?1 AND mine = ?2 ORDER BY line DESC LIMIT ?6))",
        )?;
        for mine in [true, false] {
            let last = i64::try_from(AHEAD).unwrap_or(i64::MAX);
            let values = params![self.tag(peer), mine, code::QUEUED, code::MAILBOX, code::WAITING, last];
            let rows = statement.query_map(values, |row| row.get::<_, Vec<u8>>(0))?;
            for token in rows {
                match self.open_row(peer, &token?)? {
                    Said::Mine(it) => sent.push(it),
                    Said::Theirs(it) => got.push(it),
                }
            }
        }
        Ok(Thread::load(self.me, *peer, state, sent, got))
    }

    fn has(&self, tx: &Transaction<'_>, id: &Digest) -> Result<bool, TalkError> {
        let mut statement = tx.prepare_cached("SELECT 1 FROM line WHERE id = ?1")?;
        Ok(statement.exists([self.blind(b"id", &id.0)])?)
    }

    fn write(&self, tx: &Transaction<'_>, peer: &Did, change: Change) -> Result<(), TalkError> {
        let tag = self.tag(peer);
        let (mine, id, state, said) = match change {
            Change::State(state) => {
                let stranger = state.standing == pumasi_messages::direct::Standing::Stranger;
                let token = self.seal_row(peer, &state)?;
                tx.prepare_cached(
                    "INSERT INTO thread (tag, token, stranger, ack_due) VALUES (?1, ?2, ?3, 0)
                     ON CONFLICT (tag) DO UPDATE SET token = ?2, stranger = ?3",
                )?
                .execute(params![tag, token, stranger])?;
                return Ok(());
            }
            Change::Sent(it) => (true, it.id, code_of_sent(&it.state), Said::Mine(it)),
            Change::Got(it) => (false, it.id, code_of_got(it.state), Said::Theirs(it)),
        };
        let token = self.seal_row(peer, &said)?;
        tx.prepare_cached(
            "INSERT INTO line (tag, mine, id, state, token) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET state = ?4, token = ?5",
        )?
        .execute(params![tag, mine, self.blind(b"id", &id.0), state, token])?;
        if mine || state == code::UNREAD {
            tx.prepare_cached(
                "UPDATE line SET turn = (SELECT coalesce(max(turn), 0) + 1 FROM line) WHERE id = ?1 AND turn IS NULL",
            )?
            .execute([self.blind(b"id", &id.0)])?;
        }
        if !mine {
            tx.prepare_cached("UPDATE thread SET ack_due = 1 WHERE tag = ?1")?.execute([tag])?;
        }
        tx.prepare_cached(
            "DELETE FROM line WHERE tag = ?1 AND state IN (?2, ?3, ?4) AND line <=
                (SELECT line FROM line WHERE tag = ?1 ORDER BY line DESC LIMIT 1 OFFSET ?5)",
        )?
        .execute(params![tag, code::SEEN, code::EXPIRED, code::READ, MAX_FINISHED])?;
        Ok(())
    }

    /// Everyone with whom something was said.
    pub(crate) fn peers(&self) -> Result<Vec<Correspondent>, TalkError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT token, ack_due, EXISTS (SELECT 1 FROM line WHERE line.tag = thread.tag AND mine AND state IN (?1, ?2))
             FROM thread",
        )?;
        let values = params![code::QUEUED, code::MAILBOX];
        let rows = statement.query_map(values, |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?)))?;
        rows.map(|row| {
            let (token, ack_due, open) = row?;
            let Row { peer, it: state } = self.unseal(&token)?;
            Ok(Correspondent { peer, state, ack_due, open })
        })
        .collect()
    }

    /// Strangers whose messages are kept.
    pub(crate) fn strangers(&self) -> Result<usize, TalkError> {
        let count: i64 =
            self.connection().query_row("SELECT count(*) FROM thread WHERE stranger", (), |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The other side was told this. Nothing more is due, unless something has come or was read since.
    pub(crate) fn ack_told(&self, peer: &Did, told: &DirectAck) -> Result<(), TalkError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.load(&tx, peer)?.ack(None, told.issued);
        let knows = |id: &Digest| told.delivered.contains(id) || told.read.contains(id);
        let all =
            now.is_none_or(|it| it.read.iter().all(|id| told.read.contains(id)) && it.delivered.iter().all(knows));
        if all {
            tx.execute("UPDATE thread SET ack_due = 0 WHERE tag = ?1", [self.tag(peer)])?;
            tx.commit()?;
        }
        Ok(())
    }

    /// Messages that can be read, in their order, at most `limit`, the last ones. With `peer`, only theirs and those to them.
    pub(crate) fn lines(&self, peer: Option<&Did>, limit: usize) -> Result<Vec<Line>, TalkError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT token FROM line WHERE turn IS NOT NULL AND (?1 IS NULL OR tag = ?1) ORDER BY turn DESC LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![peer.map(|it| self.tag(it)), limit], |row| row.get::<_, Vec<u8>>(0))?;
        let mut lines = Vec::new();
        for token in rows {
            let Row { peer, it } = self.unseal(&token?)?;
            lines.push(Line { peer, what: it });
        }
        lines.reverse();
        Ok(lines)
    }

    /// A number that is another one after another process has written.
    pub(crate) fn version(&self) -> Result<i64, TalkError> {
        Ok(self.connection().pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    fn tag(&self, peer: &Did) -> [u8; 16] {
        self.blind(b"peer", peer.public())
    }

    fn blind(&self, what: &[u8], value: &[u8]) -> [u8; 16] {
        let tag = hmac_sha256(&self.blind, &[what, b"\0", value]);
        tag.0[..16].try_into().expect("16 of 32 bytes")
    }

    fn seal_row<T: Serialize>(&self, peer: &Did, it: &T) -> Result<Vec<u8>, TalkError> {
        let text = serde_json::to_vec(&Row { peer: *peer, it }).map_err(|_| TalkError::Damaged("a row has no JSON"))?;
        let mut iv = [0; 16];
        NativeProvider.random(&mut iv)?;
        Ok(self.seal.seal(&text, clock::now().0 / 1_000, iv))
    }

    fn open_row<T: DeserializeOwned>(&self, peer: &Did, token: &[u8]) -> Result<T, TalkError> {
        let row: Row<T> = self.unseal(token)?;
        if row.peer == *peer { Ok(row.it) } else { Err(TalkError::Damaged("a row stands in another's place")) }
    }

    fn unseal<T: DeserializeOwned>(&self, token: &[u8]) -> Result<Row<T>, TalkError> {
        let text = self.seal.open(token)?;
        serde_json::from_slice(&text).map_err(|_| TalkError::Damaged("a row is not what it should be"))
    }
}

fn code_of_sent(state: &SentState) -> i64 {
    match state {
        SentState::Queued => code::QUEUED,
        SentState::Mailbox { .. } => code::MAILBOX,
        SentState::Delivered { .. } => code::DELIVERED,
        SentState::Read { .. } => code::SEEN,
        SentState::Expired { .. } => code::EXPIRED,
    }
}

fn code_of_got(state: GotState) -> i64 {
    match state {
        GotState::Waiting => code::WAITING,
        GotState::Unread => code::UNREAD,
        GotState::Read { .. } => code::READ,
    }
}

/// Makes the file readable by its owner only; SQLite gives its companions (`-wal`, `-shm`) the same mode.
fn create_private(path: &Path) -> Result<(), TalkError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(TalkError::Agent(Box::new(crate::home::HomeError::io("create", path)(error).into())))
        }
        _ => Ok(()),
    }
}
