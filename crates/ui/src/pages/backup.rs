//! Backups: made early, and proven by opening them again.

use super::restore::chosen_file;
use crate::app::{Cx, act, load};
use crate::backend::{Backend, BackupState, Password, ProofView, Trouble};
use crate::browser;
use crate::parts::{Field, Icon, Tone, busy_button, file_field, icon, note, page, password_field, shown};
use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use pumasi_words::web::{Saying, Text};

pub(crate) fn backup<B: Backend>(cx: Cx<B>) -> AnyView {
    let state = load(cx, |backend: B| async move { backend.backup_state().await });
    let body = view! {
        <p class="muted">{cx.t(Text::BackupLead)}</p>
        {shown(cx, state, move |state| standing(cx, state))}
        {make(cx)}
        {prove(cx)}
    };
    page(cx, cx.t(Text::BackupTitle), body)
}

fn standing<B: Backend>(cx: Cx<B>, state: BackupState) -> AnyView {
    match state {
        BackupState::Never => note(Tone::Warn, cx.t(Text::BackupNever)),
        BackupState::Made { at, since } => {
            note(Tone::Quiet, cx.say(&Saying::BackupMade { date: &cx.date(at), entries: since, proven: false }))
        }
        BackupState::Proven { at, since } => {
            note(Tone::Good, cx.say(&Saying::BackupMade { date: &cx.date(at), entries: since, proven: true }))
        }
    }
}

fn make<B: Backend>(cx: Cx<B>) -> AnyView {
    let busy = RwSignal::new(false);
    let save = move |share: bool| {
        act(cx, busy, move |backend| async move {
            let file = backend.backup().await?;
            let handed = share && browser::share_file(&file).await;
            let saved = handed || browser::save(&file);
            cx.toast(if saved { cx.say(&Saying::Saved { file: &file.name }) } else { cx.t(Text::NotSaved).into() });
            cx.app.changed();
            Ok(())
        });
    };
    view! {
        <section class="card stack">
            <h2>{cx.t(Text::BackupStepSave)}</h2>
            <p class="muted">{cx.t(Text::BackupStepSaveText)}</p>
            <div class="pair">
                <button type="button" class="btn primary" disabled=move || busy.get() on:click=move |_| save(false)>{icon(Icon::Save)}{cx.t(Text::SaveBackup)}</button>
                {browser::can_share().then(|| view! {
                    <button type="button" class="btn secondary" disabled=move || busy.get() on:click=move |_| save(true)>{icon(Icon::Share)}{cx.t(Text::Share)}</button>
                })}
            </div>
        </section>
    }
    .into_any()
}

fn prove<B: Backend>(cx: Cx<B>) -> AnyView {
    let input = NodeRef::<html::Input>::new();
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let result = RwSignal::new(None::<Result<ProofView, Trouble>>);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let typed = Password::new(&password.get_untracked());
        result.set(None);
        act(cx, busy, move |backend| async move {
            let proof = match chosen_file(input).await {
                Ok(file) => backend.prove_backup(file, typed).await,
                Err(trouble) => Err(trouble),
            };
            if proof.is_ok() {
                password.set(String::new());
                cx.app.changed();
            }
            result.set(Some(proof));
            Ok(())
        });
    };
    let told = move || {
        result.get().map(|result| match result {
            Ok(ProofView { entries, missing }) => note(Tone::Good, cx.say(&Saying::BackupProven { entries, missing })),
            Err(trouble) => note(Tone::Bad, cx.say(&trouble)),
        })
    };
    view! {
        <form class="card stack" on:submit=submit>
            <h2>{cx.t(Text::BackupStepTry)}</h2>
            <p class="muted">{cx.t(Text::BackupStepTryText)}</p>
            {file_field(cx, "proof-file", Text::BackupFile, input)}
            {password_field(cx, Field { id: "proof-password", label: Text::Password, hint: None, autocomplete: "current-password", max: 1024 }, password)}
            <div aria-live="polite">{told}</div>
            {busy_button(cx, "secondary", cx.t(Text::TryBackup), busy)}
        </form>
    }
    .into_any()
}
