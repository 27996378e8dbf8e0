//! The examples and tables of `docs/spec/transfer.md`.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use pumasi_crypto::jcs;
use pumasi_ledger::Outcome;
use pumasi_transfer::message::{Bye, Payload, Query, Received, Request, Transfer, TransferResult};
use pumasi_transfer::{Refusal, Verified, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const SPEC: &str = include_str!("../../../docs/spec/transfer.md");

/// The fenced blocks with this info string.
fn blocks(info: &str) -> Vec<&'static str> {
    let fence = format!("```{info}\n");
    SPEC.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// Each example is read, within its bounds, and written again as it is.
fn check<T: Payload + Serialize + DeserializeOwned>(examples: usize) {
    let blocks = blocks(&format!("json {}", T::KIND));
    assert_eq!(blocks.len(), examples, "examples of {}", T::KIND);
    for block in blocks {
        let message: T = serde_json::from_str(block).unwrap();
        assert_eq!(message.header().kind, T::KIND);
        message.check_content().unwrap();
        let value: Value = serde_json::from_str(block).unwrap();
        assert_eq!(jcs::to_vec(&message).unwrap(), jcs::to_vec(&value).unwrap());
        let mut more = value;
        more["more"] = true.into();
        assert!(serde_json::from_value::<T>(more).is_err(), "{}: a member too many is taken", T::KIND);
    }
}

#[test]
fn every_example_is_a_message() {
    check::<Request>(1);
    check::<Transfer>(1);
    check::<Received>(1);
    check::<TransferResult>(2);
    check::<Bye>(1);
    check::<Query>(1);
}

#[test]
fn the_link_carries_the_request_of_the_example() {
    let request = Verified::<Request>::from_link(blocks("link")[0]).unwrap();
    let example: Request = serde_json::from_str(blocks("json request")[0]).unwrap();
    assert_eq!(request.payload(), &example);
    assert_eq!(request.id().to_string(), blocks("id")[0]);
    assert_eq!(request.to_link(), blocks("link")[0]);
}

#[test]
fn every_code_of_the_table_is_known_and_none_is_missing() {
    let section = SPEC.split("## 6. Reasons").nth(1).unwrap().split("## 7.").next().unwrap();
    let codes: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    for code in &codes {
        let money = || Some("1 KRW".parse().unwrap());
        let outcome = Outcome::Refused { code: (*code).to_owned(), limit: money(), available: money() };
        let refusal = Refusal::from_outcome(&outcome).unwrap();
        assert!(!matches!(refusal, Refusal::Other(_)), "{code} is not known");
        assert_eq!(refusal.code(), *code);
    }
    assert_eq!(codes.len(), 13, "a code is missing in the table");
    let unknown = Outcome::Refused { code: "newer".into(), limit: None, available: None };
    assert_eq!(Refusal::from_outcome(&unknown), Some(Refusal::Other("newer".into())));
}

#[test]
fn the_bounds_of_the_table_are_those_of_the_code() {
    assert!(SPEC.contains("| message on the link | 16,384 bytes |"));
    assert_eq!(limits::MAX_MESSAGE_BYTES, 16_384);
    assert_eq!((limits::MAX_JWS_BYTES, limits::MAX_LINK_BYTES), (8_192, 12_288));
    assert_eq!((limits::MAX_MEMO_CHARS, limits::MAX_OPEN_PER_PEER), (256, 1_024));
    assert_eq!((limits::CLOCK_SKEW, limits::MAX_LIFETIME), (5 * 60_000, 30 * 86_400_000));
}
