//! Directories, and the profile of somebody found in one.

use super::{BrowserBackend, convert};
use pumasi_discovery::client::{Directories, Forged as Caught};
use pumasi_discovery::{Forgery, VerifiedEntry};
use pumasi_fetch::Client;
use pumasi_http::{ProfileReport, SERVICE_SIGNALING, Verdict, Witness};
use pumasi_identity::{Contact, Did, SignedProfile};
use pumasi_ledger::Body;
use pumasi_ui::backend::{
    Forged, ForgedWhy, GatewaySaid, GatewayView, SearchEntry, SearchPage, ShopView, Trouble, Trust,
};
use pumasi_units::Timestamp;
use std::collections::HashMap;

/// Listings that are remembered.
const LISTINGS: usize = 256;
/// Entries with one person that are read for the count of payments.
const ENTRIES: u32 = 1_000;

/// What a listing says about somebody.
#[derive(Clone)]
pub(super) struct Listed {
    description: String,
    categories: Vec<String>,
    name: Option<String>,
    host: Option<String>,
}

impl Listed {
    fn of(entry: &VerifiedEntry) -> Self {
        let listing = entry.listing();
        Self {
            description: listing.description.clone(),
            categories: listing.categories.clone(),
            name: listing.name.clone(),
            host: listing.service_endpoint.as_deref().map(convert::host),
        }
    }
}

/// What was paid to somebody.
#[derive(Default)]
pub(super) struct Paid {
    pub(super) payments: u64,
    pub(super) last: Option<Timestamp>,
}

impl BrowserBackend {
    fn directories(&self) -> Result<Directories, Trouble> {
        let urls = self.current_settings().directories;
        if urls.is_empty() {
            return Err(Trouble::NoDirectory);
        }
        let client = Client::new(pumasi_fetch::Options::default()).map_err(|_| Trouble::Failed)?;
        Ok(Directories::new(&client, &urls))
    }

    pub(super) async fn find(&self, query: &str, cursor: Option<String>) -> Result<SearchPage, Trouble> {
        let merged = self.directories()?.search(query, cursor.as_deref(), pumasi_agent::now()).await;
        if merged.asked.is_empty() {
            return Err(Trouble::DirectoriesSilent);
        }
        let contacts = self.everyone().await;
        let mut listings = self.0.listings.borrow_mut();
        if listings.len() > LISTINGS {
            listings.clear();
        }
        let entries = merged.entries.iter().map(|entry| {
            let listed = Listed::of(entry);
            let did = entry.did();
            let shown = SearchEntry {
                did,
                name: listed.name.clone(),
                description: listed.description.clone(),
                categories: listed.categories.clone(),
                host: listed.host.clone(),
                trust: contacts.get(&did).map_or(Trust::New, convert::trust),
            };
            listings.insert(did, listed);
            shown
        });
        let entries = entries.collect();
        let forged = merged.forged.iter().map(|(directory, caught)| forged(directory, caught)).collect();
        let hosts = |urls: &[String]| urls.iter().map(|url| convert::host(url)).collect();
        let silent: Vec<String> = merged.failed.iter().map(|(url, _)| url.clone()).collect();
        Ok(SearchPage { entries, next: merged.cursor, forged, asked: hosts(&merged.asked), silent: hosts(&silent) })
    }

    /// Contacts, where an identity is open.
    async fn everyone(&self) -> HashMap<Did, Contact> {
        let Ok(session) = self.session() else { return HashMap::new() };
        let contacts = session.with(|wallet| Box::pin(async move { wallet.contacts().await })).await;
        contacts.unwrap_or_default().into_iter().map(|contact| (contact.did, contact)).collect()
    }

    /// What a listing says about somebody, if one does.
    async fn listed(&self, did: &Did) -> Option<Listed> {
        if let Some(listed) = self.0.listings.borrow().get(did) {
            return Some(listed.clone());
        }
        let directories = self.directories().ok()?;
        for directory in directories.each() {
            if let Ok(Some(Ok(entry))) = directory.entry(did, pumasi_agent::now()).await {
                return Some(Listed::of(&entry));
            }
        }
        None
    }

    /// The profile that is to be used, what the gateways said, and the contact as it is after that.
    pub(super) async fn profile(
        &self,
        did: &Did,
    ) -> Result<(SignedProfile, Vec<GatewayView>, Option<Contact>), Trouble> {
        let session = self.session()?;
        let ProfileReport { profile, witnesses } = session.agent.report(did).await;
        let did = *did;
        let known = session.with(move |wallet| Box::pin(async move { wallet.contact(&did).await })).await?;
        let (profile, known) = match (profile, known) {
            (Some(newest), Some(pinned)) if newest.sequence() > pinned.profile.sequence() => {
                let update = newest.clone();
                session.with(move |wallet| Box::pin(async move { wallet.update_contact(update).await })).await?;
                let known = session.with(move |wallet| Box::pin(async move { wallet.contact(&did).await })).await?;
                (newest, known)
            }
            (Some(other), Some(pinned))
                if other.sequence() == pinned.profile.sequence() && other.digest() != pinned.profile.digest() =>
            {
                return Err(Trouble::TwoProfiles);
            }
            // What was pinned is newer, or the only one: it is kept.
            (_, Some(pinned)) => (pinned.profile.clone(), Some(pinned)),
            (Some(newest), None) => (newest, None),
            (None, None) => return Err(missing(&witnesses)),
        };
        let gateways = witnesses.iter().map(|witness| gateway(witness, profile.sequence())).collect();
        Ok((profile, gateways, known))
    }

    pub(super) async fn look_at(&self, did: &Did) -> Result<ShopView, Trouble> {
        let session = self.session()?;
        let (found, listed) = futures::join!(self.profile(did), self.listed(did));
        let (profile, gateways, known) = found?;
        let paid = session.paid(*did).await?;
        let endpoint = profile.services().iter().find(|service| service.kind == SERVICE_SIGNALING);
        let named = listed.as_ref().and_then(|listed| listed.name.clone());
        let name = match &known {
            Some(contact) => contact.name.clone(),
            None => profile.name().map(str::to_owned).or(named).unwrap_or_else(|| did.short()),
        };
        Ok(ShopView {
            did: *did,
            name,
            description: listed.as_ref().map(|listed| listed.description.clone()),
            categories: listed.map(|listed| listed.categories).unwrap_or_default(),
            host: endpoint.map(|service| convert::host(&service.endpoint)),
            trust: known.as_ref().map_or(Trust::New, convert::trust),
            safety: pumasi_identity::safety_number(&session.did, did),
            sequence: profile.sequence(),
            expires: profile.expires(),
            gateways,
            payments: paid.payments,
            last_paid: paid.last,
        })
    }
}

impl super::session::Session {
    /// How often and when somebody was paid, by the last thousand entries with them.
    pub(super) async fn paid(&self, did: Did) -> Result<Paid, Trouble> {
        self.with(move |wallet| {
            Box::pin(async move {
                let entries = wallet.ledger().find_peer(&did, 1, ENTRIES).await?;
                let mut paid = Paid::default();
                for entry in entries.iter().filter(|entry| matches!(entry.body, Body::Outgoing { .. })) {
                    paid.payments += 1;
                    paid.last = Some(entry.at);
                }
                Ok(paid)
            })
        })
        .await
    }
}

fn gateway(witness: &Witness, used: u64) -> GatewayView {
    let said = match &witness.verdict {
        Verdict::Agreed => GatewaySaid::Agreed,
        Verdict::Lagged { sequence, .. } if *sequence < used => GatewaySaid::Older { sequence: *sequence },
        Verdict::Lagged { .. } => GatewaySaid::Agreed,
        Verdict::Forked { .. } | Verdict::Lied(_) => GatewaySaid::Forged,
        Verdict::Absent | Verdict::Expired { .. } => GatewaySaid::Missing,
        _ => GatewaySaid::Unreachable,
    };
    GatewayView { host: convert::host(&witness.url), said }
}

/// Why there is no profile.
fn missing(witnesses: &[Witness]) -> Trouble {
    if witnesses.is_empty() {
        return Trouble::NoGateway;
    }
    let any = |wanted: fn(&Verdict) -> bool| witnesses.iter().any(|witness| wanted(&witness.verdict));
    if any(|verdict| matches!(verdict, Verdict::Lied(_) | Verdict::Expired { .. } | Verdict::Untimely { .. })) {
        Trouble::BadProfile
    } else if any(|verdict| matches!(verdict, Verdict::Absent)) {
        Trouble::NoProfile
    } else {
        Trouble::GatewaysSilent
    }
}

fn forged(directory: &str, caught: &Caught) -> Forged {
    let why = match &caught.reason {
        Forgery::Malformed => ForgedWhy::Malformed,
        Forgery::Expired(_) => ForgedWhy::Expired,
        Forgery::Proof(_) => ForgedWhy::Signature,
        _ => ForgedWhy::Altered,
    };
    Forged { directory: convert::host(directory), did: caught.did, why }
}
