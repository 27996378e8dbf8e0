//! What several screens are made of.

mod camera;
mod field;
mod icon;
mod money;
mod people;
mod qr;
mod rows;
mod status;

pub(crate) use camera::scanner;
pub(crate) use field::{Field, choices, file_field, password_field, text_field};
pub(crate) use icon::{Icon, icon};
pub(crate) use money::{amount, big_amount, owed_amount, signed_amount};
pub(crate) use people::{avatar, badge, changed_note, did_line, person, safety_grid};
pub(crate) use qr::qr;
pub(crate) use rows::payment_row;
pub(crate) use status::{headline, link_line, tone};

use crate::app::{Cx, Loaded};
use crate::backend::{Backend, Trouble};
use crate::browser;
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::Say as _;
use pumasi_words::web::Text;

/// How loud something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Quiet,
    Good,
    Warn,
    Bad,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// The frame of a screen below the top level: a way back, and its heading, which gets the focus.
pub(crate) fn page<B: Backend>(cx: Cx<B>, title: impl Into<String>, body: impl IntoView + 'static) -> AnyView {
    let title = title.into();
    browser::set_title(&title, cx.t(Text::AppName));
    view! {
        <header class="top">
            <button type="button" class="icon-btn" aria-label=cx.t(Text::Back) on:click=move |_| browser::back()>
                {icon(Icon::Back)}
            </button>
            <h1 tabindex="-1">{title}</h1>
        </header>
        <div class="stack">{body.into_any()}</div>
    }
    .into_any()
}

/// The frame of a screen that a tab leads to.
pub(crate) fn tab_page<B: Backend>(cx: Cx<B>, title: impl Into<String>, body: impl IntoView + 'static) -> AnyView {
    let title = title.into();
    browser::set_title(&title, cx.t(Text::AppName));
    view! {
        <header class="top"><h1 tabindex="-1">{title}</h1></header>
        <div class="stack">{body.into_any()}</div>
    }
    .into_any()
}

/// A sentence that stands out, with a sign beside it, so that it is not told by colour alone.
pub(crate) fn note(tone: Tone, text: impl Into<String>) -> AnyView {
    note_with(tone, text, ().into_any())
}

/// The same with something to do below it.
pub(crate) fn note_with(tone: Tone, text: impl Into<String>, action: AnyView) -> AnyView {
    let sign = match tone {
        Tone::Quiet => Icon::Info,
        Tone::Good => Icon::Check,
        Tone::Warn | Tone::Bad => Icon::Warn,
    };
    let role = matches!(tone, Tone::Bad).then_some("alert");
    view! {
        <div class=format!("note {}", tone.class()) role=role>
            {icon(sign)}
            <div class="stack-s"><p>{text.into()}</p>{action}</div>
        </div>
    }
    .into_any()
}

/// What to do where there is nothing yet.
pub(crate) fn empty(sign: Icon, title: &'static str, text: &'static str, action: AnyView) -> AnyView {
    view! {
        <div class="empty">
            <span class="empty-sign">{icon(sign)}</span>
            <p class="strong">{title}</p>
            <p class="muted">{text}</p>
            {action}
        </div>
    }
    .into_any()
}

/// A link that looks like a button.
pub(crate) fn go_button<B: Backend>(cx: Cx<B>, class: &'static str, sign: Icon, text: Text, to: &Route) -> AnyView {
    view! { <a class=format!("btn {class}") href=to.hash()>{icon(sign)}{cx.t(text)}</a> }.into_any()
}

/// What was asked of the backend: a place holder, the answer, or why there is none, with a way to ask again.
pub(crate) fn shown<B, T>(
    cx: Cx<B>,
    loaded: RwSignal<Loaded<T>>,
    ready: impl Fn(T) -> AnyView + Send + 'static,
) -> AnyView
where
    B: Backend,
    T: Clone + Send + Sync + 'static,
{
    let again = move || cx.app.changed();
    let view = move || match loaded.get() {
        Loaded::Waiting => waiting(cx),
        Loaded::Ready(value) => ready(value),
        Loaded::Failed(trouble) => failed(cx, &trouble, again),
    };
    view.into_any()
}

/// Something is on its way.
pub(crate) fn waiting<B: Backend>(cx: Cx<B>) -> AnyView {
    view! {
        <div class="skeleton" role="status">
            <span class="sr">{cx.t(Text::Loading)}</span>
            <span class="bone wide"></span>
            <span class="bone"></span>
            <span class="bone short"></span>
        </div>
    }
    .into_any()
}

/// It did not work; it can be tried again.
pub(crate) fn failed<B: Backend>(cx: Cx<B>, trouble: &Trouble, again: impl Fn() + Send + 'static) -> AnyView {
    let button = view! {
        <button type="button" class="btn secondary small" on:click=move |_| again()>{cx.t(Text::TryAgain)}</button>
    };
    note_with(Tone::Warn, trouble.say(cx.lang), button.into_any())
}

/// A button that shows that something is going on, and cannot be pressed meanwhile.
pub(crate) fn busy_button<B: Backend>(
    cx: Cx<B>,
    class: &'static str,
    text: &'static str,
    busy: RwSignal<bool>,
) -> AnyView {
    view! {
        <button type="submit" class=format!("btn {class}") disabled=move || busy.get() aria-busy=move || busy.get().to_string()>
            {move || busy.get().then(|| view! { <span class="spinner" aria-hidden="true"></span> })}
            {move || if busy.get() { cx.t(Text::OneMoment) } else { text }}
        </button>
    }
    .into_any()
}
