//! A shop or a person, before they are paid: who signed what, and who vouches for it.

use crate::app::{Cx, act, load, name};
use crate::backend::{Backend, Did, GatewaySaid, GatewayView, ShopView, Trust};
use crate::parts::{Icon, Tone, avatar, badge, changed_note, icon, note, page, safety_grid, shown};
use crate::route::Route;
use leptos::html;
use leptos::prelude::*;
use pumasi_words::web::{Saying, Text};

pub(crate) fn shop<B: Backend>(cx: Cx<B>, did: Did) -> AnyView {
    let shop = load(cx, move |backend: B| async move { backend.shop(&did).await });
    let body = shown(cx, shop, move |shop| detail(cx, &shop));
    page(cx, cx.t(Text::ShopTitle), body)
}

fn detail<B: Backend>(cx: Cx<B>, shop: &ShopView) -> AnyView {
    let did = shop.did;
    let called = name(&shop.name);
    let description = shop.description.as_deref().map(name).filter(|text| *text != called);
    let categories = shop.categories.iter().map(|category| view! { <li class="chip still">{name(category)}</li> });
    let blocked = matches!(shop.trust, Trust::Changed { .. });
    let pay_class = if blocked { "btn secondary wide" } else { "btn primary wide" };
    let history = (shop.payments > 0).then(|| {
        let text = cx.say(&Saying::PaidBefore { times: shop.payments });
        let ago = shop.last_paid.map(|at| cx.ago(at)).unwrap_or_default();
        view! { <a class="line" href=Route::History(Some(did)).hash()>{icon(Icon::History)}<span class="grow">{text}</span><span class="muted small">{ago}</span>{icon(Icon::Next)}</a> }
    });
    view! {
        <section class="card shop-head">
            {avatar(&did, &called)}
            <p class="title">{called.clone()}</p>
            {badge(cx, shop.trust)}
            {description.map(|text| view! { <p class="muted">{text}</p> })}
            <ul class="chips center">{categories.collect_view()}</ul>
        </section>
        {changed_note(cx, &did, &shop.name, shop.trust, false)}
        <a class=pay_class href=Route::Amount(did).hash()>{icon(Icon::Send)}{cx.t(Text::PayThem)}</a>
        {history.map(|line| view! { <div class="card list">{line}</div> })}
        {safety(cx, shop)}
        {proof(cx, shop)}
    }
    .into_any()
}

/// The number to compare, and what follows from it.
fn safety<B: Backend>(cx: Cx<B>, shop: &ShopView) -> AnyView {
    let did = shop.did;
    let busy = RwSignal::new(false);
    let dialog = NodeRef::<html::Dialog>::new();
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
    let same = move |_| {
        close();
        act(cx, busy, move |backend| async move {
            backend.mark_compared(&did).await?;
            cx.toast(cx.t(Text::MarkedVerified));
            cx.app.changed();
            Ok(())
        });
    };
    let other = move |_| {
        close();
        cx.app.tell(crate::app::Toast { text: cx.t(Text::NumbersDiffer).into(), bad: true });
    };
    let compared = matches!(shop.trust, Trust::Compared { .. } | Trust::Paired { .. });
    let since = match shop.trust {
        Trust::Compared { since } | Trust::Paired { since } | Trust::FirstUse { since } => {
            Some(cx.say(&Saying::KnownSince { date: &cx.date(since), verified: compared }))
        }
        Trust::New | Trust::Changed { .. } => None,
    };
    view! {
        <section class="card stack">
            <div class="between"><h2>{cx.t(Text::SafetyNumber)}</h2></div>
            <p class="muted small">{cx.t(Text::SafetyText)}</p>
            {safety_grid(&shop.safety)}
            {since.map(|text| view! { <p class="muted small">{text}</p> })}
            {(!compared).then(|| view! {
                <button type="button" class="btn secondary" disabled=move || busy.get() on:click=ask>{icon(Icon::Shield)}{cx.t(Text::ComparedIt)}</button>
            })}
            <dialog node_ref=dialog class="sheet" aria-labelledby="compare-title">
                <div class="stack">
                    <h2 id="compare-title">{cx.t(Text::CompareTitle)}</h2>
                    <p>{cx.t(Text::CompareText)}</p>
                    {safety_grid(&shop.safety)}
                    <button type="button" class="btn primary wide" on:click=same>{cx.t(Text::TheSame)}</button>
                    <button type="button" class="btn secondary wide" on:click=other>{cx.t(Text::Different)}</button>
                    <button type="button" class="btn ghost wide" on:click=move |_| close()>{cx.t(Text::Cancel)}</button>
                </div>
            </dialog>
        </section>
    }
    .into_any()
}

/// The DID, the profile, and what each gateway said of it.
fn proof<B: Backend>(cx: Cx<B>, shop: &ShopView) -> AnyView {
    let did = shop.did.to_string();
    let copied = did.clone();
    let lied = shop.gateways.iter().filter(|gateway| gateway.said == GatewaySaid::Forged);
    let lied = lied.map(|gateway| note(Tone::Bad, cx.say(&Saying::GatewayLied { host: &gateway.host })));
    let agreed = shop.gateways.iter().filter(|gateway| gateway.said == GatewaySaid::Agreed).count();
    let alone = (agreed < 2).then(|| note(Tone::Warn, cx.say(&Saying::AgreedBy { agreed })));
    view! {
        {lied.collect_view()}
        {alone}
        <section class="card stack">
            <h2>{cx.t(Text::ProofTitle)}</h2>
            <dl class="facts">
                <div>
                    <dt>"DID"</dt>
                    <dd class="row-s">
                        <span class="mono break">{did}</span>
                        <button type="button" class="icon-btn" aria-label=cx.t(Text::CopyDid) on:click=move |_| cx.copy(copied.clone())>{icon(Icon::Copy)}</button>
                    </dd>
                </div>
                <div><dt>{cx.t(Text::Profile)}</dt><dd>{cx.say(&Saying::ProfileNumber { number: shop.sequence, until: &cx.date(shop.expires) })}</dd></div>
                {shop.host.clone().map(|host| view! { <div><dt>{cx.t(Text::Endpoint)}</dt><dd class="mono break">{name(&host)}</dd></div> })}
            </dl>
            <h3>{cx.t(Text::Gateways)}</h3>
            <ul class="list plain">{shop.gateways.iter().map(|gateway| gateway_row(cx, gateway)).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn gateway_row<B: Backend>(cx: Cx<B>, gateway: &GatewayView) -> AnyView {
    let (tone, sign, text) = match gateway.said {
        GatewaySaid::Agreed => (Tone::Good, Icon::Check, cx.t(Text::GatewayAgreed).to_owned()),
        GatewaySaid::Older { sequence } => (Tone::Warn, Icon::Clock, cx.say(&Saying::GatewayOlder { sequence })),
        GatewaySaid::Missing => (Tone::Quiet, Icon::Info, cx.t(Text::GatewayMissing).to_owned()),
        GatewaySaid::Forged => (Tone::Bad, Icon::Warn, cx.t(Text::GatewayForged).to_owned()),
        GatewaySaid::Unreachable => (Tone::Quiet, Icon::Info, cx.t(Text::GatewaySilent).to_owned()),
    };
    let host = name(&gateway.host);
    view! { <li class="line"><span class="grow mono clip">{host}</span><span class=format!("badge {}", tone.class())>{icon(sign)}{text}</span></li> }
        .into_any()
}
