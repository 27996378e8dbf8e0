//! Two of ours on one machine, without any server.

mod common;

use common::{echo, loopback, pair};
use pumasi_rtc::DataLink;

#[tokio::test]
async fn a_pair_opens_and_a_message_comes_back() {
    let (offerer, answerer) = pair(&loopback()).await;
    assert_eq!(offerer.local_fingerprint(), answerer.remote_fingerprint());
    assert_eq!(offerer.remote_fingerprint(), answerer.local_fingerprint());
    let mut offerer = offerer;
    tokio::spawn(echo(answerer));
    offerer.send(b"hello".to_vec()).await.unwrap();
    assert_eq!(offerer.recv().await.as_deref(), Some(b"hello".as_slice()));
}
