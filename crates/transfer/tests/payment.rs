//! One payment, step by step, as each side sees it.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod support;

use pumasi_ledger::Body;
use pumasi_transfer::{Event, Order, Policy};
use pumasi_units::Timestamp;
use support::{NOW, Side, did, events, money, peer, sends};

const PAYER: usize = 0;
const PAYEE: usize = 1;

/// Two people with a link; the payee lets the payer owe 50,000 KRW.
fn pair(policy: Policy) -> (Side, Side) {
    let (mut payer, mut payee) = (Side::new(PAYER, Policy::Accept), Side::new(PAYEE, policy));
    payee.durable.set_limit(did(PAYER), money("50,000 KRW"), NOW);
    payer.act(async |desk, books| desk.link_up(books, did(PAYEE), NOW).await);
    payee.act(async |desk, books| desk.link_up(books, did(PAYER), NOW).await);
    (payer, payee)
}

fn order(text: &str) -> Order {
    Order::new(did(PAYEE), money(text), "점심")
}

fn pay(payer: &mut Side, order: Order, now: Timestamp) -> Vec<pumasi_transfer::Action> {
    payer.act(async |desk, books| desk.pay(books, peer(PAYEE), order, now).await.map(drop))
}

#[test]
fn an_accepted_payment_leaves_a_receipt_on_both_sides_and_both_sign_the_balance() {
    let (mut payer, mut payee) = pair(Policy::Accept);

    let sent = pay(&mut payer, order("12,000 KRW"), NOW);
    assert_eq!(events(&sent), [Event::Queued]);
    let [transfer] = &sends(&sent)[..] else { panic!("one message") };

    let answers = payee.receive(PAYER, transfer, NOW);
    assert_eq!(events(&answers), [Event::Taken { money: money("12,000 KRW"), memo: "점심".into() }]);
    let [received, result] = &sends(&answers)[..] else { panic!("received, then the result") };

    assert_eq!(events(&payer.receive(PAYEE, received, NOW)), [Event::Received]);
    let settled = payer.receive(PAYEE, result, NOW);
    let [Event::Accepted { balance }] = &events(&settled)[..] else { panic!("accepted: {settled:?}") };
    assert_eq!(balance.amount, 12_000);
    let [bye] = &sends(&settled)[..] else { panic!("the acknowledgement") };
    assert_eq!(events(&payee.receive(PAYER, bye, NOW)), [Event::Countersigned]);

    let kinds = |side: &Side| side.durable.entries.iter().map(|entry| kind(&entry.body)).collect::<Vec<_>>();
    assert_eq!(kinds(&payer), ["opened", "outgoing", "outcome"]);
    assert_eq!(kinds(&payee), ["opened", "limit", "incoming", "countersigned"]);
    assert_eq!(payee.durable.balance(&did(PAYER), money("0 KRW").unit()), 12_000);
    assert_eq!(payer.durable.balance(&did(PAYEE), money("0 KRW").unit()), -12_000);
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Opened { .. } => "opened",
        Body::Outgoing { .. } => "outgoing",
        Body::Incoming { .. } => "incoming",
        Body::Outcome { .. } => "outcome",
        Body::Countersigned { .. } => "countersigned",
        Body::Limit { .. } => "limit",
        _ => "other",
    }
}
