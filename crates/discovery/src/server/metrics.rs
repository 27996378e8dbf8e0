//! Figures for Prometheus (text format 0.0.4).

use crate::store::Counts;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 8] = [0.000_5, 0.002_5, 0.01, 0.05, 0.25, 1.0, 2.5, 10.0];

#[derive(Default)]
struct Route {
    /// Answers by status.
    statuses: BTreeMap<u16, u64>,
    /// Answers within each bucket.
    within: [u64; BUCKETS.len()],
    seconds: f64,
}

/// Requests, by the route (of which there are few) and its answer.
#[derive(Default)]
pub(super) struct Metrics(Mutex<BTreeMap<String, Route>>);

impl Metrics {
    pub(super) fn count(&self, route: &str, status: StatusCode, took: Duration) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !routes.contains_key(route) {
            routes.insert(route.to_owned(), Route::default());
        }
        let Some(counted) = routes.get_mut(route) else { return };
        *counted.statuses.entry(status.as_u16()).or_default() += 1;
        let seconds = took.as_secs_f64();
        counted.seconds += seconds;
        for (within, bound) in counted.within.iter_mut().zip(BUCKETS) {
            *within += u64::from(seconds <= bound);
        }
    }

    pub(super) fn text(&self, counts: Counts) -> String {
        let mut text = String::with_capacity(4_096);
        self.write(&mut text, counts).expect("a string takes everything");
        text
    }

    fn write(&self, out: &mut String, counts: Counts) -> std::fmt::Result {
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            writeln!(out, "# HELP pumasi_directory_{name} {help}\n# TYPE pumasi_directory_{name} {kind}")
        };
        head(out, "entries", "gauge", "Entries that stand.")?;
        writeln!(out, "pumasi_directory_entries {}", counts.entries)?;
        head(out, "operations", "gauge", "Operations in the log.")?;
        writeln!(out, "pumasi_directory_operations {}", counts.operations)?;
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "requests_total", "counter", "Requests, by route and status.")?;
        for (route, counted) in routes.iter() {
            for (status, count) in &counted.statuses {
                writeln!(out, "pumasi_directory_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}")?;
            }
        }
        head(out, "request_seconds", "histogram", "How long requests took.")?;
        for (route, counted) in routes.iter() {
            let all: u64 = counted.statuses.values().sum();
            for (within, bound) in counted.within.iter().zip(BUCKETS) {
                writeln!(out, "pumasi_directory_request_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}} {within}")?;
            }
            writeln!(out, "pumasi_directory_request_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {all}")?;
            writeln!(out, "pumasi_directory_request_seconds_sum{{route=\"{route}\"}} {:.6}", counted.seconds)?;
            writeln!(out, "pumasi_directory_request_seconds_count{{route=\"{route}\"}} {all}")?;
        }
        Ok(())
    }
}
