#[cfg(not(target_arch = "wasm32"))]
use crate::home::Holder;
use std::path::PathBuf;
#[cfg(not(target_arch = "wasm32"))]
use std::{io, path::Path};

/// Nobody says who holds a Web Lock.
#[cfg(target_arch = "wasm32")]
type Holder = std::convert::Infallible;

/// Why a place cannot be used: a folder, or a database of the browser.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Another process, or another tab, is writing in it.
    #[error("the folder is in use by another process ({})", who(holder.as_ref()))]
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
    #[cfg(not(target_arch = "wasm32"))]
    #[error("{path}: larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file system refused.
    #[cfg(not(target_arch = "wasm32"))]
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
    /// The browser lacks something.
    #[cfg(target_arch = "wasm32")]
    #[error("{0}")]
    Browser(String),
}

#[cfg(not(target_arch = "wasm32"))]
fn who(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "unknown".into(), |holder| format!("pid {}, {}", holder.pid, holder.doing))
}

#[cfg(target_arch = "wasm32")]
fn who(_: Option<&Holder>) -> &'static str {
    "another tab"
}

#[cfg(not(target_arch = "wasm32"))]
impl HomeError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
