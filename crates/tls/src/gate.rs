use crate::Source;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts the open connections, in all and of each source.
#[derive(Clone)]
pub(crate) struct Gate {
    all: Arc<Semaphore>,
    sources: Arc<Mutex<HashMap<Source, usize>>>,
    per_source: usize,
}

/// The place of one connection; given back when dropped.
pub(crate) struct Place {
    gate: Gate,
    source: Source,
    _all: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(connections: usize, per_source: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(connections)), sources: Arc::default(), per_source }
    }

    /// Waits until there is room for one more.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.all).acquire_owned().await.expect("the gate is never closed")
    }

    /// Takes the place, unless the source has as many as it may.
    pub(crate) fn enter(&self, source: Source, room: OwnedSemaphorePermit) -> Option<Place> {
        let mut sources = self.sources();
        let count = sources.entry(source).or_default();
        if *count >= self.per_source {
            return None;
        }
        *count += 1;
        Some(Place { gate: self.clone(), source, _all: room })
    }

    /// Every change of the table is one whole step, so it is sound after a panic elsewhere.
    fn sources(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sources = self.gate.sources();
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_has_no_more_than_its_share_and_leaves_nothing_behind() {
        let gate = Gate::new(8, 2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| Source::of(text.parse().unwrap()));
        let first = gate.enter(one, gate.room().await).unwrap();
        let second = gate.enter(one, gate.room().await).unwrap();
        assert!(gate.enter(one, gate.room().await).is_none());
        assert!(gate.enter(other, gate.room().await).is_some());
        assert_eq!(gate.all.available_permits(), 6);
        drop(first);
        assert!(gate.enter(one, gate.room().await).is_some());
        drop(second);
        assert!(gate.sources().is_empty());
        assert_eq!(gate.all.available_permits(), 8);
    }
}
