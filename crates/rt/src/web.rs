use futures::future::{AbortHandle, LocalBoxFuture, abortable};
use js_sys::{Function, Reflect};
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

/// `setTimeout` takes 31 bits of milliseconds.
const LONGEST: u128 = i32::MAX as u128;

/// A boxed future, of this thread: a page has no other.
pub type Boxed<'a, T> = LocalBoxFuture<'a, T>;

/// Boxes a future.
pub fn boxed<'a, T>(future: impl Future<Output = T> + 'a) -> Boxed<'a, T> {
    Box::pin(future)
}

/// A future that runs beside the caller. Dropping it lets it run on.
#[derive(Debug)]
pub struct Task<T> {
    output: oneshot::Receiver<T>,
    abort: AbortHandle,
    done: Rc<Cell<bool>>,
}

/// The task was ended before it was done.
#[derive(Debug)]
pub struct TaskError;

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was ended")
    }
}

impl std::error::Error for TaskError {}

/// Runs a future beside the caller. Dropping the task lets it run on.
pub fn spawn<F: Future + 'static>(future: F) -> Task<F::Output> {
    let (sender, output) = oneshot::channel();
    let done = Rc::new(Cell::new(false));
    let ended = Done(done.clone());
    let (run, abort) = abortable(async move {
        let _ended = ended; // also when it is aborted
        let _ = sender.send(future.await); // nobody may be waiting any more
    });
    wasm_bindgen_futures::spawn_local(async move {
        let _ = run.await; // that it was ended is told by the dropped sender
    });
    Task { output, abort, done }
}

struct Done(Rc<Cell<bool>>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl<T> Task<T> {
    /// Ends it at its next await.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// Whether it is done or ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.done.get()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.output).poll(context).map_err(|_| TaskError)
    }
}

/// Futures that run beside the caller and report back here. Dropping the set ends them.
#[derive(Debug)]
pub struct Tasks<T> {
    /// One that was ended reports nothing, so each says when it is gone.
    done: (mpsc::UnboundedSender<Option<T>>, mpsc::UnboundedReceiver<Option<T>>),
    running: usize,
    aborts: Vec<(AbortHandle, Rc<Cell<bool>>)>,
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Tasks<T> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        // Bounded by the number of tasks.
        Self { done: mpsc::unbounded_channel(), running: 0, aborts: Vec::new() }
    }

    /// Whether nothing runs, and nothing waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running == 0
    }

    /// Ends them all.
    pub fn abort_all(&mut self) {
        self.aborts.drain(..).for_each(|(abort, _)| abort.abort());
    }

    /// The output of the next one that is done; `None` when there is none. Cancel-safe.
    pub async fn join_next(&mut self) -> Option<Result<T, TaskError>> {
        if self.running == 0 {
            return None;
        }
        let output = self.done.1.recv().await?;
        self.running -= 1;
        Some(output.ok_or(TaskError))
    }
}

impl<T: 'static> Tasks<T> {
    /// Runs one more.
    pub fn spawn(&mut self, future: impl Future<Output = T> + 'static) {
        let (run, abort) = abortable(future);
        let sender = self.done.0.clone();
        let gone = Rc::new(Cell::new(false));
        self.running += 1;
        self.aborts.retain(|(_, gone)| !gone.get());
        self.aborts.push((abort, gone.clone()));
        wasm_bindgen_futures::spawn_local(async move {
            let output = run.await.ok();
            gone.set(true);
            drop(sender.send(output));
        });
    }
}

impl<T> Drop for Tasks<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

fn global(name: &str) -> Function {
    let function = Reflect::get(&js_sys::global(), &name.into()).map(|function| function.unchecked_into());
    function.expect("every page and worker has timers")
}

/// Waits so long, or longer: a page in the background is woken once a second, or once a minute.
pub fn sleep(duration: Duration) -> Sleep {
    let (sender, woken) = oneshot::channel();
    let callback = Closure::once(move || {
        let _ = sender.send(()); // the sleep may have been dropped
    });
    // Up, so that it never wakes too early.
    let millis = duration.as_micros().div_ceil(1_000).min(LONGEST) as f64;
    let timer = global("setTimeout").call2(&JsValue::UNDEFINED, callback.as_ref(), &millis.into());
    Sleep { woken, timer: timer.expect("setTimeout takes a function and a number"), _callback: callback }
}

/// What [`sleep`] gives. Dropping it stops its timer.
#[derive(Debug)]
pub struct Sleep {
    woken: oneshot::Receiver<()>,
    timer: JsValue,
    _callback: Closure<dyn FnMut()>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.woken).poll(context).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _ = global("clearTimeout").call1(&JsValue::UNDEFINED, &self.timer);
    }
}

/// A moment on the page's own clock (`performance.now`), which no change of the time of day moves.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Instant(Duration);

impl Instant {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let performance = Reflect::get(&js_sys::global(), &"performance".into());
        let now = performance.and_then(|performance| {
            let now: Function = Reflect::get(&performance, &"now".into())?.unchecked_into();
            now.call0(&performance)
        });
        let millis = now.ok().and_then(|now| now.as_f64()).expect("every page and worker has performance.now()");
        Self(Duration::from_secs_f64(millis.max(0.0) / 1e3))
    }

    /// How long ago it was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now() - *self
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Elapsed, timeout};
    use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

    wasm_bindgen_test_configure!(run_in_browser);

    #[wasm_bindgen_test]
    async fn time_passes_and_a_timeout_ends_what_never_does() {
        let begin = Instant::now();
        sleep(Duration::from_millis(20)).await;
        assert!(begin.elapsed() >= Duration::from_millis(20));
        assert_eq!(timeout(Duration::from_millis(5), std::future::pending::<()>()).await, Err(Elapsed));
        assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
    }

    #[wasm_bindgen_test]
    async fn a_task_runs_without_being_awaited_and_one_that_is_ended_says_so() {
        let ran = Rc::new(Cell::new(false));
        drop(spawn({
            let ran = ran.clone();
            async move { ran.set(true) }
        }));
        assert_eq!(spawn(async { 3 }).await.unwrap(), 3);
        assert!(ran.get());
        let endless = spawn(std::future::pending::<()>());
        endless.abort();
        assert!(endless.await.is_err());
    }

    #[wasm_bindgen_test]
    async fn a_set_gives_each_output_once_and_dropping_it_ends_the_rest() {
        let ran = Rc::new(Cell::new(0));
        let mut tasks = Tasks::new();
        for wait in [20, 1] {
            tasks.spawn(async move {
                sleep(Duration::from_millis(wait)).await;
                wait
            });
        }
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), 1);
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), 20);
        assert!(tasks.is_empty() && tasks.join_next().await.is_none());
        tasks.spawn({
            let ran = ran.clone();
            async move {
                sleep(Duration::from_millis(5)).await;
                ran.set(1);
                0
            }
        });
        drop(tasks);
        sleep(Duration::from_millis(20)).await;
        assert_eq!(ran.get(), 0);
    }
}
