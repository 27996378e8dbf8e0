//! `pay` and `settle`.

use super::content::attach;
use super::events::{Names, names, tell};
use super::reputation;
use crate::args::{Pay, Settle};
use crate::context::Context;
use crate::failure;
use crate::password::token;
use pumasi_agent::net::{Entry, Token};
use pumasi_agent::wallet::Found;
use pumasi_agent::{Agent, Event, Options, Wallet, now};
use pumasi_identity::{Contact, Did};
use pumasi_ledger::TransferId;
use pumasi_transfer::{LINK_PREFIX, Order, Policy, Verified};
use pumasi_trust::evaluate;
use pumasi_words::{Ask, Exit, Reputation, Roads, Told, Trouble, Warning};
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
    let (payee, mut order) = match order(&wallet, &args).await? {
        Some(ordered) => ordered,
        None => {
            let sentence = context.say(&Told::PaymentNeedsAmount);
            context.ui.warn(sentence);
            return Ok(Exit::Usage);
        }
    };
    attach::came(context, &order.memo);
    let Some(attached) = attach::prepare(context, &mut order.memo, args.attach.clone()).await? else {
        return Ok(Exit::Usage);
    };
    if let Payee::Contact(contact) = &payee
        && !agreed(context, &wallet, contact, &order, args.yes).await?
    {
        return Ok(not_paid(context));
    }
    let mut names = names(&wallet).await?;
    let step = context.say(&pumasi_words::Step::Joining);
    context.ui.progress(step);
    let tokens = token(args.token_fd)?.map(|token| (order.to, Token::new(&token)));
    let (net, entry, policy) = (args.network.clone().try_into()?, Entry::Client, Policy::Accept);
    let options = Options { tokens: tokens.into_iter().collect(), ..Options::new(net, entry, policy) };
    let number = wallet.safety_number(&order.to).to_string();
    let mut agent = Agent::start(wallet, options).await?;
    let mut events = agent.events();
    if let Payee::Stranger(did) = payee {
        match meet(context, &agent, &did, &number, &order, args.yes).await? {
            Ok(contact) => drop(names.insert(did, contact.name)),
            Err(exit) => {
                agent.stop().await?;
                return Ok(exit);
            }
        }
    }
    attached.into_iter().try_for_each(|prepared| prepared.keep(context))?;
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
    let (net, entry, policy) = (args.network.try_into()?, Entry::Client, Policy::Accept);
    let options = Options::new(net, entry, policy);
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

/// Finds the profile of somebody whom nobody here knows, says so, and pins it once the owner agrees.
async fn meet(
    context: &mut Context,
    agent: &Agent,
    did: &Did,
    number: &str,
    order: &Order,
    yes: bool,
) -> anyhow::Result<Result<Contact, Exit>> {
    let sentence = context.say(&Roads::LookingUpStranger);
    context.ui.progress(sentence);
    let Some(profile) = agent.look_up(did).await else {
        let sentence = context.say(&Trouble::NoProfile { name: &did.short() });
        context.ui.warn(sentence);
        return Ok(Err(Exit::NotFound));
    };
    let name = profile.name().map_or_else(|| did.short(), str::to_owned);
    let sentence = context.say(&Roads::Stranger { name: &name, number });
    context.ui.say(sentence);
    context.ui.object(&json!({ "event": "stranger", "did": did, "name": name, "safety_number": number }));
    if !yes {
        reputation::show_stranger(context, agent, did).await?;
    }
    let question = context.say(&Ask { to: &name, money: &order.money, memo: &order.memo });
    if !yes && !context.ui.confirm(&question) {
        return Ok(Err(not_paid(context)));
    }
    Ok(Ok(agent.meet(profile).await?))
}

fn not_paid(context: &mut Context) -> Exit {
    let sentence = context.say(&Told::NotPaid);
    context.ui.print(&json!({ "event": "not-paid" }), sentence);
    Exit::Cancelled
}

/// Who is paid.
enum Payee {
    Contact(Box<Contact>),
    Stranger(Did),
}

/// Whom to pay what: from a link, or from a name and an amount. `None` when the amount is missing.
async fn order(wallet: &Wallet, args: &Pay) -> anyhow::Result<Option<(Payee, Order)>> {
    if args.to.starts_with(LINK_PREFIX) {
        let request = Verified::from_link(&args.to)?;
        let payee = match wallet.find(&request.payload().from.to_string()).await? {
            Found::Contact(contact) => Payee::Contact(contact),
            Found::Stranger(did) => Payee::Stranger(did),
        };
        return Ok(Some((payee, Order::for_request(&request))));
    }
    let (payee, did) = match wallet.find(&args.to).await? {
        Found::Contact(contact) => {
            let did = contact.did;
            (Payee::Contact(contact), did)
        }
        Found::Stranger(did) => (Payee::Stranger(did), did),
    };
    let Some(money) = args.amount.clone() else { return Ok(None) };
    let lifetime = u64::try_from(args.expires.as_millis()).unwrap_or(u64::MAX);
    let order = Order { lifetime, ..Order::new(did, money, args.memo.clone()) };
    Ok(Some((payee, order)))
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
    if !wallet.lies_of(&contact.did).await?.is_empty() {
        context.ui.warn(context.say(&Reputation::PayLiar { name }));
    }
    if !yes {
        let (evidence, names) = (wallet.evidence(&contact.did).await?, names(wallet).await?);
        for reason in evaluate(&wallet.did(), &contact.did, &evidence, now()) {
            context.ui.say(format!("  - {}", reputation::say(&reason, &names, context.lang)));
        }
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
