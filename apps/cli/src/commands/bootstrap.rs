//! `bootstrap`.

use super::listen::stopped;
use crate::args::Bootstrap;
use crate::context::{Context, default_home};
use anyhow::Context as _;
use pumasi_agent::net::{remember_peers, start_bootstrap};
use pumasi_overlay::Overlay;
use pumasi_words::{Exit, Told};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

/// How often the peers to come back through are written down.
const REMEMBER: Duration = Duration::from_secs(300);

pub(crate) async fn bootstrap(context: &mut Context, args: Bootstrap) -> anyhow::Result<Exit> {
    let folder = match args.data {
        Some(folder) => folder,
        None => default_home()?.join("bootstrap"),
    };
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let _lock = pumasi_agent::home::Lock::take(&folder, "bootstrap").map_err(pumasi_agent::AgentError::from)?;
    let (ip, port) = (args.listen.ip(), args.listen.port());
    let family = if ip.is_ipv4() { "ip4" } else { "ip6" };
    let listen = vec![format!("/{family}/{ip}/tcp/{port}"), format!("/{family}/{ip}/udp/{port}/quic-v1")];
    let overlay = start_bootstrap(&folder, listen, &args.join, args.public).await?;

    let status = overlay.status().await?;
    let mut addresses: Vec<String> = status.listen.iter().map(ToString::to_string).collect();
    // The address to hand on first: TCP, and one that means this machine.
    addresses.sort_by_key(|address| (!address.contains("/tcp/"), is_loopback(ip) != address.contains("127.0.0.1")));
    let sentence = context.say(&Told::BootstrapUp { address: addresses.first().map_or("", String::as_str) });
    context
        .ui
        .print(&json!({ "event": "listening", "node": status.node.to_string(), "addresses": addresses }), sentence);

    let mut stop = std::pin::pin!(stopped());
    let mut beat = tokio::time::interval(REMEMBER);
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = beat.tick() => remember(&folder, &overlay).await,
        }
    }
    let sentence = context.say(&Told::Stopping);
    context.ui.say(sentence);
    remember(&folder, &overlay).await;
    overlay.shutdown().await.map_err(pumasi_agent::AgentError::from)?;
    Ok(Exit::Done)
}

/// Peers to come back through are a help, not a need.
async fn remember(folder: &Path, overlay: &Overlay) {
    if let Err(error) = remember_peers(folder, overlay).await {
        tracing::warn!(%error, "no peers remembered");
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip == IpAddr::V4(Ipv4Addr::LOCALHOST) || ip == IpAddr::V6(Ipv6Addr::LOCALHOST)
}
