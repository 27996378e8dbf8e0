//! The rule of a topic as the agent has it, for the tests that talk in one.

use pumasi_messages::topic::{self, Gate, Judged, TopicName};
use pumasi_overlay::{Rule, Verdict};
use pumasi_units::Timestamp;
use std::sync::{Arc, Mutex};

/// What passes the gate of the topic; `now` is the clock.
pub(crate) fn rule(name: TopicName, now: fn() -> Timestamp) -> Rule {
    let gate = Mutex::new(Gate::new(name, topic::Limits::default()));
    Arc::new(move |from, bytes| match gate.lock().unwrap().judge(Some(&from.to_bytes()), bytes, now()) {
        Judged::Accepted(_) => Verdict::Accept,
        Judged::Refused { verdict: topic::Verdict::Reject, .. } => Verdict::Reject,
        Judged::Refused { .. } => Verdict::Ignore,
    })
}
