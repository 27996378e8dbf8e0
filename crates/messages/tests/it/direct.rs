use crate::person::{NOW, Person};
use futures::executor::block_on;
use proptest::prelude::*;
use pumasi_crypto::hash::Digest;
use pumasi_messages::Text;
use pumasi_messages::direct::{
    Answer, DirectAck, DirectError, DirectMessage, MAX_ACKED, MAX_DIRECT_LIFE, MAX_REQUEST, MAX_TEXT, Said,
    StreamRefusal, open_box, seal_box,
};
use pumasi_units::Timestamp;

fn message(from: &Person, to: &Person, text: &str) -> DirectMessage {
    DirectMessage {
        agreement: from.x25519(),
        expires: NOW + MAX_DIRECT_LIFE,
        from: from.did,
        issued: NOW,
        number: 3,
        oldest: 2,
        stream: NOW - 5,
        text: Text::new(text).unwrap(),
        to: to.did,
    }
}

fn opened(by: &Person, bytes: &[u8], now: Timestamp) -> Result<Said, DirectError> {
    block_on(open_box(&by.provider, &by.agreement, &by.did, bytes, now))
}

#[test]
fn a_message_opens_for_its_recipient_only_and_unchanged_only() {
    let [alice, bob, carol] = [1, 2, 3].map(Person::new);
    let signed = alice.writes(&message(&alice, &bob, "안녕"));
    let sealed = seal_box([9; 32], &bob.x25519(), signed.as_str()).unwrap();
    assert_eq!(opened(&bob, &sealed, NOW).unwrap(), Said::Message(Box::new(signed.clone())));
    assert!(matches!(opened(&carol, &sealed, NOW), Err(DirectError::Sealed)));
    for at in (0..sealed.len()).step_by(7) {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(opened(&bob, &changed, NOW).is_err(), "byte {at}");
    }
    // Sealed again for somebody else by whoever could read it: the signature says for whom it was.
    let passed_on = seal_box([9; 32], &carol.x25519(), signed.as_str()).unwrap();
    assert!(matches!(opened(&carol, &passed_on, NOW), Err(DirectError::WrongRecipient { to }) if to == bob.did));
    assert!(matches!(opened(&bob, &sealed, NOW + MAX_DIRECT_LIFE), Err(DirectError::Expired(_))));
    assert!(matches!(opened(&bob, &sealed, NOW - 120_001), Err(DirectError::Lifetime { .. })));
}

#[test]
fn numbers_that_contradict_each_other_are_refused() {
    let [alice, bob] = [1, 2].map(Person::new);
    let good = message(&alice, &bob, "x");
    for bad in [
        DirectMessage { oldest: 0, ..good.clone() },
        DirectMessage { oldest: 4, ..good.clone() },
        DirectMessage { stream: NOW + 1, ..good.clone() },
    ] {
        let sealed = seal_box([9; 32], &bob.x25519(), alice.writes(&bad).as_str()).unwrap();
        assert!(matches!(opened(&bob, &sealed, NOW), Err(DirectError::Numbers)));
    }
}

#[test]
fn lengths_say_little_of_what_is_said() {
    let [alice, bob] = [1, 2].map(Person::new);
    let len = |text: &str| {
        let signed = alice.writes(&message(&alice, &bob, text));
        seal_box([9; 32], &bob.x25519(), signed.as_str()).unwrap().len()
    };
    assert_eq!(len("예"), len("아니요, 오늘은 안 돼요"));
    assert_eq!((len("예") - 48) % 256, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every text within the limit fits into an inbox entry, whatever it consists of.
    #[test]
    fn every_text_within_the_limit_fits(text in "[^\\p{Cc}]{400,700}", cut in 1_900_usize..=MAX_TEXT) {
        let mut text = text.repeat(4);
        while text.len() > cut { text.pop(); }
        prop_assume!(!text.trim_end().is_empty());
        let [alice, bob] = [1, 2].map(Person::new);
        let message = message(&alice, &bob, &text);
        let signed = block_on(message.sign(&alice.provider, &alice.key));
        // Unicode may normalise to more bytes than it had; that is told before anything is signed.
        let sealed = seal_box([9; 32], &bob.x25519(), signed.unwrap().as_str()).unwrap();
        prop_assert!(sealed.len() <= MAX_REQUEST);
        prop_assert!(matches!(opened(&bob, &sealed, NOW), Ok(Said::Message(_))));
    }
}

#[test]
fn an_acknowledgement_of_the_most_messages_fits_and_one_of_more_is_refused() {
    let [alice, bob] = [1, 2].map(Person::new);
    let ids = |count: usize| (0..count).map(|n| pumasi_crypto::hash::sha256(&[&[n as u8]])).collect::<Vec<Digest>>();
    let ack = |count| DirectAck { delivered: ids(count), from: bob.did, issued: NOW, read: vec![], to: alice.did };
    let sealed = seal_box([9; 32], &alice.x25519(), bob.acks(&ack(MAX_ACKED)).as_str()).unwrap();
    assert!(matches!(opened(&alice, &sealed, NOW), Ok(Said::Ack(said)) if said.value().delivered.len() == MAX_ACKED));
    let too_many = bob.acks(&ack(MAX_ACKED + 1));
    let sealed = seal_box([9; 32], &alice.x25519(), too_many.as_str()).unwrap();
    assert!(matches!(opened(&alice, &sealed, NOW), Err(DirectError::Acked { len: 33 })));
}

#[test]
fn answers_are_read_as_they_were_written() {
    let texts = [
        (Answer::ack(b"box"), r#"{"ack":"Ym94"}"#),
        (Answer::Refused(StreamRefusal::Full), r#"{"refused":"full"}"#),
        (Answer::Taken {}, r#"{"taken":{}}"#),
    ];
    for (answer, text) in texts {
        assert_eq!(answer.to_bytes(), text.as_bytes());
        assert_eq!(Answer::parse(text.as_bytes()), Some(answer));
    }
    assert_eq!(Answer::ack(b"box").sealed().as_deref(), Some(b"box".as_slice()));
    assert_eq!(Answer::parse(br#"{"ack":"Ym94","refused":"full"}"#), None);
}
