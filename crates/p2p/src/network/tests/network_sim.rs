//! Networks of nodes: sync, reorganisation, relay, and peers that fail.

use super::super::testing::{BAD, coin, spend};
use super::sim::{Sim, address};
use crate::config::Config;
use crate::light::{FilterSync, LightEvent};
use crate::network::testing::regtest_params;
use crate::wire::TransportKind;
use crate::{Host, pow};
use bitcoin::p2p::ServiceFlags;
use bitcoin::{OutPoint, ScriptBuf};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn peers_agree_on_encryption_and_fall_back_to_v1() {
    let v1 = || {
        let mut config = Config::new(regtest_params());
        config.services.remove(ServiceFlags::P2P_V2);
        config
    };
    let mut sim = Sim::with(3, 1, |node| if node == 2 { v1() } else { Config::new(regtest_params()) });
    sim.connect(0, 1);
    sim.connect(0, 2);
    sim.run(Duration::from_secs(10));
    let infos = sim.nodes[0].net.peer_infos(sim.now);
    let of = |node: usize| infos.iter().find(|info| info.address == address(node));
    let encrypted = of(1).expect("connected");
    assert_eq!(encrypted.transport.kind, TransportKind::V2);
    let theirs = &sim.nodes[1].net.peer_infos(sim.now)[0];
    assert_eq!(encrypted.transport.session_id, theirs.transport.session_id);
    assert!(encrypted.ping.is_some(), "a ping was answered");
    // Node 2 knows v1 only: it takes the key for nonsense and closes, and is tried again.
    assert_eq!(of(2).expect("tried again").transport.kind, TransportKind::V1);
    assert!(sim.logged(2, "Header error: Wrong MessageStart"));
    assert!(sim.logged(0, "retrying with v1 transport protocol"));
}

#[test]
fn a_new_node_fetches_a_long_chain_from_several_peers_at_once() {
    let mut sim = Sim::new(4, 2);
    sim.generate(0, 1_500, 0);
    sim.connect(1, 0);
    sim.run_until(10 * MINUTE, "first copy", |sim| sim.height(1) == 1_500);
    sim.connect(2, 0);
    sim.run_until(10 * MINUTE, "second copy", |sim| sim.height(2) == 1_500);
    for other in 0..3 {
        sim.connect(3, other);
    }
    sim.run_until(10 * MINUTE, "sync", |sim| sim.all_at_tip_of(0));
    let infos = sim.nodes[3].net.peer_infos(sim.now);
    let givers = infos.iter().filter(|info| {
        info.received_by_type.get(&crate::wire::MessageType::new("block")).is_some_and(|bytes| *bytes > 10_000)
    });
    assert!(givers.count() >= 2, "the blocks came from one peer only");
}

#[test]
fn a_peer_that_stops_delivering_is_dropped_and_its_blocks_come_from_others() {
    let mut sim = Sim::new(3, 3);
    sim.generate(0, 1_200, 0);
    sim.connect(1, 0);
    sim.run_until(10 * MINUTE, "copy", |sim| sim.height(1) == 1_200);
    sim.connect(2, 0);
    sim.connect(2, 1);
    sim.run_until(MINUTE, "blocks on their way", |sim| {
        let infos = sim.nodes[2].net.peer_infos(sim.now);
        infos.iter().any(|info| info.address == address(0) && !info.in_flight.is_empty())
    });
    sim.mute(0, 2);
    // Everybody else has gone to the end of the window and waits; that takes seconds, not the minutes of a slow block.
    sim.run_until(3 * MINUTE, "sync without the silent peer", |sim| sim.height(2) == 1_200);
    assert!(sim.logged(2, "Stall started peer="));
    assert!(sim.logged(2, "Peer is stalling block download, disconnecting peer="));
}

#[test]
fn networks_that_were_apart_meet_at_the_longer_chain() {
    let mut sim = Sim::new(4, 4);
    sim.generate(0, 20, 0);
    for (from, to) in [(1, 0), (3, 2), (2, 0)] {
        sim.connect(from, to);
    }
    sim.run_until(10 * MINUTE, "common chain", |sim| sim.all_at_tip_of(0));
    sim.cut(2, 0);
    sim.generate(0, 100, 1);
    sim.generate(2, 101, 2);
    sim.run_until(10 * MINUTE, "both halves", |sim| sim.height(1) == 120 && sim.height(3) == 121);
    sim.connect(2, 0);
    sim.run_until(20 * MINUTE, "reorganisation of 100 blocks", |sim| sim.all_at_tip_of(2));
    assert_eq!(sim.height(1), 121);
}

#[test]
fn a_transaction_reaches_everybody_and_is_not_sent_back() {
    let mut sim = Sim::new(6, 5);
    sim.generate(0, 1, 0);
    for node in 1..6 {
        sim.connect(node, node - 1);
    }
    sim.connect(5, 0);
    sim.run_until(10 * MINUTE, "sync", |sim| sim.all_at_tip_of(0));
    let tx = spend(&[coin(1)], 2, 0);
    sim.submit(0, &tx);
    sim.run_until(10 * MINUTE, "relay", |sim| sim.nodes.iter().all(|node| node.host.mempool_len() == 1));
    let sent: usize = sim.nodes.iter().map(|node| node.sent.get("tx").copied().unwrap_or(0)).sum();
    assert_eq!(sent, 5, "each of the five others got it once");
}

#[test]
fn an_orphan_waits_until_its_parent_is_fetched() {
    let mut sim = Sim::new(2, 6);
    sim.generate(0, 1, 0);
    sim.connect(1, 0);
    sim.run_until(MINUTE, "sync", |sim| sim.all_at_tip_of(0));
    let parent = spend(&[coin(2)], 2, 0);
    let child = spend(&[OutPoint { txid: parent.compute_txid(), vout: 0 }], 1, 0);
    sim.run(Duration::from_secs(10));
    // The parent enters without being announced, so that the child comes first.
    sim.nodes[0].host.mempool_insert(&parent);
    sim.submit(0, &child);
    sim.run_until(5 * MINUTE, "both", |sim| sim.nodes[1].host.mempool_len() == 2);
    assert!(sim.logged(1, "stored orphan tx"));
    assert!(sim.logged(1, "accepted orphan tx"));
    assert!(sim.nodes[1].net.orphans().is_empty());
}

#[test]
fn a_child_pays_for_a_parent_that_is_too_cheap_alone() {
    let mut sim = Sim::new(2, 7);
    sim.generate(0, 1, 0);
    sim.connect(1, 0);
    sim.run_until(MINUTE, "sync", |sim| sim.all_at_tip_of(0));
    let parent = spend(&[coin(3)], 2, sim.nodes[1].host.poor);
    let child = spend(&[OutPoint { txid: parent.compute_txid(), vout: 0 }], 1, 0);
    sim.run(Duration::from_secs(10));
    sim.nodes[0].host.mempool_insert(&parent);
    sim.submit(0, &child);
    sim.run_until(5 * MINUTE, "package", |sim| sim.nodes[1].host.mempool_len() == 2);
    assert!(sim.logged(1, "package accepted"));
}

#[test]
fn new_blocks_travel_in_compact_form() {
    let mut sim = Sim::new(4, 8);
    sim.generate(0, 10, 0);
    for node in 1..4 {
        sim.connect(node, node - 1);
    }
    sim.run_until(10 * MINUTE, "sync", |sim| sim.all_at_tip_of(0));
    for number in 10..20 {
        sim.submit(0, &spend(&[coin(number)], 1, 0));
    }
    sim.run_until(10 * MINUTE, "relay", |sim| sim.nodes.iter().all(|node| node.host.mempool_len() == 10));
    for _ in 0..3 {
        sim.run(MINUTE);
        sim.generate(0, 1, 0);
        sim.run_until(5 * MINUTE, "new block", |sim| sim.all_at_tip_of(0));
    }
    let compact: usize = sim.nodes.iter().map(|node| node.sent.get("cmpctblock").copied().unwrap_or(0)).sum();
    assert!(compact >= 6, "{compact} compact blocks for three blocks and three hops");
    assert!((1..4).any(|node| sim.logged(node, "Successfully reconstructed block")));
    let high_bandwidth = sim.nodes[1].net.peer_infos(sim.now).iter().any(|info| info.high_bandwidth_to);
    assert!(high_bandwidth, "who gave us the last block announces the next");
}

#[test]
fn an_invalid_block_costs_its_sender_the_connection() {
    let mut sim = Sim::new(2, 9);
    sim.generate(0, 3, 0);
    sim.connect(1, 0);
    sim.run_until(MINUTE, "sync", |sim| sim.all_at_tip_of(0));
    // Node 0 has other rules: it takes what node 1 finds invalid.
    let tip = sim.nodes[0].host.tip();
    let bad = super::super::testing::mine_block(&tip, Vec::new(), sim.now.secs() as u32, BAD);
    let peer = sim.peer_of(1, 0).unwrap();
    let now = sim.now;
    let message = crate::wire::Message::new("block", bitcoin::consensus::encode::serialize(&bad));
    let received = crate::wire::Received::Message { size: message.payload.len() + 24, message };
    sim.nodes[1].net.handle_received(peer, received, now);
    sim.run(Duration::from_secs(5));
    assert!(sim.logged(1, "Not punishing manually connected peer"), "who was dialled by hand is spared");
    assert_eq!(sim.height(1), 3);
}

#[test]
fn headers_without_enough_work_leave_no_trace() {
    let mut sim = Sim::new(2, 10);
    sim.generate(0, 2_500, 0);
    let proof = pow::proof(sim.nodes[0].host.tip().bits);
    sim.nodes[1].host.minimum_work = pow::times(proof, 10_000);
    sim.nodes[1].host.initial_download = true;
    sim.connect(1, 0);
    sim.run(5 * MINUTE);
    assert!(sim.logged(1, "Initial headers sync started with peer=0"));
    assert!(sim.logged(1, "incomplete headers message at height=2500 (presync phase)"));
    assert_eq!(sim.nodes[1].host.header_count(), 1);

    // With less to reach, the same headers come twice and are kept.
    let mut sim = Sim::new(2, 11);
    sim.generate(0, 2_500, 0);
    sim.nodes[1].host.minimum_work = pow::times(proof, 2_400);
    sim.nodes[1].host.initial_download = true;
    sim.connect(1, 0);
    sim.run_until(20 * MINUTE, "presync and sync", |sim| sim.height(1) == 2_500);
    assert!(sim.logged(1, "Initial headers sync transition with peer=0"));
}

#[test]
fn addresses_spread_through_the_network() {
    let mut sim = Sim::new(5, 12);
    sim.generate(0, 1, 0);
    sim.run(Duration::from_secs(1));
    for node in 1..5 {
        sim.connect(node, 0);
    }
    let now = sim.now;
    let entry = crate::AddressEntry {
        address: crate::PeerAddress::parse("77.7.7.7:8333", 8_333).unwrap(),
        services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
        time: now.secs() as u32,
    };
    sim.nodes[0].net.book_mut().add(&[entry], &entry.address.addr, Duration::ZERO, now);
    for other in 1..30_u8 {
        let address = crate::PeerAddress::parse(&format!("{}.5.5.5:8333", other + 30), 8_333).unwrap();
        let more = crate::AddressEntry { address, ..entry };
        sim.nodes[0].net.book_mut().add(&[more], &address.addr, Duration::ZERO, now);
    }
    sim.run(10 * MINUTE);
    for node in 1..5 {
        assert!(!sim.nodes[node].net.book().is_empty(), "node {node} asked for addresses and got none");
    }
}

#[test]
fn a_network_in_which_connections_come_and_go_still_agrees() {
    for seed in 20..24 {
        let mut sim = Sim::new(7, seed);
        sim.generate(0, 30, 0);
        let mut state = u64::from(seed);
        let mut next = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        for round in 0..40 {
            let (one, two) = (next(7) as usize, next(7) as usize);
            match next(5) {
                0 => sim.cut(one, two),
                1 => sim.generate(one, 1 + next(3) as u32, round),
                2 => sim.mute(one, two),
                _ if one != two && sim.peer_of(one, two).is_none() => sim.connect(one, two),
                _ => {}
            }
            sim.run(Duration::from_secs(next(60)));
        }
        // Everybody is joined in a ring of fresh connections, and one block more decides.
        for node in 0..7 {
            for other in 0..7 {
                sim.cut(node, other);
            }
        }
        for node in 0..7 {
            sim.connect(node, (node + 1) % 7);
        }
        sim.run(10 * MINUTE);
        let best = (0..7).max_by_key(|node| sim.height(*node)).unwrap();
        sim.generate(best, 1, 99);
        sim.run_until(60 * MINUTE, "agreement", |sim| sim.all_at_tip_of(best));
    }
}

#[test]
fn a_light_client_fetches_headers_filters_and_the_blocks_that_match() {
    let mut sim = Sim::with(3, 13, |_| {
        let mut config = Config::new(regtest_params());
        config.services |= ServiceFlags::COMPACT_FILTERS;
        config
    });
    sim.generate(0, 50, 0);
    let mut tx = spend(&[coin(1)], 2, 0);
    tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x54; 22]);
    sim.submit(0, &tx);
    sim.generate(0, 50, 0);
    sim.connect(1, 0);
    sim.run_until(10 * MINUTE, "copy", |sim| sim.height(1) == 100);
    let paid = sim.nodes[0].host.active_block(51).unwrap().hash;

    let light = &mut sim.nodes[2];
    let genesis = light.host.tip();
    let hashes = light.host.filter_hashes(&genesis.hash).unwrap();
    let mut sync = FilterSync::new(genesis.hash, hashes.header);
    assert!(sync.watch(tx.output[0].script_pubkey.clone(), 1));
    light.net.start_light(sync);
    sim.connect(2, 0);
    sim.connect(2, 1);
    sim.run_until(5 * MINUTE, "scan", |sim| sim.nodes[2].found.contains(&LightEvent::Scanned { height: 100 }));
    sim.run(MINUTE);
    let blocks: Vec<_> = sim.nodes[2]
        .found
        .iter()
        .filter_map(|event| match event {
            LightEvent::Block { height, block } => Some((*height, block.block_hash())),
            _ => None,
        })
        .collect();
    assert_eq!(blocks, [(51, paid)], "one block was fetched");
    assert_eq!(sim.height(2), 0, "no block was connected");
}

#[test]
fn a_light_client_shuts_out_who_lies_about_filters_and_keeps_who_does_not() {
    for (first, second) in [(1, 0), (0, 1)] {
        let mut sim = Sim::with(3, 17, |_| {
            let mut config = Config::new(regtest_params());
            config.services |= ServiceFlags::COMPACT_FILTERS;
            config
        });
        let mut tx = spend(&[coin(1)], 2, 0);
        tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x54; 22]);
        sim.generate(0, 20, 0);
        sim.submit(0, &tx);
        sim.generate(0, 20, 0);
        sim.connect(1, 0);
        sim.run_until(10 * MINUTE, "copy", |sim| sim.height(1) == 40);
        sim.nodes[1].host.lies_about = Some(21);

        let light = &mut sim.nodes[2];
        let genesis = light.host.tip();
        let hashes = light.host.filter_hashes(&genesis.hash).unwrap();
        let mut sync = FilterSync::new(genesis.hash, hashes.header);
        assert!(sync.watch(tx.output[0].script_pubkey.clone(), 1));
        light.net.start_light(sync);
        sim.connect(2, first);
        sim.run(3 * MINUTE);
        sim.connect(2, second);
        sim.run_until(10 * MINUTE, "the liar is found out", |sim| sim.nodes[2].net.distrusted().count() == 1);
        sim.run_until(10 * MINUTE, "the payment is found", |sim| {
            sim.nodes[2].found.iter().any(|event| matches!(event, LightEvent::Block { height: 21, .. }))
        });
        let now = sim.now;
        let light = &sim.nodes[2].net;
        let shut_out: Vec<_> = light.distrusted().map(|(address, _)| *address).collect();
        assert_eq!(shut_out, [address(1)]);
        assert!(light.bans().is_banned(&address(1).addr, now));
        assert!(sim.peer_of(2, 1).is_none() && sim.peer_of(2, 0).is_some(), "the honest one stays");
    }
}
