//! One payment, step by step, as each side sees it.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod support;

use proptest::prelude::*;
use pumasi_ledger::Body;
use pumasi_transfer::{Decision, DeskError, Event, Order, PayerState, Policy, Refusal, limits};
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

#[test]
fn the_states_shown_are_true_at_every_moment() {
    let (mut payer, mut payee) = (Side::new(PAYER, Policy::Accept), Side::new(PAYEE, Policy::Ask));
    payee.durable.set_limit(did(PAYER), money("50,000 KRW"), NOW);
    let state = |payer: &Side| payer.desk.payers().next().unwrap().record().state.clone();

    let sent = pay(&mut payer, order("12,000 KRW"), NOW);
    assert_eq!(sends(&sent), Vec::<Vec<u8>>::new(), "no link, no message");
    assert!(matches!(state(&payer), PayerState::Queued { .. }));

    let sent = payer.act(async |desk, books| desk.link_up(books, did(PAYEE), NOW).await);
    assert!(matches!(state(&payer), PayerState::Queued { .. }), "the link has not taken it yet");
    let id = payer.desk.payers().next().unwrap().record().id;
    let told = payer.act(async |desk, books| desk.sent(books, id, NOW).await);
    assert_eq!(events(&told), [Event::Sent]);
    assert!(matches!(state(&payer), PayerState::Sent { .. }));

    let answers = payee.receive(PAYER, &sends(&sent)[0], NOW);
    assert!(matches!(&events(&answers)[..], [Event::Asked { .. }]));
    payer.receive(PAYEE, &sends(&answers)[0], NOW);
    assert!(matches!(state(&payer), PayerState::Received { .. }));

    let late = NOW + limits::DEFAULT_LIFETIME + 1;
    let told = payer.act(async |desk, books| desk.timeout(books, late).await);
    assert_eq!(events(&told), [Event::Expired]);
    assert!(matches!(state(&payer), PayerState::Expired { received: Some(_), .. }));
    let question = sends(&told);
    assert!(question[0].len() < 1_000, "a question, not the transfer");

    let refused = payee.act(async |desk, books| desk.timeout(books, late).await);
    assert_eq!(events(&refused), [Event::TurnedDown(Refusal::Expired)]);
    let answer = sends(&payee.receive(PAYER, &question[0], late));
    let told = payer.receive(PAYEE, &answer[0], late);
    assert_eq!(events(&told), [Event::Refused(Refusal::Expired)]);
    assert_eq!(payer.desk.payers().count(), 0);
}

#[test]
fn a_decision_after_expiry_takes_nothing() {
    let (mut payer, mut payee) = pair(Policy::Ask);
    let sent = pay(&mut payer, order("12,000 KRW"), NOW);
    payee.receive(PAYER, &sends(&sent)[0], NOW);
    let id = payee.desk.payees().next().unwrap().offer().id;
    let late = NOW + limits::DEFAULT_LIFETIME + 1;
    let told = payee
        .act(async |desk, books| desk.decide(books, id, Decision::Accept, late).await.map(|counted| assert!(counted)));
    assert_eq!(events(&told), [Event::TurnedDown(Refusal::Expired)]);
    let (again, _) = payee.commit(async |desk, books| desk.decide(books, id, Decision::Accept, NOW).await);
    assert!(!again.unwrap(), "the first decision stands, whatever the clock says later");
    assert_eq!(payee.durable.balance(&did(PAYER), money("0 KRW").unit()), 0);
}

#[test]
fn a_line_that_is_used_up_by_the_time_of_the_decision_refuses_the_second_payment() {
    let (mut payer, mut payee) = pair(Policy::Ask);
    for _ in 0..2 {
        let sent = pay(&mut payer, order("30,000 KRW"), NOW);
        payee.receive(PAYER, &sends(&sent)[0], NOW);
    }
    let ids: Vec<_> = payee.desk.payees().map(|payee| payee.offer().id).collect();
    let told = payee.act(async |desk, books| {
        for id in ids {
            assert!(desk.decide(books, id, Decision::Accept, NOW).await?);
        }
        Ok(())
    });
    let over = Refusal::OverLimit { limit: money("50,000 KRW"), available: money("20,000 KRW") };
    assert!(matches!(&events(&told)[..], [Event::Taken { .. }, Event::TurnedDown(refusal)] if *refusal == over));
}

#[test]
fn an_unanswered_message_is_repeated_ever_more_rarely() {
    let (mut payer, _) = pair(Policy::Accept);
    let sent = sends(&pay(&mut payer, order("12,000 KRW"), NOW));
    let mut waits = Vec::new();
    let mut now = NOW;
    for _ in 0..7 {
        let due = payer.desk.next_timeout().unwrap();
        waits.push(due.since(now));
        now = due;
        let again = payer.act(async |desk, books| desk.timeout(books, now).await);
        assert_eq!(sends(&again), sent, "the same bytes");
    }
    assert_eq!(waits, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    payer.desk.link_down(&did(PAYEE));
    assert_eq!(payer.desk.next_timeout(), Some(NOW + limits::DEFAULT_LIFETIME + 1), "nothing is said to nobody");
}

#[test]
fn an_order_out_of_bounds_is_never_signed() {
    let (mut payer, _) = pair(Policy::Accept);
    let before = payer.durable.clone();
    let too_long = Order::new(did(PAYEE), money("1 KRW"), "가".repeat(limits::MAX_MEMO_CHARS + 1));
    let forever = Order { lifetime: limits::MAX_LIFETIME + 1, ..order("1 KRW") };
    let to_myself = Order { to: did(PAYER), ..order("1 KRW") };
    for bad in [order("0 KRW"), too_long, forever, to_myself] {
        let (done, actions) = payer.commit(async |desk, books| desk.pay(books, peer(PAYEE), bad, NOW).await);
        assert!(matches!(done, Err(DeskError::Order(_))));
        assert_eq!(actions, []);
    }
    assert!(before == payer.durable);
}

proptest! {
    /// Whatever the order of what happens to it: a settled payer stays settled, and everything is stored before it is
    /// sent.
    #[test]
    fn a_payer_settles_once_and_stores_before_it_sends(steps in prop::collection::vec(0_u8..7, 1..30)) {
        let (mut payer, mut payee) = pair(Policy::Accept);
        let sent = sends(&pay(&mut payer, order("12,000 KRW"), NOW));
        let answers = sends(&payee.receive(PAYER, &sent[0], NOW));
        let id = payer.desk.payers().next().unwrap().record().id;
        let mut now = NOW;
        for step in steps {
            let settled = payer.desk.payers().count() == 0;
            let actions = payer.act(async |desk, books| match step {
                0 => desk.link_up(books, did(PAYEE), now).await,
                1 => { desk.link_down(&did(PAYEE)); Ok(()) }
                2 => desk.sent(books, id, now).await,
                3 => desk.receive(books, peer(PAYEE), &answers[0], now).await.map(drop),
                4 => desk.receive(books, peer(PAYEE), &answers[1], now).await.map(drop),
                5 => { now = now + 30_000_000; desk.timeout(books, now).await }
                _ => Ok(()),
            });
            if step == 6 { payer.restart(Policy::Accept); }
            let stored = payer.durable.about(&id).len();
            prop_assert_eq!(stored, if payer.desk.payers().count() == 0 { 2 } else { 1 });
            prop_assert!(!settled || stored == 2);
            prop_assert!(!settled || actions.len() <= 1, "only the acknowledgement is repeated: {actions:?}");
        }
    }
}
