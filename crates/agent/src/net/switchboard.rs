//! One line per contact: all of them while listening, otherwise those with whom something is under way.

use super::line::{Line, Shared};
use pumasi_identity::{Did, SignedProfile};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a line may take to close its link.
const CLOSING: Duration = Duration::from_secs(5);

/// The lines of a running peer.
pub(crate) struct Switchboard {
    shared: Shared,
    contacts: BTreeMap<Did, SignedProfile>,
    lines: HashMap<Did, (oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Switchboard {
    pub(crate) fn new(shared: Shared, contacts: BTreeMap<Did, SignedProfile>) -> Self {
        Self { shared, contacts, lines: HashMap::new() }
    }

    /// Opens lines as they are needed, until told to stop; then closes them all.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        if self.shared.listening {
            let everyone: Vec<Did> = self.contacts.keys().copied().collect();
            for peer in everyone {
                self.open(peer).await;
            }
        }
        let mut wanted = self.shared.wanted.clone();
        loop {
            let now: Vec<Did> = wanted.borrow_and_update().iter().copied().collect();
            for peer in now {
                self.open(peer).await;
            }
            tokio::select! {
                _ = &mut stop => break,
                changed = wanted.changed() => if changed.is_err() { break },
            }
        }
        let closing = self.lines.into_values().map(|(hang_up, line)| {
            drop(hang_up);
            line
        });
        if tokio::time::timeout(CLOSING, futures::future::join_all(closing)).await.is_err() {
            tracing::debug!("a link took too long to close");
        }
    }

    async fn open(&mut self, peer: Did) {
        if self.lines.get(&peer).is_some_and(|(_, line)| !line.is_finished()) {
            return;
        }
        let Some(profile) = self.contacts.get(&peer) else { return };
        match Line::new(self.shared.clone(), profile.clone()).await {
            Ok(line) => {
                let (hang_up, stop) = oneshot::channel();
                self.lines.insert(peer, (hang_up, tokio::spawn(line.run(stop))));
            }
            Err(error) => tracing::warn!(peer = %peer.short(), %error, "no line to this contact"),
        }
    }
}
