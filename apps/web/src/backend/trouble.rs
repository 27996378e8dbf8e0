//! What went wrong, in the words of the screens.

use pumasi_agent::AgentError;
use pumasi_agent::home::HomeError;
use pumasi_identity::{KeyError, RollbackError};
use pumasi_ledger::LedgerError;
use pumasi_ledger::store::StoreError;
use pumasi_transfer::message::Invalid;
use pumasi_ui::backend::Trouble;

/// What an error means to who reads it. What has no words of its own is logged for whoever opens the console.
pub(super) fn of(error: AgentError) -> Trouble {
    match error {
        AgentError::Home(HomeError::Held { .. }) => Trouble::HeldByOtherTab,
        AgentError::Home(HomeError::Browser(_)) => Trouble::Unsupported { what: "Web Locks" },
        AgentError::Home(HomeError::Occupied(_)) => Trouble::AlreadyHere,
        AgentError::Home(_) | AgentError::Incomplete { .. } => Trouble::Incomplete,
        AgentError::WrongPassword | AgentError::PasswordChangeUnfinished => Trouble::WrongPassword,
        AgentError::Keys(KeyError::EmptyPassword) => Trouble::EmptyPassword,
        AgentError::Ledger(error) => of_ledger(&error),
        AgentError::Rollback(RollbackError::Older { .. }) => Trouble::OldProfile,
        AgentError::Rollback(RollbackError::Forked { .. }) => Trouble::TwoProfiles,
        AgentError::UnknownPerson(_) => Trouble::UnknownPerson,
        AgentError::UnknownPayment(_) => Trouble::UnknownPayment,
        AgentError::NoReceipt(_) => Trouble::NoReceipt,
        AgentError::TooManyContacts { .. } => Trouble::TooManyContacts,
        AgentError::Name { .. } => Trouble::BadName,
        AgentError::NotABackup => Trouble::NotABackup,
        AgentError::OtherOwner { .. } => Trouble::OtherBackup,
        AgentError::Order(invalid) => of_order(&invalid),
        AgentError::Profile(_) => Trouble::BadName,
        AgentError::Gateways(_) => Trouble::NoGateway,
        AgentError::Records(_) => Trouble::GatewaysSilent,
        AgentError::Stopped => Trouble::Locked,
        other => {
            tracing::warn!(error = %other, "a failure without words of its own");
            Trouble::Failed
        }
    }
}

fn of_ledger(error: &LedgerError) -> Trouble {
    match error {
        LedgerError::WrongPassword => Trouble::WrongPassword,
        LedgerError::Damaged(_) => Trouble::Damaged,
        LedgerError::File { .. } => Trouble::NotABackup,
        LedgerError::Empty => Trouble::Incomplete,
        LedgerError::Store(StoreError::Full) => Trouble::StoreFull,
        LedgerError::Store(StoreError::Conflict { .. }) | LedgerError::Conflict { .. } => Trouble::HeldByOtherTab,
        LedgerError::Store(StoreError::Failed(_)) => Trouble::NoStore,
        other => {
            tracing::warn!(error = %other, "a failure of the ledger without words of its own");
            Trouble::Failed
        }
    }
}

fn of_order(invalid: &Invalid) -> Trouble {
    match invalid {
        Invalid::Zero => Trouble::ZeroAmount,
        Invalid::Recipient => Trouble::Myself,
        _ => Trouble::BadMemo,
    }
}
