//! The roads to a payee, with real sockets on loopback: the HTTPS endpoint, the mailbox when it is of no use, API tokens,
//! and people whom the payee does not know.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod common;

use common::{PATIENCE, bootstrap, krw, lie_of, pair, person, person_with, start, wait_for};
use pumasi_agent::home::{Config, IceServers, TurnEntry, Visibility};
use pumasi_agent::net::{Entry, NetOptions, Strangers, Token};
use pumasi_agent::{Agent, Change, Event, Options, Outrun, Road, RoadClosed, Unreached, Wallet};
use pumasi_http::tokens::{RANDOM, TokenFile, Tokens};
use pumasi_http::{Offers as _, SERVICE_SIGNALING, SignalingConfig, signaling_router};
use pumasi_identity::{Did, Service, Trust};
use pumasi_rtc::{IceConfig, Observer};
use pumasi_signaling::{Content, Nonce, Sdp, Signal};
use pumasi_tls::{Running, Server};
use pumasi_transfer::{Order, Policy};
use pumasi_turn::{Issuer, Limits, Turn, TurnConfig};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use zeroize::Zeroizing;

/// A payee that listens, and its endpoint.
struct Shop {
    agent: Agent,
    did: Did,
    _endpoint: Running,
}

fn service(url: String) -> Service {
    Service { name: "signaling".into(), kind: SERVICE_SIGNALING.into(), endpoint: url }
}

/// A payee that is reachable, and tells some where.
async fn listen(wallet: Wallet, net: &NetOptions, presence: Visibility, strangers: Option<Strangers>) -> Agent {
    let options = Options::new(net.clone(), Entry::Server, Policy::Accept);
    Agent::start(wallet, Options { presence: Some(presence), strangers, ..options }).await.unwrap()
}

/// The endpoint alone: nobody is told where the node is.
async fn open(wallet: Wallet, net: &NetOptions, strangers: Option<Strangers>, tokens: Option<Tokens>) -> Shop {
    open_to(wallet, net, Visibility::Off, strangers, tokens).await
}

async fn open_to(
    mut wallet: Wallet,
    net: &NetOptions,
    presence: Visibility,
    strangers: Option<Strangers>,
    tokens: Option<Tokens>,
) -> Shop {
    let server = Server::bind(pumasi_tls::Options::new("127.0.0.1:0".parse().unwrap())).await.unwrap();
    wallet.set_services(vec![service(format!("http://{}", server.address()))]).await.unwrap();
    let did = wallet.did();
    let mut agent = listen(wallet, net, presence, None).await;
    let config = SignalingConfig { tokens, ..SignalingConfig::default() };
    let endpoint = server.serve(signaling_router(Arc::new(agent.doorbell(strangers)), config));
    assert!(agent.published(PATIENCE).await);
    Shop { agent, did, _endpoint: endpoint }
}

/// Waits for the link, and tells what happened to the roads before it.
async fn connected(events: &mut broadcast::Receiver<Event>) -> (Road, Vec<RoadClosed>) {
    let found = async {
        let mut closed = Vec::new();
        loop {
            match events.recv().await.unwrap() {
                Event::Connected { road, .. } => return (road, closed),
                Event::FellBack { why, .. } => closed.push(why),
                other => println!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the link comes in time")
}

async fn pay(payer: &Agent, to: Did, amount: u64) -> (Change, Road, Vec<RoadClosed>) {
    let (mut changes, mut links) = (payer.events(), payer.events());
    let id = payer.pay(Order::new(to, krw(amount), "점심")).await.unwrap();
    let ((road, closed), change) = tokio::join!(connected(&mut links), wait_for(&mut changes, id, Change::is_final));
    (change, road, closed)
}

fn strangers(most: usize) -> Strangers {
    Strangers { limit: krw(50_000), most, per_hour: 100 }
}

fn tokens(folder: &Path) -> (Tokens, String) {
    let file = TokenFile::in_folder(folder);
    let (_, token) = file.issue("test", None, pumasi_agent::now(), &Zeroizing::new([7; RANDOM])).unwrap();
    (Tokens::new(file), token.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_goes_by_the_endpoint_that_the_newest_profile_names() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    pair(&net, &alice, &bob, krw(100_000)).await;
    let shop = open(bob, &net, None, None).await;
    let alice = start(alice, &net, Entry::Client).await;

    let (change, road, closed) = pay(&alice, shop.did, 12_000).await;
    assert_eq!((change, road, closed), (Change::Accepted { owed: "12000".into() }, Road::Endpoint, vec![]));

    // Pressed twice: one payment.
    let order = || Order::new(shop.did, krw(3_000), "커피");
    let (one, other) = tokio::join!(alice.pay_once(order(), [7; 16]), alice.pay_once(order(), [7; 16]));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one, other);
    let mut alice = alice;
    assert!(alice.settled(PATIENCE).await);
    let wallet = alice.stop().await.unwrap();
    assert_eq!(wallet.ledger().balance(&shop.did, krw(0).unit()), -15_000);
    let alice = start(wallet, &net, Entry::Client).await;
    assert_eq!(alice.pay_once(order(), [7; 16]).await.unwrap(), one, "also after a restart");
    let wallet = alice.stop().await.unwrap();
    assert_eq!(wallet.ledger().balance(&shop.did, krw(0).unit()), -15_000);
    shop.agent.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_is_told_and_the_mailbox_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, mut bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    // A port where nobody is.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bob.set_services(vec![service(format!("http://{gone}"))]).await.unwrap();
    pair(&net, &alice, &bob, krw(100_000)).await;
    let did = bob.did();
    let _bob = listen(bob, &net, Visibility::Off, None).await;
    let alice = start(alice, &net, Entry::Client).await;

    let (change, road, closed) = pay(&alice, did, 12_000).await;
    assert_eq!(change, Change::Accepted { owed: "12000".into() });
    assert_eq!((road, closed), (Road::Mailbox, vec![RoadClosed::Silent]));
}

/// Whoever asks an endpoint or dials a node shows its address there, whatever the link does afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn who_uses_relays_only_calls_by_the_mailbox_alone_and_tells_nobody_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let loopback: IpAddr = [127, 0, 0, 1].into();
    let turn = TurnConfig {
        listen: (loopback, 0).into(),
        relay: loopback,
        external: loopback,
        realm: "pumasi".into(),
        private_peers: true,
        limits: Limits::default(),
    };
    let issuer = Issuer::new(&[7; 32]);
    let turn = Turn::bind(turn, issuer.clone()).await.unwrap().serve();
    let pass = issuer.issue("alice", pumasi_agent::now().0 / 1_000 + 3_600);
    let url = format!("turn:{}?transport=udp", turn.address());
    let entry = TurnEntry { url, username: pass.username, credential: pass.password.to_string() };
    let ice = IceServers { turn: vec![entry], relay_only: true, ..IceServers::default() };
    let hidden = person_with(folder.path(), "alice", Config { ice, ..Config::default() }).await;
    let bob = person(folder.path(), "bob").await;
    pair(&net, &hidden, &bob, krw(100_000)).await;
    let alice_did = hidden.did();
    // All three roads to the shop are there.
    let mut shop = open_to(bob, &net, Visibility::Public, None, None).await;
    assert!(shop.agent.announced(PATIENCE).await);

    let mut alice = listen(hidden, &net, Visibility::Public, None).await;
    assert!(alice.announced(PATIENCE).await, "there is nothing to tell");
    let mut events = alice.events();
    let paid = alice.pay(Order::new(shop.did, krw(12_000), "점심")).await.unwrap();
    let mut seen = alice.events();
    let steps = async {
        let mut roads = Vec::new();
        loop {
            match events.recv().await.unwrap() {
                Event::Step { road, .. } => roads.extend(road),
                Event::Connected { road, path, .. } => return (roads, road, path),
                other => println!("{other:?}"),
            }
        }
    };
    let (roads, road, path) = tokio::time::timeout(PATIENCE, steps).await.expect("the link comes in time");
    assert!(roads.iter().all(|road| *road == Road::Mailbox), "{roads:?}");
    assert!(road == Road::Mailbox && path.relayed, "{road:?} {path:?}");
    let change = wait_for(&mut seen, paid, Change::is_final).await;
    assert_eq!(change, Change::Accepted { owed: "12000".into() });
    assert!(turn.stats().relayed_bytes > 0);
    assert!(shop.agent.whereabouts(&alice_did).await.is_none(), "it was to tell everybody, but for the relays");

    // Without a relay it goes nowhere, and says why.
    let ice = IceServers { relay_only: true, ..IceServers::default() };
    let carol = person_with(folder.path(), "carol", Config { ice, ..Config::default() }).await;
    let carol = start(carol, &net, Entry::Client).await;
    carol.meet(carol.look_up(&shop.did).await.unwrap()).await.unwrap();
    let mut events = carol.events();
    carol.pay(Order::new(shop.did, krw(1_000), "")).await.unwrap();
    let unreached = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Unreachable { why, .. } => return why,
                Event::Connected { path, .. } => panic!("{path:?}"),
                other => println!("{other:?}"),
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, unreached).await.unwrap(), Unreached::NoRelay);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_lets_nobody_in_without_the_token_that_it_demands() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    pair(&net, &alice, &bob, krw(100_000)).await;
    let (tokens, token) = tokens(folder.path());
    let shop = open(bob, &net, None, Some(tokens)).await;

    let without = start(alice, &net, Entry::Client).await;
    let (change, road, closed) = pay(&without, shop.did, 12_000).await;
    assert_eq!(change, Change::Accepted { owed: "12000".into() });
    assert_eq!((road, closed), (Road::Mailbox, vec![RoadClosed::TokenNeeded]));
    let alice = without.stop().await.unwrap();

    let options = Options::new(net.clone(), Entry::Client, Policy::Accept);
    let tokens = BTreeMap::from([(shop.did, Token::new(&token))]);
    let with = Agent::start(alice, Options { tokens, ..options }).await.unwrap();
    let (change, road, closed) = pay(&with, shop.did, 1_000).await;
    assert_eq!((change, road, closed), (Change::Accepted { owed: "13000".into() }, Road::Endpoint, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_proves_a_did_pays_a_shop_within_its_line_and_stays_unverified() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    let alice_did = alice.did();
    let shop = open(bob, &net, Some(strangers(10)), None).await;
    let mut seen_by_shop = shop.agent.events();
    let alice = start(alice, &net, Entry::Client).await;
    let profile = alice.look_up(&shop.did).await.expect("the shop has published its profile");
    alice.meet(profile).await.unwrap();

    let (change, road, closed) = pay(&alice, shop.did, 12_000).await;
    assert_eq!((change, road, closed), (Change::Accepted { owed: "12000".into() }, Road::Endpoint, vec![]));
    let met = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Event::Met { peer, name } = seen_by_shop.recv().await.unwrap() {
                return (peer, name);
            }
        }
    });
    assert_eq!(met.await.unwrap(), (alice_did, "alice".to_owned()));

    let mut events = alice.events();
    let over = alice.pay(Order::new(shop.did, krw(40_000), "too much")).await.unwrap();
    let refused = wait_for(&mut events, over, Change::is_final).await;
    assert!(
        matches!(&refused, Change::Refused { code, limit: Some(limit), .. } if code == "over-limit" && *limit == krw(50_000)),
        "{refused:?}"
    );
    let (alice, bob) = (alice.stop().await.unwrap(), shop.agent.stop().await.unwrap());
    for (wallet, other) in [(&alice, &shop.did), (&bob, &alice_did)] {
        let contact = wallet.contact(other).await.unwrap().unwrap();
        assert!(matches!(contact.trust, Trust::FirstUse { .. }), "{:?}", contact.trust);
        assert!(wallet.audit().await.unwrap().is_clean());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_who_takes_no_strangers_does_not_hear_of_them_and_a_full_shop_forgets_who_never_paid() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let closed = open(person(folder.path(), "closed").await, &net, None, None).await;
    let shop = open(person(folder.path(), "shop").await, &net, Some(strangers(1)), None).await;
    let alice = start(person(folder.path(), "alice").await, &net, Entry::Client).await;
    for did in [closed.did, shop.did] {
        alice.meet(alice.look_up(&did).await.unwrap()).await.unwrap();
    }

    let mut events = alice.events();
    alice.pay(Order::new(closed.did, krw(1_000), "")).await.unwrap();
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Event::FellBack { why, .. } = events.recv().await.unwrap() {
                return why;
            }
        }
    });
    assert_eq!(refused.await.unwrap(), RoadClosed::Refused);
    let contacts = closed.agent.with(|wallet| Box::pin(async move { wallet.contacts().await })).await.unwrap();
    assert!(contacts.unwrap().is_empty());

    // Alice pays, and is kept. Somebody who comes after her finds the book full, and nobody is forgotten for them.
    let (change, ..) = pay(&alice, shop.did, 1_000).await;
    assert_eq!(change, Change::Accepted { owed: "1000".into() });
    let carol = start(person(folder.path(), "carol").await, &net, Entry::Client).await;
    carol.meet(carol.look_up(&shop.did).await.unwrap()).await.unwrap();
    let mut events = carol.events();
    carol.pay(Order::new(shop.did, krw(1_000), "")).await.unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Event::FellBack { why, .. } = events.recv().await.unwrap() {
                return why;
            }
        }
    });
    assert_eq!(refused.await.unwrap(), RoadClosed::Refused);
}

/// Waits until somebody finds where a payee is.
async fn announced(payer: &Agent, did: &Did) {
    let found = async {
        while payer.whereabouts(did).await.is_none_or(|found| found.presence.is_gone()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the payee says where it is");
}

/// Pays, and tells by which road and what the others did.
async fn pay_by(payer: &Agent, to: Did) -> (Road, Vec<Outrun>) {
    let (mut changes, mut links) = (payer.events(), payer.events());
    let id = payer.pay(Order::new(to, krw(1_000), "점심")).await.unwrap();
    let link = async {
        loop {
            if let Event::Connected { road, others, .. } = links.recv().await.unwrap() {
                return (road, others);
            }
        }
    };
    let link = tokio::time::timeout(PATIENCE, link);
    let (link, change) = tokio::join!(link, wait_for(&mut changes, id, Change::is_final));
    assert_eq!(change, Change::Accepted { owed: "1000".into() });
    link.expect("the link comes in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_reach_each_other_over_a_stream_and_nobody_else_can_tell_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    let carol = start(person(folder.path(), "carol").await, &net, Entry::Client).await;
    pair(&net, &alice, &bob, krw(100_000)).await;
    let (alice_did, did) = (alice.did(), bob.did());
    let bob = listen(bob, &net, Visibility::Contacts, None).await;
    let mut seen_by_bob = bob.events();
    let alice = start(alice, &net, Entry::Client).await;
    announced(&alice, &did).await;
    assert!(carol.whereabouts(&did).await.is_none(), "a stranger finds nothing");

    let (road, others) = pay_by(&alice, did).await;
    assert_eq!(road, Road::Stream);
    assert_eq!(others, [Outrun { road: Road::Mailbox, why: RoadClosed::NotNeeded }]);
    let called = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Event::Connected { peer, road, .. } = seen_by_bob.recv().await.unwrap() {
                return (peer, road);
            }
        }
    });
    assert_eq!(called.await.unwrap(), (alice_did, Road::Stream), "the payee knows it too");

    // Bob goes, and says so.
    bob.stop().await.unwrap();
    assert!(alice.whereabouts(&did).await.is_some_and(|found| found.presence.is_gone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_comes_over_a_stream_to_a_shop_that_tells_everyone_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let shop = person(folder.path(), "shop").await;
    let did = shop.did();
    let mut shop = listen(shop, &net, Visibility::Public, Some(strangers(10))).await;
    let closed = person(folder.path(), "closed").await;
    let closed_did = closed.did();
    let mut closed = listen(closed, &net, Visibility::Public, None).await;
    assert!(shop.published(PATIENCE).await && closed.published(PATIENCE).await);
    let alice = start(person(folder.path(), "alice").await, &net, Entry::Client).await;
    for did in [&did, &closed_did] {
        announced(&alice, did).await;
        alice.meet(alice.look_up(did).await.unwrap()).await.unwrap();
    }
    assert_eq!(pay_by(&alice, did).await.0, Road::Stream);

    // Who takes no strangers does not hear of them on this road either.
    let mut events = alice.events();
    alice.pay(Order::new(closed_did, krw(1_000), "")).await.unwrap();
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Event::FellBack { from, why, .. } = events.recv().await.unwrap() {
                return (from, why);
            }
        }
    });
    assert_eq!(refused.await.unwrap(), (Road::Stream, RoadClosed::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_payee_is_away_is_not_taken_for_a_dead_link() {
    let folder = tempfile::tempdir().unwrap();
    // It has no TURN server to ask for.
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    pair(&net, &alice, &bob, krw(100_000)).await;
    let alice = start(alice, &net, Entry::Client).await;
    let mut events = alice.events();
    alice.pay(Order::new(bob.did(), krw(1_000), "")).await.unwrap();
    let unreached = tokio::time::timeout(2 * PATIENCE, async {
        loop {
            if let Event::Unreachable { why, .. } = events.recv().await.unwrap() {
                return why;
            }
        }
    });
    assert_eq!(unreached.await.unwrap(), Unreached::NoAnswer);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_of_somebody_who_was_shown_to_lie_is_shut_out_once_it_brings_their_offer() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (liar, bob) = (person(folder.path(), "liar").await, person(folder.path(), "bob").await);
    pair(&net, &liar, &bob, krw(100_000)).await;
    bob.keep_lie(&lie_of(&liar, bob.did()).await).await.unwrap();
    let did = bob.did();
    let bob = listen(bob, &net, Visibility::Public, None).await;
    let liar = start(liar, &net, Entry::Client).await;
    announced(&liar, &did).await;
    assert_eq!(bob.overlay().status().await.unwrap().banned, 0, "that they are here is no offence");
    liar.pay(Order::new(did, krw(1_000), "")).await.unwrap();
    let shut_out = async {
        while bob.overlay().status().await.unwrap().banned == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, shut_out).await.expect("their node is shut out");
    assert!(!bob.overlay().status().await.unwrap().connected.contains(&liar.overlay().node_id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_without_a_word_does_not_keep_anyone_from_the_other_roads() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, mut bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bob.set_services(vec![service(format!("http://{gone}"))]).await.unwrap();
    pair(&net, &alice, &bob, krw(100_000)).await;
    let did = bob.did();
    let first = listen(bob, &net, Visibility::Contacts, None).await;
    let alice = start(alice, &net, Entry::Client).await;
    announced(&alice, &did).await;
    // Its node ends as by a power cut: nothing is taken back. The next one is told to nobody.
    first.overlay().shutdown().await.unwrap();
    let bob = first.stop().await.unwrap();
    let _bob = listen(bob, &net, Visibility::Off, None).await;
    let (road, others) = pay_by(&alice, did).await;
    assert_eq!(road, Road::Mailbox);
    // A dial over QUIC takes five seconds to notice that nobody is there: the mailbox may be quicker than that.
    let stream = [RoadClosed::Unreachable, RoadClosed::Slower].map(|why| Outrun { road: Road::Stream, why });
    assert!(stream.contains(&others[0]), "{others:?}");
    assert_eq!(others[1..], [Outrun { road: Road::Endpoint, why: RoadClosed::Silent }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_offer_that_comes_by_several_roads_gets_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    pair(&net, &alice, &bob, krw(100_000)).await;
    let to = bob.did();
    let bob = listen(bob, &net, Visibility::Off, None).await;
    let ice = IceConfig { include_loopback: true, ..IceConfig::default() };
    let offering = pumasi_rtc::offer(&ice, Observer::new(|_| {})).await.unwrap();
    let issued = pumasi_agent::now();
    let signal = Signal {
        from: alice.did(),
        to,
        session: Nonce([1; 16]),
        nonce: Nonce([2; 16]),
        issued,
        expires: issued + 60_000,
        content: Content::Offer { sdp: Sdp::new(offering.sdp()).unwrap() },
    };
    let offer = signal.sign(alice.provider(), alice.keys().did_key()).await.unwrap();
    let doorbell = bob.doorbell(None);
    let ring = || doorbell.receive(offer.clone(), None, None);
    let (one, other) = tokio::join!(ring(), ring());
    let one = one.unwrap();
    assert!(matches!(one.signal().content, Content::Answer { offer: about, .. } if about == offer.id()));
    assert_eq!(one, other.unwrap());
    assert_eq!(one, ring().await.unwrap(), "and once more, after it was answered");
    bob.stop().await.unwrap();
}
