//! A chain of 100,000 signed transactions on regtest, synced over loopback from our own node: by ours and, where Bitcoin Core
//! is on the machine, by Core in the same run. Scripts are checked (`-assumevalid=0`).
//!
//! ```sh
//! PUMASI_CORE_BITCOIND=/path/to/bitcoind cargo bench -p pumasi-bitcoind --bench sync
//! ```
//! `PUMASI_SYNC_TRANSACTIONS` changes the number of transactions, `PUMASI_SYNC_ROUNDS` that of rounds (3).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::{All, Message, PublicKey, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{
    Amount, Block, CompressedPublicKey, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, ecdsa,
};
use common::{Daemon, free_port};
use pumasi_chain::Params;
use pumasi_chain::testing::{BlockMaker, spend};

/// Transactions of one block, each with one signed input.
const PER_BLOCK: usize = 2_000;
/// Blocks until the first coinbase may be spent.
const MATURITY: u32 = 101;
/// Nobody takes so long.
const PATIENCE: Duration = Duration::from_secs(1_800);

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

struct Signer {
    secp: Secp256k1<All>,
    secret: SecretKey,
    public: PublicKey,
    script: ScriptBuf,
}

impl Signer {
    fn new() -> Self {
        let (secp, secret) = (Secp256k1::new(), SecretKey::from_slice(&[7; 32]).unwrap());
        let public = secret.public_key(&secp);
        let script = ScriptBuf::new_p2wpkh(&CompressedPublicKey(public).wpubkey_hash());
        Self { secp, secret, public, script }
    }

    /// Moves a coin on to the same script.
    fn forward(&self, (outpoint, value): (OutPoint, Amount)) -> Transaction {
        let mut tx = Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![TxIn { previous_output: outpoint, sequence: Sequence::MAX, ..TxIn::default() }],
            output: vec![TxOut { value, script_pubkey: self.script.clone() }],
        };
        let mut cache = SighashCache::new(&tx);
        let hash = cache.p2wpkh_signature_hash(0, &self.script, value, EcdsaSighashType::All).unwrap();
        let signature = self.secp.sign_ecdsa(&Message::from_digest(hash.to_byte_array()), &self.secret);
        tx.input[0].witness = Witness::p2wpkh(&ecdsa::Signature::sighash_all(signature), &self.public);
        tx
    }
}

/// The coins of a transaction.
fn coins(tx: &Transaction) -> Vec<(OutPoint, Amount)> {
    let txid = tx.compute_txid();
    (0..).zip(&tx.output).map(|(vout, output)| (OutPoint::new(txid, vout), output.value)).collect()
}

/// Writes the chain as a file of blocks; returns its height, transactions and bytes.
fn write_chain(path: &Path, transactions: usize) -> (u32, usize, u64) {
    let (params, signer) = (Params::regtest(), Signer::new());
    let mut maker = BlockMaker::new(&params);
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut size = 0;
    let mut write = |block: &Block| {
        let bytes = serialize(block);
        file.write_all(&params.magic.to_bytes()).unwrap();
        file.write_all(&(bytes.len() as u32).to_le_bytes()).unwrap();
        file.write_all(&bytes).unwrap();
        size += bytes.len() as u64;
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // So recent that the node which has it counts as synced.
    let begin = u32::try_from(now).unwrap() - 3_600;
    let (mut tip, first) = maker.make_changed(maker.genesis(), Vec::new(), |block| block.header.time = begin);
    write(&first);
    for _ in 1..MATURITY {
        let (id, block) = maker.make(tip, Vec::new());
        write(&block);
        tip = id;
    }
    let coinbase = (OutPoint::new(first.txdata[0].compute_txid(), 0), first.txdata[0].output[0].value);
    let per_block = PER_BLOCK.min(transactions);
    let mut split = spend(&[coinbase], per_block as u32, Amount::ZERO, 1);
    for output in &mut split.output {
        output.script_pubkey = signer.script.clone();
    }
    let mut open = coins(&split);
    let (id, block) = maker.make(tip, vec![(split, Amount::ZERO)]);
    write(&block);
    tip = id;
    let (mut height, mut count) = (MATURITY + 1, 0);
    while count < transactions {
        let moved: Vec<Transaction> = open.iter().map(|coin| signer.forward(*coin)).collect();
        open = moved.iter().flat_map(coins).collect();
        count += moved.len();
        let (id, block) = maker.make(tip, moved.into_iter().map(|tx| (tx, Amount::ZERO)).collect());
        write(&block);
        tip = id;
        height += 1;
    }
    file.flush().unwrap();
    (height, count, size)
}

/// How long a sync took, and the CPU time of it, in seconds.
#[derive(Debug, Clone, Copy)]
struct Took {
    wall: f64,
    cpu: f64,
}

/// A process that syncs; it is killed at the end.
struct Syncing(Child);

impl Drop for Syncing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Seconds of CPU time that a process has used, from the system; none where there is no such thing.
fn cpu_seconds(process: u32) -> f64 {
    /// Clock ticks in a second on Linux.
    const TICKS: f64 = 100.0;
    let Ok(text) = fs::read_to_string(format!("/proc/{process}/stat")) else { return f64::NAN };
    let after = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / TICKS
}

/// Starts `binary` on an empty folder and waits until it has the whole chain.
fn sync(binary: &str, folder: &Path, source: u16, height: u32) -> Took {
    fs::create_dir_all(folder).unwrap();
    let node = Daemon::idle(folder, free_port());
    let mut command = Command::new(binary);
    command.args(["-regtest", "-assumevalid=0", "-listen=0", "-printtoconsole=0", "-dbcache=450", "-v2transport=0"]);
    command.arg(format!("-datadir={}", folder.display())).arg(format!("-rpcport={}", node.rpc_port));
    command.arg(format!("-connect=127.0.0.1:{source}")).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let process = Syncing(command.spawn().unwrap());
    let height = height.to_string();
    loop {
        let reply = node.try_call("getblockcount", "[]");
        if reply.and_then(|reply| reply.get("result").map(ToString::to_string)).is_some_and(|at| at == height) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{binary} does not sync");
        std::thread::sleep(Duration::from_millis(20));
    }
    Took { wall: begin.elapsed().as_secs_f64(), cpu: cpu_seconds(process.0.id()) }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.dat");
    let (height, count, size) = write_chain(&file, variable("PUMASI_SYNC_TRANSACTIONS", 100_000));
    println!("a chain of {height} blocks, {count} signed transactions, {:.1} MB", size as f64 / 1e6);
    let load = format!("-loadblock={}", file.display());
    let source = Daemon::start(&folder.path().join("source"), &[&load, "-v2transport=0"]);
    common::until("the source has the chain", || source.height() == u64::from(height));

    let mut binaries = vec![("ours", env!("CARGO_BIN_EXE_pumasi-bitcoind").to_owned())];
    match std::env::var("PUMASI_CORE_BITCOIND") {
        Ok(core) => binaries.push(("Core", core)),
        Err(_) => println!("SKIPPED Core syncing the same chain: PUMASI_CORE_BITCOIND names no bitcoind"),
    }
    let mut best = BTreeMap::<&str, Took>::new();
    for round in 0..variable("PUMASI_SYNC_ROUNDS", 3) {
        for (name, binary) in &binaries {
            let took = sync(binary, &folder.path().join(format!("{name}{round}")), source.port, height);
            println!("  {name:5} round {round}: {:.2} s, {:.2} s of CPU", took.wall, took.cpu);
            let least = best.entry(name).or_insert(took);
            *least = Took { wall: least.wall.min(took.wall), cpu: least.cpu.min(took.cpu) };
        }
    }
    let ours = best["ours"];
    println!("ours: {:.2} s, {:.0} transactions a second", ours.wall, count as f64 / ours.wall);
    if let Some(core) = best.get("Core") {
        println!(
            "Core: {:.2} s; ours takes {:.0}% of its time and {:.0}% of its CPU (goal: at most 100%)",
            core.wall,
            100.0 * ours.wall / core.wall,
            100.0 * ours.cpu / core.cpu
        );
    }
}
