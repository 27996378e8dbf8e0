//! The path, from `getStats` (W3C Identifiers for WebRTC's Statistics API).

use super::connection::candidate_kind;
use crate::{CandidateKind, PathEnd, PathReport, Transport};
use js_sys::{Map, Reflect};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::RtcPeerConnection;

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What is said where the browser says nothing.
pub(super) const UNKNOWN: PathReport = PathReport {
    local: PathEnd { kind: CandidateKind::Host, address: NOWHERE },
    remote: PathEnd { kind: CandidateKind::Host, address: NOWHERE },
    transport: Transport::Udp,
    rtt: None,
};

/// The path in use.
pub(super) async fn read(peer: &RtcPeerConnection) -> Option<PathReport> {
    let stats = JsFuture::from(peer.get_stats()).await.ok()?;
    let stats: Map = stats.unchecked_into();
    let mut selected = None;
    let mut nominated = None;
    stats.for_each(&mut |entry, id| match text(&entry, "type").as_deref() {
        Some("transport") => selected = text(&entry, "selectedCandidatePairId").or(selected.take()),
        // Firefox says it of the pair itself.
        Some("candidate-pair")
            if text(&entry, "state").as_deref() == Some("succeeded") && flag(&entry, "nominated") =>
        {
            nominated = id.as_string();
        }
        _ => {}
    });
    let pair = stats.get(&selected.or(nominated)?.into());
    let end = |member: &str| {
        let candidate = stats.get(&text(&pair, member)?.into());
        let kind = candidate_kind(&text(&candidate, "candidateType")?);
        // A browser hides the addresses of the machine itself.
        let ip = text(&candidate, "address").and_then(|address| address.parse().ok()).unwrap_or(NOWHERE.ip());
        let port = number(&candidate, "port").unwrap_or_default();
        Some((PathEnd { kind, address: SocketAddr::new(ip, port as u16) }, candidate))
    };
    let (local, candidate) = end("localCandidateId")?;
    let (remote, _) = end("remoteCandidateId")?;
    let transport = match text(&candidate, "relayProtocol").as_deref() {
        Some("tcp") => Transport::Tcp,
        Some("tls") => Transport::Tls,
        _ => Transport::Udp,
    };
    let rtt = number(&pair, "currentRoundTripTime").filter(|rtt| (0.0..3_600.0).contains(rtt));
    Some(PathReport { local, remote, transport, rtt: rtt.map(Duration::from_secs_f64) })
}

fn text(entry: &JsValue, member: &str) -> Option<String> {
    Reflect::get(entry, &member.into()).ok()?.as_string()
}

fn number(entry: &JsValue, member: &str) -> Option<f64> {
    Reflect::get(entry, &member.into()).ok()?.as_f64()
}

fn flag(entry: &JsValue, member: &str) -> bool {
    Reflect::get(entry, &member.into()).is_ok_and(|value| value.is_truthy())
}
