//! One node, and peers that say what a test tells them to.

#![allow(clippy::unwrap_used, reason = "these are tests")]
#![cfg_attr(not(test), allow(dead_code, reason = "the tests of this crate use all of it"))]

use super::testing::{TestHost, regtest_params};
use super::{Closed, Network};
use crate::config::{Config, Permissions};
use crate::output::{DialTarget, Output};
use crate::wire::{Message, MessageType, Received, TransportInfo, TransportKind, Writer};
use crate::{ConnectionKind, PeerAddress, PeerId, Time};
use std::time::Duration;

pub(crate) struct Scripted {
    pub(crate) net: Network,
    pub(crate) host: TestHost,
    pub(crate) now: Time,
    pub(crate) log: Vec<String>,
    pub(crate) sent: Vec<(PeerId, Message)>,
    pub(crate) disconnected: Vec<PeerId>,
    pub(crate) dialed: Vec<(crate::DialId, DialTarget)>,
    next_address: u8,
}

/// A version message.
pub(crate) fn version(version: i32, services: u64, nonce: u64, relay: bool) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.i32(version);
    writer.u64(services);
    writer.i64(1_700_000_000);
    writer.bytes(&[0; 26]);
    writer.bytes(&[0; 26]);
    writer.u64(nonce);
    writer.compact_size(6);
    writer.bytes(b"/test/");
    writer.i32(0);
    writer.u8(u8::from(relay));
    writer.into_bytes()
}

/// Network, witness, limited.
pub(crate) const SERVICES: u64 = 1 | 8 | 1_024;

impl Scripted {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl Fn(&mut Config)) -> Self {
        let mut config = Config { connect: Some(Vec::new()), ..Config::new(regtest_params()) };
        change(&mut config);
        let now = Time::from_secs(1_700_000_000);
        let mut scripted = Self {
            net: Network::new(config, [8; 32], now),
            host: TestHost::new(),
            now,
            log: Vec::new(),
            sent: Vec::new(),
            disconnected: Vec::new(),
            dialed: Vec::new(),
            next_address: 1,
        };
        scripted.generate(1);
        scripted
    }

    pub(crate) fn generate(&mut self, count: u32) {
        for event in self.host.generate(count, 0, self.now) {
            self.net.handle_chain_event(event, self.now, &self.host);
        }
        self.drain();
    }

    fn address(&mut self) -> PeerAddress {
        self.next_address += 1;
        PeerAddress::parse(&format!("44.{}.1.1:50000", self.next_address), 0).unwrap()
    }

    pub(crate) fn accept(&mut self, permissions: Permissions) -> PeerId {
        let address = self.address();
        let bound = PeerAddress::parse("45.1.1.1:18444", 0).unwrap();
        let (id, _) = self.net.accept(address, bound, permissions, self.now).expect("there is room");
        self.net.note_bytes_sent(id, 1, None, self.now);
        self.net.note_transport(id, TransportInfo { kind: TransportKind::V1, session_id: None });
        id
    }

    /// An inbound peer whose handshake is complete.
    pub(crate) fn inbound(&mut self) -> PeerId {
        let id = self.accept(Permissions::default());
        self.shake(id);
        id
    }

    pub(crate) fn shake(&mut self, id: PeerId) {
        self.say(id, "version", version(70_016, SERVICES, 7_000 + id.0, true));
        self.say(id, "wtxidrelay", Vec::new());
        self.say(id, "verack", Vec::new());
        // The first ping comes with the handshake.
        if let Some(nonce) = self.last(id, "ping") {
            self.say(id, "pong", nonce);
        }
        self.sent.clear();
    }

    /// An outbound peer, before it has said anything.
    pub(crate) fn outbound_silent(&mut self, kind: ConnectionKind) -> PeerId {
        let address = self.address();
        self.net.add_connection(&address.to_string(), kind, false, self.now).expect("there is room");
        self.drain();
        let (dial, _) = self.dialed.pop().expect("it was dialled");
        let bound = PeerAddress::parse("45.1.1.1:40000", 0).unwrap();
        let (id, _) = self.net.dialed(dial, address, bound, Permissions::default(), self.now).expect("it is new");
        self.work();
        id
    }

    pub(crate) fn outbound(&mut self, kind: ConnectionKind) -> PeerId {
        let id = self.outbound_silent(kind);
        self.shake(id);
        id
    }

    /// Hands in a message and lets the node work.
    pub(crate) fn say(&mut self, id: PeerId, kind: &str, payload: Vec<u8>) {
        let mut bytes = [0; 12];
        bytes[..kind.len()].copy_from_slice(kind.as_bytes());
        let kind = MessageType::from_wire(bytes).unwrap();
        let size = payload.len() + 24;
        self.net.note_bytes_received(id, size, self.now);
        self.net.handle_received(id, Received::Message { message: Message { kind, payload }, size }, self.now);
        self.work();
    }

    /// Works until nothing is left to do, and once more: peers take turns in any order.
    pub(crate) fn work(&mut self) {
        for _ in 0..300 {
            let more = self.net.work(self.now, &mut self.host);
            self.drain();
            if !more {
                self.net.work(self.now, &mut self.host);
                self.drain();
                return;
            }
        }
        panic!("the node does not come to rest");
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.net.tick(span, self.now, &mut self.host);
        self.work();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.net.poll_output() {
            match output {
                Output::Send { peer, message } => {
                    self.net.note_bytes_sent(peer, message.payload.len(), Some(message.kind), self.now);
                    self.sent.push((peer, message));
                }
                Output::Disconnect { peer } => {
                    self.disconnected.push(peer);
                    self.net.closed(peer, Closed::ByUs, false, self.now);
                }
                Output::Dial { id, target } => self.dialed.push((id, target)),
                Output::Log(line) => self.log.push(line.text),
                _ => {}
            }
        }
    }

    /// Types of what was sent to a peer, and forgets them.
    pub(crate) fn take_sent(&mut self, id: PeerId) -> Vec<String> {
        let all = std::mem::take(&mut self.sent);
        let (of_peer, others): (Vec<_>, _) = all.into_iter().partition(|(peer, _)| *peer == id);
        self.sent = others;
        of_peer.into_iter().map(|(_, message)| message.kind.to_string()).collect()
    }

    /// The last payload of a type that was sent to a peer.
    pub(crate) fn last(&self, id: PeerId, kind: &str) -> Option<Vec<u8>> {
        let of_kind = self.sent.iter().rev().find(|(peer, message)| *peer == id && message.kind.as_str() == kind);
        of_kind.map(|(_, message)| message.payload.clone())
    }

    pub(crate) fn is_gone(&self, id: PeerId) -> bool {
        self.disconnected.contains(&id)
    }

    #[track_caller]
    pub(crate) fn assert_logged(&self, text: &str) {
        assert!(self.log.iter().any(|line| line.contains(text)), "not logged: {text}\n{}", self.log.join("\n"));
    }
}
