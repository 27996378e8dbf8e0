//! The HTTPS faces of a peer (spec: `docs/spec/https.md`): how a browser, or anyone with an HTTP client, reaches a payee and
//! the records of the overlay.
//!
//! Clients, native and in a browser, over [`pumasi_fetch`]. They believe nothing that is not signed by whom it is about:
//! - [`SignalingEndpoint`]: hands an offer to a payee's endpoint, and checks the answer.
//! - [`stream`]: the same over a stream of the overlay.
//! - [`Gateways`]: asks several gateways for a record at once, checks each answer, keeps the newest, and names the gateway
//!   that lied or lagged.
//! - [`Records`]: where records are kept, so that the same code runs over the overlay and over gateways.
//!
//! Servers, native only and with the feature `server`, as axum routers for `pumasi-tls`:
//! - `signaling_router`: `POST /receive-offer`, `/send-answer`, `/candidates`, in front of an `Offers`.
//! - `gateway_router`: `/v1/records/…`, `/v1/node`, in front of a [`Records`].
//! - `tokens`: the API tokens that an endpoint may demand.

mod client;
mod problem;
mod records;
pub mod stream;
mod turn;
mod wire;

#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
mod server;
#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
pub mod tokens;

pub use client::{
    EndpointError, GatewayError, Gateways, Lie, MAX_GATEWAYS, MailboxReport, ProfileReport, PutReport,
    SignalingEndpoint, Verdict, Witness,
};
pub use problem::{PROBLEM_TYPE, Problem};
pub use records::{MaybeSend, Place, Put, Records, RecordsError};
#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
pub use server::{
    Callbacks, Figure, GatewayConfig, GatewayLimits, MakeTurnOffer, Node, NodeView, Offers, Refusal, SignalingConfig,
    SignalingLimits, StreamDoor, Taken, gateway_router, metrics_router, signaling_router,
};
pub use turn::{MAX_TURN_OFFER, MAX_TURN_TEXT, MAX_TURN_URIS, TurnOffer};
pub use wire::{
    AnswerBody, CandidatesBody, MAX_BODY, MAX_URL, NodeInfo, OfferBody, SERVICE_GATEWAY, SERVICE_SIGNALING,
};
