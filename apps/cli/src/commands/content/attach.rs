//! A file that goes with a payment or a request: offered encrypted, its link in the memo.

use super::failed;
use super::share::{offer_attachments, tell};
use crate::context::Context;
use crate::failure;
use pumasi_agent::content::{Attachments, ContentNode, ShareEvent, Sharing, Source, fresh_secret};
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_agent::now;
use pumasi_content::Link;
use pumasi_transfer::limits::MAX_MEMO_CHARS;
use pumasi_words::{Content, Exit};
use serde_json::json;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// A file that is about to go with a payment.
pub(crate) struct Prepared {
    file: PathBuf,
    link: Link,
}

impl Prepared {
    /// It is offered from now on, when this person listens.
    pub(crate) fn keep(self, context: &mut Context) -> anyhow::Result<()> {
        Attachments::add(&context.home, &self.file, &self.link, now())?;
        let (name, size) = (self.link.name().as_str(), self.link.file_size());
        let sentence = context.say(&Content::Attached { name });
        context.ui.object(&json!({ "event": "attached", "name": name, "size": size }));
        context.ui.say(sentence);
        Ok(())
    }
}

/// Puts the link of the file into the memo. `None` when that cannot be, which has been told.
pub(crate) async fn prepare(
    context: &mut Context,
    memo: &mut String,
    file: Option<PathBuf>,
) -> anyhow::Result<Option<Vec<Prepared>>> {
    let Some(file) = file else { return Ok(Some(Vec::new())) };
    let (path, secret) = (file.clone(), Some(fresh_secret()?));
    let source = match tokio::task::spawn_blocking(move || Source::open(&path, secret, |_, _| {})).await? {
        Ok(source) => source,
        Err(error) => {
            failed(context, &error);
            return Ok(None);
        }
    };
    let link = source.link()?;
    let taken = memo.chars().count() + usize::from(!memo.is_empty());
    let Some(fitting) = link.clone().within(MAX_MEMO_CHARS.saturating_sub(taken)) else {
        let shortest = link.shortest().to_text().len();
        let room = MAX_MEMO_CHARS.saturating_sub(shortest + 1);
        failure::say(context, Exit::Usage, &Content::AttachmentTooLong { room });
        return Ok(None);
    };
    if !memo.is_empty() {
        memo.push(' ');
    }
    memo.push_str(&fitting.to_text());
    Ok(Some(vec![Prepared { file, link: fitting }]))
}

/// Offers what was attached while this person listens, from a node that nobody can connect with the person. `None` when
/// there is nothing to offer.
pub(crate) async fn offer(context: &mut Context, net: &NetOptions) -> anyhow::Result<Option<Offering>> {
    if Attachments::read(&context.home, now())?.as_slice().is_empty() {
        return Ok(None);
    }
    let node = ContentNode::enter(&context.home, net, Entry::Server).await?;
    let mut sharing = Sharing::start(node).await?;
    let (events, told) = mpsc::channel(64);
    if offer_attachments(context, &mut sharing, &events).await? == 0 {
        sharing.stop().await;
        return Ok(None);
    }
    Ok(Some(Offering { sharing, told }))
}

/// Attachments that are being offered.
pub(crate) struct Offering {
    pub(crate) sharing: Sharing,
    told: mpsc::Receiver<ShareEvent>,
}

/// The next event of what is offered; never, where nothing is.
pub(crate) async fn next(offering: &mut Option<Offering>) -> ShareEvent {
    match offering {
        Some(offering) => match offering.told.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Tells an event of what is offered: only that a file has changed is worth a word.
pub(crate) fn told(context: &mut Context, event: &ShareEvent) {
    if *event == ShareEvent::Changed || context.ui.is_json() {
        tell(context, event, "an attached file");
    }
}

/// Says of each file that came with a payment how to get it.
pub(crate) fn came(context: &mut Context, memo: &str) {
    for link in Link::find(memo) {
        let text = link.to_text();
        let (name, size) = (link.name().as_str(), link.file_size());
        context.ui.object(&json!({ "event": "attachment", "name": name, "size": size, "link": *text }));
        let sentence = context.say(&Content::Came { name, size, link: &text });
        context.ui.say(sentence);
    }
}
