//! Errors of the RPC, with Bitcoin Core's codes.

use crate::json::Json;

/// An error that a method gives back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub(super) struct RpcError {
    /// One of the codes below.
    pub(super) code: i32,
    /// What went wrong, in Bitcoin Core's words.
    pub(super) message: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl RpcError {
            $($(#[$doc])*
            #[must_use]
            pub(super) fn $name(message: impl Into<String>) -> Self {
                Self { code: $code, message: message.into() }
            })*
        }
    };
}

codes! {
    /// The request is no JSON-RPC request.
    invalid_request = -32600;
    /// No such method.
    method_not_found = -32601;
    /// The parameters do not fit together.
    invalid_params = -32602;
    /// The body is no JSON.
    parse_error = -32700;
    /// Something of its own kind, or wrong usage: the text is the help then.
    misc = -1;
    /// A value of the wrong JSON type.
    type_error = -3;
    /// An address, key or block that is not known.
    invalid_address_or_key = -5;
    /// A value outside of what the parameter takes.
    invalid_parameter = -8;
    /// Something that cannot be decoded.
    deserialization = -22;
    /// A transaction or block that was refused in general.
    verify = -25;
    /// A transaction that the rules or the mempool refuse.
    verify_rejected = -26;
    /// A transaction that is in the chain already.
    already_in_utxo_set = -27;
    /// No such peer.
    peer_not_connected = -29;
    /// Not an IP address or subnet.
    invalid_ip_or_subnet = -30;
    /// The peer is added or banned already.
    peer_already_added = -23;
    /// The peer was not added.
    peer_not_added = -24;
    /// The node is not connected.
    not_connected = -9;
    /// The node has no blocks yet.
    initial_download = -10;
    /// No more connections of this kind.
    node_capacity_reached = -34;
    /// The database failed.
    database = -20;
    /// A bug of ours.
    internal = -32603;
}

impl From<RpcError> for Json {
    fn from(error: RpcError) -> Self {
        Json::object().with("code", error.code).with("message", error.message)
    }
}

/// What a method gives back.
pub(super) type RpcResult = Result<Json, RpcError>;
