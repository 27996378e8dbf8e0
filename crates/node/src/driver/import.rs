//! Taking in blocks out of files, before anybody is connected.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bitcoin::consensus::encode::deserialize;
use bitcoin::{Block, BlockHash};
use pumasi_chain::Source;

use crate::backend::Backend;
use crate::conf::{ConfError, Settings};
use crate::storage::{Mask, import};

/// Blocks of a file that may wait for their parent: as many as are downloaded out of order.
const MAX_WAITING_BLOCKS: usize = 2048;

/// Takes in the blocks of `-reindex` and `-loadblock=`.
pub(super) fn import_blocks(backend: &mut Backend, settings: &Settings) -> Result<(), ConfError> {
    let aside = import::files_aside(&settings.blocks_folder);
    let mask = Mask::open(&settings.blocks_folder, settings.args.flag("blocksxor", true))
        .map_err(|error| ConfError::Value(crate::storage::explain(&error)))?;
    // Files from elsewhere are not masked.
    let given = settings.args.all("loadblock").into_iter().map(|path| (PathBuf::from(path), Mask::default()));
    let magic = backend.chain.params().magic.to_bytes();
    for (path, mask) in aside.iter().map(|path| (path.clone(), mask)).chain(given) {
        backend.log.info(&format!("Importing blocks file {}...", path.display()));
        let mut import = Import { backend, waiting: HashMap::new(), imported: 0 };
        let read = import::each_record(&path, magic, mask, &mut |bytes| import.take(bytes));
        let imported = import.imported;
        if let Err(error) = read {
            backend.log.warn(&format!("Could not open blocks file {}: {error}", path.display()));
        }
        backend.log.info(&format!("Loaded {imported} blocks from external file"));
    }
    if let Some(fatal) = &backend.fatal {
        return Err(ConfError::Value(fatal.clone()));
    }
    if !aside.is_empty() {
        backend.flush();
        import::finish(&settings.blocks_folder).map_err(|error| {
            ConfError::Value(format!("The old block files cannot be removed: {error}. All blocks are safe."))
        })?;
        backend.log.info("Reindexing finished");
    }
    Ok(())
}

/// Blocks of a file on their way into the chain.
struct Import<'a> {
    backend: &'a mut Backend,
    /// Blocks whose parent comes later in the file, by the parent.
    waiting: HashMap<BlockHash, Vec<Arc<Block>>>,
    imported: usize,
}

impl Import<'_> {
    fn take(&mut self, bytes: Vec<u8>) {
        let Ok(block) = deserialize::<Block>(&bytes) else { return };
        let mut ready = vec![Arc::new(block)];
        while let Some(block) = ready.pop() {
            if self.backend.fatal.is_some() {
                return;
            }
            let hash = block.block_hash();
            let parent = block.header.prev_blockhash;
            let tree = self.backend.chain.tree();
            if tree.id(&parent).is_none() && hash != self.backend.chain.params().genesis_hash() {
                if self.waiting.len() < MAX_WAITING_BLOCKS {
                    self.waiting.entry(parent).or_default().push(block);
                }
                continue;
            }
            if self.backend.submit_block(&block, Source { requested: true, min_pow_checked: true }).unwrap_or(false) {
                self.imported += 1;
            }
            ready.extend(self.waiting.remove(&hash).unwrap_or_default());
        }
        // Nobody is connected yet who could be told.
        self.backend.take_events();
    }
}
