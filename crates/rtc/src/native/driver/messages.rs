//! Messages in and out: the queues, the framing, and the engine's buffer.

use std::collections::VecDeque;

use str0m::channel::{ChannelData, ChannelId, Reliability};

use super::Driver;
use super::clock::Phase;
use crate::framing::Chunks;
use crate::native::LABEL;
use crate::outbox::{self, Queued};
use crate::{CloseReason, LinkState, Progress};

/// The most chunks that may be unacknowledged. The engine bounds their bytes; but it goes through all of them again and
/// again, and thousands of small ones would fit.
const MAX_FLIGHT: usize = 128;

/// The chunks that the engine has and the peer has not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Flight {
    lengths: VecDeque<usize>,
    bytes: usize,
}

impl Flight {
    /// Whether one more chunk may go, when this many bytes are not acknowledged.
    fn has_room(&mut self, buffered: usize) -> bool {
        // The oldest are acknowledged first; one that is acknowledged in part still counts.
        while let Some(oldest) = self.lengths.front()
            && self.bytes - oldest >= buffered
        {
            self.bytes -= oldest;
            self.lengths.pop_front();
        }
        self.lengths.len() < MAX_FLIGHT
    }

    fn add(&mut self, length: usize) {
        self.lengths.push_back(length);
        self.bytes += length;
    }
}

impl Driver {
    pub(super) fn channel_opened(&mut self, id: ChannelId, label: &str) -> Result<(), CloseReason> {
        let reliable = self
            .rtc
            .channel(id)
            .and_then(|channel| channel.config().map(|it| it.ordered && it.reliability == Reliability::Reliable));
        if self.channel.is_some() || label != LABEL || reliable == Some(false) {
            return Err(CloseReason::Protocol);
        }
        self.channel = Some(id);
        self.phase = Phase::Open;
        self.shared.set_state(LinkState::Up);
        self.report_path();
        self.observer.notify(Progress::Tried(self.path.tried(&self.sockets)));
        if let Some(report) = self.shared.report() {
            self.observer.notify(Progress::Open(report));
        }
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Ok(()));
        }
        Ok(())
    }

    pub(super) fn channel_data(&mut self, data: &ChannelData) -> Result<(), CloseReason> {
        if Some(data.id) != self.channel || !data.binary {
            return Err(CloseReason::Protocol);
        }
        match self.assembler.push(&data.data) {
            Ok(None) => {}
            Ok(Some(message)) => {
                self.undelivered.push_back(message);
                self.deliver();
            }
            Err(error) => {
                tracing::debug!(%error, "the peer broke the framing");
                return Err(CloseReason::Protocol);
            }
        }
        Ok(())
    }

    /// Hands messages to the reader as far as there is room.
    pub(super) fn deliver(&mut self) {
        while let Some(message) = self.undelivered.pop_front() {
            if let Err(message) = self.inbox.try_send(message) {
                self.undelivered.push_front(message);
                return;
            }
        }
    }

    pub(super) fn begin_message(&mut self, (message, room): Queued) {
        let chunks = Chunks::new(message).expect("the handle checks the length");
        self.sending = Some((chunks, room));
    }

    /// Gives the engine one chunk, if there is one and it takes it.
    pub(super) fn send_next_chunk(&mut self) -> bool {
        if self.chunk.is_empty() && !self.fill_chunk() {
            return false;
        }
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else { return false };
        if !self.flight.has_room(channel.buffered_amount()) {
            return false;
        }
        match channel.write(true, &self.chunk) {
            Ok(true) => {
                self.flight.add(self.chunk.len());
                self.chunk.clear();
                true
            }
            // 128 KiB are on their way: an acknowledgement makes room.
            Ok(false) => false,
            Err(error) => {
                self.complaint = Some(error.to_string());
                false
            }
        }
    }

    pub(super) fn fill_chunk(&mut self) -> bool {
        if !self.is_open() {
            return false;
        }
        loop {
            if let Some((chunks, _)) = &mut self.sending
                && chunks.next_into(&mut self.chunk)
            {
                return true;
            }
            self.sending = None;
            match self.outbox.try_recv() {
                Some(queued) => self.begin_message(queued),
                None => return false,
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing { .. })
    }

    /// Bytes that the engine has not taken yet.
    pub(super) fn unsent(&self) -> usize {
        self.chunk.len() + self.outbox.bytes()
    }

    /// Bytes that the peer has not acknowledged.
    pub(super) fn buffered(&mut self) -> usize {
        self.channel.and_then(|id| self.rtc.channel(id)).map_or(0, |mut channel| channel.buffered_amount())
    }
}

/// Waits until the reader has room for the message that comes next.
pub(super) async fn wait_for_room(inbox: &outbox::Sender, message: Option<&Vec<u8>>) {
    if let Some(message) = message {
        inbox.room_for(message).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_chunks_make_room_and_those_in_part_do_not() {
        let mut flight = Flight::default();
        for _ in 0..MAX_FLIGHT {
            assert!(flight.has_room(flight.bytes));
            flight.add(10);
        }
        let all = 10 * MAX_FLIGHT;
        assert!(!flight.has_room(all));
        assert!(!flight.has_room(all - 9));
        assert!(flight.has_room(all - 10));
        assert_eq!(flight.lengths.len(), MAX_FLIGHT - 1);
        assert!(flight.has_room(0));
        assert!(flight.lengths.is_empty() && flight.bytes == 0);
    }
}
