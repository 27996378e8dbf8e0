//! Topics and direct messages between running peers, with real sockets on loopback.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{bootstrap, krw, person, start, wait_for};
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_agent::talk::{Find, Line, MessageRoad, Messages, Room, RoomEvent, Said, Session, Talk, TalkEvent};
use pumasi_agent::{Change, Wallet};
use pumasi_crypto::b64;
use pumasi_identity::{Contact, Did};
use pumasi_messages::direct::{SentState, Standing, StreamRefusal};
use pumasi_messages::topic::{Limits, SignedTopicMessage, TopicName};
use pumasi_overlay::{TopicId, Verdict};
use pumasi_transfer::Order;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Many tests share few cores: an event that comes late has come.
const PATIENCE: Duration = Duration::from_secs(120);

fn chat() -> TopicName {
    "global-chat".parse().unwrap()
}

async fn enter(wallet: &Wallet, net: &NetOptions, entry: Entry) -> Session {
    Session::enter(wallet, net, entry).await.unwrap()
}

async fn join(session: &Session) -> Room {
    Room::join(session, chat(), Limits::default()).await.unwrap()
}

/// Gives a message to the neighbours until somebody listens.
async fn say(room: &Room, text: &str) -> SignedTopicMessage {
    let message = room.sign(text).await.unwrap();
    publish(room, &message).await;
    message
}

async fn publish(room: &Room, message: &SignedTopicMessage) {
    let heard = async {
        while room.publish(message).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("somebody listens");
}

/// The texts that are heard until one is as wanted, with whether each was said earlier.
async fn heard(room: &mut Room, last: &str) -> Vec<(String, bool)> {
    let mut texts = Vec::new();
    let hearing = async {
        loop {
            if let RoomEvent::Heard(heard) = room.next().await.expect("the node runs") {
                let text = heard.message.value().text.as_str().to_owned();
                texts.push((text.clone(), heard.earlier));
                if text == last {
                    return;
                }
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, hearing).await;
    assert!(in_time.is_ok(), "{last} is not heard; only {texts:?}");
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_topic_is_heard_once_and_who_comes_late_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| person(folder.path(), name));
    let (alice, bob, carol) = (alice.await, bob.await, carol.await);
    let (at_alice, at_bob) = (enter(&alice, &net, Entry::Server).await, enter(&bob, &net, Entry::Server).await);
    let (room_of_alice, mut room_of_bob) = (join(&at_alice).await, join(&at_bob).await);

    let first = say(&room_of_alice, "안녕하세요").await;
    // Again and again: it is the same message.
    for _ in 0..3 {
        publish(&room_of_alice, &first).await;
    }
    say(&room_of_alice, "two").await;
    let texts = heard(&mut room_of_bob, "two").await;
    assert_eq!(texts.iter().filter(|(text, _)| text == "안녕하세요").count(), 1, "{texts:?}");
    say(&room_of_bob, "three").await;

    let at_carol = enter(&carol, &net, Entry::Server).await;
    let mut room_of_carol = join(&at_carol).await;
    let told = heard(&mut room_of_carol, "three").await;
    let expected = ["안녕하세요", "two", "three"].map(|text| (text.to_owned(), true));
    assert_eq!(told, expected, "in order, and as earlier");

    // Somebody who does not join can ask as well, and see who is there.
    let asking = enter(&carol, &net, Entry::Client).await;
    let (history, answered) = Room::ask_history(&asking, &chat()).await.unwrap();
    assert_eq!((history.len(), history[0].id()), (3, first.id()));
    assert!(answered >= 2, "{answered}");
    let members: Vec<Did> = Room::members(&asking, &chat()).await.unwrap().iter().map(|it| it.value().from).collect();
    assert!([alice.did(), bob.did(), carol.did()].iter().all(|did| members.contains(did)), "{members:?}");

    room_of_bob.leave().await;
    let members = Room::members(&asking, &chat()).await.unwrap();
    assert!(members.iter().all(|it| it.value().from != bob.did()), "Bob has said that he leaves");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooder_is_cut_off_and_a_forger_is_not_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let [alice, bob, mallory] = ["alice", "bob", "mallory"].map(|name| person(folder.path(), name));
    let (alice, bob, mallory) = (alice.await, bob.await, mallory.await);
    let at_bob = enter(&bob, &net, Entry::Server).await;
    let mut room_of_bob = join(&at_bob).await;
    let at_mallory = enter(&mallory, &net, Entry::Server).await;
    {
        let room = join(&at_mallory).await;
        say(&room, "hello").await;
        heard(&mut room_of_bob, "hello").await;
        for n in 0..60 {
            publish(&room, &room.sign(&format!("spam {n}")).await.unwrap()).await;
        }
        let (mut passed, mut muted) = (0, false);
        let hearing = async {
            while !muted {
                match room_of_bob.next().await.unwrap() {
                    RoomEvent::Heard(_) => passed += 1,
                    RoomEvent::Muted(author) => muted = author == mallory.did(),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, hearing).await.expect("the flooder is cut off");
        assert!(passed <= 15, "{passed} of 60 went through");
        room.leave().await;
    }

    let at_alice = enter(&alice, &net, Entry::Server).await;
    let room_of_alice = join(&at_alice).await;
    let honest = say(&room_of_alice, "I owe nobody").await;
    heard(&mut room_of_bob, "I owe nobody").await;
    // Mallory changes what Alice has signed, and speaks past her own rules.
    let [header, payload, signature] = honest.as_str().split('.').collect::<Vec<_>>()[..] else { panic!("a JWS") };
    let text = String::from_utf8(b64::decode("payload", payload).unwrap()).unwrap();
    let forged = format!("{header}.{}.{signature}", b64::encode(text.replace("nobody", "a lot!")));
    let gossip = loop {
        // The room of before is being left.
        let topic = TopicId(chat().id().0);
        match at_mallory.overlay().subscribe(topic, Arc::new(|_, _: &[u8]| Verdict::Accept)).await {
            Ok(gossip) => break gossip,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let sent = async {
        while gossip.publish(forged.as_bytes().to_vec()).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.expect("Bob's node gets it");
    say(&room_of_alice, "still here").await;
    let texts = heard(&mut room_of_bob, "still here").await;
    assert!(texts.iter().all(|(text, _)| !text.contains("a lot!")), "{texts:?}");
    assert!(room_of_bob.history().iter().all(|it| !it.value().text.as_str().contains("a lot!")));
}

async fn know(one: &Wallet, other: &Wallet) {
    let now = pumasi_agent::now();
    one.pin(Contact::paired(other.profile().clone(), now), None).await.unwrap();
    other.pin(Contact::paired(one.profile().clone(), now), None).await.unwrap();
}

async fn until(messages: &Messages, what: &str, wanted: impl Fn(&[Line]) -> bool) -> Vec<Line> {
    let started = std::time::Instant::now();
    loop {
        let lines = messages.lines(None, 100).unwrap();
        if wanted(&lines) {
            return lines;
        }
        assert!(started.elapsed() < PATIENCE, "not {what}: {lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn theirs(lines: &[Line]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| if let Said::Theirs(it) = &line.what { Some(it.text.as_str()) } else { None })
        .collect()
}

fn states(lines: &[Line]) -> Vec<&'static str> {
    let state = |line: &Line| match &line.what {
        Said::Mine(it) => Some(match it.state {
            SentState::Queued => "queued",
            SentState::Mailbox { .. } => "mailbox",
            SentState::Delivered { .. } => "delivered",
            SentState::Read { .. } => "read",
            SentState::Expired { .. } => "expired",
        }),
        Said::Theirs(_) => None,
    };
    lines.iter().filter_map(state).collect()
}

async fn two(folder: &Path) -> (Wallet, Wallet) {
    let (alice, bob) = (person(folder, "alice").await, person(folder, "bob").await);
    know(&alice, &bob).await;
    (alice, bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_gets_messages_over_a_stream_in_order_and_signs_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = two(folder.path()).await;
    let at_bob = enter(&bob, &net, Entry::Server).await;
    let bob_talks = Talk::start(&at_bob, None).await.unwrap();
    let at_alice = enter(&alice, &net, Entry::Client).await;
    let alice_talks = Talk::start(&at_alice, None).await.unwrap();
    for text in ["one", "two", "three"] {
        alice_talks.messages().say(bob.did(), text).await.unwrap();
        alice_talks.nudge();
    }
    let lines = until(bob_talks.messages(), "all there", |lines| theirs(lines).len() == 3).await;
    assert_eq!(theirs(&lines), ["one", "two", "three"]);
    let told = until(alice_talks.messages(), "delivered", |lines| states(lines) == ["delivered"; 3]).await;
    let Said::Mine(first) = &told[0].what else { panic!("mine") };
    let SentState::Delivered { ack, .. } = &first.state else { panic!("delivered") };
    let signed = pumasi_messages::direct::SignedAck::verify(ack, &alice.did()).unwrap();
    assert_eq!(signed.value().from, bob.did(), "Bob has signed for it");

    bob_talks.messages().read(&lines).unwrap();
    bob_talks.nudge();
    // Alice's node can be asked by nobody, so Bob's word goes through her inbox, or along with his next answer.
    alice_talks.messages().say(bob.did(), "four").await.unwrap();
    alice_talks.nudge();
    until(alice_talks.messages(), "read", |lines| states(lines) == ["read", "read", "read", "delivered"]).await;
    bob_talks.stop().await;
    alice_talks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_finds_everything_in_order_later_though_the_sender_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = two(folder.path()).await;
    {
        let at_alice = enter(&alice, &net, Entry::Client).await;
        let talks = Talk::start(&at_alice, None).await.unwrap();
        for text in ["하나", "둘", "셋"] {
            talks.messages().say(bob.did(), text).await.unwrap();
        }
        talks.nudge();
        until(talks.messages(), "in the mailbox", |lines| states(lines) == ["mailbox"; 3]).await;
        talks.stop().await;
        at_alice.leave().await;
    }
    {
        let at_bob = enter(&bob, &net, Entry::Client).await;
        let mut talks = Talk::start(&at_bob, None).await.unwrap();
        assert!(talks.caught_up(PATIENCE).await);
        let lines = until(talks.messages(), "all there", |lines| theirs(lines).len() == 3).await;
        assert_eq!(theirs(&lines), ["하나", "둘", "셋"]);
        let due = |talks: &Talk| talks.messages().acks_due().unwrap();
        let started = std::time::Instant::now();
        while due(&talks) > 0 {
            assert!(started.elapsed() < PATIENCE, "the acknowledgement is not out");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        talks.stop().await;
        at_bob.leave().await;
    }
    let at_alice = enter(&alice, &net, Entry::Client).await;
    let talks = Talk::start(&at_alice, None).await.unwrap();
    until(talks.messages(), "delivered", |lines| states(lines) == ["delivered"; 3]).await;
    talks.stop().await;
    // Bob looks again: what lies there still is known.
    let at_bob = enter(&bob, &net, Entry::Client).await;
    let mut talks = Talk::start(&at_bob, None).await.unwrap();
    assert!(talks.caught_up(PATIENCE).await);
    assert_eq!(theirs(&talks.messages().lines(None, 100).unwrap()), ["하나", "둘", "셋"]);
    talks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_waits_among_the_requests_and_is_not_told_who_looks() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (mallory, bob) = (person(folder.path(), "mallory").await, person(folder.path(), "bob").await);
    let at_bob = enter(&bob, &net, Entry::Server).await;
    let talks = Talk::start(&at_bob, None).await.unwrap();
    let mut events = talks.events();
    // Bob's profile has to be found: nothing is sealed for an unknown key.
    let key = pumasi_overlay::RecordKey::profile(&bob.did());
    at_bob.overlay().put(key, bob.profile().json().as_bytes().to_vec()).await.unwrap();
    let at_mallory = enter(&mallory, &net, Entry::Client).await;
    let hers = Talk::start(&at_mallory, None).await.unwrap();
    hers.messages().say(bob.did(), "buy my coins").await.unwrap();
    hers.nudge();
    let event = tokio::time::timeout(PATIENCE, async {
        loop {
            if let TalkEvent::Message { peer, request, .. } = events.recv().await.unwrap() {
                return (peer, request);
            }
        }
    });
    assert_eq!(event.await.unwrap(), (mallory.did(), true));
    until(hers.messages(), "delivered", |lines| states(lines) == ["delivered"]).await;
    assert_eq!(talks.messages().standing(&mallory.did()).unwrap(), Standing::Stranger);
    let lines = talks.messages().lines(None, 10).unwrap();
    talks.messages().read(&lines).unwrap();

    talks.messages().set_standing(&mallory.did(), Standing::Unwanted).unwrap();
    hers.messages().say(bob.did(), "more coins").await.unwrap();
    hers.nudge();
    let mut events = hers.events();
    let refused = async {
        loop {
            if let TalkEvent::Refused { why, .. } = events.recv().await.unwrap() {
                return why;
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, refused).await.unwrap(), StreamRefusal::Unwanted);
    assert_eq!(states(&hers.messages().lines(None, 10).unwrap()), ["delivered", "queued"], "not read, not taken");
    assert_eq!(theirs(&talks.messages().lines(None, 10).unwrap()), ["buy my coins"]);
    talks.stop().await;
    hers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_data_channel_carries_messages_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    let (me, to, now) = (alice.did(), bob.did(), pumasi_agent::now());
    alice.pin(Contact::paired(bob.profile().clone(), now), Some(krw(100_000))).await.unwrap();
    bob.pin(Contact::paired(alice.profile().clone(), now), Some(krw(100_000))).await.unwrap();
    let (bob, alice) = (start(bob, &net, Entry::Server).await, start(alice, &net, Entry::Client).await);
    let mut seen = alice.events();
    let id = alice.pay(Order::new(to, krw(1_000), "점심")).await.unwrap();
    wait_for(&mut seen, id, Change::is_final).await;

    // No other road leads anywhere: nobody can be found, and the inbox is only for later.
    let nobody: Find = Arc::new(|_| Box::pin(async { None }));
    let mut talks = Vec::new();
    for agent in [&alice, &bob] {
        let session = Session::beside(agent, Entry::Client).await.unwrap();
        talks.push(Talk::start(&session, Some(nobody.clone())).await.unwrap());
    }
    let mut events = talks[0].events();
    talks[0].messages().say(to, "over the channel").await.unwrap();
    talks[0].nudge();
    let road = async {
        loop {
            if let TalkEvent::Road { road, carried, .. } = events.recv().await.unwrap() {
                return (road, carried);
            }
        }
    };
    let road = tokio::time::timeout(PATIENCE, road).await.unwrap();
    assert_eq!(road, (MessageRoad::Channel, 1));
    assert_eq!(states(&talks[0].messages().lines(None, 10).unwrap()), ["delivered"]);
    assert_eq!(theirs(&talks[1].messages().lines(Some(&me), 10).unwrap()), ["over the channel"]);
    // Payments go on over the same channel.
    let id = alice.pay(Order::new(to, krw(2_000), "커피")).await.unwrap();
    wait_for(&mut seen, id, Change::is_final).await;
    for talk in talks {
        talk.stop().await;
    }
}
