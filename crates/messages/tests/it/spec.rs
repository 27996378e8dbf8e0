//! The examples in `docs/spec/messages.md` are what this code makes and reads. They were made by another program, from the
//! text of the page and Python's `cryptography`.

use crate::person::{NOW, Person, chat};
use pumasi_crypto::hash::sha256;
use pumasi_crypto::jcs;
use pumasi_messages::Text;
use pumasi_messages::direct::{
    AHEAD, DirectAck, DirectMessage, GAP_WAIT, MAX_ACKED, MAX_DIRECT_LIFE, MAX_STATEMENT, SignedDirect, WINDOW,
};
use pumasi_messages::inbox::{self, day};
use pumasi_messages::member::{self, Membership};
use pumasi_messages::topic::{
    self, HistoryRequest, SignedTopicMessage, TopicId, TopicMessage, answer_bytes, read_answer,
};
use serde::Serialize;

const PAGE: &str = include_str!("../../../../docs/spec/messages.md");

/// The fenced block with this info string.
fn block(info: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n```{info}\n")).unwrap_or_else(|| panic!("a block {info:?}"));
    rest.split_once("```").expect("the fence is closed").0.trim_end()
}

fn json(value: &impl Serialize) -> String {
    String::from_utf8(jcs::to_vec(value).unwrap()).unwrap()
}

fn said() -> TopicMessage {
    let text = Text::new("안녕하세요").unwrap();
    TopicMessage { from: Person::new(1).did, issued: NOW, sequence: NOW.0, text, topic: chat() }
}

fn written() -> SignedDirect {
    let (a, b) = (Person::new(1), Person::new(2));
    let message = DirectMessage {
        agreement: a.x25519(),
        expires: NOW + MAX_DIRECT_LIFE,
        from: a.did,
        issued: NOW,
        number: 3,
        oldest: 2,
        stream: NOW - 5,
        text: Text::new("점심 먹었어요?").unwrap(),
        to: b.did,
    };
    assert_eq!(json(&message), block("json direct"));
    a.writes(&message)
}

#[test]
fn a_topic_message_is_the_one_on_the_page_byte_for_byte() {
    assert_eq!(json(&said()), block("json topic-message"));
    let signed = Person::new(1).sign(&said());
    assert_eq!(signed.as_str(), block("text jws"));
    let read = SignedTopicMessage::verify(block("text jws").as_bytes(), &chat(), NOW).unwrap();
    assert_eq!(read, signed);
    let lines = [
        format!("topic id                 {}", chat().id()),
        format!("gossip topic             /pumasi/topic/{}", chat().id()),
        format!("id of the JWS            {}", signed.id()),
        format!("gossip message id        {}", sha256(&[signed.as_str().as_bytes()])),
        format!("A's own set              {}", TopicId::of_person(&Person::new(1).did)),
    ];
    assert_eq!(block("text derived"), lines.join("\n"));
}

#[test]
fn history_and_membership_are_those_on_the_page() {
    let request = HistoryRequest { most: 200, since: NOW - 24 * 3_600_000, topic: chat().id() };
    assert_eq!(request.to_bytes(), block("json history-request").as_bytes());
    let signed = Person::new(1).sign(&said());
    assert_eq!(answer_bytes([&signed].into_iter()), block("json history-answer").as_bytes());
    let (read, bad) = read_answer(block("json history-answer").as_bytes(), &chat(), NOW).unwrap();
    assert_eq!((read, bad), (vec![signed], 0));

    let node = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5".to_owned();
    let addresses = vec!["/ip4/192.0.2.7/tcp/8468".to_owned()];
    let entry = Membership::new(Person::new(1).did, chat().id(), node, addresses, NOW);
    assert_eq!(json(&entry), block("json member"));
}

#[test]
fn a_direct_message_and_its_slots_are_those_on_the_page() {
    let (a, b) = (Person::new(1), Person::new(2));
    let signed = written();
    let ack = DirectAck { delivered: vec![signed.id()], from: b.did, issued: NOW + 1_000, read: vec![], to: a.did };
    assert_eq!(json(&ack), block("json ack"));
    let slots = a.slots_with(&b);
    let [there, back] = [slots.outgoing(day(NOW)), slots.incoming(day(NOW))].map(|it| it.record_key());
    let hex = |bytes: [u8; 32]| pumasi_crypto::hash::Digest(bytes);
    let lines = [
        format!("id of the message        {}", signed.id()),
        format!("day                      {}", day(NOW)),
        format!("slot, A to B             {}", hex(there)),
        format!("slot, B to A             {}", hex(back)),
    ];
    assert_eq!(block("text direct-derived"), lines.join("\n"));
}

#[test]
fn the_figures_on_the_page_are_those_of_the_code() {
    // However the page breaks its lines.
    let page = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    let limits = topic::Limits::default();
    for (figure, value) in [
        ("from 1 to **64 bytes**", topic::MAX_TOPIC_NAME),
        ("at most **8,192 bytes**", topic::MAX_TOPIC_MESSAGE),
        ("from 1 to **4,096 bytes**", topic::MAX_TEXT),
        ("more than **5 minutes** ago", topic::MAX_AGE as usize / 60_000),
        ("an author has 10 messages at once", limits.author.burst as usize),
        ("the topic has 400", limits.topic.burst as usize),
        ("speaks, has 200 and", limits.neighbour.burst as usize),
        ("After 20 messages beyond", limits.strikes as usize),
        ("for 10 minutes. A node", limits.mute as usize / 60_000),
        ("remembers the last 4,096 messages", limits.seen),
        ("1,024 authors", limits.authors),
        ("and 256 neighbours", limits.neighbours),
        ("at most **262,144 bytes** and", topic::MAX_HISTORY_ANSWER),
        ("at most 256 bytes:", topic::MAX_HISTORY_REQUEST),
        ("at most 200 messages, at", topic::MAX_HISTORY),
        ("at most 50 of one author", topic::MAX_PER_AUTHOR),
        ("up to **24 hours** old", topic::MAX_HISTORY_AGE as usize / 3_600_000),
        ("at most **2,048 bytes**", member::MAX_ENTRY),
        ("at most 6 multiaddrs", member::MAX_ADDRESSES),
        ("of at most 192 printable", member::MAX_ADDRESS),
        ("at most **30 minutes** after", member::MAX_LIFE as usize / 60_000),
        ("less than 10 minutes of it", member::RENEWAL as usize / 60_000),
        ("`pumasi/1/direct`, at most **4,096 bytes**", MAX_STATEMENT),
        ("at most **2,000 bytes** |", pumasi_messages::direct::MAX_TEXT),
        ("at most **7 days**, and", MAX_DIRECT_LIFE as usize / (24 * 3_600_000)),
        ("at most 32 together", MAX_ACKED),
        ("at most 2,796 bytes in all", inbox::MAX_CONTENT - pumasi_crypto::sealed::OVERHEAD),
        ("for **2 minutes**; then", GAP_WAIT as usize / 60_000),
        ("One that is 62 or", AHEAD as usize),
        ("at most 31 messages to one", WINDOW as usize),
        ("An entry has at most **4,096 bytes**", inbox::MAX_ENTRY),
        ("modulo 31; 31:", inbox::PLACES as usize),
    ] {
        assert!(page.contains(figure), "{figure}");
        let numbers: Vec<usize> = figure
            .replace(',', "")
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect();
        assert!(numbers.contains(&value), "{figure}: {value}");
    }
    assert_eq!(pumasi_messages::CLOCK_SKEW, 120_000);
    assert_eq!((limits.author.every, limits.neighbour.every, limits.topic.every), (2_000, 50, 25));
}
