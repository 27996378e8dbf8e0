//! Queues between a link's handle and its task, bounded by bytes: a message waits until there is room for it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The most bytes that wait in one direction: four of the longest messages.
pub(crate) const QUEUE_BYTES: usize = 4 * crate::framing::MAX_MESSAGE;

/// What a message counts at least, so that empty-handed messages are bounded too.
const MIN_COST: usize = 128;

/// A message and the room that it takes; dropping it gives the room back.
pub(crate) type Queued = (Vec<u8>, OwnedSemaphorePermit);

/// The sending end.
#[derive(Clone)]
pub(crate) struct Sender {
    room: Arc<Semaphore>,
    queue: mpsc::UnboundedSender<Queued>,
}

/// The receiving end. Dropping it makes every waiting sender fail.
pub(crate) struct Receiver {
    room: Arc<Semaphore>,
    queue: mpsc::UnboundedReceiver<Queued>,
}

/// The other end is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// Makes a queue of [`QUEUE_BYTES`].
pub(crate) fn queue() -> (Sender, Receiver) {
    let room = Arc::new(Semaphore::new(QUEUE_BYTES));
    // The semaphore bounds it.
    let (sender, receiver) = mpsc::unbounded_channel();
    (Sender { room: room.clone(), queue: sender }, Receiver { room, queue: receiver })
}

fn cost(message: &[u8]) -> u32 {
    u32::try_from(message.len().max(MIN_COST)).expect("a message is bounded")
}

impl Sender {
    /// Waits for room, then queues.
    pub(crate) async fn send(&self, message: Vec<u8>) -> Result<(), Gone> {
        let room = self.room.clone().acquire_many_owned(cost(&message)).await.map_err(|_| Gone)?;
        self.queue.send((message, room)).map_err(|_| Gone)
    }

    /// Queues if there is room now; else gives the message back.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn try_send(&self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        match self.room.clone().try_acquire_many_owned(cost(&message)) {
            // With the receiver gone nobody wants the message.
            Ok(room) => drop(self.queue.send((message, room))),
            Err(_) => return Err(message),
        }
        Ok(())
    }

    /// Whether nothing waits, and nothing that was taken out is still held.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn is_empty(&self) -> bool {
        self.room.available_permits() == QUEUE_BYTES
    }

    /// Waits until there is room for a message.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn room_for(&self, message: &[u8]) {
        let _ = self.room.acquire_many(cost(message)).await;
    }
}

impl Receiver {
    /// The next message; `None` when all senders are gone. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<Queued> {
        self.queue.recv().await
    }

    /// The room that is taken by what waits, or by what was taken out and is still held.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn bytes(&self) -> usize {
        QUEUE_BYTES - self.room.available_permits()
    }

    /// The next message, if there is one now.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn try_recv(&mut self) -> Option<Queued> {
        self.queue.try_recv().ok()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.room.close();
    }
}
