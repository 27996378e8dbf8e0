//! The same signalling over a stream of the overlay: one body for a request, one for an answer (`docs/spec/signalling.md` §4).

use super::limit::Buckets;
use super::reception::{Reception, malformed, rate, too_many};
use super::signaling::{Offers, SignalingLimits};
use crate::Problem;
use crate::stream::Request;
use pumasi_identity::Did;
use serde::Serialize;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;
use std::time::Instant;

/// Where a payee takes signals that come over streams. `S` tells the sources apart, such as the name of a node.
pub struct StreamDoor<O, S> {
    reception: Reception<O>,
    sources: Buckets<S>,
    hash: RandomState,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The answer, which may be a problem: at most `MAX_ANSWER` bytes.
    pub answer: Vec<u8>,
    /// Whose offer it was, where it was one, for us, of now, and signed by them.
    pub offer_of: Option<Did>,
}

impl<O: Offers, S: Eq + Hash> StreamDoor<O, S> {
    /// The door of a payee.
    #[must_use]
    pub fn new(offers: Arc<O>, limits: &SignalingLimits) -> Self {
        let sources = Buckets::new(rate(limits.source), limits.keys);
        Self { reception: Reception::new(offers, limits), sources, hash: RandomState::new() }
    }

    /// Takes one request and gives its answer, within the time that the limits give an answer. A source that brings its offer once
    /// more gets the answer once more: a stream can be lost with the circuit that it went over.
    pub async fn take(&self, source: S, request: &[u8]) -> Taken {
        let (mut offer_of, whose) = (None, self.hash.hash_one(&source));
        let taken = match self.sources.take(source, Instant::now()) {
            Ok(()) => self.read(request, whose, &mut offer_of).await,
            Err(seconds) => Err(too_many("source", seconds)),
        };
        Taken { answer: taken.unwrap_or_else(|problem| to_json(&problem)), offer_of }
    }

    async fn read(&self, request: &[u8], source: u64, offer_of: &mut Option<Did>) -> Result<Vec<u8>, Problem> {
        match Request::parse(request).map_err(|reason| malformed(&reason))? {
            Request::Offer(body) => {
                let admitted = self.reception.admit(&body, Some(source))?;
                *offer_of = Some(body.did);
                Ok(to_json(&self.reception.answer(admitted, None).await?))
            }
            Request::Candidates(body) => self.reception.candidates(&body).await.map(|()| b"{}".to_vec()),
        }
    }
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts and numbers")
}
