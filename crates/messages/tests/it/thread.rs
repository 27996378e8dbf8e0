//! Two threads, a network that loses, repeats and reorders, and processes that are killed between any two steps.

use crate::person::{NOW, Person};
use proptest::prelude::*;
use pumasi_crypto::hash::Digest;
use pumasi_messages::Text;
use pumasi_messages::direct::{
    Change, GAP_WAIT, Got, GotState, MAX_DIRECT_LIFE, MAX_PER_STRANGER, OnDisk, Received, Sent, SentState, SignedAck,
    SignedDirect, Standing, Thread, ThreadError, ThreadState, WINDOW, pause_after,
};
use pumasi_units::{Millis, Timestamp};
use std::collections::BTreeMap;

/// What a disk keeps of one thread: the last state of each row, and the order in which rows became readable.
#[derive(Clone, Default)]
struct Disk {
    state: ThreadState,
    sent: BTreeMap<Digest, Sent>,
    got: BTreeMap<Digest, Got>,
    readable: Vec<Digest>,
}

fn stage(state: &GotState) -> u8 {
    match state {
        GotState::Waiting => 0,
        GotState::Unread => 1,
        GotState::Read { .. } => 2,
    }
}

struct End {
    me: Person,
    them: Person,
    disk: Disk,
}

impl End {
    fn new(me: u8, them: u8) -> Self {
        let mut end = Self { me: Person::new(me), them: Person::new(them), disk: Disk::default() };
        end.disk.state.standing = Standing::Known;
        end
    }

    fn thread(&self) -> Thread {
        let (sent, got) = (self.disk.sent.values().cloned(), self.disk.got.values().cloned());
        Thread::load(self.me.did, self.them.did, self.disk.state.clone(), sent, got)
    }

    /// One transaction.
    fn write(&mut self, thread: &mut Thread) {
        for change in thread.take() {
            match change {
                Change::State(state) => self.disk.state = state,
                Change::Sent(sent) => drop(self.disk.sent.insert(sent.id, sent)),
                Change::Got(got) => {
                    let before = self.disk.got.insert(got.id, got.clone());
                    if let Some(before) = &before {
                        assert_eq!((&before.text, before.late), (&got.text, got.late), "a repeat changes nothing");
                        assert!(stage(&before.state) < stage(&got.state), "{before:?} becomes {got:?}");
                    }
                    let was_readable = before.is_some_and(|it| it.state != GotState::Waiting);
                    if got.state == GotState::Unread && !was_readable {
                        self.disk.readable.push(got.id);
                    }
                }
            }
        }
    }

    fn say(&mut self, text: &str, now: Timestamp) -> Result<SignedDirect, ThreadError> {
        let mut thread = self.thread();
        let draft = thread.draft(Text::new(text).unwrap(), self.me.x25519(), now)?;
        let signed = self.me.writes(&draft);
        thread.say(&signed)?;
        self.write(&mut thread);
        Ok(signed)
    }

    fn receive(&mut self, message: &SignedDirect, now: Timestamp) -> Result<Received, ThreadError> {
        let mut thread = self.thread();
        let kept = self.disk.got.values().filter(|it| !matches!(it.state, GotState::Read { .. })).count();
        let disk = OnDisk { known: self.disk.got.contains_key(&message.id()), kept };
        let received = thread.receive(message, disk, now)?;
        self.write(&mut thread);
        Ok(received)
    }

    fn ack(&self, about: Option<Digest>, now: Timestamp) -> SignedAck {
        self.me.acks(&self.thread().ack(about, now).unwrap())
    }

    fn acked(&mut self, ack: &SignedAck, now: Timestamp) -> Vec<u64> {
        let mut thread = self.thread();
        let numbers = thread.acked(ack, now).unwrap();
        self.write(&mut thread);
        numbers
    }

    fn timeout(&mut self, now: Timestamp) {
        let mut thread = self.thread();
        thread.timeout(now);
        self.write(&mut thread);
    }

    fn read_all(&mut self, now: Timestamp) {
        let mut thread = self.thread();
        for got in self.disk.got.values() {
            thread.read(got, now);
        }
        self.write(&mut thread);
    }

    fn open(&self) -> Vec<Sent> {
        self.thread().open().cloned().collect()
    }

    fn texts(&self) -> Vec<&str> {
        self.disk.readable.iter().map(|id| self.disk.got[id].text.as_str()).collect()
    }

    fn states(&self) -> Vec<&'static str> {
        let mut sent: Vec<_> = self.disk.sent.values().collect();
        sent.sort_by_key(|it| (it.stream, it.number));
        sent.into_iter()
            .map(|it| match it.state {
                SentState::Queued => "queued",
                SentState::Mailbox { .. } => "mailbox",
                SentState::Delivered { .. } => "delivered",
                SentState::Read { .. } => "read",
                SentState::Expired { .. } => "expired",
            })
            .collect()
    }
}

fn resigned(sent: &Sent) -> SignedDirect {
    SignedDirect::check(&sent.jws).unwrap()
}

#[test]
fn a_message_goes_from_queued_to_read_by_what_the_recipient_signs() {
    let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
    let message = alice.say("hello", NOW).unwrap();
    assert_eq!(alice.states(), ["queued"]);
    let mut thread = alice.thread();
    assert!(thread.stored(1, 20_775, 1, NOW));
    alice.write(&mut thread);
    assert_eq!(alice.states(), ["mailbox"]);
    assert_eq!(bob.receive(&message, NOW), Ok(Received::Readable));
    let ack = bob.ack(None, NOW);
    assert_eq!(alice.acked(&ack, NOW), [1]);
    assert_eq!(alice.states(), ["delivered"]);
    assert!(alice.open().is_empty());
    bob.read_all(NOW + 5);
    let read = bob.ack(None, NOW + 5);
    assert_eq!(alice.acked(&read, NOW + 6), [1]);
    assert_eq!(alice.states(), ["read"]);
    assert!(alice.acked(&ack, NOW + 7).is_empty(), "an old word takes nothing back");
    // Somebody else's word is none.
    let carol = End::new(3, 1);
    let forged = carol.me.acks(&pumasi_messages::direct::DirectAck { from: carol.me.did, ..ack.value().clone() });
    assert_eq!(alice.thread().acked(&forged, NOW), Err(ThreadError::OtherPeople));
}

#[test]
fn they_are_read_in_order_and_a_gap_is_waited_for_and_then_told() {
    let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
    let said: Vec<_> = (1..=5).map(|n| alice.say(&n.to_string(), NOW + n).unwrap()).collect();
    assert_eq!(bob.receive(&said[0], NOW), Ok(Received::Readable));
    assert_eq!(bob.receive(&said[2], NOW), Ok(Received::Ahead));
    assert_eq!(bob.receive(&said[3], NOW), Ok(Received::Ahead));
    assert_eq!(bob.texts(), ["1"]);
    bob.timeout(NOW + GAP_WAIT - 1);
    assert_eq!(bob.texts(), ["1"]);
    assert_eq!(bob.thread().next_timeout(), Some(NOW + GAP_WAIT));
    bob.timeout(NOW + GAP_WAIT);
    assert_eq!(bob.texts(), ["1", "3", "4"]);
    assert_eq!(bob.disk.got[&said[2].id()].missing, 1);
    // What was missing came late; it is shown as late, not lost.
    assert_eq!(bob.receive(&said[1], NOW + GAP_WAIT), Ok(Received::Readable));
    assert_eq!(bob.receive(&said[4], NOW + GAP_WAIT), Ok(Received::Readable));
    assert_eq!(bob.texts(), ["1", "3", "4", "2", "5"]);
    assert!(bob.disk.got[&said[1].id()].late);
    assert!(!bob.disk.got[&said[4].id()].late && bob.disk.got[&said[4].id()].missing == 0);
}

#[test]
fn what_the_sender_gave_up_is_not_waited_for() {
    let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
    let first = alice.say("1", NOW).unwrap();
    alice.say("2", NOW).unwrap();
    bob.receive(&first, NOW).unwrap();
    alice.acked(&bob.ack(None, NOW), NOW);
    let later = NOW + MAX_DIRECT_LIFE;
    alice.timeout(later);
    assert_eq!(alice.states(), ["delivered", "expired"]);
    let third = alice.say("3", later).unwrap();
    assert_eq!(third.value().oldest, 3);
    assert_eq!(bob.receive(&third, later), Ok(Received::Readable));
    assert_eq!(bob.disk.got[&third.id()].missing, 1);
}

#[test]
fn the_outbox_is_bounded_and_so_is_what_a_stranger_may_send() {
    let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
    let said: Vec<_> = (0..WINDOW).map(|n| alice.say(&n.to_string(), NOW).unwrap()).collect();
    assert_eq!(alice.say("one more", NOW), Err(ThreadError::Full));
    bob.disk.state.standing = Standing::Stranger;
    let taken = said.iter().filter(|it| bob.receive(it, NOW).is_ok()).count();
    assert_eq!(taken, MAX_PER_STRANGER);
    let ack = bob.ack(None, NOW);
    bob.read_all(NOW);
    assert!(bob.ack(None, NOW).value().read.is_empty(), "a stranger is not told who looks");
    assert_eq!(alice.acked(&ack, NOW).len(), MAX_PER_STRANGER);
    bob.disk.state.standing = Standing::Unwanted;
    assert_eq!(bob.receive(&said[30], NOW), Err(ThreadError::Unwanted));
    let far = alice.me.writes(&pumasi_messages::direct::DirectMessage { number: 500, ..said[0].value().clone() });
    bob.disk.state.standing = Standing::Known;
    assert!(matches!(bob.receive(&far, NOW), Err(ThreadError::Ahead { number: 500, .. })));
}

#[test]
fn a_sender_who_lost_everything_begins_anew_and_nothing_is_taken_for_a_repeat() {
    let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
    let said: Vec<_> = (1..=3).map(|n| alice.say(&n.to_string(), NOW).unwrap()).collect();
    bob.receive(&said[0], NOW).unwrap();
    bob.receive(&said[2], NOW).unwrap();
    alice.disk = Disk::default();
    let fresh = alice.say("new 1", NOW + 1_000).unwrap();
    assert_eq!(fresh.value().number, 1);
    assert_eq!(bob.receive(&fresh, NOW + 1_000), Ok(Received::Readable));
    assert_eq!(bob.texts(), ["1", "3", "new 1"], "what waited is told before the new numbering");
    assert_eq!(bob.receive(&said[1], NOW + 1_000), Ok(Received::Readable), "a straggler is late, not lost");
    assert!(bob.ack(Some(said[1].id()), NOW).value().delivered.contains(&said[1].id()));
}

/// One step may do several things; what is written is how it ends.
#[test]
fn a_step_that_does_two_things_writes_both() {
    let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
    bob.disk.state.standing = Standing::Stranger;
    let said: Vec<_> = (1..=2).map(|n| alice.say(&n.to_string(), NOW).unwrap()).collect();
    let mut thread = bob.thread();
    thread.set_standing(Standing::Known);
    thread.receive(&said[0], OnDisk::default(), NOW).unwrap();
    bob.write(&mut thread);
    assert_eq!((bob.disk.state.standing, bob.disk.state.expected), (Standing::Known, 2));
    assert_eq!(bob.receive(&said[1], NOW), Ok(Received::Readable));
}

#[test]
fn pauses_double_up_to_ten_minutes() {
    let pauses: Vec<Millis> = (1..=11).map(pause_after).collect();
    assert_eq!(pauses[..4], [2_000, 4_000, 8_000, 16_000]);
    assert_eq!((pauses[10], pause_after(u32::MAX)), (600_000, 600_000));
}

/// What the world does next. A step of a process is: take something up, write, and then act; a crash comes after any of
/// these, and takes everything but the disk.
#[derive(Debug, Clone)]
enum Step {
    Say,
    Send { which: prop::sample::Index, lost: bool, crash: u8 },
    Mailbox { crash: bool },
    FetchMailbox { crash: bool },
    Ack { lost: bool },
    Read,
    Wait(Millis),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Say),
        6 => (any::<prop::sample::Index>(), any::<bool>(), 0_u8..4).prop_map(|(which, lost, crash)| Step::Send { which, lost, crash }),
        2 => any::<bool>().prop_map(|crash| Step::Mailbox { crash }),
        2 => any::<bool>().prop_map(|crash| Step::FetchMailbox { crash }),
        1 => any::<bool>().prop_map(|lost| Step::Ack { lost }),
        1 => Just(Step::Read),
        1 => (0_u64..60_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_lost_repeated_or_killed_each_message_is_read_once_and_in_order(
        steps in proptest::collection::vec(step(), 1..80)
    ) {
        let (mut alice, mut bob) = (End::new(1, 2), End::new(2, 1));
        let mut mailbox: BTreeMap<u8, SignedDirect> = BTreeMap::new();
        let (mut now, mut said) = (NOW, Vec::new());
        for step in steps {
            match step {
                Step::Say => {
                    let text = format!("{}", said.len() + 1);
                    if alice.say(&text, now).is_ok() { said.push(text) }
                }
                Step::Send { which, lost, crash } => {
                    let open = alice.open();
                    if open.is_empty() || lost { continue }
                    let message = resigned(&open[which.index(open.len())]);
                    // 0: Bob is killed before he writes. 1: after, before he acknowledges. 2: Alice, before she writes that.
                    if crash == 0 { continue }
                    bob.receive(&message, now).unwrap();
                    if crash == 1 { continue }
                    let ack = bob.ack(Some(message.id()), now);
                    if crash == 2 { continue }
                    alice.acked(&ack, now);
                }
                Step::Mailbox { crash } => {
                    let Some(first) = alice.open().into_iter().find(|it| it.state == SentState::Queued) else { continue };
                    let place = (first.number % WINDOW) as u8;
                    mailbox.insert(place, resigned(&first));
                    if crash { continue }
                    let mut thread = alice.thread();
                    thread.stored(first.number, 1, place, now);
                    alice.write(&mut thread);
                }
                Step::FetchMailbox { crash } => {
                    for message in mailbox.values() {
                        bob.receive(message, now).unwrap();
                        if crash { break }
                    }
                }
                Step::Ack { lost } => {
                    if !lost && bob.thread().ack(None, now).is_some() { let ack = bob.ack(None, now); alice.acked(&ack, now); }
                }
                Step::Read => bob.read_all(now),
                Step::Wait(span) => { now = now + span; bob.timeout(now); alice.timeout(now); }
            }
            // Never more than is true: whatever Alice takes for delivered, Bob has on his disk.
            for sent in alice.disk.sent.values() {
                if matches!(sent.state, SentState::Delivered { .. } | SentState::Read { .. }) {
                    prop_assert!(bob.disk.got.contains_key(&sent.id));
                }
            }
        }
        // Then everything works for a while.
        for _ in 0..3 {
            for sent in alice.open() {
                let message = resigned(&sent);
                bob.receive(&message, now).unwrap();
                let ack = bob.ack(Some(message.id()), now);
                alice.acked(&ack, now);
            }
            now = now + GAP_WAIT;
            bob.timeout(now);
        }
        let mut read = bob.texts();
        let in_order: Vec<_> = bob.disk.readable.iter().map(|id| &bob.disk.got[id]).filter(|it| !it.late).map(|it| it.number).collect();
        prop_assert!(in_order.windows(2).all(|pair| pair[0] < pair[1]), "{in_order:?}");
        read.sort_by_key(|text| text.parse::<usize>().unwrap());
        prop_assert_eq!(read, said, "each once, none lost");
        prop_assert!(alice.open().is_empty());
    }
}
