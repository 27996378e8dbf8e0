//! The examples in `docs/spec/https.md` are true.

use pumasi_crypto::b64;
use pumasi_http::tokens::{RANDOM, TokenFile};
use pumasi_http::{AnswerBody, MAX_BODY, MAX_TURN_OFFER, NodeInfo, OfferBody, Problem, TurnOffer};
use pumasi_units::Timestamp;
use zeroize::Zeroizing;

const PAGE: &str = include_str!("../../../../docs/spec/https.md");

const TURN: &str = include_str!("../../../../docs/spec/turn.md");

/// The fenced block of the page with this info string.
fn block(info: &str) -> &'static str {
    block_of(PAGE, info)
}

fn block_of(page: &'static str, info: &str) -> &'static str {
    let (_, rest) = page.split_once(&format!("\n```{info}\n")).unwrap_or_else(|| panic!("a block {info:?}"));
    rest.split_once("```").expect("the fence is closed").0.trim_end()
}

#[test]
fn the_bodies_of_the_page_are_read_and_written_alike() {
    let offer = OfferBody::parse(block("json offer").as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&offer).unwrap(), block("json offer"));
    let answer = AnswerBody::parse(block("json answer").as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&answer).unwrap(), block("json answer"));
    let problem: Problem = serde_json::from_str(block("json problem")).unwrap();
    assert_eq!(serde_json::to_string(&problem).unwrap(), block("json problem"));
    assert_eq!((problem.code(), problem.retry_after), ("too-many-requests", Some(3)));
    let node: NodeInfo = serde_json::from_str(block("json node")).unwrap();
    assert_eq!(serde_json::to_string(&node).unwrap(), block("json node"));
}

#[test]
fn the_limits_and_the_token_of_the_page_are_those_of_the_code() {
    assert!(PAGE.contains(&format!("at most **{},{:03} bytes**", MAX_BODY / 1_000, MAX_BODY % 1_000)), "{MAX_BODY}");
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::in_folder(folder.path());
    let (_, token) = file.issue("page", None, Timestamp(1), &Zeroizing::new([7; RANDOM])).unwrap();
    assert_eq!(*token, block("text token"));
    assert_eq!(*token, format!("pumasi_07070707_{}", b64::encode([7; 32])));
}

#[test]
fn the_offer_of_a_turn_server_is_read_and_written_alike() {
    let text = block_of(TURN, "json offer");
    let offer = TurnOffer::parse(text.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&offer).unwrap(), text);
    assert!(TURN.contains(&format!("at most **{},{:03} bytes**", MAX_TURN_OFFER / 1_000, MAX_TURN_OFFER % 1_000)));
}
