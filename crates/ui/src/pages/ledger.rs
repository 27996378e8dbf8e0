//! The ledger: checking it, and taking it elsewhere.

use crate::app::{Cx, act, load};
use crate::backend::{AuditView, Backend, ContactView, Did, ExportFormat, Password};
use crate::browser;
use crate::parts::{Field, Icon, Tone, busy_button, choices, icon, note, page, password_field};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pumasi_words::Audit;
use pumasi_words::web::{Saying, Text};

pub(crate) fn ledger<B: Backend>(cx: Cx<B>) -> AnyView {
    let contacts = load(cx, |backend: B| async move { backend.contacts().await });
    let report = RwSignal::new(None::<AuditView>);
    let busy = RwSignal::new(false);
    let audit = move |_| {
        report.set(None);
        act(cx, busy, move |backend| async move {
            report.set(Some(backend.audit().await?));
            Ok(())
        });
    };
    let names = move || match contacts.get() {
        crate::app::Loaded::Ready(contacts) => contacts,
        _ => Vec::new(),
    };
    let body = view! {
        <section class="card stack">
            <h2>{cx.t(Text::AuditTitle)}</h2>
            <p class="muted">{cx.t(Text::AuditText)}</p>
            <button type="button" class="btn primary" aria-busy=move || busy.get().to_string() disabled=move || busy.get() on:click=audit>
                {move || if busy.get() { view! { <span class="spinner" aria-hidden="true"></span> }.into_any() } else { icon(Icon::Shield) }}
                {move || cx.t(if busy.get() { Text::Auditing } else { Text::AuditNow })}
            </button>
            <div aria-live="polite" class="stack-s" id="audit">{move || report.get().map(|report| found(cx, &report, &names()))}</div>
        </section>
        {export(cx)}
    };
    page(cx, cx.t(Text::Ledger), body)
}

fn found<B: Backend>(cx: Cx<B>, report: &AuditView, contacts: &[ContactView]) -> AnyView {
    let AuditView { entries, signatures, findings, more } = report;
    if findings.is_empty() {
        return note(Tone::Good, cx.say(&Audit::Sound { entries: *entries, signatures: *signatures }));
    }
    let called = |did: &Did| {
        contacts.iter().find(|contact| contact.did == *did).map_or_else(|| did.short(), |contact| contact.name.clone())
    };
    let all = findings.len() as u64 + more;
    let rows = findings.iter().map(|finding| view! { <li>{pumasi_words::finding(finding, &called, cx.lang)}</li> });
    view! {
        {note(Tone::Bad, cx.say(&Saying::AuditFound { findings: all }))}
        <ul class="findings">{rows.collect_view()}</ul>
    }
    .into_any()
}

fn export<B: Backend>(cx: Cx<B>) -> AnyView {
    let format = RwSignal::new(ExportFormat::Sealed);
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let formats = vec![
        (ExportFormat::Sealed, cx.t(Text::FormatSealed).to_owned()),
        (ExportFormat::Json, "JSON".to_owned()),
        (ExportFormat::Csv, "CSV".to_owned()),
        (ExportFormat::Beancount, "beancount".to_owned()),
    ];
    let sealed = move || format.get() == ExportFormat::Sealed;
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let format = format.get_untracked();
        let typed = (format == ExportFormat::Sealed).then(|| Password::new(&password.get_untracked()));
        act(cx, busy, move |backend| async move {
            if typed.as_ref().is_some_and(Password::is_empty) {
                return Err(crate::backend::Trouble::EmptyPassword);
            }
            let file = backend.export(format, typed).await?;
            password.set(String::new());
            cx.toast(if browser::save(&file) {
                cx.say(&Saying::Saved { file: &file.name })
            } else {
                cx.t(Text::NotSaved).into()
            });
            Ok(())
        });
    };
    view! {
        <form class="card stack" on:submit=submit>
            <h2>{cx.t(Text::ExportTitle)}</h2>
            <p class="muted">{cx.t(Text::ExportText)}</p>
            {choices("format", cx.t(Text::Format), formats, move || format.get(), move |chosen| format.set(chosen))}
            {move || if sealed() {
                password_field(cx, Field { id: "export-password", label: Text::FilePassword, hint: None, autocomplete: "new-password", max: 1024 }, password)
            } else {
                note(Tone::Warn, cx.t(Text::NotEncrypted))
            }}
            {busy_button(cx, "secondary", cx.t(Text::ExportNow), busy)}
        </form>
    }
    .into_any()
}
