//! The task of one client.

use super::quota::Held;
use super::{Counters, DATAGRAM, Shared};
use crate::message::{Frame, MAX_MESSAGE, frame};
use crate::session::{Denied, Output, Session};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a client may take until it has a relayed address.
const HELLO: Duration = Duration::from_secs(10);
/// How many ports are tried for an even one.
const EVEN_TRIES: usize = 32;
/// How long a stream may take to take one message.
const SLOW: Duration = Duration::from_secs(5);

/// How a client is reached.
#[derive(Debug)]
pub(crate) enum Io {
    Datagrams { socket: Arc<UdpSocket>, client: SocketAddr, from_reader: mpsc::Receiver<Vec<u8>> },
    Stream { read: OwnedReadHalf, write: OwnedWriteHalf, buffer: Vec<u8> },
}

impl Io {
    pub(crate) fn stream(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Io::Stream { read, write, buffer: Vec::new() }
    }

    /// The next whole message, or `None` when the client is gone or talks nonsense. Cancel-safe.
    async fn recv(&mut self) -> Option<Vec<u8>> {
        match self {
            Io::Datagrams { from_reader, .. } => from_reader.recv().await,
            Io::Stream { read, buffer, .. } => loop {
                match frame(buffer) {
                    Frame::Whole { length, padded } => {
                        let mut message: Vec<u8> = buffer.drain(..padded).collect();
                        message.truncate(length);
                        return Some(message);
                    }
                    // A frame is at most MAX_MESSAGE and its padding, so the buffer ends there, too.
                    Frame::More => {
                        buffer.reserve(MAX_MESSAGE);
                        if read.read_buf(buffer).await.ok()? == 0 {
                            return None;
                        }
                    }
                    Frame::Malformed => return None,
                }
            },
        }
    }

    /// Sends a message. `false` when the client is gone, or takes nothing.
    async fn send(&mut self, message: &[u8]) -> bool {
        match self {
            Io::Datagrams { socket, client, .. } => {
                let _ = socket.try_send_to(message, *client); // a full queue drops it, as a network would
                true
            }
            Io::Stream { write, .. } => matches!(timeout(SLOW, write.write_all(message)).await, Ok(Ok(()))),
        }
    }
}

/// One client.
pub(crate) struct Client {
    shared: Arc<Shared>,
    session: Session,
    io: Io,
    address: SocketAddr,
    allocated: Arc<AtomicBool>,
    began: Instant,
    relay: Option<Relay>,
}

/// A relayed address, and the right to it.
struct Relay {
    socket: UdpSocket,
    held: Held,
    shared: Arc<Shared>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.counters.allocations.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Client {
    pub(crate) fn new(
        shared: Arc<Shared>,
        session: Session,
        io: Io,
        address: SocketAddr,
        allocated: Arc<AtomicBool>,
    ) -> Self {
        Client { shared, session, io, address, allocated, began: Instant::now(), relay: None }
    }

    /// Serves the client until it is gone, or has no right to be served.
    pub(crate) async fn run(mut self) {
        let mut buffer = [0; DATAGRAM];
        loop {
            let deadline = self.began + self.session.poll_timeout().unwrap_or(HELLO);
            tokio::select! {
                message = self.io.recv() => {
                    let Some(message) = message else { return };
                    if !self.handle(&message).await {
                        return;
                    }
                }
                (length, peer) = received(self.relay.as_ref(), &mut buffer) => {
                    let now = self.began.elapsed();
                    if let Some(bytes) = self.session.handle_peer(peer, &buffer[..length], now)
                        && self.passes(length)
                        && !self.io.send(&bytes).await
                    {
                        return;
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    if self.session.poll(self.began.elapsed()) || !self.session.is_allocated() {
                        return;
                    }
                }
            }
        }
    }

    /// `false` when the session is over.
    async fn handle(&mut self, message: &[u8]) -> bool {
        match self.session.handle_client(message, (self.began.elapsed(), unix())) {
            None => true,
            Some(Output::Client(bytes)) => self.io.send(&bytes).await,
            Some(Output::Peer(peer, data)) => {
                if self.passes(data.len())
                    && let Some(relay) = &self.relay
                {
                    let _ = relay.socket.try_send_to(&data, peer); // as a network would
                }
                true
            }
            Some(Output::Allocate { username, even }) => {
                let relayed = self.allocate(&username, even).await;
                let answer = self.session.allocated(relayed, self.began.elapsed());
                match answer {
                    Some(answer) => self.io.send(&answer).await,
                    None => false,
                }
            }
            Some(Output::Release(bytes)) => {
                self.io.send(&bytes).await;
                false
            }
        }
    }

    async fn allocate(&mut self, username: &str, even: bool) -> Result<SocketAddr, Denied> {
        let opened = self.open(username, even).await;
        match &opened {
            Ok(relayed) => {
                self.allocated.store(true, Ordering::Relaxed);
                tracing::debug!(client = %self.address, %relayed, "allocated");
            }
            Err(denied) => {
                Counters::add(&self.shared.counters.denied, 1);
                tracing::debug!(client = %self.address, ?denied, "not allocated");
            }
        }
        opened
    }

    async fn open(&mut self, username: &str, even: bool) -> Result<SocketAddr, Denied> {
        let held = self.shared.quota.take(username, self.address.ip())?;
        let config = &self.shared.config;
        let (socket, port) = bind(config.relay, even).await.ok_or(Denied::Capacity)?;
        let relayed = SocketAddr::new(config.external, port);
        Counters::add(&self.shared.counters.allocations, 1);
        Counters::add(&self.shared.counters.allocated, 1);
        self.relay = Some(Relay { socket, held, shared: self.shared.clone() });
        Ok(relayed)
    }

    /// Whether the rates let so many bytes through.
    fn passes(&self, bytes: usize) -> bool {
        let Some(relay) = &self.relay else { return false };
        let passes = self.shared.quota.passes(&relay.held, bytes, Instant::now());
        let counters = &self.shared.counters;
        match passes {
            true => Counters::add(&counters.relayed_bytes, bytes as u64),
            false => Counters::add(&counters.dropped, 1),
        }
        passes
    }
}

/// Opens a port of the system's choice.
async fn bind(ip: IpAddr, even: bool) -> Option<(UdpSocket, u16)> {
    for _ in 0..EVEN_TRIES {
        let socket = UdpSocket::bind((ip, 0)).await.ok()?;
        let port = socket.local_addr().ok()?.port();
        if !even || port.is_multiple_of(2) {
            return Some((socket, port));
        }
    }
    None
}

/// The next datagram of a peer; never, without a relayed address.
async fn received(relay: Option<&Relay>, buffer: &mut [u8]) -> (usize, SocketAddr) {
    let Some(relay) = relay else { return std::future::pending().await };
    loop {
        // An ICMP error of an earlier datagram is no reason to stop; coturn ends an allocation then.
        if let Ok(received) = relay.socket.recv_from(buffer).await {
            return received;
        }
    }
}

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
