//! What has come and was not taken yet. A browser hands messages over as they come and cannot be told to wait, so a peer
//! who sends more than is read, beyond a bound, is let go.

use crate::framing::Assembler;
use js_sys::{ArrayBuffer, Uint8Array};
use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::mpsc;

/// The most bytes that wait: as much as 32 of the longest messages.
const LIMIT: usize = 32 * crate::framing::MAX_MESSAGE;
/// What a message counts at least.
const MIN_COST: usize = 128;

/// The end that takes chunks in.
pub(super) struct Intake {
    assembler: Assembler,
    waiting: Rc<Cell<usize>>,
    queue: mpsc::UnboundedSender<Vec<u8>>,
}

/// The end that gives messages out.
pub(super) struct Inbox {
    waiting: Rc<Cell<usize>>,
    queue: mpsc::UnboundedReceiver<Vec<u8>>,
}

pub(super) fn inbox() -> (Intake, Inbox) {
    let waiting = Rc::new(Cell::new(0));
    // Bounded by the count of bytes.
    let (sender, receiver) = mpsc::unbounded_channel();
    let intake = Intake { assembler: Assembler::default(), waiting: waiting.clone(), queue: sender };
    (intake, Inbox { waiting, queue: receiver })
}

impl Intake {
    /// Takes a chunk. `false` when the peer broke the framing, or sends faster than anyone reads.
    pub(super) fn take(&mut self, chunk: &ArrayBuffer) -> bool {
        // Before it is copied.
        if chunk.byte_length() as usize > crate::framing::MAX_CHUNK {
            return false;
        }
        match self.assembler.push(&Uint8Array::new(chunk).to_vec()) {
            Ok(None) => true,
            Ok(Some(message)) => {
                let waiting = self.waiting.get() + message.len().max(MIN_COST);
                self.waiting.set(waiting);
                let _ = self.queue.send(message); // with the receiver gone nobody wants it
                waiting <= LIMIT
            }
            Err(_) => false,
        }
    }
}

impl Inbox {
    /// The next message; `None` after the last one. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Option<Vec<u8>> {
        let message = self.queue.recv().await?;
        self.waiting.set(self.waiting.get().saturating_sub(message.len().max(MIN_COST)));
        Some(message)
    }
}
