//! Slow, dead, lying and forgetful providers, in virtual time.

use crate::world::{Nature, content, play};
use proptest::prelude::*;
use pumasi_content::{Bitmap, Fault, Pace};

const CHUNKS: u32 = 97;

fn none() -> Bitmap {
    Bitmap::none(CHUNKS)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// With one honest provider among any others, in any order, the download ends, and only liars are called liars.
    #[test]
    fn one_honest_provider_is_enough(
        mut natures in prop::collection::vec(Nature::any(), 0..7),
        each in 1_u64..400,
        at in any::<prop::sample::Index>(),
        kept in prop::collection::vec(0..CHUNKS, 0..60),
        in_flight in 1_usize..60,
    ) {
        natures.insert(at.index(natures.len() + 1), Nature::Honest { each });
        let got = Bitmap::of(CHUNKS, kept);
        let missing = CHUNKS - got.count();
        let report = play(&natures, got, &Pace { in_flight, ..Pace::default() });
        prop_assert!(report.complete, "{:?}", report);
        prop_assert!(report.came.len() as u32 >= missing);
        for (provider, fault) in &report.dropped {
            let nature = &natures[*provider as usize];
            prop_assert_eq!(*fault == Fault::Lied, nature.lies(), "{:?} {:?}", nature, fault);
            prop_assert!(!nature.is_reliable(), "an honest one was dropped");
        }
    }

    /// Without a reliable one it ends, too: complete or starved, not waiting for ever.
    #[test]
    fn it_never_hangs(natures in prop::collection::vec(Nature::any(), 0..5)) {
        let report = play(&natures, none(), &Pace::default());
        prop_assert!(report.complete || report.starved, "{:?}", report);
    }
}

#[test]
fn two_that_are_equally_fast_share_the_work() {
    let both = [Nature::Honest { each: 50 }, Nature::Honest { each: 50 }];
    let report = play(&both, none(), &Pace::default());
    println!("{report:?}");
    assert!(report.complete);
    let one = play(&both[..1], none(), &Pace::default());
    assert!(report.took * 10 < one.took * 6, "two: {} ms, one: {} ms", report.took, one.took);
    assert!(report.asked.values().all(|asked| (40..=60).contains(asked)), "{:?}", report.asked);
}

#[test]
fn a_slow_one_does_not_hold_up_the_end() {
    let report = play(&[Nature::Honest { each: 10 }, Nature::Honest { each: 4_000 }], none(), &Pace::default());
    assert!(report.complete && report.took < 4_000, "{report:?}");
    assert!(report.came.len() <= 100, "hardly anything came twice: {}", report.came.len());
}

#[test]
fn a_dead_one_costs_no_more_than_its_window() {
    let report = play(&[Nature::Dead, Nature::Honest { each: 10 }], none(), &Pace::default());
    assert!(report.complete && report.took < 2_000, "{report:?}");
}

#[test]
fn a_liar_is_named_after_its_first_lie_and_never_asked_again() {
    let natures = [Nature::Liar { good: 3 }, Nature::Honest { each: 30 }];
    let report = play(&natures, none(), &Pace::default());
    assert!(report.complete);
    assert_eq!(report.dropped.into_iter().collect::<Vec<_>>(), [(0, Fault::Lied)]);
    assert!(report.asked[&0] <= 3 + 16, "{:?}", report.asked);
}

#[test]
fn parts_of_several_make_the_whole() {
    let natures: Vec<Nature> = (0..4).map(|from| Nature::Partial { every: 4, from }).collect();
    assert!(play(&natures, none(), &Pace::default()).complete);
    let report = play(&natures[1..], none(), &Pace::default());
    assert!(!report.complete, "a quarter is nowhere");
    assert_eq!(report.came.len(), 72);
}

#[test]
fn what_a_provider_gets_itself_is_asked_for_later() {
    let report = play(&[Nature::Growing { each: 100 }], none(), &Pace::default());
    assert!(report.complete && report.took > 9_600, "{report:?}");
}

#[test]
fn the_rarest_comes_first() {
    // Chunks 3, 7, 11 … are with the first only.
    let natures = [
        Nature::Honest { each: 100 },
        Nature::Partial { every: 4, from: 0 },
        Nature::Partial { every: 4, from: 1 },
        Nature::Partial { every: 4, from: 2 },
    ];
    let report = play(&natures, none(), &Pace { first_window: 1, most_window: 1, ..Pace::default() });
    let lone = report.came.iter().filter(|index| **index % 4 == 3).take(5).count();
    assert_eq!(lone, 5);
    let first: Vec<u32> = report.came.iter().copied().filter(|index| index % 4 == 3).collect();
    assert_eq!(first[..5], [3, 7, 11, 15, 19]);
}

#[test]
fn what_is_there_is_not_asked_for() {
    let mut got = Bitmap::all(CHUNKS);
    got.put(5, false);
    let report = play(&[Nature::Honest { each: 10 }], got, &Pace::default());
    assert_eq!(report.came, [5]);
    let report = play(&[], Bitmap::all(content().0.chunks()), &Pace::default());
    assert!(report.complete && report.came.is_empty());
}

#[test]
fn one_that_promised_too_early_is_asked_again() {
    let pace = Pace { first_window: 1, most_window: 1, ..Pace::default() };
    let report = play(&[Nature::Hasty { from: 5_000 }], none(), &pace);
    assert!(report.complete, "{report:?}");
}
