//! What strangers say in topics and to one person, and what they put into the sets of the DHT for it.

use super::{NOW, reader, sign, signer};
use pumasi_crypto::jcs;
use pumasi_identity::Did;
use pumasi_messages::direct::{
    ACK_TYP, Answer, DIRECT_TYP, OnDisk, Said, SignedAck, SignedDirect, Standing, Thread, ThreadState, pack,
    read_packed,
};
use pumasi_messages::inbox::{self, InboxSlots, MAX_CONTENT, MAX_LIFE};
use pumasi_messages::member::{self, MEMBER_TYP, SignedMembership};
use pumasi_messages::topic::{
    Gate, History, HistoryRequest, Judged, Limits, MAX_HISTORY_ANSWER, TOPIC_TYP, TopicId, TopicName, answer_bytes,
    read_answer,
};

fn here() -> TopicName {
    "global-chat".parse().expect("a name")
}

/// The first byte says what it is: the payload of a topic message (`t`) or of a membership (`m`), a question (`q`), an
/// answer with the history (`h`), or what gossip brings.
pub fn topic(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        b't' => said(sign(TOPIC_TYP, data).as_bytes()),
        b'm' => membership(data),
        b'q' => {
            let Ok(read) = HistoryRequest::parse(data) else { return };
            assert_eq!(HistoryRequest::parse(&read.to_bytes()), Ok(read));
        }
        b'h' => history(data),
        _ => said(data),
    }
}

fn said(bytes: &[u8]) {
    let mut gate = Gate::new(here(), Limits::default());
    let Judged::Accepted(message) = gate.judge(Some(b"neighbour"), bytes, NOW) else { return };
    assert!(!matches!(gate.judge(None, bytes, NOW), Judged::Accepted(_)), "once");
    let mut history = History::default();
    assert!(history.insert((*message).clone()) && !history.insert((*message).clone()));
    let (read, bad) = read_answer(&answer_bytes(history.iter()), &here(), NOW).expect("what is written is read");
    assert_eq!((read, bad), (vec![*message], 0));
}

fn membership(payload: &[u8]) {
    let topic = here().id();
    let text = sign(MEMBER_TYP, payload);
    let verified = SignedMembership::verify(&topic, text.as_bytes(), NOW);
    let facts = member::validate(&topic.0, text.as_bytes(), NOW);
    assert_eq!(verified.is_ok(), facts.is_ok());
    let (Ok(verified), Ok(facts)) = (verified, facts) else { return };
    assert!(facts.expires > NOW && facts.expires.since(NOW) <= member::MAX_LIFE + pumasi_messages::CLOCK_SKEW);
    assert_eq!(facts.name, *signer().public());
    assert!(member::validate(&TopicId([0; 32]).0, text.as_bytes(), NOW).is_err(), "in one set only");
    let left = jcs::to_vec(&verified.value().leave(NOW)).expect("plain data");
    let later = member::validate(&topic.0, sign(MEMBER_TYP, &left).as_bytes(), NOW);
    // One that was made ahead of this clock is left behind by one made further ahead.
    assert!(later.is_ok_and(|later| later.sequence > facts.sequence) || facts.sequence >= NOW.0);
}

fn history(answer: &[u8]) {
    let Ok((messages, _)) = read_answer(answer, &here(), NOW) else { return };
    let written = answer_bytes(messages.iter());
    assert!(written.len() <= MAX_HISTORY_ANSWER);
    assert_eq!(read_answer(&written, &here(), NOW).map(|(again, _)| again.len()), Ok(messages.len()));
}

/// The first byte says what it is: the payload of a direct message (`d`) or of an acknowledgement (`a`), what is in a box
/// (`b`), an answer on a stream (`s`), the content of an inbox entry (`c`), or an inbox entry.
pub fn direct(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        b'd' => written(data),
        b'a' => acknowledged(data),
        b'b' => drop(read_packed(data, &reader(), NOW)),
        b's' => {
            let Some(read) = Answer::parse(data) else { return };
            assert_eq!(Answer::parse(&read.to_bytes()), Some(read));
        }
        b'c' => content(data),
        _ => {
            let slot = slots(signer(), reader()).outgoing(inbox::day(NOW));
            if inbox::validate(&slot.record_key(), data, NOW).is_ok() {
                assert!(inbox::open(&slot, data, NOW).is_ok(), "only the two can sign for it");
            }
        }
    }
}

fn slots(me: Did, them: Did) -> InboxSlots {
    InboxSlots::new(&[7; 32], me, them)
}

fn thread(standing: Standing) -> Thread {
    let state = ThreadState { standing, ..ThreadState::default() };
    Thread::load(reader(), signer(), state, [], [])
}

fn written(payload: &[u8]) {
    let text = sign(DIRECT_TYP, payload);
    let Ok(message) = SignedDirect::verify(&text, &reader(), NOW) else { return };
    if let Ok(packed) = pack(&text) {
        assert_eq!(read_packed(&packed, &reader(), NOW), Ok(Said::Message(Box::new(message.clone()))));
    }
    let mut thread = thread(Standing::Known);
    if thread.receive(&message, OnDisk::default(), NOW).is_ok() {
        let ack = thread.ack(None, NOW).expect("something to acknowledge");
        assert_eq!(ack.delivered, [message.id()]);
        assert!(thread.next_timeout().is_none_or(|at| at > NOW));
        assert!(!thread.take().is_empty());
    }
}

fn acknowledged(payload: &[u8]) {
    let Ok(ack) = SignedAck::verify(&sign(ACK_TYP, payload), &reader()) else { return };
    let changed = thread(Standing::Known).acked(&ack, NOW);
    assert!(changed.is_ok_and(|numbers| numbers.is_empty()), "nothing was said");
}

fn content(content: &[u8]) {
    let content = &content[..content.len().min(MAX_CONTENT)];
    let place = content.first().map_or(0, |byte| byte % (inbox::ACK_PLACE + 1));
    let (mine, theirs) = (slots(signer(), reader()), slots(reader(), signer()));
    let day = inbox::day(NOW);
    let entry = inbox::seal(&mine.outgoing(day), place, NOW, NOW + MAX_LIFE, &[1; 32], content).expect("within bounds");
    let slot = theirs.incoming(day);
    let facts = inbox::validate(&slot.record_key(), &entry, NOW).expect("what is sealed is kept");
    assert_eq!(facts.name[0], place);
    let (found, opened) = inbox::open(&slot, &entry, NOW).expect("what is kept opens");
    assert_eq!((found, opened.as_slice()), (place, content));
}
