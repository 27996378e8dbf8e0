use super::base;
use crate::problem::Problem;
use crate::wire::{AnswerBody, CandidatesBody, MAX_ANSWER, OfferBody};
use pumasi_crypto::json;
use pumasi_fetch::{Client, FetchError, Method, Request};
use pumasi_identity::SignedProfile;
use pumasi_signaling::{Content, SignalError, SignedSignal};
use pumasi_units::Timestamp;

/// Why an endpoint did not connect us. That it is unreachable is no reason to think that the payee is: there is the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address of the endpoint is none.
    #[error("{0:?} is not the https address of an endpoint")]
    Address(String),
    /// Nothing came back.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It wants an API token, or another one.
    #[error("the endpoint wants an API token: {0}")]
    Token(Problem),
    /// Too much was asked of it.
    #[error("the endpoint is busy{}: {problem}", .after.map(|s| format!(", again in {s} s")).unwrap_or_default())]
    Busy {
        /// After how many seconds to try again, if it said.
        after: Option<u32>,
        /// What it said.
        problem: Problem,
    },
    /// It refused.
    #[error("the endpoint refused: {0}")]
    Refused(Problem),
    /// What it answered is not an answer.
    #[error("the endpoint's answer: {0}")]
    Malformed(&'static str),
    /// What it answered is not signed by the payee, not for us, or not about our offer: whoever runs the endpoint is not
    /// the payee, or something is wrong with it.
    #[error("the endpoint lies: {0}")]
    Lie(#[from] SignalError),
}

impl EndpointError {
    /// What a problem means; `after` is when to try again, where that was said elsewhere.
    pub(crate) fn of(problem: Problem, after: Option<u32>) -> Self {
        match problem.status {
            401 => Self::Token(problem),
            429 | 503 => Self::Busy { after: after.or(problem.retry_after), problem },
            _ => Self::Refused(problem),
        }
    }

    /// Whether trying the same again later can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Fetch(_) | Self::Busy { .. })
            || matches!(self, Self::Refused(problem) if problem.status >= 500)
    }
}

/// The HTTPS endpoint at which a payee takes offers.
#[derive(Debug, Clone)]
pub struct SignalingEndpoint {
    client: Client,
    url: String,
}

impl SignalingEndpoint {
    /// The endpoint at an address, as the payee's profile or a directory names it.
    ///
    /// # Errors
    /// [`EndpointError::Address`].
    pub fn new(client: Client, url: &str) -> Result<Self, EndpointError> {
        let shown = || EndpointError::Address(url.chars().take(80).collect());
        Ok(Self { client, url: base(url).ok_or_else(shown)? })
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Hands over a signed offer, and gives what the payee signed: an answer to it or a reject of it. A payee who does
    /// not know us needs our `profile`; an endpoint that demands a token needs `token`.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn offer(
        &self,
        offer: &SignedSignal,
        profile: Option<&SignedProfile>,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<SignedSignal, EndpointError> {
        let body = OfferBody::new(offer, profile);
        let answer = self.post("receive-offer", to_json(&body), token).await?;
        check_answer(offer, &answer, now)
    }

    /// Hands over candidates that were found since.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn candidates(&self, candidates: &SignedSignal, token: Option<&str>) -> Result<(), EndpointError> {
        let body = CandidatesBody { did: candidates.signal().from, candidates: candidates.as_str().to_owned() };
        self.post("candidates", to_json(&body), token).await.map(drop)
    }

    /// Hands over an answer to somebody who gave this address to call back at.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn send_answer(&self, answer: &AnswerBody) -> Result<(), EndpointError> {
        self.post("send-answer", to_json(answer), None).await.map(drop)
    }

    async fn post(&self, path: &str, body: Vec<u8>, token: Option<&str>) -> Result<Vec<u8>, EndpointError> {
        let mut request = Request::json(Method::Post, format!("{}/{path}", self.url), body).limit(MAX_ANSWER);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let response = self.client.send(request).await?;
        if response.is_success() {
            return Ok(response.body);
        }
        let problem = Problem::read(response.status, &response.body);
        // A browser shows the header only where the server lets it; the problem says it too.
        let after = response.header("retry-after").and_then(|text| text.parse().ok());
        Err(EndpointError::of(problem, after))
    }
}

/// Checks what came back for an offer: signed by whom it was for, for us, and about this offer.
pub(crate) fn check_answer(offer: &SignedSignal, bytes: &[u8], now: Timestamp) -> Result<SignedSignal, EndpointError> {
    let read: AnswerBody = json::from_slice("answer", bytes, MAX_ANSWER)
        .map_err(|_| EndpointError::Malformed("not a JSON object with `did` and `answer`"))?;
    let asked = offer.signal();
    let answer = SignedSignal::verify(&read.answer, &asked.to, &asked.from, now)?;
    let said = answer.signal();
    match &said.content {
        Content::Answer { offer: about, .. } | Content::Reject { offer: about, .. }
            if *about == offer.id() && said.session == asked.session =>
        {
            Ok(answer)
        }
        Content::Answer { offer: about, .. } | Content::Reject { offer: about, .. } => {
            Err(SignalError::OtherOffer { offer: *about }.into())
        }
        _ => Err(EndpointError::Malformed("neither an answer nor a reject")),
    }
}

fn to_json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts and JSON become JSON")
}
