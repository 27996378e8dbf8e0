use super::Findings;
use crate::{Account, Accounts, Body, Entry, Finding, LedgerError, Outcome, TransferId};
use pumasi_identity::Did;
use pumasi_units::{Money, Unit};
use std::collections::{BTreeMap, HashMap};

/// Replays the accounts and compares them with what is kept and with what the peers signed.
#[derive(Default)]
pub(super) struct Claims {
    accounts: Accounts,
    open: HashMap<TransferId, Open>,
    lines: BTreeMap<(Did, Unit), Line>,
}

/// A transfer between the entry that begins it and the one that holds the peer's signature.
struct Open {
    unit: Unit,
    amount: u128,
    incoming: bool,
    /// What had moved on the line when it began, and what of it the peer had not acknowledged.
    moved: u128,
    unacknowledged: u128,
}

/// What the audit counts of one peer and unit.
#[derive(Default)]
struct Line {
    /// The sum of everything that moved, either way.
    moved: u128,
    /// The sum of what I accepted and the peer has not acknowledged.
    unacknowledged: u128,
}

impl Claims {
    /// Takes an entry in, with the balance that the peer signed in it (what the payer owes).
    pub(super) fn take(&mut self, entry: &Entry, signed: Option<(Unit, i128)>, findings: &mut Findings) {
        if let Err(error) = self.accounts.apply(entry) {
            findings.push(unmatched(entry, &error));
            return;
        }
        let sequence = entry.sequence;
        match &entry.body {
            Body::Outgoing { id, peer, money, .. } => self.open(id, peer, money, false, sequence, findings),
            Body::Incoming { id, peer, money, .. } => {
                let line = self.line(peer, money.unit());
                line.moved += u128::from(money.minor());
                self.open(id, peer, money, true, sequence, findings);
                self.line(peer, money.unit()).unacknowledged += u128::from(money.minor());
            }
            Body::Outcome { id, peer, outcome, .. } => {
                let Some(open) = self.close(id, false, sequence, findings) else { return };
                let explained = self.crossed(peer, &open);
                if *outcome == Outcome::Accepted {
                    self.line(peer, &open.unit).moved += open.amount;
                    let theirs = signed.filter(|(unit, _)| *unit == open.unit).and_then(|(_, owed)| owed.checked_neg());
                    self.compare_signed(sequence, peer, &open.unit, theirs, explained, findings);
                }
            }
            Body::Countersigned { id, peer, .. } => {
                let Some(open) = self.close(id, true, sequence, findings) else { return };
                let explained = self.crossed(peer, &open);
                let line = self.line(peer, &open.unit);
                line.unacknowledged = line.unacknowledged.saturating_sub(open.amount);
                let theirs = signed.filter(|(unit, _)| *unit == open.unit).map(|(_, owed)| owed);
                self.compare_signed(sequence, peer, &open.unit, theirs, explained, findings);
            }
            Body::Opened { .. } | Body::Limit { .. } | Body::Restored { .. } => {}
        }
    }

    /// Compares the replayed accounts with the kept ones.
    pub(super) fn compare(&self, kept: impl Iterator<Item = (Did, Unit, Account)>, findings: &mut Findings) {
        let mut kept: BTreeMap<(Did, Unit), Account> = kept.map(|(peer, unit, a)| ((peer, unit), a)).collect();
        for (peer, unit, replayed) in self.accounts.iter() {
            let account = kept.remove(&(*peer, unit.clone())).unwrap_or_default();
            if account != *replayed {
                findings.push(account_changed(*peer, unit.clone(), &account, replayed));
            }
        }
        for ((peer, unit), account) in kept {
            findings.push(account_changed(peer, unit, &account, &Account::default()));
        }
    }

    fn line(&mut self, peer: &Did, unit: &Unit) -> &mut Line {
        self.lines.entry((*peer, unit.clone())).or_default()
    }

    fn open(
        &mut self,
        id: &TransferId,
        peer: &Did,
        money: &Money,
        incoming: bool,
        entry: u64,
        findings: &mut Findings,
    ) {
        let Line { moved, unacknowledged } = *self.line(peer, money.unit());
        let amount = u128::from(money.minor());
        let open = Open { unit: money.unit().clone(), amount, incoming, moved, unacknowledged };
        if self.open.insert(*id, open).is_some() {
            findings.push(Finding::Unmatched { entry, transfer: *id });
        }
    }

    fn close(&mut self, id: &TransferId, incoming: bool, entry: u64, findings: &mut Findings) -> Option<Open> {
        let open = self.open.remove(id).filter(|open| open.incoming == incoming);
        if open.is_none() {
            findings.push(Finding::Unmatched { entry, transfer: *id });
        }
        open
    }

    /// How far the peer's balance may differ from mine because transfers crossed: what moved while this one was under
    /// way, what the peer had not acknowledged when it began, and what of mine it may have accepted since.
    fn crossed(&mut self, peer: &Did, open: &Open) -> u128 {
        let pending = self.accounts.get(peer, &open.unit).pending_out();
        let line = self.line(peer, &open.unit);
        line.moved - open.moved + open.unacknowledged + pending
    }

    fn compare_signed(
        &self,
        entry: u64,
        peer: &Did,
        unit: &Unit,
        theirs: Option<i128>,
        explained: u128,
        findings: &mut Findings,
    ) {
        let mine = self.accounts.balance(peer, unit);
        if let Some(theirs) = theirs.filter(|theirs| mine.abs_diff(*theirs) > explained) {
            findings.push(Finding::BalanceDiffers { entry, peer: *peer, unit: unit.clone(), mine, theirs });
        }
    }
}

fn account_changed(peer: Did, unit: Unit, kept: &Account, replayed: &Account) -> Finding {
    Finding::AccountChanged { peer, unit, kept: kept.balance(), replayed: replayed.balance() }
}

fn unmatched(entry: &Entry, error: &LedgerError) -> Finding {
    match entry.body.transfer() {
        Some(transfer) => Finding::Unmatched { entry: entry.sequence, transfer: *transfer },
        None => Finding::Malformed { entry: entry.sequence, problem: error.to_string() },
    }
}
