//! A crash at every commit of either side, in every kind of payment: before the commit, after it, and between the
//! messages that follow it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by failing"
)]

mod support;

use pumasi_ledger::Outcome;
use pumasi_transfer::{Action, Decision, DeskError, Event, Order, PayeeState, Policy, Verified, message::Request};
use pumasi_units::{Millis, Timestamp};
use std::collections::VecDeque;
use support::{
    Durable, NOW, NativeDesk, Person, Side, TestBooks, did, incoming, money, outgoing, peer, transfer_agrees,
};

const PAYER: Person = 0;
const PAYEE: Person = 1;
/// Longer than any payment here needs.
const PATIENCE: Millis = 600_000;

/// Where the power goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    BeforeCommit,
    AfterCommit,
    /// After so many of the actions that the commit released.
    AfterActions(usize),
}

#[derive(Debug, Clone, Copy)]
struct Crash {
    who: Person,
    commit: usize,
    moment: Moment,
}

/// One kind of payment.
struct Scenario {
    name: &'static str,
    policy: Policy,
    decision: Decision,
    amount: &'static str,
    lifetime: Millis,
    /// How long the link is down after the order.
    away: Millis,
    /// Whether a person takes longer to decide than the transfer lives.
    undecided: bool,
    /// Pay one request twice.
    request: bool,
    expected: &'static [&'static str],
}

const ACCEPTED: Scenario = Scenario {
    name: "accepted",
    policy: Policy::Accept,
    decision: Decision::Accept,
    amount: "12,000 KRW",
    lifetime: 60_000,
    away: 0,
    undecided: false,
    request: false,
    expected: &["accepted"],
};

const SCENARIOS: &[Scenario] = &[
    ACCEPTED,
    Scenario { name: "accepted by a person", policy: Policy::Ask, ..ACCEPTED },
    Scenario {
        name: "declined by a person",
        policy: Policy::Ask,
        decision: Decision::Decline,
        expected: &["declined"],
        ..ACCEPTED
    },
    Scenario { name: "over the limit", amount: "50,001 KRW", expected: &["over-limit"], ..ACCEPTED },
    Scenario { name: "expired on the way", away: 120_000, expected: &["expired"], ..ACCEPTED },
    Scenario { name: "never decided", policy: Policy::Ask, undecided: true, expected: &["expired"], ..ACCEPTED },
    Scenario { name: "a request, paid twice", request: true, expected: &["accepted", "request-paid"], ..ACCEPTED },
];

/// Two machines and a link that loses nothing by itself.
struct Pair<'a> {
    scenario: &'a Scenario,
    sides: [Side; 2],
    wire: VecDeque<(Person, Vec<u8>)>,
    asked: VecDeque<pumasi_ledger::TransferId>,
    commits: [usize; 2],
    crash: Option<Crash>,
    crashed: bool,
    link: bool,
    now: Timestamp,
}

impl<'a> Pair<'a> {
    fn new(scenario: &'a Scenario, crash: Option<Crash>) -> Self {
        let mut sides = [Side::new(PAYER, Policy::Accept), Side::new(PAYEE, scenario.policy)];
        sides[PAYEE].durable.set_limit(did(PAYER), money("50,000 KRW"), NOW);
        Self {
            scenario,
            sides,
            wire: VecDeque::new(),
            asked: VecDeque::new(),
            commits: [0; 2],
            crash,
            crashed: false,
            link: false,
            now: NOW,
        }
    }

    fn play(&mut self) {
        if self.scenario.request {
            if let Some(request) = self.request() {
                self.pay(Order::for_request(&request));
                self.pay(Order::for_request(&request));
            }
        } else {
            self.pay(Order::new(did(PAYEE), money(self.scenario.amount), "떡"));
        }
        self.now = self.now + self.scenario.away;
        self.connect();
        self.run();
    }

    fn pay(&mut self, order: Order) {
        let (order, now) = (Order { lifetime: self.scenario.lifetime, ..order }, self.now);
        self.commit(PAYER, async |desk, books| desk.pay(books, peer(PAYEE), order, now).await.map(drop));
    }

    /// `None` when the crash was faster: then the person has no link to show.
    fn request(&mut self) -> Option<Verified<Request>> {
        let (order, now) = (pumasi_transfer::RequestOrder::new(money(self.scenario.amount), "떡"), self.now);
        let mut shown = None;
        self.commit(PAYEE, async |desk, books| {
            shown = Some(desk.request(books, order, now).await?);
            Ok(())
        });
        shown.filter(|request| {
            let stored = (pumasi_ledger::Space::Request, request.id().0.to_vec());
            self.sides[PAYEE].durable.cells.contains_key(&stored)
        })
    }

    fn connect(&mut self) {
        self.link = true;
        let now = self.now;
        for side in [PAYER, PAYEE] {
            if self.link {
                self.commit(side, async |desk, books| desk.link_up(books, did(1 - side), now).await);
            }
        }
    }

    /// Delivers, decides and waits until nothing is left to do.
    fn run(&mut self) {
        let end = self.now + PATIENCE;
        while self.now < end {
            let now = self.now;
            if !self.link {
                self.connect();
            } else if let Some((to, bytes)) = self.wire.pop_front() {
                self.commit(to, async |desk, books| desk.receive(books, peer(1 - to), &bytes, now).await.map(drop));
            } else if let Some(id) = self.asked.pop_front() {
                let decision = self.scenario.decision;
                if !self.scenario.undecided {
                    self.commit(PAYEE, async |desk, books| desk.decide(books, id, decision, now).await.map(drop));
                }
            } else if self.settled() {
                return;
            } else {
                let due = self.sides.iter().filter_map(|side| side.desk.next_timeout()).min();
                self.now = due.expect("something is under way").max(self.now);
                for side in [PAYER, PAYEE] {
                    let now = self.now;
                    self.commit(side, async |desk, books| desk.timeout(books, now).await);
                }
            }
        }
        panic!("not settled after {PATIENCE} ms");
    }

    fn settled(&self) -> bool {
        let refused = |state: Option<&PayeeState>| matches!(state, Some(PayeeState::Refused { .. }));
        self.sides[PAYER].desk.payers().next().is_none()
            && self.sides[PAYEE].desk.payees().all(|payee| refused(payee.state()))
    }

    fn commit(&mut self, who: Person, act: impl AsyncFnOnce(&mut NativeDesk, &mut TestBooks) -> Result<(), DeskError>) {
        let number = self.commits[who];
        self.commits[who] += 1;
        let crash = self.crash.filter(|crash| (crash.who, crash.commit) == (who, number)).map(|crash| crash.moment);
        let before = self.sides[who].durable.clone();
        let actions = self.sides[who].act(act);
        if crash == Some(Moment::BeforeCommit) {
            self.sides[who].durable = before;
        }
        if matches!(crash, Some(Moment::BeforeCommit | Moment::AfterCommit)) {
            return self.power_off(who);
        }
        for (done, action) in actions.into_iter().enumerate() {
            if crash == Some(Moment::AfterActions(done)) {
                return self.power_off(who);
            }
            self.perform(who, action);
        }
    }

    fn perform(&mut self, who: Person, action: Action) {
        match action {
            Action::Send { bytes, transfer, .. } => {
                self.wire.push_back((1 - who, bytes));
                let now = self.now;
                self.sides[who].act(async |desk, books| desk.sent(books, transfer, now).await);
            }
            Action::Event { event: Event::Asked { .. }, transfer, .. } => self.asked.push_back(transfer),
            Action::Event { event, .. } => {
                let warning =
                    matches!(event, Event::Forked(_) | Event::Contradicted { .. } | Event::BalanceDiffers { .. });
                assert!(!warning, "honest people were warned of each other: {event:?}");
            }
        }
    }

    fn power_off(&mut self, who: Person) {
        self.crashed = true;
        self.wire.clear();
        self.link = false;
        let policy = if who == PAYEE { self.scenario.policy } else { Policy::Accept };
        self.sides[who].restart(policy);
        self.sides[1 - who].desk.link_down(&did(who));
        let waits = |state: Option<&PayeeState>| matches!(state, Some(PayeeState::Received { .. }));
        let open = self.sides[PAYEE].desk.payees().filter(|payee| waits(payee.state()));
        self.asked = open.map(|payee| payee.offer().id).collect();
    }

    /// Both books agree; gives how each transfer that was stored ended.
    fn fates(&self) -> Vec<String> {
        let [payer, payee]: [&Durable; 2] = [&self.sides[PAYER].durable, &self.sides[PAYEE].durable];
        let fate = |outcome| match outcome {
            Outcome::Accepted => "accepted".to_owned(),
            Outcome::Refused { code, .. } => code,
        };
        let fates: Vec<_> = outgoing(payer).iter().map(|id| fate(transfer_agrees(payer, payee, id))).collect();
        assert_eq!(incoming(payee).len(), fates.iter().filter(|fate| *fate == "accepted").count());
        let unit = money("0 KRW").unit().clone();
        assert_eq!(payer.balance(&did(PAYEE), &unit), -payee.balance(&did(PAYER), &unit));
        fates
    }
}

#[test]
fn a_crash_at_any_commit_of_either_side_changes_no_outcome() {
    let mut tried = 0;
    for scenario in SCENARIOS {
        let mut calm = Pair::new(scenario, None);
        calm.play();
        assert_eq!(calm.fates(), scenario.expected, "{}", scenario.name);
        let moments = [Moment::BeforeCommit, Moment::AfterCommit].into_iter().chain((0..4).map(Moment::AfterActions));
        for who in [PAYER, PAYEE] {
            for (commit, moment) in (0..calm.commits[who]).flat_map(|at| moments.clone().map(move |m| (at, m))) {
                let crash = Crash { who, commit, moment };
                let mut pair = Pair::new(scenario, Some(crash));
                pair.play();
                let fates = pair.fates();
                // An order or a request that was not committed never was; what was committed ends as it would have.
                let lost = scenario.expected.len() - fates.len();
                let as_expected = fates == scenario.expected[..fates.len()] || fates == scenario.expected[lost..];
                let lost_by_crash = moment == Moment::BeforeCommit && commit <= 1;
                assert!(as_expected && (lost == 0 || lost_by_crash), "{}: {crash:?}: {fates:?}", scenario.name);
                tried += usize::from(pair.crashed);
            }
        }
    }
    println!("{tried} crashes");
    assert!(tried > 150, "only {tried} crashes happened");
}
