//! `bootstrap`.

use super::peer::{listen_on, metrics, run, serve_metrics, stop};
use super::turn::{self, Serving};
use crate::args::Bootstrap;
use crate::context::{Context, default_home};
use crate::tls::Tls;
use anyhow::Context as _;
use pumasi_agent::net::{NodeOptions, start_node};
use pumasi_http::{GatewayConfig, gateway_router};
use pumasi_overlay::{Offers, Overlay};
use pumasi_tls::{Running, Server};
use pumasi_words::{Exit, Https, Told};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long requests under way may take when the node stops.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn bootstrap(context: &mut Context, args: Bootstrap) -> anyhow::Result<Exit> {
    let folder = match args.data {
        Some(folder) => folder,
        None => default_home()?.join("bootstrap"),
    };
    for url in &args.directory_url {
        anyhow::ensure!(url.starts_with("https://"), "--directory-url {url}: not an https address");
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let _lock = pumasi_agent::home::Lock::take(&folder, "bootstrap").map_err(pumasi_agent::AgentError::from)?;
    let ip = args.listen.ip();
    // What cannot listen is told before anything has begun.
    let server = match args.gateway {
        Some(address) => Some(Server::bind(args.tls.options(address)?).await?),
        None => None,
    };
    let turn = turn::bind(context, &folder, &args.turn).await?;
    let figures = metrics(context, args.node.metrics).await?;
    let options = NodeOptions {
        listen: listen_on(args.listen),
        join: args.join,
        announce: args.node.announce.clone(),
        public_only: args.public,
        relay: args.node.relay,
        limits: args.node.limits(),
        ..NodeOptions::default()
    };
    let overlay = start_node(&folder, options).await?;

    let status = overlay.status().await?;
    let mut addresses: Vec<String> = status.listen.iter().map(ToString::to_string).collect();
    // The address to hand on first: TCP, and one that means this machine.
    addresses.sort_by_key(|address| (!address.contains("/tcp/"), is_loopback(ip) != address.contains("127.0.0.1")));
    let sentence = context.say(&Told::BootstrapUp { address: addresses.first().map_or("", String::as_str) });
    context
        .ui
        .print(&json!({ "event": "listening", "node": status.node.to_string(), "addresses": addresses }), sentence);

    let turn = match turn {
        Some(turn) => Some(turn.serve(context, &overlay).await?),
        None => None,
    };
    let gateway = match server {
        Some(server) => {
            let offered = Offered { urls: &args.gateway_url, relay: args.node.relay, turn: turn.as_ref() };
            Some(serve_gateway(context, server, &overlay, &offered, &args.tls).await?)
        }
        None => None,
    };
    let offers = Offers { gateways: args.gateway_url, directories: args.directory_url, ..Offers::default() };
    overlay.offer(offers).await.map_err(pumasi_agent::AgentError::from)?;

    let figures = serve_metrics(context, figures, &overlay);

    run(context, &folder, &overlay, &args.node, None).await?;
    let sentence = context.say(&Told::Stopping);
    context.ui.say(sentence);
    for server in [gateway, figures].into_iter().flatten() {
        server.stop(GRACE).await;
    }
    if let Some(turn) = turn {
        tracing::info!(relayed = ?turn.stats(), "the TURN server stops");
    }
    stop(context, &folder, &overlay).await?;
    Ok(Exit::Done)
}

/// What the gateway tells of this node.
struct Offered<'a> {
    urls: &'a [String],
    relay: bool,
    turn: Option<&'a Serving>,
}

/// Serves the gateway, and says where.
async fn serve_gateway(
    context: &mut Context,
    server: Server,
    overlay: &Overlay,
    offered: &Offered<'_>,
    tls: &Tls,
) -> anyhow::Result<Running> {
    let Offered { urls, relay, turn } = *offered;
    let own = format!("{}://{}", server.scheme(), server.address());
    for url in urls {
        anyhow::ensure!(url.starts_with("https://"), "--gateway-url {url}: not an https address");
    }
    let mut config = GatewayConfig {
        gateways: urls.to_vec(),
        offers: ["bootstrap", "relay"][..1 + usize::from(relay)].iter().map(|offer| (*offer).to_owned()).collect(),
        listener: Some(Box::new(server.counts())),
        ..GatewayConfig::default()
    };
    if let Some(turn) = turn {
        turn.add_to(&mut config);
    }
    let running = server.serve(gateway_router(overlay.clone(), config));
    tls.wait(context, &running).await;
    let url = urls.first().unwrap_or(&own);
    let sentence = context.say(&Https::GatewayUp { url });
    context.ui.print(&json!({ "event": "gateway", "url": url, "address": running.address().to_string() }), sentence);
    Ok(running)
}

fn is_loopback(ip: IpAddr) -> bool {
    ip == IpAddr::V4(Ipv4Addr::LOCALHOST) || ip == IpAddr::V6(Ipv6Addr::LOCALHOST)
}
