//! What the tests of this crate share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use pumasi_rtc::{ConnectError, DataLink, IceConfig, Link, Observer, Progress};

/// Host candidates of the loopback interface.
pub(crate) fn loopback() -> IceConfig {
    IceConfig { include_loopback: true, bind: vec!["127.0.0.1".parse().unwrap()], ..IceConfig::default() }
}

/// Two links of one connection: the offerer's and the answerer's.
pub(crate) async fn pair(config: &IceConfig) -> (Link, Link) {
    let (offerer, answerer) = connect(config, |sdp| sdp, |sdp| sdp).await;
    (offerer.unwrap(), answerer.unwrap())
}

/// Connects two sides; the offer and the answer pass through the given functions.
pub(crate) async fn connect(
    config: &IceConfig,
    offer_on_the_way: impl FnOnce(String) -> String,
    answer_on_the_way: impl FnOnce(String) -> String,
) -> (Result<Link, ConnectError>, Result<Link, ConnectError>) {
    let offering = pumasi_rtc::offer(config, Observer::silent()).await.unwrap();
    let offer = offer_on_the_way(offering.sdp().to_owned());
    let (answering, answer) = pumasi_rtc::answer(config, &offer, Observer::silent()).await.unwrap();
    let connecting = offering.accept(&answer_on_the_way(answer)).unwrap();
    tokio::join!(connecting.open(), answering.open())
}

/// Sends every message back until the link ends.
pub(crate) async fn echo(mut link: Link) {
    while let Some(message) = link.recv().await {
        if link.send(message).await.is_err() {
            break;
        }
    }
}

/// An observer that keeps what it is told.
pub(crate) fn recorder() -> (Observer, Arc<Mutex<Vec<Progress>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    (Observer::new(move |progress| kept.lock().unwrap().push(progress)), seen)
}

/// A message whose every byte tells where it belongs.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..")
}
