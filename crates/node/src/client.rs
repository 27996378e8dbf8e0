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
/// No answer is longer: a block in full detail is tens of megabytes.
const MAX_ANSWER: u64 = 1 << 30;

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
    let body = Json::object().with("jsonrpc", "2.0").with("id", 1).with("method", method).to_string();
    let answer = post(address, &STANDARD.encode(cookie), &body, TIMEOUT).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => not_running(),
        _ => CallError::Broken(error),
    })?;
    let broken = || CallError::Broken(io::Error::from(io::ErrorKind::InvalidData));
    let reply = Json::parse(&answer.body).ok_or_else(broken)?;
    match (reply.get("result"), reply.get("error")) {
        (_, Some(error)) if !error.is_null() => Err(CallError::Refused(error.to_string())),
        (Some(result), _) => Ok(result.clone()),
        _ => Err(broken()),
    }
}

/// What a node answers over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Posts `body` to a node's JSON-RPC.
pub(crate) fn post(address: SocketAddr, credentials: &str, body: &str, timeout: Duration) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, timeout.min(TIMEOUT))?;
    stream.set_read_timeout(Some(timeout))?;
    // 1.0, so that the answer comes in one piece and ends with the connection.
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: {address}\r\nAuthorization: Basic {credentials}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(bad)?;
    let head = std::str::from_utf8(&answer[..at]).map_err(|_| bad())?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    answer.drain(..at + 4);
    Ok(Answer { status, body: answer })
}
