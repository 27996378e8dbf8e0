//! The Bitcoin peer-to-peer protocol as a sans-I/O state machine.
//!
//! [`Network`] is Core's `net_processing` and the deciding half of its `net`: it knows the peers, answers their
//! messages, fetches headers, blocks and transactions, relays what is new, and decides whom to dial, to evict and to
//! ban. It owns no socket, no clock and no randomness: time comes with each call ([`Time`]), the seed with its
//! construction, the chain and the mempool through [`Host`], and what it wants done comes out of
//! [`Network::poll_output`].
//!
//! ```text
//! socket bytes → Transport::receive → Received → Network::handle_received ┐
//!                                                                         ├→ Network::work → Output::{Send, …}
//!                              chain and mempool ← Host ←─────────────────┘
//! socket bytes ← Transport::poll_unsent ← Transport::send ← Output::Send
//! ```
//!
//! Messages of one peer are processed in the order of their arrival, one at a time; peers take turns.

mod address;
mod addrman;
mod bans;
mod bip37;
mod bloom;
mod compact;
mod config;
mod download;
mod eviction;
mod fees;
mod headers_sync;
mod host;
pub mod light;
mod log;
mod network;
mod orphanage;
mod output;
mod pow;
mod random;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod tx_download;
mod tx_request;
pub mod wire;

pub use address::{AddressEntry, NetAddr, NetworkKind, ParseAddressError, ParseSubnetError, PeerAddress, Subnet};
pub use addrman::{AddressBook, BookEntry, BookError, Position};
pub use bans::{Ban, BanList, DEFAULT_BAN_TIME};
pub use config::{Config, Params, Permissions, USER_AGENT};
pub use host::{
    BlockOutcome, BlockRejection, BlockVerdict, ChainEvent, FilterHashes, HeaderInfo, HeadersOutcome, Host,
    MempoolInfo, PackageResult, TxId, TxRejection, TxResult, TxVerdict,
};
pub use log::{Category, Level, LogLine};
pub use network::{AddNodeError, AddedNode, Closed, ConnectionCounts, Network, PROTOCOL_VERSION, PeerInfo, Totals};
pub use orphanage::OrphanInfo;
pub use output::{ConnectionKind, DialId, DialTarget, Output, PeerId};
pub use time::Time;
