//! v1 framing: magic, type, length, checksum, payload.

use super::message::TYPE_SIZE;
use super::{MAX_PAYLOAD, Message, MessageType, Received, sanitize};
use bitcoin::hashes::{Hash, sha256d};

/// Bytes before the payload.
const HEADER_SIZE: usize = 24;
/// How much is reserved beyond what has arrived, in bytes: what a header claims costs the peer something first.
const RESERVE_AHEAD: usize = 256 * 1024;

/// Reads v1 messages from a stream of bytes.
#[derive(Debug)]
pub(super) struct V1Reader {
    magic: [u8; 4],
    header: Vec<u8>,
    payload: Vec<u8>,
    /// Length of the payload, once the header is complete.
    length: Option<usize>,
}

impl V1Reader {
    pub(super) const fn new(magic: [u8; 4]) -> Self {
        Self { magic, header: Vec::new(), payload: Vec::new(), length: None }
    }

    /// Takes bytes from the front of the input until a message is complete or the input is used up.
    ///
    /// # Errors
    ///
    /// What to log when the stream cannot be read any further.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Complete>, String> {
        let length = match self.length {
            Some(length) => length,
            None => {
                take(input, &mut self.header, HEADER_SIZE);
                if self.header.len() < HEADER_SIZE {
                    return Ok(None);
                }
                let length = self.check_header()?;
                self.length = Some(length);
                length
            }
        };
        self.payload.reserve((length - self.payload.len()).min(input.len() + RESERVE_AHEAD));
        take(input, &mut self.payload, length);
        if self.payload.len() < length {
            return Ok(None);
        }
        let complete = self.complete();
        self.length = None;
        self.header.clear();
        Ok(Some(complete))
    }

    fn kind_bytes(&self) -> [u8; TYPE_SIZE] {
        self.header[4..16].try_into().expect("the header has 24 bytes")
    }

    fn check_header(&self) -> Result<usize, String> {
        if self.header[..4] != self.magic {
            return Err(format!("Header error: Wrong MessageStart {} received", hex(&self.header[..4])));
        }
        let length = u32::from_le_bytes(self.header[16..20].try_into().expect("four bytes")) as usize;
        if length > MAX_PAYLOAD {
            let kind = sanitize(MessageType::shown(&self.kind_bytes()));
            return Err(format!("Header error: Size too large ({kind}, {length} bytes)"));
        }
        Ok(length)
    }

    fn complete(&mut self) -> Complete {
        let payload = std::mem::take(&mut self.payload);
        let size = payload.len() + HEADER_SIZE;
        let digest = sha256d::Hash::hash(&payload).to_byte_array();
        let shown = sanitize(MessageType::shown(&self.kind_bytes()));
        if digest[..4] != self.header[20..24] {
            let (expected, was) = (hex(&digest[..4]), hex(&self.header[20..24]));
            let length = payload.len();
            return Complete::rejected(
                size,
                format!("Header error: Wrong checksum ({shown}, {length} bytes), expected {expected} was {was}"),
            );
        }
        match MessageType::from_wire(self.kind_bytes()) {
            Some(kind) => {
                Complete { received: Received::Message { message: Message { kind, payload }, size }, complaint: None }
            }
            None => {
                let length = payload.len();
                Complete::rejected(size, format!("Header error: Invalid message type ({shown}, {length} bytes)"))
            }
        }
    }
}

/// A frame that has arrived whole, good or not.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) received: Received,
    /// What to log about a rejected frame.
    pub(super) complaint: Option<String>,
}

impl Complete {
    const fn rejected(size: usize, complaint: String) -> Self {
        Self { received: Received::Rejected { size }, complaint: Some(complaint) }
    }
}

/// Moves bytes from the input until the target has `length`.
pub(super) fn take(input: &mut &[u8], target: &mut Vec<u8>, length: usize) {
    let (head, rest) = input.split_at(input.len().min(length - target.len()));
    target.extend_from_slice(head);
    *input = rest;
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The frame of a message.
pub(super) fn frame(magic: [u8; 4], message: &Message) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_SIZE + message.payload.len());
    frame.extend(magic);
    frame.extend(message.kind.to_wire());
    frame.extend((message.payload.len() as u32).to_le_bytes());
    frame.extend(&sha256d::Hash::hash(&message.payload).to_byte_array()[..4]);
    frame.extend(&message.payload);
    frame
}
