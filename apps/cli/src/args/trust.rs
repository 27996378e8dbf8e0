//! `trust`, `vouch`.

use super::{Network, seconds};
use clap::{Args, ValueEnum};
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Name or DID.
    pub(crate) who: String,
    /// Ask nobody: only what is known here.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Put the proof that they lied where others find it. It shows what they signed, amounts included.
    #[arg(long, conflicts_with = "offline")]
    pub(crate) publish_proof: bool,
    /// Do not ask before that.
    #[arg(long, short, requires = "publish_proof")]
    pub(crate) yes: bool,
    /// How long entering the network may take.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// What can be vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Claim {
    /// I know them in person, and this is their DID.
    Person,
    /// They paid me as agreed.
    PaidWell,
    /// It is the shop that it says it is.
    Shop,
}

#[derive(Debug, Args)]
pub(crate) struct Vouch {
    /// Name or DID.
    pub(crate) who: String,
    /// For what; may be given several times.
    #[arg(long = "as", value_name = "WHAT", value_enum, default_value = "person", conflicts_with = "revoke")]
    pub(crate) claims: Vec<Claim>,
    /// In your own words, at most 140 characters; anyone can read it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// For how many days.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=90))]
    pub(crate) days: u32,
    /// Take back what was vouched for.
    #[arg(long)]
    pub(crate) revoke: bool,
    /// How long entering the network may take.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) network: Network,
}
