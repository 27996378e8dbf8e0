//! `pay` and `settle`.

use super::events::{Names, names, tell};
use crate::args::{Pay, Settle};
use crate::context::Context;
use crate::failure;
use pumasi_agent::net::Entry;
use pumasi_agent::wallet::Found;
use pumasi_agent::{Agent, AgentError, Event, Options, Wallet};
use pumasi_identity::Contact;
use pumasi_ledger::TransferId;
use pumasi_transfer::{LINK_PREFIX, Order, Policy, Verified};
use pumasi_words::{Ask, Exit, Told, Warning};
use serde_json::json;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// How long earlier payments, which went out with this one, may take to be settled as well.
const GOODBYE: Duration = Duration::from_secs(3);

pub(crate) async fn pay(context: &mut Context, args: Pay) -> anyhow::Result<Exit> {
    if args.amount.as_ref().is_some_and(|money| money.unit().is_bitcoin()) {
        return Ok(failure::no_bitcoin(context));
    }
    let wallet = context.open("pay").await?;
    let (contact, order) = match order(&wallet, &args).await? {
        Some(ordered) => ordered,
        None => {
            let sentence = context.say(&Told::PaymentNeedsAmount);
            context.ui.warn(sentence);
            return Ok(Exit::Usage);
        }
    };
    if !agreed(context, &wallet, &contact, &order, args.yes).await? {
        let sentence = context.say(&Told::NotPaid);
        context.ui.print(&json!({ "event": "not-paid" }), sentence);
        return Ok(Exit::Cancelled);
    }
    let names = names(&wallet).await?;
    let step = context.say(&pumasi_words::Step::Joining);
    context.ui.progress(step);
    let options = Options { net: args.network.into(), entry: Entry::Client, policy: Policy::Accept };
    let mut agent = Agent::start(wallet, options).await?;
    let mut events = agent.events();
    let id = agent.pay(order).await?;
    let settled = follow(context, &agent, &mut events, &names, id, args.wait).await?;
    if settled != Exit::Pending {
        agent.settled(GOODBYE).await; // earlier payments to the same person, perhaps
    }
    agent.stop().await?;
    if settled == Exit::Pending {
        let sentence = context.say(&Told::StillPending { payments: 1 });
        context.ui.print(&json!({ "event": "pending", "id": id }), sentence);
    }
    Ok(settled)
}

pub(crate) async fn settle(context: &mut Context, args: Settle) -> anyhow::Result<Exit> {
    let wallet = context.open("settle").await?;
    let names = names(&wallet).await?;
    let options = Options { net: args.network.into(), entry: Entry::Client, policy: Policy::Accept };
    let mut agent = Agent::start(wallet, options).await?;
    let mut events = agent.events();
    let end = Instant::now() + args.wait;
    while !agent.settled(Duration::ZERO).await && Instant::now() < end {
        if let Ok(Ok(event)) = tokio::time::timeout(Duration::from_millis(100), events.recv()).await {
            tell(context, &agent, &names, &event).await?;
        }
    }
    let wallet = agent.stop().await?;
    let pending = wallet.pending().await?.len();
    let told = if pending == 0 { Told::NothingPending } else { Told::StillPending { payments: pending } };
    let sentence = context.say(&told);
    context.ui.print(&json!({ "event": "settled", "pending": pending }), sentence);
    Ok(if pending == 0 { Exit::Done } else { Exit::Pending })
}

/// Whom to pay what: from a link, or from a name and an amount. `None` when the amount is missing.
async fn order(wallet: &Wallet, args: &Pay) -> anyhow::Result<Option<(Contact, Order)>> {
    if args.to.starts_with(LINK_PREFIX) {
        let request = Verified::from_link(&args.to)?;
        let payee = request.payload().from.to_string();
        let contact = wallet.find_contact(&payee).await?;
        return Ok(Some((contact, Order::for_request(&request))));
    }
    let contact = match wallet.find(&args.to).await? {
        Found::Contact(contact) => *contact,
        Found::Stranger(did) => return Err(AgentError::UnknownPerson(did.to_string()).into()),
    };
    let Some(money) = args.amount.clone() else { return Ok(None) };
    let lifetime = u64::try_from(args.expires.as_millis()).unwrap_or(u64::MAX);
    let order = Order { lifetime, ..Order::new(contact.did, money, args.memo.clone()) };
    Ok(Some((contact, order)))
}

/// Warns of what a person should know before paying, and asks. With `--yes` or for a script it is taken as agreed.
async fn agreed(
    context: &mut Context,
    wallet: &Wallet,
    contact: &Contact,
    order: &Order,
    yes: bool,
) -> anyhow::Result<bool> {
    let name = &contact.name;
    if wallet.ledger().find_peer(&contact.did, 1, 1).await?.is_empty() {
        let sentence = context.say(&Warning::FirstPayment { name });
        context.ui.progress(sentence);
    }
    if contact.changed.is_some() {
        let sentence = context.say(&Warning::KeysChanged { name });
        context.ui.warn(sentence);
    }
    let question = context.say(&Ask { to: name, money: &order.money, memo: &order.memo });
    Ok(yes || context.ui.confirm(&question))
}

/// Tells what happens to a payment, until it is settled or the time is over.
async fn follow(
    context: &mut Context,
    agent: &Agent,
    events: &mut broadcast::Receiver<Event>,
    names: &Names,
    id: TransferId,
    wait: Duration,
) -> anyhow::Result<Exit> {
    let end = Instant::now() + wait;
    loop {
        let event = match tokio::time::timeout_at(end, events.recv()).await {
            Err(_) | Ok(Err(broadcast::error::RecvError::Closed)) => return Ok(Exit::Pending),
            // Some were missed; the state in the ledger is what counts, and the next event tells it.
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => continue,
            Ok(Ok(event)) => event,
        };
        tell(context, agent, names, &event).await?;
        if let Event::Payment { id: about, change, .. } = &event
            && *about == id
        {
            match change {
                pumasi_agent::Change::Accepted { .. } => return Ok(Exit::Done),
                pumasi_agent::Change::Refused { .. } => return Ok(Exit::Refused),
                _ => {}
            }
        }
    }
}
