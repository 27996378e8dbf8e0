//! What the handle may read at any time.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{LinkState, PathReport};

/// What the handle may read at any time.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<LinkState>,
    report: Mutex<Option<PathReport>>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Shared { state: Mutex::new(LinkState::Down), report: Mutex::new(None) })
    }

    pub(crate) fn state(&self) -> LinkState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self) -> Option<PathReport> {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_state(&self, state: LinkState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(super) fn set_report(&self, report: Option<PathReport>) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}
