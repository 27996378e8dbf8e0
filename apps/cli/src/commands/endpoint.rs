//! The HTTPS endpoint of `listen`.

use crate::args::Listen;
use crate::context::Context;
use crate::tls::Tls;
use anyhow::{Context as _, bail};
use pumasi_agent::home::StrangerRules;
use pumasi_agent::net::Strangers;
use pumasi_agent::{Agent, Wallet};
use pumasi_http::tokens::{TokenFile, Tokens};
use pumasi_http::{SERVICE_SIGNALING, SignalingConfig, signaling_router};
use pumasi_identity::Service;
use pumasi_tls::{Running, Server};
use pumasi_words::Roads;
use std::sync::Arc;
use std::time::Duration;

/// The name of the service in the profile.
const NAME: &str = "signaling";
/// How long requests under way may take when listening stops.
const GRACE: Duration = Duration::from_secs(2);

/// An endpoint that is bound, and what it will serve.
pub(crate) struct Endpoint {
    server: Server,
    /// Where others reach it.
    pub(crate) url: String,
    tokens: Option<Tokens>,
    strangers: Option<Strangers>,
}

/// Binds the endpoint that was asked for.
pub(crate) async fn bind(context: &Context, wallet: &Wallet, args: &Listen) -> anyhow::Result<Option<Endpoint>> {
    let Some(listen) = args.endpoint else { return Ok(None) };
    let server = Server::bind(args.tls.options(listen)?).await?;
    let url = match &args.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if server.address().ip().is_loopback() => format!("{}://{}", server.scheme(), server.address()),
        None => bail!(context.say(&Roads::NeedsPublicUrl)),
    };
    let tokens = args.require_token.then(|| Tokens::new(TokenFile::in_folder(&context.home)));
    let strangers = strangers(context, wallet, args)?;
    Ok(Some(Endpoint { server, url, tokens, strangers }))
}

/// What strangers may do, by the command line or else by the configuration; nothing where this is no shop.
pub(crate) fn strangers(context: &Context, wallet: &Wallet, args: &Listen) -> anyhow::Result<Option<Strangers>> {
    if !args.shop {
        return Ok(None);
    }
    let written = wallet.config().strangers.clone();
    let rules = written.clone().unwrap_or_else(|| StrangerRules::with_limit(String::new()));
    let limit = match (&args.stranger_limit, written) {
        (Some(limit), _) => limit.clone(),
        (None, Some(written)) => written.limit.parse().context("config.toml: [strangers] limit")?,
        (None, None) => bail!(context.say(&Roads::NeedsStrangerLimit)),
    };
    Ok(Some(Strangers { limit, most: rules.most, per_hour: rules.per_hour }))
}

/// Publishes where the endpoint is, or that there is none any more.
pub(crate) async fn publish(wallet: &mut Wallet, endpoint: Option<&Endpoint>) -> anyhow::Result<()> {
    let others = wallet.profile().services().iter().filter(|service| service.kind != SERVICE_SIGNALING);
    let mut services: Vec<Service> = others.cloned().collect();
    services.extend(endpoint.map(|endpoint| Service {
        name: NAME.into(),
        kind: SERVICE_SIGNALING.into(),
        endpoint: endpoint.url.clone(),
    }));
    wallet.set_services(services).await?;
    Ok(())
}

impl Endpoint {
    /// Answers offers from now on.
    pub(crate) async fn serve(self, context: &mut Context, agent: &Agent, tls: &Tls) -> Serving {
        let token = self.tokens.is_some();
        let sentence = context.say(&Roads::EndpointUp { url: &self.url, token });
        context.ui.say(sentence);
        let config = SignalingConfig { tokens: self.tokens, ..SignalingConfig::default() };
        let router = signaling_router(Arc::new(agent.doorbell(self.strangers)), config);
        let running = self.server.serve(router);
        tls.wait(context, &running).await;
        Serving { running }
    }
}

/// An endpoint at work.
pub(crate) struct Serving {
    running: Running,
}

impl Serving {
    pub(crate) async fn stop(self) {
        self.running.stop(GRACE).await;
    }
}
