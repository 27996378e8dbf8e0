//! Signalling over a stream of the overlay: to the node that speaks for a payee, and here for whoever comes.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{At, Streams, serve};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{At, Streams};

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use crate::clock;
    use crate::event::RoadClosed;
    use crate::net::presence::{self, Found};
    use crate::net::records::Records;
    use crate::net::road::why;
    use crate::net::{Doorbell, People};
    use crate::platform::PlatformProvider;
    use futures::StreamExt as _;
    use futures::stream::FuturesUnordered;
    use pumasi_http::{SignalingLimits, StreamDoor, stream};
    use pumasi_identity::{PrivateKeys, SignedProfile};
    use pumasi_overlay::{NodeId, Overlay, OverlayError, Path, Peer, Requests, Service};
    use pumasi_rt::Task;
    use pumasi_signaling::SignedSignal;
    use std::sync::Arc;
    use std::time::Duration;

    /// Requests that are being answered at a time.
    const AT_ONCE: usize = 64;
    /// Less than the overlay waits for an answer, so that it is told rather than cut off.
    const ANSWER: Duration = Duration::from_secs(18);

    /// Where a payee's node is.
    #[derive(Debug, Clone)]
    pub(crate) struct At(Peer);

    impl At {
        /// The node, for people.
        pub(crate) fn node(&self) -> String {
            self.0.node.to_string()
        }
    }

    /// What asks nodes.
    #[derive(Clone)]
    pub(crate) struct Streams {
        overlay: Overlay,
    }

    impl Streams {
        pub(crate) fn new(overlay: Overlay) -> Self {
            Self { overlay }
        }

        /// Where the node is that speaks for somebody now.
        pub(crate) async fn find(
            &self,
            records: &Records,
            keys: &PrivateKeys<PlatformProvider>,
            them: &SignedProfile,
        ) -> Result<At, RoadClosed> {
            let Some(Found { presence, .. }) = presence::find(records, keys, them).await else {
                return Err(RoadClosed::Unannounced);
            };
            match presence::peer_of(&presence) {
                _ if presence.is_gone() => Err(RoadClosed::Gone),
                Some(peer) => Ok(At(peer)),
                None => Err(RoadClosed::Unreachable),
            }
        }

        /// Hands an offer to a node, and gives what the payee signed, and the node that relays between here and there.
        pub(crate) async fn ask(
            &self,
            at: &At,
            offer: &SignedSignal,
            me: &SignedProfile,
        ) -> Result<(SignedSignal, Option<String>), RoadClosed> {
            let request = stream::offer_request(offer, Some(me));
            match self.overlay.ask(&at.0, Service::Signal, request).await {
                Ok(answer) => {
                    let signed = stream::read_answer(offer, &answer, clock::now()).map_err(|error| {
                        tracing::debug!(node = %at.0.node, %error, "a stream was of no use");
                        why(&error)
                    })?;
                    Ok((signed, self.relay_to(at).await))
                }
                Err(error) => {
                    tracing::debug!(node = %at.0.node, %error, "a node was of no use");
                    Err(match error {
                        OverlayError::Unreachable { .. } => RoadClosed::Unreachable,
                        OverlayError::NotServed { .. } => RoadClosed::Refused,
                        _ => RoadClosed::Silent,
                    })
                }
            }
        }

        async fn relay_to(&self, at: &At) -> Option<String> {
            match self.overlay.status().await.ok()?.reach.path_to(at.0.node)?.path {
                Path::Relayed { over } => Some(over.to_string()),
                _ => None,
            }
        }
    }

    /// Answers signals that come over streams, until it is dropped or the node stops.
    pub(crate) async fn serve(overlay: &Overlay, doorbell: Doorbell) -> Result<Task<()>, OverlayError> {
        let requests = overlay.serve(Service::Signal).await?;
        let limits = SignalingLimits { answer: ANSWER, ..SignalingLimits::default() };
        let people = doorbell.people.clone();
        let door = Arc::new(StreamDoor::<Doorbell, NodeId>::new(Arc::new(doorbell), &limits));
        Ok(pumasi_rt::spawn(answer(overlay.clone(), requests, door, people)))
    }

    async fn answer(overlay: Overlay, mut requests: Requests, door: Arc<StreamDoor<Doorbell, NodeId>>, people: People) {
        let mut answering = FuturesUnordered::new();
        loop {
            tokio::select! {
                request = requests.next(), if answering.len() < AT_ONCE => {
                    let Some(request) = request else { return };
                    let (overlay, door, people) = (&overlay, Arc::clone(&door), &people);
                    answering.push(async move {
                        let (from, taken) = (request.from, door.take(request.from, &request.request).await);
                        request.answer(taken.answer);
                        // Nobody else would bring their offer to this node, so this is theirs. What a presence says would not
                        // do: a liar could name the node of an honest person in it.
                        if let Some(did) = taken.offer_of.filter(|did| people.is_liar(did)) {
                            tracing::info!(node = %from, did = %did.short(), "a node of somebody who was shown to lie is shut out");
                            let _ = overlay.shun(from).await; // it may have stopped
                        }
                    });
                }
                Some(()) = answering.next(), if !answering.is_empty() => {}
            }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use crate::event::RoadClosed;
    use crate::net::records::Records;
    use crate::platform::PlatformProvider;
    use pumasi_identity::{PrivateKeys, SignedProfile};
    use pumasi_signaling::SignedSignal;

    /// A page is no node, and reaches none.
    #[derive(Debug, Clone)]
    pub(crate) enum At {}

    impl At {
        pub(crate) fn node(&self) -> String {
            match *self {}
        }
    }

    /// There is never one: see [`At`].
    #[derive(Clone)]
    pub(crate) enum Streams {}

    impl Streams {
        pub(crate) async fn find(
            &self,
            _: &Records,
            _: &PrivateKeys<PlatformProvider>,
            _: &SignedProfile,
        ) -> Result<At, RoadClosed> {
            match *self {}
        }

        pub(crate) async fn ask(
            &self,
            _: &At,
            _: &SignedSignal,
            _: &SignedProfile,
        ) -> Result<(SignedSignal, Option<String>), RoadClosed> {
            match *self {}
        }
    }
}
