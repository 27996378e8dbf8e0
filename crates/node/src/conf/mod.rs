//! Configuration: the options and files of `bitcoind`, read as Bitcoin Core reads them.

mod args;
mod client;
mod file;
mod options;
mod settings;

pub use args::Args;
pub(crate) use client::ClientSettings;
pub use settings::{CLIENT_VERSION, Listen, Settings};

use std::path::PathBuf;

/// Why the node cannot start with this configuration. The texts are Bitcoin Core's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfError {
    /// An unknown option on the command line.
    #[error("Error parsing command line arguments: Invalid parameter {0}")]
    Parameter(String),
    /// Something else that is wrong on the command line.
    #[error("Error parsing command line arguments: {0}")]
    CommandLine(String),
    /// A word that is no option.
    #[error("Command line contains unexpected token '{0}', see bitcoind -h for a list of options.")]
    Token(String),
    /// The configuration file has a line that cannot be read, or cannot be read at all.
    #[error("Error reading configuration file: {0}")]
    File(String),
    /// The folder given with `-datadir` is not there.
    #[error("Specified data directory \"{}\" does not exist.", .0.display())]
    NoFolder(PathBuf),
    /// A value that does not fit its option, or something else that is in the way.
    #[error("{0}")]
    Value(String),
    /// The stored chain cannot be used as it is.
    #[error("{0}")]
    Chain(String),
}
