//! The first words on an open channel: both sides prove their DID, bound to both DTLS certificates.

use super::line::{Shared, nonce};
use crate::clock;
use crate::platform::PlatformProvider;
use pumasi_crypto::Provider as _;
use pumasi_identity::SignedProfile;
use pumasi_rtc::{DataLink, Link};
use pumasi_signaling::{AUTH_WAIT, AuthConfig, AuthOutput, ChannelAuth, ChannelRole, ProfileVersion};
use std::collections::BTreeSet;
use std::time::Duration;

/// Which side of the connection this peer is.
pub(crate) type Side = ChannelRole;

/// A link whose other end is known.
pub(crate) struct Proved {
    pub(crate) link: Link,
    pub(crate) side: Side,
    /// A newer profile than the one known, where the other side uses one and the DHT has it.
    pub(crate) newer: Option<SignedProfile>,
}

/// Proves and checks; or says why the link is closed.
pub(crate) async fn prove(link: Link, side: Side, shared: &Shared, them: &SignedProfile) -> Result<Proved, String> {
    let patience = Duration::from_millis(AUTH_WAIT);
    pumasi_rt::timeout(patience, exchange(link, side, shared, them))
        .await
        .unwrap_or_else(|_| Err("the other end did not prove who it is in time".into()))
}

async fn exchange(mut link: Link, side: Side, shared: &Shared, them: &SignedProfile) -> Result<Proved, String> {
    let config = AuthConfig {
        role: side,
        me: *shared.keys.did(),
        them: *them.did(),
        local_fingerprint: *link.local_fingerprint().as_bytes(),
        remote_fingerprint: *link.remote_fingerprint().as_bytes(),
        nonce: nonce(),
        profile: ProfileVersion { sequence: shared.profile.sequence(), digest: shared.profile.digest() },
        capabilities: BTreeSet::new(),
    };
    let mut auth = ChannelAuth::new(config, clock::now()).map_err(|error| error.to_string())?;
    loop {
        while let Some(output) = auth.poll_output() {
            match output {
                AuthOutput::Send(bytes) => link.send(bytes).await.map_err(|error| error.to_string())?,
                AuthOutput::Sign(bytes) => {
                    let signature = PlatformProvider.ed25519_sign(shared.keys.did_key(), &bytes).await;
                    let signature = signature.map_err(|error| error.to_string())?;
                    auth.handle_signature(&signature).map_err(|error| error.to_string())?;
                }
                AuthOutput::Authenticated(peer) => {
                    let newer = match peer.profile.sequence > them.sequence() {
                        true => shared.records.profile(them.did()).await,
                        false => None,
                    };
                    return Ok(Proved { link, side, newer });
                }
            }
        }
        let Some(message) = link.recv().await else { return Err("the channel closed before the proof".into()) };
        auth.handle_message(&message).map_err(|error| error.to_string())?;
    }
}
