//! Before an identity is open: what this is, opening one, and making one.

use crate::app::{Cx, act, name};
use crate::backend::{Backend, IdentitySummary, Password, Trouble};
use crate::parts::{
    Field, Icon, Tone, avatar, busy_button, did_line, empty, failed, go_button, icon, note, page, password_field,
    text_field, waiting,
};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pumasi_words::web::Text;

/// Shorter passwords are advised against.
const ADVISED: usize = 10;

/// The first screen of a browser that has nothing open.
pub(crate) fn start<B: Backend>(cx: Cx<B>) -> AnyView {
    crate::browser::document().set_title(cx.t(Text::AppName));
    let again = move || cx.app.look_who_is_here();
    let view = move || match cx.app.known.get() {
        None => waiting(cx),
        Some(Err(trouble)) => failed(cx, &trouble, again),
        Some(Ok(known)) if known.is_empty() => welcome(cx),
        Some(Ok(known)) => unlock(cx, known),
    };
    view.into_any()
}

fn welcome<B: Backend>(cx: Cx<B>) -> AnyView {
    let points = [
        (Icon::Search, Text::WelcomeFind, Text::WelcomeFindText),
        (Icon::Handshake, Text::WelcomeDirect, Text::WelcomeDirectText),
        (Icon::Book, Text::WelcomeProof, Text::WelcomeProofText),
    ];
    let points = points.into_iter().map(|(sign, title, text)| {
        view! {
            <li class="point">
                <span class="point-sign">{icon(sign)}</span>
                <div><p class="strong">{cx.t(title)}</p><p class="muted">{cx.t(text)}</p></div>
            </li>
        }
    });
    view! {
        <div class="hero">
            <img class="logo" src="icon.svg" alt="" width="72" height="72" />
            <h1 tabindex="-1">{cx.t(Text::AppName)}</h1>
            <p class="lead">{cx.t(Text::WelcomeLead)}</p>
        </div>
        <ul class="points card">{points.collect_view()}</ul>
        <div class="stack">
            {go_button(cx, "primary wide", Icon::Key, Text::CreateIdentity, &Route::Create)}
            {go_button(cx, "secondary wide", Icon::Refresh, Text::RestoreBackup, &Route::Restore)}
            <p class="muted small center">{cx.t(Text::WelcomeNoAccount)}</p>
        </div>
    }
    .into_any()
}

fn unlock<B: Backend>(cx: Cx<B>, known: Vec<IdentitySummary>) -> AnyView {
    let chosen = RwSignal::new(known[0].did);
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let wrong = RwSignal::new(None::<Trouble>);
    let open = move |event: SubmitEvent| {
        event.prevent_default();
        let (did, typed) = (chosen.get_untracked(), Password::new(&password.get_untracked()));
        wrong.set(None);
        act(cx, busy, move |backend| async move {
            if typed.is_empty() {
                wrong.set(Some(Trouble::EmptyPassword));
                return Ok(());
            }
            let opened = backend.open(&did, typed).await;
            password.set(String::new());
            match opened {
                Ok(me) => cx.app.opened(me),
                Err(trouble) => wrong.set(Some(trouble)),
            }
            Ok(())
        });
    };
    let people = known.into_iter().map(|one| {
        let called = name(&one.name);
        let id = format!("who-{}", one.did.short());
        view! {
            <input type="radio" name="who" id=id.clone() prop:checked=move || chosen.get() == one.did on:change=move |_| chosen.set(one.did) />
            <label class="person" for=id>
                {avatar(&one.did, &called)}
                <span class="grow"><span class="strong clip">{called}</span>{did_line(&one.did)}</span>
                {icon(Icon::Check)}
            </label>
        }
    });
    view! {
        <div class="hero">
            <img class="logo" src="icon.svg" alt="" width="72" height="72" />
            <h1 tabindex="-1">{cx.t(Text::WelcomeBack)}</h1>
        </div>
        <form class="stack" on:submit=open>
            <fieldset class="who"><legend class="sr">{cx.t(Text::WhoOpens)}</legend>{people.collect_view()}</fieldset>
            {password_field(cx, Field { id: "password", label: Text::Password, hint: None, autocomplete: "current-password", max: 1024 }, password)}
            {move || wrong.get().map(|trouble| note(Tone::Bad, cx.say(&trouble)))}
            {busy_button(cx, "primary wide", cx.t(Text::Open), busy)}
        </form>
        <p class="foot small">
            <a href=Route::Create.hash()>{cx.t(Text::CreateAnother)}</a>" · "<a href=Route::Restore.hash()>{cx.t(Text::RestoreBackup)}</a>
        </p>
    }
    .into_any()
}

/// Making an identity.
pub(crate) fn create<B: Backend>(cx: Cx<B>) -> AnyView {
    let called = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let again = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let wrong = RwSignal::new(None::<String>);
    let make = move |event: SubmitEvent| {
        event.prevent_default();
        let (typed, same) = (password.get_untracked(), password.get_untracked() == again.get_untracked());
        let called = called.get_untracked().trim().to_owned();
        wrong.set(None);
        if called.is_empty() || called.chars().count() > 64 {
            wrong.set(Some(cx.say(&Trouble::BadName)));
        } else if typed.is_empty() {
            wrong.set(Some(cx.say(&Trouble::EmptyPassword)));
        } else if !same {
            wrong.set(Some(cx.t(Text::PasswordsDiffer).to_owned()));
        } else {
            act(cx, busy, move |backend| async move {
                match backend.create(called, Password::new(&typed)).await {
                    Ok(me) => {
                        password.set(String::new());
                        again.set(String::new());
                        cx.app.opened(me);
                        cx.go(&Route::Home);
                    }
                    Err(trouble) => wrong.set(Some(cx.say(&trouble))),
                }
                Ok(())
            });
        }
    };
    let advice = move || {
        let short = password.with(|typed| !typed.is_empty() && typed.chars().count() < ADVISED);
        short.then(|| note(Tone::Warn, cx.t(Text::PasswordShort)))
    };
    let body = view! {
        <form class="stack" on:submit=make>
            <p class="muted">{cx.t(Text::CreateLead)}</p>
            {text_field(cx, Field { id: "name", label: Text::YourName, hint: Some(Text::YourNameHint), autocomplete: "nickname", max: 64 }, called)}
            {password_field(cx, Field { id: "password", label: Text::Password, hint: Some(Text::PasswordHint), autocomplete: "new-password", max: 1024 }, password)}
            {password_field(cx, Field { id: "again", label: Text::PasswordAgain, hint: None, autocomplete: "new-password", max: 1024 }, again)}
            {advice}
            {move || wrong.get().map(|text| note(Tone::Bad, text))}
            {busy_button(cx, "primary wide", cx.t(Text::CreateIdentity), busy)}
            <p class="muted small" role="status">{move || if busy.get() { cx.t(Text::MakingKeys) } else { "" }}</p>
        </form>
    };
    page(cx, cx.t(Text::CreateIdentity), body)
}

/// An address that leads nowhere.
pub(crate) fn lost<B: Backend>(cx: Cx<B>) -> AnyView {
    let home = go_button(cx, "primary", Icon::Home, Text::ToHome, &Route::Home);
    page(cx, cx.t(Text::LostTitle), empty(Icon::Search, cx.t(Text::LostTitle), cx.t(Text::LostText), home))
}
