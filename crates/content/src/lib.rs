//! Files in verified chunks, by their content: address, link, and who is asked for which chunk
//! (spec: `docs/spec/content.md`).
//!
//! Sans-I/O: bytes, time and randomness come in as arguments.
//!
//! - [`Content`]: what a file is called (its address) and how long it is; [`Tree`]: the hashes that a provider proves its
//!   chunks with. A chunk comes with its proof, so each is checked by itself, and there is no manifest to fetch first.
//! - [`Link`]: `pumasi:content/…`; [`FileName`]: a name that leads nowhere but into the folder that one chose.
//! - [`Sealer`]: the chunks of a private share, under a key that stays in the link.
//! - [`Request`], [`Response`]: what is asked and answered over `/pumasi/content/1.0.0`; [`AskToken`]: how one asks
//!   without telling what for.
//! - [`provider`]: who says in the DHT that it has a file.
//! - [`Download`]: whom to ask for what, and when.

mod bitmap;
mod download;
mod layout;
mod link;
mod message;
mod name;
mod private;
pub mod provider;
mod tree;

pub use bitmap::Bitmap;
pub use download::{Answer, AskId, Download, Event, Fault, Have, Output, Pace, ProviderId};
pub use layout::{CHUNK, Content, ContentId, MAX_CHUNKS, MAX_SIZE, SizeError};
pub use link::{LINK_PREFIX, Link, LinkError, MAX_HINTS, MAX_LINK};
pub use message::{AskToken, MAX_REQUEST, MAX_RESPONSE, MessageError, Request, Response};
pub use name::{FileName, MAX_NAME, NameError};
pub use private::{SEAL_OVERHEAD, SEGMENT, Sealer, Secret, UnsealError, plain_size, sealed_size};
pub use tree::{MAX_PATH, NotProven, Proofs, Proven, Tree, TreeBuilder, leaf};
