//! What is said over `/pumasi/content/1.0.0`: one question, one answer.

use crate::bitmap::Bitmap;
use crate::layout::{CHUNK, ContentId, MAX_CHUNKS};
use crate::tree::MAX_PATH;
use pumasi_crypto::hash::{Digest, hmac_sha256};

/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 1 + 32 + 4;
/// The longest response, in bytes: a chunk with the longest proof.
pub const MAX_RESPONSE: usize = 2 + 32 * MAX_PATH + CHUNK as usize;

const HAVE: u8 = 1;
const CHUNK_OF: u8 = 2;

const WHOLE: u8 = 1;
const SOME: u8 = 2;
const ONE: u8 = 3;
const NOT_HERE: u8 = 16;
const BUSY: u8 = 17;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Longer than [`MAX_REQUEST`] or [`MAX_RESPONSE`].
    #[error("content message: {len} bytes; the limit is {limit}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// An unknown kind, a missing or an additional byte, or a number out of its bounds.
    #[error("content message: not well-formed")]
    Malformed,
}

/// How a content is asked for at one provider: a proof that one knows its address, from which the address does not
/// follow. Who only pretends to have it learns nothing, and can ask nobody else with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskToken(pub [u8; 32]);

impl AskToken {
    /// For the provider whose node has this Ed25519 public key.
    #[must_use]
    pub fn new(id: &ContentId, provider: &[u8; 32]) -> Self {
        Self(hmac_sha256(&id.0, &[b"pumasi/content/1/ask", provider]).0)
    }
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Which chunks are there?
    Have(AskToken),
    /// This chunk, please.
    Chunk(AskToken, u32),
}

impl Request {
    /// Of which content.
    #[must_use]
    pub fn token(&self) -> AskToken {
        match self {
            Self::Have(token) | Self::Chunk(token, _) => *token,
        }
    }

    /// The bytes of the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Have(token) => [&[HAVE], token.0.as_slice()].concat(),
            Self::Chunk(token, index) => [&[CHUNK_OF], token.0.as_slice(), &index.to_be_bytes()].concat(),
        }
    }

    /// Reads the bytes of the wire.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_REQUEST {
            return Err(MessageError::TooLong { len: bytes.len(), limit: MAX_REQUEST });
        }
        let (kind, rest) = bytes.split_first().ok_or(MessageError::Malformed)?;
        let (token, rest) = rest.split_first_chunk::<32>().ok_or(MessageError::Malformed)?;
        let token = AskToken(*token);
        match (*kind, <[u8; 4]>::try_from(rest).map(u32::from_be_bytes)) {
            (HAVE, _) if rest.is_empty() => Ok(Self::Have(token)),
            (CHUNK_OF, Ok(index)) if index < MAX_CHUNKS => Ok(Self::Chunk(token, index)),
            _ => Err(MessageError::Malformed),
        }
    }
}

/// An answer. The bytes of a chunk stay where they were received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response<'a> {
    /// Every chunk is there.
    Whole,
    /// These are there: the bytes of a [`Bitmap`].
    Some(&'a [u8]),
    /// The chunk, and the hashes that prove it, the lowest first.
    Chunk {
        /// The proof.
        path: Vec<Digest>,
        /// The chunk.
        bytes: &'a [u8],
    },
    /// The content, or this chunk of it, is not here (any more).
    NotHere,
    /// Too much is asked now; ask again later.
    Busy,
}

impl<'a> Response<'a> {
    /// The bytes of the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Whole => vec![WHOLE],
            Self::Some(bitmap) => [&[SOME], *bitmap].concat(),
            Self::Chunk { path, bytes } => {
                let mut message = Vec::with_capacity(2 + 32 * path.len() + bytes.len());
                message.extend([ONE, u8::try_from(path.len()).expect("a proof has at most 20 hashes")]);
                path.iter().for_each(|hash| message.extend(hash.0));
                message.extend(*bytes);
                message
            }
            Self::NotHere => vec![NOT_HERE],
            Self::Busy => vec![BUSY],
        }
    }

    /// Reads the bytes of the wire. Whether they fit the content is seen later: [`Bitmap::from_bytes`],
    /// [`Content::prove`](crate::Content::prove).
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_RESPONSE {
            return Err(MessageError::TooLong { len: bytes.len(), limit: MAX_RESPONSE });
        }
        let (kind, rest) = bytes.split_first().ok_or(MessageError::Malformed)?;
        match *kind {
            WHOLE if rest.is_empty() => Ok(Self::Whole),
            SOME if rest.len() <= MAX_CHUNKS as usize / 8 => Ok(Self::Some(rest)),
            ONE => {
                let (count, rest) = rest.split_first().ok_or(MessageError::Malformed)?;
                let count = usize::from(*count);
                let (path, bytes) = rest.split_at_checked(32 * count).ok_or(MessageError::Malformed)?;
                if count > MAX_PATH || bytes.is_empty() || bytes.len() > CHUNK as usize {
                    return Err(MessageError::Malformed);
                }
                let path = path.chunks_exact(32).map(|hash| Digest(hash.try_into().expect("32 bytes"))).collect();
                Ok(Self::Chunk { path, bytes })
            }
            NOT_HERE if rest.is_empty() => Ok(Self::NotHere),
            BUSY if rest.is_empty() => Ok(Self::Busy),
            _ => Err(MessageError::Malformed),
        }
    }

    /// Which of so many chunks an answer to [`Request::Have`] says are there; `None` when it says nothing of that kind.
    #[must_use]
    pub fn bitmap(&self, chunks: u32) -> Option<Bitmap> {
        match self {
            Self::Whole => Some(Bitmap::all(chunks)),
            Self::Some(bytes) => Bitmap::from_bytes(bytes, chunks),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let token = AskToken::new(&ContentId([1; 32]), &[2; 32]);
        for request in [Request::Have(token), Request::Chunk(token, 0), Request::Chunk(token, MAX_CHUNKS - 1)] {
            assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
            assert!(request.to_bytes().len() <= MAX_REQUEST);
        }
        let (chunk, bitmap) = (vec![7; CHUNK as usize], vec![0xff; MAX_CHUNKS as usize / 8]);
        for response in [
            Response::Whole,
            Response::Some(&bitmap),
            Response::Chunk { path: vec![Digest([3; 32]); MAX_PATH], bytes: &chunk },
            Response::NotHere,
            Response::Busy,
        ] {
            let bytes = response.to_bytes();
            assert!(bytes.len() <= MAX_RESPONSE);
            assert_eq!(Response::parse(&bytes), Ok(response));
        }
    }

    #[test]
    fn what_is_cut_too_long_or_out_of_bounds_is_refused() {
        let token = AskToken([1; 32]);
        for request in [Request::Have(token), Request::Chunk(token, 5)] {
            let bytes = request.to_bytes();
            assert!((0..bytes.len()).all(|at| Request::parse(&bytes[..at]).is_err()), "{request:?}");
            assert!(Request::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
        assert!(Request::parse(&Request::Chunk(token, MAX_CHUNKS).to_bytes()).is_err());
        let long = Response::Chunk { path: vec![Digest([3; 32]); MAX_PATH + 1], bytes: b"x" }.to_bytes();
        assert_eq!(Response::parse(&long), Err(MessageError::Malformed));
        assert!(Response::parse(&[ONE, 1, 0]).is_err());
        assert!(Response::parse(&[ONE, 0]).is_err(), "an empty chunk");
        assert!(Response::parse(&[WHOLE, 0]).is_err());
        assert!(matches!(Response::parse(&vec![ONE; MAX_RESPONSE + 1]), Err(MessageError::TooLong { .. })));
    }

    #[test]
    fn a_token_is_of_one_content_and_one_provider() {
        let token = |content, node| AskToken::new(&ContentId([content; 32]), &[node; 32]);
        assert_eq!(token(1, 2), token(1, 2));
        assert_ne!(token(1, 2), token(1, 3));
        assert_ne!(token(1, 2), token(2, 2));
    }
}
