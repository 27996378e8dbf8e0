//! `pair`.

use crate::args::{Pair, PairHow, PairOptions};
use crate::context::Context;
use pumasi_agent::net::{Compare, PairEvent, pair_accept, pair_invite};
use pumasi_identity::pairing::{MEETING_TIME, PairingCode};
use pumasi_words::{Exit, Lang, Pairing};
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) async fn pair(context: &mut Context, args: Pair) -> anyhow::Result<Exit> {
    let (code, options) = match args.how {
        None => (None, args.options),
        Some(PairHow::Invite(options)) => (None, options),
        Some(PairHow::Accept { code, options }) => match code.parse::<PairingCode>() {
            Ok(code) => (Some(code), options),
            Err(_) => {
                let sentence = context.say(&Pairing::BadCode);
                context.ui.warn(sentence);
                return Ok(Exit::Usage);
            }
        },
    };
    let PairOptions { name, limit, network } = options;
    let wallet = context.open("pair").await?;
    let step = context.say(&match code {
        Some(_) => Pairing::LookingForCode,
        None => Pairing::WaitingForCode,
    });
    let (events, mut shown) = mpsc::channel(4);
    let options: pumasi_agent::net::NetOptions = network.try_into()?;
    let pairing = async {
        match &code {
            Some(code) => pair_accept(&wallet, &options, code, name, limit.clone(), events).await,
            None => pair_invite(&wallet, &options, name, limit.clone(), events).await,
        }
    };
    let mut pairing = std::pin::pin!(pairing);
    context.ui.progress(&step);
    let contact = loop {
        tokio::select! {
            paired = &mut pairing => break paired?,
            Some(event) = shown.recv() => match event {
                PairEvent::Code(code) => {
                    let holds = Duration::from_millis(MEETING_TIME);
                    let sentence = context.say(&Pairing::Code { code: &code, holds });
                    context.ui.print(&json!({ "event": "code", "code": *code }), sentence);
                    context.ui.progress(&step);
                }
                PairEvent::Compare(compare, answer) => {
                    let question = show(context, &compare);
                    // The question waits for a person; the pairing goes on beside it, and may end meanwhile.
                    let mut asked = context.ui.ask(question);
                    let same = tokio::select! {
                        paired = &mut pairing => break paired?,
                        same = &mut asked => same.unwrap_or(false),
                    };
                    let _ = answer.send(same); // if the pairing has ended, it says so itself
                    let sentence = context.say(&Pairing::WaitingForTheirs);
                    context.ui.progress(sentence);
                }
            },
        }
    };
    wallet.write_marker().await?;
    let sentence = context.say(&Pairing::Done { name: &contact.name });
    context.ui.print(&json!({ "event": "paired", "did": contact.did, "name": contact.name }), sentence);
    Ok(Exit::Done)
}

/// Shows what to compare, and gives the question.
fn show(context: &mut Context, compare: &Compare) -> String {
    let emoji = compare.emoji.map(|emoji| match context.lang {
        Lang::Ko => (emoji.symbol, emoji.korean),
        Lang::En => (emoji.symbol, emoji.english),
    });
    let sentence = context.say(&Pairing::Compare { emoji: &emoji, numbers: compare.numbers });
    let symbols = compare.emoji.map(|emoji| emoji.symbol);
    let english = compare.emoji.map(|emoji| emoji.english);
    let object = json!({ "event": "compare", "emoji": symbols, "names": english, "numbers": compare.numbers });
    context.ui.print(&object, sentence);
    context.say(&Pairing::DoTheyMatch)
}
