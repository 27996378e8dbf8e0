//! The network and what happens to it.

use super::liar::{self, Lie, Plot};
use super::machine::Machine;
use super::people::{Person, people};
use super::tally::{Outcome, Row, Usage};
use pumasi_overlay::{Address, Limits, Lookup, Overlay, OverlayConfig};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Nodes that join at the same time.
const JOINING: usize = 8;
/// Nodes that a new one is told of.
const ENTRANCES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a connection without use lasts, and how often one is tried out: a machine that holds the nodes of all has no time for
/// thousands of pings a second.
const IDLE: Duration = Duration::from_secs(60);
const PING: Duration = Duration::from_secs(60);
/// Puts of one profile until one is stored.
const TRIES: usize = 10;

/// What to build, and what is to happen to it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// All peers, the liars among them.
    pub(crate) peers: usize,
    /// Those who have a profile there.
    pub(crate) people: usize,
    /// Lookups in each phase, and how many at a time.
    pub(crate) lookups: usize,
    pub(crate) at_once: usize,
    /// Percent of the peers.
    pub(crate) lying: usize,
    pub(crate) silent: usize,
    /// The length of the hour in which half of those who are left are replaced, and in how many steps.
    pub(crate) hour: Duration,
    pub(crate) steps: usize,
}

impl Plan {
    /// How many times faster than life the hour is.
    pub(crate) fn factor(&self) -> f64 {
        3_600.0 / self.hour.as_secs_f64()
    }

    fn share(&self, percent: usize) -> usize {
        self.peers * percent / 100
    }
}

/// What one network of one size went through.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) usage: Usage,
    pub(crate) told: u64,
    pub(crate) flooded: u64,
}

struct Network {
    plan: Plan,
    rng: StdRng,
    people: Vec<Person>,
    plot: Arc<Plot>,
    /// Honest nodes that stay, or leave with a word.
    lasting: Vec<Overlay>,
    /// Honest nodes on machines that will stop: first those of the great silence, then those of each step.
    doomed: Vec<(Machine, Vec<Overlay>)>,
}

/// Builds a network and lets everything happen to it. `say` is told of the progress.
pub(crate) async fn run(plan: Plan, say: impl Fn(&str)) -> Report {
    let (cpu, memory) = (Usage::cpu(), Usage::memory());
    let started = Instant::now();
    let mut network = Network::build(plan.clone()).await;
    let usage = network.usage(cpu, memory, started.elapsed()).await;
    say(&format!("{} peers joined in {:.0?}", plan.peers, usage.joined));
    let mut rows = vec![network.publish().await];
    rows.push(network.look_up("all well").await);
    say(&rows[1].to_string());

    network.plot.begin();
    let (machine, _) = network.doomed.remove(0);
    machine.fall_silent();
    rows.push(network.look_up("30% silent, 10% lie").await);
    say(&rows[2].to_string());
    rows.push(network.churn(&say).await);
    say(&rows[3].to_string());
    rows.push(network.look_up("after it").await);
    say(&rows[4].to_string());
    let count = |of: &std::sync::atomic::AtomicU64| of.load(std::sync::atomic::Ordering::Relaxed);
    Report { rows, usage, told: count(&network.plot.told), flooded: count(&network.plot.flooded) }
}

fn config(plan: &Plan, seed: [u8; 32], entrances: Vec<Address>) -> OverlayConfig {
    let limits = Limits::default();
    // Owners put their profiles again as many times faster as the hour is shorter. Connections end sooner too, but not as much:
    // a machine that holds everybody has no time for more.
    let republish = limits.republish.div_f64(plan.factor());
    let limits = Limits { republish, idle: IDLE, ping: PING, ..limits };
    OverlayConfig {
        listen: vec!["/memory/0".parse().expect("an address")],
        limits,
        ..OverlayConfig::peer(seed, entrances)
    }
}

async fn start(config: OverlayConfig, on: Handle) -> Overlay {
    let started = on.spawn(async move {
        let node = Overlay::start(config).await.expect("memory is free");
        node.join(PATIENCE).await.expect("an entrance answers");
        node
    });
    started.await.expect("no panic")
}

impl Network {
    async fn build(plan: Plan) -> Self {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let people = people(plan.people).await;
        let plot = Arc::new(Plot::new(&people, plan.peers, &mut rng));
        let (liars, silent) = (plan.share(plan.lying), plan.share(plan.silent));
        let replaced = (plan.peers - liars - silent) / 2;

        // Of those who will be replaced, every other one leaves without a word.
        let mut doomed: Vec<(Machine, Vec<Overlay>)> = (0..=plan.steps).map(|_| (Machine::start(), vec![])).collect();
        let lot = |step: usize| replaced / 2 * (step + 1) / plan.steps - replaced / 2 * step / plan.steps;
        let mut places: Vec<Option<usize>> = vec![Some(0); silent];
        (0..plan.steps).for_each(|step| places.extend(vec![Some(step + 1); lot(step)]));
        places.resize(plan.peers - liars, None);
        places.shuffle(&mut rng);
        // The first node of all stays.
        if let Some(first) = places.iter().position(Option::is_none) {
            places.swap(0, first);
        }

        let mut lasting = Vec::new();
        let mut known: Vec<Address> = Vec::new();
        let mut liars_left: Vec<Lie> = (0..liars).map(|number| Lie::ALL[number % Lie::ALL.len()]).collect();
        for lot in places.chunks(JOINING) {
            let mut joining = JoinSet::new();
            for place in lot {
                let on = place.map_or_else(Handle::current, |at| doomed[at].0.handle.clone());
                let config = config(&plan, rng.random(), entrances(&known, &mut rng));
                let place = *place;
                joining.spawn(async move { (place, start(config, on).await) });
                if known.is_empty() {
                    break;
                }
            }
            let mut joined = Vec::new();
            while let Some(done) = joining.join_next().await {
                joined.push(done.expect("no panic"));
            }
            // The first one of all came alone; the rest of its lot follows.
            if known.is_empty() {
                let first = joined[0].1.status().await.expect("it runs").listen;
                for place in &lot[1..] {
                    let on = place.map_or_else(Handle::current, |at| doomed[at].0.handle.clone());
                    joined.push((*place, start(config(&plan, rng.random(), first.clone()), on).await));
                }
            }
            for (place, node) in joined {
                known.extend(node.status().await.expect("it runs").listen);
                match place {
                    Some(at) => doomed[at].1.push(node),
                    None => lasting.push(node),
                }
            }
            // Liars come evenly among the others.
            let due = liars * known.len() / (plan.peers - liars);
            while liars - liars_left.len() < due {
                let Some(lie) = liars_left.pop() else { break };
                liar::start(rng.random(), lie, Arc::clone(&plot), &entrances(&known, &mut rng)).await;
            }
        }
        Self { plan, rng, people, plot, lasting, doomed }
    }

    fn alive(&self) -> Vec<Overlay> {
        self.lasting.iter().chain(self.doomed.iter().flat_map(|(_, nodes)| nodes)).cloned().collect()
    }

    /// Everyone puts the old profile and then the new one, each from some node.
    async fn publish(&mut self) -> Row {
        let nodes = self.alive();
        let mut row = Row::new(self.plan.peers, "put");
        for person in &self.people {
            let node = nodes.choose(&mut self.rng).expect("somebody is alive");
            for profile in [&person.old, &person.new] {
                // What a slow machine did not get done at once is tried again, and told.
                let mut tries = 0;
                let put = loop {
                    match node.put(person.key, profile.clone()).await {
                        Ok(put) => break put,
                        Err(error) => {
                            assert!(tries < TRIES, "{error}");
                            row.miss(error.to_string(), Duration::ZERO, 0, 0);
                        }
                    }
                    tries += 1;
                };
                row.add(Outcome::Found, put.took, 0, put.asked, 0);
            }
        }
        row
    }

    async fn look_up(&mut self, what: &'static str) -> Row {
        let mut row = Row::new(self.plan.peers, what);
        self.looking(&mut row, self.plan.lookups).await;
        row
    }

    async fn looking(&mut self, row: &mut Row, count: usize) {
        let nodes = self.alive();
        let mut asking = JoinSet::new();
        let mut left = count;
        while left > 0 || !asking.is_empty() {
            if left > 0 && asking.len() < self.plan.at_once {
                let node = nodes.choose(&mut self.rng).expect("somebody is alive").clone();
                let person = self.people.choose(&mut self.rng).expect("somebody is known").clone();
                asking.spawn(async move {
                    let began = Instant::now();
                    (node.lookup(person.key).await, began.elapsed(), person)
                });
                left -= 1;
                continue;
            }
            let Some(done) = asking.join_next().await else { break };
            let (found, took, person) = done.expect("no panic");
            match found {
                Ok(Lookup { value: None, asked, answered, invalid, .. }) => {
                    let why = if answered == 0 { "nobody answered" } else { "nobody who answered had it" };
                    row.miss(why.to_owned(), took, asked, invalid);
                }
                Ok(Lookup { value: Some(value), hops, asked, invalid, .. }) => {
                    let outcome = match value {
                        value if value == person.new => Outcome::Found,
                        value if value == person.old => Outcome::Old,
                        _ => Outcome::Wrong,
                    };
                    row.add(outcome, took, hops, asked, invalid);
                }
                Err(error) => row.miss(error.to_string(), took, 0, 0),
            }
        }
    }

    /// Half of the honest nodes that are left go, half of them without a word, and as many new ones come.
    async fn churn(&mut self, say: &impl Fn(&str)) -> Row {
        let steps = self.plan.steps;
        let leaving = self.alive().len() / 2 - self.doomed.iter().map(|(_, nodes)| nodes.len()).sum::<usize>();
        let mut row = Row::new(self.plan.peers, "half replaced");
        let mut came = 0;
        for step in 0..steps {
            let began = Instant::now();
            let mut gone = 0;
            if !self.doomed.is_empty() {
                let (machine, nodes) = self.doomed.remove(0);
                gone += nodes.len();
                machine.fall_silent();
            }
            let goers = leaving * (step + 1) / steps - leaving * step / steps;
            let mut going = JoinSet::new();
            for _ in 0..goers.min(self.lasting.len() - came - 1) {
                // The newcomers are at the end, and stay.
                let at = self.rng.random_range(0..self.lasting.len() - came);
                let node = self.lasting.remove(at);
                going.spawn(async move {
                    // Its connections close; an error means that this took it longer than it should.
                    let _ = node.shutdown().await;
                });
            }
            gone += going.join_all().await.len();
            let left = began.elapsed();
            let mut known = Vec::new();
            for node in self.lasting.sample(&mut self.rng, ENTRANCES * 4) {
                known.extend(node.status().await.expect("it runs").listen);
            }
            let mut joining = JoinSet::new();
            for _ in 0..gone {
                let config = config(&self.plan, self.rng.random(), entrances(&known, &mut self.rng));
                joining.spawn(start(config, Handle::current()));
            }
            // Those who come and those who ask do so at the same time.
            self.looking(&mut row, self.plan.lookups / steps).await;
            while let Some(joined) = joining.join_next().await {
                self.lasting.push(joined.expect("no panic"));
                came += 1;
            }
            say(&format!(
                "step {} of {steps}: {gone} left in {left:.1?} and as many came, in {:.1?} in all; so far {row}",
                step + 1,
                began.elapsed(),
            ));
            tokio::time::sleep((self.plan.hour / steps as u32).saturating_sub(began.elapsed())).await;
        }
        row
    }

    /// What it costs to build the network and to let it rest.
    async fn usage(&self, cpu: Duration, memory: usize, joined: Duration) -> Usage {
        let nodes = self.alive();
        let mut connected = 0;
        for node in &nodes {
            connected += node.status().await.expect("it runs").connected.len();
        }
        let built = Usage::cpu() - cpu;
        let grown = Usage::memory().saturating_sub(memory);
        let (rest, before) = (Duration::from_secs(5), Usage::cpu());
        tokio::time::sleep(rest).await;
        let idle = Usage::cpu() - before;
        Usage { peers: self.plan.peers, joined, built, idle, rest, grown, connected, nodes: nodes.len() }
    }
}

fn entrances(known: &[Address], rng: &mut StdRng) -> Vec<Address> {
    known.sample(rng, ENTRANCES).cloned().collect()
}
