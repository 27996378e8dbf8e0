//! Events of a running peer, as sentences or as JSON.

use super::content::attach;
use super::path;
use crate::context::Context;
use pumasi_agent::wallet::Payment;
use pumasi_agent::{Agent, AgentError, Change, Event, Path, Road, RoadClosed, Step, Unreached, Way};
use pumasi_identity::Did;
use pumasi_ledger::TransferId;
use pumasi_words::{PathKind, Refusal, RoadName, RoadTrouble, Roads, Trouble, Warning};
use std::collections::HashMap;

/// Names of the contacts, for sentences.
pub(crate) type Names = HashMap<Did, String>;

/// The names of everyone known.
pub(crate) async fn names(wallet: &pumasi_agent::Wallet) -> anyhow::Result<Names> {
    Ok(wallet.contacts().await?.into_iter().map(|contact| (contact.did, contact.name)).collect())
}

/// What somebody is called; the end of the DID when they have no name here.
pub(crate) fn name_of(names: &Names, did: &Did) -> String {
    names.get(did).cloned().unwrap_or_else(|| did.short())
}

/// Tells an event: an object for scripts; for people a sentence, or a progress line while something is on its way.
pub(crate) async fn tell(context: &mut Context, agent: &Agent, names: &Names, event: &Event) -> anyhow::Result<()> {
    context.ui.object(event);
    if context.ui.is_json() {
        return Ok(());
    }
    match event {
        Event::Step { peer, step, .. } => {
            let name = name_of(names, peer);
            let step = context.say(&words_of(*step, &name));
            context.ui.progress(step);
        }
        Event::Connected { peer, road, relay, path, took, others, report } => {
            let name = name_of(names, peer);
            let open = pumasi_words::Step::Open { name: &name, path: kind_of(path), took: *took };
            let sentence = context.say(&open);
            context.ui.say(sentence);
            let sentence = context.say(&match relay {
                Some(relay) => Roads::Relayed { relay },
                None => Roads::Taken { road: name_of_road(*road) },
            });
            context.ui.say(sentence);
            // Better roads that were of no use; what was only slower, or not needed, is for --json.
            let failed = others.iter().filter(|other| !matches!(other.why, RoadClosed::Slower | RoadClosed::NotNeeded));
            for other in failed {
                let sentence = context.say(&Roads::Not { road: name_of_road(other.road), why: trouble_of(other.why) });
                context.ui.say(sentence);
            }
            if let Some(sentence) = path::of_link(context, path, report) {
                context.ui.say(sentence);
            }
        }
        Event::Disconnected { peer, .. } => {
            let name = name_of(names, peer);
            let sentence = context.say(&pumasi_words::Step::Down { name: &name });
            context.ui.progress(sentence);
        }
        Event::FellBack { peer, from, host, why } => {
            let (name, road) = (name_of(names, peer), name_of_road(*from));
            let sentence = context.say(&Roads::FellBack { name: &name, road, host, why: trouble_of(*why) });
            context.ui.say(sentence);
        }
        Event::Met { name, .. } => {
            let sentence = context.say(&Roads::Met { name });
            context.ui.say(sentence);
        }
        Event::Unreachable { peer, why, reason, took, report, .. } => {
            tracing::info!(%reason, "not connected");
            let name = name_of(names, peer);
            let name = name.as_str();
            let sentence = context.say(&match why {
                Unreached::NoPath => {
                    // Its own, or one that a node has offered.
                    let offered = report.tried.iter().any(|tried| tried.way == Way::Relayed);
                    Trouble::NoPath { name, relay_configured: offered || relay_configured(agent).await? }
                }
                Unreached::NotProven => Trouble::NotProven { name },
                Unreached::Offline => Trouble::Offline,
                Unreached::NoRelay => Trouble::NoRelay,
                _ => Trouble::NoAnswer { name, waited: *took },
            });
            match why {
                Unreached::NoPath => {
                    context.ui.say(sentence);
                    if let Some(sentence) = path::of_failure(context, report) {
                        context.ui.say(sentence);
                    }
                }
                // Until somebody pulls the cable in again, every attempt would say so.
                _ => context.ui.progress(sentence),
            }
        }
        Event::Payment { id, peer, change } => payment(context, agent, names, *id, *peer, change).await?,
        Event::KeysChanged { peer } => {
            let name = name_of(names, peer);
            let sentence = context.say(&Warning::KeysChanged { name: &name });
            context.ui.warn(sentence);
        }
        Event::Warning { text, .. } => context.ui.warn(text),
        _ => {}
    }
    Ok(())
}

async fn payment(
    context: &mut Context,
    agent: &Agent,
    names: &Names,
    id: TransferId,
    peer: Did,
    change: &Change,
) -> anyhow::Result<()> {
    use pumasi_words::Payment as Words;
    let name = name_of(names, &peer);
    let name = name.as_str();
    let money = || async move {
        let found: Result<Payment, AgentError> =
            agent.with(move |wallet| Box::pin(async move { wallet.payment(&id).await })).await?;
        found.map(|payment| payment.money)
    };
    let sentence = match change {
        Change::Queued => context.say(&Words::Queued { to: name, money: &money().await? }),
        Change::Sent => return progress(context, &Words::Sent { to: name }),
        Change::Received => return progress(context, &Words::Received { by: name }),
        Change::Expired => context.say(&Words::ExpiredUnknown { to: name, money: &money().await? }),
        Change::Accepted { .. } => context.say(&Words::Accepted { by: name, money: &money().await? }),
        Change::Refused { code, limit, available } => {
            let why = Refusal::of(code, limit.as_ref(), available.as_ref());
            context.say(&Words::Refused { by: name, money: &money().await?, why })
        }
        Change::Asked { money, memo } => context.say(&Words::Asked { from: name, money, memo }),
        Change::Taken { money, memo } => context.say(&Words::Taken { from: name, money, memo }),
        Change::TurnedDown { code, limit, available } => {
            let why = Refusal::of(code, limit.as_ref(), available.as_ref());
            context.say(&Words::TurnedDown { from: name, why })
        }
        Change::Countersigned => return progress(context, &Words::Countersigned { by: name }),
        Change::BalanceDiffers { theirs, ours } => context.say(&Words::BalanceDiffers { with: name, theirs, ours }),
        Change::Forked => context.say(&Words::Forked { by: name }),
        _ => return Ok(()),
    };
    context.ui.say(sentence);
    if let Change::Asked { memo, .. } | Change::Taken { memo, .. } = change {
        attach::came(context, memo);
    }
    Ok(())
}

fn progress(context: &mut Context, message: &pumasi_words::Payment<'_>) -> anyhow::Result<()> {
    let sentence = context.say(message);
    context.ui.progress(sentence);
    Ok(())
}

fn words_of(step: Step, name: &str) -> pumasi_words::Step<'_> {
    match step {
        Step::LookingUp => pumasi_words::Step::LookingUp { name },
        Step::Gathering => pumasi_words::Step::Gathering,
        Step::Offering => pumasi_words::Step::Offering { name },
        Step::Waiting => pumasi_words::Step::Waiting { name },
        Step::Checking => pumasi_words::Step::Checking,
        Step::Securing => pumasi_words::Step::Securing,
        Step::Proving => pumasi_words::Step::Proving { name },
    }
}

async fn relay_configured(agent: &Agent) -> anyhow::Result<bool> {
    Ok(agent.with(|wallet| Box::pin(async move { !wallet.config().ice.turn.is_empty() })).await?)
}

fn name_of_road(road: Road) -> RoadName {
    match road {
        Road::Stream => RoadName::Stream,
        Road::Endpoint => RoadName::Endpoint,
        Road::Mailbox => RoadName::Mailbox,
    }
}

fn trouble_of(why: RoadClosed) -> RoadTrouble {
    match why {
        RoadClosed::TokenNeeded => RoadTrouble::TokenNeeded,
        RoadClosed::Busy => RoadTrouble::Busy,
        RoadClosed::Refused => RoadTrouble::Refused,
        RoadClosed::NotTheirs => RoadTrouble::NotTheirs,
        RoadClosed::Unreachable => RoadTrouble::Unreachable,
        RoadClosed::Unannounced => RoadTrouble::Unannounced,
        RoadClosed::Gone => RoadTrouble::Gone,
        RoadClosed::Slower => RoadTrouble::Slower,
        RoadClosed::NotNeeded => RoadTrouble::NotNeeded,
        _ => RoadTrouble::Silent,
    }
}

/// The path in the words of people.
pub(crate) fn kind_of(path: &Path) -> PathKind {
    match (path.relayed, path.local.as_str(), path.remote.as_str()) {
        (true, ..) => PathKind::Relayed,
        (false, "host", "host") => PathKind::Local,
        _ => PathKind::Direct,
    }
}
