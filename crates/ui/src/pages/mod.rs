//! The screens, one file each.

mod amount;
mod backup;
mod contacts;
mod find;
mod history;
mod home;
mod ledger;
mod link;
mod pay;
mod payment;
mod receive;
mod restore;
mod review;
mod settings;
mod shop;
mod start;

pub(crate) use amount::amount;
pub(crate) use backup::backup;
pub(crate) use contacts::contacts;
pub(crate) use find::find;
pub(crate) use history::history;
pub(crate) use home::home;
pub(crate) use ledger::ledger;
pub(crate) use link::link;
pub(crate) use pay::pay;
pub(crate) use payment::payment;
pub(crate) use receive::receive;
pub(crate) use restore::restore;
pub(crate) use review::review;
pub(crate) use settings::settings;
pub(crate) use shop::shop;
pub(crate) use start::{create, lost, start};
