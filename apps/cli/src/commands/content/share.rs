//! `share`.

use super::{failed, link};
use crate::args::Share;
use crate::commands::listen::stopped;
use crate::commands::request::qr;
use crate::context::Context;
use crate::ui::Ui;
use pumasi_agent::content::{
    Attachment, Attachments, ContentError, ContentNode, ShareEvent, Sharing, Source, fresh_secret,
};
use pumasi_agent::net::Entry;
use pumasi_agent::now;
use pumasi_content::{CHUNK, Link, MAX_HINTS};
use pumasi_words::{Content, Exit, Say as _, Step, Told};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Events that may wait to be told.
const EVENTS: usize = 64;
/// How often it is told how much has been read.
const BEAT: Duration = Duration::from_millis(200);

pub(crate) async fn share(context: &mut Context, args: Share) -> anyhow::Result<Exit> {
    let given = args.link.as_deref().map(link).transpose()?;
    let source = match args.file {
        Some(file) => match open(context, file, args.private, given.as_ref()).await? {
            Ok(source) => Some(source),
            Err(error) => return Ok(failed(context, &error)),
        },
        None => None,
    };
    let step = context.say(&Step::Joining);
    context.ui.progress(step);
    let node = ContentNode::enter(&context.home, &args.network.try_into()?, Entry::Server).await?;
    let mut sharing = Sharing::start(node.clone()).await?;
    let (events, mut told) = mpsc::channel(EVENTS);
    if args.attached {
        let offered = offer_attachments(context, &mut sharing, &events).await?;
        if offered == 0 && source.is_none() {
            sharing.stop().await;
            let sentence = context.say(&Content::NothingAttached);
            context.ui.print(&json!({ "event": "nothing-attached" }), sentence);
            return Ok(Exit::NotFound);
        }
    }
    let path = source.as_ref().map_or_else(String::new, |source| source.path().display().to_string());
    if let Some(source) = source {
        let mut link = given.map_or_else(|| source.link(), Ok)?;
        if args.with_address {
            let name = node.overlay().node_id();
            let addresses = node.addresses().await?;
            let whole = |text: String| if text.contains("/p2p/") { text } else { format!("{text}/p2p/{name}") };
            link = link.with_hints(addresses.into_iter().map(whole).take(MAX_HINTS).collect())?;
        }
        show(context, &link, args.no_qr);
        sharing.offer(source, events);
    }

    let end = tokio::time::sleep(args.r#for.unwrap_or(Duration::from_secs(3_155_760_000)));
    tokio::pin!(end);
    let mut stop = std::pin::pin!(stopped());
    loop {
        tokio::select! {
            () = &mut end => break,
            () = &mut stop => break,
            Some(event) = told.recv() => tell(context, &event, &path),
        }
    }
    let sentence = context.say(&Told::Stopping);
    context.ui.progress(sentence);
    let bytes = sharing.stop().await.chunks * u64::from(CHUNK);
    let sentence = context.say(&Content::Stopped { served: bytes });
    context.ui.print(&json!({ "event": "stopped", "served": bytes }), sentence);
    Ok(Exit::Done)
}

/// Reads the file once, to find its address, and says how far it is.
async fn open(
    context: &mut Context,
    file: PathBuf,
    private: bool,
    given: Option<&Link>,
) -> anyhow::Result<Result<Source, ContentError>> {
    let secret = match given {
        Some(link) => link.secret().cloned(),
        None => private.then(fresh_secret).transpose()?,
    };
    let (lang, json) = (context.lang, context.ui.is_json());
    let expected = given.map(Link::content);
    let opened = tokio::task::spawn_blocking(move || {
        let (mut ui, mut last) = (Ui::new(json), Instant::now());
        let source = Source::open(&file, secret, |done, of| {
            if last.elapsed() >= BEAT {
                last = Instant::now();
                ui.progress_only(Content::Hashing { done, of }.say(lang));
            }
        });
        ui.clear();
        match source {
            Ok(source) if expected.is_some_and(|content| content != source.content()) => {
                Err(ContentError::OtherFile(file))
            }
            source => source,
        }
    });
    Ok(opened.await?)
}

fn show(context: &mut Context, link: &Link, no_qr: bool) {
    let text = link.to_text();
    let (name, size, private) = (link.name().as_str(), link.file_size(), link.secret().is_some());
    let mut sentence = context.say(&Content::Sharing { name, size, link: &text, private });
    if !no_qr {
        sentence = format!("{sentence}\n\n{}", qr(context, &text));
    }
    let object = json!({ "event": "sharing", "link": *text, "name": name, "size": size, "private": private });
    context.ui.print(&object, sentence);
}

/// Tells what happens to what is offered.
pub(crate) fn tell(context: &mut Context, event: &ShareEvent, path: &str) {
    match event {
        ShareEvent::Announced { nodes } => {
            let sentence = context.say(&Content::Announced { nodes: *nodes });
            context.ui.object(&json!({ "event": "announced", "nodes": nodes }));
            context.ui.progress(sentence);
        }
        ShareEvent::NotAnnounced { reason } => {
            let sentence = context.say(&Content::NotAnnounced);
            context.ui.object(&json!({ "event": "not-announced", "reason": reason }));
            context.ui.progress(sentence);
        }
        ShareEvent::Changed => {
            let sentence = context.say(&Content::Changed { path });
            context.ui.object(&json!({ "event": "changed", "path": path }));
            context.ui.warn(sentence);
        }
        _ => {}
    }
}

/// Offers what was attached to payments, and says how much that is. What has changed or gone is said and left out.
pub(crate) async fn offer_attachments(
    context: &mut Context,
    sharing: &mut Sharing,
    events: &mpsc::Sender<ShareEvent>,
) -> anyhow::Result<usize> {
    let mut offered = 0;
    for attachment in Attachments::read(&context.home, now())?.as_slice() {
        let attachment: Attachment = attachment.clone();
        match tokio::task::spawn_blocking(move || attachment.open()).await? {
            Ok(source) => {
                sharing.offer(source, events.clone());
                offered += 1;
            }
            Err(error) => drop(failed(context, &error)),
        }
    }
    if offered > 0 {
        let sentence = context.say(&Content::Offering { files: offered });
        context.ui.print(&json!({ "event": "offering", "files": offered }), sentence);
    }
    Ok(offered)
}
