//! The light client among the peers: its questions go out, the answers come in (BIP157).

use super::Network;
use crate::host::Host;
use crate::light::{FilterSync, LightEvent, Request};
use crate::wire::{DecodeError, Inv, InvKind, Reader, Writer};
use crate::{PeerId, Time};
use bitcoin::Block;
use bitcoin::p2p::ServiceFlags;

/// The basic filter, the only type there is.
const BASIC: u8 = 0;

impl Network {
    /// From now on no blocks are fetched but those that match: filters are, from peers that serve them. What is found
    /// comes out of [`Network::poll_light`].
    pub fn start_light(&mut self, sync: FilterSync) {
        self.light = Some(sync);
        for id in self.peer_ids() {
            self.light_connected(id);
        }
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

    /// Asks what the light client wants to know, and passes on what it has found.
    pub(super) fn work_light(&mut self, now: Time, host: &dyn Host) {
        let Some(light) = &mut self.light else { return };
        let requests = light.poll(now, host);
        let events: Vec<_> = std::iter::from_fn(|| light.poll_event()).collect();
        for (id, request) in requests {
            if self.peers.get(&id).is_some_and(|peer| !peer.disconnect) {
                self.send_light(id, &request);
            }
        }
        for event in events {
            match event {
                LightEvent::Liar(id) => self.disconnect_net(id, "peer sent wrong or no block filters"),
                event => self.light_events.push_back(event),
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
    pub(super) fn on_light_block(&mut self, block: &Block) {
        if let Some(light) = &mut self.light {
            light.on_block(block);
        }
    }
}
