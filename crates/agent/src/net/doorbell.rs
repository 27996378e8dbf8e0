//! Where offers come in that were brought to the door: by HTTPS or over a stream, in front of the mailbox.

use crate::event::Road;
use pumasi_identity::Did;
use pumasi_signaling::SignedSignal;
use tokio::sync::oneshot;

/// An offer of somebody known, and where its answer goes.
pub(crate) struct Ring {
    pub(crate) offer: SignedSignal,
    /// By which road it came.
    pub(crate) road: Road,
    pub(crate) answer: oneshot::Sender<Result<SignedSignal, Unanswered>>,
}

/// What comes to the door of the switchboard.
pub(crate) enum Door {
    /// An offer.
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "nobody brings offers to a page"))]
    Ring(Box<Ring>),
    /// The owner wants to reach somebody now.
    Nudge(Did),
}

/// What comes to the door of a line.
pub(crate) enum ToLine {
    /// An offer.
    Ring(Box<Ring>),
    /// Try now rather than at the next attempt.
    Nudge,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Another attempt with the same person is under way.
    Busy,
    /// The offer is not one that can be answered.
    Unexpected,
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Gate;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Doorbell, Strangers};

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Door, Ring, Unanswered};
    use crate::bookkeeper::Input;
    use crate::error::AgentError;
    use crate::event::Road;
    use crate::net::people::People;
    use pumasi_http::{Offers, Refusal};
    use pumasi_identity::{Did, SignedProfile};
    use pumasi_signaling::SignedSignal;
    use pumasi_units::Money;
    use std::collections::VecDeque;
    use std::net::IpAddr;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::{Duration, Instant};
    use tokio::sync::{mpsc, oneshot};

    const HOUR: Duration = Duration::from_secs(3_600);

    /// What a shop lets strangers do: people of whom nothing is known but the DID that they proved.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Strangers {
        /// How much each of them may owe.
        pub limit: Money,
        /// How many of them are kept in the address book. Beyond it, the oldest who never paid makes room.
        pub most: usize,
        /// How many new ones an hour.
        pub per_hour: u32,
    }

    /// Takes offers that come by HTTPS or over a stream. Cheap to clone.
    #[derive(Clone)]
    pub struct Doorbell {
        pub(crate) did: Did,
        pub(crate) people: People,
        pub(crate) door: mpsc::Sender<Door>,
        pub(crate) inputs: mpsc::Sender<Input>,
        pub(crate) strangers: Option<Arc<Gate>>,
        pub(crate) road: Road,
    }

    /// Counts strangers.
    pub(crate) struct Gate {
        rules: Strangers,
        met: Mutex<VecDeque<Instant>>,
    }

    impl Gate {
        pub(crate) fn new(rules: Strangers) -> Self {
            Self { rules, met: Mutex::default() }
        }

        pub(crate) fn rules(&self) -> &Strangers {
            &self.rules
        }

        /// Whether one more may come now; else after how many seconds.
        fn pass(&self, now: Instant) -> Result<(), u32> {
            let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
            while met.front().is_some_and(|at| now.duration_since(*at) >= HOUR) {
                met.pop_front();
            }
            if met.len() >= self.rules.per_hour as usize {
                let wait = met.front().map_or(HOUR, |at| HOUR - now.duration_since(*at));
                return Err(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1));
            }
            met.push_back(now);
            Ok(())
        }
    }

    impl Doorbell {
        /// Makes a stranger a contact that nobody has verified, with the credit line for strangers.
        async fn admit(&self, profile: Option<SignedProfile>) -> Result<(), Refusal> {
            let Some(gate) = &self.strangers else { return Err(Refusal::Stranger) };
            let Some(profile) = profile else { return Err(Refusal::ProfileNeeded) };
            gate.pass(Instant::now()).map_err(|retry_after| Refusal::Busy { retry_after })?;
            let (reply, met) = oneshot::channel();
            let (limit, most) = (Some(gate.rules.limit.clone()), gate.rules.most);
            let input = Input::Meet { profile: Box::new(profile), limit, most, reply };
            self.inputs.send(input).await.map_err(|_| Refusal::Failed)?;
            match met.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(AgentError::TooManyContacts { .. })) => Err(Refusal::Stranger),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a stranger was not met");
                    Err(Refusal::Failed)
                }
                Err(_) => Err(Refusal::Failed),
            }
        }
    }

    impl Offers for Doorbell {
        fn did(&self) -> Did {
            self.did
        }

        async fn receive(
            &self,
            offer: SignedSignal,
            profile: Option<SignedProfile>,
            _source: Option<IpAddr>,
        ) -> Result<SignedSignal, Refusal> {
            let from = offer.signal().from;
            if self.people.is_liar(&from) {
                return Err(Refusal::Stranger);
            }
            match (self.people.get(&from), profile) {
                (None, profile) => self.admit(profile).await?,
                (Some(known), Some(profile)) if profile.sequence() > known.sequence() => {
                    let (reply, taken) = oneshot::channel();
                    let input = Input::Profile { profile: Box::new(profile), reply };
                    self.inputs.send(input).await.map_err(|_| Refusal::Failed)?;
                    let _ = taken.await; // one that does not follow the known one is passed over
                }
                (Some(_), _) => {}
            }
            let (answer, answered) = oneshot::channel();
            self.door
                .send(Door::Ring(Box::new(Ring { offer, road: self.road, answer })))
                .await
                .map_err(|_| Refusal::Failed)?;
            match answered.await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(Unanswered::Unexpected)) => Err(Refusal::Unexpected),
                Ok(Err(Unanswered::Busy)) => Err(Refusal::Busy { retry_after: 2 }),
                Err(_) => Err(Refusal::Failed),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn strangers_come_at_a_bounded_rate_and_again_after_an_hour() {
            let limit = "50,000 KRW".parse().unwrap();
            let gate = Gate::new(Strangers { limit, most: 10, per_hour: 2 });
            let now = Instant::now();
            assert_eq!((gate.pass(now), gate.pass(now + Duration::from_secs(600))), (Ok(()), Ok(())));
            assert_eq!(gate.pass(now + Duration::from_secs(1_200)), Err(2_400));
            assert_eq!(gate.pass(now + HOUR), Ok(()));
            assert!(gate.pass(now + HOUR).is_err());
        }
    }
}
