use std::fmt;
use std::sync::Arc;

use crate::{CloseReason, HostPort, PathReport, Transport, Tried};

/// What a connection does, in the order in which it happens; for a progress line and for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Looking for addresses: interfaces, STUN, TURN.
    Gathering,
    /// A STUN or TURN server was of no use. The others go on.
    ServerFailed {
        /// The server.
        server: HostPort,
        /// How it was to be reached.
        transport: Transport,
        /// What went wrong.
        why: ServerFailure,
    },
    /// Addresses were found: how many of each kind.
    Gathered {
        /// Addresses of this machine.
        host: usize,
        /// Addresses that a STUN server sees.
        server_reflexive: usize,
        /// Addresses on a relay.
        relay: usize,
    },
    /// Pairs of addresses are being tried.
    Checking,
    /// A pair answered; the DTLS handshake runs.
    Securing,
    /// The pairs that were tried, at most 48: told before the channel is open, and when none is to be. In a browser,
    /// never.
    Tried(Vec<Tried>),
    /// The data channel is open.
    Open(PathReport),
    /// Nothing was heard for a while. The link may come back by itself or by an ICE restart.
    Down,
    /// The peer is heard again.
    Up(PathReport),
    /// The link has ended.
    Closed(CloseReason),
}

/// Why a STUN or TURN server was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFailure {
    /// Its name has no address.
    #[error("the server's name is not known")]
    NotFound,
    /// No connection, or it broke.
    #[error("the server cannot be reached")]
    Unreachable,
    /// Its certificate is not by an authority that is trusted, or not for its name.
    #[error("the server's certificate is not trusted")]
    NotTrusted,
    /// It does not take the user name and password.
    #[error("the server does not take the user name and password")]
    Credentials,
    /// It gives no address for another reason: a quota, a limit.
    #[error("the server refuses to relay")]
    Refused,
    /// It did not answer in time.
    #[error("the server does not answer")]
    Silent,
}

/// Where a connection reports its [`Progress`]: a function that must return at once.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl Observer {
    /// Calls `notify` for each step. It runs on the connection's own task: it must not block.
    pub fn new(notify: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Observer(Some(Arc::new(notify)))
    }

    /// Reports to nobody.
    pub fn silent() -> Self {
        Observer(None)
    }

    /// Reports one step.
    pub fn notify(&self, progress: Progress) {
        if let Some(notify) = &self.0 {
            notify(progress);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "Observer(silent)" })
    }
}
