//! `share` and `fetch` between real processes, and files that go with payments.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{Running, World, pair};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn file(folder: &Path, name: &str, size: usize) -> (PathBuf, Vec<u8>) {
    let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8 ^ (n / 65_536) as u8).collect();
    let path = folder.join(name);
    fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Starts to share, and waits until it can be found.
fn share(person: &common::Person, args: &[&str]) -> (Running, String) {
    let running = person.start(&[&["share"], args].concat());
    let link = running.wait_for("sharing")["link"].as_str().unwrap().to_owned();
    running.wait_for("announced");
    (running, link)
}

#[test]
fn a_private_file_goes_from_one_to_another_without_an_identity_and_is_not_overwritten() {
    let world = World::new();
    let (mina, folder) = (world.person("mina"), world.folder());
    let (path, bytes) = file(&folder, "영수증.pdf", 3_000_000);
    let (mut sharing, link) = share(&mina, &[text(&path), "--private"]);
    assert!(link.contains('#') && !link.contains("영수증"), "{link}");

    let nobody = world.nobody("nobody");
    let target = folder.join("inbox");
    fs::create_dir(&target).unwrap();
    let fetched = nobody.json(&["fetch", &link, "--to", text(&target)]);
    assert_eq!((fetched["event"].as_str(), fetched["size"].as_u64()), (Some("fetched"), Some(3_000_000)));
    let copy = target.join("영수증.pdf");
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&copy).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "what came privately, only its owner may read");
    }
    fs::write(&copy, "mine now").unwrap();
    let again = nobody.run(&["fetch", &link, "--to", text(&target)]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already and was left alone"));
    assert_eq!(fs::read(&copy).unwrap(), b"mine now");

    // With the link on standard input, where no list of processes shows its key.
    let mut fetching = nobody.start(&["fetch", "-", "--to", text(&target), "--force"]);
    fetching.type_line(&link);
    fetching.end_input();
    assert_eq!(fetching.exit_code(), Some(0));
    assert_eq!(fs::read(&copy).unwrap(), bytes);

    sharing.interrupt();
    let stopped = sharing.wait_for("stopped");
    assert!(stopped["served"].as_u64().unwrap() >= 6_000_000, "{stopped}");
    assert_eq!(sharing.exit_code(), Some(0));

    // The key of another link, and a link that leads elsewhere.
    let wrong = format!("{}#{}", link.split('#').next().unwrap(), "A".repeat(43));
    for (bad, word) in
        [(wrong.as_str(), ""), (&link.replace("%EC", "..%2F%EC"), "lead elsewhere"), ("pumasi:x", "begin")]
    {
        let refused = nobody.run(&["fetch", bad, "--to", text(&folder.join("bad")), "--wait", "1s"]);
        assert_ne!(refused.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(word), "{bad}");
    }
}

#[test]
fn a_killed_fetch_goes_on_where_it_was() {
    let world = World::new();
    let (mina, nobody, folder) = (world.nobody("mina"), world.nobody("nobody"), world.folder());
    let (path, bytes) = file(&folder, "film.mp4", 150_000_000);
    let (_sharing, link) = share(&mina, &[text(&path)]);
    let target = folder.join("copy");
    let mut kills = 0;
    let fetch = || nobody.start(&["fetch", &link, "--to", text(&target)]);
    let mut running = fetch();
    // Killed as soon as something has come, until it is too quick for that.
    for _ in 0..3 {
        let told = running.find(common::PATIENCE, |line| {
            line["event"] == "fetched" || (line["event"] == "progress" && line["bytes"].as_u64() > Some(0))
        });
        if told.expect("something comes")["event"] == "fetched" {
            break;
        }
        running.kill();
        kills += 1;
        running = fetch();
        if kills == 1 && !target.exists() {
            let resumed = running.wait_for("resumed");
            assert!(resumed["bytes"].as_u64() > Some(0), "{resumed}");
        }
    }
    if !target.exists() {
        running.wait_for("fetched");
    }
    assert!(kills > 0, "it was quicker than the first kill");
    assert!(fs::read(&target).unwrap() == bytes, "the same bytes after {kills} kills");
    assert!(!folder.join("copy.part").exists() && !folder.join("copy.part.state").exists());
}

#[test]
fn an_interrupted_fetch_says_how_to_go_on() {
    let world = World::new();
    let (nobody, folder) = (world.nobody("nobody"), world.folder());
    let (path, _) = file(&folder, "a.bin", 1_000_000);
    let (mut sharing, link) = share(&nobody, &[text(&path), "--for", "1h"]);
    sharing.kill();
    let target = folder.join("copy");
    let mut fetching = nobody.start(&["fetch", &link, "--to", text(&target)]);
    fetching.wait_for("looking");
    fetching.interrupt();
    fetching.wait_for("interrupted");
    assert_eq!(fetching.exit_code(), Some(9));
    let given_up = nobody.run(&["fetch", &link, "--to", text(&target), "--wait", "1s"]);
    assert_eq!(given_up.status.code(), Some(5), "{}", String::from_utf8_lossy(&given_up.stderr));
    assert!(String::from_utf8_lossy(&given_up.stderr).contains("is kept"));
}

#[test]
fn what_was_fetched_can_be_offered_to_the_next_and_a_changed_file_cannot() {
    let world = World::new();
    let (nobody, folder) = (world.nobody("nobody"), world.folder());
    let (path, bytes) = file(&folder, "a.bin", 2_000_000);
    let (mut first, link) = share(&nobody, &[text(&path), "--private"]);
    let copy = folder.join("copy");
    let second = nobody.start(&["fetch", &link, "--to", text(&copy), "--share"]);
    // Announced while it comes, and again as a file of its own.
    second.wait_for("fetched");
    second.wait_for("announced");
    first.kill();
    nobody.json(&["fetch", &link, "--to", text(&folder.join("third"))]);
    assert_eq!(fs::read(folder.join("third")).unwrap(), bytes);

    // Under the link that was made before, only the same file.
    let (mut again, same) = share(&nobody, &[text(&path), "--link", &link]);
    assert_eq!(same, link);
    again.kill();
    fs::write(&path, &bytes[1..]).unwrap();
    let refused = nobody.run(&["share", text(&path), "--link", &link]);
    assert_eq!(refused.status.code(), Some(8), "{}", String::from_utf8_lossy(&refused.stderr));
}

#[test]
fn an_invoice_goes_with_a_payment() {
    let world = World::new();
    let (mina, juno, folder) = (world.person("mina"), world.person("juno"), world.folder());
    pair(&mina, &juno, "50,000 KRW");
    let (invoice, bytes) = file(&folder, "청구서.pdf", 700_000);
    let (proof, proof_bytes) = file(&folder, "proof.png", 300_000);

    // With a request: whoever pays it sees the link, and fetches while the payee listens.
    let requested = juno.json(&["request", "12,000 KRW", "--memo", "점심", "--attach", text(&invoice)]);
    let listening = juno.listen();
    assert_eq!(listening.wait_for("offering")["files"], 1);
    let mut paying = mina.start(&["pay", requested["link"].as_str().unwrap(), "--yes"]);
    let attachment = paying.wait_for("attachment");
    assert_eq!((attachment["name"].as_str(), attachment["size"].as_u64()), (Some("청구서.pdf"), Some(700_000)));
    assert_eq!(paying.exit_code(), Some(0));
    let fetch = |link: &str, name: &str| {
        let copy = folder.join(name);
        world.nobody("nobody").json(&["fetch", link, "--to", text(&copy)]);
        fs::read(copy).unwrap()
    };
    assert!(fetch(attachment["link"].as_str().unwrap(), "invoice") == bytes);

    // With a payment: the payee has the link in the ledger.
    let mut paying = mina.start(&["pay", "juno", "1,000 KRW", "--memo", "증빙", "--yes", "--attach", text(&proof)]);
    assert_eq!(paying.exit_code(), Some(0));
    drop(listening);
    let ledger = juno.json(&["ledger", "export", "--format", "json"]);
    let mut memos = ledger["entries"].as_array().unwrap().iter().filter_map(|entry| entry["body"]["memo"].as_str());
    let memo = memos.find(|memo| memo.starts_with("증빙 pumasi:content/")).expect("a memo with a link");
    let offering = mina.start(&["share", "--attached"]);
    offering.wait_for("announced");
    assert!(fetch(memo.split(' ').next_back().unwrap(), "proof") == proof_bytes);

    let long = "가".repeat(200);
    let refused = mina.run(&["pay", "juno", "1 KRW", "--memo", &long, "--attach", text(&proof), "--yes"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Nothing was sent"));
    let list: Value = serde_json::from_slice(&fs::read(mina.home.join("attachments.json")).unwrap()).unwrap();
    assert_eq!(list["attachments"].as_array().unwrap().len(), 1, "what was not sent is not offered");
}

#[test]
fn a_full_disk_keeps_what_has_come() {
    let world = World::new();
    let (nobody, folder) = (world.nobody("nobody"), world.folder());
    let (path, bytes) = file(&folder, "a.bin", 12_000_000);
    let (_sharing, link) = share(&nobody, &[text(&path)]);
    let small = folder.join("small");
    fs::create_dir(&small).unwrap();
    let mount = |args: &[&str]| {
        let mut mount = std::process::Command::new("mount");
        mount.args(args).arg(&small).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=6m", "tmpfs"]) {
        println!("SKIPPED a_full_disk_keeps_what_has_come: only root may mount a small disk");
        return;
    }
    let copy = small.join("copy");
    let full = nobody.run(&["fetch", &link, "--to", text(&copy)]);
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    let resized = mount(&["-o", "remount,size=30m"]);
    let fetched = nobody.run(&["fetch", &link, "--to", text(&copy), "--json"]);
    let same = fs::read(&copy).ok() == Some(bytes);
    let told = String::from_utf8_lossy(&fetched.stdout).into_owned();
    std::process::Command::new("umount").arg(&small).status().unwrap();
    assert_eq!(full.status.code(), Some(1), "{said}");
    assert!(said.contains("is full") && said.contains("is kept"), "{said}");
    assert!(resized && same, "{told}");
    assert!(told.contains("\"resumed\""), "{told}");
}
