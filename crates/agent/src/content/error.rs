use pumasi_content::{LinkError, SizeError};
use pumasi_overlay::OverlayError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file was not shared or fetched. What was fetched before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A file cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a regular file.
    #[error("{}: not a file", .0.display())]
    NotAFile(PathBuf),
    /// The file is too large.
    #[error("{}: {source}", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// The limit.
        source: SizeError,
    },
    /// It was written to while it was read.
    #[error("{}: changed while it was read", .0.display())]
    Changing(PathBuf),
    /// The link cannot be made.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The file is not what the link stands for.
    #[error("{}: not the file of this link", .0.display())]
    OtherFile(PathBuf),
    /// There is a file of that name, and it is not to be overwritten.
    #[error("{}: there already", .0.display())]
    Exists(PathBuf),
    /// Another process fetches to the same place.
    #[error("{}: another process is writing it", .0.display())]
    Held(PathBuf),
    /// What was begun at this place belongs to another link.
    #[error("{}: begun with another link", .0.display())]
    OtherPart(PathBuf),
    /// Nobody who has it can be found now.
    #[error("nobody offers it now: {got} of {size} bytes are here")]
    NoProvider {
        /// Bytes that are here.
        got: u64,
        /// Bytes in all.
        size: u64,
    },
    /// The chunks are proven and do not open: the key of the link is of another file.
    #[error("the key of the link does not open the content")]
    WrongKey,
    /// Every chunk is there and the whole is not the content: the disk lost something.
    #[error("{}: what is on the disk is not the content; fetch it again", .0.display())]
    Damaged(PathBuf),
    /// The list of attachments is full.
    #[error("attachments: {limit} are offered; take one back first")]
    TooManyAttachments {
        /// The limit.
        limit: usize,
    },
    /// The overlay.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A task of ours ended too early.
    #[error("the peer has stopped")]
    Stopped,
}

impl ContentError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Whether there was no room left on the disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }
}
