//! Signals over a stream: the same checks as at the HTTPS endpoint, and answers that prove themselves.

use crate::common::{Person, now};
use crate::signaling::shop;
use pumasi_http::stream::{MAX_REQUEST, Request, offer_request, read_answer};
use pumasi_http::{EndpointError, SignalingLimits, StreamDoor};
use pumasi_signaling::Content;
use std::sync::Arc;

const PAGE: &str = include_str!("../../../../docs/spec/signalling.md");

fn block(info: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n```json {info}\n")).unwrap_or_else(|| panic!("a block {info:?}"));
    rest.split_once("```").expect("the fence is closed").0.trim_end()
}

fn refused(result: Result<pumasi_signaling::SignedSignal, EndpointError>) -> String {
    match result.unwrap_err() {
        EndpointError::Refused(problem) | EndpointError::Busy { problem, .. } => problem.code().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_offer_is_answered_once_and_what_is_wrong_is_a_problem_with_its_status() {
    let (shop, payer) = (shop().await, Person::new().await);
    let did = shop.person().did();
    let door = StreamDoor::new(Arc::clone(&shop), &SignalingLimits::default());
    let offer = payer.offer(did).await;
    let request = offer_request(&offer, None);
    let taken = door.take("node", &request).await;
    assert_eq!(taken.offer_of, Some(payer.did()));
    let answer = read_answer(&offer, &taken.answer, now()).unwrap();
    assert_eq!(answer.signal().from, did);
    assert!(matches!(answer.signal().content, Content::Answer { offer: about, .. } if about == offer.id()));

    let again = read_answer(&offer, &door.take("node", &request).await.answer, now()).unwrap();
    assert_eq!(again.signal().to, payer.did(), "the answer was lost, perhaps");
    let another = read_answer(&offer, &door.take("another", &request).await.answer, now());
    assert_eq!(refused(another), "replayed");
    let for_another = payer.offer(payer.did()).await;
    let taken = door.take("node", &offer_request(&for_another, None)).await;
    assert_eq!(taken.offer_of, None, "it says nothing of whoever brings it");
    assert_eq!(refused(read_answer(&for_another, &taken.answer, now())), "recipient");
    for bytes in [b"".as_slice(), b"[]", b"{\"did\":1}", &vec![b' '; MAX_REQUEST + 1]] {
        assert_eq!(refused(read_answer(&offer, &door.take("node", bytes).await.answer, now())), "malformed");
    }
}

#[tokio::test]
async fn each_source_has_its_pace_and_no_other_pays_for_it() {
    let limits = SignalingLimits { source: (2, 0.01), ..SignalingLimits::default() };
    let (shop, payer) = (shop().await, Person::new().await);
    let door = StreamDoor::new(Arc::clone(&shop), &limits);
    let offer = payer.offer(shop.person().did()).await;
    for _ in 0..2 {
        door.take("loud", b"{}").await;
    }
    let request = offer_request(&offer, None);
    assert_eq!(refused(read_answer(&offer, &door.take("loud", &request).await.answer, now())), "too-many-requests");
    assert!(read_answer(&offer, &door.take("quiet", &request).await.answer, now()).is_ok());
}

#[tokio::test]
async fn the_examples_on_the_page_are_read() {
    assert!(matches!(Request::parse(block("stream request").as_bytes()), Ok(Request::Offer(_))));
    let with_callback =
        block("stream request").replace("\"offer\"", "\"callback\":\"https://payer.example\",\"offer\"");
    assert!(Request::parse(with_callback.as_bytes()).unwrap_err().starts_with("callback"));
    let payer = Person::new().await;
    let offer = payer.offer(payer.did()).await;
    let busy = read_answer(&offer, block("stream problem").as_bytes(), now());
    assert!(matches!(busy, Err(EndpointError::Busy { after: Some(2), .. })), "{busy:?}");
    // Of the right form, and signed by nobody.
    let answer = read_answer(&offer, block("stream answer").as_bytes(), now());
    assert!(matches!(answer, Err(EndpointError::Lie(_))), "{answer:?}");
}
