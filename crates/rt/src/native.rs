use futures::future::BoxFuture;
use std::future::Future;

pub use std::time::Instant;
pub use tokio::task::{JoinError as TaskError, JoinHandle as Task, JoinSet as Tasks};
pub use tokio::time::sleep;

/// A boxed future that another thread may run.
pub type Boxed<'a, T> = BoxFuture<'a, T>;

/// Boxes a future.
pub fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Boxed<'a, T> {
    Box::pin(future)
}

/// Runs a future beside the caller. Dropping the task lets it run on.
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}
