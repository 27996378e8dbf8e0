//! `find`.

use super::{Network, seconds};
use clap::Args;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Find {
    /// What kind of shop, in Korean or English, such as 식당, cafe, or "강남구 식당".
    #[arg(required = true)]
    pub(crate) query: Vec<String>,
    /// A word that the shop must have besides, such as where it is.
    #[arg(long, value_name = "TEXT")]
    pub(crate) near: Option<String>,
    /// A directory to ask as well, instead of those in config.toml; may be given several times.
    #[arg(long, env = "PUMASI_DIRECTORY", value_name = "URL", value_delimiter = ',')]
    pub(crate) directory: Vec<String>,
    /// Show so many at most.
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) most: u16,
    /// How long entering the network may take.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) network: Network,
}
