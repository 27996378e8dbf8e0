//! Directories that lie: what they forge is named, what they hide another shows.

use super::common::{HOUR, Server, Shop, easy, http, restaurant, serve};
use axum::Router;
use axum::routing::get;
use pumasi_discovery::client::{Directories, Directory, Forged};
use pumasi_discovery::server::now;
use pumasi_discovery::{Entry, Forgery};
use serde_json::{Value, json};

/// A directory that answers every search with this.
async fn liar(results: Value) -> String {
    let answer = json!({ "results": results }).to_string();
    let app = Router::new().route("/search", get(async move || answer.clone()));
    let (url, stop, _) = serve(app).await;
    std::mem::forget(stop);
    url
}

#[tokio::test]
async fn a_forged_endpoint_is_caught_and_named() {
    let honest = Server::start(easy()).await;
    let (shop, other) = (Shop::new(1).await, Shop::new(2).await);
    for shop in [&shop, &other] {
        honest.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    }
    let genuine = honest.client().search("식당", None, now()).await.unwrap().entries;
    let entries: Vec<Value> = genuine.iter().map(|entry| serde_json::to_value(entry.entry()).unwrap()).collect();
    let change = |field: &str, value: Value| {
        let mut entry = entries[0].clone();
        entry[field] = value;
        entry
    };
    let results = json!([
        change("service_endpoint", json!("https://evil.example")),
        change("did", json!(other.did.to_string())),
        entries[1],
        { "did": "nobody" },
        7,
    ]);
    let found = Directory::new(http(), &liar(results).await).search("식당", None, now()).await.unwrap();
    assert_eq!(found.entries.iter().map(|entry| entry.did()).collect::<Vec<_>>(), [other.did]);
    let forged = |did, reason| Forged { did, reason };
    assert_eq!(
        found.forged,
        [
            forged(Some(shop.did), Forgery::Field("service_endpoint")),
            forged(Some(other.did), Forgery::OtherDid(shop.did)),
            forged(None, Forgery::Malformed),
            forged(None, Forgery::Malformed),
        ]
    );
}

#[tokio::test]
async fn several_directories_are_asked_at_once() {
    let (one, two) = (Server::start(easy()).await, Server::start(easy()).await);
    let (shop, hidden) = (Shop::new(1).await, Shop::new(2).await);
    one.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    let newer = two.client().register(&shop.author(), restaurant(), 2 * HOUR, now() + 1).await.unwrap();
    two.client().register(&hidden.author(), restaurant(), HOUR, now()).await.unwrap();
    let mut forged: Entry = one.client().search("식당", None, now()).await.unwrap().entries[0].entry().clone();
    forged.listing.description.push('!');
    let liar = liar(json!([forged])).await;
    let gone = "http://127.0.0.1:9".to_owned();
    let urls = [one.url.clone(), liar.clone(), gone.clone(), two.url.clone()];
    let merged = Directories::new(&http(), &urls).search("식당", None, now()).await;
    assert_eq!(merged.entries.iter().map(|entry| entry.did()).collect::<Vec<_>>(), [shop.did, hidden.did]);
    assert_eq!(merged.entries[0].sequence(), newer.operation().sequence, "the highest sequence wins");
    assert_eq!(merged.asked, [one.url.clone(), liar.clone(), two.url.clone()]);
    assert_eq!(merged.failed.iter().map(|(url, _)| url).collect::<Vec<_>>(), [&gone]);
    assert_eq!(merged.forged, [(liar, Forged { did: Some(shop.did), reason: Forgery::Field("description") })]);
}
