//! Nodes that fall silent: their machine stops, and every connection to it stays open without an answer.

use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// One thread that runs some nodes.
pub(crate) struct Machine {
    pub(crate) handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Runtime>>,
}

impl Machine {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            // An error means that the machine is gone: then it stops as well.
            let _ = runtime.block_on(stopped);
            runtime
        });
        Self { handle, stop: Some(stop), thread: Some(thread) }
    }

    /// From now on nothing of it runs, and nothing of it is closed either.
    pub(crate) fn fall_silent(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // Dropping the runtime would close its connections, of which the others would hear.
            std::mem::forget(thread.join().expect("no panic on the machine"));
        }
    }
}
