//! The driver: one task that reads the UDP socket, one that accepts streams, one per client.

mod client;
mod quota;

use self::client::{Client, Io};
use self::quota::Quota;
use crate::credentials::Issuer;
use crate::message;
use crate::session::{self, Session, SessionConfig};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use turn_types::stun::message::Message;

/// Room for any datagram that is taken.
pub(crate) const DATAGRAM: usize = 2048;
/// Datagrams of one client that wait for its task; the network would drop the rest too.
const WAITING: usize = 64;
/// Pause after the system refused to accept a stream: it has no more descriptors, perhaps.
const BREATH: Duration = Duration::from_millis(50);

/// How much is done for strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Relayed addresses in all.
    pub allocations: usize,
    /// Relayed addresses of one user.
    pub per_user: usize,
    /// Relayed addresses of one source: an IPv4 address, or the /64 of an IPv6 one.
    pub per_source: usize,
    /// Clients by datagrams, and by streams, that have no relayed address yet.
    pub sessions: usize,
    /// Bytes a second that are relayed for one user, both ways together; twice as many at once.
    pub user_rate: u64,
    /// The same, for all users together.
    pub total_rate: u64,
}

impl Default for Limits {
    /// For a machine that does other things too.
    fn default() -> Self {
        Limits {
            allocations: 256,
            per_user: 8,
            per_source: 32,
            sessions: 1024,
            user_rate: 1024 * 1024,
            total_rate: 16 * 1024 * 1024,
        }
    }
}

/// Where the server is, and what it does.
#[derive(Debug, Clone)]
pub struct TurnConfig {
    /// Where UDP and TCP are listened for.
    pub listen: SocketAddr,
    /// The address of this machine from which is relayed.
    pub relay: IpAddr,
    /// How others see that address; the same, but behind a NAT that maps one to one.
    pub external: IpAddr,
    /// The realm of the credentials.
    pub realm: String,
    /// Whether peers in private networks and on this machine are reached.
    pub private_peers: bool,
    /// How much is done.
    pub limits: Limits,
}

/// What the server has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Relayed addresses that are held now.
    pub allocations: u64,
    /// Relayed addresses that were given, ever.
    pub allocated: u64,
    /// Allocations that a limit forbade.
    pub denied: u64,
    /// Bytes that were relayed, both ways.
    pub relayed_bytes: u64,
    /// Datagrams that the rates forbade.
    pub dropped: u64,
    /// Binding requests answered: what a STUN server does.
    pub bindings: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    allocations: AtomicU64,
    allocated: AtomicU64,
    denied: AtomicU64,
    relayed_bytes: AtomicU64,
    dropped: AtomicU64,
    bindings: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            allocations: read(&self.allocations),
            allocated: read(&self.allocated),
            denied: read(&self.denied),
            relayed_bytes: read(&self.relayed_bytes),
            dropped: read(&self.dropped),
            bindings: read(&self.bindings),
        }
    }
}

/// What every task shares.
#[derive(Debug)]
pub(crate) struct Shared {
    config: TurnConfig,
    issuer: Issuer,
    quota: Quota,
    counters: Counters,
}

/// A server whose sockets are open.
#[derive(Debug)]
pub struct Turn {
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Turn {
    /// Opens the sockets: UDP and TCP on the same port.
    ///
    /// # Errors
    /// Those of the operating system, when the address is not of this machine or is taken.
    pub async fn bind(config: TurnConfig, issuer: Issuer) -> io::Result<Self> {
        let tcp = TcpListener::bind(config.listen).await?;
        let address = tcp.local_addr()?;
        let udp = Arc::new(UdpSocket::bind(address).await?);
        let quota = Quota::new(config.limits.clone());
        let shared = Arc::new(Shared { config, issuer, quota, counters: Counters::default() });
        Ok(Turn { udp, tcp, address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to serve.
    #[must_use]
    pub fn serve(self) -> TurnRunning {
        let mut tasks = JoinSet::new();
        tasks.spawn(datagrams(self.udp, self.shared.clone()));
        tasks.spawn(streams(self.tcp, self.shared.clone()));
        TurnRunning { address: self.address, shared: self.shared, _tasks: tasks }
    }
}

/// A server at work. Dropping it ends every allocation.
#[derive(Debug)]
pub struct TurnRunning {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl TurnRunning {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.counters.stats()
    }

    /// The same, for whoever outlives this handle.
    pub fn counts(&self) -> impl Fn() -> Stats + Send + Sync + 'static {
        let shared = self.shared.clone();
        move || shared.counters.stats()
    }
}

impl Shared {
    fn session(&self, client: SocketAddr, stream: bool) -> Session {
        let config = SessionConfig {
            client,
            stream,
            realm: self.config.realm.clone(),
            ipv6: self.config.external.is_ipv6(),
            private_peers: self.config.private_peers,
        };
        Session::new(config, self.issuer.clone())
    }
}

/// A client by datagrams.
struct Known {
    to_task: mpsc::Sender<Vec<u8>>,
    allocated: Arc<AtomicBool>,
}

/// Reads the UDP socket and hands each datagram to its client's task.
async fn datagrams(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut clients: HashMap<SocketAddr, Known> = HashMap::new();
    // Those without an allocation, the oldest first; some of them have one by now, or are gone.
    let mut fresh: VecDeque<SocketAddr> = VecDeque::new();
    let mut tasks = JoinSet::new();
    let mut buffer = [0; DATAGRAM];
    loop {
        let (length, from) = tokio::select! {
            Some(ended) = tasks.join_next() => {
                if let Ok(client) = ended {
                    clients.remove(&client);
                }
                continue;
            }
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                Err(_) => continue, // an ICMP error of an earlier datagram
            },
        };
        let datagram = &buffer[..length];
        if let Some(known) = clients.get(&from) {
            let _ = known.to_task.try_send(datagram.to_vec()); // a full queue drops it, as a network would
            continue;
        }
        if message::is_binding_request(datagram) {
            if let Ok(request) = Message::from_bytes(datagram) {
                let _ = socket.try_send_to(&session::binding(&request, from), from);
                Counters::add(&shared.counters.bindings, 1);
            }
            continue;
        }
        if !message::is_request(datagram) {
            continue;
        }
        while fresh.len() >= shared.config.limits.sessions
            && let Some(oldest) = fresh.pop_front()
        {
            if clients.get(&oldest).is_some_and(|known| !known.allocated.load(Ordering::Relaxed)) {
                clients.remove(&oldest); // its task ends with its queue
            }
        }
        fresh.push_back(from);
        let (to_task, from_reader) = mpsc::channel(WAITING);
        let _ = to_task.try_send(datagram.to_vec());
        let allocated = Arc::new(AtomicBool::new(false));
        let io = Io::Datagrams { socket: socket.clone(), client: from, from_reader };
        let client = Client::new(shared.clone(), shared.session(from, false), io, from, allocated.clone());
        tasks.spawn(async move {
            client.run().await;
            from
        });
        clients.insert(from, Known { to_task, allocated });
    }
}

/// Accepts streams.
async fn streams(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(shared.config.limits.sessions + shared.config.limits.allocations));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, from)) = accepted else {
                    tokio::time::sleep(BREATH).await;
                    continue;
                };
                // Whoever is too many is let go of at once.
                let Ok(permit) = room.clone().try_acquire_owned() else { continue };
                let _ = stream.set_nodelay(true); // slower without
                let io = Io::stream(stream);
                let session = shared.session(from, true);
                let client = Client::new(shared.clone(), session, io, from, Arc::default());
                tasks.spawn(async move {
                    client.run().await;
                    drop(permit);
                });
            }
        }
    }
}
