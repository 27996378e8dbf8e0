//! Files that are offered to others, and fetched from them (spec: `docs/spec/content.md`).
//!
//! - [`ContentNode`]: a node of the overlay for that alone. Its key is fresh, so that neither who shares nor who fetches
//!   can be told from the person's own node, and it needs no password.
//! - [`Source`]: a file on the disk, read chunk by chunk when it is asked for.
//! - [`Sharing`]: answers requests and says in the DHT who has the file, until it is stopped.
//! - [`fetch()`]: gets a file from whoever has it, into a file beside the target that a later run goes on with.
//! - [`Attachments`]: what was attached to payments, and is offered while this peer listens.

mod attachments;
mod error;
mod fetch;
mod node;
mod part;
mod share;
mod source;

pub use attachments::{Attachment, Attachments, MAX_ATTACHMENTS};
pub use error::ContentError;
pub use fetch::{FetchEvent, FetchOptions, Fetched, fetch, part_of, target_of};
pub use node::ContentNode;
pub use share::{Served, ShareEvent, Sharing};
pub use source::Source;

use pumasi_content::Secret;
use pumasi_crypto::{CryptoError, NativeProvider, Provider as _};
use zeroize::Zeroizing;

/// A key for one private share.
///
/// # Errors
/// When the system gives no randomness.
pub fn fresh_secret() -> Result<Secret, CryptoError> {
    let mut random = Zeroizing::new([0; 32]);
    NativeProvider.random(&mut *random)?;
    Ok(Secret::from_random(*random))
}

fn random_u32() -> u32 {
    let mut random = [0; 4];
    // Only where something starts or in which order: no harm in a known one.
    let _ = NativeProvider.random(&mut random);
    u32::from_be_bytes(random)
}
