//! Records that others find: profiles, and sealed mailbox records. In a process they are in the DHT, of which the peer is a
//! part; a page asks gateways for them over HTTPS.

use crate::clock;
use crate::error::AgentError;
use pumasi_identity::{Did, SignedProfile};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Records, Watch};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{Records, Watch};

impl Records {
    /// The newest profile that can be had; what is not valid is as good as none.
    pub(crate) async fn profile(&self, did: &Did) -> Option<SignedProfile> {
        let found = self.read_profile(did).await;
        let bytes = found.inspect_err(|error| tracing::debug!(%error, "no profile looked up")).ok()??;
        let profile = SignedProfile::verify(&bytes, clock::now()).ok()?;
        (profile.did() == did).then_some(profile)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{AgentError, Did, SignedProfile};
    use crate::platform::PlatformProvider;
    use pumasi_crypto::Provider as _;
    use pumasi_http::TurnOffer;
    use pumasi_overlay::{Lookup, Overlay, OverlayError, Peer, RecordKey, Service};

    pub(crate) use pumasi_overlay::Watch;

    /// The most nodes that are asked for a TURN server. Most are no bootstrap nodes, and say at once that they have none.
    const ASKED_FOR_TURN: usize = 16;

    /// The DHT.
    #[derive(Clone)]
    pub(crate) struct Records {
        overlay: Overlay,
    }

    impl Records {
        pub(crate) fn new(overlay: Overlay) -> Self {
            Self { overlay }
        }

        /// STUN and TURN servers that connected nodes offer, if any.
        pub(crate) async fn turn_offers(&self) -> Vec<TurnOffer> {
            let Ok(status) = self.overlay.status().await else { return Vec::new() };
            let asks = status.connected.iter().take(ASKED_FOR_TURN).map(|node| async {
                let peer = Peer { node: *node, addresses: Vec::new() };
                let said = self.overlay.ask(&peer, Service::Turn, Vec::new()).await.ok()?;
                TurnOffer::parse(&said).inspect_err(|error| tracing::debug!(%error, "no offer of servers")).ok()
            });
            futures::future::join_all(asks).await.into_iter().flatten().collect()
        }

        /// Whether anybody at all answers. A connection may stand that leads nowhere any more, so they are asked.
        pub(crate) async fn is_online(&self) -> bool {
            // A key that nobody has put anything under: whoever is there says so, and learns nothing.
            let mut key = [0; 32];
            if PlatformProvider.random(&mut key).is_err() {
                return false;
            }
            self.overlay.lookup(RecordKey::mailbox(key)).await.is_ok_and(|found| found.answered > 0)
        }

        pub(super) async fn read_profile(&self, did: &Did) -> Result<Option<Vec<u8>>, AgentError> {
            Ok(self.overlay.get(RecordKey::profile(did)).await?)
        }

        /// Looks a record up, and says what it took.
        pub(crate) async fn look_up(&self, key: RecordKey) -> Result<Lookup, OverlayError> {
            self.overlay.lookup(key).await
        }

        /// Puts a record. Says how many nodes have stored it.
        pub(crate) async fn put(&self, key: RecordKey, value: Vec<u8>) -> Result<usize, OverlayError> {
            Ok(self.overlay.put(key, value).await?.stored)
        }

        /// Puts the profile where others look for it. Says how many nodes have stored it.
        pub(crate) async fn put_profile(&self, profile: &SignedProfile) -> Result<usize, AgentError> {
            let key = RecordKey::profile(profile.did());
            Ok(self.put(key, profile.json().as_bytes().to_vec()).await?)
        }

        /// Puts a mailbox record, in place of what was there.
        pub(crate) async fn put_mailbox(&self, key: [u8; 32], record: Vec<u8>) -> Result<(), AgentError> {
            let published = self.overlay.put(RecordKey::mailbox(key), record).await?;
            tracing::debug!(asked = published.asked, stored = published.stored, "mailbox record put");
            Ok(())
        }

        /// The mailbox record that lies under a key now.
        pub(crate) async fn mailbox(&self, key: [u8; 32]) -> Result<Option<Vec<u8>>, AgentError> {
            match self.overlay.get(RecordKey::mailbox(key)).await {
                // A moment without peers is no reason to give up; the next look may find them.
                Err(OverlayError::Offline | OverlayError::Timeout { .. } | OverlayError::Busy { .. }) => Ok(None),
                other => Ok(other?),
            }
        }

        /// Mailbox records as they come in under a key, where this node is one of those that keep it.
        pub(crate) async fn watch(&self, key: [u8; 32]) -> Result<Watch, AgentError> {
            Ok(self.overlay.watch(RecordKey::mailbox(key)).await?)
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use super::{AgentError, Did, SignedProfile};
    use pumasi_http::{GatewayError, Gateways, Place, ProfileReport, Records as _, RecordsError, TurnOffer};

    /// Gateways.
    #[derive(Clone)]
    pub(crate) struct Records {
        /// None: nothing can be asked until the owner names some.
        gateways: Option<Gateways>,
    }

    /// A page is told of nothing: it looks again from time to time.
    pub(crate) enum Watch {}

    impl Watch {
        pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
            match *self {}
        }
    }

    impl Records {
        pub(crate) fn new(gateways: Option<Gateways>) -> Self {
            Self { gateways }
        }

        fn gateways(&self) -> Result<&Gateways, AgentError> {
            self.gateways.as_ref().ok_or(AgentError::Gateways(GatewayError::None))
        }

        /// STUN and TURN servers that the gateways offer.
        pub(crate) async fn turn_offers(&self) -> Vec<TurnOffer> {
            match &self.gateways {
                Some(gateways) => gateways.turn_offers().await,
                None => Vec::new(),
            }
        }

        /// Whether any gateway answers.
        pub(crate) async fn is_online(&self) -> bool {
            match &self.gateways {
                Some(gateways) => gateways.is_online().await,
                None => false,
            }
        }

        /// The newest profile, and what each gateway said.
        pub(crate) async fn report(&self, did: &Did) -> ProfileReport {
            match &self.gateways {
                Some(gateways) => gateways.profile(did).await,
                None => ProfileReport { profile: None, witnesses: Vec::new() },
            }
        }

        pub(super) async fn read_profile(&self, did: &Did) -> Result<Option<Vec<u8>>, AgentError> {
            Ok(self.gateways()?.get(&Place::Profile(*did)).await?)
        }

        /// Puts the profile where others look for it. Says how many gateways took it.
        pub(crate) async fn put_profile(&self, profile: &SignedProfile) -> Result<usize, AgentError> {
            let put = self.gateways()?.put(&Place::Profile(*profile.did()), profile.json().as_bytes().to_vec()).await?;
            Ok(put.stored)
        }

        /// Puts a mailbox record, in place of what was there.
        pub(crate) async fn put_mailbox(&self, key: [u8; 32], record: Vec<u8>) -> Result<(), AgentError> {
            let put = self.gateways()?.put(&Place::Mailbox(key), record).await?;
            tracing::debug!(asked = put.asked, stored = put.stored, "mailbox record put");
            Ok(())
        }

        /// The mailbox record that lies under a key now.
        pub(crate) async fn mailbox(&self, key: [u8; 32]) -> Result<Option<Vec<u8>>, AgentError> {
            match self.gateways()?.get(&Place::Mailbox(key)).await {
                // A moment without a network is no reason to give up; the next look may find it.
                Err(RecordsError::Unreachable(_) | RecordsError::Full(_)) => Ok(None),
                other => Ok(other?),
            }
        }

        /// Never: see [`Watch`].
        pub(crate) async fn watch(&self, _: [u8; 32]) -> Result<Watch, AgentError> {
            Err(AgentError::Stopped)
        }
    }
}
