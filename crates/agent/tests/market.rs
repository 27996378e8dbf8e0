//! A shop in the DHT and what is said of it, with real sockets on loopback.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{PATIENCE, bootstrap, krw, lie_of, pair, person, start};
use pumasi_agent::net::{Entry, find_shops, hear, publish_lie, publish_shop, publish_vouch, visit};
use pumasi_agent::{Wallet, now};
use pumasi_discovery::Listing;
use pumasi_discovery::dht::{MIN_WORK, Query, sign_all};
use pumasi_identity::Did;
use pumasi_overlay::Overlay;
use pumasi_trust::{Claim, LieKind, Reason, evaluate};

const HOUR: u64 = 60 * 60 * 1_000;

async fn reasons(overlay: &Overlay, wallet: &Wallet, about: &Did) -> Vec<Reason> {
    let mut evidence = wallet.evidence(about).await.unwrap();
    let heard = hear(overlay, &wallet.did(), about, &mut evidence).await;
    assert_eq!((heard.silent, heard.invalid), (0, 0), "{heard:?}");
    evaluate(&wallet.did(), about, &evidence, now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_is_found_in_both_languages_renews_its_entry_and_is_vouched_for() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (shop, friend, reader) =
        (person(folder.path(), "가게").await, person(folder.path(), "철수").await, person(folder.path(), "영희").await);
    pair(&net, &friend, &reader, krw(10_000)).await;
    let (did, keys, provider) = (shop.did(), shop.keys().clone(), *shop.provider());
    let agent = start(shop, &net, Entry::Server).await;
    let listing = |description: &str| Listing {
        name: Some("한밭식당".into()),
        description: description.into(),
        categories: vec!["식당".into(), "cafe".into()],
        ..Listing::default()
    };
    let mut made = now();
    for description in ["강남구 역삼동", "강남구 역삼동, 새로 열었어요"] {
        made = made + 1;
        let entries =
            sign_all(&provider, keys.did_key(), did, &listing(description), made, HOUR, MIN_WORK).await.unwrap();
        for (category, put) in publish_shop(agent.overlay(), &entries).await {
            assert!(put.as_ref().is_ok_and(|put| put.stored >= 1), "{category}: {put:?}");
        }
    }

    let overlay = visit(&reader, &net, PATIENCE).await.unwrap();
    for word in ["restaurants", "음식점에서", "카페", "Coffee shop"] {
        let (shops, asked) = find_shops(&overlay, &Query::new(word, None).unwrap(), now()).await;
        let [shop] = &shops[..] else { panic!("{word}: {shops:?} {asked:?}") };
        assert_eq!((shop.shop().did, shop.shop().sequence), (did, made.0), "the later of two entries of one DID");
        assert_eq!((asked[0].shards, asked[0].silent, asked[0].invalid, asked[0].entries), (8, 0, 0, 1), "{asked:?}");
    }
    let (none, _) = find_shops(&overlay, &Query::new("서점", None).unwrap(), now()).await;
    assert!(none.is_empty());

    assert_eq!(reasons(&overlay, &reader, &did).await, [Reason::Unknown]);
    let said = friend.vouch(&did, vec![Claim::Shop, Claim::Person], None, HOUR).await.unwrap();
    publish_vouch(&overlay, &said).await.unwrap();
    let told = reasons(&overlay, &reader, &did).await;
    assert!(matches!(&told[..], [Reason::Vouched { by, .. }] if *by == friend.did()), "{told:?}");
    let back = friend.vouch(&did, Vec::new(), None, 60_000).await.unwrap();
    assert!(back.vouch().expires >= said.vouch().expires, "a revocation outlives what it revokes");
    publish_vouch(&overlay, &back).await.unwrap();
    let told = reasons(&overlay, &reader, &did).await;
    assert!(matches!(&told[..], [Reason::Withdrawn { .. }, Reason::Unknown]), "{told:?}");
    assert_eq!(friend.vouches().await.unwrap(), [back]);
    agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_a_lie_reaches_who_asks_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (liar, friend, reader) = (
        person(folder.path(), "거짓말쟁이").await,
        person(folder.path(), "철수").await,
        person(folder.path(), "영희").await,
    );
    pair(&net, &friend, &reader, krw(10_000)).await;
    let proven = lie_of(&liar, friend.did()).await;
    friend.keep_lie(&proven).await.unwrap();
    assert_eq!(friend.lies_of(&liar.did()).await.unwrap(), std::slice::from_ref(&proven));
    assert_eq!(friend.liars().await.unwrap().into_iter().collect::<Vec<_>>(), [(liar.did(), LieKind::Statements)]);

    let overlay = visit(&reader, &net, PATIENCE).await.unwrap();
    publish_lie(&overlay, &proven).await.unwrap();
    let told = reasons(&overlay, &reader, &liar.did()).await;
    assert_eq!(told, [Reason::Lied { kind: LieKind::Statements }]);
}
