//! `topic`.

use super::events::{Names, names};
use super::listen::stopped;
use super::talk::{Lines, clock_time, name_or_mark, not_said};
use crate::args::{Network, Topic};
use crate::context::Context;
use crate::failure;
use pumasi_agent::net::Entry;
use pumasi_agent::talk::{Heard, Room, RoomEvent, Session};
use pumasi_messages::topic::{Limits, SignedTopicMessage, TopicName};
use pumasi_words::{Exit, Step, Talk, said};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// For so long a message that was given to the neighbours may be on its way before the node goes.
const LINGER: Duration = Duration::from_secs(1);
/// How often a message is given to the neighbours while nobody listens.
const AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn topic(context: &mut Context, args: Topic) -> anyhow::Result<Exit> {
    match args {
        Topic::Join { topic, network, r#for } => join(context, topic, network, r#for).await,
        Topic::Say { topic, text, network, wait } => say(context, topic, text, network, wait).await,
        Topic::Members { topic, network } => members(context, &topic, network).await,
        Topic::History { topic, network } => history(context, &topic, network).await,
    }
}

/// Enters the overlay beside whatever else of this identity runs.
async fn enter(context: &mut Context, network: Network, entry: Entry) -> anyhow::Result<(Session, Names)> {
    let wallet = context.read().await?;
    let names = names(&wallet).await?;
    let step = context.say(&Step::Joining);
    context.ui.progress(step);
    Ok((Session::enter(&wallet, &network.try_into()?, entry).await?, names))
}

async fn join(
    context: &mut Context,
    topic: TopicName,
    network: Network,
    limit: Option<Duration>,
) -> anyhow::Result<Exit> {
    let (session, names) = enter(context, network, Entry::Server).await?;
    let mut room = Room::join(&session, topic.clone(), Limits::default()).await?;
    let sentence = context.say(&Talk::Joined { topic: topic.as_str() });
    let did = session.me();
    context.ui.print(&json!({ "event": "joined", "topic": topic, "id": topic.id(), "me": did }), sentence);
    let end = tokio::time::sleep(limit.unwrap_or(Duration::from_secs(3_155_760_000)));
    tokio::pin!(end);
    let mut stop = std::pin::pin!(stopped());
    let mut lines = Lines::of_stdin();
    loop {
        tokio::select! {
            () = &mut end => break,
            () = &mut stop => break,
            event = room.next() => match event {
                Some(event) => show(context, &topic, &names, event),
                None => break,
            },
            line = lines.next() => {
                let Some(line) = line else { continue };
                if line.trim().is_empty() { continue }
                match room.say(&line).await {
                    Ok((message, listening)) => {
                        let object = object(&message, &names, "said", Some(listening));
                        context.ui.object(&object);
                        if listening == 0 {
                            let sentence = context.say(&Talk::NoMembers { topic: topic.as_str() });
                            context.ui.say(sentence);
                        }
                    }
                    Err(error) => drop(not_said(context, topic.as_str(), error)?),
                }
            }
        }
    }
    room.leave().await;
    session.leave().await;
    let sentence = context.say(&Talk::Left { topic: topic.as_str() });
    context.ui.print(&json!({ "event": "left", "topic": topic }), sentence);
    Ok(Exit::Done)
}

fn show(context: &mut Context, topic: &TopicName, names: &Names, event: RoomEvent) {
    match event {
        RoomEvent::Heard(heard) => {
            let Heard { message, earlier } = *heard;
            let kind = if earlier { "earlier" } else { "heard" };
            let sentence = line(context, &message, names);
            context.ui.print(&object(&message, names, kind, None), sentence);
        }
        RoomEvent::Muted(author) => {
            let name = name_or_mark(context, names, &author);
            let sentence = context.say(&Talk::Muted { name: &name });
            context.ui.print(&json!({ "event": "muted", "from": author }), sentence);
        }
        RoomEvent::Members(members) => {
            let sentence = context.say(&Talk::Members { topic: topic.as_str(), count: members.len() });
            context.ui.print(&json!({ "event": "members", "members": members }), sentence);
        }
        _ => {}
    }
}

fn line(context: &Context, message: &SignedTopicMessage, names: &Names) -> String {
    let it = message.value();
    let name = name_or_mark(context, names, &it.from);
    format!("{} {}: {}", clock_time(it.issued), pumasi_words::plain(&name), said(it.text.as_str()))
}

fn object(message: &SignedTopicMessage, names: &Names, event: &str, listening: Option<usize>) -> Value {
    let it = message.value();
    let mut object = json!({
        "event": event, "id": message.id(), "from": it.from, "name": names.get(&it.from), "issued": it.issued,
        "text": it.text,
    });
    if let Some(listening) = listening {
        object["listening"] = json!(listening);
    }
    object
}

async fn say(
    context: &mut Context,
    topic: TopicName,
    text: Option<String>,
    network: Network,
    wait: Duration,
) -> anyhow::Result<Exit> {
    let Some(text) = super::talk::text_of(text)? else {
        return Ok(failure::say(context, Exit::Usage, &Talk::NothingToSay));
    };
    let (session, names) = enter(context, network, Entry::Client).await?;
    let room = Room::join(&session, topic.clone(), Limits::default()).await?;
    let message = match room.sign(&text).await {
        Ok(message) => message,
        Err(error) => return not_said(context, topic.as_str(), error),
    };
    let started = Instant::now();
    let listening = loop {
        match room.publish(&message).await? {
            0 if started.elapsed() < wait => tokio::time::sleep(AGAIN).await,
            listening => break listening,
        }
    };
    if listening > 0 {
        tokio::time::sleep(LINGER).await;
    }
    room.leave().await;
    session.leave().await;
    if listening == 0 {
        return Ok(failure::say(context, Exit::Unreachable, &Talk::Unheard { topic: topic.as_str() }));
    }
    let sentence = context.say(&Talk::Spoken { listening });
    context.ui.print(&object(&message, &names, "said", Some(listening)), sentence);
    Ok(Exit::Done)
}

async fn members(context: &mut Context, topic: &TopicName, network: Network) -> anyhow::Result<Exit> {
    let (session, names) = enter(context, network, Entry::Client).await?;
    let members = Room::members(&session, topic).await?;
    let objects: Vec<Value> = members
        .iter()
        .map(|it| {
            let it = it.value();
            json!({
                "did": it.from, "name": names.get(&it.from), "node": it.node, "addresses": it.addresses,
                "since": it.sequence, "expires": it.expires,
            })
        })
        .collect();
    let mut lines = match members.len() {
        0 => vec![context.say(&Talk::NoMembers { topic: topic.as_str() })],
        count => vec![context.say(&Talk::Members { topic: topic.as_str(), count })],
    };
    for member in &members {
        let name = name_or_mark(context, &names, &member.value().from);
        lines.push(format!("  {}  {}", pumasi_words::plain(&name), member.value().from));
    }
    context.ui.print(&objects, lines.join("\n"));
    session.leave().await;
    Ok(Exit::Done)
}

async fn history(context: &mut Context, topic: &TopicName, network: Network) -> anyhow::Result<Exit> {
    let (session, names) = enter(context, network, Entry::Client).await?;
    let (messages, answered) = Room::ask_history(&session, topic).await?;
    session.leave().await;
    if messages.is_empty() {
        let sentence = context.say(&Talk::NoHistory { topic: topic.as_str(), answered });
        context.ui.say(sentence);
    }
    for message in &messages {
        let sentence = line(context, message, &names);
        context.ui.print(&object(message, &names, "earlier", None), sentence);
    }
    Ok(if answered == 0 { Exit::Unreachable } else { Exit::Done })
}
