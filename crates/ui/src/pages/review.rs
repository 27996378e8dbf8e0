//! The last look before it is signed: everything that should make one think, and one button.

use crate::amount::read;
use crate::app::{Cx, Draft, Toast, act, load, name};
use crate::backend::{Backend, Did, Money, PayOrder, ReviewView, Trust, Unit};
use crate::browser;
use crate::pages::amount::steps;
use crate::parts::{Icon, Tone, avatar, badge, big_amount, changed_note, did_line, icon, note, note_with, page, shown};
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::Say as _;
use pumasi_words::web::{Saying, Text};

/// What the draft comes to, where it is one for this person.
fn order(draft: Option<Draft>, did: Did) -> Option<PayOrder> {
    let draft = draft.filter(|draft| draft.to == did)?;
    let unit: Unit = draft.unit.parse().ok()?;
    let money = read(&draft.amount, &unit).ok()?;
    let request = draft.request.map(|(link, _)| link);
    Some(PayOrder { key: draft.key, to: did, money, memo: draft.memo, request })
}

pub(crate) fn review<B: Backend>(cx: Cx<B>, did: Did) -> AnyView {
    let Some(order) = order(cx.app.draft.get_value(), did) else {
        // Reloaded, or come from outside: begin with the amount.
        browser::replace(&Route::Amount(did).hash());
        return ().into_any();
    };
    let asked = order.clone();
    let review = load(cx, move |backend: B| {
        let order = asked.clone();
        async move { backend.review(&order).await }
    });
    // Survives a new answer of the backend, and so a press of Confirm does too.
    let (busy, sure) = (RwSignal::new(false), RwSignal::new(false));
    let body = view! {
        {steps(cx, 2)}
        {shown(cx, review, move |review| detail(cx, &review, &order, busy, sure))}
    };
    page(cx, cx.t(Text::ReviewTitle), body)
}

fn detail<B: Backend>(
    cx: Cx<B>,
    review: &ReviewView,
    order: &PayOrder,
    busy: RwSignal<bool>,
    sure: RwSignal<bool>,
) -> AnyView {
    let called = name(&review.name);
    let over = review.available.as_ref().filter(|available| available.minor() < order.money.minor());
    let changed = matches!(review.trust, Trust::Changed { .. });
    let repeated = review.repeated.is_some();
    let blocked = changed || over.is_some();
    let memo = name(&order.memo);
    let groups = review.safety.groups();
    view! {
        <section class="card stack review">
            <div class="review-head">
                {avatar(&order.to, &called)}
                <p class="strong">{called.clone()}</p>
                <p class="row-s center">{did_line(&order.to)}{badge(cx, review.trust)}</p>
                {big_amount(cx, &order.money)}
            </div>
            <dl class="facts">
                <div>
                    <dt>{cx.t(Text::SafetyNumber)}</dt>
                    <dd><a class="mono" href=Route::Shop(order.to).hash()>{format!("{} {} …", groups[0], groups[1])}</a></dd>
                </div>
                {(!memo.is_empty()).then(|| view! { <div><dt>{cx.t(Text::Memo)}</dt><dd>{memo.clone()}</dd></div> })}
                <div><dt>{cx.t(Text::WhatItIs)}</dt><dd>{cx.t(Text::APromise)}</dd></div>
            </dl>
        </section>
        {changed_note(cx, &order.to, &called, review.trust, true)}
        {warnings(cx, review, order, over)}
        {repeated.then(|| view! {
            <label class="check">
                <input type="checkbox" prop:checked=move || sure.get() on:change=move |event| sure.set(event_target_checked(&event)) />
                {cx.t(Text::RepeatSure)}
            </label>
        })}
        {confirm(cx, order, busy, move || blocked || (repeated && !sure.get()))}
        <p class="muted small center">{cx.t(Text::ConfirmText)}</p>
    }
    .into_any()
}

/// What should make one think, the gravest first.
fn warnings<B: Backend>(cx: Cx<B>, review: &ReviewView, order: &PayOrder, over: Option<&Money>) -> AnyView {
    let over = over.map(|left| {
        let trouble = crate::backend::Trouble::OverLine { available: left.clone() };
        note(Tone::Bad, trouble.say(cx.lang))
    });
    let repeated = review.repeated.map(|before| {
        let see =
            view! { <a class="btn secondary small" href=Route::Payment(before.id).hash()>{cx.t(Text::SeeThat)}</a> };
        let text = cx.say(&Saying::Repeated { money: &order.money, ago: &cx.ago(before.at) });
        note_with(Tone::Warn, text, see.into_any())
    });
    let unverified = matches!(review.trust, Trust::New | Trust::FirstUse { .. });
    let first = review.first.then(|| {
        let compare = unverified.then(|| {
            view! { <a class="btn secondary small" href=Route::Shop(order.to).hash()>{cx.t(Text::CompareNow)}</a> }
        });
        let name = &review.name;
        note_with(Tone::Warn, cx.say(&Saying::FirstPayment { name, unverified }), compare.into_any())
    });
    view! { {over}{repeated}{first} }.into_any()
}

/// Signs on the first press, and takes no second one. After an error the same key is used, so that it pays once.
fn confirm<B: Backend>(
    cx: Cx<B>,
    order: &PayOrder,
    busy: RwSignal<bool>,
    blocked: impl Fn() -> bool + Send + 'static,
) -> AnyView {
    let text = cx.say(&Saying::PayNow { money: &order.money });
    let order = StoredValue::new(order.clone());
    let press = move |_| {
        act(cx, busy, move |backend| async move {
            let id = backend.pay(order.get_value()).await?;
            cx.app.draft.set_value(None);
            cx.app.changed();
            cx.app.toast.set(None::<Toast>);
            browser::replace(&Route::Payment(id).hash());
            Ok(())
        });
    };
    view! {
        <button type="button" id="confirm" class="btn primary wide" aria-busy=move || busy.get().to_string() disabled=move || busy.get() || blocked() on:click=press>
            {move || if busy.get() { view! { <span class="spinner" aria-hidden="true"></span> }.into_any() } else { icon(Icon::Send) }}
            {move || if busy.get() { cx.t(Text::Signing).to_owned() } else { text.clone() }}
        </button>
    }
    .into_any()
}
