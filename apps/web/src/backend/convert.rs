//! The peer's types in those of the screens.

use pumasi_agent::wallet::{self, Payment, State};
use pumasi_agent::{Event, Path, RoadClosed, Unreached};
use pumasi_identity::{Contact, Did, Trust as Pinned};
use pumasi_ledger::{Account, Outcome};
use pumasi_transfer::Refusal;
use pumasi_ui::backend::{
    AccountView, Direction, PathKind, PaymentState, PaymentView, Road, Step, Trouble, Trust, UiEvent,
};
use pumasi_units::{MAX_MINOR, Money, Unit};

/// An event in the words of the screens; some are none.
pub(super) fn event(event: Event) -> Option<UiEvent> {
    Some(match event {
        Event::Step { peer, step, road } => {
            UiEvent::Step { peer, step: step_of(step), road: road.map_or(Road::Endpoint, road_of) }
        }
        Event::Connected { peer, road, path, .. } => {
            UiEvent::Connected { peer, road: road_of(road), path: path_of(&path) }
        }
        Event::Disconnected { peer, .. } => UiEvent::Disconnected { peer },
        Event::FellBack { peer, from, why, .. } => UiEvent::FellBack { peer, from: road_of(from), why: closed(why) },
        Event::Unreachable { peer, why, again_in, .. } => UiEvent::Unreachable { peer, why: unreached(why), again_in },
        Event::Payment { id, peer, .. } => UiEvent::Payment { id, peer },
        Event::KeysChanged { peer } => UiEvent::KeysChanged { peer },
        Event::Warning { .. } => UiEvent::Warning { what: Trouble::Failed },
        _ => return None,
    })
}

fn step_of(step: pumasi_agent::Step) -> Step {
    match step {
        pumasi_agent::Step::LookingUp => Step::LookingUp,
        pumasi_agent::Step::Gathering => Step::Gathering,
        pumasi_agent::Step::Offering => Step::Offering,
        pumasi_agent::Step::Waiting => Step::Waiting,
        pumasi_agent::Step::Checking => Step::Checking,
        pumasi_agent::Step::Securing => Step::Securing,
        pumasi_agent::Step::Proving => Step::Proving,
    }
}

fn road_of(road: pumasi_agent::Road) -> Road {
    match road {
        // A page is no node, so no stream ends in it; the endpoint is what comes nearest.
        pumasi_agent::Road::Stream | pumasi_agent::Road::Endpoint => Road::Endpoint,
        pumasi_agent::Road::Mailbox => Road::Mailbox,
    }
}

fn closed(why: RoadClosed) -> Trouble {
    match why {
        RoadClosed::TokenNeeded => Trouble::TokenNeeded,
        RoadClosed::Busy => Trouble::TooManyRequests { after: None },
        RoadClosed::Refused => Trouble::NoStrangers,
        RoadClosed::NotTheirs => Trouble::NotProven,
        _ => Trouble::EndpointSilent,
    }
}

fn unreached(why: Unreached) -> Trouble {
    match why {
        Unreached::Refused => Trouble::NoStrangers,
        Unreached::NoPath | Unreached::NoRelay => Trouble::NoPath,
        Unreached::Offline => Trouble::Offline,
        Unreached::NotProven => Trouble::NotProven,
        _ => Trouble::NoAnswer,
    }
}

fn path_of(path: &Path) -> PathKind {
    match (path.relayed, path.local.as_str(), path.remote.as_str()) {
        (true, ..) => PathKind::Relayed,
        (false, "host", "host") => PathKind::Local,
        _ => PathKind::Direct,
    }
}

/// How sure we are of a contact.
pub(super) fn trust(contact: &Contact) -> Trust {
    if let Some(change) = contact.changed {
        return Trust::Changed { at: change.at, was_verified: contact.trust.is_checked() };
    }
    match contact.trust {
        Pinned::FirstUse { at } => Trust::FirstUse { since: at },
        Pinned::Paired { at } => Trust::Paired { since: at },
        Pinned::Compared { at } => Trust::Compared { since: at },
    }
}

pub(super) fn payment(payment: Payment, name: String) -> PaymentView {
    let Payment { id, direction, peer, money, memo, at, state } = payment;
    let outgoing = direction == wallet::Direction::Out;
    let state = match state {
        State::Queued => PaymentState::Queued,
        State::Sent => PaymentState::Sent,
        State::Received => PaymentState::Received,
        State::Expired => PaymentState::Expired,
        // Who pays has signed for the result in the commit that took it.
        State::Accepted if outgoing => PaymentState::Settled,
        State::Accepted => PaymentState::Accepted,
        State::Countersigned => PaymentState::Settled,
        State::Refused { code, limit, available } => {
            PaymentState::Refused(refusal(Outcome::Refused { code, limit, available }))
        }
        _ => PaymentState::Sent,
    };
    let direction = if outgoing { Direction::Out } else { Direction::In };
    PaymentView { id, direction, peer, name, money, memo, at, state }
}

fn refusal(outcome: Outcome) -> Refusal {
    Refusal::from_outcome(&outcome).unwrap_or_else(|| Refusal::Other("refused".into()))
}

pub(super) fn account(peer: &Did, unit: &Unit, account: &Account, name: String) -> AccountView {
    let money = |minor: u64| Money::new(minor.min(MAX_MINOR), unit.clone()).expect("bounded");
    AccountView {
        peer: *peer,
        name,
        unit: unit.clone(),
        they_owe: account.balance(),
        pending: account.pending_out(),
        limit_i_give: account.limit_i_give.map(money),
        limit_they_give: account.limit_they_give.map(money),
        available_to_me: account.available_to_me().map(money),
        both_signed: account.countersigned.is_some_and(|signed| signed.balance == account.balance()),
    }
}

/// The host of an address, for people.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}
