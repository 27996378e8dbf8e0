use super::common::{HOUR, Server, Shop, easy, http, restaurant, serve};
use axum::Router;
use axum::routing::get;
use pumasi_discovery::Action;
use pumasi_discovery::client::Directory;
use pumasi_discovery::server::{MirrorError, catch_up, now};
use pumasi_discovery::store::{Mirrored, Store as _};
use serde_json::json;

#[tokio::test]
async fn a_second_directory_follows_the_first() {
    let (first, second) = (Server::start(easy()).await, Server::start(easy()).await);
    let shops = [Shop::new(1).await, Shop::new(2).await];
    for shop in &shops {
        first.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    }
    let source = first.client();
    let taken = |taken| Ok((Mirrored { taken, known: 0 }, 0));
    assert_eq!(catch_up(&second.store, &source).await, taken(2));
    assert_eq!(catch_up(&second.store, &source).await, taken(0));
    first.client().delete(&shops[0].author(), now()).await.unwrap();
    first.client().keep(&shops[1].author(), &restaurant(), 2 * HOUR, now()).await.unwrap();
    assert_eq!(catch_up(&second.store, &source).await, taken(2));
    for shop in &shops {
        let entries = [&first, &second].map(|server| server.client());
        let [one, other] = entries.each_ref().map(|directory| directory.entry(&shop.did, now()));
        assert_eq!(one.await.unwrap(), other.await.unwrap());
    }
    assert_eq!(second.client().search("식당", None, now()).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_log_is_not_believed() {
    let shop = Shop::new(1).await;
    let genuine = shop.sign(1, now(), Action::Register(restaurant())).await;
    let forged = genuine.as_str()[..genuine.as_str().len() - 8].to_owned() + "AAAAAAAA";
    let future = Shop::new(2).await.sign(1, now() + HOUR, Action::Register(restaurant())).await;
    let past = Shop::new(3).await.sign(1, now() - 2 * HOUR, Action::Register(restaurant())).await;
    let logged = |number: u64, proof: &str| json!({ "number": number, "at": 0, "proof": proof });
    let serve_log = async |operations: serde_json::Value| {
        let log = json!({ "operations": operations, "next": 9, "head": 9 }).to_string();
        let (url, stop, _) = serve(Router::new().route("/export", get(async move || log.clone()))).await;
        std::mem::forget(stop);
        Directory::new(http(), &url)
    };
    let mirror = Server::start(easy()).await;
    let log = json!([
        logged(1, &forged),
        logged(3, future.as_str()),
        logged(5, past.as_str()),
        logged(7, "nonsense"),
        logged(9, genuine.as_str()),
    ]);
    let caught_up = catch_up(&mirror.store, &serve_log(log).await).await;
    assert_eq!(caught_up, Ok((Mirrored { taken: 1, known: 1 }, 3)));
    assert_eq!(mirror.store.counts(now()).await.unwrap().entries, 1);
    for numbers in [[2, 1], [1, 10]] {
        let log = json!(numbers.map(|number| logged(number, genuine.as_str())));
        let disorder = catch_up(&mirror.store, &serve_log(log).await).await;
        assert!(matches!(disorder, Err(MirrorError::Disorder(_))), "{disorder:?}");
    }
}
