//! [`BrowserBackend`]: the peer of this page, as the screens see it.
//!
//! One agent runs while an identity is open; everything about money is read from its ledger, between two commits. Nothing
//! is kept outside the identity's own database but the list of identities.

mod convert;
mod copies;
mod pay;
mod people;
mod search;
mod session;
mod settings;
mod trouble;

use futures::Stream;
use pumasi_agent::PlatformProvider;
use pumasi_agent::wallet::Payment;
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_ui::backend::{
    AccountView, AuditView, Backend, BackupState, ContactView, ExportFormat, File, IdentitySummary, IdentityView,
    LinkView, Page, PayOrder, PaymentId, PaymentPage, PaymentView, Persistence, ProofView, RequestOrder, RequestView,
    ReviewView, SearchPage, Settings, ShopView, Trouble, UiEvent,
};
use pumasi_units::Money;
use session::Session;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::broadcast;

/// Events that a reader may be behind before it misses some.
const EVENTS: usize = 256;

/// The peer of this page. A clone is the same peer.
#[derive(Clone)]
pub struct BrowserBackend(Rc<Inner>);

pub use session::identities;
pub use settings::persistence;

/// Where the events of a peer are told. A clone is the same place.
#[derive(Clone)]
pub struct Events(broadcast::Sender<UiEvent>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(EVENTS))
    }
}

impl Events {
    /// What is told from now on.
    pub fn listen(&self) -> impl Stream<Item = UiEvent> + 'static {
        futures::stream::unfold(self.0.subscribe(), |mut events| async move {
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, events)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
    }

    fn tell(&self, event: UiEvent) {
        let _ = self.0.send(event); // nobody listening is no error
    }
}

struct Inner {
    session: RefCell<Option<Rc<Session>>>,
    events: Events,
    /// What came with the page.
    defaults: Settings,
    /// Listings that were searched, for who is looked at next.
    listings: RefCell<HashMap<Did, search::Listed>>,
}

impl BrowserBackend {
    /// A peer without an open identity. `defaults` are the settings that came with the page.
    #[must_use]
    pub fn new(defaults: Settings) -> Self {
        Self::telling(defaults, Events::default())
    }

    /// The same, for who listens already.
    #[must_use]
    pub fn telling(defaults: Settings, events: Events) -> Self {
        Self(Rc::new(Inner { session: RefCell::default(), events, defaults, listings: RefCell::default() }))
    }

    /// The identity that is open.
    fn session(&self) -> Result<Rc<Session>, Trouble> {
        self.0.session.borrow().clone().ok_or(Trouble::Locked)
    }
}

impl Backend for BrowserBackend {
    async fn identities(&self) -> Result<Vec<IdentitySummary>, Trouble> {
        identities().await
    }

    async fn create(&self, name: String, password: Password) -> Result<IdentityView, Trouble> {
        self.make(&name, &password).await
    }

    async fn open(&self, did: &Did, password: Password) -> Result<IdentityView, Trouble> {
        self.unlock(did, &password).await
    }

    async fn lock(&self) {
        self.close().await;
    }

    async fn search(&self, query: &str, cursor: Option<String>) -> Result<SearchPage, Trouble> {
        self.find(query, cursor).await
    }

    async fn shop(&self, did: &Did) -> Result<ShopView, Trouble> {
        self.look_at(did).await
    }

    async fn review(&self, order: &PayOrder) -> Result<ReviewView, Trouble> {
        self.consider(order).await
    }

    async fn pay(&self, order: PayOrder) -> Result<PaymentId, Trouble> {
        self.sign(order).await
    }

    async fn decide(&self, id: &PaymentId, take: bool) -> Result<(), Trouble> {
        use pumasi_transfer::Decision;
        let decision = if take { Decision::Accept } else { Decision::Decline };
        self.session()?.agent.decide(*id, decision).await.map(drop).map_err(trouble::of)
    }

    async fn connect(&self, did: &Did) -> Result<(), Trouble> {
        self.session()?.agent.nudge(*did).await.map_err(trouble::of)
    }

    fn events(&self) -> impl Stream<Item = UiEvent> + 'static {
        self.0.events.listen()
    }

    async fn payments(&self, page: Page) -> Result<PaymentPage, Trouble> {
        self.session()?.payments(page).await
    }

    async fn payment(&self, id: &PaymentId) -> Result<PaymentView, Trouble> {
        let id = *id;
        let found = self.session()?.with(move |wallet| Box::pin(async move { wallet.payment(&id).await })).await?;
        self.session()?.named(found).await
    }

    async fn receipt(&self, id: &PaymentId) -> Result<File, Trouble> {
        self.session()?.receipt(*id).await
    }

    async fn contacts(&self) -> Result<Vec<ContactView>, Trouble> {
        self.session()?.contacts().await
    }

    async fn contact(&self, did: &Did) -> Result<ContactView, Trouble> {
        self.session()?.contact(*did).await
    }

    async fn mark_compared(&self, did: &Did) -> Result<(), Trouble> {
        self.session()?.mark_compared(*did).await
    }

    async fn change_seen(&self, did: &Did) -> Result<(), Trouble> {
        let did = *did;
        self.session()?.with(move |wallet| Box::pin(async move { wallet.change_seen(&did).await })).await
    }

    async fn rename(&self, did: &Did, name: String) -> Result<(), Trouble> {
        let did = *did;
        let session = self.session()?;
        session.with(move |wallet| Box::pin(async move { wallet.rename(&did, &name).await })).await.map(drop)
    }

    async fn set_limit(&self, did: &Did, limit: Money) -> Result<(), Trouble> {
        let did = *did;
        self.session()?.with(move |wallet| Box::pin(async move { wallet.set_limit(&did, limit).await })).await
    }

    async fn forget(&self, did: &Did) -> Result<(), Trouble> {
        let did = *did;
        self.session()?.with(move |wallet| Box::pin(async move { wallet.forget(&did).await })).await
    }

    async fn accounts(&self) -> Result<Vec<AccountView>, Trouble> {
        self.session()?.accounts().await
    }

    async fn request(&self, order: RequestOrder) -> Result<RequestView, Trouble> {
        self.session()?.request(order).await
    }

    async fn open_requests(&self) -> Result<Vec<RequestView>, Trouble> {
        self.session()?.open_requests().await
    }

    async fn read_link(&self, text: &str) -> Result<LinkView, Trouble> {
        pay::read_link(text, self.session().ok().map(|session| session.did))
    }

    async fn audit(&self) -> Result<AuditView, Trouble> {
        self.session()?.audit().await
    }

    async fn backup(&self) -> Result<File, Trouble> {
        self.session()?.backup().await
    }

    async fn backup_state(&self) -> Result<BackupState, Trouble> {
        self.session()?.backup_state().await
    }

    async fn prove_backup(&self, file: Vec<u8>, password: Password) -> Result<ProofView, Trouble> {
        self.session()?.prove_backup(file, password).await
    }

    async fn restore(&self, file: Vec<u8>, password: Password) -> Result<IdentityView, Trouble> {
        self.restore_identity(&file, &password).await
    }

    async fn export(&self, format: ExportFormat, password: Option<Password>) -> Result<File, Trouble> {
        self.session()?.export(format, password).await
    }

    async fn settings(&self) -> Result<Settings, Trouble> {
        Ok(self.current_settings())
    }

    async fn set_settings(&self, settings: Settings) -> Result<(), Trouble> {
        self.change_settings(settings).await
    }

    async fn persistence(&self) -> Persistence {
        settings::persistence("persisted").await
    }

    async fn persist(&self) -> Persistence {
        settings::persistence("persist").await
    }
}

/// A payment and what its other side is called.
type Named = (Payment, String);

/// The platform's cryptography.
const PROVIDER: PlatformProvider = PlatformProvider;
