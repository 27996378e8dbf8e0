//! What Bitcoin peers send, and what our own files hold. The bodies are beside what they read.

pub use pumasi_chain::testing::fuzz::{records as chain_records, transaction};
pub use pumasi_p2p::testing::{address_book, block_filters, compact_block, headers_presync, network, wire};

/// A block, with all that it asks of the chain.
pub fn block(data: &[u8]) {
    pumasi_chain::testing::fuzz::block(data);
}
