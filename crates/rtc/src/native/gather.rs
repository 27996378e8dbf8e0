//! Gathering: which addresses a peer may reach us by (RFC 8445 §5.1.1), all servers asked at the same time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use str0m::Candidate;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};

use super::relay::Relay;
use super::sockets::{Arrival, DATAGRAM, Sockets};
use super::stun::{self, Binding, TransactionId};
use super::{address, random};
use crate::{ConnectError, HostPort, IceConfig, IcePolicy, Observer, Progress, ServerFailure, StunServer, Transport};

/// First wait for a STUN answer; doubled with each repetition.
const FIRST_REPEAT: Duration = Duration::from_millis(200);

/// Once there is one address of each kind that was asked for, slower servers get this much longer.
const SETTLE: Duration = Duration::from_millis(250);

/// A candidate of ours.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    /// The address of the socket or the relay that it belongs to.
    pub(crate) base: SocketAddr,
    /// As the engine knows it.
    pub(crate) candidate: Candidate,
}

/// What gathering found.
#[derive(Default)]
pub(crate) struct Gathered {
    /// The open sockets and relays.
    pub(crate) sockets: Sockets,
    /// What the SDP offers.
    pub(crate) candidates: Vec<Local>,
    /// Outside addresses of NATs.
    pub(crate) reflexive: Vec<SocketAddr>,
    /// Which STUN server keeps which socket's NAT binding alive.
    pub(crate) bindings: Vec<(SocketAddr, SocketAddr)>,
}

impl Gathered {
    /// Takes a candidate in; the engine refuses those with an address that no peer can use.
    fn offer(&mut self, base: SocketAddr, candidate: Result<Candidate, str0m::error::IceError>) {
        self.candidates.extend(candidate.ok().map(|candidate| Local { base, candidate }));
    }
}

/// A question to a STUN server that is not answered yet.
struct Probe {
    id: TransactionId,
    base: SocketAddr,
    server: SocketAddr,
    repeat: Duration,
    next: Instant,
}

/// What a server that was asked has become.
struct Server {
    address: HostPort,
    transport: Transport,
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Asked,
    /// We talk to a relay from this address; it has given us none yet.
    Allocating(SocketAddr),
    /// We send to a STUN server at this address; it has not answered.
    Probing(SocketAddr),
    Done,
    Failed(ServerFailure),
}

/// A server's name is resolved and, for a relay, the connection to it is there; with its place in the list.
type Ready = (usize, Result<Reached, ServerFailure>);

enum Reached {
    Stun(SocketAddr),
    Relay(Box<Relay>),
}

/// Opens sockets on every interface, asks every server, and waits for them at most
/// [`IceConfig::gather_timeout`].
pub(crate) async fn gather(config: &IceConfig, observer: &Observer) -> Result<Gathered, ConnectError> {
    observer.notify(Progress::Gathering);
    let mut gathering = Gathering::start(config).await?;
    gathering.run(Instant::now() + config.gather_timeout).await;
    for (server, transport, why) in gathering.failures() {
        observer.notify(Progress::ServerFailed { server, transport, why });
    }
    let Gathering { found, hosts, relays, .. } = gathering;
    if found.candidates.is_empty() {
        return Err(ConnectError::NoLocalCandidates);
    }
    observer.notify(Progress::Gathered { host: hosts, server_reflexive: found.reflexive.len(), relay: relays });
    Ok(found)
}

struct Gathering {
    found: Gathered,
    hosts: usize,
    relays: usize,
    servers: Vec<Server>,
    probes: Vec<Probe>,
    pending: JoinSet<Ready>,
    wants_reflexive: bool,
    wants_relay: bool,
    /// There was enough, and the others were not waited for.
    settled: bool,
}

impl Gathering {
    async fn start(config: &IceConfig) -> Result<Self, ConnectError> {
        let mut found = Gathered::default();
        let mut hosts = 0;
        let (mut servers, mut pending) = (Vec::new(), JoinSet::new());
        if config.policy == IcePolicy::All {
            for ip in address::host_addresses(config).map_err(ConnectError::Socket)? {
                // An address may go away between listing and binding.
                let Ok(base) = found.sockets.bind(ip).await else { continue };
                found.offer(base, Candidate::host(base, "udp"));
                hosts += 1;
            }
            for StunServer { address } in &config.stun {
                let (at, address) = (servers.len(), address.clone());
                servers.push(Server { address: address.clone(), transport: Transport::Udp, status: Status::Asked });
                pending.spawn(async move {
                    let found = address::resolve(&address).await;
                    (at, found.map(Reached::Stun).map_err(|_| ServerFailure::NotFound))
                });
            }
        }
        let tls = match config.turn.iter().any(|server| server.transport == Transport::Tls) {
            true => Some(tls_connector(config)?),
            false => None,
        };
        for server in config.turn.iter().cloned() {
            let (at, tls) = (servers.len(), tls.clone());
            let (address, transport) = (server.address.clone(), server.transport);
            servers.push(Server { address, transport, status: Status::Asked });
            pending.spawn(async move {
                let relay = Relay::connect(server, tls).await;
                (at, relay.map(|relay| Reached::Relay(Box::new(relay))))
            });
        }
        Ok(Gathering {
            wants_reflexive: hosts > 0 && !config.stun.is_empty(),
            wants_relay: !config.turn.is_empty(),
            found,
            hosts,
            relays: 0,
            servers,
            probes: Vec::new(),
            pending,
            settled: false,
        })
    }

    async fn run(&mut self, deadline: Instant) {
        let (mut deadline, mut settled) = (deadline, false);
        let mut buffer = [0; DATAGRAM];
        while self.servers.iter().any(|server| !matches!(server.status, Status::Done | Status::Failed(_))) {
            if !settled && self.has_one_of_each() {
                settled = true;
                deadline = deadline.min(Instant::now() + SETTLE);
            }
            let repeat = self.probes.iter().map(|probe| probe.next).min().unwrap_or(deadline);
            tokio::select! {
                Some(joined) = self.pending.join_next() => {
                    if let Ok(ready) = joined {
                        self.ready(ready);
                    }
                }
                arrival = self.found.sockets.recv(&mut buffer) => self.arrived(&arrival, &buffer),
                () = sleep_until(repeat.min(deadline)) => {
                    let now = Instant::now();
                    if now >= deadline {
                        self.settled = settled;
                        return;
                    }
                    self.repeat(now);
                }
            }
        }
    }

    fn has_one_of_each(&self) -> bool {
        (!self.wants_reflexive || !self.found.bindings.is_empty()) && (!self.wants_relay || self.relays > 0)
    }

    fn ready(&mut self, (at, reached): Ready) {
        self.servers[at].status = match reached {
            Err(why) => Status::Failed(why),
            Ok(Reached::Relay(relay)) => {
                let local = relay.local();
                self.found.sockets.add_relay(*relay);
                Status::Allocating(local)
            }
            Ok(Reached::Stun(server)) => self.probe(server),
        };
    }

    /// Asks a STUN server from every address that may reach it.
    fn probe(&mut self, server: SocketAddr) -> Status {
        // A loopback address gets nowhere but to a loopback server.
        let fits = |base: &SocketAddr| {
            base.is_ipv4() == server.is_ipv4() && base.ip().is_loopback() == server.ip().is_loopback()
        };
        let bases: Vec<_> = self.found.sockets.bases().filter(fits).collect();
        if bases.is_empty() {
            return Status::Failed(ServerFailure::Unreachable);
        }
        let next = Instant::now();
        for base in bases {
            self.probes.push(Probe { id: random(), base, server, repeat: FIRST_REPEAT, next });
        }
        self.repeat(next);
        Status::Probing(server)
    }

    /// Sets the status of the server that has this one.
    fn resolve(&mut self, from: Status, to: Status) {
        if let Some(server) = self.servers.iter_mut().find(|server| server.status == from) {
            server.status = to;
        }
    }

    /// The servers that were of no use. Of one that was not waited for, that cannot be said.
    fn failures(&self) -> impl Iterator<Item = (HostPort, Transport, ServerFailure)> {
        self.servers.iter().filter_map(|server| {
            let why = match server.status {
                Status::Done => return None,
                Status::Failed(why) => why,
                Status::Asked | Status::Allocating(_) | Status::Probing(_) if self.settled => return None,
                Status::Asked | Status::Allocating(_) | Status::Probing(_) => ServerFailure::Silent,
            };
            Some((server.address.clone(), server.transport, why))
        })
    }

    fn repeat(&mut self, now: Instant) {
        for probe in self.probes.iter_mut().filter(|probe| probe.next <= now) {
            self.found.sockets.send(probe.base, probe.server, &stun::binding_request(probe.id));
            probe.next = now + probe.repeat;
            probe.repeat *= 2;
        }
    }

    fn arrived(&mut self, arrival: &Arrival, buffer: &[u8]) {
        match *arrival {
            Arrival::Allocated { relayed, local } => {
                self.resolve(Status::Allocating(local), Status::Done);
                self.relays += 1;
                self.found.offer(relayed, Candidate::relayed(relayed, local, "udp"));
            }
            Arrival::RelayFailed(local, why) => self.resolve(Status::Allocating(local), Status::Failed(why)),
            Arrival::Datagram { source, destination, length } => {
                let Some(Binding::Success(id, mapped)) = stun::read(&buffer[..length]) else { return };
                let asked = |probe: &Probe| probe.id == id && probe.server == source && probe.base == destination;
                let Some(at) = self.probes.iter().position(asked) else { return };
                self.probes.swap_remove(at);
                if self.probes.iter().all(|probe| probe.server != source) {
                    self.resolve(Status::Probing(source), Status::Done);
                }
                self.found.bindings.push((destination, source));
                let Some(mapped) = mapped.filter(|mapped| *mapped != destination) else { return };
                if !self.found.reflexive.contains(&mapped) {
                    self.found.reflexive.push(mapped);
                    self.found.offer(destination, Candidate::server_reflexive(mapped, destination, "udp"));
                }
            }
        }
    }
}

/// TLS to a relay: the operating system's authorities and those that the configuration adds.
fn tls_connector(config: &IceConfig) -> Result<TlsConnector, ConnectError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for root in &config.extra_roots {
        let root = CertificateDer::from(root.as_slice());
        roots.add(root.into_owned()).map_err(|error| ConnectError::Roots(error.to_string()))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(tls)))
}
