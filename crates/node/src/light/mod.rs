//! What a light node knows (`-light`): filter headers, how far it has looked through the chain, what it watches, and what
//! it found. All of it is kept in one small database beside the headers.

mod found;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bitcoin::bip158::FilterHeader;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, Block, BlockHash, OutPoint, ScriptBuf, TxOut};
use pumasi_chain::store::StoreError;
use pumasi_chain::{BlockUndo, Params, filter};
use pumasi_p2p::light::{FilterSync, LightEvent, Saved};

pub(crate) use found::{Found, Place};
use store::LightStore;

/// Transactions that are kept. Beyond that nobody looks at a list.
const MAX_FOUND: usize = 200_000;
/// Things that are watched; each may be a descriptor with several scripts.
pub(crate) const MAX_WATCHES: usize = 20_000;

/// Something that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watch {
    /// Its scripts.
    pub(crate) scripts: Vec<ScriptBuf>,
    /// The first height that matters.
    pub(crate) since: u32,
}

/// The light node's knowledge.
pub(crate) struct Light {
    store: LightStore,
    /// By what the person wrote: an address or a descriptor.
    watches: BTreeMap<String, Watch>,
    scripts: HashMap<ScriptBuf, String>,
    found: BTreeMap<Place, Found>,
    /// Outputs of what was found that pay to a watched script.
    outputs: HashMap<OutPoint, TxOut>,
    /// Who spends them.
    spent: HashMap<OutPoint, Place>,
    unsaved: bool,
}

/// The filter header of the genesis block.
fn genesis_header(params: &Params) -> FilterHeader {
    let filter = filter::block_filter(&params.genesis, &BlockUndo::default()).expect("it spends nothing");
    filter.filter_header(&filter::first_previous_header())
}

impl Light {
    /// Opens what the last run has left below `folder`, and the machine that goes on from there. `known` says whether a
    /// block is in the index.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be used, or is damaged.
    pub(crate) fn open(
        folder: &Path,
        params: &Params,
        known: impl Fn(&BlockHash) -> bool,
    ) -> Result<(Self, FilterSync), StoreError> {
        let store = LightStore::open(&folder.join("light"))?;
        let kept = store.load()?;
        let (genesis, first) = (params.genesis_hash(), genesis_header(params));
        let usable = kept.tip.filter(|tip| known(tip) && kept.headers.first() == Some(&first));
        let mut sync = match usable {
            Some(tip) => FilterSync::resume(Saved { headers: kept.headers, tip, scanned: kept.scanned }),
            None => {
                // The first time; or the headers of these blocks are gone: what was found in blocks stands until a
                // reorganisation takes it back.
                store.cut(0, &genesis)?;
                store.put_headers(0, &[first], &genesis)?;
                FilterSync::new(genesis, first)
            }
        };
        let mut light = Self {
            store,
            watches: BTreeMap::new(),
            scripts: HashMap::new(),
            found: BTreeMap::new(),
            outputs: HashMap::new(),
            spent: HashMap::new(),
            unsaved: false,
        };
        for (what, watch) in kept.watches {
            for script in &watch.scripts {
                sync.watch_on(script.clone(), watch.since);
                light.scripts.insert(script.clone(), what.clone());
            }
            light.watches.insert(what, watch);
        }
        for (place, found) in kept.found {
            light.index(place, &found);
            light.found.insert(place, found);
        }
        Ok((light, sync))
    }

    /// Watches scripts from a height on, and remembers it at once.
    ///
    /// # Errors
    /// The text says why that many cannot be watched, or why it could not be saved.
    pub(crate) fn watch(&mut self, what: &str, watch: Watch, sync: &mut FilterSync) -> Result<(), WatchError> {
        let known = self.watches.get(what);
        if known == Some(&watch) {
            return Ok(());
        }
        if known.is_none() && self.watches.len() >= MAX_WATCHES {
            return Err(WatchError::TooMany(MAX_WATCHES));
        }
        for script in &watch.scripts {
            if !sync.watch(script.clone(), watch.since) {
                return Err(WatchError::TooMany(MAX_WATCHES));
            }
            self.scripts.insert(script.clone(), what.to_owned());
        }
        self.store.put_watch(what, &watch)?;
        self.store.put_scanned(sync.scanned())?;
        self.watches.insert(what.to_owned(), watch);
        self.save()?;
        Ok(())
    }

    /// Watches something no longer, and forgets what concerns nothing else. Returns whether it was watched.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be saved.
    pub(crate) fn unwatch(&mut self, what: &str, sync: &mut FilterSync) -> Result<bool, StoreError> {
        let Some(watch) = self.watches.remove(what) else { return Ok(false) };
        for script in &watch.scripts {
            if self.scripts.get(script).is_some_and(|of| of == what) {
                self.scripts.remove(script);
                sync.unwatch(script);
            }
        }
        // Another descriptor may stand for the same script.
        for (other, watch) in &self.watches {
            for script in &watch.scripts {
                self.scripts.entry(script.clone()).or_insert_with(|| other.clone());
                sync.watch_on(script.clone(), watch.since);
            }
        }
        self.store.remove_watch(what)?;
        self.reindex();
        let idle: Vec<Place> = self.found.iter().filter(|(_, one)| !self.concerns(one)).map(|(at, _)| *at).collect();
        for place in idle {
            self.found.remove(&place);
            self.store.remove_found(place)?;
        }
        self.reindex();
        self.save()?;
        Ok(true)
    }

    /// Everything that is watched.
    pub(crate) const fn watches(&self) -> &BTreeMap<String, Watch> {
        &self.watches
    }

    /// Everything that was found, in the order of the chain.
    pub(crate) const fn found(&self) -> &BTreeMap<Place, Found> {
        &self.found
    }

    /// By which of the watched things a script is watched.
    pub(crate) fn watcher(&self, script: &ScriptBuf) -> Option<&str> {
        self.scripts.get(script).map(String::as_str)
    }

    /// The watched output that an input spends.
    pub(crate) fn output(&self, outpoint: &OutPoint) -> Option<&TxOut> {
        self.outputs.get(outpoint)
    }

    /// Where the spender of a watched output is.
    pub(crate) fn spender(&self, outpoint: &OutPoint) -> Option<Place> {
        self.spent.get(outpoint).copied()
    }

    /// What the watched scripts hold, confirmed.
    pub(crate) fn balance(&self) -> Amount {
        let unspent = self.outputs.iter().filter(|(outpoint, _)| !self.spent.contains_key(outpoint));
        unspent.map(|(_, output)| output.value).sum()
    }

    /// Takes over what has been found out.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub(crate) fn follow(&mut self, event: LightEvent) -> Result<(), StoreError> {
        self.unsaved = true;
        match event {
            LightEvent::Headers { start, headers, tip } => self.store.put_headers(start, &headers, &tip),
            LightEvent::Scanned { height } => self.store.put_scanned(height),
            LightEvent::Block { height, block } => self.take_block(height, &block),
            LightEvent::Rewound { height, tip } => {
                let gone = self.found.split_off(&Place { height: height.saturating_add(1), index: 0 });
                for place in gone.keys() {
                    self.store.remove_found(*place)?;
                }
                self.reindex();
                self.store.cut(height, &tip)
            }
            LightEvent::Distrusted { height, tip } => self.store.cut(height, &tip),
            LightEvent::Liar(_) | LightEvent::Slow(_) => Ok(()),
        }
    }

    /// Makes durable what was taken over. The headers of these blocks must be so already.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub(crate) fn save(&mut self) -> Result<(), StoreError> {
        self.unsaved = false;
        self.store.persist()
    }

    /// Whether something would be lost if the process ended now.
    pub(crate) const fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    fn take_block(&mut self, height: u32, block: &Block) -> Result<(), StoreError> {
        let (hash, time) = (block.block_hash(), block.header.time);
        for (index, tx) in block.txdata.iter().enumerate() {
            let found = Found { block: hash, time, tx: tx.clone() };
            if self.found.len() >= MAX_FOUND || !self.concerns(&found) {
                continue;
            }
            let place = Place { height, index: u32::try_from(index).unwrap_or(u32::MAX) };
            self.store.put_found(place, &found)?;
            self.index(place, &found);
            self.found.insert(place, found);
        }
        Ok(())
    }

    /// Whether a transaction pays to something watched, or spends from it.
    fn concerns(&self, found: &Found) -> bool {
        found.tx.output.iter().any(|output| self.scripts.contains_key(&output.script_pubkey))
            || found.tx.input.iter().any(|input| self.outputs.contains_key(&input.previous_output))
    }

    fn index(&mut self, place: Place, found: &Found) {
        let txid = found.tx.compute_txid();
        for (index, output) in (0..).zip(&found.tx.output) {
            if self.scripts.contains_key(&output.script_pubkey) {
                self.outputs.insert(OutPoint::new(txid, index), output.clone());
            }
        }
        for input in &found.tx.input {
            if self.outputs.contains_key(&input.previous_output) {
                self.spent.insert(input.previous_output, place);
            }
        }
    }

    fn reindex(&mut self) {
        self.outputs.clear();
        self.spent.clear();
        let found = std::mem::take(&mut self.found);
        for (place, one) in &found {
            self.index(*place, one);
        }
        self.found = found;
    }
}

/// Why something cannot be watched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    /// There is no more room.
    #[error("no more than {0} addresses and descriptors can be watched")]
    TooMany(usize),
    /// It could not be saved.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A hash in the first 32 bytes.
fn hash_of(bytes: &[u8]) -> Option<BlockHash> {
    BlockHash::from_slice(bytes).ok()
}
