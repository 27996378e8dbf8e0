//! The whole life of a payment between two running peers, with real sockets on loopback.

mod common;

use common::{bootstrap, krw, pair, person, start, wait_for};
use pumasi_agent::net::Entry;
use pumasi_agent::{Change, Wallet};
use pumasi_transfer::Order;

#[tokio::test(flavor = "multi_thread")]
async fn two_people_meet_and_pay_each_other_and_both_keep_proof() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    let (alice_did, bob_did) = (alice.did(), bob.did());
    pair(&net, &alice, &bob, krw(100_000)).await;

    let bob = start(bob, &net, Entry::Server).await;
    let alice = start(alice, &net, Entry::Client).await;
    let mut seen_by_alice = alice.events();
    let mut seen_by_bob = bob.events();
    let id = alice.pay(Order::new(bob_did, krw(12_000), "점심")).await.unwrap();
    let accepted = wait_for(&mut seen_by_alice, id, Change::is_final).await;
    assert_eq!(accepted, Change::Accepted { owed: "12000".into() });
    wait_for(&mut seen_by_bob, id, |change| *change == Change::Countersigned).await;

    let back = bob.pay(Order::new(alice_did, krw(5_000), "커피")).await.unwrap();
    wait_for(&mut seen_by_bob, back, Change::is_final).await;
    let over = alice.pay(Order::new(bob_did, krw(1_000_000), "too much")).await.unwrap();
    let refused = wait_for(&mut seen_by_alice, over, Change::is_final).await;
    assert!(
        matches!(&refused, Change::Refused { code, limit: Some(limit), available: Some(left) }
            if code == "over-limit" && *limit == krw(100_000) && *left == krw(93_000)),
        "{refused:?}"
    );

    let (alice, bob) = (alice.stop().await.unwrap(), bob.stop().await.unwrap());
    let balance = |wallet: &Wallet, peer| wallet.ledger().balance(peer, krw(0).unit());
    assert_eq!((balance(&alice, &bob_did), balance(&bob, &alice_did)), (-7_000, 7_000));
    for wallet in [&alice, &bob] {
        let report = wallet.audit().await.unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        let (receipt, proven) = wallet.receipt(&id).await.unwrap();
        assert_eq!((proven.transfer.money, proven.countersigned), (krw(12_000), true));
        assert!(receipt.bye.is_some());
    }
}
