//! The desk on the real ledger: entries, accounts and records in encrypted tokens, read again after a restart.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod support;

use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::password::Password;
use pumasi_ledger::memory::MemoryStore;
use pumasi_ledger::{Body, Ledger};
use pumasi_transfer::{Action, Desk, DeskError, Event, LedgerBooks, Order, PayerState, Policy, Record};
use pumasi_units::Unit;
use support::{NOW, NativeDesk, Person, block_on, did, events, keys, money, peer, sends};

const PAYER: Person = 0;
const PAYEE: Person = 1;

type RealLedger = Ledger<MemoryStore, NativeProvider>;
type RealBooks<'a> = LedgerBooks<'a, MemoryStore, NativeProvider>;

struct Real {
    ledger: RealLedger,
    desk: NativeDesk,
}

impl Real {
    fn new(person: Person) -> Self {
        let password = Password::new("비밀번호 password");
        let ledger = block_on(Ledger::create(MemoryStore::new(), NativeProvider, did(person), &password, NOW)).unwrap();
        let desk = load(person, &ledger);
        Self { ledger, desk }
    }

    fn act(
        &mut self,
        act: impl AsyncFnOnce(&mut NativeDesk, &mut RealBooks<'_>) -> Result<(), DeskError>,
    ) -> Vec<Action> {
        let mut tx = block_on(self.ledger.begin()).unwrap();
        block_on(act(&mut self.desk, &mut LedgerBooks { ledger: &self.ledger, tx: &mut tx })).unwrap();
        let outbox = self.desk.take();
        block_on(self.ledger.commit(tx)).unwrap();
        self.desk.committed(outbox)
    }

    fn receive(&mut self, from: Person, bytes: &[u8]) -> Vec<Action> {
        self.act(async |desk, books| desk.receive(books, peer(from), bytes, NOW).await.map(drop))
    }
}

fn load(person: Person, ledger: &RealLedger) -> NativeDesk {
    let mut tx = block_on(ledger.begin()).unwrap();
    block_on(Desk::load(keys(person), Policy::Accept, &LedgerBooks { ledger, tx: &mut tx })).unwrap()
}

#[test]
fn three_payments_in_one_commit_settle_and_both_accounts_are_equal() {
    let (mut payer, mut payee) = (Real::new(PAYER), Real::new(PAYEE));
    let mut tx = block_on(payee.ledger.begin()).unwrap();
    tx.append(Body::Limit { peer: did(PAYER), limit: money("25,000 KRW") }, NOW).unwrap();
    block_on(payee.ledger.commit(tx)).unwrap();
    payee.act(async |desk, books| desk.link_up(books, did(PAYER), NOW).await);

    payer.act(async |desk, books| {
        for memo in ["하나", "둘", "셋"] {
            desk.pay(books, peer(PAYEE), Order::new(did(PAYEE), money("10,000 KRW"), memo), NOW).await?;
        }
        Ok(())
    });
    // The program stops before the link comes up; what is stored is enough to go on.
    payer.desk = load(PAYER, &payer.ledger);
    let sent = payer.act(async |desk, books| desk.link_up(books, did(PAYEE), NOW).await);
    let transfers = sends(&sent);
    assert_eq!(transfers.len(), 3);

    let answers = payee.act(async |desk, books| {
        for transfer in &transfers {
            desk.receive(books, peer(PAYER), transfer, NOW).await?;
        }
        Ok(())
    });
    assert!(matches!(events(&answers)[..], [Event::Taken { .. }, Event::Taken { .. }, Event::TurnedDown(_)]));
    for answer in sends(&answers) {
        for bye in sends(&payer.receive(PAYEE, &answer)) {
            payee.receive(PAYER, &bye);
        }
    }

    let (owed, owes) =
        (payee.ledger.account(&did(PAYER), &Unit::krw()), payer.ledger.account(&did(PAYEE), &Unit::krw()));
    assert_eq!((owed.balance(), owes.balance()), (20_000, -20_000));
    assert_eq!(owes.limit_they_give, Some(25_000), "the payer learned the limit from the refusal");
    assert_eq!(owed.countersigned.map(|signed| signed.balance), Some(20_000));
    assert_eq!(owes.pending.len(), 0);
    assert_eq!((payer.desk.payers().count(), load(PAYER, &payer.ledger).payers().count()), (0, 0));

    let id = payer_transfer(&payer.ledger);
    let mut tx = block_on(payer.ledger.begin()).unwrap();
    let books = LedgerBooks { ledger: &payer.ledger, tx: &mut tx };
    let record = block_on(payer.desk.record(&books, &id)).unwrap();
    assert!(matches!(record, Some(Record::Payer(record)) if matches!(record.state, PayerState::Accepted { .. })));
}

fn payer_transfer(ledger: &RealLedger) -> pumasi_ledger::TransferId {
    let entries = block_on(ledger.entries(1, 100)).unwrap();
    let id = entries.iter().find_map(|entry| match &entry.body {
        Body::Outgoing { id, .. } => Some(*id),
        _ => None,
    });
    id.unwrap()
}

#[test]
fn a_desk_works_on_a_runtime_with_several_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let mut real = Real::new(PAYER);
    let mut tx = block_on(real.ledger.begin()).unwrap();
    let mut books = LedgerBooks { ledger: &real.ledger, tx: &mut tx };
    let order = Order::new(did(PAYEE), money("1 KRW"), "");
    assert_send(&real.desk.pay(&mut books, peer(PAYEE), order, NOW));
    assert_send(&real.desk.receive(&mut books, peer(PAYEE), b"", NOW));
    assert_send(&real.desk.timeout(&mut books, NOW));
}
