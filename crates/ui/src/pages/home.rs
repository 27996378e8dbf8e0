//! Balances, what waits, and what happened last.

use crate::app::{Cx, Loaded, load, name};
use crate::backend::{AccountView, Backend, BackupState, Page, PaymentPage, PaymentState, Persistence, Unit};
use crate::parts::{Icon, Tone, empty, go_button, icon, note_with, owed_amount, payment_row, shown, signed_amount};
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::web::{Saying, Text};
use std::collections::BTreeMap;

/// Payments on this screen.
const RECENT: u8 = 6;
/// Entries after which a new backup is due.
const DUE: u64 = 20;

pub(crate) fn home<B: Backend>(cx: Cx<B>) -> AnyView {
    crate::browser::set_title(cx.t(Text::Home), cx.t(Text::AppName));
    let accounts = load(cx, |backend: B| async move { backend.accounts().await });
    let page = Page { with: None, before: None, limit: RECENT };
    let recent = load(cx, move |backend: B| async move { backend.payments(page).await });
    let backup = load(cx, |backend: B| async move { backend.backup_state().await });
    let kept = load(cx, |backend: B| async move { Ok(backend.persistence().await) });
    let me = move || cx.app.me.get().map(|me| name(&me.name)).unwrap_or_default();
    let title = move || cx.say(&Saying::Hello { name: &me() });
    view! {
        <header class="top home-top">
            <h1 tabindex="-1">{title}</h1>
            <button type="button" class="icon-btn" aria-label=cx.t(Text::LockNow) title=cx.t(Text::LockNow) on:click=move |_| cx.app.lock()>
                {icon(Icon::Lock)}
            </button>
        </header>
        <div class="stack">
            <section class="card balance" aria-label=cx.t(Text::Balance)>{shown(cx, accounts, move |accounts| balances(cx, &accounts))}</section>
            <nav class="actions" aria-label=cx.t(Text::Actions)>
                {action(cx, Icon::Send, Text::Pay, &Route::Pay)}
                {action(cx, Icon::Receive, Text::Receive, &Route::Receive)}
                {action(cx, Icon::Search, Text::Find, &Route::Find(String::new()))}
            </nav>
            {move || advice(cx, &backup.get(), &kept.get(), &recent.get())}
            <section class="stack-s">
                <div class="between">
                    <h2>{cx.t(Text::Recent)}</h2>
                    <a class="small" href=Route::History(None).hash()>{cx.t(Text::SeeAll)}</a>
                </div>
                {shown(cx, recent, move |page| latest(cx, &page))}
            </section>
        </div>
    }
    .into_any()
}

fn action<B: Backend>(cx: Cx<B>, sign: Icon, text: Text, to: &Route) -> AnyView {
    view! { <a class="action" href=to.hash()><span class="action-sign">{icon(sign)}</span>{cx.t(text)}</a> }.into_any()
}

fn balances<B: Backend>(cx: Cx<B>, accounts: &[AccountView]) -> AnyView {
    // To receive, to give, and what has no outcome yet, for each unit.
    let mut units: BTreeMap<&Unit, (i128, i128, u128)> = BTreeMap::new();
    for account in accounts {
        let sums = units.entry(&account.unit).or_default();
        if account.they_owe >= 0 {
            sums.0 += account.they_owe
        } else {
            sums.1 -= account.they_owe
        }
        sums.2 += account.pending;
    }
    let krw = Unit::krw();
    if units.is_empty() {
        units.insert(&krw, (0, 0, 0));
    }
    let units = units.into_iter().map(|(unit, (get, give, pending))| {
        let pending = i128::try_from(pending).unwrap_or(i128::MAX);
        view! {
            <div class="balance-unit">
                <p class="muted small">{cx.t(Text::Net)}</p>
                {signed_amount(cx, get - give, unit, "big")}
                <dl class="two">
                    <div><dt>{cx.t(Text::ToGet)}</dt><dd>{owed_amount(cx, get, unit, "plain in")}</dd></div>
                    <div><dt>{cx.t(Text::ToGive)}</dt><dd>{owed_amount(cx, give, unit, "plain")}</dd></div>
                </dl>
                {(pending > 0).then(|| view! {
                    <p class="row-s muted small">{icon(Icon::Clock)}{cx.t(Text::UnderWay)}{owed_amount(cx, pending, unit, "plain")}</p>
                })}
            </div>
        }
    });
    view! { <div class="stack">{units.collect_view()}</div> }.into_any()
}

/// At most one piece of advice at a time, the most pressing first.
fn advice<B: Backend>(
    cx: Cx<B>,
    backup: &Loaded<BackupState>,
    kept: &Loaded<Persistence>,
    recent: &Loaded<PaymentPage>,
) -> AnyView {
    let asks = match recent {
        Loaded::Ready(page) => page.payments.iter().find(|payment| {
            payment.direction == crate::backend::Direction::In && payment.state == PaymentState::Received
        }),
        _ => None,
    };
    if let Some(payment) = asks {
        let text = cx.say(&Saying::Asked { name: &payment.name });
        let see =
            view! { <a class="btn primary small" href=Route::Payment(payment.id).hash()>{cx.t(Text::Decide)}</a> };
        return note_with(Tone::Warn, text, see.into_any());
    }
    let to_backup =
        |text| view! { <a class="btn secondary small" href=Route::Backup.hash()>{cx.t(text)}</a> }.into_any();
    match (backup, kept) {
        (Loaded::Ready(BackupState::Never), _) => {
            note_with(Tone::Warn, cx.t(Text::BackupNever), to_backup(Text::BackupNow))
        }
        (Loaded::Ready(BackupState::Made { .. }), _) => {
            note_with(Tone::Quiet, cx.t(Text::BackupUntried), to_backup(Text::BackupTry))
        }
        (Loaded::Ready(BackupState::Proven { since, .. }), _) if *since >= DUE => {
            note_with(Tone::Quiet, cx.say(&Saying::BackupOld { entries: *since }), to_backup(Text::BackupNow))
        }
        (_, Loaded::Ready(Persistence::MayBeLost)) => {
            let busy = RwSignal::new(false);
            let keep = move |_| {
                crate::app::act(cx, busy, move |backend| async move {
                    let kept = backend.persist().await == Persistence::Kept;
                    cx.toast(cx.t(if kept { Text::KeptNow } else { Text::NotKept }));
                    cx.app.changed();
                    Ok(())
                });
            };
            let button = view! {
                <button type="button" class="btn secondary small" disabled=move || busy.get() on:click=keep>{cx.t(Text::KeepIt)}</button>
            };
            note_with(Tone::Quiet, cx.t(Text::MayBeLost), button.into_any())
        }
        _ => ().into_any(),
    }
}

fn latest<B: Backend>(cx: Cx<B>, page: &PaymentPage) -> AnyView {
    if page.payments.is_empty() {
        let find = go_button(cx, "primary", Icon::Search, Text::FindShop, &Route::Find(String::new()));
        return empty(Icon::Handshake, cx.t(Text::NothingYet), cx.t(Text::NothingYetText), find);
    }
    view! { <ul class="list card">{page.payments.iter().map(|payment| payment_row(cx, payment)).collect_view()}</ul> }
        .into_any()
}
