//! Backups: the whole ledger in one file, still encrypted under the password that it had (spec:
//! `docs/spec/ledger.md` §8).

use crate::found::{Foundation, found};
use crate::keys::Keys;
use crate::read::damaged;
use crate::seals::{SealedHead, open_any_cell, open_entry, open_head};
use crate::store::{KeySlot, MAX_PAGE, MAX_SLOTS, MAX_TOKEN_BYTES, Space, Store, StoredEntry};
use crate::{Entry, Finding, Head, HeadMarker, Ledger, LedgerError};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::password::Password;
use pumasi_crypto::{Provider, b64, fernet};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read as _, Write};

const FILE: &str = "backup";
const FORMAT: &str = "pumasi-ledger-backup";
const VERSION: u32 = 1;
/// Longest line, in bytes: a token in base64 and a few words around it.
const MAX_LINE_BYTES: u64 = MAX_TOKEN_BYTES as u64 / 3 * 4 + 1_024;
/// Most cells of a backup.
const MAX_CELLS: usize = 1_000_000;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    format: String,
    version: u32,
    generation: u64,
    sequence: u64,
    head: String,
    slots: Vec<SlotLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlotLine {
    id: u8,
    salt: String,
    rounds: u32,
    token: String,
}

/// Every line after the first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Line {
    Entry(String),
    Cell(String),
    /// The last line: HMAC over the running digest of all lines before it.
    Mac(Digest),
}

impl<S: Store, P: Provider> Ledger<S, P> {
    /// Writes a backup. Only the password opens it.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] when an entry was appended meanwhile (do it again), [`LedgerError::Io`], and what the
    /// store says.
    pub async fn backup(&self, out: &mut impl Write) -> Result<(), LedgerError> {
        let inner = &*self.inner;
        let header = inner.store.header().await?.ok_or(LedgerError::Empty)?;
        let mut lines = LineWriter { out, digest: Digest::default() };
        lines.write(&Opening {
            format: FORMAT.into(),
            version: VERSION,
            generation: header.generation,
            sequence: header.sequence,
            head: fernet::to_text(&header.head),
            slots: header.slots.iter().map(SlotLine::new).collect(),
        })?;
        let mut next = 1;
        while next <= header.sequence {
            let page = inner.store.entries(next, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            next = last.sequence + 1;
            for row in page.iter().take_while(|row| row.sequence <= header.sequence) {
                lines.write(&Line::Entry(fernet::to_text(&row.token)))?;
            }
        }
        for space in Space::ALL {
            let mut after = None;
            loop {
                let page = inner.store.cells(space, after, MAX_PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.key);
                for cell in &page {
                    lines.write(&Line::Cell(fernet::to_text(&cell.token)))?;
                }
            }
        }
        let tip = inner.store.header().await?.ok_or(LedgerError::Empty)?.sequence;
        if tip != header.sequence {
            return Err(LedgerError::Conflict { base: header.sequence, tip });
        }
        let mac = inner.keys.backup_mac(&lines.digest);
        lines.write(&Line::Mac(mac))?;
        lines.out.flush().map_err(|e| io(&e))
    }

    /// Restores a backup into an empty store: checks every line and the chain, begins a new generation, and appends an
    /// entry that says so. `marker` is the one that was kept beside the lost ledger, if it is still there; the new
    /// generation is above both.
    ///
    /// What the lost ledger held after the backup is not in it, and peers may hold receipts for it: see
    /// [`audit`](Self::audit).
    ///
    /// # Errors
    /// [`LedgerError::File`] for what is not a backup, [`LedgerError::WrongPassword`], [`LedgerError::Damaged`],
    /// [`LedgerError::Exists`]. When it fails, the store is to be thrown away.
    pub async fn restore(
        store: S,
        provider: P,
        input: &mut impl BufRead,
        password: &Password,
        marker: Option<&HeadMarker>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let mut lines = LineReader { input, digest: Digest::default() };
        let opening: Opening = lines.read()?.ok_or_else(|| file("it is empty"))?;
        if opening.format != FORMAT || opening.version != VERSION {
            return Err(file("not a backup of a version that this program knows"));
        }
        if opening.slots.len() > usize::from(MAX_SLOTS) {
            return Err(file("too many key slots"));
        }
        let slots = opening.slots.iter().map(SlotLine::slot).collect::<Result<Vec<_>, _>>()?;
        let (_, keys) = Keys::unlock(&provider, &slots, password).await?;
        let sealed = open_head(&keys, &fernet::from_text(&opening.head)?).map_err(damaged)?;
        if sealed.generation != opening.generation || sealed.head.sequence != opening.sequence {
            return Err(damaged(Finding::HeadChanged));
        }
        let (entries, cells) = read_content(&mut lines, &keys, &sealed)?;

        let marked = match marker {
            Some(marker) if !marker.is_of(&keys, &sealed.owner) => return Err(damaged(Finding::MarkerChanged)),
            Some(marker) => marker.generation,
            None => 0,
        };
        let generation = sealed.generation.max(marked) + 1;
        let foundation = Foundation { keys, slots, owner: sealed.owner, generation, entries, cells };
        found(store, provider, foundation, now).await
    }
}

type Cells = Vec<(Space, Vec<u8>, serde_json::Value)>;

fn read_content(
    lines: &mut LineReader<'_, impl BufRead>,
    keys: &Keys,
    sealed: &SealedHead,
) -> Result<(Vec<Entry>, Cells), LedgerError> {
    let (mut entries, mut cells) = (Vec::<Entry>::new(), Cells::new());
    loop {
        let before = lines.digest;
        match lines.read::<Line>()?.ok_or_else(|| file("its end is missing"))? {
            Line::Entry(token) => {
                let head = entries.last().map(Entry::head).unwrap_or_default();
                let row = StoredEntry { sequence: head.sequence + 1, token: fernet::from_text(&token)? };
                let entry = open_entry(keys, &row).map_err(damaged)?;
                if entry.previous != head.hash {
                    return Err(damaged(Finding::Unlinked { entry: entry.sequence }));
                }
                entries.push(entry);
            }
            Line::Cell(token) if cells.len() < MAX_CELLS => {
                cells.push(open_any_cell(keys, &fernet::from_text(&token)?)?);
            }
            Line::Cell(_) => return Err(file("too many records")),
            Line::Mac(mac) if mac == keys.backup_mac(&before) => break,
            Line::Mac(_) => return Err(file("it was changed")),
        }
    }
    let head = entries.last().map(Entry::head).unwrap_or_default();
    if head == sealed.head && head != Head::default() {
        Ok((entries, cells))
    } else {
        Err(damaged(Finding::TailMissing { expected: sealed.head.sequence, found: head.sequence }))
    }
}

impl SlotLine {
    fn new(slot: &KeySlot) -> Self {
        Self { id: slot.id, salt: b64::encode(slot.salt), rounds: slot.rounds, token: fernet::to_text(&slot.token) }
    }

    fn slot(&self) -> Result<KeySlot, LedgerError> {
        let salt = b64::decode("salt", &self.salt)?.try_into().map_err(|_| file("a salt is not 16 bytes"))?;
        Ok(KeySlot { id: self.id, salt, rounds: self.rounds, token: fernet::from_text(&self.token)? })
    }
}

/// Writes lines of JSON and keeps their running digest: SHA-256 over the digest so far and the line with its end.
struct LineWriter<'a, W> {
    out: &'a mut W,
    digest: Digest,
}

impl<W: Write> LineWriter<'_, W> {
    fn write(&mut self, line: &impl Serialize) -> Result<(), LedgerError> {
        let mut json = serde_json::to_vec(line).map_err(|e| crate::tx::record(FILE, &e))?;
        json.push(b'\n');
        self.digest = sha256(&[&self.digest.0, &json]);
        self.out.write_all(&json).map_err(|e| io(&e))
    }
}

struct LineReader<'a, R> {
    input: &'a mut R,
    digest: Digest,
}

impl<R: BufRead> LineReader<'_, R> {
    /// The next line, or `None` at the end.
    fn read<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, LedgerError> {
        let mut line = Vec::new();
        let read = self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(|e| io(&e))?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(file("a line is too long, or its end is missing"));
        }
        self.digest = sha256(&[&self.digest.0, &line]);
        serde_json::from_slice(&line).map(Some).map_err(|e| file(&e.to_string()))
    }
}

fn file(problem: &str) -> LedgerError {
    LedgerError::File { what: FILE, problem: problem.into() }
}

fn io(error: &std::io::Error) -> LedgerError {
    LedgerError::Io { what: FILE, problem: error.to_string() }
}
