//! Whom to pay: somebody I know, a shop that I find, or whoever sent a link.

use crate::app::{Cx, load, name};
use crate::backend::{Backend, ContactView};
use crate::browser;
use crate::parts::{Icon, avatar, badge, did_line, empty, go_button, icon, scanner, shown, tab_page};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pumasi_words::web::Text;

pub(crate) fn pay<B: Backend>(cx: Cx<B>) -> AnyView {
    let typed = RwSignal::new(String::new());
    let contacts = load(cx, |backend: B| async move { backend.contacts().await });
    let follow = move |text: String| {
        let text = text.trim();
        // An address of this page with a link behind the `#` leads there as well.
        let link = text.split_once('#').map_or(text, |(_, link)| link);
        if !link.is_empty() {
            browser::go(&Route::Link(link.to_owned()).hash());
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        follow(typed.get_untracked());
    };
    let body = view! {
        <form class="card stack" on:submit=submit>
            <div class="field">
                <label for="link">{cx.t(Text::PasteLink)}</label>
                <div class="with-button">
                    <input
                        id="link"
                        type="text"
                        inputmode="url"
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        placeholder="pumasi:request:…, did:key:…"
                        prop:value=move || typed.get()
                        on:input=move |event| typed.set(event_target_value(&event))
                    />
                    <button type="submit" class="btn primary small">{cx.t(Text::Next)}</button>
                </div>
            </div>
            <div class="pair">
                {scanner(cx, follow)}
                {go_button(cx, "secondary", Icon::Search, Text::FindShop, &Route::Find(String::new()))}
            </div>
        </form>
        <section class="stack-s">
            <h2>{cx.t(Text::Contacts)}</h2>
            {shown(cx, contacts, move |contacts| people(cx, &contacts))}
        </section>
    };
    tab_page(cx, cx.t(Text::PayWhom), body)
}

fn people<B: Backend>(cx: Cx<B>, contacts: &[ContactView]) -> AnyView {
    if contacts.is_empty() {
        return empty(Icon::People, cx.t(Text::NobodyYet), cx.t(Text::NobodyYetText), ().into_any());
    }
    let rows = contacts.iter().map(|contact| {
        let called = name(&contact.name);
        view! {
            <li>
                <a class="item" href=Route::Amount(contact.did).hash()>
                    {avatar(&contact.did, &called)}
                    <span class="grow">
                        <span class="strong clip">{called.clone()}</span>
                        <span class="row-s">{did_line(&contact.did)}{badge(cx, contact.trust)}</span>
                    </span>
                    {icon(Icon::Next)}
                </a>
            </li>
        }
    });
    view! { <ul class="list card">{rows.collect_view()}</ul> }.into_any()
}
