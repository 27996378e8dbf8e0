use super::chain::Chain;
use super::{Findings, Quote, SignedDocument, Statement};
use crate::{Body, Finding, Head, Outcome, Part};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_identity::Did;
use pumasi_units::Unit;
use std::collections::HashMap;

/// What the verified documents say about my chain and about those of the peers.
pub(super) struct Evidence {
    owner: Did,
    verified: u64,
    /// Heads of mine as others signed them, to compare once the whole chain is known.
    mine: Vec<(Quote, Option<u64>)>,
    /// Per peer and number of an entry of its chain: the hash that it signed first, and the entry of mine that holds it.
    theirs: HashMap<(Did, u64), (Digest, u64)>,
    /// Per payer and number of the entry that a transfer of its follows: the transfer, and the entry of mine.
    following: HashMap<(Did, u64), (Digest, u64)>,
    balance: Option<(Unit, i128)>,
}

impl Evidence {
    pub(super) fn new(owner: Did) -> Self {
        let (theirs, following) = (HashMap::new(), HashMap::new());
        Self { owner, verified: 0, mine: Vec::new(), theirs, following, balance: None }
    }

    /// How many documents verified.
    pub(super) fn verified(&self) -> u64 {
        self.verified
    }

    /// The balance (what the payer owes) of the last document that a peer signed, once.
    pub(super) fn signed_balance(&mut self) -> Option<(Unit, i128)> {
        self.balance.take()
    }

    /// Takes a verified document in and checks that it belongs where it stands.
    pub(super) fn take(&mut self, document: &SignedDocument<'_>, statement: &Statement, findings: &mut Findings) {
        self.verified += 1;
        let entry = document.entry.sequence;
        let before = findings.named.len();
        findings.extend(misplaced(document, statement));
        if findings.named.len() > before {
            return;
        }
        let witness = *document.entry.body.peer().unwrap_or(&self.owner);
        for (of, head) in &statement.heads {
            if *of == self.owner {
                self.mine.push((Quote { witness, head: *head }, Some(entry)));
            } else if let Some((hash, first)) = self.theirs.get(&(*of, head.sequence)) {
                if *hash != head.hash {
                    let (peer, sequence, first) = (*of, head.sequence, *first);
                    findings.push(Finding::Fork { peer, sequence, first, second: entry });
                }
            } else {
                self.theirs.insert((*of, head.sequence), (head.hash, entry));
            }
        }
        if let Body::Incoming { id, peer, .. } = &document.entry.body
            && let Some((_, head)) = statement.heads.iter().find(|(of, _)| of == peer)
        {
            let (other, first) = *self.following.entry((*peer, head.sequence)).or_insert((*id, entry));
            if other != *id {
                findings.push(Finding::Fork { peer: *peer, sequence: head.sequence + 1, first, second: entry });
            }
        }
        if statement.signer != self.owner {
            self.balance.clone_from(&statement.balance);
        }
    }

    /// Compares what others signed about my chain with the chain.
    pub(super) fn finish(&self, chain: &Chain, quotes: &[Quote], findings: &mut Findings) {
        let outside = quotes.iter().map(|quote| (*quote, None));
        for (Quote { witness, head }, entry) in self.mine.iter().copied().chain(outside) {
            let Head { sequence, hash } = head;
            if sequence > chain.last() {
                findings.push(Finding::RolledBack { witness, entry, quoted: head, have: chain.last() });
            } else if let Some(mine) = chain.hash(sequence).filter(|mine| *mine != hash) {
                findings.push(Finding::Rewritten { witness, entry, quoted: head, mine });
            }
        }
    }
}

/// Why the document does not belong to the entry that holds it.
fn misplaced(document: &SignedDocument<'_>, statement: &Statement) -> Option<Finding> {
    let SignedDocument { part, entry, .. } = *document;
    let sequence = entry.sequence;
    if statement.signer != *document.signer {
        let (expected, found) = (*document.signer, statement.signer);
        return Some(Finding::WrongSigner { entry: sequence, part, expected, found });
    }
    let expected = *entry.body.transfer()?;
    if statement.transfer != expected {
        return Some(Finding::OtherTransfer { entry: sequence, part, expected, found: statement.transfer });
    }
    let field = match (&entry.body, part) {
        (Body::Outgoing { money, memo, .. } | Body::Incoming { money, memo, .. }, _) => {
            let prev = Head { sequence: sequence - 1, hash: entry.previous };
            let outgoing = matches!(entry.body, Body::Outgoing { .. });
            if statement.money.as_ref() != Some(money) {
                Some("amount")
            } else if statement.memo.as_ref().is_some_and(|signed| signed != memo) {
                Some("memo")
            } else if outgoing && statement.heads.iter().any(|(_, head)| *head != prev) {
                Some("previous entry")
            } else {
                None
            }
        }
        (Body::Outcome { outcome, .. }, _) => (statement.outcome.as_ref() != Some(outcome)).then_some("outcome"),
        (Body::Countersigned { .. }, Part::Result) => {
            (statement.outcome != Some(Outcome::Accepted)).then_some("outcome")
        }
        (Body::Countersigned { result, .. }, _) => {
            (statement.result.is_some() && statement.result != jws_id(result)).then_some("result")
        }
        _ => None,
    };
    field.map(|field| Finding::Contradicts { entry: sequence, part, field })
}

/// SHA-256 of the signing input of a compact JWS.
fn jws_id(jws: &str) -> Option<Digest> {
    jws.rsplit_once('.').map(|(signed, _)| sha256(&[signed.as_bytes()]))
}
