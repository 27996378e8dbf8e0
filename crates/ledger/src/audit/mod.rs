//! Walking the whole ledger (spec: `docs/spec/ledger.md` §6).

mod chain;
mod claims;
mod evidence;
mod findings;

use crate::read::list;
use crate::seals::open_head;
use crate::store::{Space, Store};
use crate::{Account, Body, Entry, Finding, Head, Ledger, LedgerError, Outcome, Part, TransferId};
use chain::Chain;
use claims::Claims;
use evidence::Evidence;
use findings::Findings;
use pumasi_crypto::hash::Digest;
use pumasi_crypto::{MaybeSend, MaybeSync, Provider};
use pumasi_identity::Did;
use pumasi_units::{Money, Unit};
use std::future::Future;

/// Most findings that a report names; the rest is counted.
pub const MAX_FINDINGS: usize = 1_000;
/// Entries per read.
const PAGE: u32 = 500;

/// Verifies the signed documents that entries hold. The agent implements it: it has the profiles and the keys.
pub trait DocumentChecker: MaybeSync {
    /// Verifies the signature and tells what the document says; or why it does not verify.
    fn check(&self, document: &SignedDocument<'_>) -> impl Future<Output = Result<Statement, String>> + MaybeSend;
}

/// A signed document where it stands.
#[derive(Debug, Clone, Copy)]
pub struct SignedDocument<'a> {
    /// The compact JWS.
    pub text: &'a str,
    /// Which document it should be.
    pub part: Part,
    /// Who should have signed it.
    pub signer: &'a Did,
    /// For a transfer that came in: digest of the payer's profile that it was checked with.
    pub profile: Option<&'a Digest>,
    /// The entry that holds it.
    pub entry: &'a Entry,
}

/// What a verified document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Who signed it.
    pub signer: Did,
    /// Which transfer it is or is about.
    pub transfer: TransferId,
    /// The amount, in a transfer.
    pub money: Option<Money>,
    /// The memo, in a transfer.
    pub memo: Option<String>,
    /// The outcome, in a result.
    pub outcome: Option<Outcome>,
    /// In an acknowledgement: the id of the result that it acknowledges (SHA-256 of its JWS signing input).
    pub result: Option<Digest>,
    /// Heads that it quotes, and whose.
    pub heads: Vec<(Did, Head)>,
    /// What the payer owes the payee after it, in a result or an acknowledgement.
    pub balance: Option<(Unit, i128)>,
}

/// A head of mine in a document that a peer signed and that is not in the ledger: the answer to a query, or a receipt
/// that someone shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Who signed it.
    pub witness: Did,
    /// My head as quoted.
    pub head: Head,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Whose ledger it is.
    pub owner: Did,
    /// The head, as sealed.
    pub head: Head,
    /// How often it was restored.
    pub generation: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Documents whose signature verified.
    pub documents: u64,
    /// What is not as it should be, in the order of the walk; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: u64,
}

impl AuditReport {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl<S: Store, P: Provider> Ledger<S, P> {
    /// Reads every entry and checks it: the chain, the head, every document's signature and place, the accounts, and
    /// what the peers have signed about this ledger and their own. `quotes` are heads of mine known from elsewhere.
    ///
    /// Nothing may be committed meanwhile.
    ///
    /// # Errors
    /// What the store says. What is wrong with the ledger is in the report.
    pub async fn audit(&self, checker: &impl DocumentChecker, quotes: &[Quote]) -> Result<AuditReport, LedgerError> {
        let inner = &*self.inner;
        let header = inner.store.header().await?.ok_or(LedgerError::Empty)?;
        let mut findings = Findings::default();
        // What opening found, the marker's word above all, is not in the file.
        findings.extend(self.damage().filter(|f| matches!(f, Finding::OldCopy { .. } | Finding::MarkerChanged)));
        let sealed = open_head(&inner.keys, &header.head).map_err(|finding| findings.push(finding)).ok();
        let head = sealed.as_ref().map_or_else(|| self.durable_head(), |sealed| sealed.head);
        if sealed.is_some_and(|sealed| sealed.generation != header.generation || head.sequence != header.sequence) {
            findings.push(Finding::HeadChanged);
        }

        let mut chain = Chain::new(head);
        let mut claims = Claims::default();
        let mut evidence = Evidence::new(inner.owner);
        loop {
            let page = inner.store.entries(chain.next(), PAGE).await?;
            if page.is_empty() {
                break;
            }
            for row in &page {
                let Some(entry) = chain.take(&inner.keys, row, &mut findings) else { continue };
                for document in documents(&entry, &inner.owner) {
                    match checker.check(&document).await {
                        Ok(statement) => evidence.take(&document, &statement, &mut findings),
                        Err(problem) => {
                            findings.push(Finding::BadSignature {
                                entry: entry.sequence,
                                part: document.part,
                                problem,
                            });
                        }
                    }
                }
                claims.take(&entry, evidence.signed_balance(), &mut findings);
            }
        }
        chain.finish(&mut findings);
        evidence.finish(&chain, quotes, &mut findings);
        match list::<(Did, Unit, Account)>(&inner.store, &inner.keys, Space::Account).await {
            // After a broken chain the accounts cannot be replayed.
            Ok(kept) if chain.is_whole() => claims.compare(kept.into_iter().map(|(_, account)| account), &mut findings),
            Ok(_) => {}
            Err(LedgerError::Store(error)) => return Err(error.into()),
            Err(_) => findings.push(Finding::RecordChanged { space: Space::Account }),
        }
        let (entries, documents, generation) = (chain.read(), evidence.verified(), header.generation);
        let Findings { named, more } = findings;
        Ok(AuditReport { owner: inner.owner, head, generation, entries, documents, findings: named, more })
    }
}

/// The signed documents of an entry, with who should have signed each.
fn documents<'a>(entry: &'a Entry, owner: &'a Did) -> Vec<SignedDocument<'a>> {
    let document = |text, part, signer, profile| SignedDocument { text, part, signer, profile, entry };
    match &entry.body {
        Body::Outgoing { document: text, .. } => vec![document(text, Part::Transfer, owner, None)],
        Body::Incoming { peer, document: text, profile, .. } => {
            vec![document(text, Part::Transfer, peer, Some(profile))]
        }
        Body::Outcome { peer, document: text, .. } => vec![document(text, Part::Result, peer, None)],
        Body::Countersigned { peer, result, document: text, .. } => {
            vec![document(result, Part::Result, owner, None), document(text, Part::Acknowledgement, peer, None)]
        }
        Body::Opened { .. } | Body::Limit { .. } | Body::Restored { .. } => Vec::new(),
    }
}
