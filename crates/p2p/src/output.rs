//! What the state machine asks its driver to do, and how they speak of peers.

use crate::wire::Message;
use crate::{LogLine, PeerAddress};
use std::fmt;

/// A connection, by a number that is never used twice (Core's `NodeId`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// What a connection is for (Core's `ConnectionType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionKind {
    /// The peer dialled us.
    Inbound,
    /// The usual outbound connection: blocks, transactions, addresses.
    FullRelay,
    /// Somebody asked for it (`addnode`, `-connect`).
    Manual,
    /// Tests whether an address is alive.
    Feeler,
    /// Blocks only: it hides the topology.
    BlockRelay,
    /// Asks for addresses and leaves.
    AddrFetch,
}

impl ConnectionKind {
    /// Core's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::FullRelay => "outbound-full-relay",
            Self::Manual => "manual",
            Self::Feeler => "feeler",
            Self::BlockRelay => "block-relay-only",
            Self::AddrFetch => "addr-fetch",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Inbound, Self::FullRelay, Self::Manual, Self::Feeler, Self::BlockRelay, Self::AddrFetch]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(crate) const fn is_inbound(self) -> bool {
        matches!(self, Self::Inbound)
    }

    /// Full or block relay: the connections that are chosen automatically and kept.
    pub(crate) const fn is_outbound_or_block_relay(self) -> bool {
        matches!(self, Self::FullRelay | Self::BlockRelay)
    }

    /// Whether the peer must offer what we want of it.
    pub(crate) const fn expects_services(self) -> bool {
        matches!(self, Self::FullRelay | Self::BlockRelay | Self::AddrFetch)
    }
}

/// Where to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialTarget {
    /// An address.
    Address(PeerAddress),
    /// A name, with or without a port, to look up first.
    Name(String),
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Frame the message with the peer's transport and write it.
    Send {
        /// To whom.
        peer: PeerId,
        /// What.
        message: Message,
    },
    /// Write what was sent before as far as the socket takes it at once, close it, then call `Network::closed`.
    Disconnect {
        /// Whom.
        peer: PeerId,
    },
    /// Read no more from this peer's socket (or read again): too much waits to be processed.
    PauseReading {
        /// Whose.
        peer: PeerId,
        /// Whether to pause.
        pause: bool,
    },
    /// Connect, then call `Network::dialed` or `Network::dial_failed`.
    Dial {
        /// Names the attempt.
        id: DialId,
        /// Where.
        target: DialTarget,
    },
    /// Look up a name and call `Network::seed_resolved` with at most 32 addresses.
    ResolveSeed {
        /// The name.
        host: String,
    },
    /// The ban list has changed: keep its bytes.
    SaveBans,
    /// The address book has changed much: keep its bytes.
    SaveAddresses,
    /// Write to the log.
    Log(LogLine),
}
