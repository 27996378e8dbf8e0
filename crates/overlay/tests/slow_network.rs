//! A network with liars, with silent peers, and with half of its nodes replaced: what is found, and that nothing wrong is.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test may panic, and tells its figures"
)]

mod sim;

use sim::network::{Plan, run};
use sim::tally::{Outcome, table};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_of_liars_and_silent_peers_finds_every_profile_and_never_a_wrong_one() {
    let plan = Plan {
        seed: sim::seed(),
        // A build without optimisation spends half a second of CPU on each of few peers, and more on each of many.
        peers: sim::number("PUMASI_PEERS", 60),
        people: 20,
        lookups: 200,
        at_once: 8,
        lying: 10,
        silent: 30,
        hour: Duration::from_secs(15),
        steps: 5,
    };
    println!("PUMASI_SEED={}; an hour takes {:?} ({:.0} times faster)", plan.seed, plan.hour, plan.factor());

    let report = run(plan.clone(), |line| println!("{line}")).await;

    println!("{}\n{}", table(&report.rows), report.usage);
    println!("lies told {}, puts of floods {}", report.told, report.flooded);
    assert!(report.told > 0 && report.flooded > 0, "the liars did lie");
    for row in report.rows.iter().filter(|row| row.what != "put") {
        assert_eq!(row.count(Outcome::Wrong), 0, "seed {}: {row}", plan.seed);
        assert!(row.found_percent() >= 99.0, "seed {}: {row}", plan.seed);
    }
}
