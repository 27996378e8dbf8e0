//! Files, disks and figures of a real process: what is damaged, full, in use, or asked for.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, and one that is skipped says so by name"
)]

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Daemon, free_port};

const ADDRESS: &str = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202";

/// Tip and coins.
fn state(node: &Daemon) -> (String, String) {
    let coins = node.call("gettxoutsetinfo", r#"["muhash"]"#);
    (node.call("getbestblockhash", "[]").to_string(), coins.get("muhash").unwrap().to_string())
}

fn block_file(node: &Daemon) -> PathBuf {
    node.regtest().join("blocks/blk00000.dat")
}

#[test]
fn prometheus_reads_the_figures_of_a_running_node() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let node = Daemon::start(folder.path(), &[&format!("-metricsport={port}")]);
    node.mine(7, ADDRESS);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("text/plain; version=0.0.4"), "{text}");
    for line in
        ["pumasi_block_height 7", "pumasi_header_height 7", "pumasi_mempool_transactions 0", "pumasi_peers_inbound 0"]
    {
        assert!(text.lines().any(|one| one == line), "no {line} in {text}");
    }
    // Every figure has its help and its type in front, and a number behind.
    let figures: Vec<_> = text.lines().filter(|line| line.starts_with("pumasi_")).collect();
    assert!(figures.len() >= 10);
    for figure in figures {
        let (name, value) = figure.split_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{figure}");
        assert!(text.contains(&format!("# HELP {name} ")) && text.contains(&format!("# TYPE {name} ")), "{figure}");
    }
}

#[test]
fn a_reindex_gives_the_same_chain_even_when_it_is_killed_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Daemon::start(folder.path(), &[]);
    node.mine(120, ADDRESS);
    let hash = node.call("getblockhash", "[100]");
    node.call("invalidateblock", &format!("[{hash}]"));
    node.mine(30, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080");
    let before = state(&node);
    node.stop();
    node.run(&["-reindex"]);
    assert_eq!((node.height(), state(&node)), (129, before.clone()));
    assert!(node.log().contains("Reindexing finished"));
    node.kill();

    let mut process = node.command(&["-reindex"]).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(120));
    process.kill().unwrap();
    process.wait().unwrap();
    node.run(&[]);
    assert_eq!((node.height(), state(&node)), (129, before));
}

#[test]
fn a_second_process_on_the_folder_is_sent_away_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = Daemon::start(folder.path(), &[]);
    node.mine(3, ADDRESS);
    let port = free_port();
    let second = node.fails(&[&format!("-rpcport={port}"), "-listen=0"]);
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && text.contains("Cannot obtain a lock on directory"), "{text}");
    node.mine(3, ADDRESS);
    assert_eq!(node.height(), 6);
}

#[test]
fn a_block_file_that_is_too_short_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Daemon::start(folder.path(), &[]);
    node.mine(20, ADDRESS);
    node.stop();
    let path = block_file(&node);
    let length = fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(length - 100).unwrap();
    let damaged = fs::read(&path).unwrap();
    let output = node.fails(&[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("The stored chain is damaged") && text.contains("blk00000.dat"), "{text}");
    assert!(text.contains("Nothing was changed"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), damaged);
    // What is whole can be taken from it again.
    node.run(&["-reindex"]);
    assert_eq!(node.height(), 19);
    node.mine(2, ADDRESS);
    assert_eq!(node.height(), 21);
}

#[test]
fn a_damaged_block_is_not_handed_on_and_the_rest_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Daemon::start(folder.path(), &[]);
    node.mine(20, ADDRESS);
    let (bad, good) = (node.call("getblockhash", "[10]"), node.call("getblockhash", "[11]"));
    let raw = node.call("getblock", &format!("[{bad},0]"));
    node.stop();
    let path = block_file(&node);
    let mut bytes = fs::read(&path).unwrap();
    let mask = fs::read(node.regtest().join("blocks/xor.dat")).unwrap();
    let raw: Vec<u8> = raw.as_str().unwrap().as_bytes().chunks(2).map(hex).collect();
    let plain: Vec<u8> = bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let at = plain.windows(raw.len()).position(|window| window == raw).unwrap();
    // A bit that is turned in the mask's sight is turned in the block's.
    bytes[at + 120] ^= 1;
    let mut file = File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(at as u64 + 120)).unwrap();
    file.write_all(&bytes[at + 120..=at + 120]).unwrap();
    drop(file);

    node.run(&[]);
    let reply = node.try_call("getblock", &format!("[{bad}]")).unwrap();
    // Core's words for its clients; what is wrong stands in the log.
    assert!(reply.get("error").is_some_and(|error| error.to_string().contains("Block not found on disk")), "{reply}");
    assert!(node.log().contains("was damaged"), "{}", node.log());
    node.call("getblock", &format!("[{good}]"));
    assert_eq!(node.height(), 20, "its coins are not touched by it");
    node.stop();
    node.run(&["-reindex"]);
    assert_eq!(node.height(), 9, "up to the damaged block, and nothing that is not checked");
}

fn hex(pair: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()
}

/// A file system of its own. It is unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs"]).arg(folder).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(folder.to_path_buf()))
    }

    /// Takes the room that is left, but for so many bytes.
    fn fill(&self, but: u64) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let length = filler.metadata().unwrap().len();
        filler.set_len(length.saturating_sub(but)).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_node_with_a_clear_word_and_it_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk")) else {
        println!("SKIPPED a_full_disk_ends_the_node: only root may mount a small disk");
        return;
    };
    let mut node = Daemon::start(&disk.0, &[]);
    node.mine(10, ADDRESS);
    // Before it tells of all coins, it saves.
    state(&node);
    disk.fill(20_000);
    let mut mined = 10;
    while node
        .try_call("generatetoaddress", &format!(r#"[20,"{ADDRESS}"]"#))
        .is_some_and(|reply| reply.get("error").is_none_or(pumasi_node::json::Json::is_null))
    {
        mined += 20;
        assert!(mined < 5_000, "the disk does not fill");
    }
    assert!(!node.wait(), "it must not say that all is well");
    let text = node.stderr();
    disk.free();
    node.run(&[]);
    assert!(node.height() >= 10, "{} blocks are left", node.height());
    assert!(text.contains("Disk space is too low") && text.contains("are safe"), "{text}");
    node.mine(5, ADDRESS);
    let (tip, _) = state(&node);
    node.stop();
    node.run(&[]);
    assert_eq!(state(&node).0, tip);
}
