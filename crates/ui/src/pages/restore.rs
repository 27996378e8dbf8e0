//! Making an identity of a backup.

use crate::app::{Cx, act};
use crate::backend::{Backend, Password, Trouble};
use crate::browser;
use crate::parts::{Field, Tone, busy_button, file_field, note, page, password_field};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use pumasi_words::web::Text;

/// Largest backup that is read, in bytes: a hundred thousand entries and more.
pub(crate) const MAX_BACKUP: u64 = 256_000_000;

/// The chosen file, or why it cannot be read.
pub(crate) async fn chosen_file(input: NodeRef<html::Input>) -> Result<Vec<u8>, Trouble> {
    let file = input.get_untracked().and_then(|input| input.files()).and_then(|files| files.get(0));
    let file = file.ok_or(Trouble::NotABackup)?;
    browser::read(&file, MAX_BACKUP as f64).await.ok_or(Trouble::FileTooLarge { limit: MAX_BACKUP })
}

pub(crate) fn restore<B: Backend>(cx: Cx<B>) -> AnyView {
    let input = NodeRef::<html::Input>::new();
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let wrong = RwSignal::new(None::<Trouble>);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let typed = Password::new(&password.get_untracked());
        wrong.set(None);
        act(cx, busy, move |backend| async move {
            let restored = match chosen_file(input).await {
                Ok(file) => backend.restore(file, typed).await,
                Err(trouble) => Err(trouble),
            };
            match restored {
                Ok(me) => {
                    password.set(String::new());
                    cx.app.opened(me);
                    cx.toast(cx.t(Text::Restored));
                    cx.go(&Route::Home);
                }
                Err(trouble) => wrong.set(Some(trouble)),
            }
            Ok(())
        });
    };
    let body = view! {
        <form class="stack" on:submit=submit>
            <p class="muted">{cx.t(Text::RestoreLead)}</p>
            {file_field(cx, "backup-file", Text::BackupFile, input)}
            {password_field(cx, Field { id: "password", label: Text::PasswordThen, hint: None, autocomplete: "current-password", max: 1024 }, password)}
            {move || wrong.get().map(|trouble| note(Tone::Bad, cx.say(&trouble)))}
            {busy_button(cx, "primary wide", cx.t(Text::RestoreBackup), busy)}
        </form>
    };
    page(cx, cx.t(Text::RestoreBackup), body)
}
