//! From an error to a sentence and an exit code.

use crate::context::Context;
use pumasi_agent::AgentError;
use pumasi_agent::home::{Holder, HomeError};
use pumasi_agent::net::PairError;
use pumasi_identity::pairing::{AbortReason, Role};
use pumasi_identity::{KeyError, RollbackError};
use pumasi_overlay::OverlayError;
use pumasi_words::{Exit, Home, Pairing, PairingEnd, Receipt, Say, Told, Trouble, Warning};
use serde_json::json;

/// Tells what happened, and gives the exit code for it.
pub(crate) fn tell(context: &mut Context, error: &anyhow::Error) -> Exit {
    if let Some(AgentError::Content(error)) = error.downcast_ref() {
        return crate::commands::content_failed(context, error);
    }
    if let Some(error) = error.downcast_ref() {
        return crate::commands::content_failed(context, error);
    }
    let (exit, sentence) = match (error.downcast_ref::<AgentError>(), error.downcast_ref::<PairError>()) {
        (Some(error), _) | (None, Some(PairError::Agent(error))) => of_agent(context, error),
        (None, Some(PairError::Ended(failure))) => {
            let message = Pairing::Ended { why: end_of(failure.reason), by_them: failure.by != Role::Inviter };
            let exit = if failure.reason == AbortReason::TimedOut { Exit::Unreachable } else { Exit::Cancelled };
            (exit, context.say(&message))
        }
        _ => match error.downcast_ref::<pumasi_tls::TlsError>() {
            Some(error) => crate::tls::tell(context, error),
            None => (Exit::Failed, format!("{error:#}")),
        },
    };
    if context.ui.is_json() {
        context.ui.object(&json!({ "event": "error", "exit": exit.code(), "text": sentence }));
    }
    context.ui.warn(sentence);
    exit
}

fn of_agent(context: &Context, error: &AgentError) -> (Exit, String) {
    let lang = context.lang;
    let said = |exit: Exit, message: &dyn Fn() -> String| (exit, message());
    let folder = context.home.display().to_string();
    match error {
        AgentError::Home(HomeError::Held { holder: Some(Holder { pid, doing }) }) => {
            said(Exit::Held, &|| Home::Held { pid: *pid, doing }.say(lang))
        }
        AgentError::Home(HomeError::Held { holder: None }) => said(Exit::Held, &|| Home::HeldByUnknown.say(lang)),
        AgentError::Home(HomeError::Empty(_)) => said(Exit::NotFound, &|| Home::Empty { folder: &folder }.say(lang)),
        AgentError::Home(HomeError::Occupied(_)) => {
            said(Exit::Failed, &|| Home::Occupied { folder: &folder }.say(lang))
        }
        full if full.is_disk_full() => said(Exit::Failed, &|| Home::DiskFull { folder: &folder }.say(lang)),
        AgentError::Home(error @ HomeError::Io { source, .. }) => (Exit::Failed, format!("{error}: {source}")),
        AgentError::WrongPassword => said(Exit::WrongPassword, &|| Home::WrongPassword.say(lang)),
        AgentError::PasswordChangeUnfinished => said(Exit::WrongPassword, &|| Home::PasswordChangeUnfinished.say(lang)),
        AgentError::Keys(KeyError::EmptyPassword) => said(Exit::Failed, &|| Home::EmptyPassword.say(lang)),
        AgentError::Incomplete { what } => said(Exit::Failed, &|| Home::Incomplete { what }.say(lang)),
        AgentError::UnknownPerson(who) => said(Exit::NotFound, &|| Home::UnknownPerson { who }.say(lang)),
        AgentError::AmbiguousPerson { who, names } => {
            said(Exit::NotFound, &|| Home::AmbiguousPerson { who, names }.say(lang))
        }
        AgentError::NoReceipt(_) => said(Exit::NotFound, &|| Receipt::NotYet.say(lang)),
        AgentError::UnknownPayment(_) => (Exit::NotFound, error.to_string()),
        AgentError::Receipt(reason) => {
            let reason = reason.to_string();
            said(Exit::Unsound, &|| Receipt::Worthless { reason: &reason }.say(lang))
        }
        AgentError::NoBootstrap => said(Exit::Unreachable, &|| Trouble::NoBootstrap.say(lang)),
        AgentError::Overlay(OverlayError::NotJoined { tried, .. }) => {
            said(Exit::Unreachable, &|| Trouble::NotJoined { tried: tried.len() }.say(lang))
        }
        AgentError::Overlay(OverlayError::Offline) => said(Exit::Unreachable, &|| Trouble::Offline.say(lang)),
        AgentError::Rollback(RollbackError::Older { did, .. }) => {
            let name = did.short();
            said(Exit::Unsound, &|| Warning::OldProfile { name: &name }.say(lang))
        }
        AgentError::Rollback(RollbackError::Forked { did, .. }) => {
            let name = did.short();
            said(Exit::Unsound, &|| Warning::TwoProfiles { name: &name }.say(lang))
        }
        AgentError::Ledger(pumasi_ledger::LedgerError::Damaged(finding)) => {
            (Exit::Unsound, super::commands::finding(finding, lang))
        }
        AgentError::NotABackup | AgentError::NotEmpty { .. } => (Exit::Failed, error.to_string()),
        other => (Exit::Failed, other.to_string()),
    }
}

/// How a pairing ended, in the words of people.
fn end_of(reason: AbortReason) -> PairingEnd {
    match reason {
        AbortReason::Mismatch => PairingEnd::Mismatch,
        AbortReason::Cancelled => PairingEnd::Cancelled,
        AbortReason::TimedOut => PairingEnd::TimedOut,
        AbortReason::Profile => PairingEnd::Profile,
        AbortReason::OwnCode => PairingEnd::OwnCode,
        _ => PairingEnd::Tampered,
    }
}

/// Tells a failure that is no error of the agent, and gives its exit code.
pub(crate) fn say(context: &mut Context, exit: Exit, message: &impl Say) -> Exit {
    let sentence = context.say(message);
    context.ui.object(&json!({ "event": "error", "exit": exit.code(), "text": sentence }));
    context.ui.warn(sentence);
    exit
}

/// The sentence for a payment in bitcoin, which nothing here can settle yet.
pub(crate) fn no_bitcoin(context: &mut Context) -> Exit {
    say(context, Exit::Failed, &Told::NoBitcoinYet)
}
