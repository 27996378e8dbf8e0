use crate::home::Holder;
use std::io;
use std::path::{Path, PathBuf};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Another process is writing in it.
    #[error("the folder is in use by another process ({})", holder.as_ref().map_or_else(|| "unknown".into(), |h| format!("pid {}, {}", h.pid, h.doing)))]
    Held {
        /// Who, where it has said so.
        holder: Option<Holder>,
    },
    /// There is no identity in it.
    #[error("{0}: no identity here")]
    Empty(PathBuf),
    /// There is one already.
    #[error("{0}: there is an identity here already; nothing was changed")]
    Occupied(PathBuf),
    /// The configuration cannot be read.
    #[error("{path}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        reason: String,
    },
    /// A file is larger than it can rightly be.
    #[error("{path}: larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file system refused.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl HomeError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
