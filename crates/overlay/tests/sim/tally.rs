//! What was counted, as lines, a table and a plot.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Found,
    /// Nothing, or an error.
    Missing,
    /// A profile that its owner had replaced.
    Old,
    /// Something that its owner never published.
    Wrong,
}

/// The lookups of one phase.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) peers: usize,
    pub(crate) what: &'static str,
    outcomes: Vec<Outcome>,
    took: Vec<Duration>,
    /// Of those that were found elsewhere than at the asking node itself.
    hops: Vec<usize>,
    asked: usize,
    /// Answers that were refused.
    pub(crate) invalid: usize,
    /// Why nothing was found, and how often.
    why: BTreeMap<String, usize>,
}

impl Row {
    pub(crate) fn new(peers: usize, what: &'static str) -> Self {
        Self { peers, what, outcomes: vec![], took: vec![], hops: vec![], asked: 0, invalid: 0, why: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, outcome: Outcome, took: Duration, hops: usize, asked: usize, invalid: usize) {
        self.outcomes.push(outcome);
        self.took.push(took);
        self.took.sort_unstable();
        if outcome == Outcome::Found && hops > 0 {
            self.hops.push(hops);
        }
        self.asked += asked;
        self.invalid += invalid;
    }

    /// Nothing was found.
    pub(crate) fn miss(&mut self, why: String, took: Duration, asked: usize, invalid: usize) {
        self.add(Outcome::Missing, took, 0, asked, invalid);
        *self.why.entry(why).or_default() += 1;
    }

    pub(crate) fn all(&self) -> usize {
        self.outcomes.len()
    }

    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().filter(|one| **one == outcome).count()
    }

    pub(crate) fn found_percent(&self) -> f64 {
        100.0 * self.count(Outcome::Found) as f64 / self.all().max(1) as f64
    }

    pub(crate) fn at(&self, share: f64) -> Duration {
        let last = self.took.len().saturating_sub(1);
        self.took.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    pub(crate) fn mean_hops(&self) -> f64 {
        self.hops.iter().sum::<usize>() as f64 / self.hops.len().max(1) as f64
    }

    pub(crate) fn max_hops(&self) -> usize {
        self.hops.iter().max().copied().unwrap_or(0)
    }

    pub(crate) fn mean_asked(&self) -> f64 {
        self.asked as f64 / self.all().max(1) as f64
    }

    fn cells(&self) -> [String; 11] {
        let ms = |at: f64| format!("{:.0}", self.at(at).as_secs_f64() * 1_000.0);
        [
            self.peers.to_string(),
            self.what.to_owned(),
            format!("{:.1}% of {}", self.found_percent(), self.all()),
            self.count(Outcome::Wrong).to_string(),
            self.count(Outcome::Old).to_string(),
            self.invalid.to_string(),
            format!("{:.2} (≤ {})", self.mean_hops(), self.max_hops()),
            format!("{:.1}", self.mean_asked()),
            ms(0.5),
            ms(0.95),
            ms(1.0),
        ]
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, what, found, wrong, old, invalid, hops, asked, median, p95, longest] = self.cells();
        write!(
            f,
            "{what}: found {found}, wrong {wrong}, old {old}; bad answers refused {invalid}; hops {hops}, requests {asked}; \
             ms median {median}, p95 {p95}, longest {longest}"
        )?;
        self.why.iter().try_for_each(|(why, times)| write!(f, "; {times} missed: {why}"))
    }
}

/// A table in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| peers | | found | wrong | old | bad answers refused | hops | requests | median ms | p95 ms | longest ms |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.cells().join(" | "));
    }
    text
}

/// What a network cost this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) peers: usize,
    pub(crate) nodes: usize,
    pub(crate) joined: Duration,
    /// CPU time of building it.
    pub(crate) built: Duration,
    /// CPU time of `rest`, in which nobody asked anything.
    pub(crate) idle: Duration,
    pub(crate) rest: Duration,
    /// Bytes.
    pub(crate) grown: usize,
    /// Open connections of the honest nodes, each counted at each end that is one.
    pub(crate) connected: usize,
}

impl Usage {
    /// CPU time of this process so far.
    pub(crate) fn cpu() -> Duration {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in brackets, may hold anything; what follows it is numbers. A tick is 10 ms.
        let numbers: Vec<u64> = stat
            .rsplit(')')
            .next()
            .map(|rest| rest.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect())
            .unwrap_or_default();
        Duration::from_millis(10 * numbers.get(11..13).map_or(0, |ticks| ticks.iter().sum()))
    }

    /// Memory of this process, in bytes.
    pub(crate) fn memory() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) * 1_024
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peers = self.peers.max(1);
        let each = self.connected as f64 / self.nodes.max(1) as f64;
        write!(
            f,
            "{} peers: {:.0} MB, {:.2} MB each, {each:.0} connections each, so {:.1} kB a connection at each end; CPU to \
             build {:.0} ms each, at rest {:.2}% of a core each",
            self.peers,
            self.grown as f64 / 1e6,
            self.grown as f64 / 1e6 / peers as f64,
            self.grown as f64 / 1e3 / (each * peers as f64).max(1.0),
            self.built.as_secs_f64() * 1e3 / peers as f64,
            100.0 * self.idle.as_secs_f64() / self.rest.as_secs_f64() / peers as f64,
        )
    }
}
