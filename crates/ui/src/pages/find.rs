//! The directories: what is looked for, what was found, and who lied.

use crate::app::{Cx, name};
use crate::backend::{Backend, Forged, ForgedWhy, SearchEntry, SearchPage, Trouble};
use crate::browser;
use crate::parts::{Icon, Tone, avatar, badge, did_line, empty, failed, go_button, icon, note, tab_page, waiting};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pumasi_words::web::{Saying, Text};

/// Longest text that is looked for, in characters.
const MAX_QUERY: usize = 100;

#[derive(Clone)]
enum State {
    Nothing,
    Looking,
    Found(SearchPage),
    Failed(Trouble),
}

pub(crate) fn find<B: Backend>(cx: Cx<B>, query: String) -> AnyView {
    let typed = RwSignal::new(query.clone());
    let state = RwSignal::new(State::Nothing);
    let more = RwSignal::new(false);
    if !query.is_empty() {
        look(cx, query.clone(), state);
    }
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let wanted: String = typed.get_untracked().trim().chars().take(MAX_QUERY).collect();
        if wanted.is_empty() {
            return;
        }
        let hash = Route::Find(wanted.clone()).hash();
        if hash == Route::parse(&browser::hash()).hash() { look(cx, wanted, state) } else { browser::go(&hash) }
    };
    let wanted = StoredValue::new(query);
    let next = move |_| {
        let State::Found(so_far) = state.get_untracked() else { return };
        crate::app::act(cx, more, move |backend| async move {
            let mut page = backend.search(&wanted.get_value(), so_far.next.clone()).await?;
            let mut entries = so_far.entries;
            entries.append(&mut page.entries);
            let mut forged = so_far.forged;
            forged.append(&mut page.forged);
            state.set(State::Found(SearchPage { entries, forged, ..page }));
            Ok(())
        });
    };
    let results = move || match state.get() {
        State::Nothing => suggestions(cx),
        State::Looking => waiting(cx),
        State::Failed(trouble) => failed(cx, &trouble, move || look(cx, wanted.get_value(), state)),
        State::Found(page) => {
            let has_more = page.next.is_some();
            view! {
                {found(cx, &page)}
                {has_more.then(|| view! {
                    <button type="button" class="btn secondary wide" disabled=move || more.get() on:click=next>{cx.t(Text::More)}</button>
                })}
            }
            .into_any()
        }
    };
    let body = view! {
        <form class="search" role="search" on:submit=submit>
            <label class="sr" for="query">{cx.t(Text::FindWhat)}</label>
            {icon(Icon::Search)}
            <input
                id="query"
                type="search"
                enterkeyhint="search"
                autocomplete="off"
                maxlength=MAX_QUERY.to_string()
                placeholder=cx.t(Text::FindPlaceholder)
                prop:value=move || typed.get()
                on:input=move |event| typed.set(event_target_value(&event))
            />
            <button type="submit" class="btn primary small">{cx.t(Text::Find)}</button>
        </form>
        <div class="stack" aria-live="polite">{results}</div>
    };
    tab_page(cx, cx.t(Text::FindTitle), body)
}

fn look<B: Backend>(cx: Cx<B>, query: String, state: RwSignal<State>) {
    state.set(State::Looking);
    let backend = cx.app.backend();
    spawn_local(async move {
        let found = backend.search(&query, None).await;
        state.try_set(match found {
            Ok(page) => State::Found(page),
            Err(trouble) => State::Failed(trouble),
        });
    });
}

fn suggestions<B: Backend>(cx: Cx<B>) -> AnyView {
    let words = [
        Text::CategoryRestaurant,
        Text::CategoryCafe,
        Text::CategoryMarket,
        Text::CategoryHair,
        Text::CategoryBooks,
        Text::CategoryRepair,
    ];
    let chips = words.map(|word| {
        let word = cx.t(word);
        view! { <li><a class="chip" href=Route::Find(word.into()).hash()>{word}</a></li> }
    });
    view! {
        <section class="stack-s">
            <h2>{cx.t(Text::Categories)}</h2>
            <ul class="chips">{chips.into_iter().collect_view()}</ul>
            <p class="muted small">{cx.t(Text::FindHint)}</p>
        </section>
    }
    .into_any()
}

fn found<B: Backend>(cx: Cx<B>, page: &SearchPage) -> AnyView {
    let forged = page.forged.iter().map(|one| forgery(cx, one)).collect_view();
    let silent = (!page.silent.is_empty())
        .then(|| note(Tone::Quiet, cx.say(&Saying::Silent { hosts: &page.silent.join(", ") })));
    let entries = if page.entries.is_empty() {
        let pay = go_button(cx, "secondary", Icon::Link, Text::PayByLink, &Route::Pay);
        empty(Icon::Search, cx.t(Text::NothingFound), cx.t(Text::NothingFoundText), pay)
    } else {
        let count = page.entries.len();
        view! {
            <p class="muted small">{cx.say(&Saying::FoundSo { count, hosts: &page.asked.join(", ") })}</p>
            <ul class="list card">{page.entries.iter().map(|entry| row(cx, entry)).collect_view()}</ul>
        }
        .into_any()
    };
    view! { {forged}{entries}{silent} }.into_any()
}

fn row<B: Backend>(cx: Cx<B>, entry: &SearchEntry) -> AnyView {
    let description = name(&entry.description);
    let called = entry.name.as_deref().filter(|called| !called.is_empty()).map_or_else(|| entry.did.short(), name);
    let categories = entry.categories.iter().map(|category| name(category)).collect::<Vec<_>>().join(" · ");
    view! {
        <li>
            <a class="item" href=Route::Shop(entry.did).hash()>
                {avatar(&entry.did, &called)}
                <span class="grow">
                    <span class="strong clip">{called}</span>
                    {(!description.is_empty()).then(|| view! { <span class="small clip">{description.clone()}</span> })}
                    <span class="muted small clip">{categories}</span>
                    <span class="row-s">{did_line(&entry.did)}{badge(cx, entry.trust)}</span>
                </span>
                {icon(Icon::Next)}
            </a>
        </li>
    }
    .into_any()
}

fn forgery<B: Backend>(cx: Cx<B>, one: &Forged) -> AnyView {
    let why = cx.t(match one.why {
        ForgedWhy::Signature => Text::ForgedSignature,
        ForgedWhy::Altered => Text::ForgedAltered,
        ForgedWhy::Expired => Text::ForgedExpired,
        ForgedWhy::Malformed => Text::ForgedMalformed,
    });
    let about = one.did.map(|did| did.short());
    note(Tone::Bad, cx.say(&Saying::ForgedEntry { directory: &one.directory, about: about.as_deref(), why }))
}
