//! Files: `share`, `fetch`, and what is attached to payments.

pub(super) mod attach;
pub(super) mod fetch;
pub(super) mod share;

use crate::context::Context;
use crate::failure;
use anyhow::Context as _;
use pumasi_agent::content::ContentError;
use pumasi_content::{Link, MAX_LINK};
use pumasi_words::{Content, Exit};
use std::io::Read as _;
use zeroize::Zeroizing;

/// Reads a link from the command line, or from standard input for `-`.
fn link(text: &str) -> anyhow::Result<Link> {
    if text != "-" {
        return Ok(Link::parse(text)?);
    }
    let mut typed = Zeroizing::new(String::new());
    std::io::stdin().lock().take(MAX_LINK as u64 + 2).read_to_string(&mut typed).context("standard input")?;
    Ok(Link::parse(&typed)?)
}

/// Tells what kept a file from being shared or fetched, and gives the exit code for it.
pub(crate) fn failed(context: &mut Context, error: &ContentError) -> Exit {
    let shown = |path: &std::path::Path| path.display().to_string();
    let (exit, path);
    let message = match error {
        ContentError::Io { path: at, .. } if error.is_disk_full() => {
            (exit, path) = (Exit::Failed, shown(at));
            Content::DiskFull { path: &path }
        }
        ContentError::Exists(at) => {
            (exit, path) = (Exit::Failed, shown(at));
            Content::Exists { path: &path }
        }
        ContentError::Held(at) => {
            (exit, path) = (Exit::Held, shown(at));
            Content::Held { path: &path }
        }
        ContentError::OtherPart(at) => {
            (exit, path) = (Exit::Failed, shown(at));
            Content::OtherPart { path: &path }
        }
        ContentError::OtherFile(at) => {
            (exit, path) = (Exit::Unsound, shown(at));
            Content::OtherFile { path: &path }
        }
        ContentError::NoProvider { got, size } => {
            exit = Exit::Unreachable;
            Content::NoProvider { got: *got, of: *size }
        }
        ContentError::WrongKey => {
            exit = Exit::Unsound;
            Content::WrongKey
        }
        ContentError::Damaged(_) => {
            exit = Exit::Unsound;
            Content::Damaged
        }
        other => {
            let sentence = other.to_string();
            let exit = if matches!(other, ContentError::Io { .. } | ContentError::NotAFile(_)) {
                Exit::NotFound
            } else {
                Exit::Failed
            };
            context.ui.object(&serde_json::json!({ "event": "error", "exit": exit.code(), "text": sentence }));
            context.ui.warn(sentence);
            return exit;
        }
    };
    failure::say(context, exit, &message)
}
