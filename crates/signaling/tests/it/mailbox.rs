//! The mailbox of a pair: who can open what, and what is refused.

use crate::person::{NOW, Person, nonce, sdp};
use futures::executor::block_on;
use proptest::prelude::*;
use pumasi_crypto::jose;
use pumasi_signaling::{
    Content, MAX_RECORD, MAX_SIGNAL_LIFE, MailboxRecord, RecordError, SIGNAL_TYP, Signal, SignalError, SignedSignal,
};
use pumasi_units::Timestamp;

/// As long as what a phone with many addresses offers.
fn long_sdp() -> String {
    let candidate = |n: u32| {
        format!(
            "a=candidate:{n} 1 udp {} 2001:db8:{n:x}:{n:x}::{n} {} typ host generation 0\r\n",
            2_000_000 + n,
            40_000 + n
        )
    };
    let head =
        "v=0\r\no=- 4711 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
    let mut text = head.to_owned();
    (0..)
        .map(candidate)
        .take_while(|line| {
            text.push_str(line);
            text.len() < 2_900
        })
        .for_each(drop);
    text
}

fn offer(from: &Person, to: &Person, text: &str) -> Signal {
    Signal {
        from: from.did,
        to: to.did,
        session: nonce(1),
        nonce: nonce(2),
        issued: NOW,
        expires: NOW + 60_000,
        content: Content::Offer { sdp: sdp(text) },
    }
}

#[test]
fn an_offer_arrives_whole_and_a_long_one_fits_a_record() {
    let (a, b) = (Person::new(1), Person::new(2));
    let signed = a.sign(offer(&a, &b, &long_sdp()));
    let (key, bytes) = a.mailbox_with(&b).seal(&signed, NOW, [3; 64]).unwrap();
    assert!(bytes.len() <= MAX_RECORD, "{}", bytes.len());
    let inbox = b.mailbox_with(&a);
    let slot = inbox.to_read(NOW).remove(0);
    assert_eq!(slot.record_key(), key);
    let read = block_on(inbox.open(&b.provider, &b.agreement, &slot, &bytes, NOW)).unwrap();
    assert_eq!(read, signed);
}

#[test]
fn neither_the_sender_nor_someone_with_the_pairs_secret_alone_opens_it() {
    let (a, b, c) = (Person::new(1), Person::new(2), Person::new(3));
    let signed = a.sign(offer(&a, &b, "v=0"));
    let (_, bytes) = a.mailbox_with(&b).seal(&signed, NOW, [3; 64]).unwrap();
    let inbox = b.mailbox_with(&a);
    let slot = inbox.to_read(NOW).remove(0);
    for other in [&a, &c] {
        let opened = block_on(inbox.open(&other.provider, &other.agreement, &slot, &bytes, NOW));
        assert!(matches!(opened, Err(SignalError::Crypto(_))), "{opened:?}");
    }
    let elsewhere = c.mailbox_with(&a).to_read(NOW).remove(0);
    let opened = block_on(inbox.open(&c.provider, &c.agreement, &elsewhere, &bytes, NOW));
    assert_eq!(opened, Err(SignalError::Record(RecordError::WrongKey)));
}

#[test]
fn the_next_record_is_higher_even_when_the_clock_stands_or_goes_back() {
    let (a, b) = (Person::new(1), Person::new(2));
    let signed = a.sign(offer(&a, &b, "v=0"));
    let mut outbox = a.mailbox_with(&b);
    let mut last = 0;
    for now in [NOW, NOW, NOW - 1_000, NOW + 5] {
        let (key, bytes) = outbox.seal(&signed, now, [3; 64]).unwrap();
        let sequence = MailboxRecord::validate(&key, &bytes, NOW).unwrap().sequence;
        assert!(sequence > last);
        last = sequence;
    }
}

#[test]
fn a_signal_of_another_sender_for_another_recipient_or_of_another_time_is_refused() {
    let (a, b, c) = (Person::new(1), Person::new(2), Person::new(3));
    let signed = a.sign(offer(&a, &b, "v=0"));
    let verify = |from: &Person, to: &Person, now| SignedSignal::verify(signed.as_str(), &from.did, &to.did, now);
    assert_eq!(verify(&a, &b, NOW), Ok(signed.clone()));
    assert_eq!(verify(&c, &b, NOW), Err(SignalError::WrongSender { from: a.did }));
    assert_eq!(verify(&a, &c, NOW), Err(SignalError::WrongRecipient { to: b.did }));
    assert_eq!(verify(&a, &b, NOW + 60_000), Err(SignalError::Expired { expires: NOW + 60_000 }));
    assert!(matches!(verify(&a, &b, Timestamp(NOW.0 - 200_000)), Err(SignalError::Lifetime { .. })));
    let eternal = a.sign(Signal { expires: NOW + MAX_SIGNAL_LIFE + 1, ..offer(&a, &b, "v=0") });
    let read = SignedSignal::verify(eternal.as_str(), &a.did, &b.did, NOW);
    assert!(matches!(read, Err(SignalError::Lifetime { .. })), "{read:?}");
}

#[test]
fn a_signal_signed_by_another_key_or_under_another_type_is_refused() {
    let (a, b, c) = (Person::new(1), Person::new(2), Person::new(3));
    let forged = block_on(offer(&a, &b, "v=0").sign(&c.provider, &c.key));
    assert_eq!(forged, Err(SignalError::Signature));
    let sign = |kid: &str, typ: &str| {
        block_on(jose::sign_eddsa(&a.provider, &a.key, kid, typ, &offer(&a, &b, "v=0"))).unwrap().as_str().to_owned()
    };
    let verify = |text: &str| SignedSignal::verify(text, &a.did, &b.did, NOW);
    assert!(verify(&sign(&a.did.key_id(), SIGNAL_TYP)).is_ok());
    assert_eq!(verify(&sign(&a.did.key_id(), "pumasi/1/transfer")), Err(SignalError::Malformed));
    assert_eq!(verify(&sign(&c.did.key_id(), SIGNAL_TYP)), Err(SignalError::Malformed));
    assert!(matches!(verify(&"x".repeat(5_000)), Err(SignalError::TooLong { len: 5_000 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_changed_character_of_a_signal_passes(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let (a, b) = (Person::new(1), Person::new(2));
        let mut text = a.sign(offer(&a, &b, "v=0")).as_str().to_owned();
        let at = at.index(text.len());
        let same = text[at..=at] == to;
        text.replace_range(at..=at, &to);
        prop_assert_eq!(SignedSignal::verify(&text, &a.did, &b.did, NOW).is_ok(), same);
    }
}
