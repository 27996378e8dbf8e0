//! Two people and a bootstrap node, with real sockets on loopback.
#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

use pumasi_agent::home::Config;
use pumasi_agent::net::{Entry, NetOptions, PairEvent, pair_accept, pair_invite, start_bootstrap};
use pumasi_agent::wallet::NewIdentity;
use pumasi_agent::{Agent, Change, Event, Options, Wallet, now};
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_identity::pairing::PairingCode;
use pumasi_ledger::TransferId;
use pumasi_overlay::Overlay;
use pumasi_transfer::Policy;
use pumasi_trust::{Claim, Lie, ProvenLie, Vouch};
use pumasi_units::Money;
use std::path::Path;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

pub(crate) const PASSWORD: &str = "비밀번호 123";
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A bootstrap node on a free port, and where it is.
pub(crate) async fn bootstrap(folder: &Path) -> (Overlay, NetOptions) {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned(), "/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
    let overlay = start_bootstrap(&folder.join("bootstrap"), listen, &[], false).await.unwrap();
    let address = overlay.status().await.unwrap().listen[0].to_string();
    (overlay, NetOptions { bootstrap: vec![address], loopback: true, ..NetOptions::default() })
}

pub(crate) async fn person(folder: &Path, name: &str) -> Wallet {
    person_with(folder, name, Config::default()).await
}

pub(crate) async fn person_with(folder: &Path, name: &str, config: Config) -> Wallet {
    let new = NewIdentity { name: Some(name.into()), config, ..NewIdentity::default() };
    Wallet::create(&folder.join(name), &Password::new(PASSWORD), new).await.unwrap()
}

pub(crate) fn krw(amount: u64) -> Money {
    Money::new(amount, pumasi_units::Unit::krw()).unwrap()
}

/// Pairs two people, who both say that the emoji are the same and let each other owe `limit`.
pub(crate) async fn pair(net: &NetOptions, inviter: &Wallet, accepter: &Wallet, limit: Money) {
    let (one, mut shown_one) = mpsc::channel(4);
    let (two, mut shown_two) = mpsc::channel(4);
    let inviting = pair_invite(inviter, net, None, Some(limit.clone()), one);
    let accepting = async {
        let Some(PairEvent::Code(code)) = shown_one.recv().await else { panic!("no code") };
        let code: PairingCode = code.parse().unwrap();
        let compare = async {
            let Some(PairEvent::Compare(seen_one, answer_one)) = shown_one.recv().await else {
                panic!("nothing to compare")
            };
            let Some(PairEvent::Compare(seen_two, answer_two)) = shown_two.recv().await else {
                panic!("nothing to compare")
            };
            let symbols = |seen: &pumasi_agent::net::Compare| seen.emoji.map(|emoji| emoji.symbol);
            assert_eq!((symbols(&seen_one), seen_one.numbers), (symbols(&seen_two), seen_two.numbers));
            answer_one.send(true).unwrap();
            answer_two.send(true).unwrap();
        };
        tokio::join!(pair_accept(accepter, net, &code, None, Some(limit.clone()), two), compare).0
    };
    let (invited, accepted) =
        tokio::time::timeout(PATIENCE, async { tokio::join!(inviting, accepting) }).await.unwrap();
    assert_eq!(invited.unwrap().did, accepter.did());
    assert_eq!(accepted.unwrap().did, inviter.did());
}

pub(crate) async fn start(wallet: Wallet, net: &NetOptions, entry: Entry) -> Agent {
    Agent::start(wallet, Options::new(net.clone(), entry, Policy::Accept)).await.unwrap()
}

/// Waits for a change of a payment that fits.
pub(crate) async fn wait_for(
    events: &mut broadcast::Receiver<Event>,
    id: TransferId,
    wanted: impl Fn(&Change) -> bool,
) -> Change {
    let found = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Payment { id: about, change, .. } if about == id && wanted(&change) => return change,
                other => println!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the change comes in time")
}

/// A proof that somebody lied: to one reader this, to the other that, with one sequence.
pub(crate) async fn lie_of(liar: &Wallet, about: Did) -> ProvenLie {
    let sign = |claim| {
        let (from, made) = (liar.did(), now());
        let (claims, expires) = (vec![claim], made + 60 * 60 * 1_000);
        let vouch = Vouch { from, about, claims, note: None, sequence: 7, created: made, expires };
        vouch.sign(liar.provider(), liar.keys().did_key(), 16)
    };
    let (one, other) = (sign(Claim::Person).await.unwrap(), sign(Claim::PaidWell).await.unwrap());
    Lie::of_statements(liar.did(), one.as_str(), other.as_str()).unwrap()
}
