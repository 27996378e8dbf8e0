//! Checking the scripts of a block's inputs on several threads.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bitcoin::{Transaction, TxOut};
use pumasi_script::{CacheUse, Flags, PrecomputedTx, ScriptError, ScriptVerifier, SigCache};

use crate::error::BlockError;

/// Inputs below which starting threads costs more than it saves.
const FEW_INPUTS: usize = 16;
/// Most inputs that a thread takes at once.
const MAX_CHUNK: usize = 16;

/// Who checks scripts, and with how many threads.
#[derive(Clone)]
pub struct ScriptChecks {
    /// Decides about each input.
    pub verifier: Arc<dyn ScriptVerifier>,
    /// Whole transactions that the mempool has checked already.
    pub cache: Option<Arc<SigCache>>,
    /// Threads, the caller's included; at least one.
    pub threads: usize,
}

impl fmt::Debug for ScriptChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptChecks").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// One transaction, with the outputs that it spends in the order of its inputs.
#[derive(Debug)]
pub(crate) struct Job<'b> {
    pub(crate) tx: &'b Transaction,
    pub(crate) spent: Vec<TxOut>,
}

/// A run of inputs of one job.
struct Chunk {
    job: usize,
    inputs: std::ops::Range<usize>,
}

/// The first input, in the order of the block, that failed.
type Failure = (usize, usize, ScriptError);

impl ScriptChecks {
    /// Checks all inputs of all jobs.
    ///
    /// # Errors
    /// `block-script-verify-flag-failed (…)` for the first input of the block that fails, however many threads.
    pub(crate) fn run(&self, jobs: Vec<Job<'_>>, flags: Flags, usage: CacheUse) -> Result<(), BlockError> {
        let cached =
            |job: &Job<'_>| self.cache.as_ref().is_some_and(|cache| cache.contains_scripts(job.tx, flags, usage));
        let jobs: Vec<Job<'_>> = jobs.into_iter().filter(|job| !cached(job)).collect();
        let inputs = jobs.iter().map(|job| job.spent.len()).sum();
        let workers = if inputs < FEW_INPUTS { 1 } else { self.threads.max(1) };
        let chunks = cut(&jobs, inputs, workers);
        let (txs, shared): (Vec<&Transaction>, Vec<Shared<'_>>) =
            jobs.into_iter().map(|job| (job.tx, Shared { spent: Mutex::new(job.spent), tx: OnceLock::new() })).unzip();
        let run = Run {
            verifier: &*self.verifier,
            flags,
            txs: &txs,
            shared: &shared,
            next: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            first: Mutex::new(None),
            chunks: &chunks,
        };
        std::thread::scope(|scope| {
            for _ in 1..workers.min(chunks.len()) {
                scope.spawn(|| run.work());
            }
            run.work();
        });
        let first = run.first.into_inner().unwrap_or_else(PoisonError::into_inner);
        first.map_or(Ok(()), |failure| Err(refusal(&txs, failure)))
    }
}

/// All inputs, in order, cut so that every worker gets some.
fn cut(jobs: &[Job<'_>], inputs: usize, workers: usize) -> Vec<Chunk> {
    let size = (inputs / (4 * workers)).clamp(1, MAX_CHUNK);
    let cut = |(job, len): (usize, usize)| {
        (0..len).step_by(size).map(move |start| Chunk { job, inputs: start..(start + size).min(len) })
    };
    jobs.iter().map(|job| job.spent.len()).enumerate().flat_map(cut).collect()
}

/// What the inputs of one transaction share: hashes, made from the spent outputs by the first thread that needs them.
struct Shared<'b> {
    spent: Mutex<Vec<TxOut>>,
    tx: OnceLock<PrecomputedTx<'b>>,
}

/// What the threads share.
struct Run<'r, 'b> {
    verifier: &'r dyn ScriptVerifier,
    flags: Flags,
    txs: &'r [&'b Transaction],
    shared: &'r [Shared<'b>],
    chunks: &'r [Chunk],
    next: AtomicUsize,
    failed: AtomicBool,
    first: Mutex<Option<Failure>>,
}

impl Run<'_, '_> {
    /// Takes chunks until there are none, or some thread has found a failure: what comes later in the block cannot be
    /// the first then, and what comes before is taken already.
    fn work(&self) {
        while !self.failed.load(Ordering::Relaxed)
            && let Some(chunk) = self.chunks.get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            let shared = &self.shared[chunk.job];
            let tx = shared.tx.get_or_init(|| {
                let spent = std::mem::take(&mut *shared.spent.lock().unwrap_or_else(PoisonError::into_inner));
                PrecomputedTx::new(self.txs[chunk.job], spent)
            });
            let failure = chunk
                .inputs
                .clone()
                .find_map(|input| Some((chunk.job, input, self.verifier.verify(tx, input, self.flags).err()?)));
            if let Some(failure) = failure {
                self.failed.store(true, Ordering::Relaxed);
                let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                let earlier = first.as_ref().is_none_or(|known| (failure.0, failure.1) < (known.0, known.1));
                if earlier {
                    *first = Some(failure);
                }
            }
        }
    }
}

fn refusal(txs: &[&Transaction], (job, input, error): Failure) -> BlockError {
    let tx = txs[job];
    let spent = tx.input[input].previous_output;
    let debug = format!(
        "input {input} of {} (wtxid {}), spending {}:{}",
        tx.compute_txid(),
        tx.compute_wtxid(),
        spent.txid,
        spent.vout
    );
    BlockError::consensus(format!("block-script-verify-flag-failed ({error})"), debug)
}

#[cfg(test)]
mod tests {
    use bitcoin::{Amount, OutPoint, ScriptBuf, TxIn, absolute::LockTime, hashes::Hash, transaction::Version};
    use pumasi_script::Interpreter;

    use super::*;

    /// A transaction whose inputs spend OP_1, or OP_0 where `bad`.
    fn tx(n: u32, inputs: usize, bad: &[usize]) -> (Transaction, Vec<TxOut>) {
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(n),
            input: (0..inputs as u32)
                .map(|vout| TxIn {
                    previous_output: OutPoint::new(bitcoin::Txid::all_zeros(), vout),
                    ..TxIn::default()
                })
                .collect(),
            output: vec![],
        };
        let script = |i| ScriptBuf::from_bytes(vec![if bad.contains(&i) { 0x00 } else { 0x51 }]);
        let spent = (0..inputs).map(|i| TxOut { value: Amount::ZERO, script_pubkey: script(i) }).collect();
        (tx, spent)
    }

    fn check(txs: &[(Transaction, Vec<TxOut>)], threads: usize) -> Result<(), BlockError> {
        let checks = ScriptChecks { verifier: Arc::new(Interpreter::new()), cache: None, threads };
        let jobs = txs.iter().map(|(tx, spent)| Job { tx, spent: spent.clone() }).collect();
        checks.run(jobs, Flags::P2SH, CacheUse::Take)
    }

    #[test]
    fn the_first_bad_input_of_the_block_is_named_whatever_the_number_of_threads() {
        let good: Vec<_> = (0..50).map(|n| tx(n, 1 + n as usize, &[])).collect();
        let mut bad = good.clone();
        bad[30] = tx(30, 40, &[17, 20]);
        bad[31] = tx(31, 40, &[0]);
        for threads in [1, 2, 4, 8] {
            assert_eq!(check(&good, threads), Ok(()));
            let error = check(&bad, threads).unwrap_err();
            assert_eq!(
                error.reason(),
                "block-script-verify-flag-failed (Script evaluated without error but finished with a false/empty top stack element)"
            );
            let (txid, wtxid) = (bad[30].0.compute_txid(), bad[30].0.compute_wtxid());
            let spent = OutPoint::new(bitcoin::Txid::all_zeros(), 17);
            assert_eq!(error.debug(), format!("input 17 of {txid} (wtxid {wtxid}), spending {spent}"));
        }
        assert_eq!(check(&[], 4), Ok(()));
    }

    /// Fails inputs 3 and 4, which two threads check at the same time: the slow one when both have begun, and late.
    struct Race {
        both: std::sync::Barrier,
        slow: usize,
    }

    impl ScriptVerifier for Race {
        fn verify(&self, _: &PrecomputedTx<'_>, input: usize, _: Flags) -> Result<(), ScriptError> {
            if input != 3 && input != 4 {
                return Ok(());
            }
            self.both.wait();
            if input == self.slow {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            Err(ScriptError::EvalFalse)
        }
    }

    #[test]
    fn of_two_failures_at_once_the_earlier_in_the_block_counts() {
        for slow in [3, 4] {
            let verifier = Arc::new(Race { both: std::sync::Barrier::new(2), slow });
            let checks = ScriptChecks { verifier, cache: None, threads: 2 };
            let (tx, spent) = tx(0, 32, &[]);
            let error = checks.run(vec![Job { tx: &tx, spent }], Flags::NONE, CacheUse::Take).unwrap_err();
            assert!(error.debug().starts_with("input 3 of "), "{slow} is slow: {error}");
        }
    }

    #[test]
    fn what_the_mempool_checked_is_not_checked_again() {
        let cache = Arc::new(SigCache::new(1 << 16, [1; 32]));
        let (bad, spent) = tx(0, 1, &[0]);
        // Nobody would enter a bad one: it shows that the cache was asked.
        cache.insert_scripts(&bad, Flags::P2SH);
        let checks = ScriptChecks { verifier: Arc::new(Interpreter::new()), cache: Some(cache), threads: 1 };
        let run = |flags| checks.run(vec![Job { tx: &bad, spent: spent.clone() }], flags, CacheUse::Keep);
        assert_eq!(run(Flags::P2SH), Ok(()));
        assert!(run(Flags::NONE).is_err(), "other flags");
    }
}
