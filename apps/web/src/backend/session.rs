//! The identity that is open, and its running peer.

use super::{BrowserBackend, convert, trouble};
use pumasi_agent::home::{self, Config, Known, Place};
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_agent::wallet::NewIdentity;
use pumasi_agent::{Agent, AgentError, Options, Wallet};
use pumasi_crypto::MaybeSend;
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_rt::{Boxed, sleep, spawn};
use pumasi_transfer::Policy;
use pumasi_ui::backend::{IdentitySummary, IdentityView, Settings, Trouble, UiEvent};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long those who still read may keep an identity from being closed with its goodbyes.
const CLOSING: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(20);
/// The lock's holder is told this; a page has nobody to tell.
const DOING: &str = "page";

/// A running peer.
pub(super) struct Session {
    pub(super) agent: Agent,
    pub(super) did: Did,
    /// What the owner has set; empty lists are not set.
    pub(super) set: RefCell<Config>,
    /// Closed on purpose.
    closed: Cell<bool>,
}

impl Session {
    /// Does something with the wallet, between two commits.
    pub(super) async fn with<T: 'static>(
        &self,
        run: impl for<'a> FnOnce(&'a mut Wallet) -> Boxed<'a, Result<T, AgentError>> + MaybeSend + 'static,
    ) -> Result<T, Trouble> {
        self.agent.with(run).await.map_err(trouble::of)?.map_err(trouble::of)
    }
}

/// The identities that this browser holds, without a peer.
///
/// # Errors
/// [`Trouble::NoStore`] where the browser gives none.
pub async fn identities() -> Result<Vec<IdentitySummary>, Trouble> {
    let known = home::identities().await.map_err(no_store)?;
    Ok(known.into_iter().map(|Known { did, name, .. }| summary(did, name)).collect())
}

impl BrowserBackend {
    pub(super) async fn make(&self, name: &str, password: &Password) -> Result<IdentityView, Trouble> {
        if password.is_empty() {
            return Err(Trouble::EmptyPassword);
        }
        let name = name.trim();
        if name.chars().count() > pumasi_identity::MAX_NAME || name.chars().any(char::is_control) {
            return Err(Trouble::BadName);
        }
        self.close().await;
        let place = Place::fresh().map_err(trouble::of)?;
        let new = NewIdentity { name: (!name.is_empty()).then(|| name.to_owned()), ..NewIdentity::default() };
        let wallet = Wallet::create(&place, password, new).await.map_err(no_store)?;
        self.start(wallet).await
    }

    pub(super) async fn unlock(&self, did: &Did, password: &Password) -> Result<IdentityView, Trouble> {
        let known = home::identities().await.map_err(no_store)?.into_iter().find(|known| known.did == *did);
        let known = known.ok_or(Trouble::Incomplete)?;
        self.close().await;
        let wallet = Wallet::open(&known.place, password, DOING).await.map_err(trouble::of)?;
        self.start(wallet).await
    }

    pub(super) async fn restore_identity(&self, file: &[u8], password: &Password) -> Result<IdentityView, Trouble> {
        let did = Wallet::owner_of_backup(&mut &*file, password).await.map_err(trouble::of)?;
        if home::identities().await.map_err(no_store)?.iter().any(|known| known.did == did) {
            return Err(Trouble::AlreadyHere);
        }
        self.close().await;
        let place = Place::fresh().map_err(trouble::of)?;
        let wallet = Wallet::restore_from(&place, &mut &*file, password).await.map_err(trouble::of)?;
        self.start(wallet).await
    }

    /// Starts the peer of an open wallet.
    pub(super) async fn start(&self, wallet: Wallet) -> Result<IdentityView, Trouble> {
        let did = wallet.did();
        let name = wallet.profile().name().map_or_else(|| did.short(), str::to_owned);
        let set = wallet.config().clone();
        let settings = self.settings_of(&set);
        let net = NetOptions { gateways: settings.gateways, ..NetOptions::default() };
        let agent = Agent::start(wallet, Options::new(net, Entry::Client, Policy::Ask)).await.map_err(trouble::of)?;
        let session = Rc::new(Session { agent, did, set: RefCell::new(set), closed: Cell::new(false) });
        self.tell(&session);
        *self.0.session.borrow_mut() = Some(session);
        Ok(IdentityView { did, name })
    }

    /// Passes the events of the peer on, for as long as it runs.
    fn tell(&self, session: &Rc<Session>) {
        let mut events = session.agent.events();
        let (session, told, backend) = (Rc::downgrade(session), self.0.events.clone(), Rc::downgrade(&self.0));
        drop(spawn(async move {
            loop {
                match events.recv().await {
                    Ok(event) => {
                        if let Some(event) = convert::event(event) {
                            told.tell(event);
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                }
            }
            // The peer has ended by itself: the store is gone.
            if let (Some(session), Some(backend)) = (session.upgrade(), backend.upgrade())
                && !session.closed.get()
            {
                backend.session.borrow_mut().take();
                told.tell(UiEvent::Locked);
            }
        }));
    }

    /// Closes links and forgets every key.
    pub(super) async fn close(&self) {
        let Some(session) = self.0.session.borrow_mut().take() else { return };
        session.closed.set(true);
        drop(self.stop(session).await);
    }

    /// Stops a peer; gives its wallet back when nobody else was in the middle of something.
    pub(super) async fn stop(&self, mut session: Rc<Session>) -> Option<Wallet> {
        let mut waited = Duration::ZERO;
        loop {
            match Rc::try_unwrap(session) {
                Ok(Session { agent, .. }) => return agent.stop().await.ok(),
                // Somebody still reads.
                Err(shared) if waited < CLOSING => {
                    session = shared;
                    sleep(STEP).await;
                    waited += STEP;
                }
                Err(_) => return None,
            }
        }
    }

    pub(super) fn settings_of(&self, set: &Config) -> Settings {
        let or = |set: &[String], default: &[String]| if set.is_empty() { default.to_vec() } else { set.to_vec() };
        Settings {
            directories: or(&set.directories, &self.0.defaults.directories),
            gateways: or(&set.gateways, &self.0.defaults.gateways),
        }
    }
}

fn summary(did: Did, name: Option<String>) -> IdentitySummary {
    IdentitySummary { did, name: name.unwrap_or_else(|| did.short()) }
}

/// Before an identity is open, a store that fails is most often one that the browser does not give.
fn no_store(error: AgentError) -> Trouble {
    match trouble::of(error) {
        Trouble::Failed => Trouble::NoStore,
        other => other,
    }
}
