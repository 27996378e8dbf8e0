//! What one node answers, case by case; the cases are those of Core's functional tests.

use super::super::scripted::{SERVICES, Scripted, version};
use super::super::testing::{BAD, coin, mine_block, mine_headers, spend};
use crate::compact::compact;
use crate::config::Permissions;
use crate::host::Host;
use crate::testing::TYPES;
use crate::wire::{Inv, InvKind, Reader, Writer};
use crate::{ConnectionKind, HeaderInfo, NetAddr, PeerAddress, PeerId, TxId, pow};
use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Txid};
use proptest::prelude::*;
use std::time::Duration;

fn headers_payload(headers: &[Header]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.list(headers, |writer, header| {
        writer.consensus(header);
        writer.u8(0);
    });
    writer.into_bytes()
}

fn getheaders_payload(locator: &[BlockHash]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u32(70_016);
    writer.list(locator, Writer::consensus);
    writer.bytes(&[0; 32]);
    writer.into_bytes()
}

fn count_in(payload: &[u8]) -> u64 {
    Reader::new(payload).compact_size().unwrap()
}

// p2p_leak.py
#[test]
fn nothing_is_said_before_the_handshake() {
    let mut node = Scripted::new();
    let quiet = node.accept(Permissions::default());
    node.pass(Duration::from_secs(1));
    assert_eq!(node.take_sent(quiet), [""; 0]);
    for kind in ["ping", "getaddr", "inv", "getheaders", "tx"] {
        node.say(quiet, kind, vec![0; 40]);
    }
    assert_eq!(node.take_sent(quiet), [""; 0]);
    node.assert_logged("non-version message before version handshake. Message \"ping\" from peer=0");

    node.say(quiet, "version", version(70_016, SERVICES, 1, true));
    assert_eq!(node.take_sent(quiet), ["version", "wtxidrelay", "sendaddrv2", "verack"]);
    node.say(quiet, "getaddr", Vec::new());
    assert_eq!(node.take_sent(quiet), [""; 0]);
    node.assert_logged("Unsupported message \"getaddr\" prior to verack from peer=0");
    node.pass(Duration::from_secs(62));
    assert!(node.is_gone(quiet), "it never sent a verack");
    node.assert_logged("version handshake timeout, disconnecting peer=0");
}

#[test]
fn an_obsolete_peer_is_disconnected_and_one_too_old_for_wtxids_is_not_asked_for_them() {
    let mut node = Scripted::new();
    let obsolete = node.accept(Permissions::default());
    node.say(obsolete, "version", version(31_799, SERVICES, 1, true));
    assert!(node.is_gone(obsolete));
    node.assert_logged("peer using obsolete version 31799, disconnecting peer=0");

    let old = node.accept(Permissions::default());
    node.say(old, "version", version(70_015, SERVICES, 1, true));
    assert_eq!(node.take_sent(old), ["version", "verack"]);
    node.say(old, "verack", Vec::new());
    node.say(old, "wtxidrelay", Vec::new());
    assert!(node.is_gone(old));
    node.assert_logged("wtxidrelay received after verack, disconnecting peer=1");
}

#[test]
fn an_outbound_peer_must_offer_what_we_need() {
    let mut node = Scripted::new();
    let useless = node.outbound_silent(ConnectionKind::FullRelay);
    assert_eq!(node.take_sent(useless), ["version"]);
    node.say(useless, "version", version(70_016, 0, 1, true));
    assert!(node.is_gone(useless));
    node.assert_logged(
        "peer does not offer the expected services (00000000 offered, 00000009 expected), disconnecting peer=0",
    );
}

// p2p_handshake.py
#[test]
fn a_connection_to_ourselves_is_closed() {
    let mut node = Scripted::new();
    let out = node.outbound_silent(ConnectionKind::FullRelay);
    let ours = node.last(out, "version").unwrap();
    let nonce = u64::from_le_bytes(ours[72..80].try_into().unwrap());
    let back = node.accept(Permissions::default());
    node.say(back, "version", version(70_016, SERVICES, nonce, true));
    assert!(node.is_gone(back));
    node.assert_logged("connected to self at");
}

// p2p_timeouts.py
#[test]
fn silent_connections_time_out() {
    let mut node = Scripted::new();
    let mute = node.accept(Permissions::default());
    node.pass(Duration::from_secs(59));
    assert!(!node.is_gone(mute));
    node.pass(Duration::from_secs(2));
    assert!(node.is_gone(mute));
    node.assert_logged("socket no message in first 60 seconds, never received from peer, disconnecting peer=0");
}

// p2p_ping.py
#[test]
fn pings_are_sent_answered_and_missed() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    node.pass(Duration::from_secs(121));
    let nonce = node.last(peer, "ping").expect("a ping is due");
    node.say(peer, "pong", vec![1; 8]);
    node.assert_logged("pong peer=0: Nonce mismatch");
    node.say(peer, "pong", Vec::new());
    node.assert_logged("pong peer=0: Short payload");
    node.say(peer, "pong", nonce);
    node.assert_logged("pong peer=0: Unsolicited pong without ping, 0 expected,");

    node.net.ping_all();
    node.work();
    let nonce = node.last(peer, "ping").unwrap();
    node.now = node.now + Duration::from_millis(250);
    node.say(peer, "pong", nonce);
    let info = &node.net.peer_infos(node.now)[0];
    assert_eq!((info.ping, info.min_ping, info.ping_wait), (Some(250_000), Some(0), None));

    node.net.ping_all();
    node.work();
    node.now = node.now + Duration::from_secs(1_201);
    node.say(peer, "verack", Vec::new());
    assert!(node.is_gone(peer));
    node.assert_logged("ping timeout: 1201.000000s, disconnecting peer=0");
    node.sent.clear();
    let other = node.inbound();
    node.say(other, "ping", 77_u64.to_le_bytes().to_vec());
    assert_eq!(node.last(other, "pong").unwrap(), 77_u64.to_le_bytes());
}

// p2p_invalid_messages.py
#[test]
fn oversized_lists_are_misbehaviour() {
    for (kind, item, count) in [("inv", 36, 50_001_u32), ("getdata", 36, 50_001), ("headers", 81, 2_001)] {
        let mut node = Scripted::new();
        let peer = node.inbound();
        let mut writer = Writer::default();
        writer.compact_size(u64::from(count));
        writer.bytes(&vec![1; item * count as usize]);
        node.say(peer, kind, writer.into_bytes());
        node.assert_logged(&format!("Misbehaving: peer=0: {kind} message size = {count}"));
        assert!(node.is_gone(peer));
        assert!(node.net.bans().is_discouraged(&"44.2.1.1".parse::<NetAddr>().unwrap()));
    }
}

#[test]
fn broken_payloads_are_logged_and_forgiven() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    node.say(peer, "addrv2", Vec::new());
    node.assert_logged("received: addrv2 (0 bytes) peer=0");
    node.assert_logged("ProcessMessages(addrv2, 0 bytes): Exception 'DataStream::read(): end of data: iostream error'");
    node.say(peer, "nonsense", vec![1, 2, 3]);
    node.assert_logged("Unknown message type \"nonsense\" from peer=0");
    assert!(!node.is_gone(peer));
}

// p2p_addr_relay.py
#[test]
fn addresses_are_rate_limited_and_relayed_to_two() {
    let mut node = Scripted::new();
    let source = node.inbound();
    let listeners: Vec<_> = (0..4).map(|_| node.inbound()).collect();
    for listener in &listeners {
        node.say(*listener, "getaddr", Vec::new());
    }
    let mut writer = Writer::default();
    writer.compact_size(10);
    for number in 0..10_u8 {
        let address = PeerAddress::parse(&format!("123.123.123.{number}:8333"), 8_333).unwrap();
        let time = node.now.secs() as u32;
        crate::address::write_entry(&mut writer, &crate::AddressEntry { address, services: 9.into(), time });
    }
    node.say(source, "addr", writer.into_bytes());
    node.assert_logged("Received addr: 10 addresses (1 processed, 9 rate-limited) from peer=0");
    node.now = node.now + Duration::from_secs(10 * 60);
    node.pass(Duration::from_secs(60));
    let told = listeners.iter().filter(|id| node.last(**id, "addr").is_some()).count();
    assert_eq!(told, 2, "one address goes to two peers");
    node.assert_logged("Added 1 addresses (of 1) from 44.2.1.1");
    node.say(listeners[0], "getaddr", Vec::new());
    node.assert_logged("Ignoring repeated \"getaddr\". peer=1");
}

#[test]
fn block_relay_connections_know_neither_addresses_nor_transactions() {
    let mut node = Scripted::new();
    let peer = node.outbound_silent(ConnectionKind::BlockRelay);
    let ours = node.last(peer, "version").unwrap();
    assert_eq!(ours.last(), Some(&0), "it says that it wants no transactions");
    node.say(peer, "version", version(70_016, SERVICES, 5, true));
    assert!(!node.take_sent(peer).contains(&"getaddr".to_owned()));
    node.say(peer, "verack", Vec::new());
    let tx = spend(&[coin(1)], 1, 0);
    let inv = Inv::tx(TxId::Txid(tx.compute_txid()), false);
    node.say(peer, "inv", Inv::payload(&[inv]));
    assert!(node.is_gone(peer));
    node.assert_logged("inv sent in violation of protocol, disconnecting peer=0");
}

// p2p_sendheaders.py
#[test]
fn blocks_are_announced_the_way_a_peer_wants() {
    let mut node = Scripted::new();
    node.generate(3);
    let by_inv = node.inbound();
    let by_header = node.inbound();
    let tip = node.host.tip().hash;
    node.say(by_header, "sendheaders", Vec::new());
    node.say(by_header, "getheaders", getheaders_payload(&[tip]));
    node.sent.clear();
    node.generate(1);
    node.work();
    assert_eq!(node.take_sent(by_inv), ["inv"]);
    assert_eq!(count_in(&node.last(by_header, "headers").unwrap()), 1);

    // After a reorganisation of many blocks an inv of the tip is enough.
    node.sent.clear();
    node.generate(9);
    node.work();
    assert_eq!(count_in(&node.last(by_header, "inv").unwrap()), 1);
    node.assert_logged("sending inv peer=1 hash=");
}

#[test]
fn headers_are_served_from_the_fork() {
    let mut node = Scripted::new();
    node.generate(10);
    let peer = node.inbound();
    let fifth = node.host.active_block(5).unwrap().hash;
    let unknown = BlockHash::from_byte_array([7; 32]);
    node.say(peer, "getheaders", getheaders_payload(&[unknown, fifth]));
    assert_eq!(count_in(&node.last(peer, "headers").unwrap()), 6);
    node.say(peer, "getheaders", getheaders_payload(&[unknown; 102]));
    assert!(node.is_gone(peer));
    node.assert_logged("getheaders locator size 102 > 101, disconnecting peer=0");
}

#[test]
fn headers_that_connect_to_nothing_are_asked_about_once() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    node.pass(Duration::from_secs(130));
    let chain = mine_headers(BlockHash::from_byte_array([9; 32]), 3, 0);
    node.sent.clear();
    node.say(peer, "headers", headers_payload(&chain));
    node.say(peer, "headers", headers_payload(&chain));
    let asked = node.take_sent(peer).iter().filter(|kind| *kind == "getheaders").count();
    assert_eq!(asked, 1);
    node.assert_logged("missing prev block");
    let gap = [chain[0], chain[2]];
    node.say(peer, "headers", headers_payload(&gap));
    assert!(node.is_gone(peer));
    node.assert_logged("Misbehaving: peer=0: non-continuous headers sequence");
}

#[test]
fn headers_without_work_are_misbehaviour() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    let mut header = mine_headers(node.host.tip().hash, 1, 0)[0];
    while header.target().is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    node.say(peer, "headers", headers_payload(&[header]));
    assert!(node.is_gone(peer));
    node.assert_logged("Misbehaving: peer=0: header with invalid proof of work");
}

#[test]
fn a_low_work_chain_is_ignored_and_not_kept() {
    let mut node = Scripted::new();
    node.host.minimum_work = pow::times(pow::proof(node.host.tip().bits), 1_000);
    let peer = node.inbound();
    let chain = mine_headers(node.host.active_block(0).unwrap().hash, 14, 3);
    let before = node.host.header_count();
    node.say(peer, "headers", headers_payload(&chain));
    node.assert_logged("Ignoring low-work chain (height=14) from peer=0");
    assert_eq!(node.host.header_count(), before);
}

// p2p_invalid_block.py, p2p_mutated_blocks.py
#[test]
fn who_sends_a_bad_block_is_disconnected() {
    let mut node = Scripted::new();
    let good = mine_block(&node.host.tip(), vec![spend(&[coin(1)], 1, 0)], node.now.secs() as u32, 1);
    let mut mutated = good.clone();
    mutated.txdata.pop();
    let peer = node.inbound();
    node.say(peer, "block", serialize(&mutated));
    assert!(node.is_gone(peer));
    node.assert_logged("Block mutated: bad-txnmrklroot, hashMerkleRoot mismatch");
    node.assert_logged("Misbehaving: peer=0: mutated block");

    let bad = mine_block(&node.host.tip(), Vec::new(), node.now.secs() as u32, BAD);
    let peer = node.inbound();
    node.say(peer, "block", serialize(&bad));
    assert!(node.is_gone(peer));

    let peer = node.inbound();
    node.say(peer, "block", serialize(&good));
    assert!(!node.is_gone(peer));
    assert_eq!(node.host.tip().hash, good.block_hash(), "the mutation did not spoil the block itself");
}

// p2p_compactblocks.py
fn high_bandwidth_peer(node: &mut Scripted) -> PeerId {
    let peer = node.inbound();
    let mut sendcmpct = vec![1];
    sendcmpct.extend(2_u64.to_le_bytes());
    node.say(peer, "sendcmpct", sendcmpct);
    let block = mine_block(&node.host.tip(), Vec::new(), node.now.secs() as u32, 40 + peer.0 as u32);
    node.say(peer, "block", serialize(&block));
    assert_eq!(node.last(peer, "sendcmpct").map(|payload| payload[0]), Some(1), "it may announce from now on");
    node.sent.clear();
    peer
}

#[test]
fn a_compact_block_is_completed_with_what_is_missing() {
    let mut node = Scripted::new();
    let peer = high_bandwidth_peer(&mut node);
    let transactions: Vec<_> = (1..5).map(|number| spend(&[coin(number)], 1, 0)).collect();
    node.host.mempool_insert(&transactions[0]);
    let block = mine_block(&node.host.tip(), transactions, node.now.secs() as u32, 0);
    node.say(peer, "cmpctblock", serialize(&compact(&block, 5)));
    let request = node.last(peer, "getblocktxn").expect("three are missing");
    let (hash, places) = crate::compact::read_request(&mut Reader::new(&request)).unwrap();
    assert_eq!((hash, places), (block.block_hash(), vec![2, 3, 4]));
    let mut writer = Writer::default();
    writer.consensus(&hash);
    writer.list(&block.txdata[2..], Writer::consensus);
    node.say(peer, "blocktxn", writer.into_bytes());
    assert_eq!(node.host.tip().hash, block.block_hash());
    node.assert_logged("1 txn from mempool (incl at least 0 from extra pool) and 3 txn");
}

#[test]
fn a_compact_block_needs_no_request_but_an_honest_sendcmpct() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    let block = mine_block(&node.host.tip(), Vec::new(), node.now.secs() as u32, 0);
    node.say(peer, "cmpctblock", serialize(&compact(&block, 5)));
    assert_eq!(node.host.tip().hash, block.block_hash());
    node.say(peer, "sendcmpct", [&[2][..], &2_u64.to_le_bytes()].concat());
    assert!(node.is_gone(peer));
    node.assert_logged("Misbehaving: peer=0: invalid sendcmpct announce field");
}

#[test]
fn a_node_without_transactions_takes_no_compact_blocks() {
    let mut node = Scripted::with(|config| config.ignore_incoming_txs = true);
    let peer = node.inbound();
    let block = mine_block(&node.host.tip(), Vec::new(), node.now.secs() as u32, 0);
    node.say(peer, "cmpctblock", serialize(&compact(&block, 5)));
    node.assert_logged("peer=0 sent us a compact block even though we are blocksonly!");
    assert_ne!(node.host.tip().hash, block.block_hash());
}

#[test]
fn one_block_is_fetched_in_compact_form_from_three_peers_at_most() {
    let mut node = Scripted::new();
    let peers: Vec<_> = (0..3).map(|_| high_bandwidth_peer(&mut node)).collect();
    let block = mine_block(&node.host.tip(), vec![spend(&[coin(1)], 1, 0)], node.now.secs() as u32, 0);
    for peer in &peers {
        node.say(*peer, "cmpctblock", serialize(&compact(&block, 5)));
    }
    let asked = peers.iter().filter(|peer| node.last(**peer, "getblocktxn").is_some()).count();
    assert_eq!(asked, 2, "inbound peers leave the last slot to an outbound one");
}

#[test]
fn wrong_transactions_lead_to_the_whole_block_or_to_the_door() {
    let mut node = Scripted::new();
    let peer = high_bandwidth_peer(&mut node);
    let block = mine_block(&node.host.tip(), vec![spend(&[coin(1)], 1, 0)], node.now.secs() as u32, 0);
    node.say(peer, "cmpctblock", serialize(&compact(&block, 5)));
    let answer = |transactions: &[bitcoin::Transaction]| {
        let mut writer = Writer::default();
        writer.consensus(&block.block_hash());
        writer.list(transactions, Writer::consensus);
        writer.into_bytes()
    };
    node.sent.clear();
    node.say(peer, "blocktxn", answer(&[spend(&[coin(9)], 1, 0)]));
    assert!(node.take_sent(peer).contains(&"getdata".to_owned()), "perhaps a collision: the whole block decides");
    node.say(peer, "blocktxn", answer(&block.txdata[1..]));
    assert!(node.is_gone(peer));
    node.assert_logged("previous compact block reconstruction attempt failed");
}

#[test]
fn transactions_of_recent_blocks_are_served() {
    let mut node = Scripted::new();
    node.host.mempool_insert(&spend(&[coin(1)], 1, 0));
    node.generate(1);
    let tip = node.host.tip().hash;
    let peer = node.inbound();
    node.say(peer, "getblocktxn", crate::compact::write_request(tip, &[0, 1]));
    assert!(node.last(peer, "blocktxn").is_some());
    node.generate(12);
    node.sent.clear();
    node.say(peer, "getblocktxn", crate::compact::write_request(tip, &[0]));
    assert_eq!(node.take_sent(peer).iter().filter(|kind| *kind == "block").count(), 1, "an old one comes whole");
    let tip = node.host.tip().hash;
    node.say(peer, "getblocktxn", crate::compact::write_request(tip, &[5]));
    assert!(node.is_gone(peer));
    node.assert_logged("getblocktxn with out-of-bounds tx indices");
}

// p2p_tx_download.py
#[test]
fn a_transaction_is_asked_of_outbound_peers_first_and_of_another_when_one_fails() {
    let mut node = Scripted::new();
    let inbound = node.inbound();
    let outbound = node.outbound(ConnectionKind::FullRelay);
    let tx = spend(&[coin(1)], 1, 0);
    let inv = Inv::tx(TxId::Wtxid(tx.compute_wtxid()), false);
    node.say(inbound, "inv", Inv::payload(&[inv]));
    node.say(outbound, "inv", Inv::payload(&[inv]));
    node.work();
    assert_eq!(node.last(outbound, "getdata"), Some(Inv::payload(&[inv])));
    node.pass(Duration::from_secs(3));
    assert_eq!(node.last(inbound, "getdata"), None);
    node.say(outbound, "notfound", Inv::payload(&[inv]));
    assert_eq!(node.last(inbound, "getdata"), Some(Inv::payload(&[inv])));
    node.say(inbound, "tx", serialize(&tx));
    assert_eq!(node.host.mempool_len(), 1);
    assert!(node.net.peer_infos(node.now)[0].last_transaction == node.now);
}

#[test]
fn invalid_transactions_do_not_cost_the_connection_and_are_not_asked_for_again() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    let tx = spend(&[coin(1)], 1, BAD);
    node.say(peer, "tx", serialize(&tx));
    node.assert_logged("was not accepted: bad-test");
    assert!(!node.is_gone(peer));
    let inv = Inv::tx(TxId::Wtxid(tx.compute_wtxid()), false);
    node.say(peer, "inv", Inv::payload(&[inv]));
    node.pass(Duration::from_secs(10));
    assert_eq!(node.last(peer, "getdata"), None);
    node.assert_logged("got inv: wtx");
    // On another tip it may be fine.
    node.generate(1);
    node.say(peer, "inv", Inv::payload(&[inv]));
    node.pass(Duration::from_secs(10));
    assert_eq!(node.last(peer, "getdata"), Some(Inv::payload(&[inv])));
}

// p2p_leak_tx.py
#[test]
fn transactions_are_served_only_after_they_were_announced() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    node.pass(Duration::from_secs(60));
    let tx = spend(&[coin(1)], 1, 0);
    let inv = Inv::tx(TxId::Wtxid(tx.compute_wtxid()), false);
    node.host.mempool_insert(&tx);
    node.net.relay_transaction(tx.compute_txid(), tx.compute_wtxid());
    node.say(peer, "getdata", Inv::payload(&[inv]));
    assert_eq!(node.last(peer, "notfound"), Some(Inv::payload(&[inv])), "asking early would tell when it came");
    node.pass(Duration::from_secs(60));
    assert_eq!(node.last(peer, "inv"), Some(Inv::payload(&[inv])));
    node.say(peer, "getdata", Inv::payload(&[inv]));
    assert_eq!(node.last(peer, "tx"), Some(serialize(&tx)));
}

// p2p_fingerprint.py
#[test]
fn abandoned_blocks_are_not_shown_after_a_month() {
    let mut node = Scripted::new();
    node.generate(5);
    let fork = node.host.active_block(4).unwrap();
    let stale = node.host.tip().hash;
    let mut tip: HeaderInfo = fork;
    for mark in 0..3 {
        let block = mine_block(&tip, Vec::new(), node.now.secs() as u32 + mark, 50 + mark);
        let hash = block.block_hash();
        node.host.accept_block(std::sync::Arc::new(block), true, true, node.now);
        tip = node.host.header(&hash).unwrap();
    }
    let peer = node.inbound();
    let ask = Inv::payload(&[Inv::block(InvKind::WitnessBlock, stale)]);
    node.say(peer, "getdata", ask.clone());
    assert!(node.last(peer, "block").is_some(), "abandoned lately");
    node.now = node.now + Duration::from_secs(40 * 24 * 60 * 60);
    node.generate(1);
    node.sent.clear();
    let peer = node.inbound();
    node.say(peer, "getdata", ask);
    assert!(node.last(peer, "block").is_none());
    node.assert_logged("for old block that isn't in the main chain");
}

#[test]
fn getblocks_leads_a_peer_through_the_chain() {
    let mut node = Scripted::new();
    node.generate(600);
    let peer = node.inbound();
    let genesis = node.host.active_block(0).unwrap().hash;
    node.say(peer, "getblocks", getheaders_payload(&[genesis]));
    let invs = node.last(peer, "inv").unwrap();
    assert_eq!(count_in(&invs), 500);
    let last = node.host.active_block(500).unwrap().hash;
    node.sent.clear();
    node.say(peer, "getdata", Inv::payload(&[Inv::block(InvKind::Block, last)]));
    assert_eq!(node.take_sent(peer), ["block", "inv"], "the inv makes it ask for the next");
}

// p2p_blockfilters.py
#[test]
fn filters_are_served_within_limits() {
    let mut node = Scripted::with(|config| {
        config.services |= bitcoin::p2p::ServiceFlags::COMPACT_FILTERS;
    });
    node.generate(1_100);
    let peer = node.inbound();
    let tip = node.host.tip().hash;
    let ask = |start: u32, stop: BlockHash| {
        let mut writer = Writer::default();
        writer.u8(0);
        writer.u32(start);
        writer.consensus(&stop);
        writer.into_bytes()
    };
    node.say(peer, "getcfilters", ask(1_100, tip));
    assert_eq!(node.take_sent(peer), ["cfilter", "cfilter"]);
    node.say(peer, "getcfheaders", ask(1, tip));
    let headers = node.last(peer, "cfheaders").unwrap();
    assert_eq!(headers.len(), 1 + 32 + 32 + 3 + 1_101 * 32);
    let mut checkpoint = vec![0];
    checkpoint.extend(tip.to_byte_array());
    node.say(peer, "getcfcheckpt", checkpoint);
    assert_eq!(node.last(peer, "cfcheckpt").unwrap().len(), 1 + 32 + 1 + 32);
    node.say(peer, "getcfilters", ask(0, tip));
    assert!(node.is_gone(peer));
    node.assert_logged("peer requested too many cfilters/cfheaders: 1102 / 1000, disconnecting peer=0");
}

#[test]
fn a_peer_without_permission_gets_no_mempool_and_no_bloom_filter() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    node.say(peer, "mempool", Vec::new());
    assert!(node.is_gone(peer));
    node.assert_logged("mempool request with bloom filters disabled, disconnecting peer=0");
    let peer = node.inbound();
    node.say(peer, "filterload", vec![0; 20]);
    assert!(node.is_gone(peer));
    node.assert_logged("filterload received despite not offering bloom services, disconnecting peer=1");

    let friend = node.accept(Permissions { mempool: true, ..Permissions::default() });
    node.shake(friend);
    node.host.mempool_insert(&spend(&[coin(4)], 1, 0));
    node.say(friend, "mempool", Vec::new());
    node.pass(Duration::from_secs(60));
    assert_eq!(count_in(&node.last(friend, "inv").unwrap()), 1);
}

// p2p_outbound_headers_sync.py, p2p_block_sync.py: an outbound peer that stays behind is asked once and replaced.
#[test]
fn an_outbound_peer_that_stays_behind_is_replaced() {
    let mut node = Scripted::new();
    node.generate(5);
    let peer = node.outbound(ConnectionKind::FullRelay);
    node.work();
    let old = node.host.active_block(3).and_then(|header| node.host.raw_header(&header.hash)).unwrap();
    node.say(peer, "headers", headers_payload(&[old]));
    for _ in 0..25 {
        node.pass(Duration::from_secs(60));
        answer_pings(&mut node, peer);
    }
    node.assert_logged("to verify chain work");
    node.say(peer, "headers", headers_payload(&[]));
    for _ in 0..3 {
        node.pass(Duration::from_secs(60));
        answer_pings(&mut node, peer);
    }
    assert!(node.is_gone(peer));
    node.assert_logged("Outbound peer has old chain, best known block = ");
}

fn answer_pings(node: &mut Scripted, peer: PeerId) {
    if let Some(nonce) = node.last(peer, "ping") {
        node.say(peer, "pong", nonce);
    }
}

// p2p_eviction.py, p2p_disconnect_ban.py
#[test]
fn banned_addresses_are_refused_and_their_peers_disconnected() {
    let mut node = Scripted::new();
    let peer = node.inbound();
    let subnet = "44.2.0.0/16".parse().unwrap();
    assert!(node.net.ban(subnet, node.now + Duration::from_secs(100), node.now));
    node.work();
    assert!(node.is_gone(peer));
    let address = PeerAddress::parse("44.2.9.9:1", 0).unwrap();
    assert!(node.net.accept(address, address, Permissions::default(), node.now).is_none());
    node.drain();
    node.assert_logged("connection from 44.2.9.9:1 dropped (banned)");
    node.now = node.now + Duration::from_secs(100);
    assert!(node.net.accept(address, address, Permissions::default(), node.now).is_some());
}

#[test]
fn a_flood_of_messages_pauses_the_socket_until_they_are_processed() {
    let mut node = Scripted::with(|config| config.receive_flood = 1_000);
    let peer = node.inbound();
    let message = || crate::wire::Message::new("nonsense", vec![0; 800]);
    for _ in 0..3 {
        let received = crate::wire::Received::Message { message: message(), size: 824 };
        node.net.handle_received(peer, received, node.now);
    }
    let mut pauses = Vec::new();
    for _ in 0..4 {
        while let Some(output) = node.net.poll_output() {
            if let crate::Output::PauseReading { pause, .. } = output {
                pauses.push(pause);
            }
        }
        node.net.work(node.now, &mut node.host);
    }
    assert_eq!(pauses, [true, false]);
}

#[test]
fn outbound_connections_go_to_different_groups() {
    let mut node = Scripted::with(|config| config.connect = None);
    let now = node.now;
    for number in 1..200_u8 {
        let text = if number < 150 { format!("99.88.{number}.1:8333") } else { format!("{number}.1.1.1:8333") };
        let address = PeerAddress::parse(&text, 8_333).unwrap();
        let entry = crate::AddressEntry { address, services: 9.into(), time: now.secs() as u32 - 100 };
        node.net.book_mut().add(&[entry], &format!("{number}.7.7.7").parse().unwrap(), Duration::ZERO, now);
    }
    for _ in 0..200 {
        node.pass(Duration::from_millis(500));
        if let Some((dial, crate::DialTarget::Address(address))) = node.dialed.pop()
            && let Some((id, _)) = node.net.dialed(dial, address, address, Permissions::default(), node.now)
        {
            node.shake(id);
        }
    }
    let infos = node.net.peer_infos(node.now);
    let of = |kind| infos.iter().filter(|info| info.kind == kind).count();
    assert_eq!((of(ConnectionKind::FullRelay), of(ConnectionKind::BlockRelay)), (8, 2));
    let groups: std::collections::BTreeSet<_> = infos.iter().map(|info| info.address.addr.group()).collect();
    assert_eq!(groups.len(), 10, "two connections go to the same group");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_messages_are_survived_with_bounded_memory(
        messages in prop::collection::vec((0..TYPES.len(), prop::collection::vec(any::<u8>(), 0..300), 0..4_u64), 1..60)
    ) {
        let mut node = Scripted::new();
        let first = node.inbound();
        let mut peer = first;
        for (kind, payload, wait) in messages {
            if node.is_gone(peer) {
                peer = node.inbound();
            }
            node.now = node.now + Duration::from_secs(wait * 7);
            node.say(peer, TYPES[kind], payload);
        }
        prop_assert!(node.host.header_count() < 20);
        prop_assert!(node.net.orphans().len() < 100);
    }

    #[test]
    fn well_formed_lies_are_survived(steps in prop::collection::vec((0..9_u8, 0..40_u32, any::<u32>()), 1..60)) {
        let mut node = Scripted::new();
        node.generate(3);
        let mut peers = [node.inbound(), node.inbound(), node.outbound(ConnectionKind::FullRelay)];
        for (index, (what, number, random)) in steps.into_iter().enumerate() {
            let slot = random as usize % peers.len();
            if node.is_gone(peers[slot]) {
                peers[slot] = node.inbound();
            }
            let peer = peers[slot];
            let base = node.host.active_block(number % (node.host.tip().height + 1)).unwrap();
            let block = mine_block(&base, vec![spend(&[coin(number)], 1, 0)], base.time + 1, random % 700);
            let tx = spend(&[bitcoin::OutPoint { txid: Txid::from_byte_array([number as u8; 32]), vout: 0 }], 1, 0);
            match what {
                0 => node.say(peer, "headers", headers_payload(&[block.header])),
                1 => node.say(peer, "block", serialize(&block)),
                2 => node.say(peer, "cmpctblock", serialize(&compact(&block, u64::from(random)))),
                3 => node.say(peer, "tx", serialize(&tx)),
                4 => node.say(peer, "inv", Inv::payload(&[
                    Inv::tx(TxId::Wtxid(tx.compute_wtxid()), false),
                    Inv::block(InvKind::Block, block.block_hash()),
                ])),
                5 => node.say(peer, "getdata", Inv::payload(&[
                    Inv::block(InvKind::CompactBlock, base.hash),
                    Inv::tx(TxId::Txid(tx.compute_txid()), true),
                    Inv { kind: InvKind::Unknown(random), hash: [0; 32] },
                    Inv::block(InvKind::FilteredBlock, base.hash),
                ])),
                6 => node.say(peer, "getblocktxn", crate::compact::write_request(base.hash, &[0])),
                7 => node.say(peer, "sendcmpct", [&[(random % 2) as u8][..], &2_u64.to_le_bytes()].concat()),
                _ => node.pass(Duration::from_secs(u64::from(number))),
            }
            if index % 7 == 0 {
                node.generate(1);
            }
        }
    }
}
