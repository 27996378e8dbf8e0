//! A real disk that is really full: a small file system in memory, under the folder of one of two people.
#![allow(clippy::print_stdout, reason = "a test that is skipped says so by name")]
#![cfg(target_os = "linux")]

mod common;

use common::{World, pair, transfers};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file system of four megabytes. It is unmounted when dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).expect("the folder is new");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"]).arg(&folder).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self { folder })
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("there is room for a name");
        while filler.write_all(&[0; 1024]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("the disk was filled");
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.folder).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(), "the disk is let go");
    }
}

fn small_disk(test: &str, folder: &Path, name: &str) -> Option<SmallDisk> {
    let disk = SmallDisk::mount(folder.join(name));
    if disk.is_none() {
        println!("SKIPPED {test}: only root may mount a small disk");
    }
    disk
}

#[test]
fn a_payer_whose_disk_is_full_pays_nothing_and_pays_once_when_there_is_room() {
    let world = World::new();
    let Some(disk) = small_disk("a payer whose disk is full", &world.folder(), "mina") else { return };
    let (mina, juno) = (world.person("mina"), world.person("juno"));
    pair(&mina, &juno, "50,000 KRW");
    let listening = juno.listen();

    disk.fill();
    let output = mina.run(&["pay", "juno", "1,000 KRW", "--yes"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is full") && said.contains("Free some space and try again"), "{said}");

    disk.free();
    assert_eq!(mina.run(&["ledger", "audit"]).status.code(), Some(0));
    assert_eq!(mina.run(&["pay", "juno", "1,000 KRW", "--yes"]).status.code(), Some(0));
    drop(listening);
    assert_eq!(transfers(&mina, "outgoing").len(), 1, "the first order was not kept");
    assert_eq!(transfers(&mina, "outgoing"), transfers(&juno, "incoming"));
}

#[test]
fn a_payee_whose_disk_is_full_takes_the_payment_when_there_is_room_again() {
    let world = World::new();
    let Some(disk) = small_disk("a payee whose disk is full", &world.folder(), "juno") else { return };
    let (mina, juno) = (world.person("mina"), world.person("juno"));
    pair(&mina, &juno, "50,000 KRW");
    let listening = juno.listen();

    disk.fill();
    let output = mina.run(&["pay", "juno", "1,000 KRW", "--yes", "--wait", "6"]);
    assert_eq!(output.status.code(), Some(3), "written down, not settled: {}", String::from_utf8_lossy(&output.stderr));

    disk.free();
    assert_eq!(mina.run(&["settle"]).status.code(), Some(0));
    drop(listening);
    assert_eq!(transfers(&mina, "outgoing"), transfers(&juno, "incoming"));
    for person in [&mina, &juno] {
        assert_eq!(person.run(&["ledger", "audit"]).status.code(), Some(0), "{}", person.name);
    }
}
