//! Every payment, by day.

use crate::app::{Cx, Loaded, act, load, name};
use crate::backend::{Backend, ContactView, Did, Page, PaymentView};
use crate::parts::{Icon, empty, go_button, page, payment_row, person, shown, tab_page};
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::web::Text;

/// Payments that are read at a time.
const PAGE: u8 = 30;

pub(crate) fn history<B: Backend>(cx: Cx<B>, with: Option<Did>) -> AnyView {
    let first =
        load(cx, move |backend: B| async move { backend.payments(Page { with, before: None, limit: PAGE }).await });
    let contact = load(cx, move |backend: B| async move {
        match with {
            // Somebody who was forgotten has a history all the same.
            Some(did) => Ok(backend.contact(&did).await.ok()),
            None => Ok(None),
        }
    });
    let older = RwSignal::new(Vec::<PaymentView>::new());
    let more = RwSignal::new(None::<bool>);
    let busy = RwSignal::new(false);
    let next = move |_| {
        let Loaded::Ready(page) = first.get_untracked() else { return };
        let last = older.with_untracked(|older| older.last().or(page.payments.last()).map(|payment| payment.id));
        act(cx, busy, move |backend| async move {
            let page = backend.payments(Page { with, before: last, limit: PAGE }).await?;
            more.set(Some(page.more));
            older.update(|older| older.extend(page.payments));
            Ok(())
        });
    };
    let body = view! {
        {shown(cx, contact, move |contact| who(cx, contact))}
        {shown(cx, first, move |page| {
            if page.payments.is_empty() {
                let find = go_button(cx, "primary", Icon::Search, Text::FindShop, &Route::Find(String::new()));
                return empty(Icon::History, cx.t(Text::NothingYet), cx.t(Text::NothingYetText), find);
            }
            let has_more = page.more;
            view! {
                {by_day(cx, &page.payments)}
                {move || older.with(|older| by_day(cx, older))}
                {move || more.get().unwrap_or(has_more).then(|| view! {
                    <button type="button" class="btn secondary wide" disabled=move || busy.get() on:click=next>{cx.t(Text::More)}</button>
                })}
            }
            .into_any()
        })}
    };
    match with {
        Some(_) => page(cx, cx.t(Text::History), body),
        None => tab_page(cx, cx.t(Text::History), body),
    }
}

fn who<B: Backend>(cx: Cx<B>, contact: Option<ContactView>) -> AnyView {
    let Some(contact) = contact else { return ().into_any() };
    let called = name(&contact.name);
    view! { <a class="card plain-link" href=Route::Shop(contact.did).hash()>{person(cx, &contact.did, &called, contact.trust)}</a> }
        .into_any()
}

fn by_day<B: Backend>(cx: Cx<B>, payments: &[PaymentView]) -> AnyView {
    let day = |payment: &PaymentView| {
        let date = cx.date(payment.at);
        // The date without the time of day.
        date.rsplit_once(", ").or_else(|| date.rsplit_once(' ')).map_or(date.clone(), |(day, _)| day.to_owned())
    };
    let mut days: Vec<(String, Vec<&PaymentView>)> = Vec::new();
    for payment in payments {
        let day = day(payment);
        match days.last_mut() {
            Some((last, list)) if *last == day => list.push(payment),
            _ => days.push((day, vec![payment])),
        }
    }
    let days = days.into_iter().map(|(day, list)| {
        let rows = list.into_iter().map(|payment| payment_row(cx, payment)).collect_view();
        view! { <section class="stack-s"><h2 class="day">{day}</h2><ul class="list card">{rows}</ul></section> }
    });
    days.collect_view().into_any()
}
