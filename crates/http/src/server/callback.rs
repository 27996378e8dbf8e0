use crate::{AnswerBody, SignalingEndpoint};
use pumasi_fetch::Client;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers that are on their way to somebody's address.
const UNDER_WAY: usize = 8;
/// Names that lead into a network rather than the internet (RFC 6761, RFC 6762, RFC 8375, ICANN 2024).
const INWARD: [&str; 6] = ["localhost", "local", "internal", "home.arpa", "lan", "onion"];

/// Whether an answer is posted to an address that the offer names. Whoever can make us post somewhere can reach what only we
/// can reach, so it is not done unless said so.
#[derive(Clone, Default)]
pub enum Callbacks {
    /// Never. The answer is in the response, whatever the offer says.
    #[default]
    Never,
    /// To https addresses with a public host name and an ordinary port.
    Public(Client),
    /// To any https address, and to http on loopback: in a network of one's own.
    Any(Client),
}

#[derive(Clone)]
pub(crate) struct Caller {
    callbacks: Callbacks,
    room: Arc<Semaphore>,
}

/// An answer that may be posted.
pub(crate) struct Call {
    endpoint: SignalingEndpoint,
    _room: OwnedSemaphorePermit,
}

impl Caller {
    pub(crate) fn new(callbacks: Callbacks) -> Self {
        Self { callbacks, room: Arc::new(Semaphore::new(UNDER_WAY)) }
    }

    /// Whether this address will be called; `None` means that the answer goes into the response.
    pub(crate) fn takes(&self, url: &str) -> Option<Call> {
        let client = match &self.callbacks {
            Callbacks::Never => return None,
            Callbacks::Public(client) => is_public(url).then_some(client)?,
            Callbacks::Any(client) => client,
        };
        let endpoint = SignalingEndpoint::new(client.clone(), url).ok()?;
        let _room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Call { endpoint, _room })
    }
}

impl Call {
    pub(crate) async fn make(self, answer: AnswerBody) {
        if let Err(error) = self.endpoint.send_answer(&answer).await {
            tracing::debug!(%error, "an answer could not be posted");
        }
    }
}

/// An https address whose host is a name of at least two labels that does not lead inward, at port 443 or above 1023.
fn is_public(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let last = host.rsplit('.').next().unwrap_or_default();
    let inward = INWARD.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")));
    let port = port.parse::<u16>().is_ok_and(|port| port == 443 || port >= 1_024);
    // A last label of digits, or in hexadecimal, is an address by number in one of its many spellings.
    let number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    host.contains('.') && host.split('.').all(label) && !inward && !number && port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_posted_to_the_internet_only() {
        for fine in ["https://payer.example", "https://payer.example:8443/pumasi", "https://a.b.payer.example/"] {
            assert!(is_public(fine), "{fine}");
        }
        for not in [
            "http://payer.example",
            "https://localhost",
            "https://127.0.0.1",
            "https://127.1",
            "https://0x7f.0x1",
            "https://2130706433",
            "https://[::1]/",
            "https://router",
            "https://printer.local/",
            "https://db.internal",
            "https://DB.INTERNAL.:443",
            "https://payer.example:22",
            "https://payer.example:x",
            "https://user@payer.example",
            "https://",
        ] {
            assert!(!is_public(not), "{not}");
        }
    }
}
