//! Two peers in one page of a real browser, over its RTCPeerConnection.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use pumasi_rtc::framing::{MAX_CHUNK, MAX_MESSAGE};
use pumasi_rtc::{
    CloseReason, ConnectError, DataLink as _, IceConfig, Link, LinkError, LinkState, Observer, Progress, answer, offer,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

async fn connected() -> (Link, Link) {
    let config = IceConfig::default();
    let offering = offer(&config, Observer::silent()).await.unwrap();
    let (connecting, sdp) = answer(&config, offering.sdp(), Observer::silent()).await.unwrap();
    let (one, other) = futures_join(offering.accept(&sdp).unwrap().open(), connecting.open()).await;
    (one.unwrap(), other.unwrap())
}

async fn futures_join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(move |context| {
        use std::task::Poll;
        if left.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(context)
        {
            left = Some(output);
        }
        if right.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(context)
        {
            right = Some(output);
        }
        match (left.take(), right.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (left, right) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

fn message(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8 ^ seed).collect()
}

#[wasm_bindgen_test]
async fn two_peers_of_one_page_connect_and_every_message_arrives_whole_and_in_order() {
    let (mut one, mut other) = connected().await;
    assert_eq!((one.state(), other.state()), (LinkState::Up, LinkState::Up));
    assert_eq!(one.local_fingerprint(), other.remote_fingerprint());
    assert_eq!(other.local_fingerprint(), one.remote_fingerprint());
    assert_ne!(one.local_fingerprint(), one.remote_fingerprint());
    assert!(!one.report().is_relayed());

    let lengths = [1, MAX_CHUNK - 5, MAX_CHUNK - 4, 3 * MAX_CHUNK, MAX_MESSAGE, 7];
    let sender = one.sender();
    let sending = async {
        for length in lengths {
            sender.send(message(length, 1)).await.unwrap();
        }
    };
    let receiving = async {
        for length in lengths {
            assert_eq!(other.recv().await.unwrap(), message(length, 1), "{length}");
        }
    };
    futures_join(sending, receiving).await;
    other.send(b"thank you".to_vec()).await.unwrap();
    assert_eq!(one.recv().await.unwrap(), b"thank you");

    for length in [0, MAX_MESSAGE + 1] {
        let refused = one.send(vec![0; length]).await;
        assert_eq!(refused, Err(LinkError::MessageLength { limit: MAX_MESSAGE, got: length }));
    }
}

#[wasm_bindgen_test]
async fn more_than_fits_waits_and_closing_sends_it_first() {
    let (one, mut other) = connected().await;
    for number in 0..12 {
        one.send(message(MAX_MESSAGE, number)).await.unwrap();
    }
    let receiving = async {
        let mut received = 0;
        while let Some(bytes) = other.recv().await {
            assert!(bytes == message(MAX_MESSAGE, received), "{received}");
            received += 1;
        }
        received
    };
    let ((), received) = futures_join(one.close(), receiving).await;
    assert_eq!(received, 12);
    assert_eq!(one.state(), LinkState::Closed(CloseReason::Local));
    assert_eq!(other.state(), LinkState::Closed(CloseReason::Peer));
    assert_eq!(one.send(vec![1]).await, Err(LinkError::Closed(CloseReason::Local)));
}

#[wasm_bindgen_test]
async fn dropping_a_link_ends_the_other_side() {
    let (one, mut other) = connected().await;
    drop(one);
    assert_eq!(pumasi_rt::timeout(Duration::from_secs(30), other.recv()).await, Ok(None));
}

#[wasm_bindgen_test]
async fn ice_restarts_with_the_same_certificate_and_with_no_other() {
    let (one, mut other) = connected().await;
    let offered = one.restart_offer().await.unwrap();
    let answered = other.accept_restart(&offered).await.unwrap();
    one.finish_restart(&answered).await.unwrap();
    one.send(b"still here".to_vec()).await.unwrap();
    assert_eq!(other.recv().await.unwrap(), b"still here");

    let stranger = offer(&IceConfig::default(), Observer::silent()).await.unwrap();
    let refused = other.accept_restart(stranger.sdp()).await;
    assert!(matches!(refused, Err(LinkError::Restart(_))), "{refused:?}");
}

#[wasm_bindgen_test]
async fn the_steps_are_told_and_a_bad_description_makes_no_connection() {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let steps = steps.clone();
        Observer::new(move |step| steps.lock().unwrap().push(step))
    };
    let config = IceConfig::default();
    let offering = offer(&config, observer).await.unwrap();
    let (connecting, sdp) = answer(&config, offering.sdp(), Observer::silent()).await.unwrap();
    let (one, other) = futures_join(offering.accept(&sdp).unwrap().open(), connecting.open()).await;
    let (_one, _other) = (one.unwrap(), other.unwrap());
    let steps = steps.lock().unwrap();
    assert!(matches!(steps[0], Progress::Gathering));
    assert!(steps.iter().any(|step| matches!(step, Progress::Gathered { host: 1.., .. })), "{steps:?}");
    assert!(steps.iter().any(|step| matches!(step, Progress::Securing)), "{steps:?}");
    assert!(matches!(steps.last(), Some(Progress::Open(_))), "{steps:?}");

    let bad = answer(&config, "v=0\r\n", Observer::silent()).await;
    assert!(matches!(bad, Err(ConnectError::Sdp(_))), "{bad:?}");
}
