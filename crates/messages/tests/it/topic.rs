use crate::person::{NOW, Person, chat};
use proptest::prelude::*;
use pumasi_crypto::b64;
use pumasi_messages::topic::{
    Gate, History, HistoryRequest, Judged, Limits, MAX_AGE, MAX_HISTORY, MAX_HISTORY_AGE, MAX_HISTORY_ANSWER,
    MAX_PER_AUTHOR, Refused, SignedTopicMessage, TopicError, Verdict, answer_bytes, read_answer,
};
use pumasi_messages::{CLOCK_SKEW, Rate, SignedError};
use pumasi_units::Timestamp;

fn gate() -> Gate {
    Gate::new(chat(), Limits::default())
}

fn judge(gate: &mut Gate, message: &SignedTopicMessage, now: Timestamp) -> Judged {
    gate.judge(None, message.as_str().as_bytes(), now)
}

fn refused(judged: Judged) -> (Verdict, Refused) {
    match judged {
        Judged::Refused { verdict, why } => (verdict, why),
        Judged::Accepted(message) => panic!("accepted {message:?}"),
    }
}

#[test]
fn a_message_is_accepted_once_in_whatever_bytes_it_comes() {
    let (mut gate, alice) = (gate(), Person::new(1));
    let message = alice.says("hello", NOW);
    assert_eq!(judge(&mut gate, &message, NOW).verdict(), Verdict::Accept);
    assert_eq!(refused(judge(&mut gate, &message, NOW)), (Verdict::Ignore, Refused::Duplicate));
    // Another statement under a number that was used.
    let other = alice.says_as("hello again", NOW + 1, NOW.0);
    assert_eq!(refused(judge(&mut gate, &other, NOW)), (Verdict::Ignore, Refused::OldSequence));
    // A lower number that was not used: gossip does not keep the order.
    let before = alice.says("earlier", NOW - 1_000);
    assert_eq!(judge(&mut gate, &before, NOW).verdict(), Verdict::Accept);
}

#[test]
fn what_one_says_oneself_is_known_when_it_comes_back() {
    let mut gate = gate();
    let message = Person::new(1).says("hello", NOW);
    gate.said(&message);
    assert_eq!(refused(judge(&mut gate, &message, NOW)), (Verdict::Ignore, Refused::Duplicate));
}

#[test]
fn a_forged_author_is_rejected_and_costs_whoever_brings_it() {
    let (mut gate, alice, mallory) = (gate(), Person::new(1), Person::new(2));
    let said = alice.says("hello", NOW);
    let forged = mallory.says("I owe Mallory", NOW);
    let [_, payload, _] = said.as_str().split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let [header, _, signature] = forged.as_str().split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let of_alice = said.as_str().split('.').next().unwrap();
    for bytes in [
        // Mallory's signature over Alice's statement, with either header.
        format!("{header}.{payload}.{signature}"),
        format!("{of_alice}.{payload}.{signature}"),
        // A changed text under Alice's own signature.
        format!("{of_alice}.{}.{}", changed(payload), said.as_str().rsplit('.').next().unwrap()),
    ] {
        let (verdict, why) = refused(gate.judge(None, bytes.as_bytes(), NOW));
        assert_eq!(verdict, Verdict::Reject, "{why}");
        assert!(matches!(why, Refused::Message(TopicError::Signed(_))), "{why}");
        assert_eq!(refused(gate.judge(None, bytes.as_bytes(), NOW)), (Verdict::Reject, Refused::Duplicate));
    }
    assert_eq!(judge(&mut gate, &said, NOW).verdict(), Verdict::Accept, "Alice is heard all the same");
}

fn changed(payload: &str) -> String {
    let text = String::from_utf8(b64::decode("payload", payload).unwrap()).unwrap();
    b64::encode(text.replace("hello", "jello"))
}

#[test]
fn what_is_too_early_too_late_too_long_or_of_another_topic_is_not_passed_on() {
    let alice = Person::new(1);
    let at = |issued| refused(judge(&mut gate(), &alice.says("x", issued), NOW));
    assert_eq!(at(NOW + CLOCK_SKEW + 1).0, Verdict::Ignore);
    assert_eq!(at(NOW - MAX_AGE - 1).0, Verdict::Ignore);
    assert_eq!(judge(&mut gate(), &alice.says("x", NOW - MAX_AGE), NOW).verdict(), Verdict::Accept);

    let mut elsewhere = Gate::new("other".parse().unwrap(), Limits::default());
    let (verdict, why) = refused(judge(&mut elsewhere, &alice.says("x", NOW), NOW));
    assert!(matches!((verdict, why), (Verdict::Reject, Refused::Message(TopicError::OtherTopic { .. }))));

    let (verdict, why) = refused(gate().judge(None, &[b'a'; 8_193], NOW));
    assert!(matches!(
        (verdict, why),
        (Verdict::Reject, Refused::Message(TopicError::Signed(SignedError::TooLong { len: 8_193, limit: 8_192, .. })))
    ));
}

#[test]
fn a_flooder_is_cut_off_and_everyone_else_is_heard() {
    let (mut gate, flooder, other) = (gate(), Person::new(1), Person::new(2));
    let limits = Limits::default();
    let mut accepted = 0;
    for n in 0..100 {
        let message = flooder.says_as(&format!("spam {n}"), NOW, NOW.0 + n);
        accepted += u32::from(judge(&mut gate, &message, NOW).verdict() == Verdict::Accept);
    }
    assert_eq!(accepted, limits.author.burst);
    assert_eq!(gate.muted(NOW), [flooder.did]);
    assert_eq!(judge(&mut gate, &other.says("still here", NOW), NOW).verdict(), Verdict::Accept);

    let soon = NOW + limits.mute - 1;
    let (_, why) = refused(judge(&mut gate, &flooder.says("back", soon), soon));
    assert!(matches!(why, Refused::Muted { .. }), "{why}");
    let later = NOW + limits.mute;
    assert_eq!(judge(&mut gate, &flooder.says("sorry", later), later).verdict(), Verdict::Accept);
}

#[test]
fn a_neighbour_that_brings_what_no_honest_one_would_is_rejected() {
    let limits = Limits { neighbour: Rate { burst: 5, every: 1_000 }, ..Limits::default() };
    let mut gate = Gate::new(chat(), limits);
    let verdicts: Vec<Verdict> = (0..15)
        .map(|n| {
            let message = Person::new(n + 1).says("one of many", NOW);
            gate.judge(Some(b"neighbour"), message.as_str().as_bytes(), NOW).verdict()
        })
        .collect();
    let expected = [vec![Verdict::Accept; 5], vec![Verdict::Ignore; 5], vec![Verdict::Reject; 5]].concat();
    assert_eq!(verdicts, expected);
    let message = Person::new(20).says("of another neighbour", NOW);
    assert_eq!(gate.judge(Some(b"other"), message.as_str().as_bytes(), NOW).verdict(), Verdict::Accept);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever comes in whatever order, again and again: each statement is accepted at most once, no author is accepted
    /// beyond their rate, and a gate that is asked second never rejects what one like it has accepted.
    #[test]
    fn no_gate_rejects_what_another_has_passed_on(
        steps in proptest::collection::vec((1_u8..4, 0_u64..40, 0_u64..3_000, any::<bool>()), 1..120)
    ) {
        let people: Vec<Person> = (1..4).map(Person::new).collect();
        let (mut first, mut second) = (gate(), gate());
        let (mut now, mut times) = (NOW, std::collections::BTreeMap::<u8, Vec<u64>>::new());
        let mut once = std::collections::BTreeSet::new();
        for (who, number, wait, twice) in steps {
            now = now + wait;
            let message = people[usize::from(who) - 1].says_as("text", NOW, number + 1);
            for _ in 0..=u8::from(twice) {
                if judge(&mut first, &message, now).verdict() != Verdict::Accept { continue }
                prop_assert!(once.insert(message.id()), "accepted twice");
                times.entry(who).or_default().push(now.0);
                prop_assert_ne!(judge(&mut second, &message, now).verdict(), Verdict::Reject);
            }
        }
        let rate = Limits::default().author;
        for times in times.values() {
            for (at, start) in times.iter().enumerate() {
                for (n, end) in times[at..].iter().enumerate() {
                    prop_assert!((n + 1) as u64 <= u64::from(rate.burst) + (end - start) / rate.every + 1);
                }
            }
        }
    }

    /// History does not depend on who tells it in which order.
    #[test]
    fn histories_merge_to_the_same_in_any_order(
        said in proptest::collection::vec((1_u8..4, 0_u64..500), 1..260),
        swaps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..100),
    ) {
        let people: Vec<Person> = (1..4).map(Person::new).collect();
        let said: Vec<_> = said.into_iter().map(|(who, at)| people[usize::from(who) - 1].says("x", NOW + at)).collect();
        let mut shuffled = said.clone();
        for (a, b) in swaps { let (a, b) = (a.index(said.len()), b.index(said.len())); shuffled.swap(a, b) }
        let fill = |messages: &[SignedTopicMessage]| {
            let mut history = History::default();
            messages.iter().for_each(|it| { history.insert(it.clone()); });
            history.iter().map(SignedTopicMessage::id).collect::<Vec<_>>()
        };
        let (one, other) = (fill(&said), fill(&shuffled));
        prop_assert_eq!(&one, &other);
        prop_assert!(one.len() <= MAX_HISTORY && one.len() <= 3 * MAX_PER_AUTHOR);
    }
}

#[test]
fn one_author_has_a_share_of_the_history_and_old_messages_leave_it() {
    let (talker, other) = (Person::new(1), Person::new(2));
    let mut history = History::default();
    assert!(history.insert(other.says("first", NOW)));
    for n in 0..80 {
        history.insert(talker.says("again", NOW + 1 + n));
    }
    assert_eq!(history.len(), MAX_PER_AUTHOR + 1);
    assert_eq!(history.iter().next().unwrap().value().text.as_str(), "first");
    assert!(!history.insert(talker.says("too old for a share that is full", NOW + 1)));
    history.expire(NOW + MAX_HISTORY_AGE + 30);
    assert_eq!(history.len(), MAX_PER_AUTHOR);
}

#[test]
fn an_answer_holds_the_newest_that_fit_and_a_liar_adds_nothing_to_it() {
    let alice = Person::new(1);
    let long = "가".repeat(1_300);
    let mut history = History::default();
    for n in 0..50 {
        history.insert(alice.says(&format!("{n} {long}"), NOW + n));
    }
    let request = HistoryRequest { most: 200, since: NOW + 3, topic: chat().id() };
    assert_eq!(HistoryRequest::parse(&request.to_bytes()), Ok(request));
    let answer = history.answer(&request);
    assert!(answer.len() <= MAX_HISTORY_ANSWER && answer.len() > MAX_HISTORY_ANSWER - 8_192);
    let (messages, bad) = read_answer(&answer, &chat(), NOW).unwrap();
    assert_eq!(bad, 0);
    assert_eq!(messages.last().unwrap().value().issued, NOW + 49);
    assert!(messages.windows(2).all(|pair| pair[0].value().issued < pair[1].value().issued));

    let text = format!(r#"{{"messages":["{}","a.b.c"]}}"#, alice.says("good", NOW).as_str());
    let (messages, bad) = read_answer(text.as_bytes(), &chat(), NOW).unwrap();
    assert_eq!((messages.len(), bad), (1, 1));
    let day_later = NOW + MAX_HISTORY_AGE + 1;
    assert_eq!(read_answer(text.as_bytes(), &chat(), day_later).unwrap().0.len(), 0);
    assert!(read_answer(&vec![b' '; MAX_HISTORY_ANSWER + 1], &chat(), NOW).is_err());
    let many = answer_bytes(std::iter::empty()).len();
    assert_eq!(many, r#"{"messages":[]}"#.len());
}
