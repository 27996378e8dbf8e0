//! Figures for Prometheus, as text, on `-metricsport=` of this machine.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::{Event, call};
use crate::node::Node;

/// One figure.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: f64,
}

/// Serves `/metrics` until the process ends.
pub(super) async fn serve(listener: TcpListener, node: mpsc::Sender<Event>) {
    let app = Router::new().route("/metrics", get(answer)).with_state(node);
    let _ = axum::serve(listener, app).await;
}

async fn answer(State(node): State<mpsc::Sender<Event>>) -> Response {
    let (reply, figures) = oneshot::channel();
    if node.send(call(|node| text(&collect(node)), reply)).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match figures.await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for a graph")]
fn collect(node: &Node) -> Vec<Metric> {
    let backend = &node.backend;
    let chain = &backend.chain;
    let (counts, totals) = (node.net.connection_counts(), node.net.totals());
    let mempool = backend.mempool.info(backend.now());
    let (coins, cache_bytes) = chain.cache_size();
    let gauge = |name, help, value| Metric { name, kind: "gauge", help, value };
    let counter = |name, help, value| Metric { name, kind: "counter", help, value };
    vec![
        gauge("pumasi_block_height", "Height of the active chain.", f64::from(chain.active().height())),
        gauge(
            "pumasi_header_height",
            "Height of the best header.",
            f64::from(chain.tree()[chain.best_header()].height),
        ),
        gauge(
            "pumasi_verification_progress",
            "How far the sync is, from 0 to 1.",
            chain.verification_progress(backend.now()),
        ),
        gauge("pumasi_peers_inbound", "Connections from others.", counts.inbound as f64),
        gauge("pumasi_peers_outbound", "Connections to others.", counts.outbound as f64),
        counter("pumasi_received_bytes_total", "Bytes received from peers.", totals.received as f64),
        counter("pumasi_sent_bytes_total", "Bytes sent to peers.", totals.sent as f64),
        gauge("pumasi_mempool_transactions", "Transactions that wait.", mempool.size as f64),
        gauge("pumasi_mempool_vbytes", "Virtual bytes of the transactions that wait.", mempool.bytes as f64),
        gauge("pumasi_mempool_memory_bytes", "Memory of the mempool.", mempool.usage as f64),
        gauge("pumasi_coins_cached", "Coins held back from the disk.", coins as f64),
        gauge("pumasi_coins_cache_bytes", "Memory of the coins held back.", cache_bytes as f64),
        counter("pumasi_validation_seconds_total", "Time spent on blocks.", backend.validation.as_secs_f64()),
    ]
}

fn text(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for Metric { name, kind, help, value } in metrics {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_shape_that_prometheus_reads() {
        let metric = Metric { name: "pumasi_block_height", kind: "gauge", help: "Height.", value: 7.0 };
        assert_eq!(
            text(&[metric]),
            "# HELP pumasi_block_height Height.\n# TYPE pumasi_block_height gauge\npumasi_block_height 7\n"
        );
    }
}
