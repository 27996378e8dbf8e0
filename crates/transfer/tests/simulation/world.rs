//! The network, the machines and the clock.

use crate::rng::Rng;
use crate::support::{Durable, NOW, NativeDesk, Person, TestBooks, block_on, did, load, money, peer};
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_ledger::{Body, TransferId};
use pumasi_transfer::{
    Action, Decision, DeskError, Event, Order, PayeeState, Policy, RequestOrder, Verified, message::Request,
};
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// People in one world.
const COUNT: usize = 3;
/// How long things go wrong.
const CHAOS: Millis = 120_000;
/// By then everything must have healed, once nothing goes wrong any more.
const HEALING: Millis = 3 * 3_600_000;

/// Something that a person's program is told.
#[derive(Debug, Clone)]
enum Input {
    Message { from: Person, bytes: Vec<u8> },
    LinkUp(Person),
    LinkDown(Person),
    Sent(TransferId),
    Decide(TransferId),
    Pay { to: Person, amount: String, lifetime: Millis, request: Option<Box<Verified<Request>>> },
    Request { amount: String },
    Timeout,
}

/// One person's program and disk.
pub(crate) struct Machine {
    pub(crate) durable: Durable,
    desk: NativeDesk,
    policy: Policy,
    /// How far its clock is off, in both directions around a minute.
    clock: Millis,
    inputs: Vec<Input>,
    /// The results and acknowledgements that left it, by transfer.
    pub(crate) answers: BTreeMap<TransferId, BTreeSet<Vec<u8>>>,
}

/// What happens at a time.
enum Happening {
    Arrives { from: Person, to: Person, epoch: u64, bytes: Vec<u8> },
    Connects(Person, Person),
}

pub(crate) struct World {
    rng: Rng,
    now: Timestamp,
    calm: bool,
    pub(crate) machines: Vec<Machine>,
    /// By pair, the lower person first: how often the link was made, and whether it is up.
    links: BTreeMap<(Person, Person), (u64, bool)>,
    agenda: BTreeMap<(Timestamp, u64), Happening>,
    events: u64,
    requests: Vec<Verified<Request>>,
    pub(crate) crashes: u64,
    pub(crate) orders: u64,
    pub(crate) warnings: Vec<Event>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let machines = (0..COUNT).map(|person| Machine::new(person, &mut rng)).collect();
        let mut world = Self {
            rng,
            now: NOW,
            calm: false,
            machines,
            links: BTreeMap::new(),
            agenda: BTreeMap::new(),
            events: 0,
            requests: Vec::new(),
            crashes: 0,
            orders: 0,
            warnings: Vec::new(),
        };
        for pair in pairs() {
            world.links.insert(pair, (0, false));
            world.at(0, Happening::Connects(pair.0, pair.1));
        }
        world
    }

    /// People pay, links break, machines crash.
    pub(crate) fn chaos(&mut self) {
        let end = self.now + CHAOS;
        while self.now < end {
            match self.rng.range(0, 19) {
                0..=5 => self.order(),
                6 => self.ask(),
                7 => self.cut(),
                8 => {
                    let person = self.rng.index(COUNT);
                    self.crash(person);
                }
                _ => {}
            }
            let pause = self.rng.range(100, 8_000);
            self.run_until(self.now + pause);
        }
    }

    /// Nothing goes wrong any more; every link is up.
    pub(crate) fn heal(&mut self) {
        self.calm = true;
        for (a, b) in pairs() {
            if !self.links[&(a, b)].1 {
                self.at(0, Happening::Connects(a, b));
            }
        }
        let end = self.now + HEALING;
        while self.now < end && !(self.agenda.is_empty() && self.settled()) {
            self.run_until(self.now + 1_000);
        }
        assert!(self.settled(), "still under way {HEALING} ms after everything healed: {:?}", self.under_way());
    }

    /// Nothing is under way but refusals that wait to be forgotten.
    fn settled(&self) -> bool {
        self.under_way().is_empty()
    }

    fn under_way(&self) -> Vec<(Person, TransferId, String)> {
        let mut open = Vec::new();
        for (person, machine) in self.machines.iter().enumerate() {
            let payers = machine.desk.payers().map(|payer| (payer.record().id, format!("{:?}", payer.record().state)));
            let waits = |state: &PayeeState| !matches!(state, PayeeState::Refused { .. });
            let payees = machine.desk.payees().filter(|payee| payee.state().is_some_and(waits));
            let payees = payees.map(|payee| (payee.offer().id, format!("{:?}", payee.state())));
            open.extend(payers.chain(payees).map(|(id, state)| (person, id, state)));
        }
        open
    }

    fn run_until(&mut self, until: Timestamp) {
        loop {
            self.wake_for_timeouts();
            for person in 0..COUNT {
                self.turn(person);
            }
            if self.machines.iter().any(|machine| !machine.inputs.is_empty()) {
                continue;
            }
            let timer = people().filter_map(|person| self.timer(person)).min();
            let arrival = self.agenda.first_key_value().map(|(&(at, _), _)| at);
            let Some(next) = timer.into_iter().chain(arrival).min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, happening) = self.agenda.pop_first().expect("it was there a moment ago");
                self.happen(happening);
            }
        }
        self.now = until;
    }

    /// When a person's program wants to be woken, by the world's clock.
    fn timer(&self, person: Person) -> Option<Timestamp> {
        let machine = &self.machines[person];
        machine.desk.next_timeout().map(|due| due - machine.clock)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { from, to, epoch, bytes } => {
                if self.links[&pair(from, to)] == (epoch, true) {
                    self.machines[to].inputs.push(Input::Message { from, bytes });
                }
            }
            Happening::Connects(a, b) => {
                let link = self.links.get_mut(&pair(a, b)).unwrap();
                if !link.1 {
                    *link = (link.0 + 1, true);
                    self.machines[a].inputs.push(Input::LinkUp(b));
                    self.machines[b].inputs.push(Input::LinkUp(a));
                }
            }
        }
    }

    fn wake_for_timeouts(&mut self) {
        for person in 0..COUNT {
            if self.timer(person).is_some_and(|at| at <= self.now) {
                self.machines[person].inputs.push(Input::Timeout);
            }
        }
    }

    /// One commit of one person's program, with a few of the things that it was told.
    fn turn(&mut self, person: Person) {
        let now = self.clock(person);
        let mut inputs = std::mem::take(&mut self.machines[person].inputs);
        if inputs.is_empty() {
            return;
        }
        if inputs.len() > 1 && self.rng.chance(30) {
            let at = self.rng.index(inputs.len() - 1) + 1;
            self.machines[person].inputs = inputs.split_off(at);
        }
        let mut books = self.machines[person].durable.begin();
        for input in inputs {
            if self.dies() {
                return self.crash(person); // between two inputs of one batch
            }
            self.give(person, &mut books, input, now);
        }
        let outbox = self.machines[person].desk.take();
        if self.dies() {
            return self.crash(person); // before the commit
        }
        self.machines[person].durable = books.into_durable();
        if self.dies() {
            return self.crash(person); // after the commit, before anything left
        }
        for action in self.machines[person].desk.committed(outbox) {
            if self.dies() {
                return self.crash(person); // between two outputs
            }
            self.perform(person, action);
        }
    }

    fn give(&mut self, person: Person, books: &mut TestBooks, input: Input, now: Timestamp) {
        let desk = &mut self.machines[person].desk;
        let done = block_on(async {
            match input {
                Input::Message { from, bytes } => desk.receive(books, peer(from), &bytes, now).await.map(drop),
                Input::LinkUp(other) => desk.link_up(books, did(other), now).await,
                Input::LinkDown(other) => {
                    desk.link_down(&did(other));
                    Ok(())
                }
                Input::Sent(id) => desk.sent(books, id, now).await,
                Input::Timeout => desk.timeout(books, now).await,
                Input::Decide(id) => {
                    let decision = if self.rng.chance(70) { Decision::Accept } else { Decision::Decline };
                    match desk.decide(books, id, decision, now).await {
                        Ok(_) | Err(DeskError::UnknownTransfer { .. }) => Ok(()),
                        Err(error) => Err(error),
                    }
                }
                Input::Pay { to, amount, lifetime, request } => {
                    let order = match request {
                        Some(request) => Order::for_request(&request),
                        None => Order::new(did(to), money(&amount), "밥"),
                    };
                    desk.pay(books, peer(to), Order { lifetime, ..order }, now).await.map(drop)
                }
                Input::Request { amount } => {
                    let request = desk.request(books, RequestOrder::new(money(&amount), "빵"), now).await?;
                    self.requests.push(request);
                    Ok(())
                }
            }
        });
        // An honest network of honest people has no invalid messages, whatever it loses or repeats.
        if let Err(error) = done {
            panic!("{person}: {error}");
        }
    }

    fn perform(&mut self, person: Person, action: Action) {
        match action {
            Action::Send { peer, transfer, bytes } => {
                let to = person_of(&peer);
                self.remember_answer(person, transfer, &bytes);
                let (epoch, up) = self.links[&pair(person, to)];
                if !up {
                    return;
                }
                self.machines[person].inputs.push(Input::Sent(transfer));
                let copies = if self.calm { 1 } else { [1, 1, 1, 1, 0, 2][self.rng.index(6)] };
                for _ in 0..copies {
                    let delay = if self.calm { 20 } else { self.rng.range(1, 2_500) };
                    self.at(delay, Happening::Arrives { from: person, to, epoch, bytes: bytes.clone() });
                }
            }
            Action::Event { transfer, event, .. } => match event {
                Event::Asked { .. } => self.machines[person].inputs.push(Input::Decide(transfer)),
                Event::BalanceDiffers { .. } | Event::Forked(_) | Event::Contradicted { .. } => {
                    self.warnings.push(event);
                }
                _ => {}
            },
        }
    }

    /// What settles a transfer, and what acknowledges that, may be said in these bytes and no others.
    fn remember_answer(&mut self, person: Person, transfer: TransferId, bytes: &[u8]) {
        let typ = pumasi_crypto::jose::Jws::parse(std::str::from_utf8(bytes).unwrap(), 16_384);
        if typ.is_ok_and(|jws| jws.typ() == "pumasi-result" || jws.typ() == "pumasi-bye") {
            self.machines[person].answers.entry(transfer).or_default().insert(bytes.to_vec());
        }
    }

    /// Power off, power on. Whatever was not committed is gone, and so are this machine's links.
    fn crash(&mut self, person: Person) {
        self.crashes += 1;
        let machine = &mut self.machines[person];
        machine.inputs.clear();
        machine.desk = load(person, &machine.durable, machine.policy);
        let waits = |state: &PayeeState| matches!(state, PayeeState::Received { .. });
        let asked = machine.desk.payees().filter(|payee| payee.state().is_some_and(waits));
        machine.inputs = asked.map(|payee| Input::Decide(payee.offer().id)).collect();
        for other in (0..COUNT).filter(|other| *other != person) {
            let link = self.links.get_mut(&pair(person, other)).unwrap();
            if std::mem::replace(&mut link.1, false) {
                self.machines[other].inputs.push(Input::LinkDown(person));
            }
            self.reconnect_later(person, other);
        }
    }

    fn cut(&mut self) {
        let (a, b) = pairs()[self.rng.index(pairs().len())];
        if std::mem::replace(&mut self.links.get_mut(&(a, b)).unwrap().1, false) {
            self.machines[a].inputs.push(Input::LinkDown(b));
            self.machines[b].inputs.push(Input::LinkDown(a));
            self.reconnect_later(a, b);
        }
    }

    fn reconnect_later(&mut self, a: Person, b: Person) {
        let away = self.rng.range(10, 30_000);
        self.at(away, Happening::Connects(a, b));
    }

    fn order(&mut self) {
        self.orders += 1;
        let from = self.rng.index(COUNT);
        let mut to = (from + 1 + self.rng.index(COUNT - 1)) % COUNT;
        let mut request = None;
        if self.rng.chance(25) && !self.requests.is_empty() {
            let chosen = self.requests[self.rng.index(self.requests.len())].clone();
            if chosen.payload().from != did(from) {
                to = person_of(&chosen.payload().from);
                request = Some(Box::new(chosen));
            }
        }
        let unit = ["KRW", "KRW", "KRW", "USD", "BTC"][self.rng.index(5)];
        let amount = format!("{} {unit}", self.rng.range(1, 40));
        let lifetime = if self.rng.chance(30) { self.rng.range(1_000, 20_000) } else { 3_600_000 };
        self.machines[from].inputs.push(Input::Pay { to, amount, lifetime, request });
    }

    fn ask(&mut self) {
        let person = self.rng.index(COUNT);
        let amount = format!("{} KRW", self.rng.range(1, 40));
        self.machines[person].inputs.push(Input::Request { amount });
    }

    fn dies(&mut self) -> bool {
        !self.calm && self.rng.chance(2)
    }

    fn clock(&self, person: Person) -> Timestamp {
        self.now + self.machines[person].clock
    }

    fn at(&mut self, delay: Millis, happening: Happening) {
        self.events += 1;
        self.agenda.insert((self.now + delay, self.events), happening);
    }

    pub(crate) fn payee_of(&self, payer: Person, id: &TransferId) -> Person {
        let Some(Body::Outgoing { peer, .. }) = self.machines[payer].durable.about(id).first().copied() else {
            panic!("{payer} never sent {id}")
        };
        person_of(peer)
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = (Did, Digest)> {
        self.requests.iter().map(|request| (request.payload().from, request.id()))
    }
}

impl Machine {
    fn new(person: Person, rng: &mut Rng) -> Self {
        let mut durable = Durable::opened(did(person), NOW);
        for other in (0..COUNT).filter(|other| *other != person) {
            durable.set_limit(did(other), money(&format!("{} KRW", rng.range(0, 150))), NOW);
            durable.set_limit(did(other), money(&format!("{} USD", rng.range(0, 50))), NOW);
        }
        let policy = [Policy::Accept, Policy::Accept, Policy::Ask, Policy::AcceptRequested][rng.index(4)];
        let desk = load(person, &durable, policy);
        let clock = rng.range(0, 120_000);
        Self { durable, desk, policy, clock, inputs: Vec::new(), answers: BTreeMap::new() }
    }
}

pub(crate) fn people() -> std::ops::Range<Person> {
    0..COUNT
}

fn person_of(who: &Did) -> Person {
    people().find(|person| did(*person) == *who).expect("only people of this world are paid")
}

fn pair(a: Person, b: Person) -> (Person, Person) {
    (a.min(b), a.max(b))
}

pub(crate) fn pairs() -> Vec<(Person, Person)> {
    people().flat_map(|a| (a + 1..COUNT).map(move |b| (a, b))).collect()
}
