//! Any sequence of operations leaves the mempool with exact figures, within its limits, and without a double spend.

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::{ScriptBuf, Transaction, Txid};
use proptest::prelude::*;
use pumasi_mempool::{Config, DisconnectedTransactions, FeeRate, Limits, Mempool};

use crate::chain::{NOW, Spend, TestChain, Utxo};
use crate::figures;

/// One thing that happens. The numbers choose among what is there at that moment.
#[derive(Clone, Debug)]
enum Operation {
    /// Spend some outputs, spent already or not, into some others.
    Spend {
        inputs: Vec<usize>,
        outputs: usize,
        fee: u64,
        truc: bool,
    },
    /// A parent and a child that pays for it.
    Package {
        input: usize,
        parent_fee: u64,
        child_fee: u64,
    },
    Prioritise {
        transaction: usize,
        delta: i64,
    },
    /// A block with some of what waits, and perhaps a transaction that nobody has seen.
    Block {
        share: usize,
        unseen: Option<usize>,
    },
    /// Some blocks less, with what they held put back, then as many more.
    Reorganise {
        depth: usize,
        put_back: bool,
        confirm: usize,
    },
    Trim {
        percent: usize,
    },
    Expire {
        after: i64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let index = any::<usize>;
    prop_oneof![
        12 => (prop::collection::vec(index(), 1..4), 1..4usize, 0..6000u64, prop::bool::weighted(0.1))
            .prop_map(|(inputs, outputs, fee, truc)| Spend { inputs, outputs, fee, truc }),
        1 => (index(), 0..20u64, 0..6000u64)
            .prop_map(|(input, parent_fee, child_fee)| Package { input, parent_fee, child_fee }),
        1 => (index(), -3000..3000i64).prop_map(|(transaction, delta)| Prioritise { transaction, delta }),
        1 => (0..4usize, prop::option::of(index())).prop_map(|(share, unseen)| Block { share, unseen }),
        1 => (1..4usize, any::<bool>(), 0..8usize)
            .prop_map(|(depth, put_back, confirm)| Reorganise { depth, put_back, confirm }),
        1 => (50..100usize).prop_map(|percent| Trim { percent }),
        1 => (0..100i64).prop_map(|after| Expire { after }),
    ]
}

fn p2pkh() -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x76, 0xa9, 20][..], &[7; 20], &[0x88, 0xac]].concat())
}

struct World {
    pool: Mempool,
    chain: TestChain,
    /// Outputs of transactions that came in at some time, and coinbases: many are spent or gone meanwhile.
    outputs: Vec<Utxo>,
    now: i64,
}

impl World {
    fn new(limits: Limits) -> Self {
        let chain = TestChain::new(130);
        let config = Config { limits, expiry_seconds: 400, ..Config::default() };
        let outputs = (1..=12).map(|height| chain.coinbase(height)).collect();
        Self { pool: Mempool::new(config), chain, outputs, now: NOW }
    }

    fn choose(&self, choice: usize) -> Utxo {
        self.outputs[choice % self.outputs.len()]
    }

    fn offer(&mut self, tx: Transaction) {
        let tx = Arc::new(tx);
        if self.pool.accept(Arc::clone(&tx), &self.chain, self.now).is_ok() {
            self.remember(&tx);
        }
    }

    fn remember(&mut self, tx: &Transaction) {
        self.outputs
            .extend((0..tx.output.len() as u32).map(|vout| Utxo::of(tx, vout)).filter(|utxo| utxo.value > 20_000));
    }

    fn run(&mut self, operation: &Operation) {
        self.now += 1;
        match *operation {
            Operation::Spend { ref inputs, outputs, fee, truc } => {
                let mut chosen: Vec<Utxo> = Vec::new();
                for &input in inputs {
                    let utxo = self.choose(input);
                    if !chosen.contains(&utxo) {
                        chosen.push(utxo);
                    }
                }
                let version = if truc { 3 } else { 2 };
                let mut spend = Spend::new(&chosen, outputs, fee).version(version);
                if outputs == 3 {
                    // Signature operations in an output count, too.
                    spend = spend.pay(p2pkh(), 1000);
                }
                self.offer(spend.build());
            }
            Operation::Package { input, parent_fee, child_fee } => {
                let parent = Spend::new(&[self.choose(input)], 2, parent_fee).arc();
                let child = Spend::new(&[Utxo::of(&parent, 0)], 1, child_fee).arc();
                let package = [Arc::clone(&parent), Arc::clone(&child)];
                let result = self.pool.accept_package(&package, &self.chain, self.now, None);
                let inside = self.pool.contains(&child.compute_txid());
                assert!(inside || result.rejected.is_some(), "{result:?}");
                if inside {
                    self.remember(&child);
                }
            }
            Operation::Prioritise { transaction, delta } => {
                let txids = self.pool.hashes_by_mining_order();
                if !txids.is_empty() {
                    self.pool.prioritise(txids[transaction % txids.len()], delta);
                }
            }
            Operation::Block { share, unseen } => {
                let mut block = self.confirmable(share);
                if let Some(choice) = unseen {
                    block.extend(self.unseen(choice, &block));
                }
                self.connect(&block, &mut DisconnectedTransactions::new());
            }
            Operation::Reorganise { depth, put_back, confirm } => self.reorganise(depth, put_back, confirm),
            Operation::Trim { percent } => {
                let size = self.pool.usage() * percent / 100;
                self.pool.trim(size);
                assert!(self.pool.usage() <= size || self.pool.is_empty());
                assert!(self.pool.min_feerate(self.now) >= FeeRate::ZERO);
            }
            Operation::Expire { after } => {
                self.now += after;
                self.pool.limit(self.now);
                let oldest = self.pool.iter().map(|entry| entry.time()).min();
                assert!(oldest.is_none_or(|oldest| oldest >= self.now - 400));
            }
        }
    }

    /// A part of what waits, parents before children.
    fn confirmable(&self, share: usize) -> Vec<Arc<Transaction>> {
        let txids = self.pool.hashes_by_mining_order();
        let mut chosen: BTreeSet<Txid> = BTreeSet::new();
        let mut block = Vec::new();
        for (position, txid) in txids.into_iter().enumerate() {
            if position % 4 < share && self.pool.parents(&txid).iter().all(|parent| chosen.contains(parent)) {
                chosen.insert(txid);
                block.extend(self.pool.get(&txid));
            }
        }
        block
    }

    /// A transaction that the mempool does not know, and that spends an output of the chain.
    fn unseen(&self, choice: usize, block: &[Arc<Transaction>]) -> Option<Arc<Transaction>> {
        use pumasi_mempool::ChainContext;
        let utxo = self.choose(choice);
        let spent = block.iter().flat_map(|tx| &tx.input).any(|input| input.previous_output == utxo.outpoint);
        let fresh = !spent && self.chain.coin(&utxo.outpoint).is_some();
        fresh.then(|| Spend::new(&[utxo], 3, 777).arc())
    }

    fn connect(&mut self, block: &[Arc<Transaction>], disconnected: &mut DisconnectedTransactions) {
        let transactions = self.chain.connect(block);
        self.pool.remove_for_block(&transactions, self.now);
        disconnected.remove_for_block(&transactions);
    }

    fn reorganise(&mut self, depth: usize, put_back: bool, confirm: usize) {
        let mut disconnected = DisconnectedTransactions::new();
        let mut old = Vec::new();
        for _ in 0..depth {
            let block = self.chain.disconnect();
            assert!(disconnected.add_block(&block).is_empty());
            old.push(block);
        }
        // The new chain confirms a few transactions of the old one again.
        let again: Vec<Arc<Transaction>> =
            old.last().into_iter().flat_map(|block| &block.txdata[1..]).take(confirm).cloned().map(Arc::new).collect();
        self.connect(&again, &mut disconnected);
        for _ in 0..depth {
            self.connect(&[], &mut disconnected);
        }
        self.pool.update_for_reorg(disconnected, &self.chain, self.now, put_back);
    }

    fn check(&self, limits: Limits) {
        figures::check(&self.pool, &self.chain);
        for entry in self.pool.iter() {
            let cluster = self.pool.cluster(&entry.txid()).unwrap();
            let (count, weight) = cluster
                .iter()
                .fold((0, 0), |(count, weight), chunk| (count + chunk.txids.len() as u64, weight + chunk.weight));
            assert!(count <= limits.cluster_count && weight <= limits.cluster_size_vbytes * 4);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn figures_are_exact_after_anything(operations in prop::collection::vec(operation(), 1..80), tight: bool) {
        let limits = if tight {
            Limits { cluster_count: 5, cluster_size_vbytes: 900 }
        } else {
            Limits::default()
        };
        let mut world = World::new(limits);
        for operation in &operations {
            world.run(operation);
            world.check(limits);
        }
    }
}
