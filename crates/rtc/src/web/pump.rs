//! Hands messages to the channel, chunk by chunk, as it has room. A task of its own, so that giving up on sending one message
//! never leaves half of it in the channel.

use super::connection::Shared;
use crate::framing::Chunks;
use crate::outbox::Receiver;
use crate::{CloseReason, LinkState};
use std::rc::Rc;
use web_sys::RtcDataChannel;

/// The most bytes that wait in the browser.
const HIGH: u32 = 256 * 1024;

pub(super) async fn run(shared: Rc<Shared>, mut outbox: Receiver) {
    let mut chunk = Vec::new();
    while let Some((message, _room)) = outbox.recv().await {
        let mut chunks = Chunks::new(message).expect("its length was checked when it was queued");
        while chunks.next_into(&mut chunk) {
            let Some(channel) = room(&shared).await else { return };
            if channel.send_with_u8_array(&chunk).is_err() {
                shared.end(CloseReason::Failed);
                return;
            }
        }
    }
}

/// Waits until the channel takes more; `None` once it has ended.
async fn room(shared: &Shared) -> Option<RtcDataChannel> {
    let mut events = shared.events.subscribe();
    loop {
        if matches!(shared.state.get(), LinkState::Closed(_)) {
            return None;
        }
        let channel = shared.channel.borrow().clone();
        if let Some(channel) = channel.filter(|channel| shared.open.get() && channel.buffered_amount() < HIGH) {
            return Some(channel);
        }
        events.changed().await.ok()?;
    }
}
