//! What nodes say that they offer.

use crate::common::{listening, peer, start, until};
use pumasi_overlay::{Limits, Mode, OverlayConfig};
use pumasi_signaling::Offers;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_hears_what_the_bootstrap_node_offers() {
    let bootstrap = start(OverlayConfig { relay: true, ..peer(1, &[]) }).await;
    let offers = Offers {
        gateways: vec!["https://node.example:8469".to_owned()],
        turn: vec!["turn:node.example:3478".to_owned()],
        ..Offers::default()
    };
    bootstrap.offer(offers.clone()).await.unwrap();

    let joined = start(peer(2, &[listening(&bootstrap, "tcp").await])).await;

    let started = std::time::Instant::now();
    let infos = loop {
        let infos = joined.infos().await.unwrap();
        if !infos.is_empty() {
            break infos;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "nothing was said");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(infos.len(), 1);
    assert_eq!(Some(infos[0].node), bootstrap.node_id().ed25519());
    assert_eq!((&infos[0].offers.gateways, &infos[0].offers.turn), (&offers.gateways, &offers.turn));
    let relay = infos[0].offers.relay.unwrap();
    assert_eq!(relay.bytes, Limits::default().relay_circuit_bytes);
    assert!(infos[0].addresses.iter().any(|at| at.contains("/tcp/")), "{:?}", infos[0].addresses);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_not_reached_offers_none() {
    let bootstrap = start(peer(1, &[])).await;
    let limits = Limits { measure: Duration::from_millis(50), ..Limits::default() };
    let config = OverlayConfig {
        relay: true,
        mode: Mode::Auto,
        listen: Vec::new(),
        limits,
        ..peer(2, &[listening(&bootstrap, "tcp").await])
    };
    let hidden = start(config).await;
    until(&hidden, "measured", |status| matches!(status.reach.serving, pumasi_overlay::Serving::Unreachable { .. }))
        .await;
    let figures = hidden.status().await.unwrap().reach.relay;
    assert!(!figures.serving);
}
