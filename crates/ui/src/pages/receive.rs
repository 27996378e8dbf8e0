//! Asking for a payment: a link, and the same as a QR code.

use crate::amount::read;
use crate::app::{Cx, act, load, name};
use crate::backend::{Backend, RequestOrder, RequestView, Trouble, Unit};
use crate::browser;
use crate::pages::amount::{amount_field, memo_field};
use crate::parts::{Icon, Tone, amount, big_amount, busy_button, icon, note, page, qr, shown};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pumasi_transfer::limits::DEFAULT_LIFETIME;
use pumasi_words::web::{Saying, Text};

pub(crate) fn receive<B: Backend>(cx: Cx<B>) -> AnyView {
    let (typed, unit, memo) =
        (RwSignal::new(String::new()), RwSignal::new("KRW".to_owned()), RwSignal::new(String::new()));
    let (busy, wrong) = (RwSignal::new(false), RwSignal::new(None::<Trouble>));
    let made = RwSignal::new(None::<RequestView>);
    let open = load(cx, |backend: B| async move { backend.open_requests().await });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        wrong.set(None);
        let money = unit.get_untracked().parse::<Unit>().map_err(|_| Trouble::BadAmount);
        let money = money.and_then(|unit| read(&typed.get_untracked(), &unit));
        let memo = memo.get_untracked().trim().to_owned();
        match money {
            Err(trouble) => wrong.set(Some(trouble)),
            Ok(money) => act(cx, busy, move |backend| async move {
                let order = RequestOrder { from: None, money, memo, lifetime: DEFAULT_LIFETIME };
                match backend.request(order).await {
                    Ok(request) => {
                        made.set(Some(request));
                        cx.app.changed();
                    }
                    Err(trouble) => wrong.set(Some(trouble)),
                }
                Ok(())
            }),
        }
    };
    let again = move |_| {
        made.set(None);
        typed.set(String::new());
        memo.set(String::new());
    };
    let body = view! {
        {move || match made.get() {
            Some(request) => view! {
                {ticket(cx, &request)}
                <button type="button" class="btn ghost wide" on:click=again>{cx.t(Text::AskAnother)}</button>
            }.into_any(),
            None => view! {
                <form class="stack" on:submit=submit>
                    <p class="muted">{cx.t(Text::ReceiveLead)}</p>
                    <div class="card stack">
                        {amount_field(cx, typed, unit, false)}
                        {memo_field(cx, memo, false)}
                    </div>
                    {move || wrong.get().map(|trouble| note(Tone::Bad, cx.say(&trouble)))}
                    {busy_button(cx, "primary wide", cx.t(Text::MakeRequest), busy)}
                </form>
                {identity(cx)}
                {shown(cx, open, move |requests| waiting_ones(cx, requests, made))}
            }.into_any(),
        }}
    };
    page(cx, cx.t(Text::ReceiveTitle), body)
}

/// A request: amount, code, link.
fn ticket<B: Backend>(cx: Cx<B>, request: &RequestView) -> AnyView {
    let url = format!("{}#{}", browser::address(), request.link);
    let (copied, shared) = (url.clone(), url.clone());
    let title = cx.say(&Saying::PleasePay { money: &request.money });
    let share = move |_| {
        let (title, text) = (title.clone(), shared.clone());
        spawn_local(async move {
            browser::share_text(&title, &text).await;
        });
    };
    let code = qr(&request.link, cx.t(Text::QrLabel).to_owned());
    let memo = name(&request.memo);
    view! {
        <section class="card ticket" id="request">
            {big_amount(cx, &request.money)}
            {(!memo.is_empty()).then(|| view! { <p class="muted">{memo.clone()}</p> })}
            {match code {
                Some(code) => code,
                None => note(Tone::Quiet, cx.t(Text::QrTooLong)),
            }}
            <p class="muted small">{cx.say(&Saying::HoldsUntil { date: &cx.date(request.expires) })}</p>
        </section>
        <div class="pair">
            <button type="button" class="btn secondary" on:click=move |_| cx.copy(copied.clone())>{icon(Icon::Copy)}{cx.t(Text::CopyLink)}</button>
            {browser::can_share().then(|| view! {
                <button type="button" class="btn secondary" on:click=share>{icon(Icon::Share)}{cx.t(Text::Share)}</button>
            })}
        </div>
        <p class="muted small">{cx.t(Text::RequestText)}</p>
    }
    .into_any()
}

/// My DID, for those who want to pay without a request.
fn identity<B: Backend>(cx: Cx<B>) -> AnyView {
    let Some(me) = cx.app.me.get_untracked() else { return ().into_any() };
    let did = me.did.to_string();
    let copied = did.clone();
    view! {
        <details class="card">
            <summary>{cx.t(Text::MyDid)}</summary>
            <div class="ticket">
                {qr(&did, cx.t(Text::MyDid).to_owned())}
                <p class="mono break small">{did.clone()}</p>
                <button type="button" class="btn secondary small" on:click=move |_| cx.copy(copied.clone())>{icon(Icon::Copy)}{cx.t(Text::CopyDid)}</button>
            </div>
        </details>
    }
    .into_any()
}

/// Requests that can still be paid.
fn waiting_ones<B: Backend>(cx: Cx<B>, requests: Vec<RequestView>, made: RwSignal<Option<RequestView>>) -> AnyView {
    if requests.is_empty() {
        return ().into_any();
    }
    let rows = requests.into_iter().map(|request| {
        let memo = name(&request.memo);
        let until = cx.say(&Saying::HoldsUntil { date: &cx.date(request.expires) });
        let sum = amount(cx, &request.money);
        view! {
            <li>
                <button type="button" class="item" on:click=move |_| made.set(Some(request.clone()))>
                    <span class="grow"><span class="strong clip">{if memo.is_empty() { cx.t(Text::Request).to_owned() } else { memo }}</span><span class="muted small">{until}</span></span>
                    <span class="side">{sum}</span>
                </button>
            </li>
        }
    });
    view! { <section class="stack-s"><h2>{cx.t(Text::OpenRequests)}</h2><ul class="list card">{rows.collect_view()}</ul></section> }
        .into_any()
}
