use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use zeroize::Zeroizing;

/// How connections find their way.
#[derive(Debug, Clone)]
pub struct IceConfig {
    /// Servers that say how a NAT shows us to the world.
    pub stun: Vec<StunServer>,
    /// Relays for when there is no direct path.
    pub turn: Vec<TurnServer>,
    /// Which of our addresses the peer may learn and use.
    pub policy: IcePolicy,
    /// Local addresses to use; empty means those of every interface.
    pub bind: Vec<IpAddr>,
    /// Whether loopback addresses are offered and tried: two peers on one machine, tests.
    pub include_loopback: bool,
    /// Whether IPv4 is used.
    pub ipv4: bool,
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Certificates (DER) of authorities to trust for `turns:`, beside those of the operating system.
    pub extra_roots: Vec<Vec<u8>>,
    /// The longest wait for STUN and TURN servers before the SDP is made with what there is.
    pub gather_timeout: Duration,
    /// The longest wait from the moment both SDPs are known until the channel is open.
    pub connect_timeout: Duration,
    /// How long a peer may be silent before the link is given up: the time there is for an ICE restart.
    pub give_up_after: Duration,
}

impl Default for IceConfig {
    /// Every interface, no server, 3 s to gather, 30 s to connect, 60 s of silence.
    fn default() -> Self {
        IceConfig {
            stun: Vec::new(),
            turn: Vec::new(),
            policy: IcePolicy::All,
            bind: Vec::new(),
            include_loopback: false,
            ipv4: true,
            ipv6: true,
            extra_roots: Vec::new(),
            gather_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(30),
            give_up_after: Duration::from_secs(60),
        }
    }
}

/// Which addresses are used (W3C `RTCIceTransportPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IcePolicy {
    /// All of them.
    #[default]
    All,
    /// Relays only: the peer does not learn where we are.
    RelayOnly,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A TCP stream.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        })
    }
}

/// A host name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A DNS name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A STUN server, from a URI `stun:host[:port]` (RFC 7064), asked over UDP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StunServer {
    /// Where it is; the port is 3478 if none is written.
    pub address: HostPort,
}

/// A TURN relay, from a URI `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port]` (RFC 7065).
#[derive(Clone)]
pub struct TurnServer {
    /// Where it is; the port is 3478, or 5349 for `turns:`, if none is written.
    pub address: HostPort,
    /// How it is reached.
    pub transport: Transport,
    /// The user name.
    pub username: String,
    credential: Zeroizing<String>,
}

impl TurnServer {
    /// Reads a `turn:` or `turns:` URI and keeps the credentials for it.
    ///
    /// # Errors
    /// [`UriError`] when the URI is not one of RFC 7065, or names DTLS (`turns:…?transport=udp`), which is not built.
    pub fn new(uri: &str, username: &str, credential: &str) -> Result<Self, UriError> {
        let (scheme, rest) = uri.split_once(':').ok_or(UriError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "turn" => false,
            "turns" => true,
            _ => return Err(UriError::Scheme),
        };
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let transport = match (secure, query) {
            (false, None | Some("transport=udp")) => Transport::Udp,
            (false, Some("transport=tcp")) => Transport::Tcp,
            (true, None | Some("transport=tcp")) => Transport::Tls,
            (_, Some(_)) => return Err(UriError::Transport),
        };
        let address = host_port(authority, if secure { 5349 } else { 3478 })?;
        Ok(TurnServer {
            address,
            transport,
            username: username.to_owned(),
            credential: Zeroizing::new(credential.to_owned()),
        })
    }

    /// The password. Never printed by this crate.
    pub fn credential(&self) -> &str {
        &self.credential
    }
}

impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TurnServer({} over {}, user {:?})", self.address, self.transport, self.username)
    }
}

impl FromStr for StunServer {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        match uri.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("stun") => {
                Ok(StunServer { address: host_port(rest, 3478)? })
            }
            _ => Err(UriError::Scheme),
        }
    }
}

/// What is wrong with the URI of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Neither `stun:` nor `turn:` nor `turns:`.
    #[error("the address of a server starts with stun:, turn: or turns:")]
    Scheme,
    /// The host is missing or has characters that a host has not.
    #[error("the address of a server has no usable host name")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the address of a server has a port that is not 1 to 65535")]
    Port,
    /// The query is not `transport=udp` or `transport=tcp`.
    #[error("a relay is reached by transport=udp or transport=tcp, and turns: by tcp only")]
    Transport,
}

/// Reads `host[:port]`, with an IPv6 address in brackets.
fn host_port(text: &str, default_port: u16) -> Result<HostPort, UriError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UriError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| UriError::Host)?;
            match port {
                "" => (host, None),
                _ => (host, Some(port.strip_prefix(':').ok_or(UriError::Port)?)),
            }
        }
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
            if host.is_empty() || host.len() > 253 || !host.chars().all(plain) {
                return Err(UriError::Host);
            }
            (host, port)
        }
    };
    let port = match port {
        None => default_port,
        Some(digits) if digits.chars().all(|c| c.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(UriError::Port)?
        }
        Some(_) => return Err(UriError::Port),
    };
    Ok(HostPort { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(uri: &str) -> Result<(String, Transport), UriError> {
        TurnServer::new(uri, "user", "secret").map(|server| (server.address.to_string(), server.transport))
    }

    #[test]
    fn uris_of_the_rfcs_are_read() {
        assert_eq!(turn("turn:relay.example"), Ok(("relay.example:3478".into(), Transport::Udp)));
        assert_eq!(turn("turn:relay.example:80?transport=tcp"), Ok(("relay.example:80".into(), Transport::Tcp)));
        assert_eq!(turn("turns:relay.example"), Ok(("relay.example:5349".into(), Transport::Tls)));
        assert_eq!(turn("TURNS:[2001:db8::1]:443?transport=tcp"), Ok(("[2001:db8::1]:443".into(), Transport::Tls)));
        let stun: StunServer = "stun:192.0.2.1:99".parse().unwrap();
        assert_eq!(stun.address.to_string(), "192.0.2.1:99");
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        assert_eq!(turn("stun:relay.example"), Err(UriError::Scheme));
        assert_eq!(turn("relay.example"), Err(UriError::Scheme));
        assert_eq!(turn("turn:"), Err(UriError::Host));
        assert_eq!(turn("turn://relay.example"), Err(UriError::Host));
        assert_eq!(turn("turn:user@relay.example"), Err(UriError::Host));
        assert_eq!(turn("turn:[::1"), Err(UriError::Host));
        assert_eq!(turn("turn:relay.example:0"), Err(UriError::Port));
        assert_eq!(turn("turn:relay.example:+80"), Err(UriError::Port));
        assert_eq!(turn("turn:relay.example:70000"), Err(UriError::Port));
        assert_eq!(turn("turn:relay.example?transport=sctp"), Err(UriError::Transport));
        assert_eq!(turn("turns:relay.example?transport=udp"), Err(UriError::Transport));
        assert_eq!("turn:relay.example".parse::<StunServer>(), Err(UriError::Scheme));
    }

    #[test]
    fn the_credential_is_never_printed() {
        let server = TurnServer::new("turn:relay.example", "user", "hunter2").unwrap();
        assert!(!format!("{server:?}").contains("hunter2"));
        assert!(!format!("{:?}", IceConfig { turn: vec![server], ..IceConfig::default() }).contains("hunter2"));
    }
}
