//! The light client among the peers: its questions go out, the answers come in (BIP157).

use super::Network;
use crate::bans::DEFAULT_BAN_TIME;
use crate::host::{HeaderInfo, Host};
use crate::light::{FilterSync, LightEvent, Request};
use crate::wire::{DecodeError, Inv, InvKind, Reader, Writer};
use crate::{PeerAddress, PeerId, Subnet, Time};
use bitcoin::Block;
use bitcoin::p2p::ServiceFlags;

/// The basic filter, the only type there is.
const BASIC: u8 = 0;
/// Addresses that are remembered for having lied.
const MAX_DISTRUSTED: usize = 1_000;

impl Network {
    /// From now on no blocks are fetched but those that match: filters are, from peers that serve them. What is found
    /// comes out of [`Network::poll_light`].
    pub fn start_light(&mut self, sync: FilterSync) {
        self.light = Some(sync);
        for id in self.peer_ids() {
            self.light_connected(id);
        }
    }

    /// The light client.
    pub const fn light(&self) -> Option<&FilterSync> {
        self.light.as_ref()
    }

    /// The light client, to watch scripts.
    pub const fn light_mut(&mut self) -> Option<&mut FilterSync> {
        self.light.as_mut()
    }

    /// What the light client has found; drain it with the outputs.
    pub fn poll_light(&mut self) -> Option<LightEvent> {
        self.light_events.pop_front()
    }

    /// A handshake is complete.
    pub(super) fn light_connected(&mut self, id: PeerId) {
        let peer = self.peer(id);
        let serves = peer.ready && !peer.is_inbound() && peer.their_services.has(ServiceFlags::COMPACT_FILTERS);
        if let Some(light) = self.light.as_mut().filter(|_| serves) {
            light.connected(id);
        }
    }

    /// Whether an address lied about filters not long ago. It is not dialled.
    pub(super) fn is_distrusted(&mut self, address: &PeerAddress, now: Time) -> bool {
        self.distrusted.retain(|_, until| *until > now);
        self.distrusted.contains_key(address)
    }

    /// Addresses that lied about filters and are not asked again, with the time until when.
    pub fn distrusted(&self) -> impl Iterator<Item = (&PeerAddress, Time)> {
        self.distrusted.iter().map(|(address, until)| (address, *until))
    }

    fn distrust(&mut self, id: PeerId, now: Time) {
        let Some(peer) = self.peers.get(&id) else { return };
        let (address, no_ban) = (peer.address, peer.permissions.no_ban);
        let text =
            format!("{} has lied about block filters: disconnected, not asked again for a day", self.log_peer(id));
        self.warn(text);
        self.mark_disconnect(id);
        if no_ban {
            return;
        }
        if self.distrusted.len() >= MAX_DISTRUSTED {
            self.distrusted.pop_first();
        }
        self.distrusted.insert(address, now + DEFAULT_BAN_TIME);
        // Everybody on this machine has the same address without its port.
        if !address.addr.is_local() {
            self.ban(Subnet::single(address.addr), now + DEFAULT_BAN_TIME, now);
        }
    }

    /// Asks what the light client wants to know, and passes on what it has found.
    pub(super) fn work_light(&mut self, now: Time, host: &dyn Host) {
        let (Some(light), peers) = (&mut self.light, &self.peers) else { return };
        let has = |id: PeerId, block: &HeaderInfo| peers.get(&id).is_some_and(|peer| peer.has_header(block, host));
        let requests = light.poll(now, host, &has);
        let events: Vec<_> = std::iter::from_fn(|| light.poll_event()).collect();
        for (id, request) in requests {
            if self.peers.get(&id).is_some_and(|peer| !peer.disconnect) {
                self.send_light(id, &request);
            }
        }
        for event in events {
            match event {
                LightEvent::Liar(id) => self.distrust(id, now),
                LightEvent::Slow(id) => {
                    if self.peers.contains_key(&id) {
                        self.disconnect_net(id, "peer does not answer for block filters");
                    }
                }
                event => {
                    if matches!(event, LightEvent::Headers { .. }) {
                        self.last_tip_update = now;
                    }
                    self.light_events.push_back(event);
                }
            }
        }
    }

    fn send_light(&mut self, id: PeerId, request: &Request) {
        let mut writer = Writer::default();
        match request {
            Request::Block(hash) => {
                self.send_invs(id, "getdata", &[Inv::block(InvKind::WitnessBlock, *hash)]);
                return;
            }
            Request::FilterHeaders { start, stop } | Request::Filters { start, stop } => {
                writer.u8(BASIC);
                writer.u32(*start);
                writer.consensus(stop);
            }
        }
        let headers = matches!(request, Request::FilterHeaders { .. });
        self.send(id, if headers { "getcfheaders" } else { "getcfilters" }, writer.into_bytes());
    }

    pub(super) fn on_cfheaders(&mut self, id: PeerId, reader: &mut Reader<'_>, now: Time) -> Result<(), DecodeError> {
        let (kind, stop, previous) = (reader.u8()?, reader.consensus()?, reader.consensus()?);
        let hashes = reader.list(Reader::consensus)?;
        if let Some(light) = self.light.as_mut().filter(|_| kind == BASIC) {
            light.on_filter_headers(id, stop, previous, hashes, now);
        }
        Ok(())
    }

    pub(super) fn on_cfilter(&mut self, id: PeerId, reader: &mut Reader<'_>, now: Time) -> Result<(), DecodeError> {
        let (kind, hash) = (reader.u8()?, reader.consensus()?);
        let length = reader.compact_size()?;
        let filter = reader.bytes(length as usize)?;
        if let Some(light) = self.light.as_mut().filter(|_| kind == BASIC) {
            light.on_filter(id, hash, filter, now);
        }
        Ok(())
    }

    /// A block that the light client may have asked for.
    pub(super) fn on_light_block(&mut self, id: PeerId, block: &Block, host: &dyn Host) {
        let segwit = host.segwit_active_after(&block.header.prev_blockhash);
        if host.block_mutation(block, segwit).is_some() {
            self.misbehaving(id, "mutated block");
        } else if let Some(light) = &mut self.light {
            light.on_block(block);
        }
    }
}
