//! One TURN relay (RFC 8656), reached over UDP, TCP or TLS.
//!
//! The protocol is `turn-client-proto`; here is its I/O. TLS is the same client over an encrypted stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use turn_client_proto::api::{SendError, Transmit, TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{AddressFamily, Instant as TurnInstant, TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::{address, stun};
use crate::{ServerFailure, Transport, TurnServer};

/// The most bytes that wait for a slow stream; datagrams beyond that are dropped, as a network would.
const MAX_STREAM_BACKLOG: usize = 256 * 1024;

/// The most datagrams that wait for a permission.
const MAX_WAITING: usize = 16;

turn_client_proto::impl_client!(Client, (Udp, TurnClientUdp), (Tcp, TurnClientTcp));

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

enum Io {
    Datagrams(UdpSocket),
    Stream { stream: Box<dyn Stream>, backlog: VecDeque<u8> },
}

/// What a relay has to say.
#[derive(Debug)]
pub(crate) enum RelayEvent {
    /// The server gave us this address.
    Allocated(SocketAddr),
    /// A datagram from a peer: where from, and its length in the buffer.
    Datagram(SocketAddr, usize),
    /// The relay is of no more use.
    Failed(ServerFailure),
}

/// A connection to a TURN server, and the address that it gave us.
pub(crate) struct Relay {
    client: Client,
    io: Io,
    transport: Transport,
    server: SocketAddr,
    local: SocketAddr,
    relayed: Option<SocketAddr>,
    /// Start of the client's clock.
    epoch: Instant,
    wake: Pin<Box<Sleep>>,
    received: Vec<u8>,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Peers for whom a permission was asked; the client renews it. As many as an SDP has candidates, for each restart.
    permitted: Vec<IpAddr>,
    /// The server has asked for the password.
    challenged: bool,
    failed: bool,
}

impl Relay {
    /// Connects to a server. The allocation is asked for by [`Relay::poll`].
    pub(crate) async fn connect(server: TurnServer, tls: Option<TlsConnector>) -> Result<Relay, ServerFailure> {
        let remote = address::resolve(&server.address).await.map_err(|_| ServerFailure::NotFound)?;
        let (io, local) = Self::reach(&server, remote, tls).await?;
        let mut config = TurnConfig::new(TurnCredentials::new(&server.username, server.credential()));
        config.set_address_family(if remote.is_ipv6() { AddressFamily::IPV6 } else { AddressFamily::IPV4 });
        let client = match io {
            Io::Datagrams(_) => Client::Udp(TurnClientUdp::allocate(local, remote, config)),
            Io::Stream { .. } => Client::Tcp(TurnClientTcp::allocate(local, remote, config)),
        };
        Ok(Relay {
            client,
            io,
            transport: server.transport,
            server: remote,
            local,
            relayed: None,
            epoch: Instant::now(),
            wake: Box::pin(tokio::time::sleep(std::time::Duration::ZERO)),
            received: vec![0; 16 * 1024],
            waiting: VecDeque::new(),
            permitted: Vec::new(),
            challenged: false,
            failed: false,
        })
    }

    /// Opens the socket or the stream to the server; gives our address as well.
    async fn reach(
        server: &TurnServer,
        remote: SocketAddr,
        tls: Option<TlsConnector>,
    ) -> Result<(Io, SocketAddr), ServerFailure> {
        let unreachable = |_: io::Error| ServerFailure::Unreachable;
        if server.transport == Transport::Udp {
            let socket = UdpSocket::bind(address::any(remote)).await.map_err(unreachable)?;
            socket.connect(remote).await.map_err(unreachable)?;
            socket.writable().await.map_err(unreachable)?; // as in `Sockets::bind`
            let local = socket.local_addr().map_err(unreachable)?;
            return Ok((Io::Datagrams(socket), local));
        }
        let tcp = TcpStream::connect(remote).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let local = tcp.local_addr().map_err(unreachable)?;
        let stream: Box<dyn Stream> = match tls {
            Some(tls) if server.transport == Transport::Tls => {
                let name = ServerName::try_from(server.address.host.clone()).map_err(|_| ServerFailure::NotFound)?;
                Box::new(tls.connect(name, tcp).await.map_err(|_| ServerFailure::NotTrusted)?)
            }
            _ => Box::new(tcp),
        };
        Ok((Io::Stream { stream, backlog: VecDeque::new() }, local))
    }

    /// How the server is reached.
    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    /// The address of the interface through which the server is reached.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The address that the server gave us.
    pub(crate) fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    /// Lets a peer's address send to us, and us to it. A server that a datagram from us makes fail to reach a private
    /// network may end the whole allocation (coturn does), so a peer's address that only a network of its own can mean
    /// is left out, unless the server stands in such a network itself.
    pub(crate) fn permit(&mut self, peer: IpAddr) {
        if address::reach(peer) > address::reach(self.server.ip()) || peer.is_ipv4() != self.server.is_ipv4() {
            return;
        }
        // Without an address yet, its candidate is in no SDP, and no peer will use it.
        if self.relayed.is_some() && !self.permitted.contains(&peer) {
            self.permitted.push(peer);
            // Only an allocation that is gone makes this fail.
            let _ = self.client.create_permission(TransportType::Udp, peer, self.now());
            self.wake_now();
        }
    }

    /// Sends one datagram to a peer through the relay.
    pub(crate) fn send(&mut self, peer: SocketAddr, datagram: &[u8]) {
        let now = self.now();
        match self.client.send_to(TransportType::Udp, peer, datagram, now) {
            Ok(Some(transmit)) => {
                let transmit = transmit.build();
                self.io.write(&transmit.data);
            }
            // The first checks are sent while the permission is on its way.
            Err(SendError::NoPermission) if self.waiting.len() < MAX_WAITING => {
                self.waiting.push_back((peer, datagram.to_vec()));
            }
            Ok(None) | Err(_) => {}
        }
    }

    /// Gives the allocation back, so that the server can free it now and not in ten minutes.
    pub(crate) async fn release(&mut self) {
        let now = self.now();
        if self.client.delete(now).is_ok() {
            poll_fn(|cx| {
                self.write_out();
                self.io.poll_flush(cx)
            })
            .await;
        }
    }

    /// Goes on with the protocol; a datagram from a peer is put into `buffer`.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<RelayEvent> {
        if self.failed {
            return Poll::Pending;
        }
        loop {
            let now = self.now();
            let next = self.client.poll(now);
            let wrote = self.write_out();
            let _ = self.io.poll_flush(cx);
            while let Some(event) = self.client.poll_event() {
                match event {
                    TurnEvent::AllocationCreated(_, address) => {
                        self.relayed = Some(address);
                        self.wake_now();
                        return Poll::Ready(RelayEvent::Allocated(address));
                    }
                    TurnEvent::AllocationCreateFailed(_) => return self.fail(ServerFailure::Refused),
                    TurnEvent::PermissionCreated(_, peer) => self.send_waiting(peer),
                    TurnEvent::PermissionCreateFailed(_, peer) => self.waiting.retain(|(to, _)| to.ip() != peer),
                    _ => {}
                }
            }
            if let Some(data) = self.client.poll_recv(now) {
                if let Some(into) = buffer.get_mut(..data.data().len()) {
                    into.copy_from_slice(data.data());
                    return Poll::Ready(RelayEvent::Datagram(data.peer, into.len()));
                }
                continue;
            }
            match next {
                TurnPollRet::WaitUntil(at) => {
                    self.wake.as_mut().reset(at.to_std(self.epoch).into());
                    if self.wake.as_mut().poll(cx).is_ready() && wrote {
                        continue;
                    }
                }
                TurnPollRet::Closed => return self.fail(ServerFailure::Refused),
                _ => {}
            }
            let length = match ready!(self.io.poll_read(cx, &mut self.received)) {
                Ok(0) if matches!(self.io, Io::Stream { .. }) => return self.fail(ServerFailure::Unreachable),
                Ok(length) => length,
                // An ICMP error on a datagram socket; the protocol repeats what was lost.
                Err(_) if matches!(self.io, Io::Datagrams(_)) => continue,
                Err(_) => return self.fail(ServerFailure::Unreachable),
            };
            if self.relayed.is_none() && stun::is_allocate_unauthenticated(&self.received[..length]) {
                // The first one asks for the password. The client would take the second for a forgery and wait on.
                if std::mem::replace(&mut self.challenged, true) {
                    return self.fail(ServerFailure::Credentials);
                }
            }
            let transmit = Transmit::new(&self.received[..length], self.client.transport(), self.server, self.local);
            if let TurnRecvRet::PeerData(data) = self.client.recv(transmit, now)
                && let Some(into) = buffer.get_mut(..data.data().len())
            {
                into.copy_from_slice(data.data());
                return Poll::Ready(RelayEvent::Datagram(data.peer, into.len()));
            }
        }
    }

    fn fail(&mut self, why: ServerFailure) -> Poll<RelayEvent> {
        tracing::debug!(server = %self.server, transport = %self.transport, %why, "relay lost");
        self.failed = true;
        Poll::Ready(RelayEvent::Failed(why))
    }

    fn send_waiting(&mut self, peer: IpAddr) {
        for (to, datagram) in std::mem::take(&mut self.waiting) {
            if to.ip() == peer {
                self.send(to, &datagram);
            } else {
                self.waiting.push_back((to, datagram));
            }
        }
    }

    /// Hands on what the protocol wants to send; whether there was anything.
    fn write_out(&mut self) -> bool {
        let now = self.now();
        let mut wrote = false;
        while let Some(transmit) = self.client.poll_transmit(now) {
            self.io.write(&transmit.data);
            wrote = true;
        }
        wrote
    }

    fn wake_now(&mut self) {
        self.wake.as_mut().reset(tokio::time::Instant::now());
    }

    fn now(&self) -> TurnInstant {
        TurnInstant::from_std(self.epoch)
    }
}

impl Io {
    /// Sends a datagram, or queues bytes for the stream. What does not fit is dropped.
    fn write(&mut self, bytes: &[u8]) {
        match self {
            Io::Datagrams(socket) => {
                let _ = socket.try_send(bytes);
            }
            Io::Stream { backlog, .. } => {
                if backlog.len() + bytes.len() <= MAX_STREAM_BACKLOG {
                    backlog.extend(bytes);
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Io::Stream { stream, backlog } = self else { return Poll::Ready(()) };
        while !backlog.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, backlog.as_slices().0)) {
                Ok(written) if written > 0 => drop(backlog.drain(..written)),
                // The next read says that the stream is broken.
                Ok(_) | Err(_) => {
                    backlog.clear();
                    return Poll::Ready(());
                }
            }
        }
        Pin::new(stream).poll_flush(cx).map(drop)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        match self {
            Io::Datagrams(socket) => ready!(socket.poll_recv(cx, &mut buffer))?,
            Io::Stream { stream, .. } => ready!(Pin::new(stream).poll_read(cx, &mut buffer))?,
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }
}
