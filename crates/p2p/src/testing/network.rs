//! A live node among peers that say anything.

use super::{Bytes, NOW};
use crate::compact::{compact, write_request};
use crate::config::{Config, Permissions};
use crate::host::Host;
use crate::network::scripted::Scripted;
use crate::network::testing::{coin, mine_block, mine_headers, spend};
use crate::wire::{DecodeError, Inv, InvKind, KNOWN, MAX_PAYLOAD, Message, MessageType, Reader, Received, Writer};
use crate::{ConnectionKind, PeerId, Time, TxId};
use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize;
use bitcoin::p2p::ServiceFlags;
use bitcoin::{Block, OutPoint, Transaction};
use std::time::Duration;

/// Steps of one run.
const MAX_STEPS: usize = 60;
/// Peers of one run.
const MAX_PEERS: u64 = 40;

/// The types of messages that a peer may send: all known ones, and one that is not.
pub(crate) const TYPES: [&str; KNOWN.len() + 1] = {
    let mut types = ["x"; KNOWN.len() + 1];
    let mut at = 0;
    while at < KNOWN.len() {
        types[at] = KNOWN[at];
        at += 1;
    }
    types
};

/// Steps: which peer, what it does (a message of a type with a payload as it is, or one that is made to fit the node's
/// chain), and its payload with the length in front.
pub fn network(data: &[u8]) {
    let mut bytes = Bytes(data);
    let options = bytes.u8();
    let mut node = Scripted::with(|config: &mut Config| {
        if options & 1 == 1 {
            config.services |= ServiceFlags::COMPACT_FILTERS;
        }
        if options & 2 == 2 {
            config.services |= ServiceFlags::BLOOM;
        }
        config.ignore_incoming_txs = options & 4 == 4;
        config.receive_flood = 50_000;
    });
    node.generate(u32::from(options >> 6) * 3);
    let mut peers = vec![node.inbound(), node.outbound(ConnectionKind::FullRelay)];
    for _ in 0..MAX_STEPS {
        if bytes.is_empty() {
            break;
        }
        let (slot, what) = (usize::from(bytes.u8()) % peers.len(), bytes.u8());
        if node.is_gone(peers[slot]) {
            if peers.iter().map(|peer| peer.0).max() >= Some(MAX_PEERS) {
                break;
            }
            peers[slot] = node.inbound();
        }
        let payload = bytes.part();
        match TYPES.get(usize::from(what)) {
            Some(kind) => node.say(peers[slot], kind, payload.to_vec()),
            None => step(&mut node, &mut peers, slot, what, payload),
        }
        check(&mut node);
    }
}

/// What a peer does that knows the chain; the payload decides the details.
fn step(node: &mut Scripted, peers: &mut Vec<PeerId>, slot: usize, what: u8, payload: &[u8]) {
    let peer = peers[slot];
    let mut details = Bytes(payload);
    match what % 16 {
        0 => node.pass(Duration::from_secs(u64::from(details.u16()))),
        1 => node.generate(u32::from(details.u8() % 4) + 1),
        2 if peers.len() < 6 => {
            let kinds = [ConnectionKind::BlockRelay, ConnectionKind::FullRelay, ConnectionKind::AddrFetch];
            let kind = kinds[usize::from(details.u8()) % 3];
            let new = if details.u8() & 1 == 1 { node.outbound_silent(kind) } else { node.outbound(kind) };
            peers.push(new);
        }
        3 if peers.len() < 6 => {
            let permissions = Permissions { mempool: true, download: details.u8() & 1 == 1, ..Permissions::default() };
            peers.push(node.accept(permissions));
        }
        4 => node.say(peer, "headers", headers(&chain(node, &mut details))),
        5 => node.say(peer, "block", serialize(&block(node, &mut details))),
        6 => {
            let block = block(node, &mut details);
            node.say(peer, "cmpctblock", serialize(&compact(&block, details.u32().into())));
        }
        7 => {
            let tx = transaction(&mut details);
            let inv = [Inv::tx(TxId::Wtxid(tx.compute_wtxid()), false)];
            node.say(peer, "inv", Inv::payload(&inv));
            node.say(peer, "tx", serialize(&tx));
        }
        8 => {
            let block = block(node, &mut details);
            node.say(peer, "inv", Inv::payload(&[Inv::block(InvKind::Block, block.block_hash())]));
        }
        9 => {
            let base = node.host.active_block(u32::from(details.u8())).unwrap_or_else(|| node.host.tip());
            let kinds = [InvKind::WitnessBlock, InvKind::CompactBlock, InvKind::FilteredBlock, InvKind::Block];
            let invs: Vec<_> =
                (0..details.u8() % 20).map(|index| Inv::block(kinds[usize::from(index) % 4], base.hash)).collect();
            node.say(peer, "getdata", Inv::payload(&invs));
        }
        10 => {
            let places: Vec<u16> = (0..details.u8() % 4).map(u16::from).collect();
            node.say(peer, "getblocktxn", write_request(node.host.tip().hash, &places));
        }
        11 => {
            let mut writer = Writer::default();
            writer.u8(0);
            writer.u32(details.u8().into());
            writer.consensus(&node.host.tip().hash);
            let kinds = ["getcfilters", "getcfheaders"];
            node.say(peer, kinds[usize::from(details.u8()) % 2], writer.into_bytes());
        }
        12 => {
            // Several messages at once, before the node has its turn.
            for _ in 0..details.u8() % 32 {
                let name = TYPES[usize::from(details.u8()) % TYPES.len()];
                let message = Message { kind: MessageType::new(name), payload: details.part().to_vec() };
                let size = message.payload.len() + 24;
                node.net.handle_received(peer, Received::Message { message, size }, node.now);
            }
            node.work();
        }
        13 => {
            node.net.note_send_full(peer, details.u8() & 1 == 1);
            node.work();
        }
        14 => {
            let hash = node.host.best_header().hash;
            let _ = node.net.fetch_block(peer, hash, node.now, &node.host);
            node.work();
        }
        _ => {
            let mut writer = Writer::default();
            writer.consensus(&node.host.tip().hash);
            let transactions: Vec<_> = (0..details.u8() % 4).map(|_| transaction(&mut details)).collect();
            writer.list(&transactions, Writer::consensus);
            node.say(peer, "blocktxn", writer.into_bytes());
        }
    }
}

fn headers(headers: &[Header]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.list(headers, |writer, header| {
        writer.consensus(header);
        writer.u8(0);
    });
    writer.into_bytes()
}

/// Headers on top of any block of the active chain.
fn chain(node: &Scripted, details: &mut Bytes<'_>) -> Vec<Header> {
    let base = node.host.active_block(u32::from(details.u8())).unwrap_or_else(|| node.host.tip());
    let mut chain = mine_headers(base.hash, u32::from(details.u8() % 24), details.u8().into());
    if details.u8() % 8 == 1 && !chain.is_empty() {
        let index = usize::from(details.u8()) % chain.len();
        chain[index].nonce ^= details.u32();
    }
    chain
}

/// A block on top of any block of the active chain, good or bad.
fn block(node: &Scripted, details: &mut Bytes<'_>) -> Block {
    let base = node.host.active_block(u32::from(details.u8())).unwrap_or_else(|| node.host.tip());
    let transactions = (0..details.u8() % 4).map(|number| spend(&[coin(number.into())], 1, 0)).collect();
    let mark = u32::from(details.u16() % 700);
    let mut block = mine_block(&base, transactions, base.time.saturating_add(1), mark);
    if details.u8() % 8 == 1 {
        block.txdata.push(block.txdata[0].clone());
    }
    block
}

fn transaction(details: &mut Bytes<'_>) -> Transaction {
    let input = match details.u8() % 4 {
        0 => OutPoint { txid: bitcoin::hashes::Hash::from_byte_array([details.u8(); 32]), vout: 0 },
        // An output of another such transaction: an orphan, or a child.
        1 => OutPoint { txid: spend(&[coin(details.u8().into())], 1, 0).compute_txid(), vout: 0 },
        _ => coin(details.u8().into()),
    };
    let locks = [0, 0, 0, 555, 666];
    spend(&[input], usize::from(details.u8() % 3) + 1, locks[usize::from(details.u8()) % 5])
}

/// What the node keeps is bounded, and what it says can be read.
fn check(node: &mut Scripted) {
    assert!(node.net.orphans().len() <= 200, "{} orphans", node.net.orphans().len());
    assert!(node.host.header_count() < 6_000);
    assert!(node.now > Time::NEVER && node.now >= NOW);
    for (_, message) in std::mem::take(&mut node.sent) {
        assert!(message.payload.len() <= MAX_PAYLOAD);
        if matches!(message.kind.as_str(), "inv" | "getdata" | "notfound") {
            let count = Reader::new(&message.payload).compact_size();
            assert!(count.is_ok_and(|count| (1..=50_000).contains(&count)));
        }
        if message.kind.as_str() == "headers" {
            let list: Result<Vec<Header>, DecodeError> = Reader::new(&message.payload).list(|reader| {
                let header = reader.consensus()?;
                reader.u8()?;
                Ok(header)
            });
            assert!(list.is_ok_and(|list| list.len() <= 2_000));
        }
    }
    node.log.clear();
}
