//! The validation thread.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pumasi_p2p::light::FilterSync;
use pumasi_p2p::wire::Transport;
use pumasi_p2p::{Closed, Output, PeerId};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};

use super::capture::Capture;
use super::dial::{Dialer, resolve_seed};
use super::notify::Notifier;
use super::peer::{Command, Connection, WAITING_KIB};
use super::run::{Observer, Progress};
use super::{Event, PeerEvent, Tip, write_line};
use super::{bans, permissions};
use crate::node::Node;

/// How long the thread sleeps when nothing happens; timers of the peers run as often.
const IDLE: Duration = Duration::from_millis(100);
/// How often the timers that run in real time move on.
const TICK: Duration = Duration::from_millis(500);
/// Events taken in a row before the peers have their turn.
const BATCH: usize = 64;
/// Real time between two saves of which blocks there are, so that a crash does not lose those that came.
const INDEX_SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// Real time between two saves of what a light node has found.
const LIGHT_SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// Seconds of node time between two saves of the chain (Core's `DATABASE_WRITE_INTERVAL`, about an hour).
const SAVE_INTERVAL: i64 = 3600;

/// The thread's side of everything.
pub(super) struct Worker {
    pub(super) node: Node,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) sender: mpsc::Sender<Event>,
    pub(super) tip: watch::Sender<Tip>,
    pub(super) runtime: Handle,
    pub(super) dialer: Dialer,
    pub(super) max_send_buffer: usize,
    pub(super) links: HashMap<PeerId, mpsc::UnboundedSender<Command>>,
    pub(super) room: Arc<Semaphore>,
    /// Who is told how far the node is.
    pub(super) observer: Observer,
    /// When the timers that run in real time last moved on.
    pub(super) last_tick: Instant,
    /// When what is known about blocks was last saved.
    pub(super) last_index_save: Instant,
    /// The node ends at this height (`-stopatheight`).
    pub(super) stop_at_height: Option<u32>,
    /// The owner's commands.
    pub(super) notifier: Notifier,
    /// The folder below which messages are written down (`-capturemessages`).
    pub(super) capture: Option<PathBuf>,
    /// When what a light node has found was last saved.
    pub(super) last_light_save: Instant,
}

impl Worker {
    pub(super) fn room() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(WAITING_KIB))
    }

    /// Works until the node is asked to stop or its store fails.
    pub(super) fn until_stopped(&mut self) {
        while !self.node.stopping && self.node.backend.fatal.is_none() {
            let mut busy = true;
            while busy && !self.node.stopping {
                let now = self.node.time();
                busy = self.node.net.work(now, &mut self.node.backend);
                self.after_work();
                busy &= !self.take_waiting();
            }
            self.tick();
            self.save_in_time();
            if self.node.stopping {
                break;
            }
            let next = self.runtime.block_on(async { tokio::time::timeout(IDLE, self.events.recv()).await });
            match next {
                Ok(Some(event)) => {
                    self.handle(event);
                    self.take_waiting();
                }
                Ok(None) => break,
                Err(_) => {}
            }
        }
        self.node.stopping = true;
        self.after_work();
    }

    /// Saves all; the text is why the node had to stop, if it had to.
    pub(super) fn finish(mut self) -> Option<String> {
        self.notifier.stopped();
        self.save();
        self.node.backend.fatal
    }

    /// Takes what has come meanwhile; whether there was something.
    fn take_waiting(&mut self) -> bool {
        for count in 0..BATCH {
            match self.events.try_recv() {
                Ok(event) => self.handle(event),
                Err(_) => return count > 0,
            }
        }
        true
    }

    fn handle(&mut self, event: Event) {
        let now = self.node.time();
        match event {
            Event::Call(call) => {
                let tell = call(&mut self.node);
                self.node.tell_peers();
                self.after_work();
                tell();
            }
            Event::Accepted { stream, address, bind, onion, permissions } => {
                let _ = onion;
                if let Some((peer, transport)) = self.node.net.accept(address.into(), bind.into(), permissions, now) {
                    self.connect(peer, transport, stream);
                }
            }
            Event::Dialed { id, stream } => {
                let addresses =
                    stream.as_ref().and_then(|stream| Some((stream.peer_addr().ok()?, stream.local_addr().ok()?)));
                match (stream, addresses) {
                    (Some(stream), Some((address, local))) => {
                        let permissions = permissions::of(&self.node.settings.args, address.ip(), false, None);
                        let dialed = self.node.net.dialed(id, address.into(), local.into(), permissions, now);
                        if let Some((peer, transport)) = dialed {
                            self.connect(peer, transport, stream);
                        }
                    }
                    _ => self.node.net.dial_failed(id, now),
                }
            }
            Event::Resolved { host, addresses } => self.node.net.seed_resolved(&host, &addresses, now),
            Event::Peer(peer, event) => self.peer_event(peer, event),
            Event::Stop => self.node.stopping = true,
        }
        self.after_work();
    }

    fn peer_event(&mut self, peer: PeerId, event: PeerEvent) {
        let now = self.node.time();
        let net = &mut self.node.net;
        match event {
            PeerEvent::Read(count) => net.note_bytes_received(peer, count, now),
            PeerEvent::Received(received, _room) => net.handle_received(peer, received, now),
            PeerEvent::Sent(count, kind) => net.note_bytes_sent(peer, count, kind, now),
            PeerEvent::SendFull(full) => net.note_send_full(peer, full),
            PeerEvent::Transport(info) => net.note_transport(peer, info),
            PeerEvent::Closed { closed, reconnect_v1 } => {
                self.links.remove(&peer);
                net.closed(peer, closed, reconnect_v1, now);
            }
        }
    }

    fn connect(&mut self, peer: PeerId, transport: Transport, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (link, commands) = mpsc::unbounded_channel();
        self.links.insert(peer, link);
        let capture = self.capture.as_deref().zip(stream.peer_addr().ok()).and_then(|(folder, address)| {
            let opened = Capture::open(folder, address);
            opened
                .inspect_err(|error| self.node.backend.log.warn(&format!("messages cannot be written down: {error}")))
                .ok()
        });
        let connection = Connection {
            peer,
            stream,
            transport,
            commands,
            events: self.sender.clone(),
            room: Arc::clone(&self.room),
            log: self.node.backend.log.clone(),
            capture,
            max_send_buffer: self.max_send_buffer,
        };
        self.runtime.spawn(connection.run());
    }

    /// Does what the peers' side asks for, and tells who waits for a new tip.
    fn after_work(&mut self) {
        self.node.follow_light();
        while let Some(output) = self.node.net.poll_output() {
            self.output(output);
        }
        self.node.backend.follow_mempool();
        for hash in self.node.backend.take_tips() {
            self.notifier.block(&hash);
        }
        if self.node.backend.take_warnings_changed() {
            self.notifier.warnings(self.node.backend.warnings());
        }
        let entry = self.node.backend.chain.tip();
        if self.stop_at_height.is_some_and(|height| entry.height >= height) {
            self.node.stopping = true;
        }
        let tip = Tip { hash: entry.hash, height: entry.height, stopping: self.node.stopping };
        self.tip.send_if_modified(|known| std::mem::replace(known, tip) != tip);
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send { peer, message } => self.command(peer, Command::Send(message)),
            Output::Disconnect { peer } => self.command(peer, Command::Disconnect),
            Output::PauseReading { peer, pause } => self.command(peer, Command::Pause(pause)),
            Output::Dial { id, target } => {
                self.runtime.spawn(self.dialer.dial(id, target, self.sender.clone()));
            }
            Output::ResolveSeed { host } => {
                self.runtime.spawn(resolve_seed(host, self.sender.clone()));
            }
            Output::SaveBans => self.keep_bans(),
            Output::SaveAddresses => self.keep("peers.dat", &self.node.net.book().save()),
            Output::Log(line) => write_line(&self.node.backend.log, &line),
        }
    }

    fn command(&self, peer: PeerId, command: Command) {
        // A link that is gone has told so, or is about to.
        if let Some(link) = self.links.get(&peer) {
            let _ = link.send(command);
        }
    }

    fn keep_bans(&self) {
        let now = self.node.time();
        self.keep(bans::FILE_NAME, bans::write(&self.node.net.bans().list(now)).as_bytes());
    }

    /// Writes a small file: aside first, then renamed.
    fn keep(&self, name: &str, bytes: &[u8]) {
        let path = self.node.settings.folder.join(name);
        let aside = path.with_extension("new");
        if let Err(error) = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, &path)) {
            self.node.backend.log.warn(&format!("{} could not be saved: {error}", path.display()));
        }
    }

    /// Gives the peers' side the real time that its own timers count.
    fn tick(&mut self) {
        let elapsed = self.last_tick.elapsed();
        if elapsed >= TICK {
            self.last_tick = Instant::now();
            let now = self.node.time();
            self.node.net.tick(elapsed, now, &mut self.node.backend);
            self.after_work();
            let (chain, counts) = (&self.node.backend.chain, self.node.net.connection_counts());
            let headers = chain.tree()[chain.best_header()].height;
            let (peers, scanned) = (counts.inbound + counts.outbound, self.node.net.light().map(FilterSync::scanned));
            (self.observer)(match scanned {
                Some(height) => Progress { height, headers, peers, syncing: height < headers, light: true },
                None => {
                    let (height, syncing) = (chain.active().height(), chain.is_initial_block_download());
                    Progress { height, headers, peers, syncing, light: false }
                }
            });
        }
    }

    fn save_in_time(&mut self) {
        let now = self.node.backend.now();
        if now >= self.node.last_flush.saturating_add(SAVE_INTERVAL) {
            self.node.last_flush = now;
            self.node.backend.flush();
        }
        if self.last_light_save.elapsed() >= LIGHT_SAVE_INTERVAL {
            self.last_light_save = Instant::now();
            self.node.save_light();
        }
        if self.last_index_save.elapsed() >= INDEX_SAVE_INTERVAL {
            self.last_index_save = Instant::now();
            self.node.backend.flush_index();
        }
    }

    /// Says goodbye to the peers and saves what is only in memory.
    fn save(&mut self) {
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        let anchors = self.node.net.anchors();
        for peer in peers {
            self.command(peer, Command::Disconnect);
            let now = self.node.time();
            self.node.net.closed(peer, Closed::ByUs, false, now);
        }
        let anchors: String =
            anchors.iter().map(|anchor| format!("{} {}\n", anchor.address, anchor.services.to_u64())).collect();
        self.keep("anchors.dat", anchors.as_bytes());
        self.keep("peers.dat", &self.node.net.book().save());
        self.keep_bans();
        if self.node.settings.args.flag("persistmempool", true) {
            self.keep("mempool.dat", &self.node.backend.mempool.dump(None));
        }
        if self.node.backend.fatal.is_none() {
            self.node.backend.flush();
            self.node.save_light();
        }
        self.node.backend.log.info("Shutdown: done");
    }
}
