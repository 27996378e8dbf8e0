//! Talking: messages to one person, and topics (spec: `docs/spec/messages.md`).
//!
//! - [`Messages`]: what was said and what came, on the disk; without a network.
//! - [`Talk`]: brings them, takes those of others, and keeps an eye on the inbox in the DHT, while it runs.
//! - [`Room`]: one topic, joined.
//!
//! Another process of the same person may run at the same time: `pumasi message` writes into the outbox of which a running
//! `pumasi listen` takes care.

mod courier;
mod desk;
mod error;
mod event;
mod inbox;
mod room;
mod store;
mod whereabouts;

pub use desk::{MAX_STRANGERS, Messages};
pub use error::TalkError;
pub use event::TalkEvent;
pub use room::{Heard, Room, RoomEvent};
pub use store::{Line, Said};
pub use whereabouts::{Find, Lookup};

use crate::Agent;
#[cfg(doc)]
use crate::AgentError;
use crate::net::{Chats, Entry, NetOptions, People};
use crate::wallet::Wallet;
use courier::{Courier, Shared};
use pumasi_identity::{Did, PrivateKeys};
use pumasi_overlay::{Overlay, Service};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, oneshot, watch};
use tokio::task::JoinHandle;

/// Events that an app may be behind before it misses some.
const EVENTS: usize = 1_024;
/// How long entering the overlay may take.
const JOIN: Duration = Duration::from_secs(15);
/// How long the courier may take to stop.
const STOPPING: Duration = Duration::from_secs(5);

/// How a direct message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageRoad {
    /// A data channel that is open anyway.
    Channel,
    /// A stream of the overlay, straight to their node or over a relay.
    Stream,
    /// Their sealed inbox in the DHT.
    Inbox,
}

/// The keys of one person at a node of the overlay: what talking needs of a running peer, or of a wallet.
pub struct Session {
    overlay: Overlay,
    keys: PrivateKeys<crate::PlatformProvider>,
    people: People,
    messages: Messages,
    /// Links of the running peer beside which this is.
    chats: Option<Chats>,
    /// Whether this node stays, and can be asked by others.
    stays: bool,
    /// Whether it says for itself where it is. A running peer does so in its presence, to those who may know.
    announces: bool,
    /// Whether the overlay is this session's own, to be left when it ends.
    own: bool,
}

impl Session {
    /// Beside a running peer, at its node.
    ///
    /// # Errors
    /// [`AgentError::Stopped`], and what the file of messages says.
    pub async fn beside(agent: &Agent, entry: Entry) -> Result<Self, TalkError> {
        let (keys, folder) = agent.with(|it| Box::pin(async { (it.keys().clone(), it.folder().to_owned()) })).await?;
        let messages = Messages::of(keys.clone(), &folder).await?;
        let (overlay, people) = (agent.overlay().clone(), agent.people().clone());
        let chats = Some(agent.chats().clone());
        let stays = entry == Entry::Server;
        Ok(Self { overlay, keys, people, messages, chats, stays, announces: false, own: false })
    }

    /// At a node of its own. The wallet may be open for reading only.
    ///
    /// # Errors
    /// [`AgentError::NoBootstrap`], [`AgentError::Overlay`], and what the file of messages says.
    pub async fn enter(wallet: &Wallet, options: &NetOptions, entry: Entry) -> Result<Self, TalkError> {
        let messages = Messages::open(wallet).await?;
        let people = People::new(wallet.contacts().await?, wallet.liars().await?.into_keys());
        let overlay = crate::net::enter(wallet, options, entry, JOIN).await?;
        let (keys, stays) = (wallet.keys().clone(), entry == Entry::Server);
        Ok(Self { overlay, keys, people, messages, chats: None, stays, announces: stays, own: true })
    }

    /// Who it is.
    #[must_use]
    pub fn me(&self) -> Did {
        *self.keys.did()
    }

    /// The node.
    #[must_use]
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// What was said and what came.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Leaves the overlay, if it was entered for this session.
    pub async fn leave(self) {
        if self.own
            && let Err(error) = self.overlay.shutdown().await
        {
            tracing::debug!(%error, "the overlay did not stop cleanly");
        }
    }
}

/// A running courier: brings what is in the outbox, takes what others bring, looks into the inbox.
pub struct Talk {
    messages: Messages,
    events: broadcast::Sender<TalkEvent>,
    nudge: Arc<Notify>,
    caught_up: watch::Receiver<bool>,
    stop: oneshot::Sender<()>,
    courier: JoinHandle<()>,
}

impl Talk {
    /// Starts it. With `find`, others are looked for by it; otherwise by their presence, and in their own sets.
    ///
    /// # Errors
    /// [`TalkError::Overlay`] when messages are taken at this node already.
    pub async fn start(session: &Session, find: Option<Find>) -> Result<Self, TalkError> {
        let requests = match session.stays {
            true => Some(session.overlay.serve(Service::Message).await?),
            false => None,
        };
        let (events, _) = broadcast::channel(EVENTS);
        let (stop, stopped) = oneshot::channel();
        let (first_round, caught_up) = watch::channel(false);
        let nudge = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            messages: session.messages.clone(),
            overlay: session.overlay.clone(),
            people: session.people.clone(),
            chats: session.chats.clone(),
            find: find.unwrap_or_else(|| whereabouts::by_presence(session)),
            events: events.clone(),
            posted: Default::default(),
            last_made: Default::default(),
        });
        let courier = Courier::new(shared, nudge.clone(), first_round, session.announces);
        let brought = session.chats.as_ref().map(Chats::take);
        let courier = tokio::spawn(courier.run(stopped, requests, brought));
        Ok(Self { messages: session.messages.clone(), events, nudge, caught_up, stop, courier })
    }

    /// Events from now on. One who is too slow misses some; the state is on the disk.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<TalkEvent> {
        self.events.subscribe()
    }

    /// What was said and what came.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Something was written: look at once.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Waits until the inbox of everyone known was looked into once. Says whether that was in time.
    pub async fn caught_up(&mut self, patience: Duration) -> bool {
        matches!(tokio::time::timeout(patience, self.caught_up.wait_for(|done| *done)).await, Ok(Ok(_)))
    }

    /// Stops it. What is under way stays in the outbox.
    pub async fn stop(self) {
        drop(self.stop);
        let abort = self.courier.abort_handle();
        if tokio::time::timeout(STOPPING, self.courier).await.is_err() {
            abort.abort();
        }
    }
}
