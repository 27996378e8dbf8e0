//! A running peer.

use crate::bookkeeper::{Bookkeeper, INPUTS, Input, PayKey};
use crate::error::AgentError;
use crate::event::Event;
#[cfg(not(target_arch = "wasm32"))]
use crate::event::Road;
use crate::home::Visibility;
#[cfg(not(target_arch = "wasm32"))]
use crate::net::{Announcer, Doorbell, Gate, Strangers, Streams, Whereabouts, serve, whereabouts};
use crate::net::{Chats, Door, Entry, Ice, NetOptions, Network, People, Records, Shared, Switchboard, Token};
use crate::platform::PlatformProvider;
use crate::wallet::Wallet;
use pumasi_crypto::MaybeSend;
use pumasi_identity::{Contact, Did, PrivateKeys, SignedProfile};
use pumasi_ledger::TransferId;
use pumasi_rt::{Boxed, Task};
use pumasi_transfer::{Decision, Order, Policy, RequestOrder, Verified, message};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Events that an app may be behind before it misses some.
const EVENTS: usize = 4_096;
/// Offers at the door that wait.
const RINGS: usize = 64;
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
    /// API tokens, by the payee whose endpoint demands one.
    pub tokens: BTreeMap<Did, Token>,
    /// Who is told where this peer is while it is reachable, in place of what the configuration says.
    pub presence: Option<Visibility>,
    /// What people may do whom nobody here knows, if they come over a stream of the overlay; without it they may nothing.
    #[cfg(not(target_arch = "wasm32"))]
    pub strangers: Option<Strangers>,
}

impl Options {
    /// Without any token, and closed to strangers.
    #[must_use]
    pub fn new(net: NetOptions, entry: Entry, policy: Policy) -> Self {
        Self {
            net,
            entry,
            policy,
            tokens: BTreeMap::new(),
            presence: None,
            #[cfg(not(target_arch = "wasm32"))]
            strangers: None,
        }
    }
}

/// A running peer: commands in, events out. Dropping it stops it without the goodbyes; [`Agent::stop`] says them.
pub struct Agent {
    inputs: mpsc::Sender<Input>,
    events: broadcast::Sender<Event>,
    wanted: watch::Receiver<BTreeSet<Did>>,
    records: Records,
    network: Network,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "nobody brings offers to a page"))]
    people: People,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page does not talk yet"))]
    chats: Chats,
    door: mpsc::Sender<Door>,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page looks nobody's node up"))]
    keys: PrivateKeys<PlatformProvider>,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "nobody brings offers to a page"))]
    did: Did,
    switchboard: (oneshot::Sender<()>, Task<()>),
    publisher: Task<()>,
    #[cfg(not(target_arch = "wasm32"))]
    porch: Porch,
}

/// What a peer that is reachable does beside its lines.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Default)]
struct Porch {
    /// Who strangers are counted by.
    gate: Option<Arc<Gate>>,
    /// Says where this peer is.
    announcer: Option<(oneshot::Sender<()>, Task<()>)>,
    /// Whether that was said to everybody who is to know.
    announced: Option<watch::Receiver<bool>>,
    /// Answers offers that come over streams.
    streams: Option<Task<()>>,
}

impl Agent {
    /// Enters the overlay and goes to work: publishes the profile, takes up what is under way, and, when `entry` is
    /// [`Entry::Server`], answers whoever calls.
    ///
    /// # Errors
    /// [`AgentError::NoBootstrap`], [`AgentError::Overlay`] when the network cannot be entered, and what the ledger says.
    #[cfg_attr(
        target_arch = "wasm32",
        allow(clippy::arc_with_non_send_sync, reason = "a process shares the same between threads")
    )]
    pub async fn start(wallet: Wallet, options: Options) -> Result<Self, AgentError> {
        let network = Network::enter(&wallet, &options.net, options.entry).await?;
        let records = network.records();
        let (events, _) = broadcast::channel(EVENTS);
        let (inputs, from_inputs) = mpsc::channel(INPUTS);
        let (wants, wanted) = watch::channel(BTreeSet::new());
        let everyone = wallet.contacts().await?;
        let people = People::new(everyone, wallet.liars().await?.into_keys());
        let chats = Chats::default();
        let ice = Ice::new(&wallet, &options.net, &records)?;
        #[cfg(not(target_arch = "wasm32"))]
        let hides = ice.hides();
        let shared = Shared {
            records: records.clone(),
            #[cfg(not(target_arch = "wasm32"))]
            streams: (!hides).then(|| Streams::new(network.overlay().clone())),
            #[cfg(target_arch = "wasm32")]
            streams: None,
            client: options.net.client()?,
            tokens: Arc::new(options.tokens),
            people: people.clone(),
            chats: chats.clone(),
            keys: wallet.keys().clone(),
            desk_keys: Arc::new(wallet.desk_keys()),
            profile: wallet.profile().clone(),
            ice,
            inputs: inputs.clone(),
            events: events.clone(),
            wanted: wanted.clone(),
            listening: options.entry == Entry::Server,
        };
        let publisher = pumasi_rt::spawn(publish(records.clone(), wallet.profile().clone()));
        let (did, keys) = (wallet.did(), wallet.keys().clone());
        #[cfg(not(target_arch = "wasm32"))]
        let told = options.presence.or(wallet.config().presence).unwrap_or_default();
        #[cfg(not(target_arch = "wasm32"))]
        if hides && told != Visibility::Off && options.entry == Entry::Server {
            tracing::warn!("no presence is told, since `relay-only` is set");
        }
        #[cfg(not(target_arch = "wasm32"))]
        let announcer = Announcer {
            overlay: network.overlay().clone(),
            records: records.clone(),
            keys: keys.clone(),
            people: people.clone(),
            visibility: if hides { Visibility::Off } else { told },
            loopback: options.net.loopback,
            announced: watch::Sender::new(false),
        };
        let bookkeeper = Bookkeeper::new(wallet, options.policy, people.clone(), events.clone(), wants).await?;
        pumasi_rt::spawn(bookkeeper.run(from_inputs));
        let (stop, stopped) = oneshot::channel();
        let (door, at_the_door) = mpsc::channel(RINGS);
        let switchboard = pumasi_rt::spawn(Switchboard::new(shared).run(stopped, at_the_door));
        let switchboard = (stop, switchboard);
        #[cfg_attr(target_arch = "wasm32", expect(unused_mut, reason = "a page is not reached"))]
        let mut agent = Self {
            inputs,
            events,
            wanted,
            records,
            network,
            people,
            chats,
            door,
            keys,
            did,
            switchboard,
            publisher,
            #[cfg(not(target_arch = "wasm32"))]
            porch: Porch::default(),
        };
        #[cfg(not(target_arch = "wasm32"))]
        if options.entry == Entry::Server {
            agent.porch.gate = options.strangers.map(|rules| Arc::new(Gate::new(rules)));
            // Whoever may bring an offer to each node it finds would learn which of them is ours.
            if !hides {
                let doorbell = Doorbell { road: Road::Stream, ..agent.doorbell_with(agent.porch.gate.clone()) };
                agent.porch.streams = Some(serve(agent.network.overlay(), doorbell).await?);
            }
            let (stop, stopped) = oneshot::channel();
            agent.porch.announced = Some(announcer.announced.subscribe());
            agent.porch.announcer = Some((stop, pumasi_rt::spawn(announcer.run(stopped))));
        }
        Ok(agent)
    }

    /// Events from now on. One who is too slow misses some, and is told how many; the state is in the ledger.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The overlay node of this peer.
    #[must_use]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn overlay(&self) -> &pumasi_overlay::Overlay {
        self.network.overlay()
    }

    /// Direct messages over the links of this peer.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn chats(&self) -> &Chats {
        &self.chats
    }

    /// Whom the owner knows, now and from now on.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn people(&self) -> &People {
        &self.people
    }

    /// What takes offers that come by HTTPS: for `pumasi_http::signaling_router`. Without `strangers` only contacts are
    /// answered. Strangers who come over streams under the same rules are counted together with those.
    #[must_use]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn doorbell(&self, strangers: Option<Strangers>) -> Doorbell {
        self.doorbell_with(strangers.map(|rules| match &self.porch.gate {
            Some(gate) if *gate.rules() == rules => Arc::clone(gate),
            _ => Arc::new(Gate::new(rules)),
        }))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn doorbell_with(&self, strangers: Option<Arc<Gate>>) -> Doorbell {
        Doorbell {
            did: self.did,
            people: self.people.clone(),
            door: self.door.clone(),
            inputs: self.inputs.clone(),
            strangers,
            road: Road::Endpoint,
        }
    }

    /// Tries to reach a contact now rather than at the next attempt, where something is under way with them.
    ///
    /// # Errors
    /// [`AgentError::Stopped`].
    pub async fn nudge(&self, did: Did) -> Result<(), AgentError> {
        self.door.send(Door::Nudge(did)).await.map_err(|_| AgentError::Stopped)
    }

    /// The newest profile of somebody, and what each gateway said.
    #[cfg(target_arch = "wasm32")]
    pub async fn report(&self, did: &Did) -> pumasi_http::ProfileReport {
        self.records.report(did).await
    }

    /// Takes somebody at their word: their keys are pinned, and nobody has verified them. Someone known stays as they are.
    ///
    /// # Errors
    /// [`AgentError::TooManyContacts`], and what the ledger says.
    pub async fn meet(&self, profile: SignedProfile) -> Result<Contact, AgentError> {
        let profile = Box::new(profile);
        self.ask(|reply| Input::Meet { profile, limit: None, most: usize::MAX, reply }).await
    }

    /// Waits until this peer's own profile can be found by others, or the time is over.
    pub async fn published(&mut self, patience: Duration) -> bool {
        pumasi_rt::timeout(patience, &mut self.publisher).await.is_ok()
    }

    /// Signs a payment and writes it down. It leaves as soon as the payee is connected, now or at a later start.
    ///
    /// # Errors
    /// [`AgentError::UnknownPerson`] when the payee is no contact, [`AgentError::Order`], and what the ledger says. Nothing
    /// was signed then.
    pub async fn pay(&self, order: Order) -> Result<TransferId, AgentError> {
        self.ask(|reply| Input::Pay { order, key: None, reply }).await
    }

    /// As [`pay`](Self::pay), once: a second order with the same key pays nothing and gives the id of the first, also
    /// after a restart.
    ///
    /// # Errors
    /// As [`pay`](Self::pay).
    pub async fn pay_once(&self, order: Order, key: PayKey) -> Result<TransferId, AgentError> {
        self.ask(|reply| Input::Pay { order, key: Some(key), reply }).await
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
    pub async fn with<T: MaybeSend + 'static>(
        &self,
        run: impl for<'a> FnOnce(&'a mut Wallet) -> Boxed<'a, T> + MaybeSend + 'static,
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

    /// Looks a profile up where others find it, checked.
    pub async fn look_up(&self, did: &Did) -> Option<SignedProfile> {
        self.records.profile(did).await
    }

    /// Waits until everybody who is to know where this peer is can find it. Says whether that came true in time; a peer
    /// that is not reachable tells nobody.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn announced(&mut self, patience: Duration) -> bool {
        let Some(announced) = &mut self.porch.announced else { return false };
        matches!(pumasi_rt::timeout(patience, announced.wait_for(|announced| *announced)).await, Ok(Ok(_)))
    }

    /// Where somebody is now, as they tell it to contacts or to everyone.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn whereabouts(&self, did: &Did) -> Option<Whereabouts> {
        whereabouts(&self.records, &self.keys, did, self.people.get(did).as_ref()).await
    }

    /// Waits until no payment of mine is under way any more. Says whether that came true in time.
    pub async fn settled(&mut self, patience: Duration) -> bool {
        let settled = self.wanted.wait_for(BTreeSet::is_empty);
        matches!(pumasi_rt::timeout(patience, settled).await, Ok(Ok(_)))
    }

    /// Says goodbye to everyone, makes everything durable, and gives the wallet back.
    ///
    /// # Errors
    /// [`AgentError::Stopped`] when it had stopped by itself.
    pub async fn stop(self) -> Result<Wallet, AgentError> {
        self.publisher.abort();
        #[cfg(not(target_arch = "wasm32"))]
        {
            if let Some(streams) = &self.porch.streams {
                streams.abort();
            }
            if let Some((stop, announcer)) = self.porch.announcer {
                drop(stop);
                let _ = announcer.await; // one that panicked has nothing left to say
            }
        }
        let (stop, switchboard) = self.switchboard;
        drop(stop);
        let _ = switchboard.await; // one that panicked has nothing left to close
        self.network.remember().await;
        let (reply, wallet) = oneshot::channel();
        self.inputs.send(Input::Stop { reply }).await.map_err(|_| AgentError::Stopped)?;
        let wallet = wallet.await.map_err(|_| AgentError::Stopped);
        self.network.leave().await;
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
async fn publish(records: Records, profile: SignedProfile) {
    let mut pause = REPUBLISH;
    loop {
        match records.put_profile(&profile).await {
            Ok(stored) => {
                tracing::debug!(stored, "profile published");
                return;
            }
            Err(error) => tracing::debug!(%error, "profile not published yet"),
        }
        pumasi_rt::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}
