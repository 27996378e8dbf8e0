//! Routers for `pumasi-tls`: signalling and the gateway.

mod body;
mod callback;
mod figures;
mod gateway;
mod limit;
mod metrics;
mod reception;
mod replay;
mod respond;
mod signaling;
mod stream;

pub use callback::Callbacks;
pub use figures::{Figure, metrics_router};
pub use gateway::{GatewayConfig, GatewayLimits, MakeTurnOffer, Node, NodeView, gateway_router};
pub use signaling::{Offers, Refusal, SignalingConfig, SignalingLimits, signaling_router};
pub use stream::{StreamDoor, Taken};

use pumasi_units::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
