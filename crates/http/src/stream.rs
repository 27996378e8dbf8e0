//! What is said over a stream of the overlay (`docs/spec/signalling.md` §4): the bodies of `POST /receive-offer` and
//! `POST /candidates`, and their responses, with the status inside the problem.

use crate::client::{EndpointError, check_answer};
use crate::problem::Problem;
use crate::wire::{self, CandidatesBody, MAX_BODY, OfferBody};
use pumasi_crypto::json;
use pumasi_identity::SignedProfile;
use pumasi_signaling::SignedSignal;
use pumasi_units::Timestamp;
use serde_json::Value;

/// Longest request, in bytes.
pub const MAX_REQUEST: usize = MAX_BODY;
/// Longest answer, in bytes.
pub const MAX_ANSWER: usize = wire::MAX_ANSWER;

/// What somebody asks over a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// For a connection; the answer comes back on the stream.
    Offer(OfferBody),
    /// To try these candidates too.
    Candidates(CandidatesBody),
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong, in a sentence that names the member.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_REQUEST {
            return Err(format!("request: {} bytes, the limit is {MAX_REQUEST}", bytes.len()));
        }
        let object: Value = json::from_slice("request", bytes, MAX_REQUEST).map_err(|error| error.to_string())?;
        if object.get("candidates").is_some() {
            return CandidatesBody::parse(bytes).map(Self::Candidates);
        }
        let body = OfferBody::parse(bytes)?;
        match body.callback {
            None => Ok(Self::Offer(body)),
            Some(_) => Err("callback: not over a stream, where the answer comes back".into()),
        }
    }
}

/// The request that hands over an offer. A payee who does not know us needs our `profile`.
#[must_use]
pub fn offer_request(offer: &SignedSignal, profile: Option<&SignedProfile>) -> Vec<u8> {
    let body = OfferBody::new(offer, profile);
    serde_json::to_vec(&body).expect("texts and JSON become JSON")
}

/// Reads the answer to an offer: what the payee signed, an answer to it or a reject of it.
///
/// # Errors
/// [`EndpointError`]: what the problem says, or why what came is no answer.
pub fn read_answer(offer: &SignedSignal, bytes: &[u8], now: Timestamp) -> Result<SignedSignal, EndpointError> {
    if bytes.len() > MAX_ANSWER {
        return Err(EndpointError::Malformed("longer than an answer may be"));
    }
    let status = serde_json::from_slice::<Problem>(bytes).map_or(0, |problem| problem.status);
    if status >= 400 {
        return Err(EndpointError::of(Problem::read(status, bytes), None));
    }
    check_answer(offer, bytes, now)
}
