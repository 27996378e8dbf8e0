//! Sockets, files and clocks around one validation thread.
//!
//! All that happens reaches the thread through one bounded channel, in order: what peers said, calls of the RPC,
//! connections that came up or went down. The thread owns chain, mempool and peers, so nothing of them needs a lock.

mod bans;
mod capture;
mod dial;
mod import;
mod metrics;
mod notify;
mod peer;
mod permissions;
mod run;
mod setup;
mod work;

use std::net::SocketAddr;

use bitcoin::BlockHash;
use pumasi_p2p::wire::{MessageType, Received, TransportInfo};
use pumasi_p2p::{Closed, DialId, Level, LogLine, NetAddr, PeerId, Permissions};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::log::DebugLog;
use crate::node::Node;

pub use run::{Observer, Progress, run, run_observed};

/// Something to do with the node. What it gives back tells the caller, once everything that follows from it is done:
/// who reads the log after the reply finds it there.
pub(crate) type Call = Box<dyn FnOnce(&mut Node) -> Box<dyn FnOnce() + Send> + Send>;

/// A call whose result goes to `reply`.
pub(crate) fn call<T: Send + 'static>(
    run: impl FnOnce(&mut Node) -> T + Send + 'static,
    reply: oneshot::Sender<T>,
) -> Event {
    Event::Call(Box::new(move |node| {
        let result = run(node);
        Box::new(move || {
            let _ = reply.send(result);
        })
    }))
}

/// What the validation thread is told.
pub(crate) enum Event {
    /// A call of the RPC.
    Call(Call),
    /// Somebody has connected to us.
    Accepted { stream: TcpStream, address: SocketAddr, bind: SocketAddr, onion: bool, permissions: Permissions },
    /// A connection that was asked for is up, or is not.
    Dialed { id: DialId, stream: Option<TcpStream> },
    /// A DNS seed has answered.
    Resolved { host: String, addresses: Vec<NetAddr> },
    /// Something of a connection.
    Peer(PeerId, PeerEvent),
    /// The process is asked to end.
    Stop,
}

/// What a connection tells.
pub(crate) enum PeerEvent {
    /// So many bytes came.
    Read(usize),
    /// A message came; the permit frees its room when it is taken.
    Received(Received, Option<OwnedSemaphorePermit>),
    /// So many bytes left, of a message of this type.
    Sent(usize, Option<MessageType>),
    /// More waits to be written than should, or no longer.
    SendFull(bool),
    /// What is known about the transport has changed.
    Transport(TransportInfo),
    /// The connection is gone; nothing of it follows.
    Closed { closed: Closed, reconnect_v1: bool },
}

/// The tip of the active chain, for calls that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) hash: BlockHash,
    pub(crate) height: u32,
    /// The node stops: nothing more will come.
    pub(crate) stopping: bool,
}

/// Writes a line of the peers' side to the log.
pub(crate) fn write_line(log: &DebugLog, line: &LogLine) {
    match line.level {
        Level::Debug(category) => log.debug(category.name(), &line.text),
        Level::Info => log.info(&line.text),
        Level::Warning => log.warn(&line.text),
        Level::Error => log.error(&line.text),
    }
}
