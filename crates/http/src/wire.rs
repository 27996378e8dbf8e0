//! The bodies of requests and answers (`docs/spec/https.md` §2, §3). A member that is not known is refused, by name.

use pumasi_crypto::{jcs, json};
use pumasi_identity::{Did, MAX_PROFILE, SignedProfile};
use pumasi_signaling::{MAX_SIGNAL, SignedSignal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest body of a request for signalling, in bytes: a signal, a profile, and what is around them.
pub const MAX_BODY: usize = MAX_SIGNAL + 2 * MAX_PROFILE + 1_024;
/// Longest answer to an offer, in bytes: a signal, or a problem.
pub(crate) const MAX_ANSWER: usize = MAX_SIGNAL + 2_048;
/// Longest address in a body, in bytes.
pub const MAX_URL: usize = pumasi_identity::MAX_ENDPOINT;
/// The type of a service in a profile, at whose endpoint the owner takes offers.
pub const SERVICE_SIGNALING: &str = "PumasiSignaling";
/// The type of a service in a profile, whose endpoint is a gateway to the overlay.
pub const SERVICE_GATEWAY: &str = "PumasiGateway";

/// The body of `POST /receive-offer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferBody {
    /// Who asks: the `from` of the offer.
    pub did: Did,
    /// The signed offer, a compact JWS.
    pub offer: String,
    /// The signed profile of who asks, for a payee who does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Value>,
    /// An https address whose `/send-answer` the answer is to be posted to. Without it the answer is in the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
}

/// The body of `POST /send-answer`, and of a response to `POST /receive-offer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// Who answers: the `from` of the answer.
    pub did: Did,
    /// The signed answer or reject, a compact JWS.
    pub answer: String,
}

/// The body of `POST /candidates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidatesBody {
    /// Who can be reached there: the `from` of the signal.
    pub did: Did,
    /// The signed candidates, a compact JWS.
    pub candidates: String,
}

/// What a gateway says of itself: `GET /v1/node`. Members may be added; a reader passes over those it does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The node's name in the overlay.
    pub node: String,
    /// Which program, and which version of it.
    pub version: String,
    /// What is served: `profile`, `mailbox`.
    pub records: Vec<String>,
    /// Where the node can be reached in the overlay.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Gateways that it knows, its own public address first.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// What the node offers beside: names such as `bootstrap`, `relay`.
    #[serde(default)]
    pub offers: Vec<String>,
    /// Its clock, in milliseconds since the epoch.
    pub time: u64,
}

impl OfferBody {
    /// The body that hands over an offer, with the profile of who asks for a payee who does not have it.
    #[must_use]
    pub fn new(offer: &SignedSignal, profile: Option<&SignedProfile>) -> Self {
        let profile = profile.map(|profile| serde_json::from_str(profile.json()).expect("a signed profile is JSON"));
        Self { did: offer.signal().from, offer: offer.as_str().to_owned(), profile, callback: None }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong, in a sentence that names the member.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let body: Self = parse(bytes)?;
        bound("offer", body.offer.len(), MAX_SIGNAL)?;
        bound("callback", body.callback.as_ref().map_or(0, String::len), MAX_URL)?;
        Ok(body)
    }

    /// The bytes of the profile, as it was signed: its canonical form.
    ///
    /// # Errors
    /// When it has none, as with a number that is none of JSON's exact ones, or is too long.
    pub fn profile_bytes(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(profile) = &self.profile else { return Ok(None) };
        let bytes = jcs::to_vec(profile).map_err(|error| format!("profile: {error}"))?;
        bound("profile", bytes.len(), MAX_PROFILE)?;
        Ok(Some(bytes))
    }
}

impl AnswerBody {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong, in a sentence that names the member.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let body: Self = parse(bytes)?;
        bound("answer", body.answer.len(), MAX_SIGNAL)?;
        Ok(body)
    }
}

impl CandidatesBody {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong, in a sentence that names the member.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let body: Self = parse(bytes)?;
        bound("candidates", body.candidates.len(), MAX_SIGNAL)?;
        Ok(body)
    }
}

/// Strict JSON: an object, no member twice, no deep nesting, nothing after the end.
fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    bound("body", bytes.len(), MAX_BODY)?;
    json::from_slice::<Value>("body", bytes, MAX_BODY).map_err(|error| error.to_string())?;
    // Its errors name the member, and quote at most one value of a body that is bounded.
    serde_json::from_slice(bytes).map_err(|error| format!("body: {error}").chars().take(200).collect())
}

fn bound(what: &str, len: usize, limit: usize) -> Result<(), String> {
    if len > limit { Err(format!("{what}: {len} bytes, the limit is {limit}")) } else { Ok(()) }
}
