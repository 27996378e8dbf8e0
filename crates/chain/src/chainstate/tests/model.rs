//! Random forks beside a model that keeps the whole set of coins of every block.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Coins = BTreeMap<OutPoint, (Amount, u32, bool)>;

#[derive(Debug, Clone)]
enum Step {
    /// A block on top of one of the last ones, which spends so many coins.
    Block {
        back: usize,
        spends: usize,
        outputs: u32,
        pick: usize,
    },
    /// A block that spends a coin that is not there.
    Bad {
        back: usize,
    },
    Invalidate {
        back: usize,
    },
    Reconsider {
        back: usize,
    },
    Flush,
    /// The process ends, with the index written.
    Restart,
    /// The process ends: what was not written is lost.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0usize..6, 0usize..4, 1u32..4, any::<usize>())
            .prop_map(|(back, spends, outputs, pick)| Step::Block { back, spends, outputs, pick }),
        1 => (0usize..4).prop_map(|back| Step::Bad { back }),
        1 => (0usize..5).prop_map(|back| Step::Invalidate { back }),
        1 => (0usize..5).prop_map(|back| Step::Reconsider { back }),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ]
}

/// A chain, and for each block that was made what it leaves.
struct Model {
    rig: Rig,
    made: Vec<(BlockId, Arc<Block>, Coins)>,
}

impl Model {
    fn new() -> Self {
        let mut rig = Rig::regtest();
        let (_, blocks) = rig.grow(rig.maker.genesis(), 120);
        let mut coins = Coins::new();
        for (height, block) in (1..).zip(&blocks) {
            apply(&mut coins, block, height);
        }
        // A crash never goes back behind the shared start.
        rig.chain.flush(FlushMode::Full).unwrap();
        let block = blocks[119].clone();
        let id = rig.maker.tree().id(&block.block_hash()).unwrap();
        Self { rig, made: vec![(id, block, coins)] }
    }

    fn pick(&self, back: usize) -> &(BlockId, Arc<Block>, Coins) {
        &self.made[self.made.len().saturating_sub(back + 1)]
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Block { back, spends, outputs, pick } => {
                let (parent, _, mut coins) = self.pick(back).clone();
                let height = self.rig.maker.tree()[parent].height + 1;
                let spendable: Vec<(OutPoint, Amount)> = coins
                    .iter()
                    .filter(|(_, (_, made, coinbase))| !coinbase || height - made >= 100)
                    .map(|(outpoint, (value, ..))| (*outpoint, *value))
                    .collect();
                let start = pick % spendable.len().max(1);
                let chosen: Vec<_> = spendable.into_iter().skip(start).take(spends).collect();
                let txs = chosen
                    .chunks(2)
                    .map(|inputs| (spend(inputs, outputs, Amount::from_sat(7), pick as u32 / 2), Amount::ZERO))
                    .collect();
                let (id, block) = self.rig.maker.make(parent, txs);
                apply(&mut coins, &block, height);
                self.feed(&block);
                self.made.push((id, block, coins));
            }
            Step::Bad { back } => {
                let (parent, ..) = *self.pick(back);
                let nothing = (OutPoint::new(bitcoin::hashes::Hash::all_zeros(), 7), Amount::from_sat(5));
                let (_, block) =
                    self.rig.maker.make(parent, vec![(spend(&[nothing], 1, Amount::ZERO, 1), Amount::ZERO)]);
                self.feed(&block);
                assert_ne!(self.rig.tip(), block.block_hash());
            }
            Step::Invalidate { back } => {
                let id = self.known(back);
                // The shared start stays, so that there is always something to build on.
                if let Some(id) = id.filter(|&id| self.rig.chain.tree()[id].height > 120) {
                    self.rig.chain.invalidate(id, NOW).unwrap();
                    self.rig.chain.activate_best_chain(NOW).unwrap();
                }
            }
            Step::Reconsider { back } => {
                if let Some(id) = self.known(back) {
                    self.rig.chain.reconsider(id);
                    self.rig.chain.activate_best_chain(NOW).unwrap();
                }
            }
            Step::Flush => self.rig.chain.flush(FlushMode::Full).unwrap(),
            Step::Restart => {
                self.rig.chain.flush(FlushMode::Index).unwrap();
                self.restart();
            }
            Step::Crash => self.restart(),
        }
    }

    fn restart(&mut self) {
        let store = self.rig.chain.store().clone();
        self.rig.chain = ChainState::open(Params::regtest(), store, options(), NOW).unwrap();
        self.rig.chain.activate_best_chain(NOW).unwrap();
    }

    fn known(&self, back: usize) -> Option<BlockId> {
        self.rig.chain.tree().id(&self.pick(back).1.block_hash())
    }

    fn feed(&mut self, block: &Arc<Block>) {
        // On an invalid parent it is refused; that is as it should be.
        match self.rig.process(block) {
            Ok(_) | Err(ChainError::Invalid(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// The chain's coins are those of the model at the chain's tip, and the tip is the best valid block.
    fn check(&mut self) {
        let tree = self.rig.chain.tree();
        let best =
            tree.ids().filter(|&id| tree[id].status.is_valid(crate::Validity::Transactions)).map(|id| tree[id].work);
        assert_eq!(Some(self.rig.chain.tip().work), best.max());
        let tip = self.rig.tip();
        let (.., expected) = self.made.iter().find(|(_, block, _)| block.block_hash() == tip).unwrap();
        let mut view = Coins::new();
        // Every coin that any block of the model ever had is asked for.
        for outpoint in self.made.iter().flat_map(|(.., coins)| coins.keys()) {
            if let Some(coin) = self.rig.chain.coin(outpoint).unwrap() {
                view.insert(*outpoint, (coin.output.value, coin.height, coin.coinbase));
            }
        }
        assert_eq!(&view, expected);
        self.rig.chain.flush(FlushMode::Full).unwrap();
        let mut stored = 0;
        self.rig
            .chain
            .store()
            .for_each_coin(&mut |_, _| {
                stored += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(stored, expected.len(), "and there are no others");
    }
}

fn apply(coins: &mut Coins, block: &Block, height: u32) {
    for tx in &block.txdata {
        for input in &tx.input {
            coins.remove(&input.previous_output);
        }
        let txid = tx.compute_txid();
        for (vout, output) in (0..).zip(&tx.output) {
            if !output.script_pubkey.is_op_return() {
                coins.insert(OutPoint::new(txid, vout), (output.value, height, tx.is_coinbase()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_forks_leave_the_coins_of_their_best_chain(steps in proptest::collection::vec(step(), 1..40)) {
        let mut model = Model::new();
        for step in steps {
            model.run(step);
        }
        model.check();
    }
}
