//! What was attached to payments: a list beside the identity, of files that are offered while this peer listens.

use super::error::ContentError;
use super::source::Source;
use crate::AgentError;
use crate::home::{HomeError, read_bounded, write_private};
use pumasi_content::Link;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Attachments that are offered at a time.
pub const MAX_ATTACHMENTS: usize = 256;
/// For how long one is offered: as long as a transfer may be under way.
const ATTACHED: Millis = 30 * 24 * 60 * 60 * 1_000;
/// Largest list, in bytes.
const MAX_LIST: u64 = 1024 * 1024;
const LIST: &str = "attachments.json";

/// A file that was attached. The link holds the key, so the list is as secret as the files.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    path: PathBuf,
    link: String,
    until: Timestamp,
}

impl Attachment {
    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The link that went with the payment.
    ///
    /// # Errors
    /// [`ContentError::Link`] when somebody else wrote into the list.
    pub fn link(&self) -> Result<Link, ContentError> {
        Ok(Link::parse(&self.link)?)
    }

    /// Opens the file, to be offered under this link. Blocks.
    ///
    /// # Errors
    /// As [`Source::open`]; [`ContentError::OtherFile`] when it has changed.
    pub fn open(&self) -> Result<Source, ContentError> {
        let link = self.link()?;
        let source = Source::open(&self.path, link.secret().cloned(), |_, _| {})?;
        if source.content() == link.content() { Ok(source) } else { Err(ContentError::OtherFile(self.path.clone())) }
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("path", &self.path).field("until", &self.until).finish_non_exhaustive()
    }
}

/// The list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachments {
    attachments: Vec<Attachment>,
}

impl Attachments {
    /// Those of an identity's folder that are still offered.
    ///
    /// # Errors
    /// [`AgentError::Home`].
    pub fn read(folder: &Path, now: Timestamp) -> Result<Self, AgentError> {
        let path = folder.join(LIST);
        let Some(bytes) = read_bounded(&path, MAX_LIST)? else { return Ok(Self::default()) };
        // What is wrong with it is not told: it could be a key.
        let wrong = |_| AgentError::Home(HomeError::Config { path, reason: "not a list of attachments".into() });
        let mut list: Self = serde_json::from_slice(&bytes).map_err(wrong)?;
        list.attachments.retain(|attachment| attachment.until > now);
        Ok(list)
    }

    /// Each of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Adds a file, and writes the list down.
    ///
    /// # Errors
    /// [`ContentError::TooManyAttachments`] inside [`AgentError::Content`], [`AgentError::Home`].
    pub fn add(folder: &Path, path: &Path, link: &Link, now: Timestamp) -> Result<(), AgentError> {
        let mut list = Self::read(folder, now)?;
        if list.attachments.len() >= MAX_ATTACHMENTS {
            return Err(AgentError::Content(ContentError::TooManyAttachments { limit: MAX_ATTACHMENTS }));
        }
        let path = std::fs::canonicalize(path).map_err(|source| AgentError::Content(ContentError::io(path)(source)))?;
        list.attachments.push(Attachment { path, link: link.to_text().to_string(), until: now + ATTACHED });
        let text = serde_json::to_vec_pretty(&list).expect("a list of texts");
        Ok(write_private(&folder.join(LIST), &text)?)
    }
}
