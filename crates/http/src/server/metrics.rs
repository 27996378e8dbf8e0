use super::gateway::NodeView;
use axum::http::StatusCode;
use pumasi_tls::Counts;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Absent,
    Refused,
    Limited,
    Failed,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Done, Self::Absent, Self::Refused, Self::Limited, Self::Failed];

    pub(super) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..400 => Self::Done,
            404 => Self::Absent,
            429 => Self::Limited,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Absent => "absent",
            Self::Refused => "refused",
            Self::Limited => "limited",
            Self::Failed => "failed",
        }
    }
}

const KINDS: [&str; 2] = ["profile", "mailbox"];

/// What a gateway has done, for Prometheus.
#[derive(Default)]
pub(super) struct Metrics {
    /// By method, kind and outcome.
    requests: [[[AtomicU64; Outcome::ALL.len()]; KINDS.len()]; 2],
}

impl Metrics {
    pub(super) fn count(&self, kind: &str, put: bool, outcome: Outcome) {
        if let Some(kind) = KINDS.iter().position(|known| *known == kind) {
            self.requests[usize::from(put)][kind][outcome as usize].fetch_add(1, Relaxed);
        }
    }

    /// The text format of Prometheus.
    pub(super) fn text(&self, node: Option<&NodeView>, listener: Option<Counts>) -> String {
        let mut text = String::new();
        head(&mut text, "pumasi_gateway_requests_total", "counter", "Requests for records.");
        for (method, kinds) in ["get", "put"].iter().zip(&self.requests) {
            for (kind, outcomes) in KINDS.iter().zip(kinds) {
                for (outcome, count) in Outcome::ALL.iter().zip(outcomes) {
                    let (outcome, count) = (outcome.name(), count.load(Relaxed));
                    line(
                        &mut text,
                        &format!(
                            "pumasi_gateway_requests_total{{method=\"{method}\",kind=\"{kind}\",outcome=\"{outcome}\"}}"
                        ),
                        count,
                    );
                }
            }
        }
        text.push_str(&Self::overlay(node));
        if let Some(counts) = listener {
            let counters = [
                ("pumasi_https_connections_total", "Connections taken.", counts.connections),
                ("pumasi_https_refused_connections_total", "Connections over the share of a source.", counts.refused),
                ("pumasi_https_failed_handshakes_total", "TLS handshakes that failed.", counts.handshakes_failed),
                ("pumasi_https_requests_total", "Requests.", counts.requests),
                ("pumasi_https_timed_out_requests_total", "Requests that took too long.", counts.timed_out),
            ];
            for (name, help, value) in counters {
                one(&mut text, name, "counter", help, value);
            }
        }
        text
    }

    /// What the node itself counts.
    pub(super) fn overlay(node: Option<&NodeView>) -> String {
        let mut text = String::new();
        one(&mut text, "pumasi_overlay_up", "gauge", "Whether the node runs.", u64::from(node.is_some()));
        let Some(node) = node else { return text };
        let gauges = [
            ("pumasi_overlay_connected_peers", "Peers with an open connection.", node.connected),
            ("pumasi_overlay_routable_peers", "Peers in the routing table.", node.routable),
            ("pumasi_overlay_profiles", "Profiles kept.", node.profiles),
            ("pumasi_overlay_mailbox_records", "Mailbox records kept.", node.mailboxes),
        ];
        for (name, help, value) in gauges {
            one(&mut text, name, "gauge", help, value as u64);
        }
        one(&mut text, "pumasi_overlay_refused_puts_total", "counter", "Puts of nodes refused.", node.refused);
        let mut last = "";
        for figure in &node.figures {
            if figure.name != last {
                head(&mut text, figure.name, if figure.counter { "counter" } else { "gauge" }, figure.help);
                last = figure.name;
            }
            match figure.label {
                Some(label) => line(&mut text, &format!("{}{{{label}}}", figure.name), figure.value),
                None => line(&mut text, figure.name, figure.value),
            }
        }
        text
    }
}

fn one(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    head(text, name, kind, help);
    line(text, name, value);
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(text: &mut String, series: &str, value: u64) {
    let _ = writeln!(text, "{series} {value}");
}
