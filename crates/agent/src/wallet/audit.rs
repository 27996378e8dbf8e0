//! The audit's eyes: verifies each signed document with the keys that were pinned when it came.

use super::Wallet;
use crate::error::AgentError;
use crate::home::{Home, Place};
use crate::platform::{Books, PlatformProvider};
use pumasi_crypto::hash::Digest;
use pumasi_crypto::password::Password;
use pumasi_identity::SignedProfile;
use pumasi_ledger::store::Space;
use pumasi_ledger::{AuditReport, DocumentChecker, LedgerError, Part, SignedDocument, Statement};
use pumasi_transfer::message::{Bye, TransferResult};
use pumasi_transfer::{ReceiptError, profile_of, verify_statement, verify_transfer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Most profiles that an audit keeps at a time, each of at most 8 kB.
const PROFILES: usize = 256;

impl Wallet {
    /// Opens an identity to audit it. The folder is held, so that nothing is written meanwhile; a ledger that was put back
    /// from an old copy opens too, and the audit says so.
    ///
    /// # Errors
    /// As [`Wallet::open`], but never for what is wrong with the ledger's end.
    pub async fn open_to_audit(place: &Place, password: &Password) -> Result<Self, AgentError> {
        let wallet = Self::unlock(Home::open(place, "ledger audit").await?, password).await?;
        match wallet.check_marker().await {
            Ok(()) | Err(AgentError::Ledger(LedgerError::Damaged(_))) => Ok(wallet), // the ledger keeps the finding
            Err(other) => Err(other),
        }
    }

    /// Checks every entry, signature and receipt, and names what is wrong.
    ///
    /// # Errors
    /// What the store says. What is wrong with the ledger is in the report.
    pub async fn audit(&self) -> Result<AuditReport, AgentError> {
        let checker = Checker { ledger: &self.ledger, provider: self.provider, profiles: Mutex::default() };
        Ok(self.ledger.audit(&checker, &[]).await?)
    }
}

struct Checker<'a> {
    ledger: &'a Books,
    provider: PlatformProvider,
    /// Those that were verified a moment ago: most documents name one of few.
    profiles: Mutex<HashMap<Digest, Arc<SignedProfile>>>,
}

impl Checker<'_> {
    async fn profile(&self, digest: &Digest) -> Result<Arc<SignedProfile>, String> {
        if let Some(verified) = self.profiles().get(digest) {
            return Ok(verified.clone());
        }
        let profile = Arc::new(self.read_profile(digest).await?);
        let mut profiles = self.profiles();
        if profiles.len() >= PROFILES {
            profiles.clear();
        }
        profiles.insert(*digest, profile.clone());
        Ok(profile)
    }

    fn profiles(&self) -> MutexGuard<'_, HashMap<Digest, Arc<SignedProfile>>> {
        self.profiles.lock().expect("no code panics while it holds the lock")
    }

    async fn read_profile(&self, digest: &Digest) -> Result<SignedProfile, String> {
        let kept: Option<SignedProfile> =
            self.ledger.get(Space::Document, &digest.0).await.map_err(|error| error.to_string())?;
        let profile = kept.ok_or_else(|| format!("the profile {digest} that it names is not kept"))?;
        if profile.digest() == *digest { Ok(profile) } else { Err(format!("another profile is kept as {digest}")) }
    }
}

impl DocumentChecker for Checker<'_> {
    async fn check(&self, document: &SignedDocument<'_>) -> Result<Statement, String> {
        let broken = |error: ReceiptError| error.to_string();
        match document.part {
            Part::Transfer => {
                let digest = match document.profile {
                    Some(digest) => *digest,
                    None => profile_of(document.text).map_err(broken)?,
                };
                let profile = self.profile(&digest).await?;
                let (id, transfer) = verify_transfer(&self.provider, document.text, &profile).await.map_err(broken)?;
                Ok(Statement {
                    signer: transfer.from,
                    transfer: id,
                    money: Some(transfer.money),
                    memo: Some(transfer.memo),
                    outcome: None,
                    result: None,
                    heads: vec![(transfer.from, transfer.prev)],
                    balance: None,
                })
            }
            Part::Result => {
                let (_, result): (_, TransferResult) =
                    verify_statement(document.text, document.signer).map_err(broken)?;
                Ok(Statement {
                    signer: result.from,
                    transfer: result.transfer,
                    money: None,
                    memo: None,
                    outcome: Some(result.outcome),
                    result: None,
                    heads: vec![(result.from, result.head), (result.to, result.payer_head)],
                    balance: Some((result.balance.unit, result.balance.amount)),
                })
            }
            Part::Acknowledgement => {
                let (_, bye): (_, Bye) = verify_statement(document.text, document.signer).map_err(broken)?;
                Ok(Statement {
                    signer: bye.from,
                    transfer: bye.transfer,
                    money: None,
                    memo: None,
                    outcome: None,
                    result: Some(bye.result),
                    heads: vec![(bye.from, bye.head)],
                    balance: Some((bye.balance.unit, bye.balance.amount)),
                })
            }
            _ => Err("a kind of document that this version does not know".into()),
        }
    }
}
