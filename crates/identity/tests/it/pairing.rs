use crate::common::{NOW, alice, bob};
use proptest::prelude::*;
use pumasi_identity::SignedProfile;
use pumasi_identity::pairing::{
    AbortReason, COMPARE_TIME, Failure, MAX_MESSAGE, MEETING_TIME, Output, Pairing, PairingError, Role, ShortCode, Step,
};
use pumasi_units::Timestamp;
use std::collections::BTreeMap;

/// One side, and what its driver and its person have seen.
pub(crate) struct Side {
    pub(crate) pairing: Pairing,
    pub(crate) sent: BTreeMap<Step, Vec<u8>>,
    pub(crate) shown: Vec<ShortCode>,
    pub(crate) ends: Vec<Result<SignedProfile, Failure>>,
}

impl Side {
    pub(crate) fn new(pairing: Pairing) -> Self {
        let mut side = Self { pairing, sent: BTreeMap::new(), shown: vec![], ends: vec![] };
        side.drain();
        side
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.pairing.poll_output() {
            assert!(self.ends.is_empty(), "{output:?} after the end");
            match output {
                Output::Send { step, message } => {
                    assert!(message.len() <= MAX_MESSAGE);
                    assert_eq!(self.sent.insert(step, message), None, "{step:?} is said once");
                }
                Output::Compare(code) => self.shown.push(code),
                Output::Paired(profile) => self.ends.push(Ok(*profile)),
                Output::Failed(failure) => self.ends.push(Err(failure)),
            }
        }
    }

    pub(crate) fn hear(&mut self, message: &[u8]) -> Result<(), PairingError> {
        self.hear_at(message, NOW)
    }

    fn hear_at(&mut self, message: &[u8], now: Timestamp) -> Result<(), PairingError> {
        let taken = self.pairing.handle_message(message, now);
        self.drain();
        taken
    }

    pub(crate) fn confirm(&mut self) -> Result<(), PairingError> {
        let taken = self.pairing.confirm();
        self.drain();
        taken
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.ends.first().and_then(|end| end.as_ref().err().copied())
    }

    pub(crate) fn paired_with(&self) -> Option<&SignedProfile> {
        self.ends.first().and_then(|end| end.as_ref().ok())
    }
}

pub(crate) fn inviter(us: SignedProfile) -> Side {
    Side::new(Pairing::inviter(us, [9; 16], NOW))
}

pub(crate) fn acceptor(us: SignedProfile) -> Side {
    Side::new(Pairing::acceptor(us, NOW))
}

/// Both look into the slots that they expect something in, until nothing is new.
pub(crate) fn exchange(one: &mut Side, other: &mut Side) {
    for _ in 0..8 {
        poll(one, other);
        poll(other, one);
    }
}

fn poll(to: &mut Side, from: &Side) {
    for step in to.pairing.expects() {
        if let Some(message) = from.sent.get(&step) {
            to.hear(message).unwrap();
        }
    }
}

#[test]
fn two_people_who_see_the_same_emoji_hold_each_others_profile() {
    let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
    exchange(&mut alice_side, &mut bob_side);
    assert_eq!(alice_side.shown.len(), 1);
    assert_eq!(alice_side.shown, bob_side.shown);
    assert!(alice_side.shown[0].numbers.iter().all(|number| (1000..=9191).contains(number)));
    assert!(alice_side.ends.is_empty() && bob_side.ends.is_empty(), "nobody has confirmed yet");

    bob_side.confirm().unwrap();
    exchange(&mut alice_side, &mut bob_side);
    assert!(alice_side.ends.is_empty(), "Bob's word is not Alice's");

    alice_side.confirm().unwrap();
    exchange(&mut alice_side, &mut bob_side);
    assert_eq!(alice_side.paired_with(), Some(&bob()));
    assert_eq!(bob_side.paired_with(), Some(&alice()));
    assert!(alice_side.pairing.expects().is_empty() && alice_side.pairing.poll_timeout().is_none());
}

#[test]
fn each_pairing_of_the_same_two_shows_other_emoji() {
    let shown = || {
        let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
        exchange(&mut alice_side, &mut bob_side);
        alice_side.shown[0].emoji.map(|emoji| emoji.english)
    };
    assert_ne!(shown(), shown());
}

#[test]
fn a_person_who_sees_other_emoji_ends_it_for_both() {
    let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
    exchange(&mut alice_side, &mut bob_side);
    bob_side.confirm().unwrap();
    alice_side.pairing.deny();
    alice_side.drain();
    exchange(&mut alice_side, &mut bob_side);
    let failure = Some(Failure { by: Role::Inviter, reason: AbortReason::Mismatch });
    assert_eq!((alice_side.failure(), bob_side.failure()), (failure, failure));
}

#[test]
fn nothing_waits_for_ever() {
    let mut alice_side = inviter(alice());
    assert_eq!(alice_side.pairing.poll_timeout(), Some(NOW + MEETING_TIME));
    alice_side.pairing.handle_timeout(NOW + MEETING_TIME - 1);
    alice_side.drain();
    assert!(alice_side.ends.is_empty());
    alice_side.pairing.handle_timeout(NOW + MEETING_TIME);
    alice_side.drain();
    assert_eq!(alice_side.failure(), Some(Failure { by: Role::Inviter, reason: AbortReason::TimedOut }));
    assert!(alice_side.sent.contains_key(&Step::InviterAbort));

    let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
    exchange(&mut alice_side, &mut bob_side);
    alice_side.confirm().unwrap();
    let due = alice_side.pairing.poll_timeout().unwrap();
    assert_eq!(due, NOW + COMPARE_TIME);
    alice_side.pairing.handle_timeout(due);
    alice_side.drain();
    exchange(&mut alice_side, &mut bob_side);
    assert_eq!(bob_side.failure(), Some(Failure { by: Role::Inviter, reason: AbortReason::TimedOut }));
    bob_side.confirm().unwrap();
    assert_eq!(bob_side.ends.len(), 1, "an ended pairing stays ended");
}

#[test]
fn who_types_their_own_code_is_told() {
    let (mut one, mut other) = (inviter(alice()), acceptor(alice()));
    exchange(&mut one, &mut other);
    assert_eq!(one.failure(), Some(Failure { by: Role::Inviter, reason: AbortReason::OwnCode }));
    assert_eq!(other.failure(), one.failure());
}

#[test]
fn an_expired_profile_ends_it() {
    let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
    bob_side.hear(&alice_side.sent[&Step::Commit]).unwrap();
    alice_side.hear_at(&bob_side.sent[&Step::Key], bob().expires()).unwrap();
    assert_eq!(alice_side.failure(), Some(Failure { by: Role::Inviter, reason: AbortReason::Profile }));
}

#[test]
fn what_is_no_message_of_this_pairing_changes_nothing() {
    let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
    let commit = alice_side.sent[&Step::Commit].clone();
    bob_side.hear(&commit).unwrap();
    let key = bob_side.sent[&Step::Key].clone();

    let long = vec![b' '; MAX_MESSAGE + 1];
    assert_eq!(alice_side.hear(&long), Err(PairingError::TooLong { len: MAX_MESSAGE + 1, limit: MAX_MESSAGE }));
    for bad in [&b""[..], b"{}", b"[1]", b"\xff", &key[..key.len() - 1]] {
        assert_eq!(alice_side.hear(bad), Err(PairingError::Malformed));
    }
    let text = String::from_utf8(key.clone()).unwrap();
    let extra = text.replacen('{', r#"{"a":1,"#, 1);
    assert_eq!(alice_side.hear(extra.as_bytes()), Err(PairingError::Malformed));
    assert_eq!(alice_side.hear(&commit), Err(PairingError::OurStep(Step::Commit)));
    let mut other = acceptor(bob());
    other.hear(&Side::new(Pairing::inviter(alice(), [8; 16], NOW)).sent[&Step::Commit]).unwrap();
    assert_eq!(alice_side.hear(&other.sent[&Step::Key]), Err(PairingError::OtherSession));
    assert_eq!(alice_side.confirm(), Err(PairingError::NothingToCompare));

    assert_eq!(alice_side.hear(&key), Ok(()));
    assert_eq!(alice_side.shown.len(), 1);
}

/// What may happen to the two sides, in any order and number.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The message of a step, if it has been said, reaches the other side (again).
    Deliver(Step),
    Confirm(Role),
    Noise(Role, u8),
}

fn event() -> impl Strategy<Value = Event> {
    let role = prop_oneof![Just(Role::Inviter), Just(Role::Acceptor)];
    prop_oneof![
        6 => prop::sample::select(&Step::ALL[..]).prop_map(Event::Deliver),
        1 => role.clone().prop_map(Event::Confirm),
        1 => (role, any::<u8>()).prop_map(|(role, at)| Event::Noise(role, at)),
    ]
}

fn apply(event: Event, alice_side: &mut Side, bob_side: &mut Side) -> Option<PairingError> {
    let error = match event {
        Event::Deliver(step) => {
            let (from, to) = match step.sender() {
                Role::Inviter => (alice_side, bob_side),
                Role::Acceptor => (bob_side, alice_side),
            };
            from.sent.get(&step).and_then(|message| to.hear(message).err())
        }
        Event::Confirm(Role::Inviter) => alice_side.confirm().err(),
        Event::Confirm(Role::Acceptor) => bob_side.confirm().err(),
        Event::Noise(role, at) => {
            let (from, to) = if role == Role::Inviter { (bob_side, alice_side) } else { (alice_side, bob_side) };
            // A real message, cut somewhere: never taken for anything.
            let message = from.sent.values().next()?;
            to.hear(&message[..message.len() * usize::from(at) / 256]).err()
        }
    };
    error.filter(|error| !matches!(error, PairingError::Malformed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn messages_late_twice_and_out_of_order_never_break_a_pairing(events in prop::collection::vec(event(), 0..60)) {
        let (mut alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
        let mut confirmed = [false; 2];
        for event in events {
            let error = apply(event, &mut alice_side, &mut bob_side);
            match (event, &error) {
                (Event::Confirm(role), None) => confirmed[role as usize] = true,
                (_, None | Some(PairingError::TooEarly(_) | PairingError::NothingToCompare)) => {}
                (_, Some(other)) => prop_assert!(false, "{other:?}"),
            }
            for side in [&alice_side, &bob_side] {
                prop_assert!(side.shown.len() <= 1);
                prop_assert!(side.failure().is_none());
                prop_assert!(side.ends.is_empty() || confirmed == [true; 2], "paired before both confirmed");
            }
        }
        exchange(&mut alice_side, &mut bob_side);
        alice_side.confirm().unwrap();
        bob_side.confirm().unwrap();
        exchange(&mut alice_side, &mut bob_side);
        prop_assert_eq!(alice_side.shown, bob_side.shown);
        prop_assert_eq!(&alice_side.ends, &vec![Ok(bob())]);
        prop_assert_eq!(&bob_side.ends, &vec![Ok(alice())]);
    }
}
