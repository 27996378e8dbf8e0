//! `peer`, and what a bootstrap node shares with it.

use super::listen::stopped;
use super::standing::{LOOK, Standing};
use crate::args::{NodeArgs, Peer};
use crate::context::{Context, default_home};
use anyhow::Context as _;
use pumasi_agent::AgentError;
use pumasi_agent::home::{Config, Lock, read_bounded};
use pumasi_agent::net::{NodeOptions, remember_peers, start_node};
use pumasi_http::metrics_router;
use pumasi_overlay::{Mode, Overlay, OverlayError};
use pumasi_tls::{Options, Running, Server};
use pumasi_words::{Exit, Overlay as Words, Told};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Largest file of bootstrap nodes, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// How often the peers to come back through are written down.
const REMEMBER: Duration = Duration::from_secs(60);
/// How long requests under way may take when the node stops.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn peer(context: &mut Context, args: Peer) -> anyhow::Result<Exit> {
    let home = match &args.data {
        Some(folder) => folder.clone(),
        None => default_home()?.join("peer"),
    };
    std::fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    let _lock = Lock::take(&home, "peer").map_err(AgentError::from)?;
    let mut join = args.bootstrap.clone();
    if let Some(file) = &args.bootstrap_file {
        join.extend(listed(file)?);
    }
    if join.is_empty() {
        join = Config::read(&context.home).map_err(AgentError::from)?.bootstrap;
    }
    let metrics = metrics(context, args.node.metrics).await?;
    let mode = Mode::from(args.mode);
    let options = NodeOptions {
        listen: listen_on(args.listen),
        join,
        announce: args.node.announce.clone(),
        mode,
        public_only: args.public,
        relay: args.node.relay,
        mdns: !args.local.no_mdns,
        port_mapping: !args.local.no_port_mapping,
        limits: args.node.limits(),
    };
    let overlay = start_node(&home, options).await?;
    let status = overlay.status().await.map_err(AgentError::from)?;
    let mut addresses: Vec<String> = status.listen.iter().map(ToString::to_string).collect();
    addresses.sort_by_key(|address| address.contains("/127.0.0.1/") || address.contains("/::1/"));
    let sentence = context.say(&Words::PeerUp { address: addresses.first().map_or("", String::as_str) });
    context
        .ui
        .print(&json!({ "event": "listening", "node": status.node.to_string(), "addresses": addresses }), sentence);
    if !status.knows_others {
        let sentence = context.say(&Words::KnowsNobody { local: !args.local.no_mdns });
        context.ui.say(sentence);
    }
    let metrics = serve_metrics(context, metrics, &overlay);
    run(context, &home, &overlay, &args.node, args.r#for).await?;
    let sentence = context.say(&Told::Stopping);
    context.ui.say(sentence);
    if let Some(metrics) = metrics {
        metrics.stop(GRACE).await;
    }
    stop(context, &home, &overlay).await?;
    Ok(Exit::Done)
}

/// Tells how the node stands until it shall stop.
pub(crate) async fn run(
    context: &mut Context,
    folder: &Path,
    overlay: &Overlay,
    node: &NodeArgs,
    span: Option<Duration>,
) -> anyhow::Result<()> {
    let end = async {
        match span {
            Some(span) => tokio::time::sleep(span).await,
            None => std::future::pending().await,
        }
    };
    let (mut end, mut stop) = (std::pin::pin!(end), std::pin::pin!(stopped()));
    let (mut look, mut beat) = (tokio::time::interval(LOOK), tokio::time::interval(REMEMBER));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut standing = Standing::default();
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            () = &mut stop => return Ok(()),
            _ = beat.tick() => remember(folder, overlay).await,
            _ = look.tick() => match overlay.status().await {
                Ok(status) => {
                    standing.look(context, &status);
                    if let Ok(infos) = overlay.infos().await {
                        standing.offers(context, &infos);
                    }
                    if node.relay {
                        standing.relay(context, &status, node.relay_bytes, node.relay_duration);
                    }
                }
                Err(error @ OverlayError::Stopped) => return Err(AgentError::from(error).into()),
                Err(error) => tracing::warn!(%error, "the node does not say how it stands"),
            },
        }
    }
}

/// Keeps what shall outlive the node, says goodbye to each peer, and returns when all is on disk.
pub(crate) async fn stop(context: &mut Context, folder: &Path, overlay: &Overlay) -> anyhow::Result<()> {
    remember(folder, overlay).await;
    overlay.shutdown().await.map_err(AgentError::from)?;
    context.ui.object(&json!({ "event": "stopped" }));
    Ok(())
}

/// Peers to come back through are a help, not a need.
async fn remember(folder: &Path, overlay: &Overlay) {
    if let Err(error) = remember_peers(folder, overlay).await {
        tracing::warn!(%error, "no peers remembered");
    }
}

/// TCP and QUIC at one address.
pub(crate) fn listen_on(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    let family = if ip.is_ipv4() { "ip4" } else { "ip6" };
    vec![format!("/{family}/{ip}/tcp/{port}"), format!("/{family}/{ip}/udp/{port}/quic-v1")]
}

/// The nodes in a file, one a line.
fn listed(file: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = read_bounded(file, MAX_FILE).map_err(AgentError::from)?;
    let bytes = bytes.with_context(|| format!("{}: no such file", file.display()))?;
    let text = String::from_utf8(bytes).with_context(|| format!("{}: not UTF-8", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// Listens for whoever reads the figures, on this machine only.
pub(crate) async fn metrics(context: &Context, address: Option<SocketAddr>) -> anyhow::Result<Option<Server>> {
    let Some(address) = address else { return Ok(None) };
    anyhow::ensure!(address.ip().is_loopback(), "{}", context.say(&Words::MetricsNotLoopback));
    Ok(Some(Server::bind(Options::new(address)).await?))
}

pub(crate) fn serve_metrics(context: &mut Context, server: Option<Server>, overlay: &Overlay) -> Option<Running> {
    let running = server?.serve(metrics_router(overlay.clone()));
    let url = format!("http://{}/metrics", running.address());
    let sentence = context.say(&Words::Metrics { url: &url });
    context.ui.print(&json!({ "event": "metrics", "url": url }), sentence);
    Some(running)
}
