//! `ledger`.

use super::events::{Names, name_of, names};
use super::show;
use super::table::{Align, fields, table};
use crate::args::{Format, Ledger};
use crate::context::Context;
use crate::failure;
use anyhow::Context as _;
use pumasi_agent::home::{HomeError, read_bounded, write_private};
use pumasi_agent::{AgentError, Wallet, now};
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_ledger::export::{Document, MAX_EXPORT_BYTES};
use pumasi_ledger::store::MAX_PAGE;
use pumasi_ledger::{AuditReport, Body, Entry, LedgerError, Outcome};
use pumasi_words::{Audit, EntryKind, Exit, Home, Label, Lang, Refusal, Say as _, Standing, Told, money, plain};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The variable that may hold the password of an exported file, where that is not the identity's.
const EXPORT_PASSWORD: &str = "PUMASI_EXPORT_PASSWORD";

pub(crate) async fn ledger(context: &mut Context, args: Ledger) -> anyhow::Result<Exit> {
    match args {
        Ledger::Show { last, with } => latest(context, last, with).await,
        Ledger::Entry { sequence } => entry(context, sequence).await,
        Ledger::Audit => audit(context).await,
        Ledger::Export { format, output } => export(context, format, output).await,
        Ledger::Import { file } => import(context, &file).await,
        Ledger::Backup { file } => backup(context, &file).await,
        Ledger::Restore { file } => restore(context, &file).await,
        Ledger::Password => password(context).await,
    }
}

async fn latest(context: &mut Context, last: usize, with: Option<String>) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let names = names(&wallet).await?;
    let with = match with {
        Some(who) => Some(did_of(&wallet, &who).await?),
        None => None,
    };
    let entries = last_entries(&wallet, last, with.as_ref()).await?;
    let balances = show::balances(&wallet, with.as_ref());
    let object = json!({ "entries": entries, "balances": balances, "head": wallet.ledger().head() });
    let lang = context.lang;
    let mut parts = match entries.is_empty() {
        true => vec![context.say(&Told::NoEntries)],
        false => vec![entry_table(&entries, &names, lang)],
    };
    let sentences = show::balance_sentences(&balances, &names, lang);
    if !sentences.is_empty() {
        parts.push(sentences.join("\n"));
    }
    context.ui.print(&object, parts.join("\n\n"));
    Ok(Exit::Done)
}

/// Whom a text means; somebody who was forgotten still stands in the ledger under their DID.
pub(crate) async fn did_of(wallet: &Wallet, who: &str) -> anyhow::Result<Did> {
    Ok(match wallet.find(who).await? {
        pumasi_agent::wallet::Found::Contact(contact) => contact.did,
        pumasi_agent::wallet::Found::Stranger(did) => did,
    })
}

/// The last entries, or the last about somebody, in order.
async fn last_entries(wallet: &Wallet, last: usize, with: Option<&Did>) -> Result<Vec<Entry>, AgentError> {
    let ledger = wallet.ledger();
    let mut entries: Vec<Entry> = Vec::new();
    let first = match with {
        Some(_) => 1,
        None => ledger.head().sequence.saturating_sub(u64::try_from(last).unwrap_or(u64::MAX)) + 1,
    };
    let mut next = first;
    loop {
        let page = match with {
            Some(did) => ledger.find_peer(did, next, MAX_PAGE).await?,
            None => ledger.entries(next, MAX_PAGE).await?,
        };
        let Some(end) = page.last() else { break };
        next = end.sequence + 1;
        entries.extend(page);
        entries.drain(..entries.len().saturating_sub(last));
    }
    Ok(entries)
}

fn entry_table(entries: &[Entry], names: &Names, lang: Lang) -> String {
    let columns = [Align::Right, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left, Align::Left];
    let labels = [Label::Number, Label::Time, Label::What, Label::With, Label::Amount, Label::Transfer, Label::Memo];
    let head = labels.map(|label| label.say(lang)).to_vec();
    let rows = entries.iter().map(|entry| {
        let (sum, memo) = figures(&entry.body, lang);
        vec![
            entry.sequence.to_string(),
            show::date_time(entry.at, lang),
            kind(&entry.body).say(lang),
            entry.body.peer().map(|peer| plain(&name_of(names, peer)).into_owned()).unwrap_or_default(),
            sum,
            entry.body.transfer().map(show::short).unwrap_or_default(),
            memo,
        ]
    });
    table(&columns, std::iter::once(head).chain(rows))
}

/// The amount and the memo of an entry that has them.
fn figures(body: &Body, lang: Lang) -> (String, String) {
    match body {
        Body::Outgoing { money: sum, memo, .. } | Body::Incoming { money: sum, memo, .. } => {
            (money(sum, lang), plain(memo).into_owned())
        }
        Body::Limit { limit, .. } => (money(limit, lang), String::new()),
        _ => (String::new(), String::new()),
    }
}

fn kind(body: &Body) -> EntryKind<'_> {
    match body {
        Body::Opened { .. } => EntryKind::Opened,
        Body::Outgoing { .. } => EntryKind::Signed,
        Body::Incoming { .. } => EntryKind::Taken,
        Body::Outcome { outcome: Outcome::Accepted, .. } => EntryKind::Accepted,
        Body::Outcome { outcome: Outcome::Refused { code, limit, available }, .. } => {
            EntryKind::Refused(Refusal::of(code, limit.as_ref(), available.as_ref()))
        }
        Body::Countersigned { .. } => EntryKind::Countersigned,
        Body::Limit { .. } => EntryKind::Limit,
        Body::Restored { generation } => EntryKind::Restored { generation: *generation },
        other => EntryKind::Other { kind: other.kind() },
    }
}

async fn entry(context: &mut Context, sequence: u64) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let Some(entry) = wallet.ledger().entry(sequence).await? else {
        let last = wallet.ledger().head().sequence;
        return Ok(failure::say(context, Exit::NotFound, &Standing::NoSuchEntry { number: sequence, last }));
    };
    let names = names(&wallet).await?;
    let lang = context.lang;
    let (sum, memo) = figures(&entry.body, lang);
    let peer = entry.body.peer();
    let document = match &entry.body {
        Body::Outgoing { document, .. }
        | Body::Incoming { document, .. }
        | Body::Outcome { document, .. }
        | Body::Countersigned { document, .. } => document.clone(),
        _ => String::new(),
    };
    let text = fields(
        &[
            (Label::Number, entry.sequence.to_string()),
            (Label::Time, show::date_time(entry.at, lang)),
            (Label::What, kind(&entry.body).say(lang)),
            (Label::With, peer.map(|did| plain(&name_of(&names, did)).into_owned()).unwrap_or_default()),
            (Label::Did, peer.map(Did::to_string).unwrap_or_default()),
            (Label::Amount, sum),
            (Label::Memo, memo),
            (Label::Transfer, entry.body.transfer().map(ToString::to_string).unwrap_or_default()),
            (Label::Hash, entry.hash.to_string()),
            (Label::Previous, entry.previous.to_string()),
            (Label::Document, document),
        ],
        lang,
    );
    context.ui.print(&entry, text);
    Ok(Exit::Done)
}

async fn audit(context: &mut Context) -> anyhow::Result<Exit> {
    let (wallet, report) = audited(context).await?;
    let names = names(&wallet).await.unwrap_or_default(); // a damaged ledger may not even know its contacts
    let lang = context.lang;
    let findings: Vec<String> = report.findings.iter().map(|found| show::finding_named(found, &names, lang)).collect();
    let object = json!({
        "event": "audit", "entries": report.entries, "documents": report.documents, "findings": findings,
        "more": report.more, "head": report.head, "generation": report.generation,
    });
    let end = if report.is_clean() {
        Audit::Sound { entries: report.entries, signatures: report.documents }
    } else {
        let more = usize::try_from(report.more).unwrap_or(usize::MAX);
        Audit::Wrong { findings: findings.len().saturating_add(more) }
    };
    let sentences: Vec<String> = findings.into_iter().chain([context.say(&end)]).collect();
    context.ui.print(&object, sentences.join("\n"));
    Ok(if report.is_clean() { Exit::Done } else { Exit::Unsound })
}

/// Audits with the folder held. Beside a process that writes, a sound report counts as well; one that is not may have met
/// an entry half way, and the holder has to end first.
async fn audited(context: &Context) -> anyhow::Result<(Wallet, AuditReport)> {
    let password = context.password()?;
    let held = match Wallet::open_to_audit(&context.home, &password).await {
        Err(AgentError::Home(held @ HomeError::Held { .. })) => held,
        opened => {
            let wallet = opened?;
            let report = wallet.audit().await?;
            return Ok((wallet, report));
        }
    };
    let wallet = Wallet::open_read_only(&context.home, &password).await?;
    let report = wallet.audit().await?;
    if report.is_clean() { Ok((wallet, report)) } else { Err(AgentError::Home(held).into()) }
}

async fn export(context: &mut Context, format: Format, output: Option<PathBuf>) -> anyhow::Result<Exit> {
    let password = context.password()?;
    let wallet = Wallet::open_read_only(&context.home, &password).await?;
    let (document, names) = wallet.export().await?;
    let bytes = match format {
        Format::Json => document.to_json().map_err(AgentError::from)?,
        Format::Csv => document.to_csv(&names).into_bytes(),
        Format::Beancount => document.to_beancount(&names).into_bytes(),
        Format::Fernet => {
            let password = file_password().unwrap_or(password);
            document.to_sealed(wallet.provider(), &password, now()).await.map_err(AgentError::from)?
        }
    };
    match output {
        Some(path) => {
            write_private(&path, &bytes).map_err(AgentError::from)?;
            let path = path.display().to_string();
            let sentence = context.say(&Told::Written { path: &path });
            context.ui.print(&json!({ "event": "written", "path": path }), sentence);
        }
        // JSON formats are one line of JSON already; the other two become a string, so that a script reads only JSON.
        None if context.ui.is_json() && matches!(format, Format::Csv | Format::Beancount) => {
            let text = String::from_utf8(bytes).context("an export is UTF-8")?;
            context.ui.object(&json!({ "event": "exported", "text": text }));
        }
        None => context.ui.verbatim(&bytes)?,
    }
    Ok(Exit::Done)
}

async fn import(context: &mut Context, file: &Path) -> anyhow::Result<Exit> {
    let password = context.password()?;
    let wallet = Wallet::open(&context.home, &password, "ledger import").await?;
    let limit = MAX_EXPORT_BYTES as u64;
    let bytes = read_bounded(file, limit).map_err(AgentError::from)?;
    let bytes = bytes.with_context(|| format!("{}: no such file", file.display()))?;
    let of_file = file_password().unwrap_or_else(|| password.clone());
    let document = match Document::from_sealed(wallet.provider(), &bytes, &of_file).await {
        Err(LedgerError::WrongPassword) => {
            return Ok(failure::say(context, Exit::WrongPassword, &Standing::WrongFilePassword));
        }
        opened => opened.map_err(AgentError::from)?,
    };
    let wallet = wallet.import(document, &password).await?;
    let entries = wallet.ledger().head().sequence;
    let sentence = context.say(&Told::Imported { entries });
    context.ui.print(&json!({ "event": "imported", "entries": entries }), sentence);
    Ok(Exit::Done)
}

/// The password of an exported file, where it has one of its own.
fn file_password() -> Option<Password> {
    std::env::var(EXPORT_PASSWORD).ok().map(|text| Password::new(&zeroize::Zeroizing::new(text)))
}

async fn backup(context: &mut Context, file: &Path) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    wallet.backup(file).await?;
    let file = file.display().to_string();
    let sentence = context.say(&Home::BackedUp { file: &file });
    context.ui.print(&json!({ "event": "backed-up", "path": file }), sentence);
    Ok(Exit::Done)
}

async fn restore(context: &mut Context, file: &Path) -> anyhow::Result<Exit> {
    let password = context.password()?;
    let wallet = Wallet::restore(&context.home, file, &password).await?;
    let entries = wallet.ledger().head().sequence;
    let sentence = context.say(&Home::Restored { entries });
    let object = json!({ "event": "restored", "did": wallet.did(), "entries": entries, "folder": wallet.folder() });
    context.ui.print(&object, sentence);
    Ok(Exit::Done)
}

async fn password(context: &mut Context) -> anyhow::Result<Exit> {
    let old = context.password()?;
    let wallet = Wallet::open(&context.home, &old, "ledger password").await?;
    let new = context.new_password()?;
    wallet.change_password(&old, &new).await?;
    wallet.write_marker().await?;
    let sentence = context.say(&Home::PasswordChanged);
    context.ui.print(&json!({ "event": "password-changed" }), sentence);
    Ok(Exit::Done)
}
