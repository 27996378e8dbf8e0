//! `lookup`.

use super::show::{self, date_time};
use super::table::labelled;
use crate::args::Lookup as Args;
use crate::context::Context;
use pumasi_agent::Wallet;
use pumasi_agent::net::{Inquiry, Reached, Source, Whereabouts, Witnesses};
use pumasi_agent::wallet::Found;
use pumasi_identity::{Contact, Did, SignedProfile};
use pumasi_overlay::{OverlayError, Path};
use pumasi_transfer::{LINK_PREFIX, Verified};
use pumasi_units::Timestamp;
use pumasi_words::{Exit, Label, Lang, Lookup, LookupLabel, Say, Way, ago, plain};
use serde_json::{Value, json};

/// A DID in a text: `did:key:z6Mk…` is always so long.
const DID_LEN: usize = 56;

/// What was found.
struct Answer {
    did: Did,
    contact: Option<Box<Contact>>,
    profile: Option<SignedProfile>,
    profile_by: Witnesses,
    whereabouts: Option<Whereabouts>,
    reached: Option<Result<Reached, OverlayError>>,
    now: Timestamp,
}

pub(crate) async fn lookup(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let (did, contact) = whom(&wallet, &args.who).await?;
    context.ui.progress(context.say(&pumasi_words::Step::Joining));
    let inquiry = Inquiry::enter(&wallet, &args.network.try_into()?).await?;
    let answer = Box::pin(ask(context, &inquiry, did, contact, args.reach)).await;
    inquiry.leave().await;
    let answer = answer?;
    let known = answer.profile.is_some() || answer.contact.is_some();
    let sentence = answer.to_text(context.lang);
    context.ui.print(&answer.to_json(), sentence);
    Ok(if known { Exit::Done } else { Exit::NotFound })
}

/// Whom a text means: somebody known, a DID, or a link that names one.
async fn whom(wallet: &Wallet, text: &str) -> anyhow::Result<(Did, Option<Box<Contact>>)> {
    let text = text.trim();
    let in_link = match text.find("did:key:").filter(|at| text.len() > at + DID_LEN || *at > 0) {
        Some(at) => text.get(at..at + DID_LEN).and_then(|did| did.parse::<Did>().ok()),
        None if text.starts_with(LINK_PREFIX) => Some(Verified::from_link(text)?.payload().from),
        None => None,
    };
    let name = in_link.map_or_else(|| text.to_owned(), |did| did.to_string());
    Ok(match wallet.find(&name).await? {
        Found::Contact(contact) => (contact.did, Some(contact)),
        Found::Stranger(did) => (did, None),
    })
}

async fn ask(
    context: &mut Context,
    inquiry: &Inquiry,
    did: Did,
    contact: Option<Box<Contact>>,
    reach: bool,
) -> anyhow::Result<Answer> {
    context.ui.progress(context.say(&Lookup::AskingProfile));
    let (profile, profile_by) = inquiry.profile(&did).await?;
    context.ui.progress(context.say(&Lookup::AskingPresence));
    // What a contact tells us is found by the keys that are pinned, not by those that the DHT gives.
    let whereabouts = inquiry.whereabouts(&did, contact.as_ref().map(|contact| &contact.profile)).await;
    let reached = match whereabouts.as_ref().filter(|found| reach && !found.presence.is_gone()) {
        Some(found) => {
            context.ui.progress(context.say(&Lookup::Reaching));
            Some(inquiry.reach(&found.presence).await)
        }
        None => None,
    };
    Ok(Answer { did, contact, profile, profile_by, whereabouts, reached, now: pumasi_agent::now() })
}

impl Answer {
    /// The profile of now, or else the one in the address book.
    fn shown(&self) -> Option<&SignedProfile> {
        self.profile.as_ref().or(self.contact.as_ref().map(|contact| &contact.profile))
    }

    fn to_json(&self) -> Value {
        let profile = self.shown().map(|profile| {
            let services = profile.services().iter();
            json!({
                "name": profile.name(), "sequence": profile.sequence(), "digest": profile.digest(),
                "created": profile.created(), "expires": profile.expires(),
                "age_ms": self.now.since(profile.created()),
                "keys": keys(profile).map(|(purpose, id)| json!({ "purpose": purpose, "id": id })),
                "services": services.map(|service| {
                    json!({ "name": service.name, "type": service.kind, "endpoint": service.endpoint })
                }).collect::<Vec<_>>(),
            })
        });
        let presence = self.whereabouts.as_ref().map(|found| {
            let presence = found.presence.presence();
            json!({
                "node": presence.node, "addresses": presence.addresses, "said": presence.sequence,
                "expires": presence.expires, "age_ms": self.now.since(presence.sequence),
                "told": match found.source { Source::Pair => "contacts", Source::Public => "everyone" },
                "gone": found.presence.is_gone(), "nodes": witnesses(&found.witnesses),
            })
        });
        let contact = self
            .contact
            .as_ref()
            .map(|contact| json!({ "name": contact.name, "trust": contact.trust, "changed": contact.changed }));
        let reached = self.reached.as_ref().map(|reached| match reached {
            Ok(Reached { took, path }) => {
                let (way, over) = match path {
                    Some(Path::Relayed { over }) => (Some("relayed"), Some(over.to_string())),
                    Some(Path::Punched) => (Some("punched"), None),
                    Some(_) => (Some("direct"), None),
                    None => (None, None),
                };
                json!({ "took_ms": took.as_millis(), "way": way, "over": over })
            }
            Err(error) => json!({ "error": error.to_string() }),
        });
        json!({
            "event": "found", "did": self.did, "contact": contact, "profile": profile,
            "profile_from": self.from(), "profile_nodes": witnesses(&self.profile_by),
            "presence": presence, "reached": reached,
        })
    }

    fn from(&self) -> Option<&'static str> {
        match (&self.profile, &self.contact) {
            (Some(_), _) => Some("dht"),
            (None, Some(_)) => Some("contacts"),
            (None, None) => None,
        }
    }

    fn to_text(&self, lang: Lang) -> String {
        let say = |words: Lookup<'_>| words.say(lang);
        let label = |label: LookupLabel| label.say(lang);
        let trust = match &self.contact {
            Some(contact) => show::trust(&contact.trust).say(lang),
            None => say(Lookup::Stranger),
        };
        let mut lines = vec![(Label::Did.say(lang), self.did.to_string()), (Label::Trust.say(lang), trust)];
        if let Some(contact) = &self.contact {
            lines.insert(0, (Label::Name.say(lang), plain(&contact.name).into_owned()));
        }
        match self.shown() {
            None => lines.push((Label::Profile.say(lang), say(Lookup::NoProfile))),
            Some(profile) => {
                if let (Some(name), None) = (profile.name(), &self.contact) {
                    lines.insert(0, (Label::Name.say(lang), plain(name).into_owned()));
                }
                let age = ago(profile.created(), self.now, lang);
                lines.push((Label::Profile.say(lang), profile.sequence().to_string()));
                lines.push((label(LookupLabel::Signed), age));
                lines.push((Label::ValidUntil.say(lang), date_time(profile.expires(), lang)));
                lines.extend(keys(profile).map(|(purpose, id)| {
                    let fragment = id.split_once('#').map_or(id.as_str(), |(_, fragment)| fragment);
                    (label(LookupLabel::Keys), format!("{purpose} {fragment}"))
                }));
                lines.extend(profile.services().iter().map(|service| {
                    (label(LookupLabel::Services), format!("{} {}", plain(&service.kind), plain(&service.endpoint)))
                }));
            }
        }
        if self.profile.is_none() && self.contact.is_some() {
            lines.push((label(LookupLabel::Nodes), say(Lookup::OnlyKnown)));
        } else if self.profile.is_some() {
            lines.extend(held(&self.profile_by, lang));
        }
        lines.extend(self.presence_lines(lang));
        labelled(lines)
    }

    fn presence_lines(&self, lang: Lang) -> Vec<(String, String)> {
        let line = |label: LookupLabel, words: Lookup<'_>| (label.say(lang), words.say(lang));
        let Some(found) = &self.whereabouts else {
            let contact = self.contact.is_some();
            return vec![line(LookupLabel::Presence, Lookup::Unannounced { contact })];
        };
        let presence = found.presence.presence();
        let said = (LookupLabel::Said.say(lang), ago(presence.sequence, self.now, lang));
        if found.presence.is_gone() {
            return vec![line(LookupLabel::Presence, Lookup::Gone), said];
        }
        let told = match found.source {
            Source::Public => Lookup::ToldEveryone,
            Source::Pair => Lookup::ToldContacts,
        };
        let mut lines =
            vec![line(LookupLabel::Presence, told), (LookupLabel::Node.say(lang), presence.node.to_string())];
        let addresses = presence.addresses.as_slice().iter();
        lines.extend(addresses.map(|address| (LookupLabel::Addresses.say(lang), address.clone())));
        lines.push(said);
        lines.extend(held(&found.witnesses, lang));
        let over;
        lines.push(line(
            LookupLabel::Reached,
            match &self.reached {
                None => Lookup::NotTried,
                Some(Ok(Reached { took, path })) => {
                    let way = match path {
                        Some(Path::Relayed { over: relay }) => {
                            over = relay.to_string();
                            Way::Relayed { over: &over }
                        }
                        Some(Path::Punched) => Way::Punched,
                        _ => Way::Direct,
                    };
                    Lookup::Reached { took: *took, way }
                }
                Some(Err(_)) => Lookup::NotReached,
            },
        ));
        lines
    }
}

/// The keys of a profile: what for, and their ids, which are fingerprints or the keys themselves.
fn keys(profile: &SignedProfile) -> [(&'static str, String); 4] {
    [
        ("identity", profile.did().key_id()),
        ("agreement", profile.x25519_kid()),
        ("signing", profile.rsa_signing_kid()),
        ("unwrap", profile.rsa_unwrap_kid()),
    ]
}

fn witnesses(by: &Witnesses) -> Value {
    let older: Vec<String> = by.older.iter().map(ToString::to_string).collect();
    json!({
        "asked": by.asked, "answered": by.answered, "agreed": by.agreed, "older": older, "invalid": by.invalid,
        "took_ms": by.took.as_millis(),
    })
}

/// Who holds a record, and who does not.
fn held(by: &Witnesses, lang: Lang) -> Vec<(String, String)> {
    let line = |words: Lookup<'_>| (LookupLabel::Nodes.say(lang), words.say(lang));
    let mut lines = vec![line(Lookup::Agreed { agreed: by.agreed, answered: by.answered, took: by.took })];
    if !by.older.is_empty() {
        let names: Vec<String> = by.older.iter().map(ToString::to_string).collect();
        lines.push(line(Lookup::Older { nodes: names.len(), names: &names.join(", ") }));
    }
    if by.invalid > 0 {
        lines.push(line(Lookup::Invalid { nodes: by.invalid }));
    }
    lines
}
