//! Everything that is neither paying nor being paid.

use crate::app::{Cx, Theme, act, load, name};
use crate::backend::{Backend, Persistence, Settings, Trouble};
use crate::browser;
use crate::parts::{Icon, Tone, avatar, busy_button, choices, icon, note, shown, tab_page};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pumasi_words::Lang;
use pumasi_words::web::{Saying, Text};

/// Minutes after which it locks itself.
const LOCKS: [u32; 4] = [5, 15, 60, 0];

pub(crate) fn settings<B: Backend>(cx: Cx<B>) -> AnyView {
    let settings = load(cx, |backend: B| async move { backend.settings().await });
    let kept = load(cx, |backend: B| async move { Ok(backend.persistence().await) });
    let minutes = RwSignal::new(browser::lock_after());
    // What was typed survives a new answer of the backend.
    let typed = [RwSignal::new(None::<String>), RwSignal::new(None::<String>)];
    let languages = vec![(Lang::Ko, "한국어".to_owned()), (Lang::En, "English".to_owned())];
    let themes = vec![
        (Theme::System, cx.t(Text::ThemeSystem).to_owned()),
        (Theme::Light, cx.t(Text::ThemeLight).to_owned()),
        (Theme::Dark, cx.t(Text::ThemeDark).to_owned()),
    ];
    let locks = LOCKS.map(|minutes| {
        let text = if minutes == 0 { cx.t(Text::Never).to_owned() } else { cx.say(&Saying::Minutes { minutes }) };
        (minutes, text)
    });
    let body = view! {
        {who(cx)}
        <nav class="card list" aria-label=cx.t(Text::MoreTitle)>
            {line(cx, Icon::People, Text::Contacts, &Route::Contacts)}
            {line(cx, Icon::Book, Text::Ledger, &Route::Ledger)}
            {line(cx, Icon::Save, Text::BackupTitle, &Route::Backup)}
        </nav>
        <section class="card stack">
            <h2>{cx.t(Text::Appearance)}</h2>
            {choices("language", cx.t(Text::Language), languages, move || cx.app.lang.get(), move |lang| {
                browser::choose_language(lang);
                cx.app.lang.set(lang);
            })}
            {choices("theme", cx.t(Text::Theme), themes, move || cx.app.theme.get(), move |theme| {
                browser::choose_theme(theme);
                cx.app.theme.set(theme);
            })}
        </section>
        <section class="card stack">
            <h2>{cx.t(Text::Safety)}</h2>
            {choices("lock", cx.t(Text::LockAfter), locks.to_vec(), move || minutes.get(), move |chosen| {
                browser::choose_lock_after(chosen);
                minutes.set(chosen);
            })}
            {shown(cx, kept, move |kept| persistence(cx, kept))}
            <button type="button" class="btn secondary" on:click=move |_| cx.app.lock()>{icon(Icon::Lock)}{cx.t(Text::LockNow)}</button>
        </section>
        {shown(cx, settings, move |settings| network(cx, &settings, typed))}
        <p class="muted small center">{cx.say(&Saying::Version { version: env!("CARGO_PKG_VERSION") })}</p>
    };
    tab_page(cx, cx.t(Text::MoreTitle), body)
}

fn who<B: Backend>(cx: Cx<B>) -> AnyView {
    let Some(me) = cx.app.me.get_untracked() else { return ().into_any() };
    let called = name(&me.name);
    let did = me.did.to_string();
    view! {
        <section class="card person">
            {avatar(&me.did, &called)}
            <div class="grow"><p class="strong clip">{called.clone()}</p><p class="mono muted small break">{did.clone()}</p></div>
            <button type="button" class="icon-btn" aria-label=cx.t(Text::CopyDid) on:click=move |_| cx.copy(did.clone())>{icon(Icon::Copy)}</button>
        </section>
    }
    .into_any()
}

fn line<B: Backend>(cx: Cx<B>, sign: Icon, text: Text, to: &Route) -> AnyView {
    view! { <a class="line" href=to.hash()>{icon(sign)}<span class="grow">{cx.t(text)}</span>{icon(Icon::Next)}</a> }
        .into_any()
}

fn persistence<B: Backend>(cx: Cx<B>, kept: Persistence) -> AnyView {
    let busy = RwSignal::new(false);
    let keep = move |_| {
        act(cx, busy, move |backend| async move {
            let kept = backend.persist().await == Persistence::Kept;
            cx.toast(cx.t(if kept { Text::KeptNow } else { Text::NotKept }));
            cx.app.changed();
            Ok(())
        });
    };
    match kept {
        Persistence::Kept => view! { <p class="row-s muted small">{icon(Icon::Check)}{cx.t(Text::IsKept)}</p> }.into_any(),
        Persistence::Unknown => view! { <p class="row-s muted small">{icon(Icon::Info)}{cx.t(Text::KeptUnknown)}</p> }.into_any(),
        Persistence::MayBeLost => view! {
            <p class="row-s muted small">{icon(Icon::Info)}{cx.t(Text::MayBeLost)}</p>
            <button type="button" class="btn secondary" disabled=move || busy.get() on:click=keep>{cx.t(Text::KeepIt)}</button>
        }
        .into_any(),
    }
}

fn network<B: Backend>(cx: Cx<B>, settings: &Settings, typed: [RwSignal<Option<String>>; 2]) -> AnyView {
    let [directories, gateways] = typed;
    let now = StoredValue::new([settings.directories.join("\n"), settings.gateways.join("\n")]);
    let text = move |which: usize| typed[which].get().unwrap_or_else(|| now.with_value(|now| now[which].clone()));
    let busy = RwSignal::new(false);
    let wrong = RwSignal::new(None::<Trouble>);
    let lines = move |which: usize| {
        let text = untrack(move || text(which));
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let settings = Settings { directories: lines(0), gateways: lines(1) };
        wrong.set(None);
        act(cx, busy, move |backend| async move {
            match backend.set_settings(settings).await {
                Ok(()) => {
                    directories.set(None);
                    gateways.set(None);
                    cx.toast(cx.t(Text::Changed));
                    cx.app.changed();
                }
                Err(trouble) => wrong.set(Some(trouble)),
            }
            Ok(())
        });
    };
    let area = move |id: &'static str, label: Text, hint: Text, which: usize| {
        view! {
            <div class="field">
                <label for=id>{cx.t(label)}</label>
                <textarea
                    id=id
                    rows="3"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    aria-describedby=format!("{id}-hint")
                    prop:value=move || text(which)
                    on:input=move |event| typed[which].set(Some(event_target_value(&event)))
                ></textarea>
                <p class="hint" id=format!("{id}-hint")>{cx.t(hint)}</p>
            </div>
        }
    };
    view! {
        <form class="card stack" on:submit=submit>
            <h2>{cx.t(Text::Network)}</h2>
            {area("directories", Text::Directories, Text::DirectoriesHint, 0)}
            {area("gateways", Text::Gateways, Text::GatewaysHint, 1)}
            {move || wrong.get().map(|trouble| note(Tone::Bad, cx.say(&trouble)))}
            {busy_button(cx, "secondary", cx.t(Text::Save), busy)}
        </form>
    }
    .into_any()
}
