//! What the node keeps on disk.
//!
//! - `blocks/blk*.dat`, `blocks/rev*.dat`: blocks and undo data, appended to and never rewritten (`files.rs`).
//! - `chainstate/`: block index, coins, and where in the files each block is, in one database with one atomic
//!   commit (`disk.rs`). What the files hold beyond the last commit counts as not written.
//! - `blocks/xor.dat`: what masks them (`mask.rs`).
//! - `.lock`: held while a process uses the folder (`lock.rs`).

pub(crate) mod database;
mod disk;
mod files;
pub(crate) mod import;
mod lock;
mod mask;
pub(crate) mod private;
#[cfg(test)]
mod tests;

pub use disk::{DiskStore, StoreOptions};
pub use lock::{FolderLock, LockError};
pub(crate) use mask::Mask;

use pumasi_chain::store::StoreError;

/// Tells what a failed store means, what was kept safe and what to do next.
#[must_use]
pub fn explain(error: &StoreError) -> String {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(at) = cause {
        if let Some(io) = at.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    return format!(
                        "Disk space is too low: {error}. All blocks up to the last save are safe. Free some space \
                         and start the node again; it goes on where it stood."
                    );
                }
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    return format!(
                        "The folder cannot be written: {error}. Nothing was changed. Check the permissions of the \
                         data folder and start the node again."
                    );
                }
                _ => {}
            }
        }
        cause = at.source();
    }
    match error {
        StoreError::Corrupt { .. } => format!(
            "The stored chain is damaged: {error}. Nothing was changed. Restore the folder from a backup, or remove \
             its `blocks` and `chainstate` and let the node download them again."
        ),
        _ => format!("The chain could not be read or saved: {error}. All blocks up to the last save are safe."),
    }
}
