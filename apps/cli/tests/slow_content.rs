//! A gigabyte from two who offer it, at flat memory, cut off in the middle.
//!
//! ```sh
//! cargo nextest run -p pumasi-cli --profile ci -E 'binary(slow_content)' --no-capture
//! ```
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

mod common;

use common::{Running, World};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

const SIZE: u64 = 1 << 30;
/// More than this no process may ever have had in memory, in kB; the file has eight times as much.
const MOST: u64 = 128 * 1024;

/// The most that a process has had in memory so far, in kB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A gigabyte in which no two megabytes are the same.
fn write(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut block: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for n in 0..SIZE >> 20 {
        block[..8].copy_from_slice(&n.to_be_bytes());
        file.write_all(&block).unwrap();
    }
}

fn same(one: &Path, two: &Path) -> bool {
    let (mut one, mut two) = (File::open(one).unwrap(), File::open(two).unwrap());
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    (0..SIZE >> 20).all(|_| {
        one.read_exact(&mut left).unwrap();
        two.read_exact(&mut right).unwrap();
        left == right
    }) && one.read(&mut left).unwrap() + two.read(&mut right).unwrap() == 0
}

fn long(running: &Running, event: &str) -> serde_json::Value {
    running.find(Duration::from_secs(600), |line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"))
}

#[test]
fn a_gigabyte_comes_from_two_at_flat_memory_after_a_kill() {
    let world = World::new();
    let folder = world.folder();
    let (original, copy) = (folder.join("disk.img"), folder.join("copy.img"));
    write(&original);
    let (ana, ben, cho) = (world.nobody("ana"), world.nobody("ben"), world.nobody("cho"));
    let path = original.to_str().unwrap();
    let one = ana.start(&["share", path, "--private"]);
    let link = long(&one, "sharing")["link"].as_str().unwrap().to_owned();
    // The second one has it, too: under the same link.
    let two = ben.start(&["share", path, "--link", &link]);
    long(&one, "announced");
    long(&two, "announced");

    let to = copy.to_str().unwrap();
    let started = Instant::now();
    let mut cut = cho.start(&["fetch", &link, "--to", to]);
    let third = |line: &serde_json::Value| line["event"] == "progress" && line["bytes"].as_u64() > Some(SIZE / 3);
    cut.find(Duration::from_secs(600), third).expect("a third of it comes");
    let before = peak(cut.id());
    cut.kill();
    let rest = cho.start(&["fetch", &link, "--to", to, "--share"]);
    let resumed = long(&rest, "resumed");
    let fetched = long(&rest, "fetched");
    let took = started.elapsed();

    let peaks = [
        ("first provider", peak(one.id())),
        ("second provider", peak(two.id())),
        ("fetch, killed", before),
        ("fetch, to the end", peak(rest.id())),
    ];
    println!("1 GiB, private, from two providers over loopback, killed once: {took:.1?}");
    println!(
        "here after the kill: {} MB of {} MB; by node: {}",
        resumed["bytes"].as_u64().unwrap() / 1_000_000,
        SIZE / 1_000_000,
        fetched["from"]
    );
    for (who, kb) in peaks {
        println!("most memory, {who}: {} MB", kb / 1_000);
        assert!(kb < MOST, "{who}: {kb} kB");
    }
    assert!(resumed["bytes"].as_u64() > Some(SIZE / 4), "{resumed}");
    assert_eq!(fetched["from"].as_object().unwrap().len(), 2, "both gave: {fetched}");
    assert!(same(&original, &copy));
}
