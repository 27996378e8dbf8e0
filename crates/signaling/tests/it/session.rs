//! One pair, step by step: who says what when.

use crate::person::{NOW, Person, nonce, sdp};
use pumasi_signaling::{
    CLOCK_SKEW, Content, Event, Output, Pace, PairSession, RejectReason, SessionError, Signal, SignalError,
    SignedSignal,
};
use pumasi_units::Timestamp;

const WAIT: u64 = 60_000;

struct Side {
    person: Person,
    session: PairSession,
    events: Vec<Event>,
    published: Vec<SignedSignal>,
    fetches: usize,
}

impl Side {
    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Sign(signal) => self.session.handle_signed(self.person.sign(signal), now),
                Output::Publish(signed) => self.published.push(signed),
                Output::Fetch => self.fetches += 1,
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn dial(&mut self, number: u64, now: Timestamp) -> SignedSignal {
        self.session.dial(nonce(number), nonce(number + 1), sdp("offer"), WAIT, now).unwrap();
        self.drain(now);
        self.published.pop().unwrap()
    }

    fn hear(&mut self, signal: &SignedSignal, now: Timestamp) -> Result<(), SignalError> {
        let result = self.session.handle_signal(signal, now);
        self.drain(now);
        result
    }

    fn answer(&mut self, offer: &SignedSignal, now: Timestamp) -> SignedSignal {
        self.session.answer(&offer.id(), nonce(90), sdp("answer"), now).unwrap();
        self.drain(now);
        self.published.pop().unwrap()
    }

    fn timeout(&mut self, now: Timestamp) {
        self.session.handle_timeout(now);
        self.drain(now);
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// Two people; the first has the lower DID.
fn pair() -> (Side, Side) {
    let mut people = Person::sorted(2).into_iter();
    let (low, high) = (people.next().unwrap(), people.next().unwrap());
    let (a, b) = (low.did, high.did);
    let side = |person, session| Side { person, session, events: vec![], published: vec![], fetches: 0 };
    (side(low, PairSession::new(a, b)), side(high, PairSession::new(b, a)))
}

fn offered(offer: &SignedSignal) -> Event {
    let signal = offer.signal();
    Event::Offered { offer: offer.id(), session: signal.session, sdp: sdp("offer"), expires: signal.expires }
}

#[test]
fn an_offer_is_answered_and_the_dialing_ends() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    assert_eq!(a.fetches, 1);
    b.hear(&offer, NOW + 10).unwrap();
    assert_eq!(b.take_events(), [offered(&offer)]);
    let answer = b.answer(&offer, NOW + 20);
    a.hear(&answer, NOW + 30).unwrap();
    assert_eq!(a.take_events(), [Event::Answered { session: nonce(1), sdp: sdp("answer") }]);
    assert_eq!(a.session.poll_timeout(), None);
    b.session.connected();
    assert_eq!(b.session.poll_timeout(), None);
}

#[test]
fn offer_and_answer_are_published_again_until_they_have_done_their_work() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    b.hear(&offer, NOW).unwrap();
    let answer = b.answer(&offer, NOW);
    a.timeout(NOW + 5_000);
    b.timeout(NOW + 5_000);
    assert_eq!((a.published.pop(), b.published.pop()), (Some(offer), Some(answer.clone())));
    a.hear(&answer, NOW + 6_000).unwrap();
    b.session.connected();
    a.timeout(NOW + 30_000);
    b.timeout(NOW + 30_000);
    assert!(a.published.is_empty() && b.published.is_empty());
}

#[test]
fn when_both_offer_at_once_the_lower_did_stays_the_offerer() {
    let (mut a, mut b) = pair();
    let (from_a, from_b) = (a.dial(1, NOW), b.dial(11, NOW));
    a.hear(&from_b, NOW + 10).unwrap();
    assert!(a.take_events().is_empty());
    b.hear(&from_a, NOW + 10).unwrap();
    assert_eq!(b.take_events(), [Event::Yielded { session: nonce(11) }, offered(&from_a)]);
    let answer = b.answer(&from_a, NOW + 20);
    a.hear(&answer, NOW + 30).unwrap();
    assert_eq!(a.take_events(), [Event::Answered { session: nonce(1), sdp: sdp("answer") }]);
}

#[test]
fn the_offer_that_had_to_wait_counts_when_the_other_one_fails() {
    let (mut a, mut b) = pair();
    let (_, from_b) = (a.dial(1, NOW), b.dial(11, NOW + 1_000));
    a.hear(&from_b, NOW + 2_000).unwrap();
    a.timeout(NOW + WAIT);
    assert_eq!(a.take_events(), [Event::TimedOut { session: nonce(1) }]);
    a.hear(&from_b, NOW + WAIT).unwrap();
    assert_eq!(a.take_events(), [offered(&from_b)]);
}

#[test]
fn an_offer_counts_once() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    b.hear(&offer, NOW).unwrap();
    b.hear(&offer, NOW + 10).unwrap();
    assert_eq!(b.take_events().len(), 1);
    b.session.connected();
    assert_eq!(b.hear(&offer, NOW + 20), Err(SignalError::Replayed { id: offer.id() }));
    let answer = {
        let (mut other_a, _) = pair();
        let offer = other_a.dial(1, NOW);
        let (_, mut b) = pair();
        b.hear(&offer, NOW).unwrap();
        b.answer(&offer, NOW)
    };
    a.hear(&answer, NOW).unwrap();
    assert_eq!(a.hear(&answer, NOW + 30), Err(SignalError::Replayed { id: answer.id() }));
}

#[test]
fn an_answer_to_another_offer_or_session_is_refused_and_the_dialing_goes_on() {
    let (mut a, mut b) = pair();
    let first = a.dial(1, NOW);
    b.hear(&first, NOW).unwrap();
    let answer = b.answer(&first, NOW);
    a.session.hang_up(NOW + 100);
    a.drain(NOW + 100);
    let second = a.dial(21, NOW + 200);
    assert_eq!(a.hear(&answer, NOW + 300), Err(SignalError::OtherOffer { offer: first.id() }));
    // Half of what binds an answer is not enough: the right offer in another session, the right session about another.
    for (session, offer) in [(nonce(1), second.id()), (nonce(21), first.id())] {
        let content = Content::Answer { offer, sdp: sdp("answer") };
        let crossed = b.person.sign(Signal { session, content, ..answer.signal().clone() });
        assert_eq!(a.hear(&crossed, NOW + 300), Err(SignalError::OtherOffer { offer }));
    }
    assert!(a.take_events().is_empty());
    assert!(a.session.poll_timeout().is_some());
}

#[test]
fn a_newer_offer_replaces_the_one_being_answered_and_an_older_one_does_not() {
    let (mut a, mut b) = pair();
    let first = a.dial(1, NOW);
    let (mut again, _) = pair();
    let second = again.dial(21, NOW + 1_000);
    b.hear(&second, NOW + 1_000).unwrap();
    assert_eq!(b.hear(&first, NOW + 1_100), Err(SignalError::Stale));
    let (mut b, _) = (pair().1, ());
    b.hear(&first, NOW + 1_000).unwrap();
    b.hear(&second, NOW + 1_100).unwrap();
    assert_eq!(b.take_events(), [offered(&first), Event::OfferGone { offer: first.id() }, offered(&second)]);
    assert_eq!(b.session.answer(&first.id(), nonce(90), sdp("answer"), NOW + 1_200), Err(SessionError::OfferGone));
    b.answer(&second, NOW + 1_200);
}

#[test]
fn a_reject_tells_the_reason_and_giving_up_tells_the_other() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    b.hear(&offer, NOW).unwrap();
    b.session.reject(&offer.id(), nonce(8), RejectReason::Busy, NOW).unwrap();
    b.drain(NOW);
    a.hear(&b.published.pop().unwrap(), NOW + 10).unwrap();
    assert_eq!(a.take_events(), [Event::Rejected { session: nonce(1), reason: RejectReason::Busy }]);

    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    b.hear(&offer, NOW).unwrap();
    b.answer(&offer, NOW);
    a.session.hang_up(NOW + 5);
    a.drain(NOW + 5);
    b.take_events();
    b.hear(&a.published.pop().unwrap(), NOW + 10).unwrap();
    assert_eq!(b.take_events(), [Event::OfferGone { offer: offer.id() }]);
    assert_eq!(b.session.poll_timeout(), None);
}

#[test]
fn an_answer_to_an_offer_from_before_a_restart_is_disowned_once() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    b.hear(&offer, NOW).unwrap();
    let answer = b.answer(&offer, NOW);
    b.take_events();
    let mut restarted = pair().0;
    restarted.hear(&answer, NOW + 100).unwrap();
    let reject = restarted.published.pop().unwrap();
    b.hear(&reject, NOW + 200).unwrap();
    assert_eq!(b.take_events(), [Event::OfferGone { offer: offer.id() }]);
    assert!(restarted.hear(&answer, NOW + 300).is_err());
    assert!(restarted.published.is_empty());
}

#[test]
fn nobody_answers_and_the_dialing_ends_in_time_with_a_bounded_number_of_looks() {
    let (mut a, _) = pair();
    a.dial(1, NOW);
    let mut steps = 0;
    while let Some(next) = a.session.poll_timeout() {
        assert!(next <= NOW + WAIT);
        a.timeout(next);
        steps += 1;
        assert!(steps < 100);
    }
    assert_eq!(a.take_events(), [Event::TimedOut { session: nonce(1) }]);
    let last = a.published.last().unwrap().signal();
    assert!(matches!(last.content, Content::Reject { reason: RejectReason::Gone, .. }));
    assert!(a.fetches <= 35 && a.published.len() <= 12, "{} {}", a.fetches, a.published.len());
}

#[test]
fn an_offer_that_never_becomes_a_channel_ends_and_outlives_the_wait_by_what_clocks_may_differ() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    b.hear(&offer, NOW).unwrap();
    b.answer(&offer, NOW);
    b.take_events();
    let end = NOW + WAIT + CLOCK_SKEW;
    b.timeout(end - 1);
    assert!(b.take_events().is_empty());
    b.timeout(end);
    assert_eq!(b.take_events(), [Event::OfferGone { offer: offer.id() }]);
    assert_eq!(b.hear(&offer, end), Err(SignalError::Expired { expires: end }));
}

#[test]
fn one_call_at_a_time() {
    let (mut a, mut b) = pair();
    let offer = a.dial(1, NOW);
    let again = a.session.dial(nonce(3), nonce(4), sdp("offer"), WAIT, NOW);
    assert_eq!(again, Err(SessionError::Dialing));
    b.hear(&offer, NOW).unwrap();
    let back = b.session.dial(nonce(3), nonce(4), sdp("offer"), WAIT, NOW);
    assert_eq!(back, Err(SessionError::Answering));
    b.answer(&offer, NOW);
    let twice = b.session.answer(&offer.id(), nonce(7), sdp("other"), NOW);
    assert_eq!(twice, Err(SessionError::OfferGone));
}

#[test]
fn a_listener_looks_ever_more_rarely_and_at_once_when_told() {
    let (mut a, _) = pair();
    a.session.listen(Pace::LISTENING, NOW);
    a.drain(NOW);
    let mut now = NOW;
    while now < NOW + 3_600_000 {
        now = a.session.poll_timeout().unwrap();
        a.timeout(now);
    }
    assert!((360..400).contains(&a.fetches), "{}", a.fetches);
    a.fetches = 0;
    a.session.handle_hint(now + 1);
    a.drain(now + 1);
    assert_eq!(a.fetches, 1);
    a.session.stop_listening();
    assert_eq!(a.session.poll_timeout(), None);
}
