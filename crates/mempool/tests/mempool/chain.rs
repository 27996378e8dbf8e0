//! A chain in memory, and transactions to spend its coins. Every output can be spent by whoever shows the script `OP_TRUE`.

use std::{collections::HashMap, sync::Arc};

use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut,
    Txid, Witness,
    absolute::LockTime,
    block::{Header, Version as BlockVersion},
    hashes::Hash,
    transaction::Version,
};
use pumasi_chain::{
    BlockId, Coin, HeaderTree, Status,
    transaction::{locks_open, sequence_locks},
};
use pumasi_mempool::{Accepted, ChainContext, Config, Mempool, Rejected};
use pumasi_script::{CacheUse, Flags, Interpreter, ScriptVerifier, SigCache};

/// Seconds since the epoch when every test begins.
pub(crate) const NOW: i64 = 1_700_000_000;
/// What a coinbase is worth, in satoshis.
pub(crate) const SUBSIDY: u64 = 5_000_000_000;

/// P2WSH of `OP_TRUE`.
pub(crate) fn anyone() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&ScriptBuf::from_bytes(vec![0x51]).wscript_hash())
}

/// An output that can be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utxo {
    pub(crate) outpoint: OutPoint,
    pub(crate) value: u64,
}

impl Utxo {
    pub(crate) fn of(tx: &Transaction, vout: u32) -> Self {
        let outpoint = OutPoint { txid: tx.compute_txid(), vout };
        Self { outpoint, value: tx.output[vout as usize].value.to_sat() }
    }
}

/// A transaction that spends these outputs into `outputs` equal ones and pays `fee`.
pub(crate) fn spend(inputs: &[Utxo], outputs: usize, fee: u64) -> Arc<Transaction> {
    Arc::new(Spend::new(inputs, outputs, fee).build())
}

/// A transaction that can still be changed.
pub(crate) struct Spend(pub(crate) Transaction);

impl Spend {
    pub(crate) fn new(inputs: &[Utxo], outputs: usize, fee: u64) -> Self {
        let total: u64 = inputs.iter().map(|utxo| utxo.value).sum();
        let value = Amount::from_sat((total - fee) / outputs as u64);
        let first = Amount::from_sat((total - fee) % outputs as u64) + value;
        let output = |index| TxOut { value: if index == 0 { first } else { value }, script_pubkey: anyone() };
        Self(Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs.iter().map(|utxo| input(utxo.outpoint)).collect(),
            output: (0..outputs).map(output).collect(),
        })
    }

    pub(crate) fn version(mut self, version: i32) -> Self {
        self.0.version = Version(version);
        self
    }

    pub(crate) fn sequence(mut self, sequence: u32) -> Self {
        self.0.input.iter_mut().for_each(|input| input.sequence = Sequence(sequence));
        self
    }

    pub(crate) fn lock_time(mut self, lock_time: u32) -> Self {
        self.0.lock_time = LockTime::from_consensus(lock_time);
        self
    }

    /// An output for this script, with the value taken from the first output.
    pub(crate) fn pay(mut self, script_pubkey: ScriptBuf, sat: u64) -> Self {
        self.0.output[0].value -= Amount::from_sat(sat);
        self.0.output.push(TxOut { value: Amount::from_sat(sat), script_pubkey });
        self
    }

    /// Data that makes the transaction exactly so many virtual bytes large.
    pub(crate) fn vsize(self, vsize: usize) -> Self {
        let data = |length: usize| {
            let mut script = vec![0x6a, 0x4d];
            script.extend((length as u16).to_le_bytes());
            script.extend(vec![0; length]);
            ScriptBuf::from_bytes(script)
        };
        let mut spend = self.pay(data(300), 0);
        for _ in 0..3 {
            let missing = vsize as i64 - spend.0.vsize() as i64;
            let last = spend.0.output.last_mut().unwrap();
            let length = last.script_pubkey.len() as i64 - 4 + missing;
            last.script_pubkey = data(usize::try_from(length).unwrap());
        }
        assert_eq!(spend.0.vsize(), vsize);
        spend
    }

    pub(crate) fn build(self) -> Transaction {
        self.0
    }

    pub(crate) fn arc(self) -> Arc<Transaction> {
        Arc::new(self.0)
    }
}

fn input(previous_output: OutPoint) -> TxIn {
    TxIn { previous_output, witness: Witness::from_slice(&[[0x51]]), ..TxIn::default() }
}

struct Connected {
    transactions: Vec<Transaction>,
    spent: Vec<(OutPoint, Coin)>,
}

/// A chain of blocks ten minutes apart.
pub(crate) struct TestChain {
    tree: HeaderTree,
    tip: BlockId,
    coins: HashMap<OutPoint, Coin>,
    blocks: Vec<Connected>,
    interpreter: Interpreter,
    cache: Arc<SigCache>,
    /// Makes each header another.
    nonce: u32,
    next_coin: usize,
}

impl TestChain {
    /// So many blocks above the genesis block, empty but for their coinbases.
    pub(crate) fn new(height: u32) -> Self {
        let mut tree = HeaderTree::default();
        let tip = tree.insert(header(BlockHash::all_zeros(), 0, 0), Status::HEADER).unwrap();
        let cache = Arc::new(SigCache::new(32_000_000, [7; 32]));
        let mut chain = Self {
            tree,
            tip,
            coins: HashMap::new(),
            blocks: Vec::new(),
            interpreter: Interpreter::with_cache(Arc::clone(&cache), CacheUse::Keep),
            cache,
            nonce: 0,
            next_coin: 0,
        };
        (0..height).for_each(|_| drop(chain.connect(&[])));
        chain
    }

    pub(crate) fn height(&self) -> u32 {
        self.tree[self.tip].height
    }

    /// The coinbase of the block at this height.
    pub(crate) fn coinbase(&self, height: u32) -> Utxo {
        Utxo::of(&self.blocks[height as usize - 1].transactions[0], 0)
    }

    /// The next coinbase that nobody has got yet.
    pub(crate) fn fund(&mut self) -> Utxo {
        self.next_coin += 1;
        self.coinbase(self.next_coin as u32)
    }

    /// Puts a block with these transactions on top. Returns all of its transactions.
    pub(crate) fn connect(&mut self, transactions: &[Arc<Transaction>]) -> Vec<Transaction> {
        self.nonce += 1;
        let height = self.height() + 1;
        let header = header(self.tree[self.tip].hash, 600 * height, self.nonce);
        self.tip = self.tree.insert(header, Status::HEADER).unwrap();
        let mut all = vec![coinbase(height, self.nonce)];
        all.extend(transactions.iter().map(|tx| Transaction::clone(tx)));
        let mut spent = Vec::new();
        for tx in &all {
            if !tx.is_coinbase() {
                for input in &tx.input {
                    let coin = self.coins.remove(&input.previous_output).expect("a block spends what exists");
                    spent.push((input.previous_output, coin));
                }
            }
            self.add_outputs(tx, height);
        }
        self.blocks.push(Connected { transactions: all.clone(), spent });
        all
    }

    fn add_outputs(&mut self, tx: &Transaction, height: u32) {
        let txid = tx.compute_txid();
        for (vout, output) in (0..).zip(&tx.output) {
            let coin = Coin { output: output.clone(), height, coinbase: tx.is_coinbase() };
            self.coins.insert(OutPoint { txid, vout }, coin);
        }
    }

    /// Takes the highest block off.
    pub(crate) fn disconnect(&mut self) -> Block {
        let Connected { transactions, spent } = self.blocks.pop().unwrap();
        for tx in &transactions {
            let txid = tx.compute_txid();
            (0..tx.output.len() as u32).for_each(|vout| drop(self.coins.remove(&OutPoint { txid, vout })));
        }
        let made: Vec<Txid> = transactions.iter().map(|tx| tx.compute_txid()).collect();
        self.coins.extend(spent.into_iter().filter(|(outpoint, _)| !made.contains(&outpoint.txid)));
        let header = self.tree[self.tip].header;
        self.tip = self.tree[self.tip].parent.unwrap();
        Block { header, txdata: transactions }
    }

    /// Puts a coin into the chain that nobody has mined.
    pub(crate) fn add_coin(&mut self, script_pubkey: ScriptBuf, value: u64) -> Utxo {
        self.nonce += 1;
        let outpoint = OutPoint { txid: Txid::from_byte_array([self.nonce as u8; 32]), vout: self.nonce };
        let output = TxOut { value: Amount::from_sat(value), script_pubkey };
        self.coins.insert(outpoint, Coin { output, height: 1, coinbase: false });
        Utxo { outpoint, value }
    }
}

impl ChainContext for TestChain {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.coins.get(outpoint).cloned()
    }

    fn tip_height(&self) -> u32 {
        self.height()
    }

    fn median_time_past(&self) -> u32 {
        self.tree.median_time_past(self.tip)
    }

    fn sequence_locks_open(&self, tx: &Transaction, coin_heights: &[u32]) -> bool {
        let locks = sequence_locks(tx, coin_heights.iter().copied(), &self.tree, self.tip);
        locks_open(locks, &self.tree, self.tip)
    }

    fn next_block_flags(&self) -> Flags {
        Flags::MANDATORY
    }

    fn verifier(&self) -> &dyn ScriptVerifier {
        &self.interpreter
    }

    fn script_cache(&self) -> Option<&SigCache> {
        Some(&self.cache)
    }
}

fn header(prev_blockhash: BlockHash, time: u32, nonce: u32) -> Header {
    Header {
        version: BlockVersion::TWO,
        prev_blockhash,
        merkle_root: TxMerkleNode::all_zeros(),
        time: 1_600_000_000 + time,
        bits: CompactTarget::from_consensus(0x207f_ffff),
        nonce,
    }
}

fn coinbase(height: u32, nonce: u32) -> Transaction {
    let script_sig = ScriptBuf::builder().push_int(i64::from(height)).push_int(i64::from(nonce)).into_script();
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn { script_sig, ..TxIn::default() }],
        output: vec![TxOut { value: Amount::from_sat(SUBSIDY), script_pubkey: anyone() }],
    }
}

/// A mempool over a chain of 150 blocks.
pub(crate) fn setup() -> (Mempool, TestChain) {
    (Mempool::new(Config::default()), TestChain::new(150))
}

pub(crate) fn accept(pool: &mut Mempool, chain: &TestChain, tx: &Arc<Transaction>) -> Result<Accepted, Rejected> {
    pool.accept(Arc::clone(tx), chain, NOW)
}

/// The reason for which a transaction is refused.
pub(crate) fn reason(pool: &mut Mempool, chain: &TestChain, tx: &Arc<Transaction>) -> String {
    accept(pool, chain, tx).expect_err("refused").to_string()
}

/// A chain of `length` transactions, each spending the one before, paying `fee` each.
pub(crate) fn chain_of(from: Utxo, length: usize, fee: u64) -> Vec<Arc<Transaction>> {
    let mut utxo = from;
    let next = |_| {
        let tx = spend(&[utxo], 1, fee);
        utxo = Utxo::of(&tx, 0);
        tx
    };
    (0..length).map(next).collect()
}
