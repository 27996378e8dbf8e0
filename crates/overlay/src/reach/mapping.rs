//! Ports opened at the router by PCP (RFC 6887) and NAT-PMP (RFC 6886), kept open while the node runs, and closed when it
//! stops. UPnP is asked beside, by libp2p.

use crab_nat::{GatewayAddress, InternetProtocol, PortMappingOptions, PortMappingType, TimeoutConfig, natpmp, pcp};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::num::NonZeroU16;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a mapping shall stand without renewal, in seconds; it is renewed at half of what the router grants.
const LIFETIME: u32 = 3_600;
const MIN_RENEWAL: Duration = Duration::from_secs(30);
/// The pause after a router did not answer or refused.
const AGAIN: Duration = Duration::from_secs(600);
/// Two retries of a lost packet, 0.25 s and then 0.5 s later: a router is one hop away.
const PATIENCE: TimeoutConfig = TimeoutConfig {
    initial_timeout: Duration::from_millis(250),
    max_retries: 2,
    max_retry_timeout: Some(Duration::from_secs(1)),
};
/// How long closing the ports may take when the node stops.
const CLOSING: Duration = Duration::from_secs(1);

/// A port on which the node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    number: NonZeroU16,
    /// QUIC over UDP; TCP otherwise.
    quic: bool,
}

impl Port {
    /// The port of a listening address on a network of IPv4, where the NATs are.
    pub(crate) fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        match parts.next()? {
            Protocol::Ip4(ip) if !ip.is_loopback() => {}
            _ => return None,
        }
        let (port, quic) = match parts.next()? {
            Protocol::Tcp(port) => (port, false),
            Protocol::Udp(port) => (port, matches!(parts.next(), Some(Protocol::QuicV1))),
            _ => return None,
        };
        Some(Self { number: NonZeroU16::new(port)?, quic })
    }

    fn outside(self, ip: IpAddr, port: u16) -> Multiaddr {
        let address = Multiaddr::from(ip);
        match self.quic {
            true => address.with(Protocol::Udp(port)).with(Protocol::QuicV1),
            false => address.with(Protocol::Tcp(port)),
        }
    }

    fn protocol(self) -> InternetProtocol {
        if self.quic { InternetProtocol::Udp } else { InternetProtocol::Tcp }
    }
}

/// What the router said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Ports are open: where others should reach them.
    Open {
        by: &'static str,
        addresses: Vec<Multiaddr>,
    },
    Failed(String),
}

/// The task that talks to the router.
pub(crate) struct Mapper {
    ports: watch::Sender<BTreeSet<Port>>,
    told: mpsc::Receiver<Told>,
    task: JoinHandle<()>,
}

impl Mapper {
    pub(crate) fn start() -> Self {
        let (ports, wanted) = watch::channel(BTreeSet::new());
        let (sender, told) = mpsc::channel(4);
        Self { ports, told, task: tokio::spawn(keep(wanted, sender)) }
    }

    /// The ports that shall be open from now on.
    pub(crate) fn want(&self, ports: BTreeSet<Port>) {
        self.ports.send_if_modified(|wanted| {
            let other = *wanted != ports;
            *wanted = ports;
            other
        });
    }

    /// Asks again, since the network is another one.
    pub(crate) fn ask_again(&self) {
        self.ports.send_modify(|_| {});
    }

    pub(crate) fn try_next(&mut self) -> Option<Told> {
        self.told.try_recv().ok()
    }

    /// Closes the ports.
    pub(crate) async fn stop(self) {
        drop(self.ports);
        // A router that does not answer forgets them by itself.
        let _ = timeout(CLOSING, self.task).await;
    }
}

async fn keep(mut wanted: watch::Receiver<BTreeSet<Port>>, told: mpsc::Sender<Told>) {
    let mut open: Vec<crab_nat::PortMapping> = Vec::new();
    loop {
        let ports = wanted.borrow_and_update().clone();
        let mut again = AGAIN;
        if !ports.is_empty() {
            // Ports of another network, or that are not wanted any more.
            close(std::mem::take(&mut open)).await;
            let said = match ask(&ports).await {
                Ok((said, mappings)) => {
                    open = mappings;
                    again = renewal(&open);
                    said
                }
                Err(reason) => Told::Failed(reason),
            };
            if told.send(said).await.is_err() {
                break;
            }
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return close(open).await,
                },
            }
            // With the nonce that opened it: to PCP, another one is somebody else.
            let mut renewed = !open.is_empty();
            for mapping in &mut open {
                renewed &= mapping.renew().await.is_ok();
            }
            if !renewed {
                break;
            }
            again = renewal(&open);
        }
    }
    close(open).await;
}

async fn close(open: Vec<crab_nat::PortMapping>) {
    for mapping in open {
        if let Err((error, _)) = mapping.try_drop().await {
            tracing::debug!(%error, "the router did not close a port");
        }
    }
}

/// When the first of them has to be renewed.
fn renewal(open: &[crab_nat::PortMapping]) -> Duration {
    let half = |mapping: &crab_nat::PortMapping| Duration::from_secs(u64::from(mapping.lifetime()) / 2);
    open.iter().map(half).min().unwrap_or(AGAIN).max(MIN_RENEWAL)
}

/// Opens every port, or says why none could be.
async fn ask(ports: &BTreeSet<Port>) -> Result<(Told, Vec<crab_nat::PortMapping>), String> {
    let gateway = tokio::task::spawn_blocking(gateway).await.map_err(|error| error.to_string())??;
    let own = own_address(gateway).map_err(|error| format!("no way to the router {gateway}: {error}"))?;
    let (mut by, mut addresses, mut mappings) = ("PCP", Vec::new(), Vec::new());
    let mut failed = String::new();
    for port in ports {
        match open(gateway, own, *port).await {
            Ok((mapping, ip)) => {
                if matches!(mapping.mapping_type(), PortMappingType::NatPmp) {
                    by = "NAT-PMP";
                }
                addresses.push(port.outside(ip, mapping.external_port().get()));
                mappings.push(mapping);
            }
            Err(reason) => failed = reason,
        }
    }
    if mappings.is_empty() { Err(failed) } else { Ok((Told::Open { by, addresses }, mappings)) }
}

/// PCP first, then its elder; some routers answer the younger with nothing instead of their version.
async fn open(gateway: IpAddr, own: IpAddr, port: Port) -> Result<(crab_nat::PortMapping, IpAddr), String> {
    let options = PortMappingOptions {
        external_port: Some(port.number),
        lifetime_seconds: Some(LIFETIME),
        timeout_config: Some(PATIENCE),
    };
    let at = GatewayAddress::from(gateway);
    let request = pcp::BaseMapRequest::new(at, own, port.protocol(), port.number);
    let pcp_failed = match pcp::port_mapping(request, None, None, options).await {
        Ok(mapping) => match mapping.mapping_type() {
            PortMappingType::Pcp { external_ip, .. } => return Ok((mapping, external_ip)),
            PortMappingType::NatPmp => "PCP: answered as NAT-PMP".to_owned(),
        },
        Err(error) => format!("PCP: {error}"),
    };
    let older = async {
        let mapping =
            natpmp::port_mapping(at, port.protocol(), port.number, options).await.map_err(|e| e.to_string())?;
        let ip = natpmp::external_address(at, Some(PATIENCE)).await.map_err(|e| e.to_string())?;
        Ok::<_, String>((mapping, IpAddr::V4(ip)))
    };
    older.await.map_err(|error| format!("{pcp_failed}; NAT-PMP: {error}"))
}

/// The default router on a network of IPv4.
fn gateway() -> Result<IpAddr, String> {
    let gateway = netdev::get_default_gateway().map_err(|error| format!("no router: {error}"))?;
    gateway.ipv4.first().map(|ip| IpAddr::V4(*ip)).ok_or_else(|| "no router with an IPv4 address".to_owned())
}

/// Our address as the router sees it: the one from which packets to it would go. None is sent.
fn own_address(gateway: IpAddr) -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.connect((gateway, crab_nat::GATEWAY_PORT))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(text: &str) -> Option<Port> {
        Port::of(&text.parse().unwrap())
    }

    #[test]
    fn only_ports_that_a_router_can_open_are_asked_for() {
        let tcp = port("/ip4/192.168.1.2/tcp/4001").unwrap();
        let quic = port("/ip4/192.168.1.2/udp/4002/quic-v1").unwrap();
        let outside = IpAddr::from([8, 8, 4, 4]);
        assert_eq!(tcp.outside(outside, 7).to_string(), "/ip4/8.8.4.4/tcp/7");
        assert_eq!(quic.outside(outside, 7).to_string(), "/ip4/8.8.4.4/udp/7/quic-v1");
        for text in ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/memory/1", "/ip4/192.168.1.2/tcp/0"] {
            assert_eq!(port(text), None, "{text}");
        }
    }
}
