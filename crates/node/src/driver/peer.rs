//! One task per connection: it frames and encrypts, and keeps the order in which things came.

use std::collections::VecDeque;
use std::sync::Arc;

use pumasi_p2p::wire::{Message, MessageType, Received, Transport, TransportInfo};
use pumasi_p2p::{Closed, PeerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use super::capture::Capture;
use super::{Event, PeerEvent};
use crate::log::DebugLog;

/// Bytes read from a socket at once.
const READ_SIZE: usize = 0x1_0000;
/// KiB of messages that all peers together may have waiting for the validation thread.
pub(super) const WAITING_KIB: usize = 0x1_0000;

/// What the validation thread asks of a connection.
#[derive(Debug)]
pub(super) enum Command {
    Send(Message),
    Pause(bool),
    Disconnect,
}

/// What a connection works with.
pub(super) struct Connection {
    pub(super) peer: PeerId,
    pub(super) stream: TcpStream,
    pub(super) transport: Transport,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) events: mpsc::Sender<Event>,
    /// Room for messages that the validation thread has not taken yet.
    pub(super) room: Arc<Semaphore>,
    pub(super) log: DebugLog,
    /// Where its messages are written down.
    pub(super) capture: Option<Capture>,
    /// Bytes that may wait to be written before the other side counts as slow (`-maxsendbuffer`).
    pub(super) max_send_buffer: usize,
}

struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    kind: Option<MessageType>,
}

impl Connection {
    /// Runs until the connection ends, and tells so exactly once.
    pub(super) async fn run(mut self) {
        let closed = self.talk().await;
        self.write_log();
        let reconnect_v1 = self.transport.should_reconnect_v1();
        self.tell(PeerEvent::Closed { closed, reconnect_v1 }).await;
    }

    async fn tell(&self, event: PeerEvent) {
        // The thread is gone when the node stops, and nobody wants to know any more.
        let _ = self.events.send(Event::Peer(self.peer, event)).await;
    }

    async fn talk(&mut self) -> Closed {
        let mut buffer = vec![0; READ_SIZE];
        let mut outgoing: VecDeque<Outgoing> = VecDeque::new();
        let (mut waiting, mut full, mut paused) = (0usize, false, false);
        let mut info: Option<TransportInfo> = None;
        loop {
            self.write_log();
            while let Some(unsent) = self.transport.poll_unsent() {
                waiting += unsent.bytes.len();
                outgoing.push_back(Outgoing { bytes: unsent.bytes, written: 0, kind: unsent.kind });
            }
            if full != (waiting > self.max_send_buffer) {
                full = !full;
                self.tell(PeerEvent::SendFull(full)).await;
            }
            let now = self.transport.info();
            if info.as_ref() != Some(&now) {
                info = Some(now);
                self.tell(PeerEvent::Transport(now)).await;
            }
            let (mut reader, mut writer) = self.stream.split();
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Send(message)) => {
                        if let Some(capture) = &mut self.capture {
                            capture.write(&message, false);
                        }
                        self.transport.send(message);
                    }
                    Some(Command::Pause(pause)) => paused = pause,
                    Some(Command::Disconnect) | None => {
                        self.write_what_fits(&outgoing);
                        return Closed::ByUs;
                    }
                },
                written = async {
                    let Some(first) = outgoing.front() else { return std::future::pending().await };
                    writer.write(&first.bytes[first.written..]).await
                } => match written {
                    Ok(count) => {
                        waiting -= count;
                        let first = outgoing.front_mut().expect("something was written of it");
                        first.written += count;
                        let kind = first.kind;
                        if first.written == first.bytes.len() {
                            outgoing.pop_front();
                        }
                        self.tell(PeerEvent::Sent(count, kind)).await;
                    }
                    Err(error) => return Closed::SendError(error.to_string()),
                },
                read = reader.read(&mut buffer), if !paused => match read {
                    Ok(0) => return Closed::ByPeer,
                    Ok(count) => {
                        self.tell(PeerEvent::Read(count)).await;
                        let readable = self.transport.receive(&buffer[..count]);
                        self.write_log();
                        self.pass_on().await;
                        if readable.is_err() {
                            return Closed::BadStream;
                        }
                    }
                    Err(error) => return Closed::ReceiveError(error.to_string()),
                },
            }
        }
    }

    /// Hands over what was received, in order, when there is room for it.
    async fn pass_on(&mut self) {
        while let Some(received) = self.transport.poll_received() {
            if let (Some(capture), Received::Message { message, .. }) = (&mut self.capture, &received) {
                capture.write(message, true);
            }
            let size = match &received {
                Received::Message { size, .. } | Received::Rejected { size } => *size,
            };
            let kib = u32::try_from((size / 1024 + 1).min(WAITING_KIB)).unwrap_or(1);
            // The semaphore is never closed; without a permit the message still passes.
            let permit = Arc::clone(&self.room).acquire_many_owned(kib).await.ok();
            self.tell(PeerEvent::Received(received, permit)).await;
        }
    }

    fn write_log(&mut self) {
        while let Some(line) = self.transport.poll_log() {
            super::write_line(&self.log, &line);
        }
    }

    /// Says goodbye with what the socket takes without waiting.
    fn write_what_fits(&mut self, outgoing: &VecDeque<Outgoing>) {
        for message in outgoing {
            match self.stream.try_write(&message.bytes[message.written..]) {
                Ok(count) if message.written + count == message.bytes.len() => {}
                _ => return,
            }
        }
    }
}
