//! What a DHT node accepts: every change of a record, and every record in the wrong place or time, is refused.

use crate::person::NOW;
use proptest::prelude::*;
use pumasi_signaling::{CLOCK_SKEW, MAX_CONTENT, MAX_LIFETIME, MAX_RECORD, MailboxRecord, RecordError, Slot, Valid};

fn slot() -> Slot {
    Slot::derive(&[5; 32], b"here")
}

fn sealed(content: &[u8]) -> Vec<u8> {
    MailboxRecord::seal(&slot(), NOW, NOW + 60_000, &[6; 32], content).unwrap()
}

#[test]
fn a_node_without_the_secret_accepts_a_good_record_and_the_reader_opens_it() {
    let bytes = sealed(b"hello");
    let valid = MailboxRecord::validate(&slot().record_key(), &bytes, NOW).unwrap();
    assert_eq!(valid, Valid { sequence: NOW.0, expires: NOW + 60_000 });
    assert_eq!(MailboxRecord::open(&slot(), &bytes, NOW).unwrap().as_slice(), b"hello");
    assert!(!String::from_utf8(bytes).unwrap().contains("hello"));
}

#[test]
fn the_longest_content_fits_and_one_byte_more_does_not() {
    let bytes = MailboxRecord::seal(&slot(), NOW, NOW + MAX_LIFETIME, &[6; 32], &vec![7; MAX_CONTENT]).unwrap();
    assert!(bytes.len() <= MAX_RECORD && bytes.len() > MAX_RECORD - 64, "{}", bytes.len());
    let longer = MailboxRecord::seal(&slot(), NOW, NOW + 1, &[6; 32], &vec![7; MAX_CONTENT + 1]);
    assert_eq!(longer, Err(RecordError::ContentTooLong { len: MAX_CONTENT + 1 }));
    let huge = vec![b' '; MAX_RECORD + 1];
    assert_eq!(MailboxRecord::validate(&[0; 32], &huge, NOW), Err(RecordError::TooLong { len: MAX_RECORD + 1 }));
}

#[test]
fn a_record_lives_in_its_own_time_only() {
    let (key, bytes) = (slot().record_key(), sealed(b"hello"));
    let at = |now| MailboxRecord::validate(&key, &bytes, now);
    assert!(at(NOW + 59_999).is_ok());
    assert_eq!(at(NOW + 60_000), Err(RecordError::Expired { expires: NOW + 60_000 }));
    assert!(at(NOW - CLOCK_SKEW).is_ok());
    assert!(matches!(at(NOW - CLOCK_SKEW - 1), Err(RecordError::Lifetime { .. })));
    for expires in [NOW, NOW - 1, NOW + MAX_LIFETIME + 1] {
        let sealed = MailboxRecord::seal(&slot(), NOW, expires, &[6; 32], b"");
        assert!(matches!(sealed, Err(RecordError::Lifetime { .. })), "{expires}");
    }
}

#[test]
fn a_record_in_another_place_or_signed_by_another_key_is_refused() {
    let bytes = sealed(b"hello");
    let other = Slot::derive(&[5; 32], b"there");
    assert_eq!(MailboxRecord::validate(&other.record_key(), &bytes, NOW), Err(RecordError::WrongKey));
    // The attacker keeps everything but puts a signature of a key of its own.
    let theirs = MailboxRecord::seal(&other, NOW, NOW + 60_000, &[6; 32], b"hello").unwrap();
    let take = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let mut mixed = take(&bytes);
    mixed["signature"] = take(&theirs)["signature"].clone();
    let mixed = serde_json::to_vec(&mixed).unwrap();
    assert_eq!(MailboxRecord::validate(&slot().record_key(), &mixed, NOW), Err(RecordError::Signature));
}

#[test]
fn there_is_only_one_spelling_of_a_record() {
    let bytes = sealed(b"hello");
    let text = std::str::from_utf8(&bytes).unwrap();
    let key = slot().record_key();
    for other in [
        format!("{text} "),
        text.replacen(':', ": ", 1),
        text.replacen('{', "{\"extra\":1,", 1),
        text.replacen("\"v\":1", "\"v\":2", 1),
        text.replacen("\"v\":1", "\"v\":1,\"v\":1", 1),
        text.replacen("\"v\":1", "\"v\":1.0", 1),
    ] {
        assert_eq!(MailboxRecord::validate(&key, other.as_bytes(), NOW), Err(RecordError::Malformed), "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_changed_byte_passes(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut bytes = sealed(b"hello");
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(MailboxRecord::validate(&slot().record_key(), &bytes, NOW).is_err());
    }

    #[test]
    fn whatever_bytes_come_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(MailboxRecord::validate(&[0; 32], &bytes, NOW).is_err());
    }
}
