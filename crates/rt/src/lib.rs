//! Tasks and time, the same in a process and in a page: tokio natively, the browser's event loop and `setTimeout` on
//! `wasm32-unknown-unknown`.
//!
//! Only what drivers need who run in both. Queues and locks are `tokio::sync` in both: they need no runtime.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Boxed, Instant, Task, TaskError, Tasks, boxed, sleep, spawn};
#[cfg(target_arch = "wasm32")]
pub use web::{Boxed, Instant, Task, TaskError, Tasks, boxed, sleep, spawn};

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// The time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was over")
    }
}

impl std::error::Error for Elapsed {}

/// Waits for a future, at most so long.
///
/// # Errors
/// [`Elapsed`]; the future was dropped.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    // What is ready counts, also when the time is over as well.
    match futures::future::select(pin!(future), pin!(sleep(limit))).await {
        futures::future::Either::Left((output, _)) => Ok(output),
        futures::future::Either::Right(((), _)) => Err(Elapsed),
    }
}
