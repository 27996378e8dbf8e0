use crate::common::{MOMENT, Person, client, code, now, problem, serve};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use pumasi_fetch::{Method, Request};
use pumasi_http::{
    GatewayConfig, GatewayError, GatewayLimits, Gateways, Lie, MAX_GATEWAYS, Place, Records, RecordsError, TurnOffer,
    Verdict, gateway_router,
};
use pumasi_identity::SignedProfile;
use pumasi_overlay::{Overlay, OverlayConfig};
use pumasi_signaling::{MailboxRecord, Slot};
use pumasi_tls::Running;
use pumasi_units::Timestamp;

/// A node of the overlay, alone or joined to another, and its gateway.
struct Honest {
    overlay: Overlay,
    url: String,
    _running: Running,
}

async fn honest(seed: u8, join: Option<&Honest>, limits: GatewayLimits) -> Honest {
    let mut bootstrap = Vec::new();
    if let Some(other) = join {
        let listen = other.overlay.status().await.unwrap().listen;
        bootstrap = listen.into_iter().filter(|address| address.to_string().contains("/tcp/")).collect();
    }
    let config = OverlayConfig {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        ..OverlayConfig::peer([seed; 32], bootstrap)
    };
    let overlay = Overlay::start(config).await.unwrap();
    overlay.join(MOMENT).await.unwrap();
    let config = GatewayConfig { limits, gateways: vec!["https://one.example".into()], ..GatewayConfig::default() };
    let (_running, url) = serve(gateway_router(overlay.clone(), config)).await;
    Honest { overlay, url, _running }
}

/// A gateway that gives these bytes, whatever it is asked for.
async fn gives(bytes: Vec<u8>) -> (Running, String) {
    let route = get(move |Path(_): Path<(String, String)>| async move { bytes });
    serve(Router::new().route("/v1/records/{kind}/{key}", route)).await
}

fn gateways(urls: &[&str]) -> Gateways {
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    Gateways::new(client(), &urls, now).unwrap()
}

fn bytes(profile: &SignedProfile) -> Vec<u8> {
    profile.json().as_bytes().to_vec()
}

async fn put(url: &str, place: &Place, body: Vec<u8>) -> pumasi_fetch::Response {
    let request = Request::json(Method::Put, format!("{url}/v1/records/{}", place.path()), body);
    client().send(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_through_one_gateway_is_found_through_another() {
    let one = honest(1, None, GatewayLimits::default()).await;
    let other = honest(2, Some(&one), GatewayLimits::default()).await;
    let person = Person::new().await;
    let profile = person.profile(1).await;
    let place = Place::Profile(person.did());

    let stored = gateways(&[&one.url]).put(&place, bytes(&profile)).await.unwrap();

    assert_eq!(stored.stored, 1);
    let found = gateways(&[&other.url, &one.url]).profile(&person.did()).await;
    assert_eq!(found.profile, Some(profile));
    assert_eq!(found.agreed(), 2, "{:?}", found.witnesses);
    // Nothing of a stranger's is published again by the gateway: who put it does that.
    assert_eq!(one.overlay.status().await.unwrap().profiles, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_that_lies_and_the_one_that_lags_are_outvoted_and_named() {
    let person = Person::new().await;
    let stranger = Person::new().await;
    let (old, new) = (person.profile(1).await, person.profile(2).await);
    let honest = honest(1, None, GatewayLimits::default()).await;
    gateways(&[&honest.url]).put(&Place::Profile(person.did()), bytes(&new)).await.unwrap();
    let mut forged = bytes(&new);
    let at = new.json().find("shop.example").unwrap();
    forged[at..at + 4].copy_from_slice(b"evil");
    let (_a, lagging) = gives(bytes(&old)).await;
    let (_b, forging) = gives(forged).await;
    let (_c, posing) = gives(bytes(&stranger.profile(9).await)).await;
    let (_d, mumbling) = gives(b"<html>".to_vec()).await;
    let expired = person.profile_from(7, now() - 7_200_000).await;
    let (_e, stale) = gives(bytes(&expired)).await;

    let urls: [&str; 7] = [&lagging, &forging, &honest.url, &posing, &mumbling, &stale, "http://127.0.0.1:1"];
    let report = gateways(&urls).profile(&person.did()).await;

    assert_eq!(report.profile.as_ref(), Some(&new));
    let verdicts: Vec<_> = report.witnesses.iter().map(|witness| &witness.verdict).collect();
    assert!(
        matches!(
            verdicts[..],
            [
                Verdict::Lagged { sequence: 1, newest: 2 },
                Verdict::Lied(Lie::Profile(_)),
                Verdict::Agreed,
                Verdict::Lied(Lie::OtherDid(_)),
                Verdict::Lied(Lie::Profile(_)),
                Verdict::Expired { .. },
                Verdict::Failed(_),
            ]
        ),
        "{verdicts:#?}"
    );
    let liars: Vec<&str> = report.liars().map(|witness| witness.url.as_str()).collect();
    assert_eq!(liars, [forging.as_str(), &posing, &mumbling]);
    let laggards: Vec<&str> = report.laggards().map(|witness| witness.url.as_str()).collect();
    assert_eq!(laggards, [lagging.as_str(), &stale]);
    assert_eq!(report.agreed(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liars_alone_bring_nothing_and_two_words_of_one_signer_are_told_apart() {
    let person = Person::new().await;
    let (_a, mumbling) = gives(b"{}".to_vec()).await;
    let report = gateways(&[&mumbling]).profile(&person.did()).await;
    assert!(report.profile.is_none() && report.liars().count() == 1);
    let records = gateways(&[&mumbling, "http://127.0.0.1:1"]);
    assert_eq!(records.get(&Place::Profile(person.did())).await, Ok(None));
    let gone = gateways(&["http://127.0.0.1:1"]).get(&Place::Profile(person.did())).await;
    assert!(matches!(gone, Err(RecordsError::Unreachable(_))), "{gone:?}");

    let (one, two) = (person.profile(3).await, person.profile_from(3, now() - 1_000).await);
    let (_b, first) = gives(bytes(&one)).await;
    let (_c, second) = gives(bytes(&two)).await;
    let report = gateways(&[&first, &second]).profile(&person.did()).await;
    let other = gateways(&[&second, &first]).profile(&person.did()).await;
    assert_eq!(report.profile, other.profile, "whoever is asked first");
    let forked = report.witnesses.iter().filter(|witness| witness.verdict == Verdict::Forked { sequence: 3 });
    assert_eq!(forked.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mailbox_records_of_all_gateways_come_together_the_newest_first() {
    let slot = Slot::derive(&[9; 32], b"slot");
    let record = |made: Timestamp, text: &str| {
        MailboxRecord::seal(&slot, made, made + 60_000, &[1; 32], text.as_bytes()).unwrap()
    };
    let made = now();
    let (first, second) = (record(made - 1_000, "first"), record(made, "second"));
    let honest = honest(1, None, GatewayLimits::default()).await;
    let place = Place::Mailbox(slot.record_key());
    gateways(&[&honest.url]).put(&place, second.clone()).await.unwrap();
    let (_a, lagging) = gives(first.clone()).await;
    let elsewhere = Slot::derive(&[9; 32], b"elsewhere");
    let foreign = MailboxRecord::seal(&elsewhere, made, made + 60_000, &[1; 32], b"x").unwrap();
    let (_b, lying) = gives(foreign).await;

    let asked = gateways(&[&lagging, &honest.url, &lying]);
    let report = asked.mailbox(&slot.record_key()).await;

    assert_eq!(report.records, [second.clone(), first.clone()]);
    assert_eq!(report.liars().map(|witness| &witness.url).collect::<Vec<_>>(), [&lying]);
    assert_eq!(report.laggards().map(|witness| &witness.url).collect::<Vec<_>>(), [&lagging]);
    assert_eq!(asked.get(&place).await, Ok(Some(second)));
    let rollback = gateways(&[&honest.url]).put(&place, first).await;
    assert!(matches!(rollback, Err(RecordsError::Conflict(_))), "{rollback:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_record_is_not_put_and_the_reason_is_told() {
    let honest = honest(1, None, GatewayLimits::default()).await;
    let (person, other) = (Person::new().await, Person::new().await);
    let profile = person.profile(2).await;
    let place = Place::Profile(person.did());

    let foreign = put(&honest.url, &Place::Profile(other.did()), bytes(&profile)).await;
    assert_eq!(code(&foreign), (422, "refused".into()));
    let mut forged = bytes(&profile);
    forged.truncate(forged.len() - 2);
    assert_eq!(code(&put(&honest.url, &place, forged).await), (422, "refused".into()));
    let old = person.profile_from(2, now() - 7_200_000).await;
    let expired = put(&honest.url, &place, bytes(&old)).await;
    assert!(problem(&expired).detail.contains("expired"), "{:?}", problem(&expired));
    assert_eq!(code(&put(&honest.url, &place, vec![b'a'; 8_193]).await), (413, "too-large".into()));
    assert_eq!(honest.overlay.status().await.unwrap().profiles, 0);

    assert_eq!(put(&honest.url, &place, bytes(&profile)).await.status, 200);
    assert_eq!(put(&honest.url, &place, bytes(&profile)).await.status, 200, "putting again is no error");
    let rollback = put(&honest.url, &place, bytes(&person.profile(1).await)).await;
    assert_eq!(code(&rollback), (409, "conflict".into()));

    for (path, expected) in [
        (format!("profile/{}", other.did()), (404, "no-record")),
        ("profile/did:web:shop.example".into(), (400, "malformed")),
        (format!("mailbox/{}", "A".repeat(64)), (400, "malformed")),
        ("mailbox/00".into(), (400, "malformed")),
        (format!("secrets/{}", person.did()), (404, "kind")),
    ] {
        let answer = client().send(Request::get(format!("{}/v1/records/{path}", honest.url))).await.unwrap();
        let (status, code) = code(&answer);
        assert_eq!((status, code.as_str()), expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_has_not_changed_is_not_sent_again() {
    let honest = honest(1, None, GatewayLimits::default()).await;
    let person = Person::new().await;
    let place = Place::Profile(person.did());
    put(&honest.url, &place, bytes(&person.profile(1).await)).await;
    let url = format!("{}/v1/records/{}", honest.url, place.path());
    let first = client().send(Request::get(&url)).await.unwrap();
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let again = client().send(Request::get(&url).header("if-none-match", tag)).await.unwrap();
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_held_and_a_gateway_says_what_it_is() {
    let limits = GatewayLimits { gets: (3, 0.01), puts: (2, 0.01), ..GatewayLimits::default() };
    let honest = honest(1, None, limits).await;
    let person = Person::new().await;
    let place = Place::Profile(person.did());
    let url = format!("{}/v1/records/{}", honest.url, place.path());
    for _ in 0..3 {
        assert_eq!(client().send(Request::get(&url)).await.unwrap().status, 404);
    }
    let held = client().send(Request::get(&url)).await.unwrap();
    assert_eq!(code(&held), (429, "too-many-requests".into()));
    for _ in 0..2 {
        assert_eq!(put(&honest.url, &place, b"{}".to_vec()).await.status, 422);
    }
    let put = gateways(&[&honest.url]).put(&place, bytes(&person.profile(1).await)).await;
    assert!(matches!(put, Err(RecordsError::Full(_))), "{put:?}");

    let info = Gateways::node(&client(), &honest.url).await.unwrap();
    assert_eq!(info.node, honest.overlay.node_id().to_string());
    assert_eq!(info.gateways, ["https://one.example"]);
    assert!(info.time.abs_diff(now().0) < 60_000 && !info.addresses.is_empty());
    let (_a, no_gateway) = gives(Vec::new()).await;
    assert!(matches!(Gateways::node(&client(), &no_gateway).await, Err(GatewayError::NoGateway(_))));

    let metrics = client().send(Request::get(format!("{}/metrics", honest.url))).await.unwrap();
    let text = String::from_utf8(metrics.body).unwrap();
    for line in [
        "pumasi_gateway_requests_total{method=\"get\",kind=\"profile\",outcome=\"absent\"} 3",
        "pumasi_gateway_requests_total{method=\"get\",kind=\"profile\",outcome=\"limited\"} 1",
        "pumasi_gateway_requests_total{method=\"put\",kind=\"profile\",outcome=\"refused\"} 2",
        "pumasi_overlay_up 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    honest.overlay.shutdown().await.unwrap();
    let health = client().send(Request::get(format!("{}/healthz", honest.url))).await.unwrap();
    assert_eq!(code(&health), (503, "offline".into()));
}

#[test]
fn gateways_are_named_once_and_bounded() {
    let urls: Vec<String> = (0..20).map(|at| format!("https://g{at}.example/")).collect();
    let asked = Gateways::new(client(), &urls, now).unwrap();
    assert_eq!(asked.urls().len(), MAX_GATEWAYS);
    let twice = ["https://a.example".to_owned(), "https://a.example/".to_owned()];
    assert_eq!(Gateways::new(client(), &twice, now).unwrap().urls(), ["https://a.example"]);
    assert_eq!(Gateways::new(client(), &[], now).err(), Some(GatewayError::None));
    let bad = ["a.example".to_owned()];
    assert!(matches!(Gateways::new(client(), &bad, now), Err(GatewayError::Address(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_gives_out_credentials_of_its_turn_server_and_one_without_says_so() {
    let without = honest(41, None, GatewayLimits::default()).await;
    let offer = |whose: &str| TurnOffer {
        username: format!("1795000000:{whose}"),
        password: "secret".to_owned(),
        ttl: 60,
        uris: vec!["stun:192.0.2.1".to_owned()],
    };
    let limits = GatewayLimits { gets: (3, 0.001), ..GatewayLimits::default() };
    let config = GatewayConfig { turn: Some(Box::new(offer)), limits, ..GatewayConfig::default() };
    let (_running, with) = serve(gateway_router(without.overlay.clone(), config)).await;

    let offers = gateways(&[&without.url, &with]).turn_offers().await;
    let again = gateways(&[&with]).turn_offers().await;
    assert_eq!((offers.len(), &offers), (1, &again), "one source is one user");
    assert_eq!(offers[0].username, "1795000000:127.0.0.1");

    let ask = |url: String| async move { client().send(Request::get(format!("{url}/v1/turn"))).await.unwrap() };
    assert_eq!(ask(without.url.clone()).await.status, 404);
    assert_eq!(ask(with.clone()).await.header("cache-control"), Some("no-store"));
    assert_eq!(ask(with).await.status, 429, "asking counts as a lookup");
}
