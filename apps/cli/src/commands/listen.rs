//! `listen`.

use super::content::attach;
use super::events::{name_of, names, tell};
use super::{endpoint, heartbeat, publish, reputation, talk};
use crate::args::Listen;
use crate::context::Context;
use pumasi_agent::home::Visibility;
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_agent::wallet::Direction;
use pumasi_agent::{Agent, Change, Event, Options, Wallet};
use pumasi_ledger::TransferId;
use pumasi_transfer::{Decision, Policy};
use pumasi_words::{Exit, Payment, PresenceTo, Roads, Told};
use serde_json::json;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long the own profile, and then the own presence, may take to be found by others before listening is announced all
/// the same.
const PUBLISHING: Duration = Duration::from_secs(10);
/// `--for` of those who did not say: a hundred years.
const FOREVER: Duration = Duration::from_secs(3_155_760_000);

pub(crate) async fn listen(context: &mut Context, args: Listen) -> anyhow::Result<Exit> {
    let mut wallet = context.open("listen").await?;
    let mut names = names(&wallet).await?;
    let endpoint = endpoint::bind(context, &wallet, &args).await?;
    endpoint::publish(&mut wallet, endpoint.as_ref()).await?;
    let url = endpoint.as_ref().map(|endpoint| endpoint.url.clone());
    let listing = heartbeat::listing(&args, &wallet, url.as_deref())?;
    let step = context.say(&pumasi_words::Step::Joining);
    context.ui.progress(step);
    let undecided: Vec<_> =
        wallet.pending().await?.into_iter().filter(|payment| payment.direction == Direction::In).collect();
    let policy = if args.ask { Policy::Ask } else { Policy::Accept };
    let mut net: NetOptions = args.network.clone().try_into()?;
    // Two identities on one machine are nobody else's business on the network that it is in.
    let alone = args.network.loopback;
    (net.mdns, net.port_mapping) = (!alone && !args.local.no_mdns, !alone && !args.local.no_port_mapping);
    let strangers = endpoint::strangers(context, &wallet, &args)?;
    let presence = visibility(&args, &wallet);
    // Where a token is demanded, nobody unknown comes in without one, by whatever road.
    let by_stream = strangers.clone().filter(|_| !args.require_token);
    let options = Options::new(net.clone(), Entry::Server, policy);
    let options = Options { presence: Some(presence), strangers: by_stream, ..options };
    let mut agent = Agent::start(wallet, options).await?;
    let mut events = agent.events();
    let serving = match endpoint {
        Some(endpoint) => Some(endpoint.serve(context, &agent, &args.tls).await),
        None => None,
    };
    if let Some(strangers) = &strangers {
        let sentence = context.say(&Roads::ForStrangers { limit: &strangers.limit });
        context.ui.say(sentence);
    }
    let who = match presence {
        Visibility::Public => PresenceTo::Everyone,
        Visibility::Contacts => PresenceTo::Contacts,
        Visibility::Off => PresenceTo::Nobody,
    };
    let sentence = context.say(&Roads::Presence { who });
    context.ui.say(sentence);
    agent.published(PUBLISHING).await;
    agent.announced(PUBLISHING).await;
    // Not before the profile can be found: whoever finds the listing looks it up.
    let mut kept = Vec::new();
    if let Some((listing, directories)) = listing {
        if args.publish_listing {
            kept.push(publish::keep(context, &agent, listing.clone()).await?);
        }
        if !directories.is_empty() {
            kept.push(heartbeat::keep(context, &agent, (listing, directories), net.authorities.clone()).await?);
        }
    }
    kept.push(reputation::keep(&agent).await?);
    // Before it is said that this listens: whoever reads that may send a message at once.
    let talk = talk::start(context, &agent).await;
    let mut told = talk.as_ref().map(pumasi_agent::talk::Talk::events);
    let addresses: Vec<String> = agent.overlay().status().await?.listen.iter().map(ToString::to_string).collect();
    let sentence = context.say(&Told::Listening { contacts: names.len() });
    context.ui.print(
        &json!({ "event": "listening", "addresses": addresses, "endpoint": url, "presence": presence }),
        sentence,
    );

    let mut offering = attach::offer(context, &net).await?;
    for payment in undecided {
        let from = name_of(&names, &payment.peer);
        let asked = Payment::Asked { from: &from, money: &payment.money, memo: &payment.memo };
        decide(context, &agent, payment.id, args.ask, &asked).await?;
    }

    let end = tokio::time::sleep(args.r#for.unwrap_or(FOREVER));
    tokio::pin!(end);
    let mut stop = std::pin::pin!(stopped());
    loop {
        let event = tokio::select! {
            () = &mut end => break,
            () = &mut stop => break,
            event = attach::next(&mut offering) => {
                attach::told(context, &event);
                continue;
            }
            event = talk::next(&mut told) => {
                talk::tell(context, &names, &event);
                continue;
            }
            event = events.recv() => match event {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => break,
            },
        };
        if let Event::Met { peer, name } = &event {
            names.insert(*peer, name.clone());
        }
        match &event {
            Event::Payment { id, peer, change: Change::Asked { money, memo } } => {
                context.ui.object(&event);
                let from = name_of(&names, peer);
                decide(context, &agent, *id, args.ask, &Payment::Asked { from: &from, money, memo }).await?;
            }
            event => tell(context, &agent, &names, event).await?,
        }
    }
    let sentence = context.say(&Told::Stopping);
    context.ui.say(sentence);
    kept.iter().for_each(tokio::task::JoinHandle::abort);
    if let Some(serving) = serving {
        serving.stop().await;
    }
    if let Some(offering) = offering {
        offering.sharing.stop().await;
    }
    if let Some(talk) = talk {
        talk.stop().await;
    }
    agent.stop().await?;
    Ok(Exit::Done)
}

/// Who is told where this peer is.
fn visibility(args: &Listen, wallet: &Wallet) -> Visibility {
    let usual = if args.shop { Visibility::Public } else { Visibility::Contacts };
    args.presence.map(Visibility::from).or(wallet.config().presence).unwrap_or(usual)
}

/// Asks the person where that is wanted; otherwise the credit line is the owner's word already.
async fn decide(
    context: &mut Context,
    agent: &Agent,
    id: TransferId,
    ask: bool,
    question: &Payment<'_>,
) -> anyhow::Result<()> {
    let yes = !ask || {
        let question = context.say(question);
        context.ui.ask(question).await.unwrap_or(false)
    };
    agent.decide(id, if yes { Decision::Accept } else { Decision::Decline }).await?;
    Ok(())
}

/// Until somebody wants it to stop: Ctrl-C, or the system.
pub(crate) async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
