//! The people I know, and what is between us.

use crate::amount::read;
use crate::app::{Cx, act, load, name};
use crate::backend::{AccountView, Backend, ContactView, Did, Trouble, Unit};
use crate::parts::{Icon, changed_note, empty, go_button, icon, owed_amount, page, person, shown};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use pumasi_words::web::{Saying, Text};

pub(crate) fn contacts<B: Backend>(cx: Cx<B>) -> AnyView {
    let contacts = load(cx, |backend: B| async move { backend.contacts().await });
    let body = shown(cx, contacts, move |contacts| {
        if contacts.is_empty() {
            let find = go_button(cx, "primary", Icon::Search, Text::FindShop, &Route::Find(String::new()));
            return empty(Icon::People, cx.t(Text::NobodyYet), cx.t(Text::NobodyYetText), find);
        }
        contacts.iter().map(|contact| card(cx, contact)).collect_view().into_any()
    });
    page(cx, cx.t(Text::Contacts), body)
}

fn card<B: Backend>(cx: Cx<B>, contact: &ContactView) -> AnyView {
    let called = name(&contact.name);
    let did = contact.did;
    view! {
        <article class="card stack">
            {person(cx, &did, &called, contact.trust)}
            {changed_note(cx, &did, &called, contact.trust, true)}
            {contact.accounts.iter().map(|account| account_facts(cx, account)).collect_view()}
            <div class="pair">
                <a class="btn primary small" href=Route::Amount(did).hash()>{icon(Icon::Send)}{cx.t(Text::Pay)}</a>
                <a class="btn secondary small" href=Route::Shop(did).hash()>{cx.t(Text::Details)}</a>
            </div>
            <details>
                <summary>{cx.t(Text::Change)}</summary>
                <div class="stack">
                    {rename(cx, did, called.clone())}
                    {limit(cx, did)}
                    {forget(cx, did, called)}
                </div>
            </details>
        </article>
    }
    .into_any()
}

fn account_facts<B: Backend>(cx: Cx<B>, account: &AccountView) -> AnyView {
    let word = match account.they_owe {
        0 => Text::Even,
        1.. => Text::ToGet,
        _ => Text::ToGive,
    };
    let money = |money: &crate::backend::Money| pumasi_words::money(money, cx.lang);
    let mine = account.limit_they_give.as_ref().zip(account.available_to_me.as_ref());
    let mine = mine.map(|(limit, left)| cx.say(&Saying::LineTheyGive { limit: &money(limit), left: &money(left) }));
    let theirs = account.limit_i_give.as_ref().map(|limit| cx.say(&Saying::LineIGive { limit: &money(limit) }));
    let lines = [mine, theirs].into_iter().flatten().map(|text| view! { <p class="muted small">{text}</p> });
    view! {
        <div class="stack-s">
            <p class="between"><span>{cx.t(word)}</span>{owed_amount(cx, account.they_owe, &account.unit, "plain strong")}</p>
            {lines.collect_view()}
            {account.both_signed.then(|| view! { <p class="row-s muted small">{icon(Icon::Check)}{cx.t(Text::BothSignedBalance)}</p> })}
        </div>
    }
    .into_any()
}

/// A field and a button beside it.
fn small_form<B: Backend>(
    cx: Cx<B>,
    label: Text,
    value: RwSignal<String>,
    button: Text,
    busy: RwSignal<bool>,
    submit: impl Fn() + 'static,
) -> AnyView {
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        submit();
    };
    view! {
        <form class="field" on:submit=submit>
            <label>
                {cx.t(label)}
                <span class="with-button">
                    <input type="text" autocomplete="off" prop:value=move || value.get() on:input=move |event| value.set(event_target_value(&event)) />
                    <button type="submit" class="btn secondary small" disabled=move || busy.get()>{cx.t(button)}</button>
                </span>
            </label>
        </form>
    }
    .into_any()
}

fn rename<B: Backend>(cx: Cx<B>, did: Did, called: String) -> AnyView {
    let (value, busy) = (RwSignal::new(called), RwSignal::new(false));
    small_form(cx, Text::CallThem, value, Text::Save, busy, move || {
        let called = value.get_untracked().trim().to_owned();
        act(cx, busy, move |backend| async move {
            backend.rename(&did, called).await?;
            cx.toast(cx.t(Text::Changed));
            cx.app.changed();
            Ok(())
        });
    })
}

fn limit<B: Backend>(cx: Cx<B>, did: Did) -> AnyView {
    let (value, busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    small_form(cx, Text::LimitForThem, value, Text::Save, busy, move || {
        let typed = value.get_untracked();
        act(cx, busy, move |backend| async move {
            // With a unit as people write it, or else in won.
            let limit = typed.parse().or_else(|_| match read(&typed, &Unit::krw()) {
                Err(Trouble::ZeroAmount) => crate::backend::Money::new(0, Unit::krw()).map_err(|_| Trouble::BadAmount),
                other => other,
            })?;
            backend.set_limit(&did, limit).await?;
            value.set(String::new());
            cx.toast(cx.t(Text::Changed));
            cx.app.changed();
            Ok(())
        });
    })
}

fn forget<B: Backend>(cx: Cx<B>, did: Did, called: String) -> AnyView {
    let (dialog, busy) = (NodeRef::<html::Dialog>::new(), RwSignal::new(false));
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let ask = move |_| {
        if let Some(dialog) = dialog.get_untracked() {
            let _ = dialog.show_modal();
        }
    };
    let sure = move |_| {
        close();
        act(cx, busy, move |backend| async move {
            backend.forget(&did).await?;
            cx.app.changed();
            Ok(())
        });
    };
    view! {
        <button type="button" class="btn danger small" on:click=ask>{cx.t(Text::Forget)}</button>
        <dialog node_ref=dialog class="sheet">
            <div class="stack">
                <p class="strong">{cx.say(&Saying::ForgetAsk { name: &called })}</p>
                <p class="muted">{cx.t(Text::ForgetText)}</p>
                <button type="button" class="btn danger wide" on:click=sure>{cx.t(Text::Forget)}</button>
                <button type="button" class="btn ghost wide" on:click=move |_| close()>{cx.t(Text::Cancel)}</button>
            </div>
        </dialog>
    }
    .into_any()
}
