//! `web`: serves the page.

use super::listen::stopped;
use crate::args::Web;
use crate::context::Context;
use crate::web::{Files, PageConfig, router};
use anyhow::Context as _;
use pumasi_words::Exit;
use pumasi_words::web::Served;
use serde_json::json;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) async fn web(context: &mut Context, args: Web) -> anyhow::Result<Exit> {
    if !args.listen.ip().is_loopback() && !args.behind_proxy {
        let address = args.listen.to_string();
        return Ok(crate::failure::say(context, Exit::Failed, &Served::NotThisMachine { address: &address }));
    }
    let Some(files) = Files::find(args.dist.as_deref()).context("the page")? else {
        return Ok(crate::failure::say(context, Exit::NotFound, &Served::NoPage));
    };
    let config = PageConfig { directories: args.directory, gateways: args.gateway };
    let server = PageServer::start(args.listen, files, &config).await?;
    let url = server.url();
    let sentence = context.say(&Served::Serving { url: &url });
    context.ui.print(&json!({ "event": "serving", "url": url }), sentence);
    if args.open {
        open_in_browser(&url);
    }
    stopped().await;
    server.stop().await;
    Ok(Exit::Done)
}

/// The page, being served until it is stopped.
pub(crate) struct PageServer {
    address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl PageServer {
    pub(crate) async fn start(listen: SocketAddr, files: Files, config: &PageConfig) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| listen.to_string())?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = axum::serve(listener, router(files, config)).with_graceful_shutdown(async {
            // An error means that nobody is there to stop it any more.
            let _ = stopped.await;
        });
        Ok(Self { address, stop, task: tokio::spawn(async move { serving.await }) })
    }

    /// Where a browser finds it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        // Connections that are kept open for nothing do not keep the program.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), self.task).await;
    }
}

/// Asks the system to open the page. Where it cannot, the printed address is there to be opened by hand.
pub(crate) fn open_in_browser(url: &str) {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let opened = Command::new(program)
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        tracing::info!(%error, program, "no browser was opened");
    }
}
