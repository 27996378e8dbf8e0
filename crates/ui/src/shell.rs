//! The frame around the screens: tabs, the short words at the foot, and which screen is on.

use crate::app::{App, Cx};
use crate::backend::Backend;
use crate::browser;
use crate::pages;
use crate::parts::{Icon, icon};
use crate::route::{Route, Tab};
use leptos::prelude::*;
use pumasi_words::web::Text;
use std::any::Any;
use wasm_bindgen::JsCast as _;

/// How often it is looked whether nobody has touched the page for long.
const IDLE_LOOK: std::time::Duration = std::time::Duration::from_secs(15);

/// Puts the screens into the element `#app` of the document, over this backend, for as long as the page lives.
///
/// # Panics
/// When the document has no element `#app`.
pub fn mount<B: Backend>(backend: B) {
    std::mem::forget(mount_for_now(backend));
}

/// Screens that go away when this is dropped.
#[must_use]
pub struct Mounted(#[allow(dead_code, reason = "what counts is when it is dropped")] Box<dyn Any>);

/// Puts the screens into the element `#app` of the document until what is returned is dropped.
///
/// # Panics
/// When the document has no element `#app`.
pub fn mount_for_now<B: Backend>(backend: B) -> Mounted {
    let place = browser::document().get_element_by_id("app").expect("the document has an element #app");
    place.set_inner_html("");
    Mounted(Box::new(leptos::mount::mount_to(place.unchecked_into(), move || frame(App::new(backend)))))
}

fn frame<B: Backend>(app: App<B>) -> AnyView {
    // The listeners stay as long as the page; without a screen they do nothing.
    let _for_ever = window_event_listener_untyped("hashchange", move |_| {
        if app.route.is_disposed() {
            return;
        }
        let route = Route::parse(&browser::hash());
        if app.route.get_untracked() != route {
            app.left(&route);
            app.route.set(route);
        }
    });
    lock_when_idle(app);
    Effect::new(move |before: Option<()>| {
        app.route.track();
        // Not on the first screen: nothing was left, and the focus belongs to whoever has it.
        if before.is_some() {
            request_animation_frame(browser::focus_heading);
        }
    });
    let opened = Memo::new(move |_| app.me.with(Option::is_some));
    let view = move || {
        let cx = Cx { app, lang: app.lang.get() };
        let opened = opened.get();
        view! {
            <a class="skip" href="#main" on:click=move |event| {
                event.prevent_default();
                browser::focus_heading();
            }>{cx.t(Text::Skip)}</a>
            <div class=if opened { "frame" } else { "frame closed" }>
                {opened.then(|| tabs(cx))}
                <main id="main">{move || screen(cx, app.route.get(), opened)}</main>
            </div>
            <div class="toasts" role="status" aria-live="polite">
                {move || app.toast.get().map(|toast| {
                    let class = if toast.bad { "toast bad" } else { "toast" };
                    view! {
                        <p class=class>
                            {toast.text}
                            <button type="button" class="icon-btn" aria-label=cx.t(Text::Close) on:click=move |_| app.toast.set(None)>{icon(Icon::Close)}</button>
                        </p>
                    }
                })}
            </div>
        }
        .into_any()
    };
    view.into_any()
}

fn screen<B: Backend>(cx: Cx<B>, route: Route, opened: bool) -> AnyView {
    match (route, opened) {
        (Route::Create, false) => pages::create(cx),
        (Route::Restore, _) => pages::restore(cx),
        (_, false) => pages::start(cx),
        (Route::Home | Route::Create, true) => pages::home(cx),
        (Route::Find(query), true) => pages::find(cx, query),
        (Route::Shop(did), true) => pages::shop(cx, did),
        (Route::Pay, true) => pages::pay(cx),
        (Route::Amount(did), true) => pages::amount(cx, did),
        (Route::Review(did), true) => pages::review(cx, did),
        (Route::Link(text), true) => pages::link(cx, text),
        (Route::Receive, true) => pages::receive(cx),
        (Route::History(with), true) => pages::history(cx, with),
        (Route::Payment(id), true) => pages::payment(cx, id),
        (Route::Contacts, true) => pages::contacts(cx),
        (Route::Ledger, true) => pages::ledger(cx),
        (Route::Backup, true) => pages::backup(cx),
        (Route::Settings, true) => pages::settings(cx),
        (Route::Lost, true) => pages::lost(cx),
    }
}

fn tabs<B: Backend>(cx: Cx<B>) -> AnyView {
    let tabs = [
        (Tab::Home, Icon::Home, Text::Home, Route::Home),
        (Tab::Find, Icon::Search, Text::Find, Route::Find(String::new())),
        (Tab::Pay, Icon::Send, Text::Pay, Route::Pay),
        (Tab::History, Icon::History, Text::History, Route::History(None)),
        (Tab::More, Icon::More, Text::MoreTitle, Route::Settings),
    ];
    let tabs = tabs.map(|(tab, sign, text, to)| {
        let on = move || cx.app.route.with(|route| route.tab() == tab);
        let class = if tab == Tab::Pay { "tab main-tab" } else { "tab" };
        view! { <li><a class=class href=to.hash() aria-current=move || on().then_some("page")><span class="tab-sign">{icon(sign)}</span>{cx.t(text)}</a></li> }
    });
    view! {
        <nav class="tabs" aria-label=cx.t(Text::MainMenu)>
            <p class="brand"><img src="icon.svg" alt="" width="28" height="28" />{cx.t(Text::AppName)}</p>
            <ul>{tabs.into_iter().collect_view()}</ul>
        </nav>
    }
    .into_any()
}

/// Closes the identity when nobody has touched the page for as long as the settings say.
fn lock_when_idle<B: Backend>(app: App<B>) {
    let touched = StoredValue::new(browser::now());
    for event in ["pointerdown", "keydown", "visibilitychange"] {
        let _for_ever = window_event_listener_untyped(event, move |_| {
            touched.try_set_value(browser::now());
        });
    }
    set_interval(
        move || {
            let after = u64::from(browser::lock_after()) * 60_000;
            let Some(last) = touched.try_get_value() else { return };
            let idle = browser::now().since(last);
            if after > 0 && idle >= after && app.me.with_untracked(Option::is_some) {
                app.lock();
            }
        },
        IDLE_LOOK,
    );
}
