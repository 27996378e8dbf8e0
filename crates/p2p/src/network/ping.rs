//! Pings, and connections on which nothing comes any more.

use super::Network;
use crate::wire::{DecodeError, Reader, TransportKind, Writer};
use crate::{PeerId, Time};
use std::time::Duration;

/// Time between pings.
const PING_INTERVAL: Duration = Duration::from_secs(2 * 60);
/// Silence after which a connection is dead.
const TIMEOUT_INTERVAL: Duration = Duration::from_secs(20 * 60);
/// Only newer peers send a pong (BIP31).
const BIP31_VERSION: u32 = 60_000;

impl Network {
    /// Pings everybody at the next opportunity (RPC `ping`).
    pub fn ping_all(&mut self) {
        self.peers.values_mut().for_each(|peer| peer.ping_queued = true);
    }

    pub(super) fn on_ping(&mut self, id: PeerId, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        if self.peer(id).common_version > BIP31_VERSION {
            let nonce = reader.u64()?;
            self.send(id, "pong", nonce.to_le_bytes().to_vec());
        }
        Ok(())
    }

    pub(super) fn on_pong(&mut self, id: PeerId, reader: &mut Reader<'_>, size: usize, received: Time) {
        let peer = self.peer_mut(id);
        let expected = peer.ping_nonce;
        let nonce = reader.u64();
        let (finished, problem) = match &nonce {
            Err(_) => (true, "Short payload"),
            Ok(_) if expected == 0 => (false, "Unsolicited pong without ping"),
            Ok(nonce) if *nonce == expected => {
                let time = received.since(peer.ping_start);
                if time >= 0 {
                    peer.last_ping = Some(time);
                    peer.min_ping = peer.min_ping.min(time);
                    (true, "")
                } else {
                    (true, "Timing mishap")
                }
            }
            Ok(0) => (true, "Nonce zero"),
            // Normal when pings overlap.
            Ok(_) => (false, "Nonce mismatch"),
        };
        if finished {
            peer.ping_nonce = 0;
        }
        if !problem.is_empty() {
            let got = nonce.unwrap_or(0);
            self.net(format!("pong peer={id}: {problem}, {expected:x} expected, {got:x} received, {size} bytes"));
        }
    }

    /// Whether the connection is old enough for silence to count.
    pub(super) fn runs_inactivity_checks(&self, id: PeerId, now: Time) -> bool {
        now.is_past(self.peer(id).connected, self.config.peer_timeout)
    }

    pub(super) fn maybe_send_ping(&mut self, id: PeerId, now: Time) {
        let checks = self.runs_inactivity_checks(id, now);
        let peer = self.peer(id);
        if checks && peer.ping_nonce != 0 && now.is_past(peer.ping_start, TIMEOUT_INTERVAL) {
            let waited = now.since(peer.ping_start) as f64 / 1e6;
            self.disconnect_net(id, &format!("ping timeout: {waited:.6}s"));
            return;
        }
        let due = peer.ping_nonce == 0 && now.is_past(peer.ping_start, PING_INTERVAL);
        if !peer.ping_queued && !due {
            return;
        }
        let nonce = self.random.u64().max(1);
        let peer = self.peer_mut(id);
        peer.ping_queued = false;
        peer.ping_start = now;
        let mut writer = Writer::default();
        if peer.common_version > BIP31_VERSION {
            peer.ping_nonce = nonce;
            writer.u64(nonce);
        } else {
            peer.ping_nonce = 0;
        }
        self.send(id, "ping", writer.into_bytes());
    }

    /// Drops connections that never said anything, or that have gone silent (Core's `InactivityCheck`).
    pub(super) fn check_inactivity(&mut self, id: PeerId, now: Time) {
        if self.peer(id).disconnect || !self.runs_inactivity_checks(id, now) {
            return;
        }
        let peer = self.peer(id);
        let (sent, received) = (peer.traffic.last_send, peer.traffic.last_receive);
        let why = if sent.is_never() || received.is_never() {
            let mut never = String::new();
            if received.is_never() {
                never.push_str(", never received from peer");
            }
            if sent.is_never() {
                never.push_str(", never sent to peer");
            }
            format!("socket no message in first {} seconds{never}", self.config.peer_timeout.as_secs())
        } else if now.is_past(sent, TIMEOUT_INTERVAL) {
            format!("socket sending timeout: {}s", now.since(sent) / 1_000_000)
        } else if now.is_past(received, TIMEOUT_INTERVAL) {
            format!("socket receive timeout: {}s", now.since(received) / 1_000_000)
        } else if peer.ready {
            return;
        } else if peer.transport.kind == TransportKind::Detecting {
            "V2 handshake timeout".to_owned()
        } else {
            "version handshake timeout".to_owned()
        };
        self.disconnect_net(id, &why);
    }
}
