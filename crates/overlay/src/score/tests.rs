use super::*;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);

fn peer(number: u8) -> PeerId {
    crate::NodeId::from_seed(&[number; 32]).0
}

fn actions(scores: &mut Scores, offence: Offence, times: usize, now: Instant) -> Vec<Option<Action>> {
    (0..times).map(|_| scores.note(peer(1), offence, now)).collect()
}

#[test]
fn a_liar_is_limited_then_disconnected_then_shut_out_and_may_come_back() {
    let (mut scores, now) = (Scores::new(8), Instant::now());
    let done = actions(&mut scores, Offence::InvalidAnswer, 6, now);
    let ban = Action::Ban(FIRST_BAN);
    assert_eq!(done, [None, Some(Action::Limit), None, Some(Action::Disconnect), None, Some(ban)]);
    assert!(scores.is_banned(&peer(1), now + FIRST_BAN - MINUTE));
    assert_eq!(scores.note(peer(1), Offence::InvalidAnswer, now + MINUTE), None, "nothing is left to be done");
    let later = now + FIRST_BAN;
    assert!(!scores.is_banned(&peer(1), later));
    assert!(!scores.is_limited(&peer(1), later));
    assert_eq!(actions(&mut scores, Offence::InvalidAnswer, 1, later), [Some(Action::Limit)]);
    let again = actions(&mut scores, Offence::InvalidAnswer, 4, later);
    assert_eq!(again.last(), Some(&Some(Action::Ban(FIRST_BAN * 2))));
    assert_eq!(scores.tally(later), Tally { limited: 0, banned: 1, offences: 12, dropped: 4 });
}

#[test]
fn a_fault_now_and_then_is_forgotten() {
    let (mut scores, mut now) = (Scores::new(8), Instant::now());
    for _ in 0..100 {
        assert_eq!(scores.note(peer(1), Offence::InvalidAnswer, now), None);
        now += HALF_LIFE;
    }
    assert!(!scores.is_limited(&peer(1), now));
    now += HALF_LIFE * FADED;
    scores.sweep(now);
    assert!(scores.peers.is_empty());
}

#[test]
fn a_proven_lie_shuts_out_at_once() {
    let (mut scores, now) = (Scores::new(8), Instant::now());
    assert_eq!(scores.note(peer(1), Offence::Proven, now), Some(Action::Ban(FIRST_BAN)));
}

#[test]
fn a_node_that_tells_only_of_peers_that_are_not_there_is_found_out_and_one_that_tells_of_some_is_not() {
    let (mut scores, now) = (Scores::new(8), Instant::now());
    for round in 0..6 {
        for told in 0..TOLD {
            let action = scores.told(peer(1), false, now);
            assert_eq!(action.is_some(), told == TOLD - 1 && round == 1, "{round} {told}");
            // Nine of ten are gone: a network after a night.
            assert_eq!(scores.told(peer(2), told == 10, now), None);
        }
    }
    // In a network that died overnight every honest node does so: it is limited, and shut out for nothing but a real lie.
    assert!(scores.is_limited(&peer(1), now) && !scores.is_banned(&peer(1), now) && !scores.is_limited(&peer(2), now));
    assert_eq!(scores.note(peer(1), Offence::InvalidAnswer, now), Some(Action::Disconnect));
}

#[derive(Debug, Clone)]
enum Happening {
    Offence(u8, Offence),
    Told(u8, bool),
    Wait(u64),
    Sweep,
}

fn happening() -> impl Strategy<Value = Happening> {
    let offence = prop_oneof![
        Just(Offence::InvalidAnswer),
        Just(Offence::InvalidPut),
        Just(Offence::Malformed),
        Just(Offence::Flood),
        Just(Offence::RejectedGossip),
        Just(Offence::Mirage),
        Just(Offence::Proven),
    ];
    prop_oneof![
        4 => (0_u8..12, offence).prop_map(|(peer, offence)| Happening::Offence(peer, offence)),
        2 => (0_u8..12, any::<bool>()).prop_map(|(peer, there)| Happening::Told(peer, there)),
        2 => (0_u64..4_000).prop_map(Happening::Wait),
        1 => Just(Happening::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_is_bounded_and_only_offenders_are_in_it(happenings in prop::collection::vec(happening(), 0..200)) {
        let (mut scores, mut now) = (Scores::new(5), Instant::now());
        let mut offenders = std::collections::HashSet::new();
        for happening in happenings {
            match happening {
                Happening::Offence(number, offence) => {
                    let (id, was_banned) = (peer(number), scores.is_banned(&peer(number), now));
                    offenders.insert(id);
                    let action = scores.note(id, offence, now);
                    prop_assert!(!(was_banned && action.is_some()), "who is shut out is shut out already");
                    match action {
                        Some(Action::Ban(span)) => {
                            prop_assert!(span >= FIRST_BAN && span <= LONGEST_BAN);
                            prop_assert!(scores.is_banned(&id, now));
                            prop_assert!(!scores.is_banned(&id, now + span));
                        }
                        Some(Action::Limit | Action::Disconnect) => prop_assert!(scores.is_limited(&id, now)),
                        None => {}
                    }
                }
                Happening::Told(number, there) => {
                    if !there {
                        offenders.insert(peer(number));
                    }
                    scores.told(peer(number), there, now);
                }
                Happening::Wait(seconds) => now += Duration::from_secs(seconds),
                Happening::Sweep => {
                    let banned: Vec<PeerId> = scores.peers.keys().filter(|id| scores.is_banned(id, now)).copied().collect();
                    scores.sweep(now);
                    prop_assert!(banned.iter().all(|id| scores.is_banned(id, now)), "a sweep lets nobody in");
                }
            }
            prop_assert!(scores.peers.len() <= 5);
            prop_assert!(scores.peers.keys().all(|id| offenders.contains(id)));
            let tally = scores.tally(now);
            prop_assert!(tally.banned + tally.limited <= scores.peers.len());
        }
    }

    /// Points never grow by waiting.
    #[test]
    fn waiting_makes_nobody_worse(first in 1_usize..12, waits in prop::collection::vec(0_u64..2_000, 1..20)) {
        let (mut scores, start) = (Scores::new(5), Instant::now());
        for _ in 0..first {
            scores.note(peer(1), Offence::InvalidPut, start);
        }
        let mut now = start;
        let mut points = u32::MAX;
        for wait in waits {
            now += Duration::from_secs(wait);
            let faded = scores.peers[&peer(1)].faded(now);
            prop_assert!(faded <= points);
            points = faded;
        }
    }
}
