//! From a DID to an open channel, by each road: payer and payee on loopback, in a network of a few nodes.
//!
//! ```sh
//! cargo bench -p pumasi-agent --bench roads
//! ```
//!
//! One payee is reached over a relay only, of the nodes of the network. The payer starts anew for each channel, so nothing is
//! known but the DID and the address book; the clock runs from the order to the open, proven channel, and joining the network is
//! not counted. The roads take turns, so that a busy moment of the machine hits all of them.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{bootstrap, krw, pair, person, start};
use pumasi_agent::home::Visibility;
use pumasi_agent::net::{Entry, NetOptions, NodeOptions, Whereabouts, start_node};
use pumasi_agent::{Agent, Event, Options, Road, Wallet};
use pumasi_http::{SERVICE_SIGNALING, SignalingConfig, signaling_router};
use pumasi_identity::{Did, Service};
use pumasi_overlay::Overlay;
use pumasi_tls::{Running, Server};
use pumasi_transfer::{Order, Policy};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Channels by each road.
const ROUNDS: usize = 20;
/// Nodes of the network beside payer and payee.
const NODES: usize = 6;
/// For how long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a payee offers, and which road has to come of it.
#[derive(Clone, Copy)]
struct Kind {
    what: &'static str,
    visibility: Visibility,
    endpoint: bool,
    /// Nobody reaches its node but over a relay.
    hidden: bool,
    road: Road,
}

const KINDS: [Kind; 5] = [
    Kind { what: "stream", visibility: Visibility::Contacts, endpoint: false, hidden: false, road: Road::Stream },
    Kind {
        what: "stream, relayed",
        visibility: Visibility::Contacts,
        endpoint: false,
        hidden: true,
        road: Road::Stream,
    },
    Kind { what: "HTTPS endpoint", visibility: Visibility::Off, endpoint: true, hidden: false, road: Road::Endpoint },
    Kind { what: "mailbox", visibility: Visibility::Off, endpoint: false, hidden: false, road: Road::Mailbox },
    Kind {
        what: "all three, raced",
        visibility: Visibility::Contacts,
        endpoint: true,
        hidden: false,
        road: Road::Stream,
    },
];

/// A payee who is there, and the payer who knows nobody else.
struct Case {
    kind: Kind,
    payee: Did,
    payer: Option<Wallet>,
    opened: Vec<f64>,
    others: usize,
    never: usize,
    _agent: Agent,
    _endpoint: Option<Running>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE * 20, Box::pin(run())).await.expect("the bench ends in time");
    });
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let _nodes = nodes(folder.path(), &net).await;
    let mut cases = Vec::new();
    for kind in KINDS {
        cases.push(open(folder.path(), &net, kind).await);
    }
    for _ in 0..rounds() {
        for case in &mut cases {
            let wallet = case.payer.take().unwrap();
            let (opened, wallet) = channel(wallet, &net, case.payee).await;
            case.payer = Some(wallet);
            match opened {
                Some((seconds, road, relayed)) if (road, relayed) == (case.kind.road, case.kind.hidden) => {
                    case.opened.push(seconds);
                }
                Some(_) => case.others += 1,
                None => case.never += 1,
            }
        }
    }
    let rounds = rounds();
    println!("DID → open channel, {rounds} cold payers each, {NODES} more nodes on loopback\n");
    println!(
        "  road              | median   | p95      | fastest  | slowest  | by another road | not in {} s",
        PATIENCE.as_secs()
    );
    for case in &mut cases {
        case.opened.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| {
            let last = case.opened.len().saturating_sub(1);
            let at = (part * last as f64).round() as usize;
            case.opened.get(at).map_or("—".to_owned(), |seconds| format!("{:>5.0} ms", seconds * 1e3))
        };
        let [median, p95, first, last] = [0.5, 0.95, 0.0, 1.0].map(at);
        println!(
            "  {:<17} | {median} | {p95} | {first} | {last} | {:>15} | {}",
            case.kind.what, case.others, case.never
        );
    }
}

/// How many, unless the environment says otherwise.
fn rounds() -> usize {
    std::env::var("PUMASI_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// The rest of the network.
async fn nodes(folder: &Path, net: &NetOptions) -> Vec<Overlay> {
    let mut nodes = Vec::new();
    for number in 0..NODES {
        let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned(), "/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
        let options = NodeOptions { listen, join: net.bootstrap.clone(), relay: true, ..NodeOptions::default() };
        let node = start_node(&folder.join(format!("node-{number}")), options).await.unwrap();
        node.join(PATIENCE).await.unwrap();
        nodes.push(node);
    }
    nodes
}

async fn open(folder: &Path, net: &NetOptions, kind: Kind) -> Case {
    let Kind { what, visibility, endpoint, hidden, .. } = kind;
    let named = |who: &str| format!("{who} {what}");
    let (payer, mut payee) = (person(folder, &named("payer")).await, person(folder, &named("payee")).await);
    let server = match endpoint {
        true => Some(Server::bind(pumasi_tls::Options::new("127.0.0.1:0".parse().unwrap())).await.unwrap()),
        false => None,
    };
    let service = server.as_ref().map(|server| Service {
        name: "signaling".into(),
        kind: SERVICE_SIGNALING.into(),
        endpoint: format!("http://{}", server.address()),
    });
    payee.set_services(service.into_iter().collect()).await.unwrap();
    pair(net, &payer, &payee, krw(1_000_000)).await;
    let did = payee.did();
    let at = NetOptions { listen: hidden.then(Vec::new), ..net.clone() };
    let options = Options::new(at, Entry::Server, Policy::Accept);
    let mut agent = Agent::start(payee, Options { presence: Some(visibility), ..options }).await.unwrap();
    let running =
        server.map(|server| server.serve(signaling_router(Arc::new(agent.doorbell(None)), SignalingConfig::default())));
    assert!(agent.published(PATIENCE).await);
    let payer = start(payer, net, Entry::Client).await;
    let told = async {
        // A slot at a relay comes after some seconds, and the first word may be said before.
        let addresses = |at: Whereabouts| at.presence.presence().addresses.as_slice().len();
        while visibility != Visibility::Off && payer.whereabouts(&did).await.map_or(0, addresses) == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the payee says where it is");
    let payer = Some(payer.stop().await.unwrap());
    Case { kind, payee: did, payer, opened: Vec::new(), others: 0, never: 0, _agent: agent, _endpoint: running }
}

/// Pays once: seconds until the channel is open, by which road it came, and whether over a relay.
async fn channel(wallet: Wallet, net: &NetOptions, to: Did) -> (Option<(f64, Road, bool)>, Wallet) {
    let mut payer = start(wallet, net, Entry::Client).await;
    let mut events = payer.events();
    let started = Instant::now();
    payer.pay(Order::new(to, krw(1), "")).await.unwrap();
    let mut seen = Vec::new();
    let road = tokio::time::timeout(PATIENCE, async {
        loop {
            match events.recv().await.unwrap() {
                Event::Connected { road, relay, .. } => return (road, relay.is_some()),
                event => seen.push((started.elapsed(), event)),
            }
        }
    });
    let opened = road.await.ok().map(|(road, relayed)| (started.elapsed().as_secs_f64(), road, relayed));
    match opened {
        Some(_) => assert!(payer.settled(PATIENCE).await),
        None => seen.iter().for_each(|(at, event)| println!("{at:?} {event:?}")),
    }
    (opened, payer.stop().await.unwrap())
}
