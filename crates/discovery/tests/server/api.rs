use super::common::{HOUR, Server, Shop, easy, http, json, registration, restaurant};
use pumasi_crypto::NativeProvider;
use pumasi_discovery::client::{ClientError, Kept};
use pumasi_discovery::server::{Config, Limits, now};
use pumasi_discovery::{Action, Listing, Operation};
use pumasi_fetch::{Method, Request};
use serde_json::{Value, json};

#[tokio::test]
async fn the_story_of_note_002() {
    let server = Server::start(easy()).await;
    let shop = Shop::new(1).await;
    let operation = shop.sign(1, now(), Action::Register(restaurant())).await;
    let answer = server.post("/register", &registration(&operation)).await;
    assert_eq!((answer.status, json(&answer)), (200, json!({ "status": "DID registered successfully" })));

    let found = json(&server.get("/search?query=%EC%8B%9D%EB%8B%B9").await);
    let entry = &found["results"][0];
    assert_eq!(entry["did"], shop.did.to_string());
    assert_eq!(entry["description"], restaurant().description);
    assert_eq!(entry["bootstrap_nodes"], json!(restaurant().bootstrap_nodes));
    assert_eq!(entry["service_endpoint"], "https://shop.example:8443");
    assert_eq!(entry["proof"], operation.as_str());
    assert_eq!(found.get("cursor"), None);
    let categories = json(&server.get("/categories").await);
    assert_eq!(categories["categories"][0]["count"], 1);
}

#[tokio::test]
async fn a_shop_registers_is_found_beats_changes_and_leaves() {
    let server = Server::start(easy()).await;
    let directory = server.client();
    let shop = Shop::new(1).await;
    let found = async |query: &str| {
        let found = directory.search(query, None, now()).await.unwrap();
        assert_eq!(found.forged, []);
        found.entries
    };
    assert_eq!(directory.keep(&shop.author(), &restaurant(), HOUR, now()).await, Ok(Kept::Registered));
    let first = found("강남구 식당에서").await;
    assert_eq!(first[0].listing(), &restaurant());
    assert_eq!(directory.keep(&shop.author(), &restaurant(), 2 * HOUR, now()).await, Ok(Kept::Extended));
    let second = found(&shop.did.to_string()).await;
    assert!(second[0].expires() >= first[0].expires() + HOUR - 60_000 && second[0].sequence() > first[0].sequence());
    let cafe = Listing { categories: vec!["카페".into()], name: None, ..restaurant() };
    assert_eq!(directory.keep(&shop.author(), &cafe, HOUR, now()).await, Ok(Kept::Updated));
    assert_eq!((found("식당").await.len(), found("카페").await.len()), (0, 1));
    directory.delete(&shop.author(), now()).await.unwrap();
    assert_eq!(found("카페").await, []);
    assert_eq!(directory.entry(&shop.did, now()).await.unwrap(), None);
    // A clock that is behind does not lock the shop out: the client goes on after what the directory knows.
    directory.register(&shop.author(), cafe, HOUR, now() - 60_000).await.unwrap();
    assert_eq!(found("카페").await.len(), 1);
}

async fn refused(server: &Server, path: &str, body: &Value) -> (u16, String, String) {
    let answer = server.post(path, body).await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path} {body}");
    let problem = json(&answer);
    assert_eq!(problem["status"], answer.status);
    let text = |field: &str| problem[field].as_str().unwrap().to_owned();
    (answer.status, text("type").replace("urn:pumasi:directory:", ""), text("detail"))
}

#[tokio::test]
async fn what_does_not_hold_is_refused_by_name() {
    let server = Server::start(easy()).await;
    let (shop, other) = (Shop::new(1).await, Shop::new(2).await);
    let genuine = registration(&shop.sign(5, now(), Action::Register(restaurant())).await);
    for (field, value) in [
        ("did", json!(other.did.to_string())),
        ("name", json!("다른 식당")),
        ("description", json!("다른 말")),
        ("categories", json!(["카페"])),
        ("bootstrap_nodes", json!([])),
        ("service_endpoint", json!("https://evil.example")),
    ] {
        let mut body = genuine.clone();
        body[field] = value;
        let (status, kind, detail) = refused(&server, "/register", &body).await;
        assert_eq!((status, kind.as_str()), (403, "mismatch"), "{field}");
        assert!(detail.starts_with(&format!("{field}:")), "{detail}");
    }
    let (status, kind, _) = refused(&server, "/update", &genuine).await;
    assert_eq!((status, kind.as_str()), (403, "mismatch"), "a registration is no update");

    let mut forged = genuine.clone();
    forged["proof"] = (genuine["proof"].as_str().unwrap()[..600].to_owned() + "AAAA").into();
    assert_eq!(refused(&server, "/register", &forged).await.0, 403);
    assert_eq!(refused(&server, "/register", &json!({ "did": shop.did.to_string() })).await.1, "malformed");
    let old = registration(&shop.sign(6, now() - 11 * 60_000, Action::Register(restaurant())).await);
    assert_eq!(refused(&server, "/register", &old).await.1, "time");

    assert_eq!(server.post("/register", &genuine).await.status, 200);
    assert_eq!(refused(&server, "/register", &genuine).await.1, "replayed");
    let stale = registration(&shop.sign(5, now(), Action::Register(restaurant())).await);
    let answer = server.post("/register", &stale).await;
    assert_eq!((answer.status, json(&answer)["sequence"].clone()), (409, json!(5)));
    let beat = other.sign(9, now(), Action::Delete).await;
    let body = json!({ "did": other.did.to_string(), "proof": beat.as_str() });
    assert_eq!(refused(&server, "/delete", &body).await.0, 404);
    assert_eq!(refused(&server, "/heartbeat", &body).await.1, "mismatch");
    assert_eq!(server.client().search("식당", None, now()).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn too_little_work_is_refused_with_what_is_wanted() {
    let server = Server::start(Config { difficulty: 14, ..easy() }).await;
    let shop = Shop::new(1).await;
    let lazy = Operation {
        did: shop.did,
        sequence: 1,
        created: now(),
        expires: now() + HOUR,
        action: Action::Register(restaurant()),
    };
    let mut lazy = lazy.sign(&NativeProvider, &shop.key, 0).await.unwrap();
    while pumasi_discovery::zero_bits(&lazy.id()) >= 14 {
        lazy = lazy.operation().clone().sign(&NativeProvider, &shop.key, 0).await.unwrap();
    }
    let answer = server.post("/register", &registration(&lazy)).await;
    assert_eq!((answer.status, json(&answer)["difficulty"].clone()), (403, json!(14)));
    assert_eq!(server.client().policy().await.unwrap().difficulty, 14);
    server.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
}

#[tokio::test]
async fn a_stranger_gets_clear_errors() {
    let server = Server::start(easy()).await;
    for (path, status) in [
        ("/nothing", 404),
        ("/search", 400),
        ("/search?query=", 400),
        ("/search?query=a&limit=0", 400),
        ("/search?query=a&limit=101", 400),
        ("/search?query=a&cursor=3.1", 400),
        (&format!("/search?query={}", "a".repeat(101)), 400),
        ("/categories?limit=x", 400),
        ("/export?after=-1", 400),
        ("/export?limit=1001", 400),
        ("/v1/listings/did:key:z", 400),
        ("/v1/listings/%ff", 400),
        ("/register", 405),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
    let answer = server.get("/register").await;
    assert_eq!(answer.header("allow"), Some("POST"));
    let long = json!({ "did": "x".repeat(40_000), "proof": "" });
    assert_eq!(refused(&server, "/delete", &long).await.0, 413);
    let url = format!("{}/delete", server.url);
    let plain = Request { method: Method::Post, body: b"{}".to_vec(), ..Request::get(&url) };
    assert_eq!(http().send(plain).await.unwrap().status, 415);
    for body in ["", "[]", "{", "{\"did\":1,\"proof\":\"\"}", "{\"did\":\"a\",\"did\":\"b\",\"proof\":\"\"}"] {
        let answer = http().send(Request::json(Method::Post, &url, body.into())).await.unwrap();
        assert_eq!(answer.status, 400, "{body}");
    }
    // Any page may ask: the answer says so.
    let answer = server.get("/search?query=a").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_source_that_asks_too_much_has_to_wait() {
    let limits = Limits { reads: 3, writes: 2, writes_per_did: 1 };
    let proxies = vec!["127.0.0.1".parse().unwrap()];
    let server = Server::start(Config { limits, proxies, ..easy() }).await;
    let ask = async |source: &str| {
        let url = format!("{}/categories", server.url);
        http().send(Request::get(url).header("x-forwarded-for", source)).await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(ask("198.51.100.1").await.status, 200);
    }
    let refused = ask("198.51.100.1").await;
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(refused.status == 429 && (1..=60).contains(&seconds), "{refused:?}");
    assert_eq!(ask("198.51.100.2").await.status, 200);
    assert_eq!(ask("192.0.2.1, 198.51.100.1").await.status, 429, "what the client adds counts for nothing");
    for _ in 0..10 {
        assert_eq!(server.get("/healthz").await.status, 200);
    }
    let shop = Shop::new(1).await;
    server.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    let again = server.client().register(&shop.author(), restaurant(), HOUR, now()).await;
    assert!(matches!(&again, Err(ClientError::Refused(problem)) if problem.status == 429), "{again:?}");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let server = Server::start(easy()).await;
    let directory = server.client();
    for number in 0..45 {
        let shop = Shop::new(number).await;
        directory.register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    }
    let (mut cursor, mut dids) = (None, std::collections::BTreeSet::new());
    let mut pages = Vec::new();
    loop {
        let found = directory.search("식당", cursor.as_deref(), now()).await.unwrap();
        pages.push(found.entries.len());
        dids.extend(found.entries.iter().map(pumasi_discovery::VerifiedEntry::did));
        cursor = found.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((pages, dids.len()), (vec![20, 20, 5], 45));
}

#[tokio::test]
async fn it_resolves_as_a_driver_does() {
    let server = Server::start(easy()).await;
    let shop = Shop::new(1).await;
    let path = format!("/1.0/identifiers/{}", shop.did);
    let result = json(&server.get(&path).await);
    assert_eq!(result["didDocument"]["id"], shop.did.to_string());
    assert_eq!(result["didDocument"].get("service"), None);
    server.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    let answer = server.get(&path).await;
    assert!(answer.header("content-type").unwrap().starts_with("application/ld+json"));
    let result = json(&answer);
    let document = &result["didDocument"];
    assert_eq!(document["service"][0]["serviceEndpoint"], "https://shop.example:8443");
    assert_eq!(document["verificationMethod"][0]["publicKeyMultibase"], shop.did.multibase());
    let proof = result["didDocumentMetadata"]["proof"][0].as_str().unwrap();
    assert_eq!(pumasi_discovery::SignedOperation::verify(proof).unwrap().did(), shop.did);
    let url = format!("{}{path}", server.url);
    let alone = http().send(Request::get(&url).header("accept", "application/did+ld+json")).await.unwrap();
    assert_eq!((alone.header("content-type"), json(&alone)), (Some("application/did+ld+json"), document.clone()));
    for (did, status, error) in [
        ("did:key:z6Mkxx", 400, "invalidDid"),
        ("nonsense", 400, "invalidDid"),
        ("did:web:example.org", 501, "methodNotSupported"),
    ] {
        let answer = server.get(&format!("/1.0/identifiers/{did}")).await;
        let found = json(&answer);
        assert_eq!((answer.status, &found["didResolutionMetadata"]["error"]), (status, &json!(error)), "{did}");
        assert_eq!(found["didDocument"], Value::Null);
    }
    let image = http().send(Request::get(&url).header("accept", "image/png")).await.unwrap();
    assert_eq!(image.status, 406);
}

#[tokio::test]
async fn it_tells_how_it_is_and_ends_gracefully() {
    let server = Server::start(easy()).await;
    let shop = Shop::new(1).await;
    server.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    assert_eq!(json(&server.get("/healthz").await), json!({ "status": "ok" }));
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    for line in [
        "pumasi_directory_entries 1",
        "pumasi_directory_requests_total{route=\"/register\",status=\"200\"} 1",
        "pumasi_directory_request_seconds_count{route=\"/register\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    server.stop();
    server.task.await.unwrap().unwrap();
}
