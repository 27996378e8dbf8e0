//! `node`: the Bitcoin node, and how it stands.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use pumasi_node::conf::Settings;
use pumasi_node::json::Json;
use pumasi_node::{CallError, Progress};
use pumasi_words::{BitcoinNode, Exit, Lang, LightNode, Say as _};
use serde_json::json;

use crate::args::{Node, NodeAction, NodePlace};
use crate::context::{Context, default_home};
use crate::ui::Ui;

/// How long back the rate of blocks is taken from.
const RATE_WINDOW: Duration = Duration::from_secs(10);

pub(crate) async fn node(context: &mut Context, args: Node) -> anyhow::Result<Exit> {
    match &args.action {
        Some(NodeAction::Status(place)) => status(context, place),
        None => run(context, args).await,
    }
}

fn settings(place: &NodePlace, more: &[String]) -> anyhow::Result<Settings> {
    let folder: PathBuf = match &place.data {
        Some(folder) => folder.clone(),
        None => default_home()?.join("bitcoin"),
    };
    std::fs::create_dir_all(&folder)?;
    let mut options = vec![format!("-datadir={}", folder.display()), format!("-chain={}", place.network)];
    options.push("-printtoconsole=0".to_owned());
    options.extend_from_slice(more);
    Ok(Settings::load(&options)?)
}

async fn run(context: &mut Context, args: Node) -> anyhow::Result<Exit> {
    let mut more = args.options;
    more.extend(args.prune.map(|mib| format!("-prune={mib}")));
    if args.light {
        more.push("-light".to_owned());
        more.extend(args.watch.iter().map(|what| format!("-watch={what}")));
        more.extend(args.since.map(|height| format!("-watchsince={height}")));
    }
    let settings = settings(&args.place, &more)?;
    let folder = settings.folder.display().to_string();
    let running = BitcoinNode::Running { network: &args.place.network, folder: &folder };
    let sentence = context.say(&running);
    context.ui.print(&json!({ "event": "node", "network": args.place.network, "folder": folder }), sentence);

    let (tell, told) = mpsc::channel();
    let (lang, json) = (context.lang, context.ui.is_json());
    // The node tells on its own thread, which must not wait for a terminal.
    let shown = std::thread::spawn(move || show(&told, lang, json));
    let observer = Box::new(move |progress| {
        let _ = tell.send(progress);
    });
    let ended = tokio::task::spawn_blocking(move || pumasi_node::run_observed(settings, observer)).await;
    let _ = shown.join();
    ended.map_err(|error| anyhow!("{error}"))??;
    let sentence = context.say(&BitcoinNode::Stopped);
    context.ui.print(&json!({ "event": "stopped" }), sentence);
    Ok(Exit::Done)
}

/// Draws how far the node is until it ends.
fn show(told: &mpsc::Receiver<Progress>, lang: Lang, json: bool) {
    let mut ui = Ui::new(json);
    let mut past: Vec<(Instant, u32)> = Vec::new();
    let mut last = String::new();
    while let Ok(progress) = told.recv() {
        let now = Instant::now();
        past.retain(|(at, _)| now.duration_since(*at) < RATE_WINDOW);
        past.push((now, progress.height));
        let line = line(&progress, &past, lang);
        if line != last {
            ui.object(&json!({
                "event": "progress", "height": progress.height, "headers": progress.headers,
                "peers": progress.peers, "syncing": progress.syncing,
            }));
            ui.progress(&line);
            last = line;
        }
    }
    ui.clear();
}

fn line(progress: &Progress, past: &[(Instant, u32)], lang: Lang) -> String {
    let left = progress.headers.saturating_sub(progress.height);
    if left == 0 {
        return match progress.peers {
            0 => BitcoinNode::NoPeers.say(lang),
            _ if progress.light => LightNode::Done { height: progress.height }.say(lang),
            _ => BitcoinNode::Synced { height: progress.height }.say(lang),
        };
    }
    let rate = past.first().map_or(0.0, |(at, height)| {
        f64::from(progress.height.saturating_sub(*height)) / at.elapsed().as_secs_f64().max(0.5)
    });
    let time = (rate > 0.0).then(|| Duration::from_secs_f64((f64::from(left) / rate).ceil()));
    if progress.light {
        return LightNode::Looking { height: progress.height, headers: progress.headers, rate, left: time }.say(lang);
    }
    BitcoinNode::Syncing { height: progress.height, headers: progress.headers, rate, left: time }.say(lang)
}

fn status(context: &mut Context, place: &NodePlace) -> anyhow::Result<Exit> {
    let settings = settings(place, &[])?;
    let folder = settings.folder.display().to_string();
    let ask = |method| pumasi_node::call(&settings, method);
    // A node of another version does not know the word: then it is a full one.
    if let Ok(light) = ask("getlightinfo")
        && light.get("light").is_some_and(|light| light.to_string() == "true")
    {
        light_status(context, place, &light, &folder);
        return Ok(Exit::Done);
    }
    let answers =
        ask("getblockchaininfo").and_then(|chain| Ok((chain, ask("getconnectioncount")?, ask("getmempoolinfo")?)));
    let (chain, peers, mempool) = match answers {
        Ok(answers) => answers,
        Err(CallError::NotRunning(_)) => {
            let sentence = context.say(&BitcoinNode::NotRunning { folder: &folder });
            context.ui.print(&json!({ "event": "node", "running": false, "folder": folder }), sentence);
            return Ok(Exit::NotFound);
        }
        Err(error) => return Err(error.into()),
    };
    let (height, headers) = (small(chain.get("blocks")), small(chain.get("headers")));
    let (peers, waiting) = (number(Some(&peers)), number(mempool.get("size")));
    let sentence = context.say(&BitcoinNode::Standing { network: &place.network, height, headers, peers, waiting });
    let object = json!({
        "event": "node", "running": true, "network": place.network, "height": height, "headers": headers,
        "peers": peers, "waiting": waiting, "folder": folder,
    });
    context.ui.print(&object, sentence);
    Ok(Exit::Done)
}

fn number(value: Option<&Json>) -> u64 {
    value.and_then(|value| value.to_string().parse().ok()).unwrap_or(0)
}

fn small(value: Option<&Json>) -> u32 {
    u32::try_from(number(value)).unwrap_or(u32::MAX)
}

fn light_status(context: &mut Context, place: &NodePlace, light: &Json, folder: &str) {
    let (height, headers) = (small(light.get("scanned")), small(light.get("headers")));
    let (peers, watched) = (number(light.get("filterpeers")), number(light.get("watched")));
    let found = number(light.get("transactions"));
    let balance = light.get("balance").map_or_else(String::new, Json::to_string);
    let liars = match light.get("distrusted") {
        Some(Json::Array(liars)) => liars.len(),
        _ => 0,
    };
    let network = &place.network;
    let standing = LightNode::Standing { network, height, headers, peers, watched, found, balance: &balance };
    let mut sentence = context.say(&standing);
    if liars > 0 {
        sentence = format!("{sentence} {}", context.say(&LightNode::Liars { count: liars as u64 }));
    }
    let object = json!({
        "event": "node", "running": true, "light": true, "network": network, "height": height, "headers": headers,
        "filter_peers": peers, "watched": watched, "transactions": found, "balance": balance, "distrusted": liars,
        "folder": folder,
    });
    context.ui.print(&object, sentence);
}
