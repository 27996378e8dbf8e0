//! `share` and `fetch`.

use super::{Network, span};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Share {
    /// The file.
    #[arg(required_unless_present = "attached")]
    pub(crate) file: Option<PathBuf>,
    /// Encrypt it: only who has the link can read it, and neither the network nor who passes it on.
    #[arg(long, conflicts_with = "link")]
    pub(crate) private: bool,
    /// Stop after this long, such as 2h or 30m; otherwise when interrupted.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) r#for: Option<Duration>,
    /// Offer the file under this link, which was made before or elsewhere; `-` reads it from standard input.
    #[arg(long, value_name = "LINK")]
    pub(crate) link: Option<String>,
    /// Put this machine's addresses into the link, so that it is fetched without a look-up.
    #[arg(long)]
    pub(crate) with_address: bool,
    /// Offer the files that were attached to payments and requests, too.
    #[arg(long)]
    pub(crate) attached: bool,
    /// Leave the QR code out.
    #[arg(long)]
    pub(crate) no_qr: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The link; `-` reads it from standard input, where no list of processes shows its key.
    pub(crate) link: String,
    /// Where to: a file, or a folder for a file of the name in the link. Otherwise into the current folder.
    #[arg(long, value_name = "PATH")]
    pub(crate) to: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// For how long to go on without a single new piece, such as 5m.
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "60s")]
    pub(crate) wait: Duration,
    /// Offer it to others once it is here, until interrupted.
    #[arg(long)]
    pub(crate) share: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}
