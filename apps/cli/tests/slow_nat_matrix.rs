//! A payment through every pair of NATs, with real processes in network namespaces (see `nat/mod.rs`). It must complete
//! over the path that physics allows, and the path is asserted, at both ends. Where nothing but a relay helps, it must not
//! complete without one.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

mod common;
mod nat;

use common::{Running, World};
use nat::matrix::{Cell, Expected, Group, Row, Servers, print_table};
use nat::{Access, Internet};
use serde_json::Value;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use Access::{FullCone, Lossy, NoUdp, Open, PortRestricted, Symmetric};
use Expected::{Any, Direct, Nothing, Punched, Relayed};

/// Groups at a time: most of a cell is waiting.
const AT_ONCE: usize = 5;

type Play = fn(&Path) -> Vec<Row>;

#[test]
fn slow_a_payment_passes_every_pair_of_nats_that_physics_allows() {
    if let Err(why) = Internet::new("probe") {
        println!("SKIPPED slow_a_payment_passes_every_pair_of_nats_that_physics_allows: {why}");
        return;
    }
    let began = Instant::now();
    // One pair of identities. Each group has a copy of it, on an internet of its own.
    let world = World::new();
    let (ann, bob) = (world.person("ann"), world.person("bob"));
    common::pair(&bob, &ann, "1,000,000 KRW");
    let folder = world.folder();

    let groups: [Play; 11] = [
        |pair| no_relay(pair, "none-symmetric", Symmetric, &[Symmetric, PortRestricted]),
        |pair| no_relay(pair, "none-restricted", PortRestricted, &[Symmetric]),
        |pair| no_relay(pair, "none-blocked", Open, &[NoUdp]),
        |pair| four(pair, Symmetric, [Punched, Punched, Relayed("any", "any"), Relayed("any", "any")]),
        |pair| four(pair, PortRestricted, [Punched, Punched, Punched, Relayed("any", "any")]),
        |pair| four(pair, FullCone, [Punched; 4]),
        |pair| four(pair, Open, [Direct; 4]),
        blocked_here,
        blocked_there,
        lossy,
        another_uplink,
    ];
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(play) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = play(&folder);
                    rows.lock().unwrap().extend(played);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    print_table(&rows);
    println!("{} cells in {:.0} s", rows.len(), began.elapsed().as_secs_f64());
    let wrong: Vec<_> = rows.iter().filter(|row| row.wrong.is_some()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One payee, and a payer behind each kind of NAT. Everybody is offered the bootstrap node's own relay.
fn four(pair: &Path, payee: Access, expected: [Expected; 4]) -> Vec<Row> {
    let mut group = Group::new(pair, payee.name(), Servers::Ours);
    let payers = [Open, FullCone, PortRestricted, Symmetric];
    let cells = payers.into_iter().zip(expected).map(|(payer, expected)| Cell { payer, payee, expected });
    group.play(&cells.collect::<Vec<_>>())
}

/// Without a relay, what needs one does not come to be, and the payer is told that there is no path.
fn no_relay(pair: &Path, name: &str, payee: Access, payers: &[Access]) -> Vec<Row> {
    let mut group = Group::new(pair, name, Servers::OnlyStun);
    let cells = payers.iter().map(|payer| Cell { payer: *payer, payee, expected: Nothing });
    group.play(&cells.collect::<Vec<_>>())
}

/// No datagram passes at the payer's: a relay over TCP, ours and coturn.
fn blocked_here(pair: &Path) -> Vec<Row> {
    let cells = |payees: &[Access]| {
        let cell = |payee: &Access| Cell { payer: NoUdp, payee: *payee, expected: Relayed("TCP", "any") };
        payees.iter().map(cell).collect::<Vec<_>>()
    };
    let mut rows = Group::new(pair, "blocked-ours", Servers::Ours).play(&cells(&[Open, Symmetric]));
    rows.extend(Group::new(pair, "blocked-coturn", Servers::Coturn).play(&cells(&[PortRestricted])));
    rows
}

/// No datagram passes at the payee's, or at either's; and two symmetric NATs by coturn.
fn blocked_there(pair: &Path) -> Vec<Row> {
    let mut group = Group::new(pair, "coturn", Servers::Coturn);
    group.play(&[
        Cell { payer: Open, payee: NoUdp, expected: Relayed("any", "TCP") },
        Cell { payer: Symmetric, payee: NoUdp, expected: Relayed("any", "TCP") },
        Cell { payer: NoUdp, payee: NoUdp, expected: Relayed("TCP", "TCP") },
        Cell { payer: Symmetric, payee: Symmetric, expected: Relayed("any", "any") },
    ])
}

/// One datagram of twenty is lost, each way. Which path is quicker then is a matter of luck.
fn lossy(pair: &Path) -> Vec<Row> {
    let mut group = Group::new(pair, "lossy", Servers::Ours);
    group.play(&[
        Cell { payer: Lossy, payee: Lossy, expected: Any },
        Cell { payer: PortRestricted, payee: Lossy, expected: Any },
        Cell { payer: Symmetric, payee: Lossy, expected: Any },
    ])
}

/// The payer's router, or its machine itself, gets another uplink after the payee has the payment and before it has decided.
fn another_uplink(pair: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for payer in [PortRestricted, Symmetric, Open] {
        let mut group = Group::new(pair, &format!("uplink-{}", payer.name()), Servers::Ours);
        let began = Instant::now();
        let (ann, bob) = (group.payer(payer), group.payee(Open));
        let mut listen = bob.start(&["listen", "--ask"]);
        listen.wait_for("listening");
        let mut pay = ann.start(&["pay", "bob", "1 KRW", "--yes", "--wait", "150"]);
        let first = pay.wait_for("connected");
        let asked = |line: &Value| line["event"] == "payment" && line["change"]["state"] == "asked";
        assert!(listen.find(common::PATIENCE, asked).is_some(), "the payee is asked");
        group.change_uplink(payer);
        listen.type_line("y");
        let again = std::cell::Cell::new(0);
        let accepted = pay.find(Duration::from_secs(150), |line| {
            again.set(again.get() + usize::from(line["event"] == "connected"));
            line["event"] == "payment" && line["change"]["state"] == "accepted"
        });
        let wrong = accepted.is_none().then(|| "not accepted".to_owned());
        let path =
            format!("{}, then {}", nat::matrix::path_of(&first), if again.get() == 0 { "moved" } else { "anew" });
        let who = ["uplink changes".to_owned(), format!("{}*", payer.name()), Open.name().to_owned()];
        rows.push(Row { who, expected: "accepted".to_owned(), path, took: began.elapsed(), wrong });
        assert_eq!(pay.exit_code(), Some(0));
    }
    rows
}

#[test]
fn slow_my_link_is_down_is_told_from_they_are_gone() {
    if let Err(why) = Internet::new("probe2") {
        println!("SKIPPED slow_my_link_is_down_is_told_from_they_are_gone: {why}");
        return;
    }
    let world = World::new();
    let (ann, bob) = (world.person("ann"), world.person("bob"));
    common::pair(&bob, &ann, "1,000,000 KRW");
    let mut group = Group::new(&world.folder(), "down", Servers::Ours);
    let ann = group.payer(PortRestricted);

    // Nobody listens.
    let gone = ann.start(&["pay", "bob", "1 KRW", "--yes", "--wait", "90"]);
    assert_eq!(unreachable(&gone)["why"], "no-answer");
    drop(gone);

    // The cable is pulled out while an offer stands.
    let down = ann.start(&["pay", "bob", "1 KRW", "--yes", "--wait", "120"]);
    assert!(down.find(common::PATIENCE, |line| line["event"] == "step" && line["step"] == "waiting").is_some());
    group.pull_out(PortRestricted);
    // An attempt that had begun before may still end as one of those.
    let told = down.find(Duration::from_secs(120), |line| line["event"] == "unreachable" && line["why"] == "offline");
    assert!(told.is_some(), "the own link is told to be down");
}

fn unreachable(pay: &Running) -> Value {
    pay.find(Duration::from_secs(90), |line| line["event"] == "unreachable").expect("an attempt ends")
}

#[test]
fn slow_a_person_is_told_which_path_was_taken_and_why_no_better_one() {
    if let Err(why) = Internet::new("probe3") {
        println!("SKIPPED slow_a_person_is_told_which_path_was_taken_and_why_no_better_one: {why}");
        return;
    }
    let world = World::new();
    let (ann, bob) = (world.person("ann"), world.person("bob"));
    common::pair(&bob, &ann, "1,000,000 KRW");
    let mut group = Group::new(&world.folder(), "told", Servers::Ours);
    let (ann, bob) = (group.payer(Symmetric), group.payee(Symmetric));
    let _listen = bob.listen();
    let mut said = Vec::new();
    for lang in ["en", "ko"] {
        let paid = ann.command(&["pay", "bob", "1 KRW", "--yes", "--lang", lang]).output().unwrap();
        let text = String::from_utf8_lossy(&paid.stdout).into_owned() + &String::from_utf8_lossy(&paid.stderr);
        println!("{text}");
        assert!(paid.status.success(), "{text}");
        said.push(text);
    }
    for part in [
        "through a relay",
        "Relayed by 203.0.113.10",
        "Direct: no answer from 10.77.0.2:",
        "Through the router: no answer",
    ] {
        assert!(said[0].contains(part), "{part:?} in {}", said[0]);
    }
    assert!(said[1].contains("203.0.113.10에서 중계해요"), "{}", said[1]);
}
