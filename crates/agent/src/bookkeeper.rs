//! The one task that writes the ledger.
//!
//! It takes whatever has come in, works it through the machines of `pumasi-transfer`, makes **one** commit of it, and only
//! then lets messages out and events be seen. A crash can so repeat a message, and can never contradict one.

use crate::clock;
use crate::error::AgentError;
use crate::event::{Change, Event};
use crate::wallet::Wallet;
use futures::future::BoxFuture;
use pumasi_crypto::native::NativeProvider;
use pumasi_identity::{Did, ProfileChange, SignedProfile};
use pumasi_ledger::{TransferId, Tx};
use pumasi_transfer::{
    Action, Decision, Desk, DeskError, Incoming, LedgerBooks, Order, Outbox, Peer, Policy, RequestOrder, Unread,
    Verified, message,
};
use pumasi_units::Millis;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Inputs that wait for the bookkeeper; those who send more wait in turn.
pub(crate) const INPUTS: usize = 1_024;
/// Most inputs in one commit.
const BATCH: usize = 128;
/// Longest sleep; the clock may be set meanwhile.
const LONGEST_SLEEP: Millis = 60_000;

type Reply<T> = oneshot::Sender<Result<T, AgentError>>;

/// What the bookkeeper is told.
pub(crate) enum Input {
    /// Pay somebody.
    Pay { order: Order, reply: Reply<TransferId> },
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
    /// Something with the wallet that is not worth an input of its own.
    With(Box<dyn for<'a> FnOnce(&'a mut Wallet) -> BoxFuture<'a, ()> + Send>),
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
    desk: Desk<NativeProvider>,
    policy: Policy,
    links: HashMap<Did, (u64, mpsc::Sender<Outgoing>)>,
    /// Contacts as the machines know them.
    peers: HashMap<Did, Peer>,
    events: broadcast::Sender<Event>,
    /// Whom something is under way with.
    wanted: watch::Sender<BTreeSet<Did>>,
}

impl Bookkeeper {
    pub(crate) async fn new(
        wallet: Wallet,
        policy: Policy,
        events: broadcast::Sender<Event>,
        wanted: watch::Sender<BTreeSet<Did>>,
    ) -> Result<Self, AgentError> {
        let desk = wallet.load_desk(policy).await?;
        let mut peers = HashMap::new();
        for contact in wallet.contacts().await? {
            peers.insert(contact.did, Peer::of(&contact.profile, true));
        }
        let bookkeeper = Self { wallet, desk, policy, links: HashMap::new(), peers, events, wanted };
        bookkeeper.tell_wanted();
        Ok(bookkeeper)
    }

    /// Works until it is told to stop, or nobody is left to tell it anything.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let sleep = self.sleep();
            tokio::select! {
                taken = inputs.recv_many(&mut batch, BATCH) => if taken == 0 { break },
                () = tokio::time::sleep(sleep) => {}
            }
            if let Some(reply) = self.work(&mut batch).await {
                self.close();
                // Whoever asked may have gone; then the wallet is simply dropped, which closes it.
                let _ = reply.send(self.wallet);
                return;
            }
        }
        self.close();
    }

    fn close(&self) {
        if let Err(error) = self.wallet.write_marker() {
            tracing::warn!(%error, "the head marker was not written; it lags behind");
        }
    }

    fn sleep(&self) -> Duration {
        let wait = self.desk.next_timeout().map_or(LONGEST_SLEEP, |at| at.since(clock::now()));
        Duration::from_millis(wait.min(LONGEST_SLEEP))
    }

    /// Takes a batch in, commits it, and acts. Gives the reply of a [`Input::Stop`].
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
                        self.commit(tx, &mut answers).await?;
                        run(&mut self.wallet).await;
                        self.refresh_peers().await?;
                        tx = self.wallet.ledger().begin().await?;
                    }
                    Input::Profile { profile, reply } => {
                        self.commit(tx, &mut answers).await?;
                        let change = self.take_profile(*profile).await;
                        let _ = reply.send(change);
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
            self.commit(tx, &mut answers).await
        };
        if let Err(error) = worked.await {
            self.recover(&error).await;
            answers.fail(&error);
        }
        self.tell_wanted();
        stop
    }

    /// One input that the desk handles. What is wrong with it alone is answered or logged, and ends nothing else.
    async fn take(&mut self, tx: &mut Tx, input: Input, answers: &mut Answers) -> Result<(), AgentError> {
        let now = clock::now();
        let mut books = LedgerBooks { ledger: self.wallet.ledger(), tx };
        let desk = &mut self.desk;
        match input {
            Input::Pay { order, reply } => {
                let Some(peer) = self.peers.get(&order.to) else {
                    let _ = reply.send(Err(AgentError::UnknownPerson(order.to.to_string())));
                    return Ok(());
                };
                answers.paid.extend(answer(reply, desk.pay(&mut books, peer, order, now).await)?);
            }
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
            Input::Profile { .. } | Input::With(_) | Input::Stop { .. } => unreachable!("work() takes these itself"),
        }
        Ok(())
    }

    /// Makes everything so far durable; then answers, sends and tells.
    async fn commit(&mut self, tx: Tx, answers: &mut Answers) -> Result<(), AgentError> {
        let outbox: Outbox = self.desk.take();
        if !tx.is_empty() {
            self.wallet.ledger().commit(tx).await?;
        }
        let actions = self.desk.committed(outbox);
        std::mem::take(answers).send();
        for action in actions {
            match action {
                Action::Send { peer, transfer, bytes } => self.send(peer, Outgoing { transfer, bytes }),
                Action::Event { peer, transfer, event } => {
                    if let Some(change) = Change::of(event) {
                        self.tell(Event::Payment { id: transfer, peer, change });
                    }
                }
            }
        }
        Ok(())
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
        self.tell(Event::Warning { peer: None, text: error.to_string() });
        self.links.clear(); // new links begin with repeats of whatever is due
        match self.wallet.load_desk(self.policy).await {
            Ok(desk) => self.desk = desk,
            Err(error) => tracing::error!(%error, "the ledger cannot be read"),
        }
    }

    async fn take_profile(&mut self, profile: SignedProfile) -> Result<ProfileChange, AgentError> {
        let peer = *profile.did();
        let change = self.wallet.update_contact(profile.clone()).await?;
        if change != ProfileChange::Same {
            self.peers.insert(peer, Peer::of(&profile, true));
        }
        if matches!(change, ProfileChange::Keys(_)) {
            self.tell(Event::KeysChanged { peer });
        }
        Ok(change)
    }

    async fn refresh_peers(&mut self) -> Result<(), AgentError> {
        self.desk.set_keys(self.wallet.desk_keys());
        self.peers.clear();
        for contact in self.wallet.contacts().await? {
            self.peers.insert(contact.did, Peer::of(&contact.profile, true));
        }
        Ok(())
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    fn tell_wanted(&self) {
        let wanted: BTreeSet<Did> = self.desk.payers().map(|payer| payer.record().peer).collect();
        self.wanted.send_if_modified(|before| std::mem::replace(before, wanted.clone()) != wanted);
    }
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
        let failed = || AgentError::NotKept { reason: error.to_string() };
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
