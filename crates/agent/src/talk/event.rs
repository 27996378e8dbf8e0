use super::MessageRoad;
use pumasi_identity::Did;
use pumasi_messages::direct::{Change, Got, GotState, Sent, Standing, StreamRefusal, ThreadState};
use serde::Serialize;

/// What happened among the messages, and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TalkEvent {
    /// A message can be read, in its turn.
    Message {
        /// Who says it.
        peer: Did,
        /// What.
        message: Got,
        /// Its author is unknown: it belongs among the requests.
        request: bool,
    },
    /// A message of mine has another state.
    Sent {
        /// To whom it is.
        peer: Did,
        /// It, as it is now.
        message: Sent,
    },
    /// A message of mine has left by a road, or a road does not lead there now.
    Road {
        /// To whom.
        peer: Did,
        /// Which.
        road: MessageRoad,
        /// How many messages have taken it; none: it is closed.
        carried: usize,
    },
    /// They were reached, and did not take a message. It stays in the outbox, for they may later.
    Refused {
        /// Who.
        peer: Did,
        /// Why.
        why: StreamRefusal,
    },
    /// An attempt to bring everything to somebody is over. Another follows while something is left.
    Tried {
        /// To whom.
        peer: Did,
    },
}

impl TalkEvent {
    /// The event of a change, where it is one.
    pub(super) fn of(peer: Did, state: &ThreadState, change: &Change) -> Option<Self> {
        match change {
            Change::Got(message) if message.state == GotState::Unread => {
                let request = state.standing == Standing::Stranger;
                Some(Self::Message { peer, message: message.clone(), request })
            }
            Change::Sent(message) => Some(Self::Sent { peer, message: message.clone() }),
            Change::Got(_) | Change::State(_) => None,
        }
    }
}
