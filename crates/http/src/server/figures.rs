//! What a node of the overlay counts, for Prometheus.

use super::gateway::{Node, is_near, metrics_response};
use super::metrics::Metrics;
use super::respond;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use pumasi_overlay::{Link, Path, Status};

/// A number that a node tells, in the terms of Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its name; figures of one name follow each other.
    pub name: &'static str,
    /// Its label, when there are several of one name: `path="direct"`.
    pub label: Option<&'static str>,
    /// What it is.
    pub help: &'static str,
    /// Whether it only grows.
    pub counter: bool,
    /// The number.
    pub value: u64,
}

/// Connections by path, the relay's work, traffic, and whether the own link works.
pub(super) fn figures(status: &Status) -> Vec<Figure> {
    let reach = &status.reach;
    let gauge = |name, help, value: usize| Figure { name, label: None, help, counter: false, value: value as u64 };
    let counter = |name, help, value| Figure { name, label: None, help, counter: true, value };
    let paths = |wanted: fn(Path) -> bool| reach.connections.iter().filter(|one| wanted(one.path)).count();
    let by_path = |label, value: usize| Figure {
        label: Some(label),
        ..gauge("pumasi_overlay_connections", "Open connections by the way that they take.", value)
    };
    let relay = &reach.relay;
    vec![
        gauge("pumasi_overlay_presences", "Presences kept.", status.presences),
        gauge("pumasi_overlay_set_entries", "Entries of sets kept.", status.entries),
        counter("pumasi_overlay_requests_total", "Requests of nodes answered.", status.answered),
        counter("pumasi_overlay_refused_requests_total", "Requests of nodes let go.", status.let_go),
        counter("pumasi_overlay_offences_total", "Rules that other nodes broke.", status.offences),
        counter("pumasi_overlay_dropped_peers_total", "Peers disconnected or shut out for that.", status.dropped),
        gauge("pumasi_overlay_limited_peers", "Peers from which less is taken for breaking rules.", status.limited),
        gauge("pumasi_overlay_banned_peers", "Peers that are shut out for breaking rules.", status.banned),
        by_path("path=\"direct\"", paths(|path| path == Path::Direct)),
        by_path("path=\"punched\"", paths(|path| path == Path::Punched)),
        by_path("path=\"relayed\"", paths(|path| matches!(path, Path::Relayed { .. }))),
        gauge("pumasi_overlay_serving", "Whether it keeps records for others.", reach.serving.is_server().into()),
        gauge("pumasi_overlay_link_up", "Whether anybody answers.", (reach.link == Link::Up).into()),
        gauge("pumasi_overlay_reserved_relays", "Slots at relays over which others reach it.", reach.reserved.len()),
        gauge("pumasi_overlay_local_nodes", "Nodes found on the local network.", reach.local.len()),
        counter("pumasi_overlay_received_bytes_total", "Bytes received in streams.", reach.received),
        counter("pumasi_overlay_sent_bytes_total", "Bytes sent in streams.", reach.sent),
        gauge("pumasi_relay_serving", "Whether it relays for others.", relay.serving.into()),
        gauge("pumasi_relay_reservations", "Reservations held now.", relay.reservations),
        gauge("pumasi_relay_circuits", "Circuits open now.", relay.circuits),
        counter("pumasi_relay_reservations_total", "Reservations granted.", relay.reservations_total),
        counter("pumasi_relay_refused_reservations_total", "Reservations refused.", relay.reservations_denied),
        counter("pumasi_relay_circuits_total", "Circuits opened.", relay.circuits_total),
        counter("pumasi_relay_refused_circuits_total", "Circuits refused.", relay.circuits_denied),
        counter("pumasi_relay_bytes_total", "Bytes carried between others.", relay.bytes),
    ]
}

/// `/metrics` and nothing else, for a node that is no gateway: like there, only for whoever runs it.
pub fn metrics_router<N: Node>(node: N) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<N>))
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::not_allowed)
        .layer(middleware::from_fn(respond::headers))
        .with_state(node)
}

async fn metrics<N: Node>(State(node): State<N>, request: Request) -> Response {
    let near = is_near(request);
    let view = node.view().await;
    metrics_response(near, || Metrics::overlay(view.as_ref())).await
}
