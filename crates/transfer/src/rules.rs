//! What a payee checks before it takes a transfer, one rule a function (spec: `docs/spec/transfer.md` §5).

use crate::fork::ForkProof;
use crate::message::check_clock;
use crate::output::Standing;
use crate::record::{Offer, RequestRecord, RequestState};
use crate::refusal::Refusal;
use pumasi_units::{Money, Timestamp};

/// What the payee knows, gathered by the driver from the books in the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where both stand now, for a refusal, which has no entry.
    pub standing: Standing,
    /// Whether the payer is a contact.
    pub contact: bool,
    /// The request that the transfer names, where I made it.
    pub request: Option<RequestRecord>,
    /// What the credit line says to this amount.
    pub credit: Result<(), OverLimit>,
    /// Set when the transfer contradicts what the payer signed before.
    pub fork: Option<ForkProof>,
}

/// The amount does not fit under the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// How much the peer may owe.
    pub limit: Money,
    /// What is left of it.
    pub available: Money,
}

/// Every rule, in the order of the specification. The first that fails is the reason.
///
/// # Errors
/// The reason.
pub fn check_offer(offer: &Offer, facts: &Facts, now: Timestamp) -> Result<(), Refusal> {
    known_peer(facts)?;
    one_history(facts)?;
    in_time(offer, now)?;
    clocks_agree(offer, now)?;
    some_amount(offer)?;
    settles_here(offer)?;
    fits_request(offer, facts, now)?;
    within_limit(facts)
}

/// The payer is a contact.
fn known_peer(facts: &Facts) -> Result<(), Refusal> {
    if facts.contact { Ok(()) } else { Err(Refusal::UnknownPeer) }
}

/// The payer's chain has one history.
fn one_history(facts: &Facts) -> Result<(), Refusal> {
    if facts.fork.is_none() { Ok(()) } else { Err(Refusal::Forked) }
}

/// The transfer has not expired.
fn in_time(offer: &Offer, now: Timestamp) -> Result<(), Refusal> {
    if now <= offer.expires { Ok(()) } else { Err(Refusal::Expired) }
}

/// It was not signed in the future.
fn clocks_agree(offer: &Offer, now: Timestamp) -> Result<(), Refusal> {
    check_clock(offer.issued, now).map_err(|_| Refusal::Clock)
}

/// It pays something.
fn some_amount(offer: &Offer) -> Result<(), Refusal> {
    if offer.money.minor() > 0 { Ok(()) } else { Err(Refusal::AmountZero) }
}

/// Its unit is a claim on the signer. Bitcoin is not: its transfers carry a transaction for a node of the chain.
fn settles_here(offer: &Offer) -> Result<(), Refusal> {
    if offer.money.unit().is_bitcoin() { Err(Refusal::ChainNodeNeeded) } else { Ok(()) }
}

/// The request that it names is mine, open, for this payer and this amount.
fn fits_request(offer: &Offer, facts: &Facts, now: Timestamp) -> Result<(), Refusal> {
    if offer.request.is_none() {
        return Ok(());
    }
    let record = facts.request.as_ref().ok_or(Refusal::RequestUnknown)?;
    let for_someone_else = record.request.to.is_some_and(|payer| payer != offer.peer);
    if for_someone_else || record.request.money != offer.money {
        return Err(Refusal::RequestMismatch);
    }
    match record.state(now) {
        RequestState::Open => Ok(()),
        RequestState::Paid(_) => Err(Refusal::RequestPaid),
        RequestState::Expired => Err(Refusal::RequestExpired),
    }
}

/// The payer would not owe more than it may.
fn within_limit(facts: &Facts) -> Result<(), Refusal> {
    facts.credit.clone().map_err(|OverLimit { limit, available }| Refusal::OverLimit { limit, available })
}
