//! `listen`.

use super::events::{name_of, names, tell};
use crate::args::Listen;
use crate::context::Context;
use pumasi_agent::net::Entry;
use pumasi_agent::wallet::Direction;
use pumasi_agent::{Agent, Change, Event, Options};
use pumasi_ledger::TransferId;
use pumasi_transfer::{Decision, Policy};
use pumasi_words::{Exit, Payment, Told};
use serde_json::json;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long the own profile may take to be found by others before listening is announced all the same.
const PUBLISHING: Duration = Duration::from_secs(10);
/// `--for` of those who did not say: a hundred years.
const FOREVER: Duration = Duration::from_secs(3_155_760_000);

pub(crate) async fn listen(context: &mut Context, args: Listen) -> anyhow::Result<Exit> {
    let wallet = context.open("listen").await?;
    let names = names(&wallet).await?;
    let step = context.say(&pumasi_words::Step::Joining);
    context.ui.progress(step);
    let undecided: Vec<_> =
        wallet.pending().await?.into_iter().filter(|payment| payment.direction == Direction::In).collect();
    let policy = if args.ask { Policy::Ask } else { Policy::Accept };
    let options = Options { net: args.network.into(), entry: Entry::Server, policy };
    let mut agent = Agent::start(wallet, options).await?;
    let mut events = agent.events();
    agent.published(PUBLISHING).await;
    let addresses: Vec<String> = agent.overlay().status().await?.listen.iter().map(ToString::to_string).collect();
    let sentence = context.say(&Told::Listening { contacts: names.len() });
    context.ui.print(&json!({ "event": "listening", "addresses": addresses }), sentence);

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
            event = events.recv() => match event {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => break,
            },
        };
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
    agent.stop().await?;
    Ok(Exit::Done)
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
