//! Messages that were changed, moved or made up. Each is refused with an error that names what is wrong; nothing is
//! stored, nothing is answered. Only what a payer signed in good form gets a signed refusal.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod support;

use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::{CryptoError, b64, jose};
use pumasi_identity::Did;
use pumasi_ledger::Head;
use pumasi_transfer::message::{
    Balance, Bye, Invalid, Kind, Nonce, Payload, Query, Received, Request, Transfer, TransferResult,
};
use pumasi_transfer::{
    DeskError, Event, LinkError, OpenError, Order, Policy, Refusal, RequestOrder, Verified, limits, seal_transfer,
    sign_statement,
};
use pumasi_units::{Money, Timestamp, Unit};
use serde::Serialize;
use support::{NOW, Person, Side, block_on, did, events, keys, money, peer, sends};

const PAYER: Person = 0;
const PAYEE: Person = 1;
const OTHER: Person = 2;

fn payee() -> Side {
    let mut payee = Side::new(PAYEE, Policy::Accept);
    payee.durable.set_limit(did(PAYER), money("50,000 KRW"), NOW);
    payee.durable.set_limit(did(OTHER), money("50,000 KRW"), NOW);
    payee.act(async |desk, books| desk.link_up(books, did(PAYER), NOW).await);
    payee
}

fn transfer() -> Transfer {
    let order = Order::new(did(PAYEE), money("12,000 KRW"), "점심");
    order.draft(did(PAYER), keys(PAYER).profile, Head::default(), Nonce([7; 16]), NOW).unwrap()
}

fn sealed(transfer: &Transfer) -> Vec<u8> {
    block_on(seal_transfer(&keys(PAYER), peer(PAYEE), transfer)).unwrap().1.into_bytes()
}

/// A JWS of the payer's RSA key, sealed for the payee, with any payload.
fn sealed_json(payload: &impl Serialize) -> Vec<u8> {
    let (keys, to) = (keys(PAYER), peer(PAYEE));
    let jws = jose::sign_ps256(&keys.provider, &keys.signing, &keys.signing_kid, "pumasi-transfer", payload);
    let jws = block_on(jws).unwrap();
    let jwe = jose::encrypt(&keys.provider, &to.unwrap, &to.unwrap_kid, jws.as_str().as_bytes());
    block_on(jwe).unwrap().into_bytes()
}

fn refused(side: &mut Side, transfer: &Transfer, now: Timestamp) -> Refusal {
    let answer = side.receive(PAYER, &sealed(transfer), now);
    match &events(&answer)[..] {
        [.., Event::TurnedDown(refusal)] => refusal.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_replayed_transfer_gets_the_same_bytes_and_no_second_entry() {
    let mut payee = payee();
    let bytes = sealed(&transfer());
    let first = sends(&payee.receive(PAYER, &bytes, NOW));
    let entries = payee.durable.entries.len();
    for later in [0, 1_000, 30 * 86_400_000] {
        assert_eq!(sends(&payee.receive(PAYER, &bytes, NOW + later)), first[1..], "after {later} ms");
    }
    // The same signed transfer in another envelope is the same transfer.
    payee.restart(Policy::Accept);
    let again = sealed(&transfer());
    assert_ne!(again, bytes);
    assert_eq!(sends(&payee.receive(PAYER, &again, NOW)), first[1..]);
    assert_eq!(payee.durable.entries.len(), entries);
}

#[test]
fn a_transfer_for_somebody_else_or_from_somebody_else_is_not_a_message() {
    let mut payee = payee();
    let elsewhere = Transfer { to: did(OTHER), ..transfer() };
    let error = payee.receive_bad(PAYER, &sealed(&elsewhere), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Invalid(Invalid::Recipient))), "{error}");

    let error = payee.receive_bad(OTHER, &sealed(&transfer()), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Invalid(Invalid::Sender { found })) if found == did(PAYER)));
}

#[test]
fn a_changed_memo_breaks_the_signature() {
    let keys = keys(PAYER);
    let typ = Kind::Transfer.typ();
    let jws = block_on(jose::sign_ps256(&keys.provider, &keys.signing, &keys.signing_kid, typ, &transfer())).unwrap();
    let parts: Vec<&str> = jws.as_str().split('.').collect();
    let payload = String::from_utf8(b64::decode("payload", parts[1]).unwrap()).unwrap();
    let payload = b64::encode(payload.replace("점심", "저녁"));
    let forged = format!("{}.{payload}.{}", parts[0], parts[2]);
    let to = peer(PAYEE);
    let jwe = block_on(jose::encrypt(&keys.provider, &to.unwrap, &to.unwrap_kid, forged.as_bytes())).unwrap();

    let error = payee().receive_bad(PAYER, jwe.as_bytes(), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Crypto(CryptoError::Unverified(_)))), "{error}");
}

#[test]
fn a_flipped_bit_in_the_envelope_opens_nothing() {
    let bytes = sealed(&transfer());
    let text = String::from_utf8(bytes).unwrap();
    for field in ["ciphertext", "encrypted_key", "iv", "tag"] {
        let at = text.find(&format!("\"{field}\":\"")).unwrap() + field.len() + 6;
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let error = payee().receive_bad(PAYER, &changed, NOW);
        assert!(matches!(error, DeskError::Open(OpenError::Crypto(_))), "{field}: {error}");
    }
}

#[test]
fn an_expired_transfer_and_one_from_the_future_are_refused_with_the_reason() {
    let mut payee = payee();
    let expired = Transfer { issued: NOW - 2_000, expires: NOW - 1, ..transfer() };
    assert_eq!(refused(&mut payee, &expired, NOW), Refusal::Expired);
    let ahead = NOW + limits::CLOCK_SKEW + 1;
    let prev = Head { sequence: 1, ..Head::default() };
    let early = Transfer { prev, issued: ahead, expires: ahead + 1_000, ..transfer() };
    assert_eq!(refused(&mut payee, &early, NOW), Refusal::Clock);
    assert_eq!(payee.durable.balance(&did(PAYER), &Unit::krw()), 0);
}

#[test]
fn a_refused_transfer_stays_refused_however_the_world_changes() {
    let mut payee = payee();
    let big = Transfer { money: money("50,001 KRW"), ..transfer() };
    let figures = Refusal::OverLimit { limit: money("50,000 KRW"), available: money("50,000 KRW") };
    assert_eq!(refused(&mut payee, &big, NOW), figures);
    payee.durable.set_limit(did(PAYER), money("1,000,000 KRW"), NOW);
    let again = payee.receive(PAYER, &sealed(&big), NOW);
    assert_eq!(events(&again), []);
    assert_eq!(payee.durable.balance(&did(PAYER), &Unit::krw()), 0);
}

#[test]
fn zero_bitcoin_and_strangers_are_refused_with_the_reason() {
    let zero = Transfer { money: money("0 KRW"), ..transfer() };
    assert_eq!(refused(&mut payee(), &zero, NOW), Refusal::AmountZero);
    let bitcoin = Transfer { money: money("0.001 BTC"), ..transfer() };
    assert_eq!(refused(&mut payee(), &bitcoin, NOW), Refusal::ChainNodeNeeded);

    let mut payee = payee();
    let stranger = pumasi_transfer::Peer { contact: false, ..peer(PAYER).clone() };
    let bytes = sealed(&transfer());
    let answer = payee.act(async |desk, books| desk.receive(books, &stranger, &bytes, NOW).await.map(drop));
    assert_eq!(events(&answer), [Event::TurnedDown(Refusal::UnknownPeer)]);
}

#[test]
fn a_transfer_under_an_unknown_profile_can_be_refused_without_reading_it() {
    let mut payee = payee();
    let rotated = Transfer { profile: sha256(&[b"the next profile"]), ..transfer() };
    let bytes = sealed(&rotated);
    let error = payee.receive_bad(PAYER, &bytes, NOW);
    let DeskError::Open(OpenError::UnknownProfile { wanted, unread }) = error else { panic!("{error}") };
    assert_eq!(wanted, rotated.profile);

    let refuse = async |desk: &mut support::NativeDesk, books: &mut support::TestBooks| {
        desk.refuse_unread(books, did(PAYER), &unread, NOW).await
    };
    let answer = sends(&payee.act(refuse));
    assert_eq!(answer.len(), 1);
    assert_eq!(sends(&payee.act(refuse)), answer, "the refusal is recorded, not made anew");
}

#[test]
fn two_transfers_after_the_same_entry_prove_a_fork() {
    let mut payee = payee();
    let head = Head { sequence: 9, hash: sha256(&[b"nine"]) };
    let first = Transfer { prev: head, ..transfer() };
    let second = Transfer { prev: head, nonce: Nonce([8; 16]), ..transfer() };
    payee.receive(PAYER, &sealed(&first), NOW);
    let answer = payee.receive(PAYER, &sealed(&second), NOW);
    let [Event::Forked(proof), Event::TurnedDown(Refusal::Forked)] = &events(&answer)[..] else { panic!("{answer:?}") };
    assert_eq!(proof.signer, did(PAYER));
    assert!(proof.first.contradicts(&proof.second));
    let stored = payee.durable.cells.keys().any(|(_, key)| key.starts_with(b"fork/"));
    assert!(stored, "the proof is kept");

    let other_hash = Transfer { prev: Head { sequence: 9, hash: sha256(&[b"other"]) }, ..transfer() };
    assert_eq!(refused(&mut payee, &other_hash, NOW), Refusal::Forked);
}

#[test]
fn oversize_and_malformed_messages_are_refused_by_the_field() {
    let mut payee = payee();
    let error = payee.receive_bad(PAYER, &vec![b'x'; limits::MAX_MESSAGE_BYTES + 1], NOW);
    assert!(matches!(error, DeskError::Open(OpenError::TooLong { .. })), "{error}");
    let error = payee.receive_bad(PAYER, &[0xff, 0xfe], NOW);
    assert!(matches!(error, DeskError::Open(OpenError::NotText)), "{error}");
    for nonsense in ["", ".", "a.b.c", "{}", "{\"protected\":\"\"}"] {
        let error = payee.receive_bad(PAYER, nonsense.as_bytes(), NOW);
        assert!(matches!(error, DeskError::Open(OpenError::Crypto(_))), "{nonsense:?}: {error}");
    }

    let long = Transfer { memo: "메".repeat(limits::MAX_MEMO_CHARS + 1), ..transfer() };
    let error = payee.receive_bad(PAYER, &sealed(&long), NOW);
    assert!(error.to_string().contains("memo: 257 characters, the limit is 256"), "{error}");
    let longest = Transfer { memo: "메".repeat(limits::MAX_MEMO_CHARS), ..transfer() };
    assert_eq!(events(&payee.receive(PAYER, &sealed(&longest), NOW)).len(), 1);
    let control = Transfer { memo: "\u{1b}[2J".into(), ..transfer() };
    let error = payee.receive_bad(PAYER, &sealed(&control), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Invalid(Invalid::MemoControl))), "{error}");
    let eternal = Transfer { expires: NOW + limits::MAX_LIFETIME + 1, ..transfer() };
    let error = payee.receive_bad(PAYER, &sealed(&eternal), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Invalid(Invalid::Lifetime { .. }))), "{error}");
}

#[test]
fn a_payload_with_a_field_too_many_or_of_another_message_is_refused() {
    let mut payee = payee();
    let mut json = serde_json::to_value(transfer()).unwrap();
    json["fee"] = "1".into();
    let error = payee.receive_bad(PAYER, &sealed_json(&json), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Crypto(CryptoError::Malformed(_)))), "{error}");

    let mut json = serde_json::to_value(transfer()).unwrap();
    json["type"] = "received".into();
    let error = payee.receive_bad(PAYER, &sealed_json(&json), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Invalid(Invalid::Kind { .. }))), "{error}");

    // An unsealed transfer shows amounts to whoever carries it: it is no message.
    let (signed, _) = block_on(seal_transfer(&keys(PAYER), peer(PAYEE), &transfer())).unwrap();
    let error = payee.receive_bad(PAYER, signed.document.as_bytes(), NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Type(_))), "{error}");
}

/// A payer with one transfer under way, and the transfer's id and message.
fn waiting_payer() -> (Side, Digest, Vec<u8>) {
    let mut payer = Side::new(PAYER, Policy::Accept);
    payer.act(async |desk, books| desk.link_up(books, did(PAYEE), NOW).await);
    let order = Order::new(did(PAYEE), money("12,000 KRW"), "점심");
    let sent = payer.act(async |desk, books| desk.pay(books, peer(PAYEE), order, NOW).await.map(drop));
    let id = payer.desk.payers().next().unwrap().record().id;
    (payer, id, sends(&sent).remove(0))
}

fn statement<T: Payload + Serialize>(by: Person, payload: &T) -> Vec<u8> {
    block_on(sign_statement(&keys(by), payload)).unwrap().document.into_bytes()
}

fn result(payer: &Side, by: Person, id: Digest) -> TransferResult {
    let prev = payer.desk.payers().next().unwrap().record().prev;
    TransferResult {
        kind: Kind::Result,
        from: did(by),
        to: did(PAYER),
        issued: NOW,
        expires: NOW + 1_000,
        nonce: Nonce([1; 16]),
        transfer: id,
        outcome: pumasi_ledger::Outcome::Accepted,
        head: Head { sequence: 3, hash: sha256(&[b"three"]) },
        payer_head: prev,
        balance: Balance { amount: 12_000, unit: Unit::krw() },
        limit: None,
    }
}

#[test]
fn a_result_for_another_transfer_or_by_another_payee_settles_nothing() {
    let (mut payer, id, _) = waiting_payer();
    let good = result(&payer, PAYEE, id);

    let unknown = TransferResult { transfer: sha256(&[b"?"]), ..good.clone() };
    let error = payer.receive_bad(PAYEE, &statement(PAYEE, &unknown), NOW);
    assert!(matches!(error, DeskError::UnknownTransfer { .. }), "{error}");

    let by_other = TransferResult { from: did(OTHER), ..good.clone() };
    let error = payer.receive_bad(OTHER, &statement(OTHER, &by_other), NOW);
    assert!(matches!(error, DeskError::Message { source: Invalid::Sender { .. }, .. }), "{error}");

    let (mut second, other_id, _) = waiting_payer();
    assert_ne!(id, other_id);
    let swapped = statement(PAYEE, &good);
    let error = second.receive_bad(PAYEE, &swapped, NOW);
    assert!(matches!(error, DeskError::UnknownTransfer { .. }), "{error}");

    let forged = statement(OTHER, &good);
    let error = payer.receive_bad(PAYEE, &forged, NOW);
    assert!(matches!(error, DeskError::Open(OpenError::Invalid(Invalid::Mismatch { field: "kid" }))), "{error}");

    let events = events(&payer.receive(PAYEE, &statement(PAYEE, &good), NOW));
    assert!(matches!(events[..], [Event::Accepted { .. }]), "{events:?}");
}

#[test]
fn a_result_with_a_wrong_quotation_settles_nothing() {
    let (mut payer, id, _) = waiting_payer();
    let good = result(&payer, PAYEE, id);
    let wrong_head = TransferResult { payer_head: Head { sequence: 99, hash: Digest([0; 32]) }, ..good.clone() };
    let wrong_unit = TransferResult { balance: Balance { amount: 1, unit: "USD".parse().unwrap() }, ..good };
    for (field, bad) in [("payer_head", wrong_head), ("balance", wrong_unit)] {
        let error = payer.receive_bad(PAYEE, &statement(PAYEE, &bad), NOW);
        assert!(matches!(error, DeskError::Message { source: Invalid::Mismatch { field: f }, .. } if f == field));
    }
}

#[test]
fn a_wrong_balance_is_a_warning_and_the_payment_stands() {
    let (mut payer, id, _) = waiting_payer();
    let wrong = TransferResult { balance: Balance { amount: 13_000, unit: Unit::krw() }, ..result(&payer, PAYEE, id) };
    let events = events(&payer.receive(PAYEE, &statement(PAYEE, &wrong), NOW));
    let [Event::Accepted { .. }, Event::BalanceDiffers { theirs, ours }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((theirs.amount, ours.amount), (13_000, 12_000));
}

#[test]
fn a_payee_that_says_two_things_is_shown_and_the_first_stands() {
    let (mut payer, id, _) = waiting_payer();
    let accepted = result(&payer, PAYEE, id);
    let refused = TransferResult { outcome: Refusal::Declined.to_outcome(), ..accepted.clone() };
    payer.receive(PAYEE, &statement(PAYEE, &accepted), NOW);
    let events = events(&payer.receive(PAYEE, &statement(PAYEE, &refused), NOW));
    assert!(matches!(&events[..], [Event::Contradicted { .. }]), "{events:?}");
    assert_eq!(payer.durable.balance(&did(PAYEE), &Unit::krw()), -12_000);
}

#[test]
fn an_acknowledgement_of_another_result_is_not_appended() {
    let (_, id, transfer) = waiting_payer();
    let mut payee = payee();
    payee.receive(PAYER, &transfer, NOW);
    let bye = Bye {
        kind: Kind::Bye,
        from: did(PAYER),
        to: did(PAYEE),
        issued: NOW,
        expires: NOW + 1_000,
        nonce: Nonce([2; 16]),
        transfer: id,
        result: sha256(&[b"another result"]),
        head: Head { sequence: 3, hash: sha256(&[b"three"]) },
        balance: Balance { amount: 12_000, unit: Unit::krw() },
    };
    let bytes = statement(PAYER, &bye);
    let error = payee.receive_bad(PAYER, &bytes, NOW);
    assert!(matches!(error, DeskError::Message { source: Invalid::Mismatch { field: "result" }, .. }), "{error}");
}

#[test]
fn a_question_about_a_transfer_that_never_came_is_answered_once_it_has_expired() {
    let mut payee = payee();
    let query = |expired| Query {
        kind: Kind::Query,
        from: did(PAYER),
        to: did(PAYEE),
        issued: NOW,
        expires: NOW + 1_000,
        nonce: Nonce([3; 16]),
        transfer: sha256(&[b"lost"]),
        expired,
        prev: Head::default(),
        unit: Unit::krw(),
    };
    assert_eq!(payee.receive(PAYER, &statement(PAYER, &query(NOW)), NOW), [], "it may still come");
    let first = sends(&payee.receive(PAYER, &statement(PAYER, &query(NOW)), NOW + 1));
    assert_eq!(first.len(), 1);
    assert_eq!(sends(&payee.receive(PAYER, &statement(PAYER, &query(NOW)), NOW + 2)), first);
    // Somebody else may ask, and gets an answer of its own, not the payer's.
    let due = payee.desk.next_timeout().unwrap();
    assert!(due > NOW + limits::MAX_LIFETIME, "no transfer that is signed by now outlives the refusal");
    payee.act(async |desk, books| desk.timeout(books, due).await);
    assert_eq!(payee.desk.next_timeout(), None, "then it is forgotten");
}

#[test]
fn a_request_link_is_checked_and_bounded() {
    let mut payee = payee();
    let mut link = String::new();
    payee.act(async |desk, books| {
        let request = desk.request(books, RequestOrder::new(money("12,000 KRW"), "점심"), NOW).await?;
        link = request.to_link();
        Ok(())
    });
    let request = Verified::<Request>::from_link(&link).unwrap();
    assert_eq!((request.payload().from, &request.payload().money), (did(PAYEE), &money("12,000 KRW")));

    assert_eq!(Verified::<Request>::from_link("https://example.org"), Err(LinkError::Prefix));
    let cut = &link[..link.len() - 8];
    assert!(matches!(Verified::<Request>::from_link(cut), Err(LinkError::Request(_))));
    let long = format!("{link}{}", "A".repeat(limits::MAX_LINK_BYTES));
    assert!(matches!(Verified::<Request>::from_link(&long), Err(LinkError::TooLong { .. })));
}

#[test]
fn a_request_is_paid_by_the_right_person_with_the_right_amount_in_time() {
    let ask = |to: Option<Did>, now: Timestamp| {
        let mut payee = payee();
        let order = RequestOrder { to, lifetime: 1_000, ..RequestOrder::new(money("12,000 KRW"), "점심") };
        let mut id = Digest::default();
        payee.act(async |desk, books| {
            id = desk.request(books, order, now).await?.id();
            Ok(())
        });
        (payee, id)
    };
    let paying = |request, amount: Money| Transfer { request: Some(request), money: amount, ..transfer() };

    let (mut side, id) = ask(None, NOW);
    assert_eq!(refused(&mut side, &paying(id, money("11,999 KRW")), NOW), Refusal::RequestMismatch);
    let (mut side, id) = ask(Some(did(OTHER)), NOW);
    assert_eq!(refused(&mut side, &paying(id, money("12,000 KRW")), NOW), Refusal::RequestMismatch);
    let (mut side, id) = ask(None, NOW);
    assert_eq!(refused(&mut side, &paying(id, money("12,000 KRW")), NOW + 1_001), Refusal::RequestExpired);
    let (mut side, _) = ask(None, NOW);
    let unknown = paying(sha256(&[b"never asked"]), money("12,000 KRW"));
    assert_eq!(refused(&mut side, &unknown, NOW), Refusal::RequestUnknown);
    let (mut side, id) = ask(Some(did(PAYER)), NOW);
    let paid = side.receive(PAYER, &sealed(&paying(id, money("12,000 KRW"))), NOW);
    assert!(matches!(&events(&paid)[..], [Event::Taken { .. }]), "{paid:?}");
}

#[test]
fn messages_about_nothing_change_nothing() {
    let mut payee = payee();
    let received = Received {
        kind: Kind::Received,
        from: did(PAYER),
        to: did(PAYEE),
        issued: NOW,
        expires: NOW + 1_000,
        nonce: Nonce([4; 16]),
        transfer: sha256(&[b"nothing"]),
    };
    let error = payee.receive_bad(PAYER, &statement(PAYER, &received), NOW);
    assert!(matches!(error, DeskError::UnknownTransfer { .. }), "{error}");
}
