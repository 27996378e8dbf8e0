//! What asks: a payee's endpoint, and gateways.

mod endpoint;
mod gateways;
mod report;

pub(crate) use endpoint::check_answer;
pub use endpoint::{EndpointError, SignalingEndpoint};
pub use gateways::{GatewayError, Gateways, MAX_GATEWAYS};
pub use report::{Lie, MailboxReport, ProfileReport, PutReport, Verdict, Witness};

/// An address without the slashes at its end, for paths to be put behind it; `None` when it is none.
fn base(url: &str) -> Option<String> {
    let url = url.trim().trim_end_matches('/');
    let known = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme) && url.len() > scheme.len());
    let clean = !url.contains(['?', '#', '@', ' ', '\\']) && url.len() <= crate::MAX_URL;
    (known && clean).then(|| url.to_owned())
}
