//! Networks of 100, 300 and 1,000 peers in this process: lookups when all is well, when 30% are silent and 10% lie, and
//! while half of the rest is replaced. Prints a table and writes it, with a plot, into `docs/figures`.
//!
//! ```sh
//! cargo bench -p pumasi-overlay --bench network
//! ```
//!
//! `PUMASI_SIZES=100,300` chooses other sizes, `PUMASI_SEED` another seed; nothing is written then.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured")]

mod plot;
#[path = "../tests/sim/mod.rs"]
mod sim;

use sim::network::{Plan, run};
use sim::tally::{Outcome, Row, Usage, table};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// What a lookup may take, 95 of 100 times.
const BOUND_WELL: Duration = Duration::from_millis(500);
const BOUND_HOSTILE: Duration = Duration::from_secs(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let wanted = std::env::var("PUMASI_SIZES").ok();
    let sizes = wanted.as_deref().unwrap_or("100,300,1000");
    let (mut rows, mut usages, mut plan) = (Vec::new(), Vec::new(), None);
    for peers in sizes.split(',').map(|size| size.parse().expect("PUMASI_SIZES: numbers with commas")) {
        let this = Plan {
            seed: sim::seed(),
            peers,
            people: 60,
            lookups: 1_000,
            at_once: 8,
            lying: 10,
            silent: 30,
            // Half a second for each peer: a machine that holds them all has no time for more.
            hour: Duration::from_secs((peers as u64 / 2).max(60)),
            steps: 10,
        };
        let report = runtime.block_on(run(this.clone(), |line| println!("{peers}: {line}")));
        println!("{}", report.usage);
        println!("lies told {}, puts of floods {}\n", report.told, report.flooded);
        rows.extend(report.rows);
        usages.push(report.usage);
        plan = Some(this);
    }
    let Some(plan) = plan else { return };
    let text = summary(&plan, &rows, &usages);
    println!("{text}");
    if wanted.is_none() && std::env::var_os("PUMASI_SEED").is_none() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/figures");
        std::fs::create_dir_all(&folder).expect("docs is there");
        std::fs::write(folder.join("network.md"), text).expect("docs can be written");
        std::fs::write(folder.join("network.svg"), plot::svg(&rows)).expect("docs can be written");
    }
}

fn summary(plan: &Plan, rows: &[Row], usages: &[Usage]) -> String {
    let mut text = format!(
        "# The simulated network\n\nBy `cargo bench -p pumasi-overlay --bench network`, seed {}; the plot: [network.svg](network.svg).\n\
         {} people, {} lookups in each phase, {} at a time; half of the live nodes replaced in an hour that takes 60 s, or half \
         a second for each peer where that is more, in {} steps, every other one of them without a word.\n\n{}\n",
        plan.seed,
        plan.people,
        plan.lookups,
        plan.at_once,
        plan.steps,
        table(rows),
    );
    for usage in usages {
        let _ = writeln!(text, "- {usage}");
    }
    text.push('\n');
    for row in rows.iter().filter(|row| row.what != "put") {
        let bound = if row.what == "all well" { BOUND_WELL } else { BOUND_HOSTILE };
        let good = row.found_percent() >= 99.0 && row.count(Outcome::Wrong) == 0 && row.at(0.95) <= bound;
        let log = (row.peers as f64).log2() / 2.0;
        let _ = writeln!(
            text,
            "- {} peers, {}: p95 {:.0} ms (bound {:.0}), found {:.1}% (bound 99), wrong {}, hops {:.2} (log2(n)/2 = {log:.2}): {}",
            row.peers,
            row.what,
            row.at(0.95).as_secs_f64() * 1e3,
            bound.as_secs_f64() * 1e3,
            row.found_percent(),
            row.count(Outcome::Wrong),
            row.mean_hops(),
            if good { "holds" } else { "MISSED" },
        );
    }
    text
}
