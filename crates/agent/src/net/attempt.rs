//! What one attempt to connect found out: for the report of which path was taken, and why the better ones were not.

use crate::event::{DeadServer, Report, TriedWay, way_of};
use pumasi_rtc::{Progress, Tried};
use std::sync::{Arc, Mutex, PoisonError};

/// The most ways that are told of.
const MAX_WAYS: usize = 24;
/// The most servers that are told of.
const MAX_SERVERS: usize = 16;

/// Fed by the observer of a connection, read by its line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    servers: Vec<DeadServer>,
    tried: Vec<Tried>,
    /// A server said how we are seen, or gave us an address.
    answered: bool,
}

impl Attempt {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a connection tells.
    pub(crate) fn note(&self, progress: &Progress) {
        let mut seen = self.seen();
        match progress {
            Progress::Gathering => *seen = Seen::default(),
            Progress::ServerFailed { server, transport, why } if seen.servers.len() < MAX_SERVERS => {
                let dead =
                    DeadServer { server: server.to_string(), transport: transport.to_string(), why: (*why).into() };
                seen.servers.push(dead);
            }
            Progress::Gathered { server_reflexive, relay, .. } => seen.answered = server_reflexive + relay > 0,
            Progress::Tried(tried) => seen.tried.clone_from(tried),
            _ => {}
        }
    }

    /// Whether a server answered: then this machine reaches the network.
    pub(crate) fn server_answered(&self) -> bool {
        self.seen().answered
    }

    /// What is told of it.
    pub(crate) fn report(&self) -> Report {
        let seen = self.seen();
        let tried = seen.tried.iter().take(MAX_WAYS).map(|tried| TriedWay {
            way: way_of(tried.way()),
            to: tried.remote.address.to_string(),
            transport: tried.transport.to_string(),
            checks: tried.checks,
            answered: tried.answered,
        });
        Report { tried: tried.collect(), servers: seen.servers.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ServerTrouble;
    use pumasi_rtc::{HostPort, ServerFailure, Transport};

    #[test]
    fn only_so_many_servers_are_told_of_and_the_next_attempt_begins_anew() {
        let attempt = Attempt::default();
        let server = HostPort { host: "relay.example".into(), port: 3478 };
        let failed = Progress::ServerFailed { server, transport: Transport::Udp, why: ServerFailure::Silent };
        for _ in 0..MAX_SERVERS + 5 {
            attempt.note(&failed);
        }
        attempt.note(&Progress::Gathered { host: 1, server_reflexive: 1, relay: 0 });
        let report = attempt.report();
        assert_eq!((report.servers.len(), attempt.server_answered()), (MAX_SERVERS, true));
        let first = &report.servers[0];
        assert_eq!(
            (first.server.as_str(), first.transport.as_str(), first.why),
            ("relay.example:3478", "UDP", ServerTrouble::Silent)
        );

        attempt.note(&Progress::Gathering);
        assert_eq!((attempt.report(), attempt.server_answered()), (Report::default(), false));
    }
}
