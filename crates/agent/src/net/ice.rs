//! How a peer takes part, and how its links find their way.

use super::records::Records;
use crate::error::AgentError;
use crate::wallet::Wallet;
use pumasi_http::TurnOffer;
use pumasi_rt::Instant;
use pumasi_rtc::{IceConfig, IcePolicy, TurnServer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the nodes may take that are asked for servers.
const OFFER_WAIT: Duration = Duration::from_secs(3);
/// Before their credentials end, others are asked for: a link takes a while, and its relay ends with them.
const RENEW_BEFORE: Duration = Duration::from_secs(900);
/// When nobody offered any, they are asked again after.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// The most offers of which servers are used: each server is one more thing to wait for.
const MAX_OFFERS: usize = 2;

/// Where and how the network is entered, beside what `config.toml` says.
#[derive(Debug, Clone, Default)]
pub struct NetOptions {
    /// Bootstrap nodes, in place of those of the configuration.
    pub bootstrap: Vec<String>,
    /// Where to listen, in place of the configuration. Nowhere, where it is empty: others reach this peer over relays then.
    pub listen: Option<Vec<String>>,
    /// Offer loopback addresses too.
    pub loopback: bool,
    /// Find nodes on the local network, and be found there, while listening.
    pub mdns: bool,
    /// Ask the router to open ports, while listening.
    pub port_mapping: bool,
    /// Gateways to the DHT, in place of those of the configuration. For a page, which is no part of the DHT.
    pub gateways: Vec<String>,
    /// Certificates (PEM) of authorities that are trusted beside those of the system. A browser has its own.
    pub authorities: Vec<String>,
}

/// For longer no endpoint or gateway is waited for: a payee has 20 seconds for its answer.
const HTTPS_WAIT: Duration = Duration::from_secs(25);

impl NetOptions {
    /// What makes requests to endpoints and gateways.
    pub(crate) fn client(&self) -> Result<pumasi_fetch::Client, AgentError> {
        let options = pumasi_fetch::Options { timeout: HTTPS_WAIT, roots: self.authorities.clone() };
        Ok(pumasi_fetch::Client::new(options)?)
    }
}

/// How a peer takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// For as long as one command takes: asks, and keeps nothing for others.
    Client,
    /// Reachable, and keeps records for others.
    Server,
}

/// How links find their way: by the configuration, and by the servers that nodes of the network offer.
#[derive(Clone)]
pub(crate) struct Ice {
    configured: IceConfig,
    offered: Option<Arc<Offered>>,
}

/// Servers that nodes offer.
struct Offered {
    records: Records,
    held: Mutex<Option<Held>>,
}

struct Held {
    offers: Vec<TurnOffer>,
    until: Instant,
}

impl Ice {
    pub(crate) fn new(wallet: &Wallet, options: &NetOptions, records: &Records) -> Result<Self, AgentError> {
        let offered = Offered { records: records.clone(), held: Mutex::default() };
        let asks = !wallet.config().ice.only_these;
        Ok(Self { configured: configured(wallet, options)?, offered: asks.then(|| Arc::new(offered)) })
    }

    /// Whether nobody who is called may learn this machine's address.
    pub(crate) fn hides(&self) -> bool {
        self.configured.policy == IcePolicy::RelayOnly
    }

    /// What counts now.
    pub(crate) async fn config(&self) -> IceConfig {
        let mut ice = self.configured.clone();
        if let Some(offered) = &self.offered {
            for offer in offered.offers().await {
                add(&mut ice, &offer);
            }
        }
        ice
    }
}

impl Offered {
    async fn offers(&self) -> Vec<TurnOffer> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some(held) = held.as_ref().filter(|held| held.until > now) {
            return held.offers.clone();
        }
        let mut offers = pumasi_rt::timeout(OFFER_WAIT, self.records.turn_offers()).await.unwrap_or_default();
        offers.truncate(MAX_OFFERS);
        let shortest = offers.iter().map(|offer| Duration::from_secs(offer.ttl.min(86_400))).min();
        let keep = shortest.map_or(ASK_AGAIN, |ttl| ttl.saturating_sub(RENEW_BEFORE).max(ASK_AGAIN));
        *held = Some(Held { offers: offers.clone(), until: now + keep });
        offers
    }
}

/// Takes the servers of an offer in; what is none is passed over.
fn add(ice: &mut IceConfig, offer: &TurnOffer) {
    for uri in &offer.uris {
        if let Ok(stun) = uri.parse() {
            ice.stun.push(stun);
        } else if let Ok(turn) = TurnServer::new(uri, &offer.username, &offer.password) {
            ice.turn.push(turn);
        }
    }
}

/// How links find their way, by the configuration.
fn configured(wallet: &Wallet, options: &NetOptions) -> Result<IceConfig, AgentError> {
    let servers = &wallet.config().ice;
    let bad =
        |url: &str, error: pumasi_rtc::UriError| AgentError::Address { text: url.into(), reason: error.to_string() };
    let mut ice = IceConfig { include_loopback: options.loopback || servers.loopback, ..IceConfig::default() };
    for url in &servers.stun {
        ice.stun.push(url.parse().map_err(|error| bad(url, error))?);
    }
    for turn in &servers.turn {
        ice.turn.push(TurnServer::new(&turn.url, &turn.username, &turn.credential).map_err(|e| bad(&turn.url, e))?);
    }
    if servers.relay_only {
        ice.policy = IcePolicy::RelayOnly;
    }
    Ok(ice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_an_offer_come_beside_those_of_the_configuration() {
        let mut ice = IceConfig { stun: vec!["stun:192.0.2.1".parse().unwrap()], ..IceConfig::default() };
        let uris =
            ["stun:192.0.2.9:3478", "turn:192.0.2.9?transport=udp", "turns:relay.example", "http://192.0.2.9", "turn:"];
        let (username, password) = ("1:ann".to_owned(), "secret".to_owned());
        add(&mut ice, &TurnOffer { username, password, ttl: 60, uris: uris.map(str::to_owned).to_vec() });
        assert_eq!(ice.stun.len(), 2);
        let relays: Vec<_> =
            ice.turn.iter().map(|turn| (turn.address.to_string(), turn.transport.to_string())).collect();
        let expected = [("192.0.2.9:3478", "UDP"), ("relay.example:5349", "TLS")];
        assert_eq!(relays, expected.map(|(host, transport)| (host.to_owned(), transport.to_owned())));
        assert!(ice.turn.iter().all(|turn| (turn.username.as_str(), turn.credential()) == ("1:ann", "secret")));
    }
}
