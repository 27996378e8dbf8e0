//! One line per contact: all of them while listening, otherwise those with whom something is under way.

use super::doorbell::{Door, Ring, ToLine, Unanswered};
use super::line::{Line, Shared};
use pumasi_identity::Did;
use pumasi_rt::Task;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a line may take to close its link.
const CLOSING: Duration = Duration::from_secs(5);

/// Offers at the door of one line that wait.
const RINGS: usize = 4;

/// A line, while it is open.
struct Handle {
    hang_up: oneshot::Sender<()>,
    door: mpsc::Sender<ToLine>,
    task: Task<()>,
}

/// The lines of a running peer.
pub(crate) struct Switchboard {
    shared: Shared,
    lines: HashMap<Did, Handle>,
}

impl Switchboard {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared, lines: HashMap::new() }
    }

    /// Opens lines as they are needed, until told to stop; then closes them all.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>, mut door: mpsc::Receiver<Door>) {
        if self.shared.listening {
            for peer in self.shared.people.looked_for() {
                self.open(peer, self.shared.listening).await;
            }
        }
        let mut wanted = self.shared.wanted.clone();
        loop {
            let now: Vec<Did> = wanted.borrow_and_update().iter().copied().collect();
            for peer in now {
                self.open(peer, self.shared.listening).await;
            }
            tokio::select! {
                _ = &mut stop => break,
                changed = wanted.changed() => if changed.is_err() { break },
                Some(came) = door.recv() => match came {
                    Door::Ring(ring) => self.ring(ring).await,
                    Door::Nudge(peer) => {
                        self.open(peer, false).await;
                        if let Some(line) = self.lines.get(&peer) {
                            let _ = line.door.try_send(ToLine::Nudge); // a full door has been knocked at already
                        }
                    }
                },
            }
        }
        let closing = self.lines.into_values().map(|line| {
            drop(line.hang_up);
            line.task
        });
        if pumasi_rt::timeout(CLOSING, futures::future::join_all(closing)).await.is_err() {
            tracing::debug!("a link took too long to close");
        }
    }

    /// Opens the line to somebody, if there is none. With `look` it also looks for offers in the mailbox.
    async fn open(&mut self, peer: Did, look: bool) {
        if self.lines.get(&peer).is_some_and(|line| !line.task.is_finished()) {
            return;
        }
        let Some(profile) = self.shared.people.get(&peer) else { return };
        match Line::new(self.shared.clone(), profile, look).await {
            Ok(line) => {
                let (hang_up, stop) = oneshot::channel();
                let (door, at_the_door) = mpsc::channel(RINGS);
                let task = pumasi_rt::spawn(line.run(stop, at_the_door));
                self.lines.insert(peer, Handle { hang_up, door, task });
            }
            Err(error) => tracing::warn!(peer = %peer.short(), %error, "no line to this contact"),
        }
    }

    /// Hands an offer to the line of whoever made it.
    async fn ring(&mut self, ring: Box<Ring>) {
        let peer = ring.offer.signal().from;
        self.open(peer, false).await;
        let refused = match self.lines.get(&peer) {
            Some(line) => line.door.try_send(ToLine::Ring(ring)).err().and_then(|error| match error.into_inner() {
                ToLine::Ring(ring) => Some(ring),
                ToLine::Nudge => None,
            }),
            None => Some(ring),
        };
        if let Some(ring) = refused {
            let _ = ring.answer.send(Err(Unanswered::Busy)); // whoever asked may have gone
        }
    }
}
