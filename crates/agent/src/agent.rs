//! A running peer.

use crate::bookkeeper::{Bookkeeper, INPUTS, Input};
use crate::error::AgentError;
use crate::event::Event;
use crate::net::{Entry, NetOptions, Shared, Switchboard, enter, ice, look_up, remember_peers};
use crate::wallet::Wallet;
use futures::future::BoxFuture;
use pumasi_identity::{Did, SignedProfile};
use pumasi_ledger::TransferId;
use pumasi_overlay::{Overlay, RecordKey};
use pumasi_transfer::{Decision, Order, Policy, RequestOrder, Verified, message};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How long entering the overlay may take.
const JOIN: Duration = Duration::from_secs(15);
/// Events that an app may be behind before it misses some.
const EVENTS: usize = 4_096;
/// First pause before a profile that no node took is published again; it doubles up to a minute.
const REPUBLISH: Duration = Duration::from_secs(1);

/// How a peer is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the network is entered.
    pub net: NetOptions,
    /// For one command, or to be reachable.
    pub entry: Entry,
    /// Which transfers are accepted without asking.
    pub policy: Policy,
}

/// A running peer: commands in, events out. Dropping it stops it without the goodbyes; [`Agent::stop`] says them.
pub struct Agent {
    inputs: mpsc::Sender<Input>,
    events: broadcast::Sender<Event>,
    wanted: watch::Receiver<BTreeSet<Did>>,
    overlay: Overlay,
    folder: PathBuf,
    switchboard: (oneshot::Sender<()>, JoinHandle<()>),
    publisher: JoinHandle<()>,
}

impl Agent {
    /// Enters the overlay and goes to work: publishes the profile, takes up what is under way, and, when `entry` is
    /// [`Entry::Server`], answers whoever calls.
    ///
    /// # Errors
    /// [`AgentError::NoBootstrap`], [`AgentError::Overlay`] when the network cannot be entered, and what the ledger says.
    pub async fn start(wallet: Wallet, options: Options) -> Result<Self, AgentError> {
        let overlay = enter(&wallet, &options.net, options.entry, JOIN).await?;
        let (events, _) = broadcast::channel(EVENTS);
        let (inputs, from_inputs) = mpsc::channel(INPUTS);
        let (wants, wanted) = watch::channel(BTreeSet::new());
        let contacts = wallet.contacts().await?.into_iter().map(|contact| (contact.did, contact.profile)).collect();
        let shared = Shared {
            overlay: overlay.clone(),
            keys: wallet.keys().clone(),
            desk_keys: Arc::new(wallet.desk_keys()),
            profile: wallet.profile().clone(),
            ice: ice(&wallet, &options.net)?,
            inputs: inputs.clone(),
            events: events.clone(),
            wanted: wanted.clone(),
            listening: options.entry == Entry::Server,
        };
        let folder = wallet.folder().to_owned();
        let publisher = tokio::spawn(publish(overlay.clone(), wallet.profile().clone()));
        let bookkeeper = Bookkeeper::new(wallet, options.policy, events.clone(), wants).await?;
        tokio::spawn(bookkeeper.run(from_inputs));
        let (stop, stopped) = oneshot::channel();
        let switchboard = tokio::spawn(Switchboard::new(shared, contacts).run(stopped));
        Ok(Self { inputs, events, wanted, overlay, folder, switchboard: (stop, switchboard), publisher })
    }

    /// Events from now on. One who is too slow misses some, and is told how many; the state is in the ledger.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The overlay node of this peer.
    #[must_use]
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// Waits until this peer's own profile can be found by others, or the time is over.
    pub async fn published(&mut self, patience: Duration) -> bool {
        tokio::time::timeout(patience, &mut self.publisher).await.is_ok()
    }

    /// Signs a payment and writes it down. It leaves as soon as the payee is connected, now or at a later start.
    ///
    /// # Errors
    /// [`AgentError::UnknownPerson`] when the payee is no contact, [`AgentError::Order`], and what the ledger says. Nothing
    /// was signed then.
    pub async fn pay(&self, order: Order) -> Result<TransferId, AgentError> {
        self.ask(|reply| Input::Pay { order, reply }).await
    }

    /// Signs a request.
    ///
    /// # Errors
    /// [`AgentError::Order`], and what the ledger says.
    pub async fn request(&self, order: RequestOrder) -> Result<Verified<message::Request>, AgentError> {
        self.ask(|reply| Input::Request { order, reply }).await
    }

    /// Decides a payment that waits for a person. Says whether the decision still counted.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn decide(&self, id: TransferId, decision: Decision) -> Result<bool, AgentError> {
        self.ask(|reply| Input::Decide { id, decision, reply }).await
    }

    /// Does something with the wallet, between two commits.
    ///
    /// # Errors
    /// [`AgentError::Stopped`].
    pub async fn with<T: Send + 'static>(
        &self,
        run: impl for<'a> FnOnce(&'a mut Wallet) -> BoxFuture<'a, T> + Send + 'static,
    ) -> Result<T, AgentError> {
        let (reply, answer) = oneshot::channel();
        let input = Input::With(Box::new(move |wallet| {
            Box::pin(async move {
                let _ = reply.send(run(wallet).await); // whoever asked may have gone
            })
        }));
        self.inputs.send(input).await.map_err(|_| AgentError::Stopped)?;
        answer.await.map_err(|_| AgentError::Stopped)
    }

    /// Looks a profile up in the DHT, checked.
    pub async fn look_up(&self, did: &Did) -> Option<SignedProfile> {
        look_up(&self.overlay, did).await
    }

    /// Waits until no payment of mine is under way any more. Says whether that came true in time.
    pub async fn settled(&mut self, patience: Duration) -> bool {
        let settled = self.wanted.wait_for(BTreeSet::is_empty);
        matches!(tokio::time::timeout(patience, settled).await, Ok(Ok(_)))
    }

    /// Says goodbye to everyone, makes everything durable, and gives the wallet back.
    ///
    /// # Errors
    /// [`AgentError::Stopped`] when it had stopped by itself.
    pub async fn stop(self) -> Result<Wallet, AgentError> {
        self.publisher.abort();
        let (stop, switchboard) = self.switchboard;
        drop(stop);
        let _ = switchboard.await; // one that panicked has nothing left to close
        if let Err(error) = remember_peers(&self.folder, &self.overlay).await {
            tracing::debug!(%error, "no peers remembered");
        }
        let (reply, wallet) = oneshot::channel();
        self.inputs.send(Input::Stop { reply }).await.map_err(|_| AgentError::Stopped)?;
        let wallet = wallet.await.map_err(|_| AgentError::Stopped);
        if let Err(error) = self.overlay.shutdown().await {
            tracing::debug!(%error, "the overlay did not stop cleanly");
        }
        wallet
    }

    async fn ask<T>(
        &self,
        input: impl FnOnce(oneshot::Sender<Result<T, AgentError>>) -> Input,
    ) -> Result<T, AgentError> {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(input(reply)).await.map_err(|_| AgentError::Stopped)?;
        answer.await.map_err(|_| AgentError::Stopped)?
    }
}

/// Publishes the profile until some node has it; the overlay repeats it from then on.
async fn publish(overlay: Overlay, profile: SignedProfile) {
    let mut pause = REPUBLISH;
    loop {
        match overlay.put(RecordKey::profile(profile.did()), profile.json().as_bytes().to_vec()).await {
            Ok(published) => {
                tracing::debug!(stored = published.stored, "profile published");
                return;
            }
            Err(error) => tracing::debug!(%error, "profile not published yet"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}
