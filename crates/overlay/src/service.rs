//! Requests to one node and its answers: one stream each, the bytes of both behind their length.

use crate::NodeId;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::request_response::{self, Codec, ProtocolSupport};
use std::io;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What nodes ask of each other, beside the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Offers, answers and candidates of a WebRTC connection (`docs/spec/signalling.md`).
    Signal,
    /// Direct messages and their acknowledgements (`docs/spec/messages.md`).
    Message,
    /// Pieces of contents (`docs/spec/content.md`).
    Content,
    /// What was said in a topic before one came (`docs/spec/messages.md`).
    Topic,
    /// STUN and TURN servers that a node offers (`docs/spec/turn.md`).
    Turn,
}

impl Service {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Signal, Self::Message, Self::Content, Self::Topic, Self::Turn];

    /// The name under which the protocol is negotiated.
    #[must_use]
    pub const fn protocol(self) -> &'static str {
        self.bounds().protocol
    }

    /// The longest request, in bytes.
    #[must_use]
    pub const fn max_request(self) -> usize {
        self.bounds().request
    }

    /// The longest answer, in bytes.
    #[must_use]
    pub const fn max_answer(self) -> usize {
        self.bounds().answer
    }

    /// How long an answer may take, the dial not counted.
    #[must_use]
    pub const fn patience(self) -> Duration {
        self.bounds().patience
    }

    pub(crate) const fn bounds(self) -> Bounds {
        let (protocol, request, answer, seconds) = match self {
            Self::Signal => ("/pumasi/signal/1.0.0", 32 * 1024, 32 * 1024, 20),
            Self::Message => ("/pumasi/message/1.0.0", 64 * 1024, 16 * 1024, 10),
            Self::Content => ("/pumasi/content/1.0.0", 16 * 1024, 1024 * 1024, 30),
            Self::Topic => ("/pumasi/topic/1.0.0", 16 * 1024, 512 * 1024, 10),
            Self::Turn => ("/pumasi/turn/1.0.0", 16, 2048, 5),
        };
        Bounds { protocol, request, answer, patience: Duration::from_secs(seconds), streams: 64 }
    }
}

/// The bounds of one protocol. Lengths in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) protocol: &'static str,
    pub(crate) request: usize,
    pub(crate) answer: usize,
    pub(crate) patience: Duration,
    /// Requests under way on one connection, of both sides together.
    pub(crate) streams: usize,
}

/// A request of another node.
#[derive(Debug)]
pub struct Incoming {
    /// Who asks: the node at the other end of the encrypted connection.
    pub from: NodeId,
    /// What it asks.
    pub request: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Vec<u8>>,
}

impl Incoming {
    /// Answers, with at most [`Service::max_answer`] bytes; a longer answer is not sent. Dropping the request closes its stream.
    pub fn answer(self, bytes: Vec<u8>) {
        // Who asked may have gone.
        let _ = self.answer.send(bytes);
    }
}

/// Requests of other nodes, until the node stops. Dropping it ends the service.
#[derive(Debug)]
pub struct Requests {
    pub(crate) requests: mpsc::Receiver<Incoming>,
}

impl Requests {
    /// The next request; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.requests.recv().await
    }
}

/// How the bytes of one protocol lie in its streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange(Bounds);

pub(crate) type Asking = request_response::Behaviour<Exchange>;

pub(crate) fn asking(bounds: Bounds) -> Asking {
    let config = request_response::Config::default()
        .with_request_timeout(bounds.patience)
        .with_max_concurrent_streams(bounds.streams);
    Asking::with_codec(Exchange(bounds), [(bounds.protocol, ProtocolSupport::Full)], config)
}

impl Codec for Exchange {
    type Protocol = &'static str;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &Self::Protocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_prefixed(io, self.0.request).await
    }

    async fn read_response<T>(&mut self, _: &Self::Protocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_prefixed(io, self.0.answer).await
    }

    async fn write_request<T>(&mut self, _: &Self::Protocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_prefixed(io, &bytes, self.0.request).await
    }

    async fn write_response<T>(&mut self, _: &Self::Protocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_prefixed(io, &bytes, self.0.answer).await
    }
}

/// Bytes behind their length, an unsigned LEB128 of at most four bytes.
pub(crate) async fn read_prefixed<T: AsyncRead + Unpin>(io: &mut T, limit: usize) -> io::Result<Vec<u8>> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut len = 0_usize;
    for shift in [0, 7, 14, 21] {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            if len > limit {
                return Err(invalid(format!("{len} bytes; the limit is {limit}")));
            }
            let mut bytes = Vec::new();
            // Memory is taken as bytes come, not as they are announced.
            io.take(len as u64).read_to_end(&mut bytes).await?;
            return if bytes.len() == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    Err(invalid("a length of more than four bytes".to_owned()))
}

/// What a stream that holds these bytes, and no more, brings: one request or answer. For those who test what strangers may
/// send.
#[doc(hidden)]
#[must_use]
pub fn unprefixed(stream: &[u8], limit: usize) -> Option<Vec<u8>> {
    use futures::FutureExt as _;
    read_prefixed(&mut futures::io::Cursor::new(stream), limit).now_or_never()?.ok()
}

async fn write_prefixed<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8], limit: usize) -> io::Result<()> {
    if bytes.len() > limit {
        let text = format!("{} bytes; the limit is {limit}", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut prefix = Vec::with_capacity(4);
    push_length(&mut prefix, bytes.len());
    io.write_all(&prefix).await?;
    io.write_all(bytes).await
}

pub(crate) fn push_length(out: &mut Vec<u8>, mut len: usize) {
    loop {
        let low = u8::try_from(len & 0x7f).expect("seven bits");
        len >>= 7;
        if len == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 300_000] {
            let bytes = vec![7; len];
            let mut wire = Cursor::new(Vec::new());
            block_on(write_prefixed(&mut wire, &bytes, 300_000)).unwrap();
            wire.set_position(0);
            assert_eq!(block_on(read_prefixed(&mut wire, 300_000)).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_too_long_or_too_short_is_refused() {
        let read = |wire: &[u8], limit| block_on(read_prefixed(&mut Cursor::new(wire.to_vec()), limit));
        assert!(read(&[5, 1, 2, 3, 4, 5], 5).is_ok());
        assert!(read(&[5, 1, 2, 3, 4, 5], 4).is_err(), "over the limit");
        assert!(read(&[5, 1, 2, 3, 4], 5).is_err(), "cut");
        assert!(read(&[0x80, 0x80, 0x80, 0x80, 1], usize::MAX).is_err(), "a length of five bytes");
        assert!(read(&[], 5).is_err());
        assert!(block_on(write_prefixed(&mut Cursor::new(Vec::new()), &[0; 6], 5)).is_err());
    }
}
