//! Audit, backups and exports.

use super::PROVIDER;
use super::session::Session;
use pumasi_crypto::password::Password;
use pumasi_ledger::LedgerError;
use pumasi_ui::backend::{AuditView, BackupState, ExportFormat, File, ProofView, Trouble};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};

/// Where it is kept how the backups stand.
const STATE: &str = "backup";
/// Largest backup that is read, in bytes.
const MAX_BACKUP: u64 = 256 * 1024 * 1024;

/// The last backup, and the last that was proven.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Backups {
    made: Option<Made>,
    proven: Option<Made>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Made {
    at: Timestamp,
    entries: u64,
}

impl Session {
    pub(super) async fn audit(&self) -> Result<AuditView, Trouble> {
        let report = self.with(|wallet| Box::pin(async move { wallet.audit().await })).await?;
        Ok(AuditView {
            entries: report.entries,
            signatures: report.documents,
            findings: report.findings,
            more: report.more,
        })
    }

    pub(super) async fn backup(&self) -> Result<File, Trouble> {
        let did = self.did;
        self.with(move |wallet| {
            Box::pin(async move {
                let mut bytes = Vec::new();
                wallet.write_backup(&mut bytes).await?;
                let entries = wallet.ledger().head().sequence;
                let before: Backups = wallet.setting(STATE).await?.unwrap_or_default();
                let made = Some(Made { at: pumasi_agent::now(), entries });
                wallet.set_setting(STATE, &Backups { made, ..before }).await?;
                let name = format!("pumasi-backup-{}.jsonl", did.short().trim_matches('…'));
                Ok(File { name, media: "application/jsonl", bytes })
            })
        })
        .await
    }

    pub(super) async fn backup_state(&self) -> Result<BackupState, Trouble> {
        self.with(|wallet| {
            Box::pin(async move {
                let backups: Backups = wallet.setting(STATE).await?.unwrap_or_default();
                let since = |made: Made| wallet.ledger().head().sequence.saturating_sub(made.entries);
                Ok(match (backups.made, backups.proven) {
                    (None, None) => BackupState::Never,
                    // A newer one that nobody has tried does not make the older one less proven.
                    (_, Some(proven)) => BackupState::Proven { at: proven.at, since: since(proven) },
                    (Some(made), None) => BackupState::Made { at: made.at, since: since(made) },
                })
            })
        })
        .await
    }

    pub(super) async fn prove_backup(&self, file: Vec<u8>, password: Password) -> Result<ProofView, Trouble> {
        if file.len() as u64 > MAX_BACKUP {
            return Err(Trouble::FileTooLarge { limit: MAX_BACKUP });
        }
        self.with(move |wallet| {
            Box::pin(async move {
                let entries = wallet.prove_backup(&mut &file[..], &password).await?;
                let before: Backups = wallet.setting(STATE).await?.unwrap_or_default();
                let proven = Some(Made { at: pumasi_agent::now(), entries });
                wallet.set_setting(STATE, &Backups { proven, ..before }).await?;
                let missing = wallet.ledger().head().sequence.saturating_sub(entries);
                Ok(ProofView { entries, missing })
            })
        })
        .await
    }

    pub(super) async fn export(&self, format: ExportFormat, password: Option<Password>) -> Result<File, Trouble> {
        self.with(move |wallet| {
            Box::pin(async move {
                let (document, names) = wallet.export().await?;
                let (name, media, bytes) = match format {
                    ExportFormat::Json => ("pumasi-ledger.json", "application/json", document.to_json()?),
                    ExportFormat::Csv => ("pumasi-ledger.csv", "text/csv", document.to_csv(&names).into_bytes()),
                    ExportFormat::Beancount => {
                        ("pumasi-ledger.beancount", "text/plain", document.to_beancount(&names).into_bytes())
                    }
                    ExportFormat::Sealed => {
                        // Nothing leaves the page in the clear because a field was left empty.
                        let password = password.filter(|password| !password.is_empty());
                        let password = password.ok_or(LedgerError::WrongPassword)?;
                        let sealed = document.to_sealed(&PROVIDER, &password, pumasi_agent::now()).await?;
                        ("pumasi-ledger.fernet", "application/octet-stream", sealed)
                    }
                };
                Ok(File { name: name.into(), media, bytes })
            })
        })
        .await
    }
}
