//! Pairing through the DHT: the machine of `pumasi-identity` over slots that both derive from the typed code.

use super::ice::{Entry, NetOptions};
use super::overlay::{enter, remember_peers};
use super::records::Records;
use crate::clock;
use crate::error::AgentError;
use crate::wallet::Wallet;
use pumasi_crypto::Provider as _;
use pumasi_crypto::native::NativeProvider;
use pumasi_identity::Contact;
use pumasi_identity::pairing::{AbortReason, Emoji, Failure, Output, Pairing, PairingCode, Step};
use pumasi_signaling::{Parcel, pack};
use pumasi_units::Money;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// How often the other side's slots are looked into.
const POLL: Duration = Duration::from_millis(250);
/// How long entering the overlay may take.
const JOIN: Duration = Duration::from_secs(15);

/// What both people compare.
#[derive(Debug, Clone)]
pub struct Compare {
    /// Seven emoji.
    pub emoji: [&'static Emoji; 7],
    /// Three numbers, for who cannot see emoji.
    pub numbers: [u16; 3],
}

/// What the person has to see or do.
#[derive(Debug)]
pub enum PairEvent {
    /// The code that the other one types.
    Code(Zeroizing<String>),
    /// Ask the person whether the other screen shows the same; the answer goes into the sender.
    Compare(Compare, oneshot::Sender<bool>),
}

/// Why nobody was paired. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// It was ended, by a person or by what was found out.
    #[error("pairing ended: {}", .0.reason)]
    Ended(Failure),
    /// Something else failed.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Prints a code, and pairs with whoever types it.
///
/// # Errors
/// [`PairError`]; nothing was stored.
pub async fn pair_invite(
    wallet: &Wallet,
    options: &NetOptions,
    name: Option<String>,
    limit: Option<Money>,
    events: mpsc::Sender<PairEvent>,
) -> Result<Contact, PairError> {
    let mut random = [0; 5];
    NativeProvider.random(&mut random).map_err(AgentError::from)?;
    let code = PairingCode::from_random(random);
    let mut session = [0; 16];
    NativeProvider.random(&mut session).map_err(AgentError::from)?;
    let pairing = Pairing::inviter(wallet.profile().clone(), session, clock::now());
    let shown = PairEvent::Code(code.to_text());
    Box::pin(run(wallet, options, pairing, &code, Some(shown), name, limit, events)).await
}

/// Pairs with the one who shows this code.
///
/// # Errors
/// [`PairError`]; nothing was stored.
pub async fn pair_accept(
    wallet: &Wallet,
    options: &NetOptions,
    code: &PairingCode,
    name: Option<String>,
    limit: Option<Money>,
    events: mpsc::Sender<PairEvent>,
) -> Result<Contact, PairError> {
    let pairing = Pairing::acceptor(wallet.profile().clone(), clock::now());
    Box::pin(run(wallet, options, pairing, code, None, name, limit, events)).await
}

#[expect(clippy::too_many_arguments, reason = "the two public functions above give them names")]
async fn run(
    wallet: &Wallet,
    options: &NetOptions,
    pairing: Pairing,
    code: &PairingCode,
    shown: Option<PairEvent>,
    name: Option<String>,
    limit: Option<Money>,
    events: mpsc::Sender<PairEvent>,
) -> Result<Contact, PairError> {
    let overlay = enter(wallet, options, Entry::Client, JOIN).await?;
    let driver =
        Driver { records: Records::new(overlay.clone()), secret: code.secret(), pairing, heard: HashMap::new() };
    let paired = driver.run(shown, events).await;
    if let Err(error) = remember_peers(wallet.folder(), &overlay).await {
        tracing::debug!(%error, "no peers remembered");
    }
    let _ = overlay.shutdown().await;
    let profile = paired?;
    let now = clock::now();
    let mut contact = match wallet.contact(profile.did()).await? {
        Some(mut known) => {
            // Met again: the emoji were compared, so a newer profile is taken and the trust is renewed.
            known.update_profile(*profile, now).map_err(AgentError::from)?;
            known.paired_again(now);
            known
        }
        None => Contact::paired(*profile, now),
    };
    if let Some(name) = name {
        contact.name = name;
    }
    Ok(wallet.pin(contact, limit).await?)
}

struct Driver {
    records: Records,
    secret: Zeroizing<[u8; 32]>,
    pairing: Pairing,
    /// The record last handed to the machine, by step: what has not changed is not handed over again.
    heard: HashMap<Step, Vec<u8>>,
}

impl Driver {
    async fn run(
        mut self,
        mut shown: Option<PairEvent>,
        events: mpsc::Sender<PairEvent>,
    ) -> Result<Box<pumasi_identity::SignedProfile>, PairError> {
        let role = self.pairing.role();
        let gone = || PairError::Ended(Failure { by: role, reason: AbortReason::Cancelled });
        let mut answer: Option<oneshot::Receiver<bool>> = None;
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while let Some(output) = self.pairing.poll_output() {
                match output {
                    Output::Send { step, message } => {
                        self.publish(step, &message).await?;
                        // The code is shown once there is something to answer.
                        if let Some(code) = shown.take() {
                            events.send(code).await.map_err(|_| gone())?;
                        }
                    }
                    Output::Compare(code) => {
                        let (reply, receiver) = oneshot::channel();
                        let compare = Compare { emoji: code.emoji, numbers: code.numbers };
                        events.send(PairEvent::Compare(compare, reply)).await.map_err(|_| gone())?;
                        answer = Some(receiver);
                    }
                    Output::Paired(profile) => return Ok(profile),
                    Output::Failed(failure) => return Err(PairError::Ended(failure)),
                }
            }
            tokio::select! {
                _ = poll.tick() => {
                    self.look().await?;
                    let now = clock::now();
                    if self.pairing.poll_timeout().is_some_and(|at| at <= now) {
                        self.pairing.handle_timeout(now);
                    }
                }
                same = async { answer.as_mut().expect("guarded").await }, if answer.is_some() => {
                    answer = None;
                    match same {
                        Ok(true) => self.pairing.confirm().expect("there is something to compare"),
                        Ok(false) => self.pairing.deny(),
                        Err(_) => self.pairing.cancel(),
                    }
                }
            }
        }
    }

    /// Looks for what the other side may have said.
    async fn look(&mut self) -> Result<(), AgentError> {
        for step in self.pairing.expects() {
            let Some(message) = self.read(step).await? else { continue };
            if self.heard.get(&step) == Some(&message) {
                continue;
            }
            match self.pairing.handle_message(&message, clock::now()) {
                Ok(()) => drop(self.heard.insert(step, message)),
                Err(error) => tracing::debug!(%error, "a pairing message was passed over"),
            }
        }
        Ok(())
    }

    async fn publish(&self, step: Step, message: &[u8]) -> Result<(), AgentError> {
        let mut salt = [0; 32];
        NativeProvider.random(&mut salt)?;
        // The last part first: who finds the first one finds the others there already.
        for (key, record) in pack(&self.secret, step, message, clock::now(), &salt)?.into_iter().rev() {
            self.records.put_mailbox(key, record).await?;
        }
        Ok(())
    }

    /// The message of a step, if all of it is there.
    async fn read(&self, step: Step) -> Result<Option<Vec<u8>>, AgentError> {
        let mut parcel = Parcel::new(&self.secret, step);
        loop {
            let mut found = false;
            for (part, key) in parcel.wanted() {
                let Some(record) = self.records.mailbox(key).await? else { continue };
                found = true;
                match parcel.handle_record(part, &record, clock::now()) {
                    Ok(Some(message)) => return Ok(Some(message)),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a part of a pairing message was passed over");
                        return Ok(None);
                    }
                }
            }
            if !found {
                return Ok(None);
            }
        }
    }
}
