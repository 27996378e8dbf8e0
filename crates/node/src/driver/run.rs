//! The life of the process: from its arguments to its exit.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::dial::Dialer;
use super::notify::Notifier;
use super::work::Worker;
use super::{Event, Tip};
use super::{metrics, permissions, setup};
use crate::clock::Clock;
use crate::conf::{ConfError, Listen, Settings};
use crate::log::DebugLog;
use crate::rpc::{ActiveCalls, Server};
use crate::storage::FolderLock;

/// Events that may wait for the validation thread.
const QUEUE: usize = 1024;
/// How long calls that are under way may take to end when the node stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// How far a running node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Height of the active chain; of a light node, up to where it has looked.
    pub height: u32,
    /// Height of the best header.
    pub headers: u32,
    /// Connections to others.
    pub peers: usize,
    /// It still catches up.
    pub syncing: bool,
    /// It is a light node.
    pub light: bool,
}

/// Who is told twice a second how far the node is; on the node's own thread, so it should not take long.
pub type Observer = Box<dyn FnMut(Progress) + Send>;

/// Runs a node until somebody stops it.
///
/// # Errors
/// What kept it from starting, or what stopped it, in words for its user.
pub fn run(settings: Settings) -> Result<(), ConfError> {
    run_observed(settings, Box::new(|_| {}))
}

/// [`run`], telling how far it is.
///
/// # Errors
/// As [`run`].
pub fn run_observed(settings: Settings, observer: Observer) -> Result<(), ConfError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| ConfError::Value(format!("The system gives no threads: {error}")))?;
    let handle = runtime.handle().clone();
    let result = handle.block_on(live(settings, observer));
    // Tasks of connections that have not noticed yet must not hold up the exit.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn live(settings: Settings, observer: Observer) -> Result<(), ConfError> {
    let _folder = FolderLock::take(&settings.folder).map_err(|error| ConfError::Value(error.to_string()))?;
    let _blocks = FolderLock::take(&settings.blocks_folder).map_err(|error| ConfError::Value(error.to_string()))?;
    let (sender, events) = mpsc::channel(QUEUE);
    // From now on, so that somebody who ends the node while it opens finds everything saved.
    tokio::spawn(signals(sender.clone()));
    let clock = Arc::new(Clock::default());
    if settings.args.is_set("mocktime") {
        clock.set_mock(settings.args.integer("mocktime", 0));
    }
    let log = if settings.args.is_negated("debuglogfile") {
        DebugLog::without_file(settings.log.clone(), Arc::clone(&clock))
    } else {
        DebugLog::open(&settings.log_path, settings.log.clone(), Arc::clone(&clock))
            .map_err(|_| ConfError::Value(format!("Could not open debug log file {}", settings.log_path.display())))?
    };
    log.info(&format!("Pumasi version v{} starting on {:?}", env!("CARGO_PKG_VERSION"), settings.network));
    log.info(&format!("Using data directory {}", settings.folder.display()));
    for warning in &settings.warnings {
        log.warn(warning);
    }
    let pid = settings.args.path("pid", "bitcoind.pid", &settings.folder);
    let pid = PidFile::write(pid, settings.args.is_negated("pid"));

    let calls = ActiveCalls::default();
    let opening = (settings.clone(), log.clone(), Arc::clone(&clock), calls.clone());
    // Opening may read for minutes: not on a thread that serves sockets.
    let node = tokio::task::spawn_blocking(move || setup::node(opening.0, &opening.1, &opening.2, opening.3))
        .await
        .map_err(|error| ConfError::Value(format!("The chain could not be opened: {error}")))??;

    let start = node.backend.chain.tip();
    let (tip, tips) = watch::channel(Tip { hash: start.hash, height: start.height, stopping: false });
    let (stop, stopped) = watch::channel(false);
    let listeners = listen(&settings.listen, &log).await?;
    let server = Server::bind(&settings, &log, sender.clone(), tips, calls).await?;
    for (listener, listen) in listeners {
        tokio::spawn(accept(listener, listen, settings.clone(), sender.clone()));
    }
    if let Some(listener) = metrics_listener(&settings).await? {
        tokio::spawn(metrics::serve(listener, sender.clone()));
    }
    let server = tokio::spawn(server.serve(stopped));

    let timeout = Duration::from_millis(u64::try_from(settings.args.integer("timeout", 5000)).unwrap_or(5000).max(1));
    let mut worker = Worker {
        dialer: Dialer { network: settings.network, default_port: node.backend.chain.params().default_port, timeout },
        max_send_buffer: usize::try_from(settings.args.integer("maxsendbuffer", 1000)).unwrap_or(0) * 1000,
        node,
        events,
        sender,
        tip,
        runtime: tokio::runtime::Handle::current(),
        links: std::collections::HashMap::new(),
        room: Worker::room(),
        observer,
        last_tick: std::time::Instant::now(),
        last_index_save: std::time::Instant::now(),
        stop_at_height: u32::try_from(settings.args.integer("stopatheight", 0)).ok().filter(|height| *height > 0),
        notifier: Notifier::new(&settings.args, log.clone()),
        capture: settings.args.flag("capturemessages", false).then(|| settings.folder.clone()),
        last_light_save: std::time::Instant::now(),
    };
    worker.node.backend.keep_tips = worker.notifier.wants_blocks();
    log.info("init message: Done loading");
    worker.notifier.started(&settings.args);
    let ended = tokio::task::spawn_blocking(move || {
        let (mut worker, stop) = (worker, stop);
        worker.until_stopped();
        // Nobody can call any more from here on.
        let _ = stop.send(true);
        worker.finish()
    })
    .await;
    let _ = tokio::time::timeout(FAREWELL, server).await;
    drop(pid);
    match ended {
        Ok(None) => Ok(()),
        Ok(Some(fatal)) => Err(ConfError::Value(fatal)),
        Err(error) => {
            Err(ConfError::Value(format!("The node failed: {error}. All blocks up to the last save are safe.")))
        }
    }
}

/// The socket of `-metricsport=`, for this machine only.
async fn metrics_listener(settings: &Settings) -> Result<Option<TcpListener>, ConfError> {
    let Some(text) = settings.args.text("metricsport") else { return Ok(None) };
    let port = text
        .parse::<u16>()
        .map_err(|_| ConfError::Value(format!("Invalid port specified in -metricsport: '{text}'")))?;
    let bound = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await;
    bound.map(Some).map_err(|error| {
        ConfError::Value(format!("The metrics cannot be served on port {port}: {error}. Choose another -metricsport."))
    })
}

/// The process's number, for scripts; removed at the end.
struct PidFile(Option<std::path::PathBuf>);

impl PidFile {
    fn write(path: std::path::PathBuf, negated: bool) -> Self {
        if negated || fs::write(&path, format!("{}\n", std::process::id())).is_err() {
            return Self(None);
        }
        Self(Some(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

async fn listen(wanted: &[Listen], log: &DebugLog) -> Result<Vec<(TcpListener, Listen)>, ConfError> {
    let mut bound = Vec::new();
    let mut failure = None;
    for listen in wanted {
        match TcpListener::bind(listen.address).await {
            Ok(listener) => {
                log.info(&format!("Bound to {}", listen.address));
                bound.push((listener, listen.clone()));
            }
            Err(error) => {
                let text = format!(
                    "Unable to bind to {} on this computer. Pumasi is probably already running.",
                    listen.address
                );
                log.error(&format!("{text} ({error})"));
                // Without -bind several are tried, and some of them may be missing.
                if !listen.optional {
                    return Err(ConfError::Value(text));
                }
                failure = Some(text);
            }
        }
    }
    match failure {
        Some(text) if bound.is_empty() => Err(ConfError::Value(text)),
        _ => Ok(bound),
    }
}

async fn accept(listener: TcpListener, listen: Listen, settings: Settings, events: mpsc::Sender<Event>) {
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            // Out of file descriptors, most likely: give others time to close.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let bind = stream.local_addr().unwrap_or(listen.address);
        let bind = SocketAddr::new(bind.ip().to_canonical(), bind.port());
        let permissions = permissions::of(&settings.args, address.ip(), true, listen.permissions.as_deref());
        if events.send(Event::Accepted { stream, address, bind, onion: listen.onion, permissions }).await.is_err() {
            return;
        }
    }
}

/// Ends the node on Ctrl-C and on SIGTERM, as `stop` does.
async fn signals(events: mpsc::Sender<Event>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
    let _ = events.send(Event::Stop).await;
}
