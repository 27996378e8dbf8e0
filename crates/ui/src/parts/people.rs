//! Who somebody is: a name, a second identifier, and how sure we are.

use super::{Icon, Tone, icon, note_with};
use crate::app::{Cx, name};
use crate::backend::{Backend, Did, SafetyNumber, Trust};
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::web::{Saying, Text};

/// The first letter of the name on a colour of the DID, so that two of one name look different.
pub(crate) fn avatar(did: &Did, called: &str) -> AnyView {
    let letter = called.chars().find(|c| c.is_alphanumeric()).map_or("·".to_owned(), |c| c.to_uppercase().collect());
    let hue = did.public()[0] % 8;
    view! { <span class=format!("avatar hue-{hue}") aria-hidden="true">{letter}</span> }.into_any()
}

/// How sure we are, as a word and a sign.
pub(crate) fn badge<B: Backend>(cx: Cx<B>, trust: Trust) -> AnyView {
    let (tone, sign, text) = match trust {
        Trust::New => (Tone::Quiet, Icon::Info, Text::TrustNew),
        Trust::FirstUse { .. } => (Tone::Warn, Icon::Info, Text::TrustFirstUse),
        Trust::Paired { .. } => (Tone::Good, Icon::Shield, Text::TrustPaired),
        Trust::Compared { .. } => (Tone::Good, Icon::Shield, Text::TrustCompared),
        Trust::Changed { .. } => (Tone::Bad, Icon::Warn, Text::TrustChanged),
    };
    view! { <span class=format!("badge {}", tone.class())>{icon(sign)}{cx.t(text)}</span> }.into_any()
}

/// The short form of a DID, beside a name.
pub(crate) fn did_line(did: &Did) -> AnyView {
    let (short, whole) = (did.short(), did.to_string());
    view! { <span class="mono muted" title=whole>{short}</span> }.into_any()
}

/// Name, second identifier and trust in one row.
pub(crate) fn person<B: Backend>(cx: Cx<B>, did: &Did, called: &str, trust: Trust) -> AnyView {
    let called = name(called);
    view! {
        <div class="person">
            {avatar(did, &called)}
            <div class="grow">
                <p class="strong clip">{called}</p>
                <p class="row-s">{did_line(did)}{badge(cx, trust)}</p>
            </div>
        </div>
    }
    .into_any()
}

/// The sixty digits, in twelve groups.
pub(crate) fn safety_grid(safety: &SafetyNumber) -> AnyView {
    let groups = safety.groups().map(|group| view! { <li>{group}</li> });
    view! { <ol class="safety mono">{groups.into_iter().collect_view()}</ol> }.into_any()
}

/// The loud warning about new keys.
pub(crate) fn changed_note<B: Backend>(cx: Cx<B>, did: &Did, called: &str, trust: Trust, with_link: bool) -> AnyView {
    let Trust::Changed { .. } = trust else { return ().into_any() };
    let link = with_link
        .then(|| view! { <a class="btn secondary small" href=Route::Shop(*did).hash()>{cx.t(Text::CompareNow)}</a> });
    note_with(Tone::Bad, cx.say(&Saying::KeysChanged { name: called }), link.into_any())
}
