//! JSON-RPC 1.0, 1.1 and 2.0: one request, and its reply.

use super::error::{RpcError, RpcResult};
use crate::json::Json;

/// Which reply a request expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 1.0 and 1.1: errors are HTTP errors too, and a reply has both `result` and `error`.
    Legacy,
    /// 2.0: a reply has one of them, with HTTP 200.
    V2,
}

/// A request, as far as it could be read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) version: Version,
    /// `None` when the request has no `id` at all.
    pub(super) id: Option<Json>,
    /// Method and parameters, or why there are none.
    pub(super) call: Result<(String, Json), RpcError>,
}

impl Request {
    /// Reads a request object.
    pub(super) fn read(value: &Json) -> Self {
        let mut request = Self { version: Version::Legacy, id: None, call: Err(RpcError::invalid_request("")) };
        request.call = request.read_call(value);
        request
    }

    fn read_call(&mut self, value: &Json) -> Result<(String, Json), RpcError> {
        if !matches!(value, Json::Object(_)) {
            return Err(RpcError::invalid_request("Invalid Request object"));
        }
        self.id = value.get("id").cloned();
        match value.get("jsonrpc") {
            None | Some(Json::Null) => {}
            Some(Json::String(version)) => match version.as_str() {
                "1.0" => {}
                "2.0" => self.version = Version::V2,
                _ => return Err(RpcError::invalid_request("JSON-RPC version not supported")),
            },
            Some(_) => return Err(RpcError::invalid_request("jsonrpc field must be a string")),
        }
        let method = match value.get("method") {
            None | Some(Json::Null) => return Err(RpcError::invalid_request("Missing method")),
            Some(Json::String(method)) => method.clone(),
            Some(_) => return Err(RpcError::invalid_request("Method must be a string")),
        };
        match value.get("params") {
            None | Some(Json::Null) => Ok((method, Json::Array(Vec::new()))),
            Some(params @ (Json::Array(_) | Json::Object(_))) => Ok((method, params.clone())),
            Some(_) => Err(RpcError::invalid_request("Params must be an array or object")),
        }
    }

    /// A request that wants no reply (2.0 without `id`).
    pub(super) fn is_notification(&self) -> bool {
        self.version == Version::V2 && self.id.is_none()
    }

    /// The reply to this request.
    pub(super) fn reply(self, result: RpcResult) -> Json {
        let mut reply = Json::object();
        let legacy = self.version == Version::Legacy;
        if !legacy {
            reply.push("jsonrpc", "2.0");
        }
        match result {
            Ok(result) => {
                reply.push("result", result);
                if legacy {
                    reply.push("error", Json::Null);
                }
            }
            Err(error) => {
                if legacy {
                    reply.push("result", Json::Null);
                }
                reply.push("error", Json::from(error));
            }
        }
        if let Some(id) = self.id {
            reply.push("id", id);
        }
        reply
    }
}

/// The reply to a body that is no request.
pub(super) fn unreadable(error: RpcError) -> Json {
    Json::object().with("result", Json::Null).with("error", Json::from(error)).with("id", Json::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Request {
        Request::read(&Json::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn versions_decide_the_shape_of_the_reply() {
        let reply = read(r#"{"method":"m","id":1}"#).reply(Ok(Json::from(7)));
        assert_eq!(reply.to_string(), r#"{"result":7,"error":null,"id":1}"#);
        let reply = read(r#"{"jsonrpc":"2.0","method":"m","id":"x"}"#).reply(Ok(Json::Null));
        assert_eq!(reply.to_string(), r#"{"jsonrpc":"2.0","result":null,"id":"x"}"#);
        assert!(read(r#"{"jsonrpc":"2.0","method":"m"}"#).is_notification());
        assert!(!read(r#"{"jsonrpc":"2.0","method":"m","id":null}"#).is_notification());
        assert!(!read(r#"{"method":"m"}"#).is_notification());
    }

    #[test]
    fn what_is_no_request_says_why() {
        for (text, message) in [
            ("[]", "Invalid Request object"),
            (r#"{"pizza":"sausage"}"#, "Missing method"),
            (r#"{"method":1}"#, "Method must be a string"),
            (r#"{"method":"m","params":1}"#, "Params must be an array or object"),
            (r#"{"method":"m","jsonrpc":2}"#, "jsonrpc field must be a string"),
            (r#"{"method":"m","jsonrpc":"2.1"}"#, "JSON-RPC version not supported"),
        ] {
            assert_eq!(read(text).call.unwrap_err(), RpcError::invalid_request(message));
        }
    }
}
