//! `demo --web`: a street on this machine, with real processes: two bootstrap nodes with gateways, a directory, a shop that
//! is listed in it, and the page, ready to pay.

use super::demo::free_folder;
use super::listen::stopped;
use super::web::{PageServer, open_in_browser};
use crate::args::Demo;
use crate::context::Context;
use crate::web::{Files, PageConfig};
use anyhow::{Context as _, bail};
use pumasi_units::Money;
use pumasi_words::web::{Served, WebDemo};
use pumasi_words::{Exit, Payment, Say as _};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// The password of the shop: this is a story, and its reader goes on with it.
const PASSWORD: &str = "demo";
/// Lines of a process that wait to be read; then it waits.
const LINES: usize = 64;
/// How long a process may take to stop.
const GRACE: Duration = Duration::from_secs(5);
/// Longer than any step takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the page is, if nobody else is there.
const PAGE_PORT: u16 = 8790;

pub(crate) async fn demo_web(context: &mut Context, args: Demo) -> anyhow::Result<Exit> {
    let Some(files) = Files::find(None).context("the page")? else {
        return Ok(crate::failure::say(context, Exit::NotFound, &Served::NoPage));
    };
    let folder = free_folder(&args.folder)?;
    tell(context, "begin", &WebDemo::Begin);
    let street = build(context, &folder).await?;
    let config = PageConfig { directories: vec![street.directory.clone()], gateways: street.gateways.clone() };
    let page = serve(files, &config).await?;
    let url = page.url();
    let folder = folder.display().to_string();
    let sentence = context.say(&WebDemo::Ready { url: &url, folder: &folder });
    context.ui.print(
        &json!({ "event": "ready", "url": url, "directory": street.directory, "gateways": street.gateways }),
        sentence,
    );
    if !args.no_open {
        open_in_browser(&url);
    }
    watch(context, street).await?;
    page.stop().await;
    Ok(Exit::Done)
}

/// The port of the page, or else any.
async fn serve(files: Files, config: &PageConfig) -> anyhow::Result<PageServer> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let free = tokio::net::TcpListener::bind(at(PAGE_PORT)).await.is_ok();
    PageServer::start(at(if free { PAGE_PORT } else { 0 }), files, config).await
}

fn tell(context: &mut Context, step: &str, message: &WebDemo<'_>) {
    let sentence = context.say(message);
    context.ui.print(&json!({ "event": "demo", "step": step, "text": sentence }), sentence.clone());
}

/// Everything that has to stay up. What is dropped is ended.
struct Street {
    gateways: Vec<String>,
    directory: String,
    shop: Process,
    others: Vec<Process>,
}

async fn build(context: &mut Context, folder: &Path) -> anyhow::Result<Street> {
    let local = "127.0.0.1:0";
    let data = |name: &str| folder.join(name).into_os_string();
    let bootstrap = |name: &str| {
        let mut process = Process::command(&["bootstrap", "--listen", local, "--gateway", local, "--data"]);
        process.arg(data(name));
        process
    };
    let mut first = Process::start(bootstrap("node-1"))?;
    let address = text(&first.event("listening").await?["addresses"][0])?;
    let mut second = bootstrap("node-2");
    second.args(["--join", &address]);
    let mut second = Process::start(second)?;
    let mut gateways = Vec::new();
    for node in [&mut first, &mut second] {
        gateways.push(text(&node.event("gateway").await?["url"])?);
    }
    tell(context, "nodes", &WebDemo::Nodes { gateways: &gateways.join(", ") });

    let mut discovery = Process::command(&["discovery", "--listen", local, "--data"]);
    discovery.arg(data("directory"));
    let mut discovery = Process::start(discovery)?;
    let directory = text(&discovery.event("listening").await?["url"])?;
    tell(context, "directory", &WebDemo::Directory { url: &directory });

    let home = data("shop");
    run(&home, &["init", "--name", "할매국밥", "--bootstrap", &address]).await?;
    let mut shop = Process::command(&["--home"]);
    shop.arg(&home).args(["listen", "--bootstrap", &address, "--loopback", "--shop", "--endpoint", local]);
    shop.args(["--stranger-limit", "50,000 KRW"]);
    let mut shop = Process::start(shop)?;
    let endpoint = text(&shop.event("listening").await?["endpoint"])?;
    tell(context, "shop", &WebDemo::Shop { endpoint: &endpoint });

    let mut listing = vec!["register", "--category", "식당", "--category", "restaurant", "--endpoint", &endpoint];
    listing.extend(["--description", "역삼동 국밥집, 아침 여섯 시부터", "--directory", &directory]);
    for gateway in &gateways {
        listing.extend(["--bootstrap", gateway]);
    }
    run(&home, &listing).await?;
    tell(context, "listed", &WebDemo::Listed);
    Ok(Street { gateways, directory, shop, others: vec![first, second, discovery] })
}

fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).context("a process said something else than it should")
}

/// Tells what the shop takes, until somebody has seen enough or a process has ended.
async fn watch(context: &mut Context, street: Street) -> anyhow::Result<()> {
    let Street { mut shop, others, .. } = street;
    let mut stop = std::pin::pin!(stopped());
    loop {
        let object = tokio::select! {
            () = &mut stop => break,
            object = shop.next() => object?,
        };
        let change = &object["change"];
        if object["event"] != "payment" || change["state"] != "taken" {
            continue;
        }
        let Ok(money) = serde_json::from_value::<Money>(change["money"].clone()) else { continue };
        let (from, memo) = (object["peer"].as_str().unwrap_or_default(), change["memo"].as_str().unwrap_or_default());
        let from = from.parse().map_or_else(|_| String::new(), |did: pumasi_identity::Did| did.short());
        let sentence = Payment::Taken { from: &from, money: &money, memo }.say(context.lang);
        let sentence = context.say(&WebDemo::AtTheShop { what: &sentence });
        context.ui.print(&object, sentence);
    }
    shop.end().await;
    for process in others {
        process.end().await;
    }
    Ok(())
}

/// Runs one of our commands to its end.
async fn run(home: &OsStr, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Process::command(&["--home"]);
    command.arg(home).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(PATIENCE, output).await.context("it took more than a minute")???;
    if !output.status.success() {
        bail!("pumasi {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// One of our commands, running, and the lines that it prints. It ends when this is dropped.
struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Process {
    fn command(arguments: &[&str]) -> Command {
        // The same program: whatever plays the story is what people run.
        let program = std::env::current_exe().unwrap_or_else(|_| "pumasi".into());
        let mut command = Command::new(program);
        command.arg("--json").args(arguments).env("PUMASI_PASSWORD", PASSWORD);
        // A group of its own: Ctrl-C is for the story, which ends them in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().context("a part of the story")?;
        let stdout = child.stdout.take().context("its output")?;
        let (sender, lines) = mpsc::channel(LINES);
        // A thread of its own: it ends with the process, or when nobody reads any more.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next object.
    async fn next(&mut self) -> anyhow::Result<Value> {
        let line = self.lines.recv().await.context("a part of the story has ended")?;
        serde_json::from_str(&line).with_context(|| line.chars().take(200).collect::<String>())
    }

    /// The next object with this `event`.
    async fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        let wanted = async {
            loop {
                let object = self.next().await?;
                if object["event"] == name {
                    return anyhow::Ok(object);
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.with_context(|| format!("{name}: it took more than a minute"))?
    }

    /// Asks it to stop. Dropping it ends it if it does not.
    async fn end(mut self) {
        #[cfg(unix)]
        {
            let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
            let stopped = async { while self.lines.recv().await.is_some() {} };
            let _ = tokio::time::timeout(GRACE, stopped).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
