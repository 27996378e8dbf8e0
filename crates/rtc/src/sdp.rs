//! What is taken from a peer's SDP before the engine sees it: bounded, and only addresses that may be tried.

use std::net::{IpAddr, SocketAddr};

use crate::{CandidateKind, ConnectError, Fingerprint, PathEnd};

/// The most bytes of an SDP. One for a data channel has 500 to 3,000.
const MAX_SDP: usize = 16 * 1024;

/// The most candidate lines of an SDP.
pub(crate) const MAX_CANDIDATES: usize = 32;

/// A peer's SDP that is fit for the engine.
#[derive(Debug, Clone)]
pub(crate) struct RemoteSdp {
    /// The SDP, without the candidates that are not to be tried.
    pub(crate) text: String,
    /// The candidates that are.
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a browser tells the path itself"))]
    pub(crate) candidates: Vec<PathEnd>,
    /// The fingerprint of the peer's certificate.
    pub(crate) fingerprint: Fingerprint,
}

/// Checks a peer's SDP. Candidates that are not UDP, not an IP address, or an address that no peer can have are left out;
/// too many of them are an error. A browser hides its addresses behind `.local` names: it is then the browser's checks
/// that show us where it is. Another browser can resolve them; `keep_hidden` leaves them in the text.
pub(crate) fn read(sdp: &str, loopback: bool, keep_hidden: bool) -> Result<RemoteSdp, ConnectError> {
    let bounded = |what, limit, got| {
        if got > limit { Err(ConnectError::SdpTooLarge { what, limit, got }) } else { Ok(()) }
    };
    bounded("bytes", MAX_SDP, sdp.len())?;
    bounded("candidates", MAX_CANDIDATES, sdp.lines().filter(|line| line.starts_with("a=candidate:")).count())?;
    bounded("media lines", 1, sdp.lines().filter(|line| line.starts_with("m=")).count())?;

    let mut text = String::with_capacity(sdp.len());
    let mut candidates = Vec::new();
    let mut hidden = false;
    let mut fingerprint = None;
    for line in sdp.lines() {
        if let Some(candidate) = line.strip_prefix("a=candidate:") {
            match read_candidate(candidate).filter(|end| is_usable(end.address, loopback)) {
                Some(end) => candidates.push(end),
                None => {
                    let local_name = candidate.contains(".local ");
                    hidden |= local_name;
                    if !(local_name && keep_hidden) {
                        continue;
                    }
                }
            }
        } else if let Some(value) = line.strip_prefix("a=fingerprint:") {
            // The engine would take SHA-1 too; the DID proof is bound to SHA-256.
            let Some(("sha-256", hex)) = value.split_once(' ') else { continue };
            let read: Fingerprint = hex.parse().map_err(|_| ConnectError::Sdp("a=fingerprint".to_owned()))?;
            if fingerprint.replace(read).is_some_and(|before| before != read) {
                return Err(ConnectError::Sdp("two different fingerprints".to_owned()));
            }
        }
        text.push_str(line);
        text.push_str("\r\n");
    }
    let fingerprint = fingerprint.ok_or_else(|| ConnectError::Sdp("no SHA-256 fingerprint".to_owned()))?;
    if candidates.is_empty() && !hidden {
        return Err(ConnectError::NoRemoteCandidates);
    }
    Ok(RemoteSdp { text, candidates, fingerprint })
}

/// Reads `foundation component transport priority address port typ kind …` (RFC 8839 §5.1).
fn read_candidate(line: &str) -> Option<PathEnd> {
    let mut fields = line.split_ascii_whitespace();
    let (_foundation, component, transport) = (fields.next()?, fields.next()?, fields.next()?);
    let (_priority, ip, port) = (fields.next()?, fields.next()?, fields.next()?);
    let (typ, kind) = (fields.next()?, fields.next()?);
    if component != "1" || !transport.eq_ignore_ascii_case("udp") || typ != "typ" {
        return None;
    }
    let kind = match kind {
        "host" => CandidateKind::Host,
        "srflx" => CandidateKind::ServerReflexive,
        "prflx" => CandidateKind::PeerReflexive,
        "relay" => CandidateKind::Relay,
        _ => return None,
    };
    Some(PathEnd { kind, address: SocketAddr::new(ip.parse().ok()?, port.parse().ok()?) })
}

/// Whether a peer may send us there: a real unicast address, and loopback only where that is asked for.
fn is_usable(address: SocketAddr, loopback: bool) -> bool {
    let ip = address.ip().to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast && (loopback || !ip.is_loopback())
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    const PRINT: &str =
        "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB";

    const REAL: &str = "a=candidate:0 1 udp 2130706431 192.0.2.9 5000 typ host";

    fn sdp(lines: &[&str]) -> String {
        let head = format!(
            "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=fingerprint:sha-256 {PRINT}\r\n{REAL}\r\n"
        );
        lines.iter().fold(head, |sdp, line| sdp + line + "\r\n")
    }

    #[test]
    fn only_candidates_that_can_be_tried_reach_the_engine() {
        let sdp = sdp(&[
            "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
            "a=candidate:2 1 UDP 1694498815 2001:db8::1 5001 typ srflx raddr :: rport 0",
            "a=candidate:3 1 udp 1 0bd5.local 5002 typ host",
            "a=candidate:4 1 tcp 1 192.0.2.1 9 typ host tcptype active",
            "a=candidate:5 1 udp 1 127.0.0.1 5003 typ host",
            "a=candidate:6 1 udp 1 ::ffff:127.0.0.1 5003 typ host",
            "a=candidate:7 1 udp 1 224.0.0.1 5004 typ host",
            "a=candidate:8 1 udp 1 255.255.255.255 5004 typ host",
            "a=candidate:9 1 udp 1 0.0.0.0 5004 typ host",
            "a=candidate:10 1 udp 1 192.0.2.1 0 typ host",
            "a=candidate:11 2 udp 1 192.0.2.1 5005 typ host",
            "a=candidate:12",
        ]);
        let read = read(&sdp, false, false).unwrap();
        let found: Vec<_> = read.candidates.iter().map(|end| format!("{} {}", end.kind, end.address)).collect();
        assert_eq!(found, ["host 192.0.2.9:5000", "host 192.0.2.1:5000", "srflx [2001:db8::1]:5001"]);
        assert_eq!(read.text.matches("a=candidate:").count(), 3);
        assert_eq!(super::read(&sdp, true, false).unwrap().candidates.len(), 5);
    }

    #[test]
    fn an_oversized_sdp_is_refused_by_field_and_limit() {
        let long = sdp(&["a=x:".to_owned().as_str(), &"y".repeat(MAX_SDP)]);
        let error = read(&long, false, false).unwrap_err();
        assert!(matches!(error, ConnectError::SdpTooLarge { what: "bytes", limit: MAX_SDP, .. }), "{error}");

        let many = sdp(&["a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"; MAX_CANDIDATES]);
        let error = read(&many, false, false).unwrap_err();
        assert!(matches!(error, ConnectError::SdpTooLarge { what: "candidates", got: 33, .. }), "{error}");

        let error = read(&sdp(&["m=audio 9 UDP/TLS/RTP/SAVPF 0"]), false, false).unwrap_err();
        assert!(matches!(error, ConnectError::SdpTooLarge { what: "media lines", got: 2, .. }), "{error}");
    }

    #[test]
    fn the_fingerprint_must_be_one_and_sha_256() {
        let none = format!("a=fingerprint:sha-256 {PRINT}\r\n");
        assert!(matches!(read(&none, false, false), Err(ConnectError::NoRemoteCandidates)));
        let hidden = format!("{none}a=candidate:1 1 udp 1 0bd5.local 5002 typ host\r\n");
        assert!(
            read(&hidden, false, false).is_ok_and(|read| read.candidates.is_empty() && !read.text.contains(".local"))
        );
        assert!(super::read(&hidden, false, true).is_ok_and(|read| read.text.contains("0bd5.local")));
        assert!(matches!(read("v=0\r\n", false, false), Err(ConnectError::Sdp(_))));
        assert!(matches!(read("a=fingerprint:sha-1 AB:CD\r\n", false, false), Err(ConnectError::Sdp(_))));
        let other = format!("a=fingerprint:sha-256 {}", PRINT.replace("AB", "CD"));
        assert!(matches!(read(&sdp(&[&other]), false, false), Err(ConnectError::Sdp(_))));
        let again = format!("a=fingerprint:sha-256 {PRINT}");
        assert_eq!(read(&sdp(&[&again]), false, false).unwrap().fingerprint, Fingerprint::new([0xAB; 32]));
    }
}
