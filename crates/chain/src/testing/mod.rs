//! Small chains for tests: blocks that are valid, or wrong in exactly one way.

pub mod fuzz;

use std::sync::Arc;

use bitcoin::{
    Amount, Block, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, absolute::LockTime, transaction,
};
use pumasi_script::Interpreter;

use crate::block::{merkle_root, txids};
use crate::chainstate::Options;
use crate::mine::{Parts, assemble, solve};
use crate::params::Params;
use crate::scripts::ScriptChecks;
use crate::tree::{BlockId, HeaderTree, Status};

/// Options with our interpreter on one thread, and a fixed key.
pub fn options() -> Options {
    Options::new(ScriptChecks { verifier: Arc::new(Interpreter::new()), cache: None, threads: 1 }, [1, 2])
}

/// A script that everyone can spend with an empty input script; another one for each salt.
pub fn anyone_can_spend(salt: u32) -> ScriptBuf {
    let [a, b, c, d] = salt.to_le_bytes();
    // Push, DROP, TRUE.
    ScriptBuf::from_bytes(vec![4, a, b, c, d, 0x75, 0x51])
}

/// A transaction that spends coins of [`anyone_can_spend`] and pays so many equal outputs of the same kind.
pub fn spend(coins: &[(OutPoint, Amount)], outputs: u32, fee: Amount, salt: u32) -> Transaction {
    let total: Amount = coins.iter().map(|(_, value)| *value).sum();
    let each = (total - fee) / u64::from(outputs);
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: coins
            .iter()
            .map(|(outpoint, _)| TxIn {
                previous_output: *outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            })
            .collect(),
        output: (0..outputs).map(|i| TxOut { value: each, script_pubkey: anyone_can_spend(salt + i) }).collect(),
    }
}

/// Makes blocks on top of any block that it made before.
#[derive(Debug, Clone)]
pub struct BlockMaker {
    params: Params,
    tree: HeaderTree,
    genesis: BlockId,
    salt: u32,
}

impl BlockMaker {
    /// Begins with the genesis block of these parameters.
    pub fn new(params: &Params) -> Self {
        let mut tree = HeaderTree::default();
        let genesis = tree.insert(params.genesis.header, Status::HEADER).expect("the first header needs no parent");
        Self { params: params.clone(), tree, genesis, salt: 0 }
    }

    /// The genesis block.
    pub fn genesis(&self) -> BlockId {
        self.genesis
    }

    /// All that was made.
    pub fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// A block with these transactions and their fees. Each block differs from all others.
    pub fn make(&mut self, parent: BlockId, transactions: Vec<(Transaction, Amount)>) -> (BlockId, Arc<Block>) {
        self.make_changed(parent, transactions, |_| ())
    }

    /// A block that is changed before its merkle root and its proof of work are made.
    pub fn make_changed(
        &mut self,
        parent: BlockId,
        transactions: Vec<(Transaction, Amount)>,
        change: impl FnOnce(&mut Block),
    ) -> (BlockId, Arc<Block>) {
        self.salt += 1;
        let parts = Parts {
            version: 0x2000_0000,
            script_pubkey: anyone_can_spend(self.salt),
            transactions,
            now: i64::from(self.tree[parent].header.time) + 1,
        };
        let mut block = assemble(&self.tree, parent, &self.params, parts);
        change(&mut block);
        block.header.merkle_root = merkle_root(&txids(&block)).0;
        assert!(solve(&mut block, &self.params, u32::MAX), "a block that can be solved");
        let id = self.tree.insert(block.header, Status::HEADER).expect("the parent was made here");
        (id, Arc::new(block))
    }

    /// A run of empty blocks.
    pub fn run(&mut self, mut parent: BlockId, count: u32) -> (BlockId, Vec<Arc<Block>>) {
        let mut blocks = Vec::new();
        for _ in 0..count {
            let (id, block) = self.make(parent, Vec::new());
            blocks.push(block);
            parent = id;
        }
        (parent, blocks)
    }
}
