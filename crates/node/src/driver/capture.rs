//! `-capturemessages`: what each peer sends and is sent, in files of its own.
//!
//! A record is the time (microseconds, 8 bytes), the type (12), the length (4, all little endian), and the payload, as
//! in Bitcoin Core's `message_capture`.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use pumasi_p2p::wire::Message;

use crate::clock;
use crate::storage::private;

/// Bytes of a message's type.
const TYPE_SIZE: usize = 12;

/// The two files of one peer.
#[derive(Debug)]
pub(super) struct Capture {
    received: File,
    sent: File,
}

impl Capture {
    /// Opens the files of the peer at `address`, below `folder`.
    pub(super) fn open(folder: &Path, address: SocketAddr) -> io::Result<Self> {
        let folder = folder.join("message_capture").join(address.to_string().replace(':', "_"));
        private::create_folder(&folder)?;
        Ok(Self {
            received: private::append(&folder.join("msgs_recv.dat"))?,
            sent: private::append(&folder.join("msgs_sent.dat"))?,
        })
    }

    /// Writes a message down. A file that cannot be written does not stop the connection.
    pub(super) fn write(&mut self, message: &Message, incoming: bool) {
        let micros = u64::try_from(clock::real().as_micros()).unwrap_or(u64::MAX);
        let mut kind = [0; TYPE_SIZE];
        let name = message.kind.as_str().as_bytes();
        kind[..name.len().min(TYPE_SIZE)].copy_from_slice(&name[..name.len().min(TYPE_SIZE)]);
        let length = u32::try_from(message.payload.len()).unwrap_or(u32::MAX);
        let record = [&micros.to_le_bytes()[..], &kind, &length.to_le_bytes(), &message.payload].concat();
        let file = if incoming { &mut self.received } else { &mut self.sent };
        let _ = file.write_all(&record);
    }
}
