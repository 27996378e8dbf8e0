//! What the tests of this crate share.

use pumasi_rtc::{DataLink, IceConfig, Link, Observer};

/// Host candidates of the loopback interface.
pub(crate) fn loopback() -> IceConfig {
    IceConfig { include_loopback: true, bind: vec!["127.0.0.1".parse().unwrap()], ..IceConfig::default() }
}

/// Two links of one connection: the offerer's and the answerer's.
pub(crate) async fn pair(config: &IceConfig) -> (Link, Link) {
    let offering = pumasi_rtc::offer(config, Observer::silent()).await.unwrap();
    let (answering, answer) = pumasi_rtc::answer(config, offering.sdp(), Observer::silent()).await.unwrap();
    let connecting = offering.accept(&answer).unwrap();
    let (offerer, answerer) = tokio::join!(connecting.open(), answering.open());
    (offerer.unwrap(), answerer.unwrap())
}

/// Sends every message back until the link ends.
pub(crate) async fn echo(mut link: Link) {
    while let Some(message) = link.recv().await {
        if link.send(message).await.is_err() {
            break;
        }
    }
}
