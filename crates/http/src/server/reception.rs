//! What a signal of somebody goes through, whoever brings it: an HTTPS request or a stream of the overlay.

use super::limit::{Buckets, Rate};
use super::now;
use super::replay::Replay;
use super::signaling::{Offers, Refusal, SignalingLimits};
use crate::Problem;
use crate::wire::{AnswerBody, CandidatesBody, OfferBody};
use pumasi_identity::{Did, SignedProfile};
use pumasi_signaling::{Content, SignalError, SignedSignal};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Everything about signals that does not depend on the way by which they come.
pub(crate) struct Reception<O> {
    offers: Arc<O>,
    dids: Buckets<Did>,
    trickle: Buckets<Did>,
    replay: Replay,
    room: Arc<Semaphore>,
    answer: Duration,
}

/// An offer that may be answered, and room for it.
pub(crate) struct Admitted {
    offer: SignedSignal,
    profile: Option<SignedProfile>,
    _room: OwnedSemaphorePermit,
}

/// So many at once, and then so many a second.
pub(crate) fn rate((burst, per_second): (u32, f64)) -> Rate {
    Rate { burst, per_second }
}

impl<O: Offers> Reception<O> {
    pub(crate) fn new(offers: Arc<O>, limits: &SignalingLimits) -> Self {
        Self {
            offers,
            dids: Buckets::new(rate(limits.did), limits.keys),
            trickle: Buckets::new(rate(limits.trickle), limits.keys),
            replay: Replay::new(),
            room: Arc::new(Semaphore::new(limits.offers)),
            answer: limits.answer,
        }
    }

    /// Signature with audience and times, what it says, replay, pace of the DID, profile, room. `source` is who brings it, where
    /// nobody else can pretend to be.
    pub(crate) fn admit(&self, body: &OfferBody, source: Option<u64>) -> Result<Admitted, Problem> {
        let offer = self.verify(&body.offer, &body.did)?;
        if !matches!(offer.signal().content, Content::Offer { .. }) {
            return Err(malformed("offer: the signal says something else"));
        }
        self.fresh(&offer, source)?;
        self.dids.take(body.did, Instant::now()).map_err(|seconds| too_many("DID", seconds))?;
        let profile = match body.profile_bytes().map_err(|reason| malformed(&reason))? {
            None => None,
            Some(bytes) => Some(check_profile(&bytes, &body.did)?),
        };
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| busy(2))?;
        Ok(Admitted { offer, profile, _room: room })
    }

    pub(crate) async fn answer(&self, admitted: Admitted, source: Option<IpAddr>) -> Result<AnswerBody, Problem> {
        let Admitted { offer, profile, _room } = admitted;
        let answer = match timeout(self.answer, self.offers.receive(offer, profile, source)).await {
            Ok(answer) => answer.map_err(refused)?,
            Err(_) => {
                return Err(Problem::new(504, "timeout", "No answer in time", "the payee did not answer in time"));
            }
        };
        Ok(AnswerBody { did: answer.signal().from, answer: answer.as_str().to_owned() })
    }

    /// An answer or reject for us, who had asked to be called back.
    pub(crate) async fn answered(&self, body: &AnswerBody) -> Result<(), Problem> {
        let answer = self.verify(&body.answer, &body.did)?;
        if !matches!(answer.signal().content, Content::Answer { .. } | Content::Reject { .. }) {
            return Err(malformed("answer: the signal says something else"));
        }
        self.trickled(&answer)?;
        self.offers.answered(answer).await.map_err(refused)
    }

    pub(crate) async fn candidates(&self, body: &CandidatesBody) -> Result<(), Problem> {
        let candidates = self.verify(&body.candidates, &body.did)?;
        if !matches!(candidates.signal().content, Content::Candidates { .. }) {
            return Err(malformed("candidates: the signal says something else"));
        }
        self.trickled(&candidates)?;
        self.offers.candidates(candidates).await.map_err(refused)
    }

    /// Signature, sender, audience, and times.
    fn verify(&self, compact: &str, from: &Did) -> Result<SignedSignal, Problem> {
        SignedSignal::verify(compact, from, &self.offers.did(), now()).map_err(|error| {
            let (status, code, title) = match error {
                SignalError::Signature => (403, "signature", "Not signed by its sender"),
                SignalError::WrongSender { .. } => (403, "sender", "Signed by somebody else"),
                SignalError::WrongRecipient { .. } => (403, "recipient", "For somebody else"),
                SignalError::Expired { .. } | SignalError::Lifetime { .. } => (403, "expired", "Not of now"),
                _ => (400, "malformed", "Malformed request"),
            };
            Problem::new(status, code, title, error.to_string())
        })
    }

    fn fresh(&self, signed: &SignedSignal, source: Option<u64>) -> Result<(), Problem> {
        if self.replay.passes(signed, source, now()) {
            return Ok(());
        }
        let detail = "this signal was here before, or is too old to tell; sign a new one";
        Err(Problem::new(409, "replayed", "Replayed", detail))
    }

    fn trickled(&self, signed: &SignedSignal) -> Result<(), Problem> {
        self.fresh(signed, None)?;
        self.trickle.take(signed.signal().from, Instant::now()).map_err(|seconds| too_many("DID", seconds))
    }
}

fn check_profile(bytes: &[u8], did: &Did) -> Result<SignedProfile, Problem> {
    let bad = |detail: String| Problem::new(403, "profile", "Profile not valid", detail);
    let profile = SignedProfile::verify(bytes, now()).map_err(|error| bad(error.to_string()))?;
    if profile.did() == did { Ok(profile) } else { Err(bad("profile: of another DID".into())) }
}

pub(crate) fn malformed(reason: &str) -> Problem {
    Problem::new(400, "malformed", "Malformed request", reason)
}

pub(crate) fn too_many(whose: &str, seconds: u32) -> Problem {
    let detail = format!("too many requests of this {whose}; again in {seconds} s");
    Problem::new(429, "too-many-requests", "Too many requests", detail).after(seconds)
}

fn busy(seconds: u32) -> Problem {
    Problem::new(503, "busy", "Busy", "the payee is busy with others").after(seconds)
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Busy { retry_after } => busy(retry_after),
        Refusal::ProfileNeeded => {
            let detail = "the payee does not know this DID: send its signed profile with the offer";
            Problem::new(403, "profile-needed", "Profile needed", detail)
        }
        Refusal::Stranger => {
            let detail = "the payee takes offers of its contacts only";
            Problem::new(403, "stranger", "Not a contact", detail)
        }
        Refusal::Unexpected => {
            let detail = "nothing stands here that this could be about";
            Problem::new(404, "no-session", "No such session", detail)
        }
        Refusal::Failed => Problem::new(500, "failed", "Failed", "the payee could not answer"),
    }
}
