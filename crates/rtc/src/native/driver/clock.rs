//! How far a connection is, and by when it must be further.

use std::time::{Duration, Instant};

use super::Driver;
use crate::native::{random, stun};
use crate::{CloseReason, ConnectError, LinkState, Progress};

/// Both sides check the path every 3 s; after two and a bit without a word it is down.
const DOWN_AFTER: Duration = Duration::from_secs(7);

/// How long `close` waits for the peer to acknowledge more of what was sent, and how long in all.
pub(super) const FLUSH_STEP: Duration = Duration::from_secs(3);
pub(super) const FLUSH: Duration = Duration::from_secs(30);

/// How often a NAT's binding is refreshed while no peer is known yet (RFC 8445 §11).
pub(super) const KEEP_BINDING: Duration = Duration::from_secs(15);

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The offer is out.
    Offered,
    /// Both SDPs are known; pairs are being tried until the deadline.
    Checking(Instant),
    /// A pair answered; the handshake runs.
    Securing(Instant),
    /// The handshake is done; the channel opens.
    Opening(Instant),
    /// The channel is open.
    Open,
    /// The last bytes are on their way.
    Closing {
        /// Bytes that are not acknowledged yet.
        left: usize,
        /// When the peer must have acknowledged some more.
        step: Instant,
        /// When it is over in any case.
        deadline: Instant,
    },
}

impl Driver {
    pub(super) fn next_deadline(&self) -> Instant {
        let phase = match self.phase {
            Phase::Offered => self.refresh,
            Phase::Checking(at) | Phase::Securing(at) | Phase::Opening(at) => at,
            Phase::Closing { step, deadline, .. } => step.min(deadline),
            Phase::Open if self.shared.state() == LinkState::Down => self.last_heard + self.give_up_after,
            Phase::Open => self.last_heard + DOWN_AFTER,
        };
        phase.max(Instant::now())
    }

    /// Looks at the clock; `true` when a close is complete.
    pub(super) fn check_deadlines(&mut self) -> Result<bool, CloseReason> {
        let now = Instant::now();
        match self.phase {
            Phase::Offered if now >= self.refresh => {
                self.refresh = now + KEEP_BINDING;
                for (base, server) in &self.bindings {
                    self.sockets.send(*base, *server, &stun::binding_request(random()));
                }
            }
            Phase::Checking(at) | Phase::Securing(at) | Phase::Opening(at) if now >= at => {
                self.fail_by_phase();
                return Err(CloseReason::Failed);
            }
            Phase::Open if now >= self.last_heard + self.give_up_after => return Err(CloseReason::Lost),
            Phase::Open if now >= self.last_heard + DOWN_AFTER && self.shared.state() == LinkState::Up => {
                self.shared.set_state(LinkState::Down);
                self.observer.notify(Progress::Down);
            }
            Phase::Closing { left: before, step, deadline } => {
                let left = self.unsent() + self.buffered();
                let step = if left < before { now + FLUSH_STEP } else { step };
                self.phase = Phase::Closing { left, step, deadline };
                return Ok(left == 0 || now >= step || now >= deadline);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Tells the one who waits for the connection why there will be none.
    pub(super) fn fail_by_phase(&mut self) {
        if matches!(self.phase, Phase::Checking(_)) {
            self.observer.notify(Progress::Tried(self.path.tried(&self.sockets)));
        }
        let complaint = || self.complaint.clone().unwrap_or_else(|| "no answer".to_owned());
        self.fail(match self.phase {
            Phase::Securing(_) => ConnectError::Dtls(complaint()),
            Phase::Opening(_) => ConnectError::ChannelNotOpened,
            Phase::Checking(_) => match &self.complaint {
                // The handshake can fail before the checks have all ended.
                Some(complaint) => ConnectError::Dtls(complaint.clone()),
                None => ConnectError::ChecksFailed,
            },
            Phase::Offered | Phase::Open | Phase::Closing { .. } => ConnectError::Closed,
        });
    }
}
