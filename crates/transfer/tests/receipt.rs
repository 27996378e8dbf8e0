//! A receipt convinces a third person; parts of different payments do not make one.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod support;

use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::{RsaBits, b64};
use pumasi_identity::{PlainKeys, ProfileDraft, SignedProfile};
use pumasi_ledger::Body;
use pumasi_transfer::message::Kind;
use pumasi_transfer::{Keys, MAX_RECEIPT_BYTES, Order, Peer, Policy, Receipt, ReceiptError};
use support::{NOW, Side, block_on, did, money, peer, sends};

const PAYEE: usize = 1;

struct Papers {
    transfer: String,
    result: String,
    bye: String,
}

impl Papers {
    fn receipt(&self, profile: &SignedProfile) -> Receipt {
        Receipt::new(self.transfer.clone(), self.result.clone(), Some(self.bye.clone()), profile.clone())
    }
}

/// Somebody with a real profile pays the same person twice.
fn two_payments() -> (SignedProfile, [Papers; 2]) {
    let provider = NativeProvider;
    let keys = block_on(PlainKeys::generate(&provider, RsaBits::B2048)).unwrap();
    let keys = block_on(keys.import(&provider)).unwrap();
    let expires = NOW + 86_400_000;
    let draft = ProfileDraft { sequence: 1, created: NOW, expires, name: None, services: Vec::new() };
    let profile = block_on(SignedProfile::sign(&provider, &keys, draft)).unwrap();

    let mut payer = Side::new(0, Policy::Accept);
    payer.desk.set_keys(Keys::new(provider, &keys, profile.digest()));
    let (payer_as_peer, payer_did) = (Peer::of(&profile, true), *profile.did());
    let mut payee = Side::new(PAYEE, Policy::Accept);
    payee.durable.set_limit(payer_did, money("50,000 KRW"), NOW);
    payer.act(async |desk, books| desk.link_up(books, did(PAYEE), NOW).await);
    payee.act(async |desk, books| desk.link_up(books, payer_did, NOW).await);

    let papers = ["아침", "저녁"].map(|memo| {
        let order = Order::new(did(PAYEE), money("9,000 KRW"), memo);
        let sent = payer.act(async |desk, books| desk.pay(books, peer(PAYEE), order, NOW).await.map(drop));
        let answer =
            payee.act(async |desk, books| desk.receive(books, &payer_as_peer, &sends(&sent)[0], NOW).await.map(drop));
        let byes: Vec<_> = sends(&answer).iter().flat_map(|it| sends(&payer.receive(PAYEE, it, NOW))).collect();
        let bye = String::from_utf8(byes[0].clone()).unwrap();
        payee.act(async |desk, books| desk.receive(books, &payer_as_peer, &byes[0], NOW).await.map(drop));
        let entries = payer.durable.entries.iter().rev();
        let mut documents = entries.filter_map(|entry| match &entry.body {
            Body::Outcome { document, .. } | Body::Outgoing { document, .. } => Some(document.clone()),
            _ => None,
        });
        let (result, transfer) = (documents.next().unwrap(), documents.next().unwrap());
        Papers { transfer, result, bye }
    });
    (profile, papers)
}

#[test]
fn a_receipt_proves_a_payment_and_swapped_parts_prove_nothing() {
    let (profile, [first, second]) = two_payments();
    let verify = |receipt: &Receipt| block_on(receipt.verify(&NativeProvider));

    let proven = verify(&first.receipt(&profile)).unwrap();
    assert_eq!((proven.transfer.memo.as_str(), proven.countersigned), ("아침", true));
    let json = serde_json::to_vec(&first.receipt(&profile)).unwrap();
    assert_eq!(verify(&Receipt::from_json(&json).unwrap()), Ok(proven));

    let swapped = Papers { result: second.result.clone(), transfer: first.transfer.clone(), bye: first.bye.clone() };
    let error = verify(&swapped.receipt(&profile)).unwrap_err();
    assert!(matches!(error, ReceiptError::Mismatch { part: Kind::Result, field: "transfer" }), "{error}");
    let swapped = Papers { bye: second.bye.clone(), transfer: first.transfer.clone(), result: first.result.clone() };
    let error = verify(&swapped.receipt(&profile)).unwrap_err();
    assert!(matches!(error, ReceiptError::Mismatch { part: Kind::Bye, .. }), "{error}");

    let payload = first.transfer.split('.').nth(1).unwrap();
    let text = String::from_utf8(b64::decode("payload", payload).unwrap()).unwrap();
    let dearer = b64::encode(text.replace("\"9000\"", "\"1\""));
    let forged = Papers { transfer: first.transfer.replace(payload, &dearer), ..first };
    let error = verify(&forged.receipt(&profile)).unwrap_err();
    assert!(matches!(error, ReceiptError::Document { part: Kind::Transfer, .. }), "{error}");

    let long = vec![b' '; MAX_RECEIPT_BYTES + 1];
    assert_eq!(Receipt::from_json(&long), Err(ReceiptError::Format));
}
