//! Several people over a DHT that loses, delays and gives old answers, on clocks that differ. Virtual time; each run is
//! told whole by its seed.

use crate::person::{NOW, Person, nonce, sdp};
use futures::executor::block_on;
use pumasi_crypto::hash::Digest;
use pumasi_signaling::{Event, MailboxRecord, Output, Pace, PairMailbox, PairSession, Sdp, Slot};
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeMap, HashMap};

const REPLICAS: usize = 4;
const WAIT: Millis = 60_000;
const HOUR: Millis = 3_600_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// What will happen.
enum Step {
    Dial { who: usize, whom: usize },
    Wake { who: usize, whom: usize },
    Store { replica: usize, key: [u8; 32], bytes: Vec<u8> },
    Read { who: usize, whom: usize, slot: Box<Slot>, bytes: Vec<u8> },
    Open { who: usize, whom: usize, description: Sdp },
}

/// One person's side of one pair.
struct Side {
    session: PairSession,
    mailbox: PairMailbox,
    dials: u32,
    /// Whether this side calls, and does not only answer.
    wants: bool,
    /// The description that the answer was made with, by the offer.
    answered: Option<(Digest, Sdp)>,
    /// What the open connection was made with, offer and answer.
    connected: Option<(Sdp, Sdp)>,
    my_offer: Option<Sdp>,
    fetches: u32,
}

struct World {
    random: Random,
    loss: u64,
    people: Vec<Person>,
    /// How far each one's clock is off, in ms, plus a minute.
    clocks: Vec<Millis>,
    sides: BTreeMap<(usize, usize), Side>,
    dht: Vec<HashMap<[u8; 32], Vec<u8>>>,
    steps: BTreeMap<(Timestamp, u64), Step>,
    count: u64,
    now: Timestamp,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let size = 2 + random.below(4) as u8;
        let people = Person::sorted(size);
        let clocks = people.iter().map(|_| random.below(100_000)).collect();
        let start = NOW + random.below(HOUR);
        let loss = random.below(40);
        let mut sides = BTreeMap::new();
        for (who, me) in people.iter().enumerate() {
            for (whom, them) in people.iter().enumerate().filter(|(whom, _)| *whom != who) {
                let session = PairSession::new(me.did, them.did);
                let mailbox = me.mailbox_with(them);
                let side = Side {
                    session,
                    mailbox,
                    dials: 0,
                    wants: false,
                    answered: None,
                    connected: None,
                    my_offer: None,
                    fetches: 0,
                };
                sides.insert((who, whom), side);
            }
        }
        let dht = vec![HashMap::new(); REPLICAS];
        Self { random, loss, people, clocks, sides, dht, steps: BTreeMap::new(), count: 0, now: start }
    }

    fn after(&mut self, delay: Millis, step: Step) {
        self.count += 1;
        self.steps.insert((self.now + delay, self.count), step);
    }

    /// What this person's clock shows.
    fn clock(&self, who: usize) -> Timestamp {
        self.now + self.clocks[who] - 50_000
    }

    fn drain(&mut self, who: usize, whom: usize) {
        let clock = self.clock(who);
        loop {
            let side = self.sides.get_mut(&(who, whom)).unwrap();
            let Some(output) = side.session.poll_output() else { break };
            match output {
                Output::Sign(signal) => side.session.handle_signed(self.people[who].sign(signal), clock),
                Output::Publish(signed) => {
                    let mut random = [0; 64];
                    random.iter_mut().for_each(|byte| *byte = self.random.next() as u8);
                    let (key, bytes) = side.mailbox.seal(&signed, clock, random).unwrap();
                    for replica in 0..REPLICAS {
                        if !self.random.percent(self.loss) {
                            let delay = 20 + self.random.below(3_000);
                            self.after(delay, Step::Store { replica, key, bytes: bytes.clone() });
                        }
                    }
                }
                Output::Fetch => {
                    side.fetches += 1;
                    for slot in side.mailbox.to_read(clock) {
                        let replica = self.random.below(REPLICAS as u64) as usize;
                        let Some(bytes) = self.dht[replica].get(&slot.record_key()).cloned() else { continue };
                        if !self.random.percent(self.loss) {
                            let delay = 20 + self.random.below(2_000);
                            self.after(delay, Step::Read { who, whom, slot: Box::new(slot), bytes });
                        }
                    }
                }
                Output::Event(event) => self.event(who, whom, event),
            }
        }
        if let Some(next) = self.sides[&(who, whom)].session.poll_timeout() {
            // Waking twice does no harm.
            self.after(next.since(clock), Step::Wake { who, whom });
        }
    }

    fn event(&mut self, who: usize, whom: usize, event: Event) {
        let clock = self.clock(who);
        let fresh = nonce(self.random.next());
        let side = self.sides.get_mut(&(who, whom)).unwrap();
        match event {
            Event::Offered { offer, sdp: theirs, .. } => {
                assert!(theirs.as_str().starts_with(&format!("offer {whom}>{who} ")), "{theirs:?}");
                let mine = sdp(&format!("answer to {}", theirs.as_str()));
                side.session.answer(&offer, fresh, mine, clock).unwrap();
                side.answered = Some((offer, theirs));
            }
            Event::Answered { sdp: theirs, .. } => {
                let mine = side.my_offer.clone().unwrap();
                assert_eq!(theirs, sdp(&format!("answer to {}", mine.as_str())), "an answer to another offer");
                let delay = 50 + self.random.below(500);
                self.after(delay, Step::Open { who, whom, description: mine });
            }
            Event::OfferGone { offer } => {
                if side.answered.as_ref().is_some_and(|(answered, _)| *answered == offer) {
                    side.answered = None;
                }
                if side.wants && side.connected.is_none() {
                    let delay = self.random.below(5_000);
                    self.after(delay, Step::Dial { who, whom });
                }
            }
            Event::TimedOut { .. } | Event::Rejected { .. } => {
                let delay = self.random.below(5_000);
                self.after(delay, Step::Dial { who, whom });
            }
            Event::Yielded { .. } => side.my_offer = None,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Dial { who, whom } => {
                let clock = self.clock(who);
                let (session, fresh) = (nonce(self.random.next()), nonce(self.random.next()));
                let side = self.sides.get_mut(&(who, whom)).unwrap();
                if side.connected.is_some() {
                    return;
                }
                side.wants = true;
                let offer = sdp(&format!("offer {who}>{whom} {}", side.dials));
                if side.session.dial(session, fresh, offer.clone(), WAIT, clock).is_ok() {
                    side.dials += 1;
                    side.my_offer = Some(offer);
                    self.drain(who, whom);
                } else {
                    // Busy with an offer of either side: try again if nothing comes of it.
                    self.after(5_000, Step::Dial { who, whom });
                }
            }
            Step::Wake { who, whom } => {
                let clock = self.clock(who);
                let side = self.sides.get_mut(&(who, whom)).unwrap();
                if side.session.poll_timeout().is_some_and(|next| next <= clock) {
                    side.session.handle_timeout(clock);
                    self.drain(who, whom);
                }
            }
            Step::Store { replica, key, bytes } => {
                // What a node of the DHT does: validate, and keep the higher sequence. Its own clock is right.
                let sequence =
                    |bytes: &[u8], now| MailboxRecord::validate(&key, bytes, now).map(|valid| valid.sequence);
                if let Ok(new) = sequence(&bytes, self.now) {
                    let held = self.dht[replica].get(&key).and_then(|held| sequence(held, self.now).ok());
                    if held.is_none_or(|held| held < new) {
                        self.dht[replica].insert(key, bytes);
                    }
                }
            }
            Step::Read { who, whom, slot, bytes } => {
                let clock = self.clock(who);
                let (person, side) = (&self.people[who], self.sides.get_mut(&(who, whom)).unwrap());
                let opened = block_on(side.mailbox.open(&person.provider, &person.agreement, &slot, &bytes, clock));
                // Old and expired records come all the time here; what counts is that they change nothing.
                if opened.is_ok_and(|signal| side.session.handle_signal(&signal, clock).is_ok()) {
                    self.drain(who, whom);
                }
            }
            Step::Open { who, whom, description } => {
                // The channel opens only if the other side still holds its end of this very offer.
                let there = self.sides.get_mut(&(whom, who)).unwrap();
                if there.answered.as_ref().is_some_and(|(_, offer)| *offer == description) {
                    let ends = (description.clone(), sdp(&format!("answer to {}", description.as_str())));
                    there.session.connected();
                    assert_eq!(there.connected.replace(ends.clone()), None, "connected twice");
                    let here = self.sides.get_mut(&(who, whom)).unwrap();
                    assert_eq!(here.connected.replace(ends), None, "connected twice");
                } else {
                    self.after(1_000, Step::Dial { who, whom });
                }
            }
        }
    }

    fn run(&mut self, limit: Millis, until: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !until(self) && self.steps.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            let ((at, _), step) = self.steps.pop_first().expect("there is a first one");
            self.now = at;
            self.step(step);
        }
    }
}

/// Which pairs call, and how: one side, or both within a second.
fn calls(world: &mut World) -> Vec<(usize, usize)> {
    let size = world.people.len();
    let mut called = Vec::new();
    for low in 0..size {
        for high in low + 1..size {
            let kind = world.random.below(4);
            let at = world.random.below(20_000);
            for (who, whom, calls) in [(low, high, kind != 1), (high, low, kind != 0)] {
                let clock = world.clock(who);
                world.sides.get_mut(&(who, whom)).unwrap().session.listen(Pace::LISTENING, clock);
                world.drain(who, whom);
                if calls {
                    let delay = at + world.random.below(1_000);
                    world.after(delay, Step::Dial { who, whom });
                }
            }
            called.push((low, high));
        }
    }
    called
}

/// Gives the most offers and the most looks of one side, and how long it took.
fn simulate(seed: u64) -> (u32, u32, Millis) {
    let mut world = World::new(seed);
    println!("seed {seed}: {} people, {}% lost", world.people.len(), world.loss);
    let called = calls(&mut world);
    let all = |world: &World| world.sides.values().all(|side| side.connected.is_some());
    let start = world.now;
    world.run(10 * 60_000, all);
    for (low, high) in called {
        let (a, b) = (&world.sides[&(low, high)], &world.sides[&(high, low)]);
        assert!(a.connected.is_some(), "seed {seed}: {low} and {high} never met");
        assert_eq!(a.connected, b.connected, "seed {seed}: each holds another end");
    }
    let dials = world.sides.values().map(|side| side.dials).max().unwrap_or(0);
    let fetches = world.sides.values().map(|side| side.fetches).max().unwrap_or(0);
    (dials, fetches, world.now.since(start))
}

fn simulate_all(seeds: std::ops::Range<u64>) {
    let (mut offers, mut looks, mut longest) = (0, 0, 0);
    for seed in seeds {
        let (dials, fetches, took) = simulate(seed);
        (offers, looks, longest) = (offers.max(dials), looks.max(fetches), longest.max(took));
    }
    println!("one side made at most {offers} offers and {looks} looks; at most {longest} ms until all had met");
    assert!(offers <= 4 && looks <= 150, "{offers} offers, {looks} looks");
}

#[test]
fn everyone_who_calls_meets_once_whatever_the_dht_does() {
    simulate_all(0..12);
}

#[test]
fn slow_everyone_who_calls_meets_once_in_many_worlds() {
    simulate_all(1_000..1_120);
}

#[test]
fn a_replica_that_answers_with_rubbish_and_old_records_changes_nothing() {
    for seed in 100..110 {
        let mut world = World::new(seed);
        world.loss = 0;
        calls(&mut world);
        world.run(10_000, |_| false);
        // A liar: swaps what lies under the keys, cuts, and repeats what was there.
        let mut records: Vec<_> = world.dht[0].drain().collect();
        records.sort();
        let keys: Vec<_> = records.iter().map(|(key, _)| *key).collect();
        for (at, (_, mut bytes)) in records.into_iter().enumerate() {
            if at % 2 == 0 {
                bytes.truncate(bytes.len() / 2);
            }
            world.dht[0].insert(keys[(at + 1) % keys.len()], bytes);
        }
        world.run(10 * 60_000, |world| world.sides.values().all(|side| side.connected.is_some()));
        assert!(world.sides.values().all(|side| side.connected.is_some()), "seed {seed}");
    }
}
