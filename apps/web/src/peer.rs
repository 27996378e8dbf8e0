//! The peer of the page, as a part of its own: the screens come first, and the peer follows while they are read.
//!
//! `cargo xtask web` cuts the module in two at [`start`]. Whatever only that function reaches (the agent, the ledger, the
//! envelopes, the directory's client) is in the second part. So nothing here may name [`BrowserBackend`] outside of it:
//! what is kept is a [`Peer`] behind a pointer. What the first screen needs, the identities of this browser, is in the
//! first part, and so that screen is drawn before the second is here.

use futures::Stream;
use futures::future::LocalBoxFuture;
use pumasi_ui::backend::{
    AccountView, AuditView, Backend, BackupState, ContactView, Did, ExportFormat, File, IdentitySummary, IdentityView,
    LinkView, Money, Page, Password, PayOrder, PaymentId, PaymentPage, PaymentView, Persistence, ProofView,
    RequestOrder, RequestView, ReviewView, SearchPage, Settings, ShopView, Trouble, UiEvent,
};
use pumasi_web::backend::{self, BrowserBackend, Events};
use std::rc::Rc;
use tokio::sync::OnceCell;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// The backend of the screens. It fetches the peer when something first needs it, or when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Remote(Rc<Inner>);

#[derive(Default)]
struct Inner {
    peer: OnceCell<Rc<dyn Peer>>,
    events: Events,
}

impl Remote {
    /// The peer. One that could not be fetched is tried again with the next question.
    pub(crate) async fn peer(&self) -> Result<&Rc<dyn Peer>, Trouble> {
        let fetch = async || start(self.0.events.clone()).await;
        // The part is a file beside the others, kept for when there is no network: what fails is the network.
        self.0.peer.get_or_try_init(fetch).await.map_err(|NotFetched| Trouble::Offline)
    }
}

/// The second part of the page could not be fetched. The console says why.
struct NotFetched;

impl From<SplitLoaderError> for NotFetched {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// A peer that runs.
type Started = Result<Rc<dyn Peer>, NotFetched>;

/// Makes the peer. This is where the module is cut.
#[wasm_split(peer, fallible, return_wrapper(let started = _; { started.await } -> Started))]
fn start(events: Events) -> LocalBoxFuture<'static, Started> {
    Box::pin(async move {
        let peer: Rc<dyn Peer> = Rc::new(BrowserBackend::telling(pumasi_web::defaults().await, events));
        Ok(peer)
    })
}

/// Writes [`Peer`], which is [`Backend`] behind a pointer, and passes each question on to it. In brackets: what is lent.
macro_rules! questions {
    ($(fn $name:ident([$($lent:ident: $seen:ty),*] $($given:ident: $kind:ty),*) -> $answer:ty;)*) => {
        /// A [`Backend`] behind a pointer.
        pub(crate) trait Peer {
            $(fn $name<'a>(&'a self, $($lent: &'a $seen,)* $($given: $kind),*) -> LocalBoxFuture<'a, Result<$answer, Trouble>>;)*
            fn lock(&self) -> LocalBoxFuture<'_, ()>;
        }

        impl Peer for BrowserBackend {
            $(fn $name<'a>(&'a self, $($lent: &'a $seen,)* $($given: $kind),*) -> LocalBoxFuture<'a, Result<$answer, Trouble>> {
                Box::pin(Backend::$name(self, $($lent,)* $($given),*))
            })*

            fn lock(&self) -> LocalBoxFuture<'_, ()> {
                Box::pin(Backend::lock(self))
            }
        }

        impl Backend for Remote {
            $(async fn $name(&self, $($lent: &$seen,)* $($given: $kind),*) -> Result<$answer, Trouble> {
                self.peer().await?.$name($($lent,)* $($given),*).await
            })*

            async fn identities(&self) -> Result<Vec<IdentitySummary>, Trouble> {
                backend::identities().await
            }

            async fn lock(&self) {
                // A peer that was never fetched has nothing open.
                if let Some(peer) = self.0.peer.get() {
                    peer.lock().await;
                }
            }

            fn events(&self) -> impl Stream<Item = UiEvent> + 'static {
                self.0.events.listen()
            }

            async fn persistence(&self) -> Persistence {
                backend::persistence("persisted").await
            }

            async fn persist(&self) -> Persistence {
                backend::persistence("persist").await
            }
        }
    };
}

questions! {
    fn create([] name: String, password: Password) -> IdentityView;
    fn open([did: Did] password: Password) -> IdentityView;
    fn search([query: str] cursor: Option<String>) -> SearchPage;
    fn shop([did: Did]) -> ShopView;
    fn review([order: PayOrder]) -> ReviewView;
    fn pay([] order: PayOrder) -> PaymentId;
    fn decide([id: PaymentId] take: bool) -> ();
    fn connect([did: Did]) -> ();
    fn payments([] page: Page) -> PaymentPage;
    fn payment([id: PaymentId]) -> PaymentView;
    fn receipt([id: PaymentId]) -> File;
    fn contacts([]) -> Vec<ContactView>;
    fn contact([did: Did]) -> ContactView;
    fn mark_compared([did: Did]) -> ();
    fn change_seen([did: Did]) -> ();
    fn rename([did: Did] name: String) -> ();
    fn set_limit([did: Did] limit: Money) -> ();
    fn forget([did: Did]) -> ();
    fn accounts([]) -> Vec<AccountView>;
    fn request([] order: RequestOrder) -> RequestView;
    fn open_requests([]) -> Vec<RequestView>;
    fn read_link([text: str]) -> LinkView;
    fn audit([]) -> AuditView;
    fn backup([]) -> File;
    fn backup_state([]) -> BackupState;
    fn prove_backup([] file: Vec<u8>, password: Password) -> ProofView;
    fn restore([] file: Vec<u8>, password: Password) -> IdentityView;
    fn export([] format: ExportFormat, password: Option<Password>) -> File;
    fn settings([]) -> Settings;
    fn set_settings([] settings: Settings) -> ();
}
