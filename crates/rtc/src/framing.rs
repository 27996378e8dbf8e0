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
        let left = self.left();
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

    /// The bytes of the message that no chunk has carried yet.
    fn left(&self) -> usize {
        self.message.len() - self.at
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

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks(message: Vec<u8>) -> Vec<Vec<u8>> {
        let mut chunks = Chunks::new(message).unwrap();
        let (mut all, mut chunk) = (Vec::new(), Vec::new());
        while chunks.next_into(&mut chunk) {
            all.push(chunk.clone());
        }
        all
    }

    #[test]
    fn every_length_around_a_chunk_is_cut_in_the_one_way() {
        for (length, count) in [(1, 1), (16_379, 1), (16_380, 2), (16_379 + 16_383, 2), (16_379 + 16_384, 3)] {
            let cut = chunks(vec![7; length]);
            assert_eq!(cut.len(), count, "{length}");
            assert!(cut[..count - 1].iter().all(|chunk| chunk.len() == MAX_CHUNK));
        }
        assert_eq!(chunks(vec![7; MAX_MESSAGE]).len(), 17);
        for length in [0, MAX_MESSAGE + 1] {
            assert_eq!(Chunks::new(vec![0; length]).unwrap_err(), FramingError::MessageLength { got: length });
        }
    }

    #[test]
    fn each_break_of_the_rules_is_refused_by_name() {
        let push = |chunks: &[&[u8]]| {
            let mut assembler = Assembler::default();
            let mut last = Ok(None);
            for chunk in chunks {
                last = assembler.push(chunk);
            }
            last
        };
        let full = chunks(vec![7; MAX_MESSAGE]).remove(0);
        let short = &full[..full.len() - 1];
        assert_eq!(push(&[&[]]), Err(FramingError::Header));
        assert_eq!(push(&[&[0, 0, 0, 0, 1, 9]]), Err(FramingError::Header));
        assert_eq!(push(&[&[3, 9]]), Err(FramingError::Header));
        assert_eq!(push(&[&[1, 0, 0, 0]]), Err(FramingError::Header));
        assert_eq!(push(&[&[1, 0, 0, 0, 0]]), Err(FramingError::MessageLength { got: 0 }));
        assert_eq!(push(&[&[1, 0, 4, 0, 1, 9]]), Err(FramingError::MessageLength { got: MAX_MESSAGE + 1 }));
        assert_eq!(push(&[&[1, 0, 0, 0, 2, 9]]), Err(FramingError::ChunkLength { expected: 2, got: 1 }));
        assert_eq!(push(&[&[1, 0, 0, 0, 1, 9, 9]]), Err(FramingError::ChunkLength { expected: 1, got: 2 }));
        assert_eq!(push(&[short]), Err(FramingError::ChunkLength { expected: 16_379, got: 16_378 }));
        assert_eq!(push(&[&full, &full]), Err(FramingError::Unfinished));
        assert_eq!(push(&[&[2, 9]]), Err(FramingError::NothingBegun));
        assert_eq!(push(&[&full, &[2]]), Err(FramingError::ChunkLength { expected: 16_383, got: 0 }));
        assert_eq!(push(&[&[1, 0, 0, 0, 1, 9], &[2, 9]]), Err(FramingError::NothingBegun));
        assert_eq!(push(&[&vec![1; MAX_CHUNK + 1]]), Err(FramingError::ChunkTooLong { got: MAX_CHUNK + 1 }));
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60_000), 1..4)
        ) {
            let mut assembler = Assembler::default();
            for message in messages {
                let cut = chunks(message.clone());
                let (last, rest) = cut.split_last().unwrap();
                for chunk in rest {
                    prop_assert_eq!(assembler.push(chunk), Ok(None));
                }
                prop_assert_eq!(assembler.push(last), Ok(Some(message)));
            }
        }

        #[test]
        fn no_chunks_make_the_assembler_panic_or_keep_too_much(
            chunks in prop::collection::vec(prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..40), 0..40)
        ) {
            let mut assembler = Assembler::default();
            for chunk in &chunks {
                if let Ok(Some(message)) = assembler.push(chunk) {
                    prop_assert!((1..=MAX_MESSAGE).contains(&message.len()));
                }
                prop_assert!(assembler.partial.len() <= MAX_MESSAGE);
            }
        }

        #[test]
        fn a_chunk_that_is_lost_or_cut_never_gives_a_wrong_message(
            length in 1..MAX_MESSAGE, lost in any::<prop::sample::Index>(), cut in 0..MAX_CHUNK
        ) {
            let message: Vec<u8> = (0..length).map(|at| (at * 31 + at / 251) as u8).collect();
            let mut whole = chunks(message.clone());
            let at = lost.index(whole.len());
            let shorter = cut.min(whole[at].len() - 1);
            whole[at].truncate(shorter);
            let mut assembler = Assembler::default();
            prop_assert!(whole.iter().all(|chunk| !matches!(assembler.push(chunk), Ok(Some(_)))));
        }
    }
}
