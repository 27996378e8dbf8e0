//! Asking a running node, over its JSON-RPC.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::conf::Settings;
use crate::json::Json;

/// A node that has not answered by now will not.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No answer that is asked for here is longer.
const MAX_ANSWER: u64 = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No node runs with these settings.
    #[error("no node is running in {0}")]
    NotRunning(String),
    /// It broke off.
    #[error("the node did not answer: {0}")]
    Broken(#[from] io::Error),
    /// It answered with an error.
    #[error("the node refused: {0}")]
    Refused(String),
}

/// Calls a method without parameters of the node that runs with these settings.
///
/// # Errors
/// [`CallError`]
pub fn call(settings: &Settings, method: &str) -> Result<Json, CallError> {
    let not_running = || CallError::NotRunning(settings.folder.display().to_string());
    let cookie = settings.cookie_path().and_then(|path| std::fs::read(path).ok()).ok_or_else(not_running)?;
    let address = settings.rpc_listen.iter().find(|address| address.is_ipv4()).copied();
    let address = address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(|_| not_running())?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let body = Json::object().with("jsonrpc", "2.0").with("id", 1).with("method", method).to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        STANDARD.encode(cookie),
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let broken = || CallError::Broken(io::Error::from(io::ErrorKind::InvalidData));
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(broken)?;
    let reply = Json::parse(&answer[at + 4..]).ok_or_else(broken)?;
    match (reply.get("result"), reply.get("error")) {
        (_, Some(error)) if !error.is_null() => Err(CallError::Refused(error.to_string())),
        (Some(result), _) => Ok(result.clone()),
        _ => Err(broken()),
    }
}
