//! The STUN and TURN server of a bootstrap node, and the credentials that it gives to the peers of the node.

use crate::args::Turn as Args;
use crate::context::Context;
use anyhow::Context as _;
use pumasi_agent::AgentError;
use pumasi_agent::home::{read_bounded, write_private};
use pumasi_crypto::Provider as _;
use pumasi_crypto::hash::sha256;
use pumasi_crypto::native::NativeProvider;
use pumasi_http::{GatewayConfig, TurnOffer};
use pumasi_overlay::{Overlay, Service};
use pumasi_turn::{Issuer, Limits, Stats, Turn, TurnConfig, TurnRunning};
use pumasi_words::TurnServer;
use serde_json::json;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;

/// The realm of the credentials.
const REALM: &str = "pumasi";

/// A server whose sockets are open.
pub(crate) struct Bound {
    turn: Turn,
    desk: Desk,
}

/// Who gives out credentials.
#[derive(Clone)]
struct Desk {
    issuer: Issuer,
    lifetime: Duration,
    uris: Arc<[String]>,
}

/// A server at work, and the desk that gives out its credentials.
pub(crate) struct Serving {
    running: TurnRunning,
    desk: Desk,
    overlay: JoinHandle<()>,
}

/// Opens the sockets, when that is asked for.
pub(crate) async fn bind(context: &Context, folder: &Path, args: &Args) -> anyhow::Result<Option<Bound>> {
    let Some(listen) = args.turn else { return Ok(None) };
    let host = match &args.turn_host {
        Some(host) => host.clone(),
        None if listen.ip().is_unspecified() => anyhow::bail!(context.say(&TurnServer::NeedsHost)),
        None => listen.ip().to_string(),
    };
    let external = match (args.turn_external, host.parse::<IpAddr>()) {
        (Some(external), _) | (None, Ok(external)) => external,
        (None, Err(_)) if !listen.ip().is_unspecified() => listen.ip(),
        (None, Err(_)) => anyhow::bail!(context.say(&TurnServer::NeedsExternal { host: &host })),
    };
    let config = TurnConfig {
        listen,
        relay: listen.ip(),
        external,
        realm: REALM.to_owned(),
        private_peers: args.turn_private,
        limits: Limits {
            allocations: args.turn_allocations,
            per_user: args.turn_per_user,
            user_rate: args.turn_user_rate.saturating_mul(1_000),
            total_rate: args.turn_total_rate.saturating_mul(1_000),
            ..Limits::default()
        },
    };
    let secret = secret(folder)?;
    let issuer = Issuer::new(&secret);
    let turn = Turn::bind(config, issuer.clone()).await.with_context(|| format!("--turn {listen}"))?;
    let place = if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host };
    let place = format!("{place}:{}", turn.address().port());
    let uris = [format!("stun:{place}"), format!("turn:{place}?transport=udp"), format!("turn:{place}?transport=tcp")];
    Ok(Some(Bound { turn, desk: Desk { issuer, lifetime: args.turn_lifetime, uris: uris.into() } }))
}

/// Credentials outlive a restart, so the secret does too.
fn secret(folder: &Path) -> anyhow::Result<zeroize::Zeroizing<[u8; 32]>> {
    let path = folder.join("turn.secret");
    let mut secret = zeroize::Zeroizing::new([0; 32]);
    match read_bounded(&path, 32).map_err(AgentError::from)? {
        Some(bytes) => {
            let bytes = zeroize::Zeroizing::new(bytes);
            anyhow::ensure!(bytes.len() == secret.len(), "{}: not 32 bytes", path.display());
            secret.copy_from_slice(&bytes);
        }
        None => {
            NativeProvider.random(secret.as_mut_slice()).map_err(AgentError::from)?;
            write_private(&path, secret.as_slice()).map_err(AgentError::from)?;
        }
    }
    Ok(secret)
}

impl Bound {
    /// Begins to relay, and to give out credentials over the overlay.
    pub(crate) async fn serve(self, context: &mut Context, overlay: &Overlay) -> anyhow::Result<Serving> {
        let Bound { turn, desk } = self;
        let mut requests = overlay.serve(Service::Turn).await.map_err(AgentError::from)?;
        let (running, at_desk) = (turn.serve(), desk.clone());
        let overlay = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let offer = at_desk.offer(&request.from.to_string());
                let offer = serde_json::to_vec(&offer).expect("texts become JSON");
                request.answer(offer);
            }
        });
        let host = desk.uris[0].trim_start_matches("stun:").to_owned();
        let sentence = context.say(&TurnServer::Up { host: &host });
        let address = running.address().to_string();
        context.ui.print(&json!({ "event": "turn", "address": address, "uris": &desk.uris[..] }), sentence);
        Ok(Serving { running, desk, overlay })
    }
}

impl Serving {
    /// Lets a gateway give out credentials too, and tell how much is relayed.
    pub(crate) fn add_to(&self, config: &mut GatewayConfig) {
        let (desk, counts) = (self.desk.clone(), self.running.counts());
        config.offers.push("turn".to_owned());
        config.turn = Some(Box::new(move |who| desk.offer(who)));
        config.metrics = Some(Box::new(move || metrics(&counts())));
    }

    /// What was done.
    pub(crate) fn stats(&self) -> Stats {
        self.running.stats()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.overlay.abort();
    }
}

impl Desk {
    /// For a node, or for a source at the gateway. Who it is, the user name does not say; that it is the same one, it does.
    fn offer(&self, who: &str) -> TurnOffer {
        let user = sha256(&[b"pumasi/turn/user\0", who.as_bytes()]).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let ttl = self.lifetime.as_secs();
        let issued = self.issuer.issue(&user[..16], now.saturating_add(ttl));
        let password = issued.password.to_string();
        TurnOffer { username: issued.username, password, ttl, uris: self.uris.to_vec() }
    }
}

/// In Prometheus' text format.
fn metrics(stats: &Stats) -> String {
    let series = [
        ("pumasi_turn_allocations", "gauge", "Relayed addresses held.", stats.allocations),
        ("pumasi_turn_allocations_total", "counter", "Relayed addresses given.", stats.allocated),
        ("pumasi_turn_denied_allocations_total", "counter", "Allocations that a limit forbade.", stats.denied),
        ("pumasi_turn_relayed_bytes_total", "counter", "Bytes relayed, both ways.", stats.relayed_bytes),
        ("pumasi_turn_dropped_datagrams_total", "counter", "Datagrams that a rate forbade.", stats.dropped),
        ("pumasi_turn_bindings_total", "counter", "Binding requests answered.", stats.bindings),
    ];
    let line = |(name, kind, help, value): (&str, &str, &str, u64)| {
        format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
    };
    series.map(line).concat()
}
