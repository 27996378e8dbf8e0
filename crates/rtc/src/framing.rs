//! Cutting messages into chunks and joining them again (spec: `docs/spec/channel.md`).
//!
//! A data channel carries at most 16 KiB safely between all browsers, and a message may have 256 KiB. The channel is
//! reliable and ordered and messages are not interleaved, so the state is one unfinished message. There is exactly one
//! way to cut a message: every chunk but the last is full. A peer can therefore make us keep at most
//! [`MAX_MESSAGE`] bytes, and only as fast as it sends them.

/// The most bytes of one message.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// The most bytes of one chunk, its header included.
pub const MAX_CHUNK: usize = 16 * 1024;

/// First byte of a chunk that begins a message; the length of the message follows, 4 bytes, big-endian.
const BEGIN: u8 = 1;

/// First byte of a chunk that goes on with the message.
const MORE: u8 = 2;

const BEGIN_HEADER: usize = 5;
const MORE_HEADER: usize = 1;

/// How a peer broke the framing. The link cannot go on after any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// A chunk is over the limit.
    #[error("a chunk has {got} bytes, the limit is {MAX_CHUNK}")]
    ChunkTooLong {
        /// Its bytes.
        got: usize,
    },
    /// A message is announced empty or over the limit.
    #[error("a message of {got} bytes is announced, it must have 1 to {MAX_MESSAGE}")]
    MessageLength {
        /// The announced bytes.
        got: usize,
    },
    /// The first byte is not a kind of chunk, or the header is cut off.
    #[error("not a chunk: the header is unknown or cut off")]
    Header,
    /// A message begins before the last one has ended.
    #[error("a message begins inside another")]
    Unfinished,
    /// A chunk goes on with a message that never began.
    #[error("a chunk goes on with no message")]
    NothingBegun,
    /// A chunk does not carry what is left of the message, as far as it fits.
    #[error("a chunk carries {got} bytes of the message where {expected} belong")]
    ChunkLength {
        /// The bytes that belong there.
        expected: usize,
        /// The bytes that came.
        got: usize,
    },
}

/// The chunks of one message, made as they are needed.
#[derive(Debug)]
pub struct Chunks {
    message: Vec<u8>,
    at: usize,
}

impl Chunks {
    /// Begins to cut a message.
    ///
    /// # Errors
    /// [`FramingError::MessageLength`] unless it has 1 to [`MAX_MESSAGE`] bytes.
    pub fn new(message: Vec<u8>) -> Result<Self, FramingError> {
        check_length(message.len())?;
        Ok(Chunks { message, at: 0 })
    }

    /// Writes the next chunk into `chunk` (which is cleared first); `false` when there is none left.
    pub fn next_into(&mut self, chunk: &mut Vec<u8>) -> bool {
        chunk.clear();
        let left = self.message.len() - self.at;
        if left == 0 {
            return false;
        }
        if self.at == 0 {
            let length = u32::try_from(self.message.len()).expect("MAX_MESSAGE fits in 32 bits");
            chunk.push(BEGIN);
            chunk.extend_from_slice(&length.to_be_bytes());
        } else {
            chunk.push(MORE);
        }
        let take = left.min(MAX_CHUNK - chunk.len());
        chunk.extend_from_slice(&self.message[self.at..self.at + take]);
        self.at += take;
        true
    }

    /// The bytes of the whole message.
    pub fn message_len(&self) -> usize {
        self.message.len()
    }
}

/// Joins chunks to messages.
#[derive(Debug, Default)]
pub struct Assembler {
    partial: Vec<u8>,
    /// The length of the message that is unfinished; 0 between messages.
    expected: usize,
}

impl Assembler {
    /// Takes the next chunk; gives the message that it completes.
    ///
    /// # Errors
    /// [`FramingError`]: the peer broke the framing, and the link must end.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<Vec<u8>>, FramingError> {
        if chunk.len() > MAX_CHUNK {
            return Err(FramingError::ChunkTooLong { got: chunk.len() });
        }
        let body = match chunk.split_first() {
            Some((&BEGIN, rest)) => {
                let (length, body) = rest.split_first_chunk().ok_or(FramingError::Header)?;
                if self.expected != 0 {
                    return Err(FramingError::Unfinished);
                }
                let length = u32::from_be_bytes(*length) as usize;
                check_length(length)?;
                check_body(length, MAX_CHUNK - BEGIN_HEADER, body)?;
                self.expected = length;
                body
            }
            Some((&MORE, body)) => {
                if self.expected == 0 {
                    return Err(FramingError::NothingBegun);
                }
                check_body(self.expected - self.partial.len(), MAX_CHUNK - MORE_HEADER, body)?;
                body
            }
            _ => return Err(FramingError::Header),
        };
        self.partial.extend_from_slice(body);
        if self.partial.len() < self.expected {
            return Ok(None);
        }
        self.expected = 0;
        Ok(Some(std::mem::take(&mut self.partial)))
    }
}

/// A chunk carries all that is left, or as much of it as fits.
fn check_body(left: usize, room: usize, body: &[u8]) -> Result<(), FramingError> {
    let expected = left.min(room);
    if body.len() == expected { Ok(()) } else { Err(FramingError::ChunkLength { expected, got: body.len() }) }
}

/// Refuses a message that is empty or too long.
fn check_length(length: usize) -> Result<(), FramingError> {
    if (1..=MAX_MESSAGE).contains(&length) { Ok(()) } else { Err(FramingError::MessageLength { got: length }) }
}
