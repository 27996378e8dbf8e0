//! Bytes on the wire. libp2p's relay does not tell how much it carries, so the streams of a connection are counted, and
//! those of a circuit are known by the protocol that the two ends agree on in their first bytes.

use futures::io::{AsyncRead, AsyncWrite, IoSlice, IoSliceMut};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::relay::{HOP_PROTOCOL_NAME, STOP_PROTOCOL_NAME};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

/// Bytes of a stream in which its protocol is agreed on, at most.
const HEAD: usize = 256;

/// What all connections of a node have carried, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// Between two others, over circuits of this relay.
    pub(crate) relayed: AtomicU64,
}

/// A connection whose streams are counted.
pub(crate) struct Counted<M> {
    inner: M,
    totals: Arc<Totals>,
}

impl<M> Counted<M> {
    pub(crate) fn new(inner: M, totals: Arc<Totals>) -> Self {
        Self { inner, totals }
    }
}

impl<M: StreamMuxer + Unpin> Counted<M>
where
    M::Substream: Unpin,
{
    fn stream(&self, stream: M::Substream, inbound: bool) -> CountedStream<M::Substream> {
        CountedStream {
            inner: stream,
            totals: Arc::clone(&self.totals),
            inbound,
            head: Some(Vec::new()),
            circuit: false,
        }
    }
}

impl<M: StreamMuxer + Unpin> StreamMuxer for Counted<M>
where
    M::Substream: Unpin,
{
    type Substream = CountedStream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_inbound(cx))?;
        Poll::Ready(Ok(self.stream(stream, true)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_outbound(cx))?;
        Poll::Ready(Ok(self.stream(stream, false)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

/// One stream of a counted connection.
pub(crate) struct CountedStream<S> {
    inner: S,
    totals: Arc<Totals>,
    inbound: bool,
    /// What the opener has said so far, until the protocol is known.
    head: Option<Vec<u8>>,
    /// Whether this node is the relay of the circuit that goes through here.
    circuit: bool,
}

impl<S> CountedStream<S> {
    /// The opener proposes the protocol: it is in what an inbound stream reads and in what an outbound one writes.
    fn look(&mut self, bytes: &[u8], read: bool) {
        if read != self.inbound {
            return;
        }
        let Some(head) = &mut self.head else { return };
        head.extend_from_slice(&bytes[..bytes.len().min(HEAD - head.len())]);
        let has = |name: &str| head.windows(name.len()).any(|window| window == name.as_bytes());
        // A relay takes the one end of a circuit as `hop`, and opens `stop` to the other.
        let ours = if self.inbound { &HOP_PROTOCOL_NAME } else { &STOP_PROTOCOL_NAME };
        self.circuit = has(ours.as_ref());
        if self.circuit || head.len() >= HEAD {
            self.head = None;
        }
    }

    fn on_read(&mut self, bytes: &[u8]) {
        self.totals.received.fetch_add(bytes.len() as u64, Relaxed);
        if self.circuit {
            // Each byte of a circuit is read once by its relay, from one end or the other.
            self.totals.relayed.fetch_add(bytes.len() as u64, Relaxed);
        }
        self.look(bytes, true);
    }

    fn on_written(&mut self, bytes: &[u8]) {
        self.totals.sent.fetch_add(bytes.len() as u64, Relaxed);
        self.look(bytes, false);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.on_read(&buffer[..read]);
        Poll::Ready(Ok(read))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        match buffers.iter_mut().find(|buffer| !buffer.is_empty()) {
            Some(buffer) => self.poll_read(cx, buffer),
            None => self.poll_read(cx, &mut []),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buffer))?;
        self.on_written(&buffer[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match buffers.iter().find(|buffer| !buffer.is_empty()) {
            Some(buffer) => self.poll_write(cx, buffer),
            None => self.poll_write(cx, &[]),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
