//! Many nodes in one process, joined by streams that deliver in pieces, late, or not at all. Everything follows from a
//! seed.

use super::super::testing::{TestHost, regtest_params};
use super::super::{Closed, Network};
use crate::config::{Config, Permissions};
use crate::light::LightEvent;
use crate::output::{DialTarget, Output};
use crate::random::Random;
use crate::wire::Transport;
use crate::{Host, PeerAddress, PeerId, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// One end of a connection.
type End = (usize, PeerId);

struct Link {
    ends: [End; 2],
    /// Bytes on their way to each end.
    streams: [Vec<u8>; 2],
    /// Nothing arrives at this end any more, though the connection stands.
    mute: [bool; 2],
}

pub(super) struct Node {
    pub(super) net: Network,
    pub(super) host: TestHost,
    transports: BTreeMap<PeerId, Transport>,
    pub(super) log: Vec<String>,
    /// Messages sent, by type.
    pub(super) sent: BTreeMap<String, usize>,
    pub(super) found: Vec<LightEvent>,
}

pub(super) struct Sim {
    pub(super) nodes: Vec<Node>,
    links: Vec<Link>,
    pub(super) now: Time,
    random: Random,
}

pub(super) fn address(node: usize) -> PeerAddress {
    PeerAddress::parse(&format!("20.{}.0.1:18444", node + 1), 18_444).unwrap()
}

impl Sim {
    pub(super) fn new(count: usize, seed: u8) -> Self {
        Self::with(count, seed, |_| Config::new(regtest_params()))
    }

    pub(super) fn with(count: usize, seed: u8, config: impl Fn(usize) -> Config) -> Self {
        let now = Time::from_secs(1_700_000_000);
        let mut random = Random::new([seed; 32]);
        let nodes = (0..count).map(|index| Node {
            net: Network::new(Config { connect: Some(Vec::new()), ..config(index) }, random.seed(), now),
            host: TestHost::new(),
            transports: BTreeMap::new(),
            log: Vec::new(),
            sent: BTreeMap::new(),
            found: Vec::new(),
        });
        Self { nodes: nodes.collect(), links: Vec::new(), now, random }
    }

    /// Lets one node dial another.
    pub(super) fn connect(&mut self, from: usize, to: usize) {
        let name = address(to).to_string();
        let now = self.now;
        self.nodes[from].net.connect_once(&name, true, now);
        self.settle(from);
    }

    /// The numbers under which two connected nodes know each other.
    pub(super) fn peer_of(&self, node: usize, other: usize) -> Option<PeerId> {
        let link = self.links.iter().find(|link| {
            let [a, b] = link.ends;
            (a.0, b.0) == (node, other) || (b.0, a.0) == (node, other)
        })?;
        link.ends.iter().find(|end| end.0 == node).map(|end| end.1)
    }

    /// Nothing that `from` sends arrives at `to` any more.
    pub(super) fn mute(&mut self, from: usize, to: usize) {
        for link in &mut self.links {
            for side in 0..2 {
                if link.ends[side].0 == to && link.ends[1 - side].0 == from {
                    link.mute[side] = true;
                }
            }
        }
    }

    /// Cuts the connection between two nodes.
    pub(super) fn cut(&mut self, one: usize, two: usize) {
        let found = self.links.iter().position(|link| {
            let nodes = [link.ends[0].0, link.ends[1].0];
            nodes == [one, two] || nodes == [two, one]
        });
        if let Some(index) = found {
            self.close(index, None);
        }
    }

    fn close(&mut self, index: usize, by: Option<usize>) {
        let link = self.links.remove(index);
        for (side, (node, peer)) in link.ends.into_iter().enumerate() {
            let why = if by == Some(side) { Closed::ByUs } else { Closed::ByPeer };
            let node = &mut self.nodes[node];
            let reconnect = node.transports.remove(&peer).is_some_and(|transport| transport.should_reconnect_v1());
            node.net.closed(peer, why, reconnect, self.now);
        }
    }

    /// Mines on a node's tip.
    pub(super) fn generate(&mut self, node: usize, count: u32, mark: u32) {
        let now = self.now;
        let Node { net, host, .. } = &mut self.nodes[node];
        for event in host.generate(count, mark, now) {
            net.handle_chain_event(event, now, host);
        }
    }

    /// Puts a transaction into a node's mempool, as `sendrawtransaction` does.
    pub(super) fn submit(&mut self, node: usize, tx: &bitcoin::Transaction) {
        let Node { net, host, .. } = &mut self.nodes[node];
        host.mempool_insert(tx);
        net.relay_transaction(tx.compute_txid(), tx.compute_wtxid());
    }

    /// Lets time pass, in steps of a tenth of a second.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now = self.now + Duration::from_millis(100);
            self.step();
        }
    }

    /// Runs until it is so; panics after that time.
    pub(super) fn run_until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(self.now < end, "{what}: not within {limit:?}");
            self.now = self.now + Duration::from_millis(100);
            self.step();
        }
    }

    pub(super) fn step(&mut self) {
        for node in 0..self.nodes.len() {
            let now = self.now;
            let Node { net, host, .. } = &mut self.nodes[node];
            net.tick(Duration::from_millis(100), now, host);
            for _ in 0..200 {
                let Node { net, host, .. } = &mut self.nodes[node];
                let more = net.work(now, host);
                self.settle(node);
                if !more {
                    break;
                }
            }
        }
        self.deliver();
    }

    /// Does what a node asks for.
    fn settle(&mut self, node: usize) {
        while let Some(event) = self.nodes[node].net.poll_light() {
            self.nodes[node].found.push(event);
        }
        while let Some(output) = self.nodes[node].net.poll_output() {
            match output {
                Output::Send { peer, message } => {
                    *self.nodes[node].sent.entry(message.kind.to_string()).or_default() += 1;
                    if let Some(transport) = self.nodes[node].transports.get_mut(&peer) {
                        transport.send(message);
                    }
                    self.flush(node, peer);
                }
                Output::Disconnect { peer } => {
                    let found = self.links.iter().position(|link| link.ends.contains(&(node, peer)));
                    let index = found.expect("a peer has a link");
                    let side = usize::from(self.links[index].ends[1] == (node, peer));
                    self.close(index, Some(side));
                }
                Output::Dial { id, target } => {
                    let text = match target {
                        DialTarget::Address(address) => address.to_string(),
                        DialTarget::Name(name) => name,
                    };
                    let other = (0..self.nodes.len()).find(|other| address(*other).to_string() == text);
                    self.dial(node, id, other);
                }
                Output::Log(line) => self.nodes[node].log.push(line.text),
                _ => {}
            }
        }
    }

    fn dial(&mut self, node: usize, id: crate::DialId, other: Option<usize>) {
        let now = self.now;
        let accepted = other.and_then(|other| {
            let from = PeerAddress { port: 40_000, ..address(node) };
            let accepted = self.nodes[other].net.accept(from, address(other), Permissions::default(), now)?;
            Some((other, accepted))
        });
        let Some((other, (their_id, their_transport))) = accepted else {
            self.nodes[node].net.dial_failed(id, now);
            return;
        };
        let dialed = self.nodes[node].net.dialed(id, address(other), address(node), Permissions::default(), now);
        let (our_id, our_transport) = dialed.expect("nobody is connected twice here");
        self.nodes[node].transports.insert(our_id, our_transport);
        self.nodes[other].transports.insert(their_id, their_transport);
        self.links.push(Link {
            ends: [(node, our_id), (other, their_id)],
            streams: [Vec::new(), Vec::new()],
            mute: [false; 2],
        });
        self.flush(node, our_id);
        self.flush(other, their_id);
    }

    /// Moves what a transport wants to send to the stream.
    fn flush(&mut self, node: usize, peer: PeerId) {
        let now = self.now;
        let Node { net, transports, log, .. } = &mut self.nodes[node];
        let Some(transport) = transports.get_mut(&peer) else { return };
        let Some(link) = self.links.iter_mut().find(|link| link.ends.contains(&(node, peer))) else { return };
        let target = usize::from(link.ends[0] == (node, peer));
        while let Some(line) = transport.poll_log() {
            log.push(line.text);
        }
        while let Some(unsent) = transport.poll_unsent() {
            net.note_bytes_sent(peer, unsent.bytes.len(), unsent.kind, now);
            link.streams[target].extend(unsent.bytes);
        }
    }

    /// Delivers to each end a piece of what is on its way; now and then nothing.
    fn deliver(&mut self) {
        let mut order: Vec<_> = (0..self.links.len()).flat_map(|link| [(link, 0), (link, 1)]).collect();
        self.random.shuffle(&mut order);
        let mut broken = Vec::new();
        for (index, side) in order {
            let link = &mut self.links[index];
            if link.streams[side].is_empty() || link.mute[side] || self.random.below(5) == 0 {
                continue;
            }
            let all = self.random.bool();
            let most = link.streams[side].len();
            let length = if all { most } else { 1 + self.random.index(most) };
            let bytes: Vec<u8> = link.streams[side].drain(..length).collect();
            let (node, peer) = link.ends[side];
            if !self.receive(node, peer, &bytes) {
                broken.push((node, peer));
            }
        }
        for (node, peer) in broken {
            if let Some(index) = self.links.iter().position(|link| link.ends.contains(&(node, peer))) {
                self.close(index, None);
            }
        }
    }

    fn receive(&mut self, node: usize, peer: PeerId, bytes: &[u8]) -> bool {
        let now = self.now;
        let Node { net, transports, .. } = &mut self.nodes[node];
        let Some(transport) = transports.get_mut(&peer) else { return true };
        net.note_bytes_received(peer, bytes.len(), now);
        let result = transport.receive(bytes);
        while let Some(received) = transport.poll_received() {
            net.handle_received(peer, received, now);
        }
        net.note_transport(peer, transport.info());
        self.flush(node, peer);
        result.is_ok()
    }

    pub(super) fn height(&self, node: usize) -> u32 {
        self.nodes[node].host.tip().height
    }

    pub(super) fn all_at_tip_of(&self, node: usize) -> bool {
        let tip = self.nodes[node].host.tip().hash;
        self.nodes.iter().all(|node| node.host.tip().hash == tip)
    }

    pub(super) fn logged(&self, node: usize, text: &str) -> bool {
        self.nodes[node].log.iter().any(|line| line.contains(text))
    }
}
