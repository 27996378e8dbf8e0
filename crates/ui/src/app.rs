//! What every screen can reach: the backend, the language, who is open, and where we are.

use crate::backend::{
    Backend, Did, IdempotencyKey, IdentitySummary, IdentityView, Millis, PathKind, Road, Step, Timestamp, Trouble,
    UiEvent,
};
use crate::browser;
use crate::route::Route;
use futures::StreamExt as _;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pumasi_words::web::{Saying, Text};
use pumasi_words::{Lang, Say, plain};
use std::collections::HashMap;
use std::future::Future;

/// Most peers whose link is remembered.
const MAX_LINKS: usize = 64;

/// The whole state of the page.
pub(crate) struct App<B: Backend> {
    backend: StoredValue<B, LocalStorage>,
    pub(crate) lang: RwSignal<Lang>,
    pub(crate) theme: RwSignal<Theme>,
    /// Who is open.
    pub(crate) me: RwSignal<Option<IdentityView>>,
    /// Who could be opened; `None` until the store was read.
    pub(crate) known: RwSignal<Option<Result<Vec<IdentitySummary>, Trouble>>>,
    pub(crate) route: RwSignal<Route>,
    /// Goes up whenever the ledger may say something else.
    pub(crate) version: RwSignal<u64>,
    pub(crate) links: RwSignal<HashMap<Did, Link>>,
    pub(crate) toast: RwSignal<Option<Toast>>,
    /// The payment that is being put together.
    pub(crate) draft: StoredValue<Option<Draft>>,
}

impl<B: Backend> Clone for App<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for App<B> {}

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

/// A short word at the foot of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toast {
    pub(crate) text: String,
    pub(crate) bad: bool,
}

/// How the link to somebody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) state: LinkState,
    /// The road that was closed before this one was taken, and why.
    pub(crate) fell: Option<(Road, Trouble)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkState {
    Trying { step: Step, road: Road },
    Up { road: Road, path: PathKind },
    Down,
    Failed { why: Trouble, again: Option<Timestamp> },
}

/// A payment that is being put together.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) to: Did,
    pub(crate) amount: String,
    pub(crate) unit: String,
    pub(crate) memo: String,
    /// The link that it pays, and until when that holds.
    pub(crate) request: Option<(String, Timestamp)>,
    pub(crate) key: IdempotencyKey,
}

impl Draft {
    pub(crate) fn to(to: Did) -> Self {
        let unit = "KRW".into();
        Self { to, amount: String::new(), unit, memo: String::new(), request: None, key: browser::idempotency_key() }
    }
}

/// What a screen is given: the state, and the language that it is drawn in.
pub(crate) struct Cx<B: Backend> {
    pub(crate) app: App<B>,
    pub(crate) lang: Lang,
}

impl<B: Backend> Clone for Cx<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for Cx<B> {}

impl<B: Backend> Cx<B> {
    pub(crate) fn t(self, text: Text) -> &'static str {
        text.text(self.lang)
    }

    pub(crate) fn say(self, what: &impl Say) -> String {
        what.say(self.lang)
    }

    /// A date on the clock of this place.
    pub(crate) fn date(self, at: Timestamp) -> String {
        pumasi_words::date_time(at, browser::utc_offset_minutes(at), self.lang)
    }

    /// How long ago.
    pub(crate) fn ago(self, at: Timestamp) -> String {
        pumasi_words::ago(at, browser::now(), self.lang)
    }

    pub(crate) fn go(self, route: &Route) {
        browser::go(&route.hash());
    }

    pub(crate) fn toast(self, text: impl Into<String>) {
        self.app.tell(Toast { text: text.into(), bad: false });
    }

    pub(crate) fn warn(self, trouble: &Trouble) {
        self.app.tell(Toast { text: trouble.say(self.lang), bad: true });
    }

    pub(crate) fn copy(self, text: String) {
        let done = self.t(Text::Copied);
        let failed = self.t(Text::CopyFailed);
        spawn_local(async move {
            let copied = browser::copy(&text).await;
            self.app.tell(Toast { text: if copied { done } else { failed }.into(), bad: !copied });
        });
    }
}

impl<B: Backend> App<B> {
    pub(crate) fn new(backend: B) -> Self {
        let app = Self {
            backend: StoredValue::new_local(backend),
            lang: RwSignal::new(browser::language()),
            theme: RwSignal::new(browser::theme()),
            me: RwSignal::new(None),
            known: RwSignal::new(None),
            route: RwSignal::new(Route::parse(&browser::hash())),
            version: RwSignal::new(0),
            links: RwSignal::new(HashMap::new()),
            toast: RwSignal::new(None),
            draft: StoredValue::new(None),
        };
        app.look_who_is_here();
        app.listen();
        app
    }

    pub(crate) fn backend(self) -> B {
        self.backend.get_value()
    }

    /// Reads from the store who could be opened.
    pub(crate) fn look_who_is_here(self) {
        let backend = self.backend();
        spawn_local(async move {
            let known = backend.identities().await;
            self.known.set(Some(known));
        });
    }

    /// Whatever is on the screen is read again.
    pub(crate) fn changed(self) {
        self.version.update(|version| *version += 1);
    }

    /// The same screen from its beginning.
    pub(crate) fn again(self) {
        self.route.notify();
    }

    /// A payment that was put together and left is not there any more when one comes back to pay.
    pub(crate) fn left(self, route: &Route) {
        let kept = matches!(route, Route::Amount(_) | Route::Review(_) | Route::Shop(_) | Route::Payment(_));
        if !kept {
            self.draft.set_value(None);
        }
    }

    /// The identity is open.
    pub(crate) fn opened(self, me: IdentityView) {
        self.me.set(Some(me));
        self.changed();
        self.look_who_is_here();
    }

    /// The identity is closed.
    pub(crate) fn closed(self) {
        self.me.set(None);
        self.links.set(HashMap::new());
        self.draft.set_value(None);
        self.look_who_is_here();
    }

    pub(crate) fn lock(self) {
        let backend = self.backend();
        spawn_local(async move {
            backend.lock().await;
            self.closed();
        });
    }

    pub(crate) fn tell(self, toast: Toast) {
        self.toast.set(Some(toast.clone()));
        set_timeout(
            move || {
                if self.toast.try_with_untracked(|now| now.as_ref() == Some(&toast)) == Some(true) {
                    self.toast.set(None);
                }
            },
            std::time::Duration::from_secs(5),
        );
    }

    fn listen(self) {
        let backend = self.backend();
        spawn_local(async move {
            let mut events = std::pin::pin!(backend.events());
            while let Some(event) = events.next().await {
                if self.route.is_disposed() {
                    return;
                }
                self.on_event(event);
            }
        });
    }

    fn on_event(self, event: UiEvent) {
        let lang = self.lang.get_untracked();
        match event {
            UiEvent::Step { peer, step, road } => self.link(peer, LinkState::Trying { step, road }),
            UiEvent::Connected { peer, road, path } => self.link(peer, LinkState::Up { road, path }),
            UiEvent::Disconnected { peer } => self.link(peer, LinkState::Down),
            UiEvent::FellBack { peer, from, why } => self.links.update(|links| {
                if let Some(link) = links.get_mut(&peer) {
                    link.fell = Some((from, why));
                }
            }),
            UiEvent::Unreachable { peer, why, again_in } => {
                let again = again_in.map(|span: Millis| browser::now() + span);
                self.link(peer, LinkState::Failed { why, again });
            }
            UiEvent::Payment { .. } => self.changed(),
            UiEvent::KeysChanged { peer } => {
                self.changed();
                let name = peer.short();
                self.tell(Toast { text: Saying::KeysChanged { name: &name }.say(lang), bad: true });
            }
            UiEvent::Warning { what } => self.tell(Toast { text: what.say(lang), bad: true }),
            UiEvent::Locked => self.closed(),
        }
    }

    fn link(self, peer: Did, state: LinkState) {
        self.links.update(|links| {
            if links.len() >= MAX_LINKS && !links.contains_key(&peer) {
                links.retain(|_, link| matches!(link.state, LinkState::Trying { .. } | LinkState::Up { .. }));
                if links.len() >= MAX_LINKS {
                    return;
                }
            }
            let first = matches!(state, LinkState::Trying { step: Step::LookingUp, .. });
            let fell = links.remove(&peer).and_then(|link| link.fell).filter(|_| !first);
            links.insert(peer, Link { state, fell });
        });
    }
}

/// What was asked of the backend.
#[derive(Clone)]
pub(crate) enum Loaded<T> {
    Waiting,
    Ready(T),
    Failed(Trouble),
}

/// Asks, and asks again whenever the ledger may say something else. The last answer stays until the next is here.
pub(crate) fn load<B, T, F, W>(cx: Cx<B>, ask: F) -> RwSignal<Loaded<T>>
where
    B: Backend,
    T: Clone + Send + Sync + 'static,
    F: Fn(B) -> W + 'static,
    W: Future<Output = Result<T, Trouble>> + 'static,
{
    let out = RwSignal::new(Loaded::Waiting);
    let turn = StoredValue::new(0_u64);
    Effect::new(move |_| {
        cx.app.version.track();
        turn.update_value(|turn| *turn += 1);
        let mine = turn.get_value();
        let answer = ask(cx.app.backend());
        spawn_local(async move {
            let answer = answer.await;
            // A later question has been asked, or the screen has gone.
            if turn.try_get_value() != Some(mine) {
                return;
            }
            let closed = matches!(answer, Err(Trouble::Locked));
            let _ = out.try_set(match answer {
                Ok(value) => Loaded::Ready(value),
                Err(trouble) => Loaded::Failed(trouble),
            });
            if closed && cx.app.me.get_untracked().is_some() {
                cx.app.closed();
            }
        });
    });
    out
}

/// Does something once, and keeps the button that asked for it from being pressed meanwhile.
pub(crate) fn act<B: Backend, W>(cx: Cx<B>, busy: RwSignal<bool>, work: impl FnOnce(B) -> W + 'static)
where
    W: Future<Output = Result<(), Trouble>> + 'static,
{
    if busy.get_untracked() {
        return;
    }
    busy.set(true);
    let work = work(cx.app.backend());
    spawn_local(async move {
        let done = work.await;
        busy.try_set(false);
        if let Err(trouble) = done {
            cx.warn(&trouble);
        }
    });
}

/// A name from somebody else, made harmless.
pub(crate) fn name(text: &str) -> String {
    plain(text).into_owned()
}
