//! The transport of one connection: bytes in, messages out, and the other way round.
//!
//! Contract: after each [`Transport::receive`], drain [`Transport::poll_received`], [`Transport::poll_log`] and
//! [`Transport::poll_unsent`]; after each [`Transport::send`], drain [`Transport::poll_unsent`]. It is `Send`, so that
//! the task that owns the socket can own it and the encryption costs nobody else.

use super::handshake::{KeyExchange, Progress};
use super::v1::{V1Reader, frame};
use super::v2::V2Session;
use super::{Message, MessageType};
use crate::{LogLine, PeerId};
use bip324::Role;
use std::collections::VecDeque;

/// Bytes by which a v1 and a v2 stream can be told apart: magic and the type of the first message.
const V1_PREFIX_SIZE: usize = 16;
/// As many bytes as a v1 header: a v1 peer has closed the connection when it got so many that are not one.
const V1_HEADER_SIZE: usize = 24;

/// Which framing a connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// Not known yet, or the keys are not agreed yet.
    Detecting,
    /// Plain.
    V1,
    /// Encrypted.
    V2,
}

impl TransportKind {
    /// Core's name, as `getpeerinfo` shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detecting => "detecting",
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// What `getpeerinfo` shows about a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportInfo {
    /// Which framing.
    pub kind: TransportKind,
    /// The session of v2, which both sides can compare.
    pub session_id: Option<[u8; 32]>,
}

/// What came out of the bytes of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Message {
        /// The message.
        message: Message,
        /// Its size on the wire with its frame, in bytes.
        size: usize,
    },
    /// A frame that was dropped: wrong checksum or type. The connection goes on.
    Rejected {
        /// Its size on the wire, in bytes.
        size: usize,
    },
}

/// Bytes to write to the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The type of the message in them; none for the key exchange.
    pub kind: Option<MessageType>,
}

enum State {
    /// Inbound, and the first bytes could be either.
    MaybeV1 {
        prefix: Vec<u8>,
        exchange: KeyExchange,
    },
    V1(V1Reader),
    Exchange(KeyExchange),
    V2(Box<V2Session>),
    /// The stream cannot be read any further.
    Broken,
}

/// The transport of one connection.
pub struct Transport {
    peer: PeerId,
    magic: [u8; 4],
    outbound: bool,
    state: State,
    /// Messages that wait for the keys.
    waiting: VecDeque<Message>,
    unsent: VecDeque<Unsent>,
    received: VecDeque<Received>,
    log: VecDeque<LogLine>,
    /// The other side was sent as much as a v1 header.
    handshake_written: bool,
}

/// The stream of a peer broke the rules of its framing; the reason is in the log. Close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("receiving message bytes failed")]
pub struct TransportError;

impl Transport {
    /// A plain transport.
    pub const fn v1(peer: PeerId, magic: [u8; 4], outbound: bool) -> Self {
        Self {
            peer,
            magic,
            outbound,
            state: State::V1(V1Reader::new(magic)),
            waiting: VecDeque::new(),
            unsent: VecDeque::new(),
            received: VecDeque::new(),
            log: VecDeque::new(),
            handshake_written: false,
        }
    }

    /// An encrypted transport; inbound it also takes a peer that speaks v1. `secret` must be random and fresh,
    /// `garbage` random bytes of a random length up to 4095.
    pub fn v2(peer: PeerId, magic: [u8; 4], outbound: bool, secret: [u8; 32], garbage: Vec<u8>) -> Self {
        let role = if outbound { Role::Initiator } else { Role::Responder };
        let exchange = KeyExchange::new(magic, role, secret, garbage);
        let mut transport = Self::v1(peer, magic, outbound);
        if outbound {
            transport.begin(exchange);
        } else {
            transport.state = State::MaybeV1 { prefix: Vec::new(), exchange };
        }
        transport
    }

    /// Sends our key and waits for theirs.
    fn begin(&mut self, exchange: KeyExchange) {
        match exchange.opening() {
            Ok(bytes) => {
                self.note(format!("start sending v2 handshake to peer={}", self.peer));
                self.push_handshake(bytes);
                self.state = State::Exchange(exchange);
            }
            Err(complaint) => {
                self.note(complaint);
                self.state = State::Broken;
            }
        }
    }

    fn push_handshake(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.unsent.push_back(Unsent { bytes, kind: None });
        }
    }

    fn note(&mut self, text: String) {
        self.log.push_back(LogLine::net(text));
    }

    /// What is known about it.
    pub fn info(&self) -> TransportInfo {
        match &self.state {
            State::V1(_) => TransportInfo { kind: TransportKind::V1, session_id: None },
            State::V2(session) => TransportInfo { kind: TransportKind::V2, session_id: Some(session.id()) },
            _ => TransportInfo { kind: TransportKind::Detecting, session_id: None },
        }
    }

    /// Whether a closed connection should be tried again with v1: we began it, and the peer closed it without a word
    /// after it had got enough to see that it is not v1.
    pub const fn should_reconnect_v1(&self) -> bool {
        match &self.state {
            State::Exchange(exchange) => self.outbound && exchange.is_untouched() && self.handshake_written,
            _ => false,
        }
    }

    /// Takes bytes from the socket.
    ///
    /// # Errors
    ///
    /// When the stream cannot be read any further; the log has the reason.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let mut input = bytes;
        while !input.is_empty() {
            let complete = match &mut self.state {
                State::V1(reader) => reader.read(&mut input),
                State::V2(session) => session.read(&mut input),
                State::Broken => return Err(TransportError),
                State::MaybeV1 { .. } => self.detect(&mut input).map(|()| None),
                State::Exchange(_) => self.exchange(&mut input).map(|()| None),
            };
            match complete {
                Ok(Some(complete)) => {
                    if let Some(complaint) = complete.complaint {
                        self.note(format!("{complaint}, peer={}", self.peer));
                    }
                    self.received.push_back(complete.received);
                }
                Ok(None) => {}
                Err(complaint) => {
                    self.note(format!("{complaint}, peer={}", self.peer));
                    self.state = State::Broken;
                }
            }
        }
        if matches!(self.state, State::Broken) { Err(TransportError) } else { Ok(()) }
    }

    /// Tells v1 from v2 by the first bytes of an inbound connection.
    fn detect(&mut self, input: &mut &[u8]) -> Result<(), String> {
        let State::MaybeV1 { prefix, .. } = &mut self.state else { return Ok(()) };
        let mut v1 = self.magic.to_vec();
        v1.extend(b"version\0\0\0\0\0");
        let seen = prefix.len();
        super::v1::take(input, prefix, V1_PREFIX_SIZE);
        let same = v1[seen..prefix.len()] == prefix[seen..];
        if same && prefix.len() < V1_PREFIX_SIZE {
            return Ok(());
        }
        let State::MaybeV1 { prefix, exchange } = std::mem::replace(&mut self.state, State::Broken) else {
            return Ok(());
        };
        if same {
            let mut reader = V1Reader::new(self.magic);
            reader.read(&mut prefix.as_slice())?;
            self.state = State::V1(reader);
            self.flush_waiting();
            return Ok(());
        }
        self.begin(exchange);
        self.exchange(&mut prefix.as_slice())
    }

    fn exchange(&mut self, input: &mut &[u8]) -> Result<(), String> {
        let State::Exchange(exchange) = &mut self.state else { return Ok(()) };
        let mut output = Vec::new();
        let progress = exchange.receive(std::mem::take(input), &mut output)?;
        self.push_handshake(output);
        if let Progress::Done { cipher, rest } = progress {
            self.state = State::V2(Box::new(V2Session::new(*cipher)));
            self.flush_waiting();
            // A failure leaves the state broken, with the reason in the log.
            self.receive(&rest).ok();
        }
        Ok(())
    }

    /// Frames a message, or keeps it until the keys are agreed.
    pub fn send(&mut self, message: Message) {
        let bytes = match &mut self.state {
            State::V1(_) => frame(self.magic, &message),
            State::V2(session) => session.seal(&message),
            State::MaybeV1 { .. } | State::Exchange(_) => {
                self.waiting.push_back(message);
                return;
            }
            State::Broken => return,
        };
        self.unsent.push_back(Unsent { bytes, kind: Some(message.kind) });
    }

    fn flush_waiting(&mut self) {
        for message in std::mem::take(&mut self.waiting) {
            self.send(message);
        }
    }

    /// The next message or dropped frame.
    pub fn poll_received(&mut self) -> Option<Received> {
        self.received.pop_front()
    }

    /// The next bytes to write.
    pub fn poll_unsent(&mut self) -> Option<Unsent> {
        let unsent = self.unsent.pop_front()?;
        self.handshake_written |= unsent.kind.is_none() && unsent.bytes.len() >= V1_HEADER_SIZE;
        Some(unsent)
    }

    /// The next line for the log.
    pub fn poll_log(&mut self) -> Option<LogLine> {
        self.log.pop_front()
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("peer", &self.peer).field("kind", &self.info().kind).finish_non_exhaustive()
    }
}
