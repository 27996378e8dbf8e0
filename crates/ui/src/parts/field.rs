//! Fields of forms: a label that stays, a hint, and an error that a screen reader hears.

use super::{Icon, icon};
use crate::app::{Cx, name};
use crate::backend::Backend;
use leptos::prelude::*;
use pumasi_words::web::Text;

/// One field of text.
pub(crate) struct Field {
    /// Its id in the page.
    pub(crate) id: &'static str,
    pub(crate) label: Text,
    pub(crate) hint: Option<Text>,
    /// For the browser's own help: `name`, `off`, `current-password`, `new-password`.
    pub(crate) autocomplete: &'static str,
    /// Characters at most.
    pub(crate) max: u32,
}

pub(crate) fn text_field<B: Backend>(cx: Cx<B>, field: Field, value: RwSignal<String>) -> AnyView {
    let Field { id, label, hint, autocomplete, max } = field;
    view! {
        <div class="field">
            <label for=id>{cx.t(label)}</label>
            <input
                id=id
                type="text"
                autocomplete=autocomplete
                maxlength=max.to_string()
                aria-describedby=hint.map(|_| format!("{id}-hint"))
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
            {hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{cx.t(hint)}</p> })}
        </div>
    }
    .into_any()
}

/// A password, which can be shown while it is typed.
pub(crate) fn password_field<B: Backend>(cx: Cx<B>, field: Field, value: RwSignal<String>) -> AnyView {
    let Field { id, label, hint, autocomplete, max } = field;
    let seen = RwSignal::new(false);
    view! {
        <div class="field">
            <label for=id>{cx.t(label)}</label>
            <div class="with-button">
                <input
                    id=id
                    type=move || if seen.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    autocapitalize="off"
                    spellcheck="false"
                    maxlength=max.to_string()
                    aria-describedby=hint.map(|_| format!("{id}-hint"))
                    prop:value=move || value.get()
                    on:input=move |event| value.set(event_target_value(&event))
                />
                <button
                    type="button"
                    class="icon-btn"
                    aria-label=cx.t(Text::ShowPassword)
                    aria-pressed=move || seen.get().to_string()
                    on:click=move |_| seen.update(|seen| *seen = !*seen)
                >
                    {icon(Icon::Eye)}
                </button>
            </div>
            {hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{cx.t(hint)}</p> })}
        </div>
    }
    .into_any()
}

/// A file to read. The browser's own button speaks the browser's language, so ours is drawn under it.
pub(crate) fn file_field<B: Backend>(
    cx: Cx<B>,
    id: &'static str,
    label: Text,
    input: NodeRef<leptos::html::Input>,
) -> AnyView {
    let chosen = RwSignal::new(None::<String>);
    let look = move |_| {
        let file = input.get_untracked().and_then(|input| input.files()).and_then(|files| files.get(0));
        chosen.set(file.map(|file| name(&file.name())));
    };
    view! {
        <div class="field">
            <label for=id>{cx.t(label)}</label>
            <div class="file">
                <input id=id type="file" node_ref=input on:change=look />
                <span class="btn secondary small" aria-hidden="true">{cx.t(Text::ChooseFile)}</span>
                <span class="muted small clip">{move || chosen.get().unwrap_or_else(|| cx.t(Text::NoFile).to_owned())}</span>
            </div>
        </div>
    }
    .into_any()
}

/// One of a few, all in sight.
pub(crate) fn choices<T: Copy + PartialEq + Send + Sync + 'static>(
    name: &'static str,
    legend: &'static str,
    options: Vec<(T, String)>,
    chosen: impl Fn() -> T + Copy + Send + 'static,
    choose: impl Fn(T) + Copy + Send + 'static,
) -> AnyView {
    let options = options.into_iter().enumerate().map(|(number, (value, text))| {
        let id = format!("{name}-{number}");
        view! {
            <input type="radio" id=id.clone() name=name prop:checked=move || chosen() == value on:change=move |_| choose(value) />
            <label for=id>{text}</label>
        }
    });
    view! {
        <fieldset class="field">
            <legend>{legend}</legend>
            <div class="segments">{options.collect_view()}</div>
        </fieldset>
    }
    .into_any()
}
