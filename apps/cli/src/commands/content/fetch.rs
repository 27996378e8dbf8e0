//! `fetch`.

use super::{failed, link};
use crate::args::Fetch;
use crate::commands::listen::stopped;
use crate::context::Context;
use pumasi_agent::content::{
    ContentNode, FetchEvent, FetchOptions, Fetched, ShareEvent, Sharing, Source, fetch as run, target_of,
};
use pumasi_agent::net::Entry;
use pumasi_content::{CHUNK, Fault, Link};
use pumasi_words::{Content, Exit, ProviderTrouble, Step};
use serde_json::json;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Events that may wait to be told.
const EVENTS: usize = 256;
/// How long back the rate is taken from.
const RATE: Duration = Duration::from_secs(5);
/// How often a script hears of progress, and a terminal without a live line.
const SELDOM: Duration = Duration::from_secs(1);
/// Width of the bar, in characters.
const BAR: u64 = 24;

pub(crate) async fn fetch(context: &mut Context, args: Fetch) -> anyhow::Result<Exit> {
    let link = link(&args.link)?;
    let target = target_of(&link, args.to.as_deref());
    let options = FetchOptions { force: args.force, patience: args.wait };
    if !args.force && std::fs::symlink_metadata(&target).is_ok() {
        return Ok(failed(context, &pumasi_agent::content::ContentError::Exists(target)));
    }
    let step = context.say(&Step::Joining);
    context.ui.progress(step);
    let entry = if args.share { Entry::Server } else { Entry::Client };
    let node = ContentNode::enter(&context.home, &args.network.try_into()?, entry).await?;
    let (events, mut told) = mpsc::channel(EVENTS);
    let (share_events, mut share_told) = mpsc::channel(EVENTS);
    let mut sharing = if args.share { Some(Sharing::start(node.clone()).await?) } else { None };
    let mut shown = Shown::default();
    let ended = {
        let offer = sharing.as_mut().map(|sharing| (sharing, share_events.clone()));
        let mut fetching = Box::pin(run(&node, &link, &target, &options, &events, offer));
        let mut stop = std::pin::pin!(stopped());
        loop {
            tokio::select! {
                biased;
                Some(event) = told.recv() => shown.tell(context, &event),
                Some(event) = share_told.recv() => super::share::tell(context, &event, ""),
                ended = &mut fetching => break Some(ended),
                () = &mut stop => break None,
            }
        }
    };
    while let Ok(event) = told.try_recv() {
        shown.tell(context, &event);
    }
    let exit = match ended {
        Some(Ok(fetched)) => {
            done(context, &fetched);
            if let Some(sharing) = sharing.take() {
                return offer(context, sharing, &fetched, &link, (share_events, share_told)).await;
            }
            Exit::Done
        }
        Some(Err(error)) => failed(context, &error),
        None => {
            let (got, of) = (shown.bytes, link.file_size());
            let sentence = context.say(&Content::Interrupted { got, of });
            context.ui.print(&json!({ "event": "interrupted", "bytes": got, "of": of }), sentence);
            Exit::Cancelled
        }
    };
    node.leave().await;
    Ok(exit)
}

fn done(context: &mut Context, fetched: &Fetched) {
    let path = fetched.path.display().to_string();
    let (size, took, providers) = (fetched.size, fetched.took, fetched.from.len());
    let sentence = context.say(&Content::Fetched { path: &path, size, took, providers });
    let from: serde_json::Map<_, _> =
        fetched.from.iter().map(|(node, chunks)| (node.clone(), (*chunks).into())).collect();
    let object = json!({
        "event": "fetched", "path": path, "size": size, "before": fetched.before, "ms": took.as_millis() as u64, "from": from,
    });
    context.ui.print(&object, sentence);
}

/// Goes on to offer what was fetched, as a file now, until it is stopped.
async fn offer(
    context: &mut Context,
    mut sharing: Sharing,
    fetched: &Fetched,
    link: &Link,
    (events, mut told): (mpsc::Sender<ShareEvent>, mpsc::Receiver<ShareEvent>),
) -> anyhow::Result<Exit> {
    let (path, secret) = (fetched.path.clone(), link.secret().cloned());
    match tokio::task::spawn_blocking(move || Source::open(&path, secret, |_, _| {})).await? {
        Ok(source) => sharing.offer(source, events),
        Err(error) => {
            sharing.stop().await;
            return Ok(failed(context, &error));
        }
    }
    let path = fetched.path.display().to_string();
    let mut stop = std::pin::pin!(stopped());
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(event) = told.recv() => super::share::tell(context, &event, &path),
        }
    }
    let served = sharing.stop().await.chunks * u64::from(CHUNK);
    let sentence = context.say(&Content::Stopped { served });
    context.ui.print(&json!({ "event": "stopped", "served": served }), sentence);
    Ok(Exit::Done)
}

/// What was told so far.
#[derive(Default)]
struct Shown {
    bytes: u64,
    past: VecDeque<(Instant, u64)>,
    last: Option<Instant>,
}

impl Shown {
    fn tell(&mut self, context: &mut Context, event: &FetchEvent) {
        match event {
            FetchEvent::Checking { .. } => {
                let sentence = context.say(&Content::Checking);
                context.ui.progress_only(sentence);
            }
            FetchEvent::Resumed { bytes } => {
                self.bytes = *bytes;
                context.ui.object(&json!({ "event": "resumed", "bytes": bytes }));
            }
            FetchEvent::Looking => {
                let sentence = context.say(&Content::Looking);
                context.ui.object(&json!({ "event": "looking" }));
                context.ui.progress(sentence);
            }
            FetchEvent::Found { node } => context.ui.object(&json!({ "event": "provider", "node": node })),
            FetchEvent::Progress { bytes, of, providers } => self.progress(context, *bytes, *of, *providers),
            FetchEvent::Dropped { node, fault } => {
                let (word, why) = trouble(*fault);
                context.ui.object(&json!({ "event": "dropped", "node": node, "why": word }));
                let sentence = context.say(&Content::Dropped { node, why });
                if *fault == Fault::Lied {
                    context.ui.warn(sentence);
                } else {
                    context.ui.progress(sentence);
                }
            }
            FetchEvent::Finishing => {
                let sentence = context.say(&Content::Finishing);
                context.ui.progress(sentence);
            }
            _ => {}
        }
    }

    fn progress(&mut self, context: &mut Context, bytes: u64, of: u64, providers: usize) {
        let now = Instant::now();
        self.bytes = bytes;
        self.past.push_back((now, bytes));
        while self.past.len() > 2 && self.past.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE) {
            self.past.pop_front();
        }
        // Nothing has come yet: what is being looked for is on the line.
        if self.past.front().is_some_and(|(_, first)| *first == bytes) {
            return;
        }
        let seldom = self.last.is_none_or(|last| now.duration_since(last) >= SELDOM);
        if context.ui.is_live() || seldom {
            self.last = Some(now);
            let rate = self.rate(now, bytes);
            let left = (rate > 0).then(|| Duration::from_secs((of - bytes).div_ceil(rate)));
            let filled = if of == 0 {
                BAR
            } else {
                u64::try_from(u128::from(bytes) * u128::from(BAR) / u128::from(of)).unwrap_or(BAR)
            };
            let bar: String = (0..BAR).map(|n| if n < filled { '█' } else { '░' }).collect();
            let sentence = context.say(&Content::Progress { bytes, of, rate, providers, left });
            context.ui.object(
                &json!({ "event": "progress", "bytes": bytes, "of": of, "rate": rate, "providers": providers }),
            );
            context.ui.progress(format!("{bar} {sentence}"));
        }
    }

    /// Bytes in a second, over the last few.
    fn rate(&self, now: Instant, bytes: u64) -> u64 {
        let Some((at, before)) = self.past.front() else { return 0 };
        let span = now.duration_since(*at).as_secs_f64().max(0.2);
        ((bytes - before) as f64 / span) as u64
    }
}

fn trouble(fault: Fault) -> (&'static str, ProviderTrouble) {
    match fault {
        Fault::Lied => ("lied", ProviderTrouble::Lied),
        Fault::NotThere => ("not-there", ProviderTrouble::NotThere),
        Fault::Busy => ("busy", ProviderTrouble::Busy),
        _ => ("silent", ProviderTrouble::Silent),
    }
}
