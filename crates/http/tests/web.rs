//! Gateways asked from a page, in a real browser.
//!
//! `slow_browser.rs` starts gateways, tells of them at [`BOARD`], and runs these tests; alone, without it, the test that
//! needs them is skipped.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

use pumasi_fetch::{Client, FetchError, Method, Options, Request};
use pumasi_http::{Gateways, Place, Put, Records, RecordsError, Verdict};
use pumasi_identity::Did;
use pumasi_signaling::{MailboxRecord, Slot};
use pumasi_units::Timestamp;
use serde::Deserialize;
use std::time::Duration;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// Where it is told which gateways there are.
const BOARD: &str = "http://127.0.0.1:48469";

#[derive(Deserialize)]
struct Board {
    did: Did,
    sequence: u64,
    honest: Vec<String>,
    lying: String,
    lagging: String,
}

fn client() -> Client {
    Client::new(Options { timeout: Duration::from_secs(10), ..Options::default() }).unwrap()
}

fn now() -> Timestamp {
    Timestamp(js_sys::Date::now() as u64)
}

#[wasm_bindgen_test]
async fn a_page_finds_the_newest_profile_and_names_the_gateways_that_lie_and_lag() {
    let Ok(told) = client().send(Request::get(BOARD)).await else {
        console_log!("SKIPPED a_page_finds_the_newest_profile: no gateways told of at {BOARD}");
        return;
    };
    let board: Board = serde_json::from_slice(&told.body).unwrap();
    let urls: Vec<String> = [&board.lying, &board.lagging].into_iter().chain(&board.honest).cloned().collect();
    let gateways = Gateways::new(client(), &urls, now).unwrap();

    let report = gateways.profile(&board.did).await;

    let profile = report.profile.as_ref().expect("an honest gateway has it");
    assert_eq!((profile.did(), profile.sequence()), (&board.did, board.sequence));
    assert_eq!(report.agreed(), board.honest.len(), "{:?}", report.witnesses);
    assert_eq!(report.liars().map(|witness| &witness.url).collect::<Vec<_>>(), [&board.lying]);
    assert_eq!(report.laggards().map(|witness| &witness.url).collect::<Vec<_>>(), [&board.lagging]);

    // Two gateways are enough, whichever of them is asked first: what counts is the signature, then the sequence.
    for wrong in [&board.lying, &board.lagging] {
        for urls in [[wrong, &board.honest[0]], [&board.honest[1], wrong]] {
            let two = Gateways::new(client(), &urls.map(Clone::clone), now).unwrap();
            let report = two.profile(&board.did).await;
            assert_eq!(report.profile.as_ref().map(|profile| profile.sequence()), Some(board.sequence));
            let named: Vec<_> = report.liars().chain(report.laggards()).map(|witness| &witness.url).collect();
            assert_eq!(named, [wrong]);
        }
    }

    // The mailbox, through the same doors.
    let slot = Slot::derive(&[5; 32], b"page");
    let record = MailboxRecord::seal(&slot, now(), now() + 60_000, &[1; 32], b"from a page").unwrap();
    let place = Place::Mailbox(slot.record_key());
    let honest = Gateways::new(client(), &board.honest, now).unwrap();
    assert!(matches!(honest.put(&place, record.clone()).await, Ok(Put { stored: 1.., .. })));
    assert_eq!(honest.get(&place).await, Ok(Some(record)));

    let verdicts: Vec<_> =
        report.witnesses.iter().map(|witness| format!("{} {:?}", witness.url, witness.verdict)).collect();
    let seen = Request::json(Method::Post, format!("{BOARD}/seen"), serde_json::to_vec(&verdicts).unwrap());
    assert!(client().send(seen).await.unwrap().is_success());
}

#[wasm_bindgen_test]
async fn a_page_is_told_when_nobody_answers() {
    let gateways = Gateways::new(client(), &["http://127.0.0.1:1".to_owned()], now).unwrap();
    let did = Did::from_ed25519([7; 32]);
    let report = gateways.profile(&did).await;
    assert!(matches!(report.witnesses[0].verdict, Verdict::Failed(FetchError::Unreachable { .. })));
    assert!(matches!(gateways.get(&Place::Profile(did)).await, Err(RecordsError::Unreachable(_))));
}
