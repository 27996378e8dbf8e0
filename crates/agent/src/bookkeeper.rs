//! The one task that writes the ledger.
//!
//! It takes whatever has come in, works it through the machines of `pumasi-transfer`, and makes **one** commit of it. Only
//! when that is durable do its messages leave and its events become seen. A crash can so repeat a message, and can never
//! contradict one. The next batch is worked through while the disk is busy with those before it.

use crate::clock;
use crate::error::AgentError;
use crate::event::{Change, Event};
use crate::net::People;
use crate::platform::PlatformProvider;
use crate::wallet::Wallet;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use pumasi_identity::{Contact, Did, ProfileChange, RollbackError, SignedProfile};
use pumasi_ledger::store::{Space, StoreError};
use pumasi_ledger::{LedgerError, TransferId, Tx};
use pumasi_rt::{Boxed, boxed};
use pumasi_transfer::{
    Action, Decision, Desk, DeskError, ForkProof, Incoming, LedgerBooks, Order, Outbox, Peer, Policy, RequestOrder,
    Unread, Verified, message,
};
use pumasi_trust::Lie;
use pumasi_units::{Millis, Money};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Inputs that wait for the bookkeeper; those who send more wait in turn.
pub(crate) const INPUTS: usize = 1_024;
/// Most inputs in one commit.
const BATCH: usize = 128;
/// Most commits on their way to the disk; inputs that come meanwhile wait, and make a larger batch.
const UNDER_WAY: usize = 4;
/// Longest sleep; the clock may be set meanwhile.
const LONGEST_SLEEP: Millis = 60_000;

/// Something to do with the wallet between two commits.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Errand = Box<dyn for<'a> FnOnce(&'a mut Wallet) -> Boxed<'a, ()> + Send>;
/// Something to do with the wallet between two commits.
#[cfg(target_arch = "wasm32")]
pub(crate) type Errand = Box<dyn for<'a> FnOnce(&'a mut Wallet) -> Boxed<'a, ()>>;

type Reply<T> = oneshot::Sender<Result<T, AgentError>>;

/// Sixteen random bytes that tell one order from every other, also after a restart.
pub type PayKey = [u8; 16];

/// Where the payment of a key is kept, in [`Space::Setting`], behind this.
const PAY_KEY: &[u8] = b"pay-key/";

/// What the bookkeeper is told.
pub(crate) enum Input {
    /// Pay somebody. Under one key one payment.
    Pay { order: Order, key: Option<PayKey>, reply: Reply<TransferId> },
    /// Ask for a payment.
    Request { order: RequestOrder, reply: Reply<Verified<message::Request>> },
    /// A person decided.
    Decide { id: TransferId, decision: Decision, reply: Reply<bool> },
    /// A link is up and its other end has proved who it is.
    LinkUp { peer: Did, link: u64, outbox: mpsc::Sender<Outgoing> },
    /// A link is down.
    LinkDown { peer: Did, link: u64 },
    /// A message came over a link, already opened.
    Message { peer: Did, incoming: Box<Incoming> },
    /// A transfer that cannot be read, whatever profile of its signer was tried.
    Unreadable { peer: Did, unread: Box<Unread> },
    /// A link took a transfer.
    Sent { id: TransferId },
    /// A newer profile of somebody was found.
    Profile { profile: Box<SignedProfile>, reply: Reply<ProfileChange> },
    /// A stranger, taken at its word: a contact from now on that nobody has verified. Of such there are at most `most`.
    Meet { profile: Box<SignedProfile>, limit: Option<Money>, most: usize, reply: Reply<Contact> },
    /// Something with the wallet that is not worth an input of its own.
    With(Errand),
    /// Stop, and give the wallet back.
    Stop { reply: oneshot::Sender<Wallet> },
}

/// A message on its way to a link.
pub(crate) struct Outgoing {
    pub(crate) transfer: TransferId,
    pub(crate) bytes: Vec<u8>,
}

/// The bookkeeper's state.
pub(crate) struct Bookkeeper {
    wallet: Wallet,
    desk: Desk<PlatformProvider>,
    policy: Policy,
    links: HashMap<Did, (u64, mpsc::Sender<Outgoing>)>,
    /// Contacts as the machines know them.
    peers: HashMap<Did, Peer>,
    /// The same, for lines and the doorbell.
    people: People,
    /// Batches on their way to the disk, in order.
    commits: FuturesOrdered<Boxed<'static, Batch>>,
    /// Forks that were found and whose proofs are not kept yet.
    forks: Vec<ForkProof>,
    /// Payments of keys that may not be durable yet.
    pay_keys: HashMap<PayKey, TransferId>,
    events: broadcast::Sender<Event>,
    /// Whom something is under way with.
    wanted: watch::Sender<BTreeSet<Did>>,
}

impl Bookkeeper {
    pub(crate) async fn new(
        wallet: Wallet,
        policy: Policy,
        people: People,
        events: broadcast::Sender<Event>,
        wanted: watch::Sender<BTreeSet<Did>>,
    ) -> Result<Self, AgentError> {
        let desk = wallet.load_desk(policy).await?;
        let mut peers = HashMap::new();
        for contact in wallet.contacts().await? {
            peers.insert(contact.did, Peer::of(&contact.profile, true));
        }
        let (links, commits, forks) = (HashMap::new(), FuturesOrdered::new(), Vec::new());
        let pay_keys = HashMap::new();
        let bookkeeper = Self { wallet, desk, policy, links, peers, people, commits, forks, pay_keys, events, wanted };
        bookkeeper.tell_wanted(bookkeeper.under_way());
        Ok(bookkeeper)
    }

    /// Works until it is told to stop, or nobody is left to tell it anything.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let sleep = self.sleep();
            tokio::select! {
                biased; // what is durable is sent before more is begun
                Some(durable) = self.commits.next(), if !self.commits.is_empty() => {
                    if let Err(error) = self.act(durable) { self.recover(&error).await; }
                    self.convict().await;
                    continue;
                }
                taken = inputs.recv_many(&mut batch, BATCH), if self.commits.len() < UNDER_WAY => {
                    if taken == 0 { break }
                }
                () = pumasi_rt::sleep(sleep), if self.commits.len() < UNDER_WAY => {}
            }
            if let Some(reply) = self.work(&mut batch).await {
                self.close().await;
                // Whoever asked may have gone; then the wallet is simply dropped, which closes it.
                let _ = reply.send(self.wallet);
                return;
            }
        }
        self.close().await;
    }

    async fn close(&mut self) {
        if let Err(error) = self.flush().await {
            tracing::error!(%error, "the last commits failed; nothing of them was kept");
        }
        if let Err(error) = self.wallet.write_marker().await {
            tracing::warn!(%error, "the head marker was not written; it lags behind");
        }
    }

    fn sleep(&self) -> Duration {
        let wait = self.desk.next_timeout().map_or(LONGEST_SLEEP, |at| at.since(clock::now()));
        Duration::from_millis(wait.min(LONGEST_SLEEP))
    }

    /// Takes a batch in and hands it to the disk. Gives the reply of a [`Input::Stop`].
    async fn work(&mut self, batch: &mut Vec<Input>) -> Option<oneshot::Sender<Wallet>> {
        let mut answers = Answers::default();
        let mut stop = None;
        let worked = async {
            let mut tx = self.wallet.ledger().begin().await?;
            for input in batch.drain(..) {
                match input {
                    Input::Stop { reply } => stop = Some(reply),
                    Input::With(run) => {
                        // It may write by itself, so what is under way is finished first.
                        self.submit(tx, std::mem::take(&mut answers));
                        self.flush().await?;
                        run(&mut self.wallet).await;
                        self.refresh_peers().await?;
                        tx = self.wallet.ledger().begin().await?;
                    }
                    Input::Profile { profile, reply } => {
                        self.submit(tx, std::mem::take(&mut answers));
                        self.flush().await?;
                        let change = self.take_profile(*profile).await;
                        let _ = reply.send(change);
                        tx = self.wallet.ledger().begin().await?;
                    }
                    Input::Meet { profile, limit, most, reply } => {
                        self.submit(tx, std::mem::take(&mut answers));
                        self.flush().await?;
                        let _ = reply.send(self.meet(*profile, limit, most).await);
                        tx = self.wallet.ledger().begin().await?;
                    }
                    other => self.take(&mut tx, other, &mut answers).await?,
                }
            }
            let now = clock::now();
            if self.desk.next_timeout().is_some_and(|at| at <= now) {
                let mut books = LedgerBooks { ledger: self.wallet.ledger(), tx: &mut tx };
                self.desk.timeout(&mut books, now).await?;
            }
            self.submit(tx, std::mem::take(&mut answers));
            Ok(())
        };
        if let Err(error) = worked.await {
            self.recover(&error).await;
            answers.fail(&error);
        }
        stop
    }

    /// One input that the desk handles. What is wrong with it alone is answered or logged, and ends nothing else.
    async fn take(&mut self, tx: &mut Tx, input: Input, answers: &mut Answers) -> Result<(), AgentError> {
        let now = clock::now();
        let input = match input {
            Input::Pay { order, key, reply } => return self.pay(tx, order, key, reply, answers).await,
            other => other,
        };
        let mut books = LedgerBooks { ledger: self.wallet.ledger(), tx };
        let desk = &mut self.desk;
        match input {
            Input::Request { order, reply } => {
                answers.requested.extend(answer(reply, desk.request(&mut books, order, now).await)?);
            }
            Input::Decide { id, decision, reply } => {
                answers.decided.extend(answer(reply, desk.decide(&mut books, id, decision, now).await)?);
            }
            Input::LinkUp { peer, link, outbox } => {
                self.links.insert(peer, (link, outbox));
                desk.link_up(&mut books, peer, now).await?;
            }
            Input::LinkDown { peer, link } => {
                if self.links.get(&peer).is_some_and(|(current, _)| *current == link) {
                    self.links.remove(&peer);
                    desk.link_down(&peer);
                }
            }
            Input::Message { peer, incoming } => {
                let Some(known) = self.peers.get(&peer) else { return Ok(()) };
                harmless(peer, desk.handle(&mut books, known, *incoming, now).await)?;
            }
            Input::Unreadable { peer, unread } => {
                harmless(peer, desk.refuse_unread(&mut books, peer, &unread, now).await)?;
            }
            Input::Sent { id } => desk.sent(&mut books, id, now).await?,
            Input::Pay { .. } | Input::Profile { .. } | Input::Meet { .. } | Input::With(_) | Input::Stop { .. } => {
                unreachable!("work() takes these itself")
            }
        }
        Ok(())
    }

    async fn pay(
        &mut self,
        tx: &mut Tx,
        order: Order,
        key: Option<PayKey>,
        reply: Reply<TransferId>,
        answers: &mut Answers,
    ) -> Result<(), AgentError> {
        if let Some(id) = self.paid_before(key).await? {
            answers.paid.push((reply, id));
            return Ok(());
        }
        let Some(peer) = self.peers.get(&order.to) else {
            let _ = reply.send(Err(AgentError::UnknownPerson(order.to.to_string())));
            return Ok(());
        };
        let mut books = LedgerBooks { ledger: self.wallet.ledger(), tx: &mut *tx };
        let paid = self.desk.pay(&mut books, peer, order, clock::now()).await;
        if let (Ok(id), Some(key)) = (&paid, key) {
            // In the commit of the payment itself.
            tx.put(Space::Setting, &[PAY_KEY, &key].concat(), id)?;
            self.pay_keys.insert(key, *id);
        }
        answers.paid.extend(answer(reply, paid)?);
        Ok(())
    }

    /// The payment that was made under this key.
    async fn paid_before(&mut self, key: Option<PayKey>) -> Result<Option<TransferId>, AgentError> {
        let Some(key) = key else { return Ok(None) };
        match self.pay_keys.get(&key) {
            Some(id) => Ok(Some(*id)),
            None => Ok(self.wallet.ledger().get(Space::Setting, &[PAY_KEY, &key].concat()).await?),
        }
    }

    /// Hands what was worked through to the disk. [`act`](Self::act) follows once it is durable, batch after batch.
    fn submit(&mut self, tx: Tx, answers: Answers) {
        let (outbox, wanted) = (self.desk.take(), self.under_way());
        let durable = (!tx.is_empty()).then(|| self.wallet.ledger().submit(tx));
        let batch = async move {
            let result = match durable {
                Some(durable) => durable.await.map(drop),
                None => Ok(()),
            };
            Batch { result, outbox, answers, wanted }
        };
        self.commits.push_back(boxed(batch));
    }

    /// Waits until everything handed over is durable, and acts on it.
    async fn flush(&mut self) -> Result<(), AgentError> {
        let mut flushed = Ok(());
        while let Some(durable) = self.commits.next().await {
            flushed = flushed.and(self.act(durable));
        }
        flushed
    }

    /// A batch is durable: answers, sends and tells.
    fn act(&mut self, batch: Batch) -> Result<(), AgentError> {
        let Batch { result, outbox, answers, wanted } = batch;
        if let Err(error) = result {
            let error = error.into();
            answers.fail(&error);
            return Err(error);
        }
        let actions = self.desk.committed(outbox);
        // Whoever has the answer to `pay` may ask at once whether everything is settled, so what is new is told before that
        // answer; what is over is told after its events.
        let both = &*self.wanted.borrow() | &wanted;
        self.tell_wanted(both);
        answers.send();
        for action in actions {
            match action {
                Action::Send { peer, transfer, bytes } => self.send(peer, Outgoing { transfer, bytes }),
                Action::Event { peer, transfer, event } => {
                    if let pumasi_transfer::Event::Forked(proof) = &event {
                        self.forks.push((**proof).clone());
                    }
                    if let Some(change) = Change::of(event) {
                        self.tell(Event::Payment { id: transfer, peer, change });
                    }
                }
            }
        }
        self.tell_wanted(wanted);
        Ok(())
    }

    /// Keeps the proofs of forks that were found, and answers those no more who signed two histories.
    async fn convict(&mut self) {
        if self.forks.is_empty() {
            return;
        }
        // It writes by itself, so what is under way is finished first.
        if let Err(error) = self.flush().await {
            self.recover(&error).await;
        }
        for fork in std::mem::take(&mut self.forks) {
            let kept = match self.wallet.prove_fork(&fork).await {
                Ok(Some(proven)) => self.wallet.keep_lie(&proven).await,
                // Without the profile it proves nothing to others; the desk holds what it has seen.
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match kept {
                Ok(()) => self.people.convict(fork.signer),
                Err(error) => tracing::error!(%error, "the proof of a fork was not kept"),
            }
        }
    }

    fn send(&mut self, peer: Did, outgoing: Outgoing) {
        let Some((_, outbox)) = self.links.get(&peer) else { return };
        if outbox.try_send(outgoing).is_err() {
            // Full or closed: the link is not keeping up. Letting go of it ends it, and the next one begins with repeats.
            self.links.remove(&peer);
            self.desk.link_down(&peer);
        }
    }

    /// After a failed commit: nothing of the batch happened, so the desk is read again as the ledger has it.
    async fn recover(&mut self, error: &AgentError) {
        tracing::error!(%error, "a commit failed; nothing of it was kept");
        // Batches before it may be durable all the same; those that build on it fail too.
        if let Err(error) = self.flush().await {
            tracing::debug!(%error, "so did a commit beside it");
        }
        self.tell(Event::Warning { peer: None, text: error.to_string() });
        self.pay_keys.clear();
        self.links.clear(); // new links begin with repeats of whatever is due
        match self.wallet.load_desk(self.policy).await {
            Ok(desk) => self.desk = desk,
            Err(error) => tracing::error!(%error, "the ledger cannot be read"),
        }
        self.tell_wanted(self.under_way());
    }

    async fn take_profile(&mut self, profile: SignedProfile) -> Result<ProfileChange, AgentError> {
        let peer = *profile.did();
        let change = match self.wallet.update_contact(profile.clone()).await {
            Err(AgentError::Rollback(forked @ RollbackError::Forked { .. })) => {
                // Both are signed: whoever holds the DID's key says one thing here and another there.
                if let Some(known) = self.wallet.contact(&peer).await?
                    && let Some(proven) = Lie::of_profiles(known.profile, profile)
                {
                    self.wallet.keep_lie(&proven).await?;
                    self.people.convict(peer);
                }
                return Err(forked.into());
            }
            other => other?,
        };
        if change != ProfileChange::Same {
            self.peers.insert(peer, Peer::of(&profile, true));
            self.people.renew(profile);
        }
        if matches!(change, ProfileChange::Keys(_)) {
            self.tell(Event::KeysChanged { peer });
        }
        Ok(change)
    }

    async fn meet(&mut self, profile: SignedProfile, limit: Option<Money>, most: usize) -> Result<Contact, AgentError> {
        if let Some(known) = self.wallet.contact(profile.did()).await? {
            return Ok(known); // met a moment ago
        }
        let contact = self.wallet.meet(profile, limit, most).await?;
        self.refresh_peers().await?;
        self.tell(Event::Met { peer: contact.did, name: contact.name.clone() });
        Ok(contact)
    }

    async fn refresh_peers(&mut self) -> Result<(), AgentError> {
        self.desk.set_keys(self.wallet.desk_keys());
        self.peers.clear();
        let everyone = self.wallet.contacts().await?;
        for contact in &everyone {
            self.peers.insert(contact.did, Peer::of(&contact.profile, true));
        }
        self.people.replace(everyone);
        Ok(())
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    /// With whom something of mine is under way, as the batches so far leave it.
    fn under_way(&self) -> BTreeSet<Did> {
        self.desk.payers().map(|payer| payer.record().peer).collect()
    }

    fn tell_wanted(&self, wanted: BTreeSet<Did>) {
        self.wanted.send_if_modified(|before| std::mem::replace(before, wanted.clone()) != wanted);
    }
}

/// A batch that the disk has taken or refused, and what waits for that.
struct Batch {
    result: Result<(), LedgerError>,
    outbox: Outbox,
    answers: Answers,
    /// Whom something is under way with after it.
    wanted: BTreeSet<Did>,
}

/// Answers that wait for the commit: nobody hears of what may not have happened.
#[derive(Default)]
struct Answers {
    paid: Vec<(Reply<TransferId>, TransferId)>,
    requested: Vec<(Reply<Verified<message::Request>>, Verified<message::Request>)>,
    decided: Vec<(Reply<bool>, bool)>,
}

impl Answers {
    fn send(self) {
        self.paid.into_iter().for_each(|(reply, id)| drop(reply.send(Ok(id))));
        self.requested.into_iter().for_each(|(reply, request)| drop(reply.send(Ok(request))));
        self.decided.into_iter().for_each(|(reply, counted)| drop(reply.send(Ok(counted))));
    }

    fn fail(self, error: &AgentError) {
        let failed = || match error {
            full if full.is_disk_full() => StoreError::Full.into(),
            other => AgentError::NotKept { reason: other.to_string() },
        };
        self.paid.into_iter().for_each(|(reply, _)| drop(reply.send(Err(failed()))));
        self.requested.into_iter().for_each(|(reply, _)| drop(reply.send(Err(failed()))));
        self.decided.into_iter().for_each(|(reply, _)| drop(reply.send(Err(failed()))));
    }
}

/// Keeps a good result for after the commit; answers one that concerns nobody else at once; passes the rest on.
fn answer<T>(reply: Reply<T>, result: Result<T, DeskError>) -> Result<Option<(Reply<T>, T)>, AgentError> {
    match result {
        Ok(value) => Ok(Some((reply, value))),
        Err(error) if error.is_harmless() => {
            let _ = reply.send(Err(error.into()));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Logs what is wrong with one message, and passes on what is wrong with the ledger.
fn harmless<T>(peer: Did, result: Result<T, DeskError>) -> Result<(), AgentError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.is_harmless() => {
            tracing::debug!(peer = %peer.short(), %error, "a message was dropped");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
