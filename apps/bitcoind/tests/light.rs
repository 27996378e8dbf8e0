//! A light node beside full ones, all of them real processes on this machine.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::path::Path;

use bitcoin::key::Secp256k1;
use bitcoin::secp256k1::SecretKey;
use bitcoin::{Address, BlockHash, CompressedPublicKey, Network};
use common::{Daemon, relay, until};
use pumasi_node::json::Json;

const FULL: &[&str] = &["-blockfilterindex", "-peerblockfilters", "-v2transport=0"];

/// An address by a number.
fn address(number: u8) -> String {
    let key = SecretKey::from_slice(&[number; 32]).unwrap().public_key(&Secp256k1::new());
    Address::p2wpkh(&CompressedPublicKey(key), Network::Regtest).to_string()
}

fn full(folder: &Path) -> Daemon {
    Daemon::start(&folder.join("full"), FULL)
}

/// Options of a light node with these peers.
fn options(peers: &[u16], more: &[&str]) -> Vec<String> {
    let mut options = vec!["-light".to_owned(), "-v2transport=0".to_owned()];
    options.extend(peers.iter().map(|port| format!("-addnode=127.0.0.1:{port}")));
    options.extend(more.iter().map(|option| (*option).to_owned()));
    options
}

fn start_light(folder: &Path, peers: &[u16], more: &[&str]) -> Daemon {
    let options = options(peers, more);
    Daemon::start(&folder.join("light"), &options.iter().map(String::as_str).collect::<Vec<_>>())
}

fn scanned(light: &Daemon) -> u64 {
    light.number("getlightinfo", "scanned")
}

/// Heights of what was found.
fn found(light: &Daemon) -> Vec<u64> {
    let Json::Array(list) = light.call("getwatched", "[]") else { panic!("a list") };
    list.iter().map(|one| one.get("height").unwrap().to_string().parse().unwrap()).collect()
}

fn filters(full: &Daemon) -> Vec<Vec<u8>> {
    let block_filter = |height| {
        let hash = full.call("getblockhash", &format!("[{height}]"));
        let filter = full.call("getblockfilter", &format!("[{hash}]"));
        let hex = filter.get("filter").and_then(Json::as_str).expect("a filter").to_owned();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    (0..=full.height()).map(block_filter).collect()
}

#[test]
fn payments_are_found_confirmed_and_taken_back_by_a_reorganisation() {
    let folder = tempfile::tempdir().unwrap();
    let full = full(folder.path());
    full.mine(20, &address(1));
    full.mine(1, &address(7));
    full.mine(9, &address(1));
    let mut light = start_light(folder.path(), &[full.port], &[&format!("-watch={}", address(7))]);
    until("the chain was looked through", || scanned(&light) == 30);
    assert_eq!(found(&light), [21]);
    let Json::Array(list) = light.call("getwatched", "[]") else { panic!("a list") };
    assert_eq!(list[0].get("confirmations").unwrap().to_string(), "10");
    assert_eq!(list[0].get("received").unwrap().to_string(), "50.00000000");
    let txid = full.call("getblock", &format!("[{}]", full.call("getblockhash", "[21]")));
    let Some(Json::Array(txids)) = txid.get("tx") else { panic!("transactions") };
    assert_eq!(list[0].get("txid"), txids.first());

    // A new payment comes as its block does.
    full.mine(1, &address(7));
    until("the new payment was found", || found(&light) == [21, 31]);
    assert_eq!(light.call("getlightinfo", "[]").get("balance").unwrap().to_string(), "100.00000000");

    // The block is abandoned for another branch; its payment with it.
    let hash = full.call("getblockhash", "[31]");
    full.call("invalidateblock", &format!("[{hash}]"));
    full.mine(3, &address(2));
    until("the other branch was looked through", || scanned(&light) == 33);
    assert_eq!(found(&light), [21]);
    assert_eq!(light.call("getlightinfo", "[]").get("balance").unwrap().to_string(), "50.00000000");

    // Somebody who was paid before is watched from now on.
    light.call("watch", &format!(r#"["{}",15]"#, address(1)));
    until("it was looked again", || found(&light).len() == 16 && scanned(&light) == 33);
    assert!(light.log().contains("matches"));
    let size = std::fs::metadata(light.regtest().join("blocks/blk00000.dat")).map_or(0, |file| file.len());
    assert!(size < 1_000, "no block is kept but the first: {size} bytes");
    light.stop();
    assert_eq!(light.stderr(), "");
}

#[test]
fn a_peer_that_lies_about_filters_is_shut_out_and_the_truth_wins() {
    for liar_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let full = full(folder.path());
        full.mine(20, &address(1));
        full.mine(1, &address(7));
        full.mine(9, &address(1));
        let hash: BlockHash = full.call("getblockhash", "[21]").as_str().unwrap().parse().unwrap();
        let liar = relay::start(full.port, hash, 21, &filters(&full));
        let watch = format!("-watch={}", address(7));
        let light = if liar_first {
            // At first there is nobody else, and it is believed.
            let light = start_light(folder.path(), &[liar], &[&watch]);
            until("the lie was believed", || scanned(&light) == 30);
            assert_eq!(found(&light), [0; 0]);
            light.call("addnode", &format!(r#"["127.0.0.1:{}","add"]"#, full.port));
            light
        } else {
            start_light(folder.path(), &[full.port, liar], &[&watch])
        };
        until("the payment was found", || found(&light) == [21]);
        until("the liar was found out", || light.log().contains("has lied about block filters"));
        let info = light.call("getlightinfo", "[]").to_string();
        assert!(info.contains(&format!(r#""address":"127.0.0.1:{liar}""#)), "{info}");
        full.mine(1, &address(7));
        until("the honest one goes on", || found(&light) == [21, 31]);
        assert!(!light.log().contains(&format!("127.0.0.1:{} has lied", full.port)));
    }
}

#[test]
fn kills_lose_nothing_that_was_found_or_watched() {
    let folder = tempfile::tempdir().unwrap();
    let full = full(folder.path());
    full.mine(150, &address(1));
    let options = options(&[full.port], &[]);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut light = Daemon::start(&folder.path().join("light"), &options);
    light.call("watch", &format!(r#"["{}"]"#, address(7)));
    let mut paid = Vec::new();
    for round in 0..6 {
        full.mine(1, &address(7));
        paid.push(full.height());
        full.mine(3 + round, &address(1));
        if round == 3 {
            let hash = full.call("getblockhash", &format!("[{}]", paid[3]));
            full.call("invalidateblock", &format!("[{hash}]"));
            full.mine(12, &address(2));
            paid.pop();
        }
        if round % 2 == 0 {
            until("something was found", || found(&light) == paid);
        }
        light.kill();
        light.run(&options);
        let Json::Array(watched) = light.call("listwatched", "[]") else { panic!("a list") };
        assert_eq!(watched.len(), 1, "what was watched is remembered");
    }
    until("all was looked through", || scanned(&light) == full.height());
    assert_eq!(found(&light), paid);
}

#[test]
fn a_full_node_says_what_it_is_and_a_light_one_what_it_does_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let full = full(folder.path());
    assert_eq!(full.call("getlightinfo", "[]").to_string(), r#"{"light":false}"#);
    let refused = full.try_call("watch", &format!(r#"["{}"]"#, address(1))).unwrap().to_string();
    assert!(refused.contains("Start it with -light"), "{refused}");
    let light = start_light(folder.path(), &[], &[]);
    let refused = light.try_call("watch", r#"["bc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"]"#).unwrap().to_string();
    assert!(refused.contains("neither an address of this network nor a descriptor"), "{refused}");
    let output = light.fails(&["-light", "-txindex"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("cannot be used together with -txindex"), "{text}");
}
