//! People who pay each other over links that lose, repeat, reorder, delay and break, on machines that crash between any
//! two steps. When everything has healed, both sides' books agree.
//!
//! A failure prints its seed; `PUMASI_SEED=<seed> cargo nextest run -p pumasi-transfer -E 'test(simulated)'` plays that
//! one alone, and `PUMASI_SEEDS=<count>` plays more.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by failing"
)]

mod check;
mod rng;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use world::World;

/// How many seeds are played when nobody says otherwise.
const SEEDS: u64 = 200;

#[test]
fn simulated_networks_heal_into_equal_books() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("PUMASI_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PUMASI_SEEDS").unwrap_or(SEEDS),
    };
    let begun = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let total = std::thread::scope(|scope| {
        let work = || {
            (0..)
                .map_while(|_| Some(next.fetch_add(1, Relaxed)).filter(|seed| seeds.contains(seed)))
                .fold(check::Tally::default(), |total, seed| total + play(seed))
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("the failed seed is printed above")).sum::<check::Tally>()
    });
    println!("{} seeds in {:.1} s: {total:?}", seeds.end - seeds.start, begun.elapsed().as_secs_f64());
    if seeds.end - seeds.start >= SEEDS {
        check::every_fate_occurred(&total);
    }
}

#[test]
fn a_seed_plays_the_same_story_every_time() {
    assert_eq!(play(7), play(7));
}

fn play(seed: u64) -> check::Tally {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed);
        world.chaos();
        world.heal();
        check::books_agree(&world)
    }));
    played.unwrap_or_else(|panic| {
        eprintln!("failed with PUMASI_SEED={seed}");
        resume_unwind(panic)
    })
}
