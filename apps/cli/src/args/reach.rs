//! Finding people, and being found.

use super::Network;
use clap::{Args, ValueEnum};
use pumasi_agent::home::Visibility;

/// `lookup`.
#[derive(Debug, Args)]
pub(crate) struct Lookup {
    /// Name, DID, or a link that names one.
    pub(crate) who: String,
    /// Connect to their node too, to see whether it is there. They learn the address of this machine.
    #[arg(long)]
    pub(crate) reach: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Who is told where this peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Presence {
    /// Everyone who knows the DID.
    Public,
    /// The people in the address book.
    Contacts,
    /// Nobody: offers come by the mailbox in the DHT, or the endpoint.
    Off,
}

impl From<Presence> for Visibility {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Public => Self::Public,
            Presence::Contacts => Self::Contacts,
            Presence::Off => Self::Off,
        }
    }
}
