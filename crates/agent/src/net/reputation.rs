//! What others say of somebody, in the DHT (spec: `docs/spec/trust.md`).

use crate::clock;
use futures::StreamExt as _;
use futures::stream;
use pumasi_crypto::NativeProvider;
use pumasi_identity::Did;
use pumasi_overlay::{NodeId, Overlay, OverlayError, Published, SetKey};
use pumasi_trust::vouch::{About, place, read};
use pumasi_trust::{Evidence, ProvenLie, SignedVouch, Step, next_step};
use std::collections::BTreeSet;

/// Vouchers whom nobody here knows and about whom is asked, for one person in question.
const STRANGERS: usize = 16;
/// Sets asked for at once.
const AT_ONCE: usize = 8;

/// What asking took.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Sets that were asked for.
    pub sets: usize,
    /// Those of them of which nobody could be asked.
    pub silent: usize,
    /// Nodes asked.
    pub asked: usize,
    /// Nodes that answered.
    pub answered: usize,
    /// Invalid entries among the answers.
    pub invalid: usize,
    /// The nodes that gave such ones as no clock excuses.
    pub liars: BTreeSet<NodeId>,
}

/// Asks what is said of somebody, and then, of those who vouch for them, what is said of whom nobody here knows: all that
/// [`pumasi_trust::evaluate`] can use. What is found is added to the evidence.
pub async fn hear(overlay: &Overlay, me: &Did, about: &Did, evidence: &mut Evidence) -> Heard {
    let mut heard = Heard::default();
    ask(overlay, vec![*about], evidence, &mut heard).await;
    if let Step::About(strangers) = next_step(me, about, evidence, STRANGERS, clock::now()) {
        ask(overlay, strangers, evidence, &mut heard).await;
    }
    heard
}

async fn ask(overlay: &Overlay, people: Vec<Did>, evidence: &mut Evidence, heard: &mut Heard) {
    let mut answers = stream::iter(people)
        .map(|did| async move { (did, super::market::ask_for(overlay, SetKey::vouch(place(&did))).await) })
        .buffer_unordered(AT_ONCE);
    while let Some((did, answer)) = answers.next().await {
        heard.sets += 1;
        let listed = match answer {
            Ok(listed) => listed,
            Err(error) => {
                tracing::debug!(did = %did.short(), %error, "nobody could be asked");
                heard.silent += 1;
                continue;
            }
        };
        heard.asked += listed.asked;
        heard.answered += listed.answered;
        heard.invalid += listed.invalid;
        heard.liars.extend(listed.liars);
        for entry in listed.entries {
            match read(&place(&did), &entry) {
                Ok(About::Vouch(vouch)) => match vouch.stands(clock::now()) {
                    Ok(()) => evidence.vouches.push(*vouch),
                    Err(error) => tracing::debug!(%error, "a statement does not stand now"),
                },
                Ok(About::Lie { lie, .. }) => {
                    if let Ok(proven) = lie.verify(&NativeProvider).await {
                        evidence.lies.push(proven);
                    }
                }
                Err(error) => tracing::debug!(%error, "what a peer said of somebody is none"),
            }
        }
    }
}

/// Puts a vouch where others look for it.
///
/// # Errors
/// What the overlay says.
pub async fn publish_vouch(overlay: &Overlay, signed: &SignedVouch) -> Result<Published, OverlayError> {
    overlay.add(SetKey::vouch(place(&signed.vouch().about)), signed.as_str().as_bytes().to_vec()).await
}

/// Puts a proof of a lie where those look who ask about the liar, for as long as it may be kept.
///
/// # Errors
/// [`OverlayError::TooLong`] when it is too long for that, and what the overlay says.
pub async fn publish_lie(overlay: &Overlay, proven: &ProvenLie) -> Result<Published, OverlayError> {
    let until = clock::now() + pumasi_trust::vouch::MAX_LIFE;
    let entry = proven.lie().encode(until).map_err(|error| match error {
        pumasi_trust::LieError::TooLong { len, limit } => OverlayError::TooLong { len, limit },
        error => OverlayError::Config(error.to_string()),
    })?;
    overlay.add(SetKey::vouch(place(&proven.by())), entry).await
}
