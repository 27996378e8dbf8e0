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
            // Made and spent without ever being here.
            Slot::Vacant(_) if change.fresh && change.coin.is_none() => {}
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
