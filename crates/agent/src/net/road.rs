//! The endpoint that the payee's profile names, as a road for offer and answer.

use crate::clock;
use crate::event::RoadClosed;
use pumasi_fetch::Client;
use pumasi_http::{EndpointError, SERVICE_SIGNALING, SignalingEndpoint};
use pumasi_identity::SignedProfile;
use pumasi_signaling::SignedSignal;
use zeroize::Zeroizing;

/// An API token that an endpoint demands. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A token, as it was issued.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// The endpoints of a profile at which its owner takes offers.
pub(crate) fn endpoint_of(profile: &SignedProfile) -> Option<String> {
    profile.services().iter().find(|service| service.kind == SERVICE_SIGNALING).map(|service| service.endpoint.clone())
}

/// The host of an address, for people.
pub(crate) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}

/// Asks an endpoint.
pub(crate) async fn ask(
    client: Client,
    url: String,
    offer: SignedSignal,
    me: SignedProfile,
    token: Option<Token>,
) -> Result<SignedSignal, EndpointError> {
    let endpoint = SignalingEndpoint::new(client, &url)?;
    endpoint.offer(&offer, Some(&me), token.as_ref().map(Token::as_str), clock::now()).await
}

/// What is wrong with an endpoint, for people.
pub(crate) fn why(error: &EndpointError) -> RoadClosed {
    match error {
        EndpointError::Token(_) => RoadClosed::TokenNeeded,
        EndpointError::Busy { .. } => RoadClosed::Busy,
        EndpointError::Lie(_) => RoadClosed::NotTheirs,
        EndpointError::Refused(_) => RoadClosed::Refused,
        _ => RoadClosed::Silent,
    }
}
