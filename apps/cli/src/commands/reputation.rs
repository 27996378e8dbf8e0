//! `trust` and `vouch`.

use super::events::{Names, name_of, names};
use crate::args::trust::{Claim as ClaimArg, Trust, Vouch};
use crate::context::Context;
use crate::failure;
use pumasi_agent::net::{Heard, NetOptions, hear, publish_lie, publish_vouch, visit};
use pumasi_agent::wallet::Found;
use pumasi_agent::{Agent, now};
use pumasi_identity::Did;
use pumasi_overlay::Overlay;
use pumasi_trust::{Claim, How, LieKind, ProvenLie, Reason, evaluate};
use pumasi_words::{Contradiction, Exit, Lang, Reason as Words, Reputation, VouchedFor};
use serde_json::json;
use tokio::task::JoinHandle;

const DAY: u64 = 24 * 60 * 60 * 1_000;

pub(crate) async fn trust(context: &mut Context, args: Trust) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let subject = did_of(wallet.find(&args.who).await?);
    let names = names(&wallet).await?;
    let name = name_of(&names, &subject);
    let mut evidence = wallet.evidence(&subject).await?;
    let mut asked = None;
    if !args.offline {
        context.ui.progress(context.say(&Reputation::Asking));
        let net: NetOptions = args.network.try_into()?;
        match visit(&wallet, &net, args.wait).await {
            Ok(overlay) => {
                asked = Some(hear(&overlay, &wallet.did(), &subject, &mut evidence).await);
                if args.publish_proof {
                    publish_proof(context, &overlay, &name, &evidence.lies, &subject, args.yes).await?;
                }
                overlay.shutdown().await?;
            }
            Err(error) => {
                let reason = error.to_string();
                context.ui.warn(context.say(&Reputation::NotAsked { reason: &reason }));
            }
        }
    }
    let reasons = evaluate(&wallet.did(), &subject, &evidence, now());
    let sentence = context.say(&Reputation::About { name: &name, did: &subject.to_string() });
    context.ui.say(sentence);
    for reason in &reasons {
        let sentence = say(reason, &names, context.lang);
        context.ui.say(format!("  - {sentence}"));
    }
    let object = json!({
        "event": "trust", "did": subject, "name": name, "reasons": reasons,
        "asked": asked.as_ref().map(|heard| json!({
            "sets": heard.sets, "silent": heard.silent, "asked": heard.asked, "answered": heard.answered,
            "invalid": heard.invalid, "liars": texts(heard),
        })),
    });
    context.ui.object(&object);
    match &asked {
        Some(heard) => {
            let sentence = context.say(&Reputation::Asked { answered: heard.answered, asked: heard.asked });
            context.ui.say(sentence);
            for node in texts(heard) {
                context.ui.warn(context.say(&Reputation::Liar { node: &node }));
            }
        }
        None => context.ui.say(context.say(&Reputation::Offline)),
    }
    Ok(Exit::Done)
}

fn texts(heard: &Heard) -> Vec<String> {
    heard.liars.iter().map(ToString::to_string).collect()
}

/// Publishes the proofs that this peer holds or has heard of, once the owner has agreed to what they show.
async fn publish_proof(
    context: &mut Context,
    overlay: &Overlay,
    name: &str,
    lies: &[ProvenLie],
    subject: &Did,
    yes: bool,
) -> anyhow::Result<()> {
    let proofs: Vec<&ProvenLie> = lies.iter().filter(|lie| lie.by() == *subject).collect();
    if proofs.is_empty() {
        context.ui.warn(context.say(&Reputation::NoProof { name }));
        return Ok(());
    }
    for proof in proofs {
        // A fork holds payments; the others hold what was public before.
        let question = context.say(&Reputation::ProofShows { name });
        if proof.kind() == LieKind::Fork && !yes && !context.ui.confirm(&question) {
            continue;
        }
        match publish_lie(overlay, proof).await {
            Ok(published) => {
                let stored = published.stored;
                let sentence = context.say(&Reputation::ProofPublished { name, stored });
                context.ui.print(
                    &json!({ "event": "proof", "did": subject, "kind": proof.kind(), "stored": stored }),
                    sentence,
                );
            }
            Err(error) => {
                let reason = error.to_string();
                context.ui.warn(context.say(&Reputation::NotStored { reason: &reason }));
            }
        }
    }
    Ok(())
}

pub(crate) async fn vouch(context: &mut Context, args: Vouch) -> anyhow::Result<Exit> {
    let wallet = context.open("vouch").await?;
    let subject = did_of(wallet.find(&args.who).await?);
    if subject == wallet.did() {
        return Ok(failure::say(context, Exit::Usage, &Reputation::Myself));
    }
    let names = names(&wallet).await?;
    let name = name_of(&names, &subject);
    let stands =
        |signed: &pumasi_trust::SignedVouch| signed.vouch().about == subject && !signed.vouch().is_revocation();
    if args.revoke && !wallet.vouches().await?.iter().any(stands) {
        return Ok(failure::say(context, Exit::NotFound, &Reputation::NothingToRevoke { name: &name }));
    }
    let claims = if args.revoke { Vec::new() } else { args.claims.iter().map(claim_of).collect() };
    let signed = wallet.vouch(&subject, claims, args.note, u64::from(args.days) * DAY).await?;
    wallet.write_marker().await?;
    let net: NetOptions = args.network.try_into()?;
    let stored = match visit(&wallet, &net, args.wait).await {
        Ok(overlay) => {
            let published = publish_vouch(&overlay, &signed).await.map_err(|error| error.to_string());
            overlay.shutdown().await?;
            published.map(|published| published.stored)
        }
        Err(error) => Err(error.to_string()),
    };
    let vouch = signed.vouch();
    let object = json!({
        "event": if args.revoke { "revoked" } else { "vouched" }, "about": subject, "claims": vouch.claims,
        "note": vouch.note, "expires": vouch.expires, "stored": stored.as_ref().ok(), "document": signed.as_str(),
    });
    let sentence = match &stored {
        Ok(stored) if args.revoke => context.say(&Reputation::Revoked { name: &name, stored: *stored }),
        Ok(stored) => {
            let days = u64::from(args.days);
            context.say(&Reputation::Vouched { name: &name, stored: *stored, days })
        }
        Err(reason) => context.say(&Reputation::NotStored { reason }),
    };
    context.ui.print(&object, sentence);
    Ok(if stored.is_ok() { Exit::Done } else { Exit::Pending })
}

/// Puts the owner's own vouches again, for as long as one listens: other nodes came since, and some left.
pub(crate) async fn keep(agent: &Agent) -> anyhow::Result<JoinHandle<()>> {
    let vouches = agent.with(|wallet| Box::pin(async move { wallet.vouches().await })).await??;
    let overlay = agent.overlay().clone();
    Ok(tokio::spawn(async move {
        // Put once, the overlay repeats each until it expires.
        for signed in vouches {
            if let Err(error) = publish_vouch(&overlay, &signed).await {
                tracing::info!(about = %signed.vouch().about.short(), %error, "a vouch was not put; it is tried again");
            }
        }
    }))
}

/// Shows what is known of somebody whom nobody here knows, by those who vouch.
pub(crate) async fn show_stranger(context: &mut Context, agent: &Agent, did: &Did) -> anyhow::Result<()> {
    let about = *did;
    let known = agent.with(move |wallet| {
        Box::pin(async move { anyhow::Ok((wallet.did(), wallet.evidence(&about).await?, names(wallet).await?)) })
    });
    let (me, mut evidence, names) = known.await??;
    hear(agent.overlay(), &me, did, &mut evidence).await;
    for reason in evaluate(&me, did, &evidence, now()) {
        context.ui.say(format!("  - {}", say(&reason, &names, context.lang)));
    }
    Ok(())
}

fn did_of(found: Found) -> Did {
    match found {
        Found::Contact(contact) => contact.did,
        Found::Stranger(did) => did,
    }
}

fn claim_of(claim: &ClaimArg) -> Claim {
    match claim {
        ClaimArg::Person => Claim::Person,
        ClaimArg::PaidWell => Claim::PaidWell,
        ClaimArg::Shop => Claim::Shop,
    }
}

/// A reason in the words of people.
pub(crate) fn say(reason: &Reason, names: &Names, lang: Lang) -> String {
    let words = |claims: &[Claim]| -> Vec<VouchedFor> {
        let word = |claim: &Claim| match claim {
            Claim::Person => VouchedFor::Person,
            Claim::PaidWell => VouchedFor::PaidWell,
            Claim::Shop => VouchedFor::Shop,
        };
        claims.iter().map(word).collect()
    };
    let now = now();
    match reason {
        Reason::Lied { kind } => Words::Lied(match kind {
            LieKind::Fork => Contradiction::Fork,
            LieKind::Profiles => Contradiction::Profiles,
            LieKind::Statements => Contradiction::Statements,
        })
        .say_at(now, lang),
        Reason::KeysChanged { at } => Words::KeysChanged { at: *at }.say_at(now, lang),
        Reason::Verified { how: How::Paired, at } => Words::Paired { at: *at }.say_at(now, lang),
        Reason::Verified { how: How::Compared, at } => Words::Compared { at: *at }.say_at(now, lang),
        Reason::Unpaid { requests } => Words::Unpaid { requests: *requests }.say_at(now, lang),
        Reason::PaidOnTime { requests, median } => {
            Words::PaidOnTime { requests: *requests, median: *median }.say_at(now, lang)
        }
        Reason::Settled { received, sent, last, .. } => {
            Words::Settled { received: *received, sent: *sent, last: *last }.say_at(now, lang)
        }
        Reason::Withdrawn { by, at } => Words::Withdrawn { by: &name_of(names, by), at: *at }.say_at(now, lang),
        Reason::Vouched { by, claims, note, .. } => {
            let (by, claims) = (name_of(names, by), words(claims));
            Words::Vouched { by: &by, claims: &claims, note: note.as_deref().unwrap_or_default() }.say_at(now, lang)
        }
        Reason::VouchedThrough { contact, by, claims, note, .. } => {
            let (contact, by, claims) = (name_of(names, contact), name_of(names, by), words(claims));
            let note = note.as_deref().unwrap_or_default();
            Words::VouchedThrough { contact: &contact, by: &by, claims: &claims, note }.say_at(now, lang)
        }
        Reason::TakenAtWord { since } => Words::TakenAtWord { since: *since }.say_at(now, lang),
        Reason::Unknown => Words::Unknown.say_at(now, lang),
    }
}
