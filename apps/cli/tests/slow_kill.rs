//! Two hundred power cuts: payer or payee is killed at a random moment, and started again. In the end both ledgers tell
//! the same, nothing is lost and nothing is there twice.

mod common;

use common::{Dice, Running, World, pair, transfers};
use serde_json::Value;
use std::time::Duration;

const KILLS: usize = 200;
/// No later than this after its start is a process killed; a payment takes about a third of it.
const LATEST: u64 = 1_200;

#[test]
fn two_hundred_kills_leave_both_ledgers_equal() {
    let kills = std::env::var("PUMASI_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let mut dice = Dice::new();
    let world = World::new();
    let (payer, payee) = (world.person("payer"), world.person("payee"));
    pair(&payee, &payer, "1,000,000,000 KRW");

    let mut listening: Option<Running> = Some(payee.listen());
    for kill in 0..kills {
        let mut paying = payer.start(&["pay", "payee", &format!("{} KRW", kill + 1), "--yes", "--wait", "20"]);
        let victim_is_payer = dice.below(2) == 0;
        std::thread::sleep(Duration::from_millis(dice.below(LATEST)));
        if victim_is_payer {
            paying.kill();
        } else if let Some(mut victim) = listening.take() {
            victim.kill();
            listening = Some(payee.start(&["listen"]));
            // The payment goes on as soon as the payee is back, or stays in the outbox when the payer is cut off too.
            std::thread::sleep(Duration::from_millis(dice.below(LATEST)));
            paying.kill();
        }
    }

    drop(listening);
    let _listening = payee.listen();
    let settled = payer.json(&["settle", "--wait", "120"]);
    assert_eq!(settled["pending"], 0, "{settled}");
    drop(_listening);

    let (sent, taken) = (transfers(&payer, "outgoing"), transfers(&payee, "incoming"));
    println!("{kills} kills, {} payments made it into the payer's ledger, all of them into the payee's", sent.len());
    assert_eq!(sent, taken, "the same transfers, once each, on both sides");
    for person in [&payer, &payee] {
        let audit = person.json(&["ledger", "audit"]);
        assert_eq!(audit["findings"], Value::Array(vec![]), "{}", person.name);
    }
}
