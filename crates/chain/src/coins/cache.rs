//! A write-back cache over coins: Core's `CCoinsViewCache`.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use bitcoin::{BlockHash, OutPoint};

use super::{Coin, CoinsView};
use crate::hasher::HashKeyed;
use crate::store::StoreError;

/// Bytes that an entry takes besides its script: key, coin, flags, and the map's share of empty slots.
const ENTRY_BYTES: usize = 144;

/// What a cache knows of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cached {
    /// The coin; none when it is spent.
    coin: Option<Coin>,
    /// Differs from what is below.
    dirty: bool,
    /// What is below has no coin here, so that spending it leaves nothing to write.
    fresh: bool,
}

/// A coin that changed: now unspent with this content, or gone.
pub type CoinChange<'a> = (&'a OutPoint, Option<&'a Coin>);

/// Changes to coins that the view below does not have yet, and copies of coins that it has.
///
/// The cache does not hold the view below: each call that may need it takes it as an argument, so that caches stack
/// without locks or shared ownership.
#[derive(Debug, Default)]
pub struct CoinsCache {
    coins: HashMap<OutPoint, Cached, HashKeyed>,
    best_block: Option<BlockHash>,
    script_bytes: usize,
    dirty: usize,
}

impl CoinsCache {
    /// An empty cache, whose hashes are keyed by a secret.
    pub fn new(key: [u64; 2]) -> Self {
        Self { coins: HashMap::with_hasher(HashKeyed::new(key)), ..Self::default() }
    }

    /// The coin of this output, here or below, while it is unspent.
    ///
    /// # Errors
    /// [`StoreError`] of the view below.
    pub fn coin(&self, below: &impl CoinsView, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        match self.coins.get(outpoint) {
            Some(cached) => Ok(cached.coin.clone()),
            None => below.coin(outpoint),
        }
    }

    /// The coin of this output, when this cache knows one.
    pub fn peek(&self, outpoint: &OutPoint) -> Option<&Coin> {
        self.coins.get(outpoint)?.coin.as_ref()
    }

    /// As [`CoinsCache::coin`], and keeps a copy for the next time.
    ///
    /// # Errors
    /// [`StoreError`] of the view below.
    pub fn fetch(&mut self, below: &impl CoinsView, outpoint: &OutPoint) -> Result<Option<&Coin>, StoreError> {
        if let Slot::Vacant(slot) = self.coins.entry(*outpoint)
            && let Some(coin) = below.coin(outpoint)?
        {
            self.script_bytes += coin.output.script_pubkey.len();
            slot.insert(Cached { coin: Some(coin), dirty: false, fresh: false });
        }
        Ok(self.peek(outpoint))
    }

    /// Whether the output is unspent.
    ///
    /// # Errors
    /// [`StoreError`] of the view below.
    pub fn has(&self, below: &impl CoinsView, outpoint: &OutPoint) -> Result<bool, StoreError> {
        match self.coins.get(outpoint) {
            Some(cached) => Ok(cached.coin.is_some()),
            None => Ok(below.coin(outpoint)?.is_some()),
        }
    }

    /// Adds a coin. `overwrite` when there may be an unspent one of the same outpoint, here or below.
    pub fn add(&mut self, outpoint: OutPoint, coin: Coin, overwrite: bool) {
        self.script_bytes += coin.output.script_pubkey.len();
        match self.coins.entry(outpoint) {
            Slot::Vacant(slot) => {
                slot.insert(Cached { coin: Some(coin), dirty: true, fresh: !overwrite });
                self.dirty += 1;
            }
            Slot::Occupied(slot) => {
                let cached = slot.into_mut();
                self.script_bytes -= script_len(cached.coin.as_ref());
                // A spent coin that is not written yet leaves what is below as it was: unspent, perhaps.
                cached.fresh |= !overwrite && !cached.dirty && cached.coin.is_none();
                self.dirty += usize::from(!cached.dirty);
                cached.dirty = true;
                cached.coin = Some(coin);
            }
        }
    }

    /// Spends a coin and gives it; none when there is none to spend.
    ///
    /// # Errors
    /// [`StoreError`] of the view below.
    pub fn spend(&mut self, below: &impl CoinsView, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        match self.coins.entry(*outpoint) {
            Slot::Vacant(slot) => {
                let coin = below.coin(outpoint)?;
                if coin.is_some() {
                    slot.insert(Cached { coin: None, dirty: true, fresh: false });
                    self.dirty += 1;
                }
                Ok(coin)
            }
            Slot::Occupied(mut slot) => {
                let cached = slot.get_mut();
                let Some(coin) = cached.coin.take() else { return Ok(None) };
                self.script_bytes -= coin.output.script_pubkey.len();
                if cached.fresh {
                    self.dirty -= usize::from(cached.dirty);
                    slot.remove();
                } else {
                    self.dirty += usize::from(!cached.dirty);
                    cached.dirty = true;
                }
                Ok(Some(coin))
            }
        }
    }

    /// The block as of which the coins are, when this cache has moved it.
    pub fn best_block(&self) -> Option<BlockHash> {
        self.best_block
    }

    /// Moves the block as of which the coins are.
    pub fn set_best_block(&mut self, hash: BlockHash) {
        self.best_block = Some(hash);
    }

    /// Pours all changes into the cache below, and is empty.
    pub fn flush_into(&mut self, below: &mut Self) {
        below.coins.reserve(self.coins.len());
        for (outpoint, cached) in self.coins.drain().filter(|(_, cached)| cached.dirty) {
            below.take_change(outpoint, cached);
        }
        below.best_block = self.best_block.take().or(below.best_block);
        (self.script_bytes, self.dirty) = (0, 0);
    }

    fn take_change(&mut self, outpoint: OutPoint, change: Cached) {
        match self.coins.entry(outpoint) {
            Slot::Vacant(slot) => {
                self.script_bytes += script_len(change.coin.as_ref());
                self.dirty += 1;
                slot.insert(change);
            }
            Slot::Occupied(mut slot) => {
                let cached = slot.get_mut();
                self.script_bytes -= script_len(cached.coin.as_ref());
                if cached.fresh && change.coin.is_none() {
                    self.dirty -= usize::from(cached.dirty);
                    slot.remove();
                } else {
                    self.script_bytes += script_len(change.coin.as_ref());
                    self.dirty += usize::from(!cached.dirty);
                    cached.dirty = true;
                    cached.coin = change.coin;
                }
            }
        }
    }

    /// All changes, to be written into the store.
    pub fn changes(&self) -> Vec<CoinChange<'_>> {
        let dirty = self.coins.iter().filter(|(_, cached)| cached.dirty);
        dirty.map(|(outpoint, cached)| (outpoint, cached.coin.as_ref())).collect()
    }

    /// The changes are written. Spent coins are forgotten; with `keep` the others stay as copies, else all go.
    pub fn written(&mut self, keep: bool) {
        if keep {
            self.coins.retain(|_, cached| {
                (cached.dirty, cached.fresh) = (false, false);
                cached.coin.is_some()
            });
        } else {
            self.coins.clear();
            self.coins.shrink_to_fit();
            self.script_bytes = 0;
        }
        self.dirty = 0;
        self.best_block = None;
    }

    /// How many coins are held, spent ones that are not yet written included.
    pub fn len(&self) -> usize {
        self.coins.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.coins.is_empty()
    }

    /// How many changes wait to be written.
    pub fn dirty_len(&self) -> usize {
        self.dirty
    }

    /// Bytes of memory that the coins take, about.
    pub fn memory(&self) -> usize {
        self.coins.len() * ENTRY_BYTES + self.script_bytes
    }
}

fn script_len(coin: Option<&Coin>) -> usize {
    coin.map_or(0, |coin| coin.output.script_pubkey.len())
}

/// A cache together with the view below it, as one view.
#[derive(Debug)]
pub(crate) struct Layered<'a, V> {
    pub(crate) cache: &'a CoinsCache,
    pub(crate) below: &'a V,
}

impl<V: CoinsView> CoinsView for Layered<'_, V> {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.cache.coin(self.below, outpoint)
    }

    fn best_block(&self) -> Result<Option<BlockHash>, StoreError> {
        match self.cache.best_block {
            Some(hash) => Ok(Some(hash)),
            None => self.below.best_block(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bitcoin::hashes::Hash;
    use bitcoin::{Amount, ScriptBuf, TxOut, Txid};
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Batch, MemoryStore, Store};

    fn point(n: u8) -> OutPoint {
        OutPoint::new(Txid::from_byte_array([n / 4; 32]), u32::from(n % 4))
    }

    fn coin(n: u16) -> Coin {
        let script_pubkey = ScriptBuf::from_bytes(vec![0x51; usize::from(n % 50)]);
        Coin { output: TxOut { value: Amount::from_sat(n.into()), script_pubkey }, height: 1, coinbase: false }
    }

    fn write(cache: &mut CoinsCache, store: &mut MemoryStore, keep: bool) {
        let batch = Batch { coins: cache.changes(), best_block: cache.best_block(), ..Batch::default() };
        store.commit(batch).unwrap();
        cache.written(keep);
    }

    #[test]
    fn a_coin_that_is_made_and_spent_is_never_written() {
        let store = MemoryStore::default();
        let mut cache = CoinsCache::new([0, 0]);
        cache.add(point(0), coin(1), false);
        assert_eq!(cache.spend(&store, &point(0)).unwrap(), Some(coin(1)));
        assert!(cache.changes().is_empty() && cache.is_empty());
        cache.add(point(0), coin(1), true);
        cache.spend(&store, &point(0)).unwrap();
        assert_eq!(cache.changes(), [(&point(0), None)], "there may have been one below");
    }

    #[test]
    fn a_coin_that_is_spent_below_and_made_again_is_written_as_new() {
        let mut store = MemoryStore::default();
        let mut cache = CoinsCache::new([0, 0]);
        cache.add(point(0), coin(1), false);
        write(&mut cache, &mut store, true);
        cache.spend(&store, &point(0)).unwrap();
        cache.add(point(0), coin(2), false);
        cache.spend(&store, &point(0)).unwrap();
        write(&mut cache, &mut store, true);
        assert_eq!(store.coin(&point(0)).unwrap(), None);
    }

    #[test]
    fn a_spent_coin_is_not_fetched_again() {
        let mut store = MemoryStore::default();
        let mut cache = CoinsCache::new([0, 0]);
        cache.add(point(0), coin(1), false);
        write(&mut cache, &mut store, false);
        assert!(cache.is_empty());
        assert_eq!(cache.fetch(&store, &point(0)).unwrap(), Some(&coin(1)));
        assert_eq!((cache.len(), cache.dirty_len()), (1, 0));
        cache.spend(&store, &point(0)).unwrap();
        assert_eq!(cache.fetch(&store, &point(0)).unwrap(), None);
        assert_eq!(cache.coin(&store, &point(0)).unwrap(), None);
        assert!(!cache.has(&store, &point(0)).unwrap());
        assert_eq!(cache.spend(&store, &point(0)).unwrap(), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(u8, u16),
        Spend(u8),
        Fetch(u8),
        Push,
        Pop,
        Drop,
        Write(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0u8..24, any::<u16>()).prop_map(|(n, value)| Step::Add(n, value)),
            6 => (0u8..24).prop_map(Step::Spend),
            2 => (0u8..24).prop_map(Step::Fetch),
            2 => Just(Step::Push),
            2 => Just(Step::Pop),
            1 => Just(Step::Drop),
            1 => any::<bool>().prop_map(Step::Write),
        ]
    }

    /// A stack of two caches above a store, beside plain maps.
    #[derive(Default)]
    struct Rig {
        store: MemoryStore,
        base: CoinsCache,
        top: Option<CoinsCache>,
        model: HashMap<OutPoint, Coin>,
        /// The model as it was when the top was pushed.
        saved: HashMap<OutPoint, Coin>,
    }

    impl Rig {
        fn run(&mut self, step: Step) {
            let Self { store, base, top, model, saved } = self;
            match (step, top.as_mut()) {
                (Step::Add(n, value), top) => {
                    let exists = model.insert(point(n), coin(value)).is_some();
                    top.unwrap_or(base).add(point(n), coin(value), exists);
                }
                (Step::Spend(n), Some(top)) => {
                    let spent = top.spend(&Layered { cache: base, below: store }, &point(n)).unwrap();
                    assert_eq!(spent, model.remove(&point(n)));
                }
                (Step::Spend(n), None) => assert_eq!(base.spend(store, &point(n)).unwrap(), model.remove(&point(n))),
                (Step::Fetch(n), _) => {
                    base.fetch(store, &point(n)).unwrap();
                }
                (Step::Push, None) => {
                    *top = Some(CoinsCache::new([3, 4]));
                    saved.clone_from(model);
                }
                (Step::Pop, Some(top)) => {
                    top.flush_into(base);
                    self.top = None;
                }
                (Step::Drop, Some(_)) => {
                    *top = None;
                    model.clone_from(saved);
                }
                (Step::Write(keep), None) => write(base, store, keep),
                _ => {}
            }
            self.check();
        }

        fn check(&self) {
            let base = Layered { cache: &self.base, below: &self.store };
            for n in 0..24 {
                let seen = match &self.top {
                    Some(top) => top.coin(&base, &point(n)),
                    None => base.coin(&point(n)),
                };
                assert_eq!(seen.unwrap().as_ref(), self.model.get(&point(n)));
            }
            for cache in [Some(&self.base), self.top.as_ref()].into_iter().flatten() {
                assert_eq!(cache.dirty_len(), cache.changes().len());
                let scripts: usize = cache.coins.values().map(|cached| script_len(cached.coin.as_ref())).sum();
                assert_eq!(cache.memory(), cache.len() * ENTRY_BYTES + scripts);
            }
        }
    }

    proptest! {
        #[test]
        fn stacked_caches_read_like_a_map(steps in proptest::collection::vec(step(), 0..120)) {
            let mut rig = Rig::default();
            steps.into_iter().for_each(|step| rig.run(step));
            rig.run(Step::Pop);
            rig.run(Step::Write(false));
            let mut stored = HashMap::new();
            rig.store.for_each_coin(&mut |outpoint, coin| { stored.insert(outpoint, coin); Ok(()) }).unwrap();
            prop_assert_eq!(stored, rig.model);
        }
    }
}
