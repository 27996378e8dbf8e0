//! The command-line client: the options, words and exit codes of `bitcoin-cli`.
//!
//! `bitcoin-cli` keeps a list of parameters that are JSON rather than text; here that follows from the methods' table.

use std::fmt::Write as _;
use std::io::BufRead;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::{Answer, post};
use crate::conf::{Args, ClientSettings, ConfError};
use crate::json::Json;
use crate::rpc::{is_json, is_json_by_name, takes};

/// Seconds for an answer without `-rpcclienttimeout` (Core's `DEFAULT_HTTP_CLIENT_TIMEOUT`).
const ANSWER_SECONDS: u64 = 900;
/// `-rpcclienttimeout=0` waits as long as this.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Pause between two tries of `-rpcwait`.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The code of a node that is still starting.
const IN_WARMUP: &str = "-28";

/// What the program writes and how it exits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// For the standard output.
    pub out: String,
    /// For the standard error.
    pub error: String,
    /// The exit code: 0, the number of the RPC error, or 1.
    pub code: u8,
}

/// What belongs to the client alone.
#[derive(Debug, Clone, Default)]
struct Flags {
    named: bool,
    stdin: bool,
    stdin_password: bool,
    wait: bool,
    wait_seconds: Option<u64>,
    answer_seconds: Option<u64>,
    connect: Option<String>,
}

enum Failure {
    /// Nobody is there (yet): `-rpcwait` tries again.
    Connection(String),
    Other(String),
}

impl From<ConfError> for Failure {
    fn from(error: ConfError) -> Self {
        Self::Other(error.to_string())
    }
}

/// Runs one command line; the arguments follow the program's name.
pub fn cli(arguments: &[String], stdin: &mut dyn BufRead) -> Outcome {
    match attempt(arguments, stdin) {
        Ok(outcome) => outcome,
        Err(Failure::Connection(text) | Failure::Other(text)) => {
            Outcome { error: format!("error: {text}\n"), code: 1, ..Outcome::default() }
        }
    }
}

fn attempt(arguments: &[String], stdin: &mut dyn BufRead) -> Result<Outcome, Failure> {
    let first = arguments.iter().position(|word| !word.starts_with('-')).unwrap_or(arguments.len());
    let (options, words) = arguments.split_at(first);
    let (flags, rest) = flags(options)?;
    let settings = ClientSettings::load(Args::parse(&rest)?)?;
    let password = match flags.stdin_password {
        true => Some(line(stdin)?),
        false => settings.password.clone(),
    };
    let mut words = words.to_vec();
    if flags.stdin {
        let mut text = String::new();
        stdin.read_to_string(&mut text).map_err(|error| Failure::Other(error.to_string()))?;
        words.extend(text.lines().map(str::to_owned));
    }
    let Some((method, given)) = words.split_first() else {
        return Err(Failure::Other("too few parameters (need at least command)".to_owned()));
    };
    let params = if flags.named { named(method, given)? } else { positional(method, given)? };
    let request =
        Json::object().with("jsonrpc", "2.0").with("id", 1).with("method", method.as_str()).with("params", params);
    let begin = Instant::now();
    let patience = flags.wait_seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    loop {
        let result = ask(&settings, &flags, password.as_deref(), &request);
        match result {
            Err(Failure::Connection(text)) if flags.wait => {
                if patience.is_some_and(|patience| begin.elapsed() >= patience) {
                    return Err(Failure::Connection(format!("timeout on transient error: {text}")));
                }
                std::thread::sleep(RETRY_PAUSE);
            }
            other => return other.map(|reply| outcome(&reply)),
        }
    }
}

/// Takes the client's own options out; the rest are the node's.
fn flags(options: &[String]) -> Result<(Flags, Vec<String>), Failure> {
    let mut flags = Flags::default();
    let mut rest = Vec::new();
    for option in options {
        let bare = option.trim_start_matches('-');
        let (name, value) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
        let yes = value.is_none_or(|value| value != "0");
        let seconds = || {
            value.and_then(|text| text.parse().ok()).ok_or_else(|| {
                Failure::Other(format!("-{name} needs a number of seconds, not {:?}", value.unwrap_or_default()))
            })
        };
        match name {
            "named" => flags.named = yes,
            "nonamed" => flags.named = !yes,
            "stdin" => flags.stdin = yes,
            "stdinrpcpass" => flags.stdin_password = yes,
            "rpcwait" => flags.wait = yes,
            "rpcwaittimeout" => flags.wait_seconds = Some(seconds()?),
            "rpcclienttimeout" => flags.answer_seconds = Some(seconds()?),
            "rpcconnect" => flags.connect = value.map(str::to_owned),
            _ => rest.push(option.clone()),
        }
    }
    Ok((flags, rest))
}

fn line(stdin: &mut dyn BufRead) -> Result<String, Failure> {
    let mut text = String::new();
    match stdin.read_line(&mut text) {
        Ok(read) if read > 0 => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        _ => Err(Failure::Other("-stdinrpcpass specified but failed to read from standard input".to_owned())),
    }
}

/// A parameter: JSON where the method wants it, text where it wants text.
fn value(json: bool, text: &str) -> Result<Json, Failure> {
    if !json {
        return Ok(Json::from(text));
    }
    Json::parse(text.as_bytes()).ok_or_else(|| Failure::Other(format!("Error parsing JSON: {text}")))
}

fn positional(method: &str, given: &[String]) -> Result<Json, Failure> {
    let values = given.iter().enumerate().map(|(at, text)| value(is_json(method, at), text));
    Ok(Json::Array(values.collect::<Result<_, _>>()?))
}

/// `name=value`; what has no name, or one that the method does not know, goes into `args`, in its order.
fn named(method: &str, given: &[String]) -> Result<Json, Failure> {
    let mut params: Vec<(String, Json)> = Vec::new();
    let mut positional = Vec::new();
    for text in given {
        let at = positional.len();
        let Some((name, part)) = text.split_once('=') else {
            positional.push(value(is_json(method, at), text)?);
            continue;
        };
        let known = is_json_by_name(method, name);
        // An equals sign may stand in a value too: JSON and text are told from a name that the method does not have.
        if known.is_none() && takes(method, at) {
            let json = if is_json(method, at) { Json::parse(text.as_bytes()) } else { Some(Json::from(text.as_str())) };
            if let Some(json) = json {
                positional.push(json);
                continue;
            }
        }
        let json = value(known.unwrap_or(false), part)?;
        // The last one counts.
        params.retain(|(given, _)| given != name);
        params.push((name.to_owned(), json));
    }
    if !positional.is_empty() {
        params.push(("args".to_owned(), Json::Array(positional)));
    }
    Ok(Json::Object(params))
}

fn ask(settings: &ClientSettings, flags: &Flags, password: Option<&str>, request: &Json) -> Result<Json, Failure> {
    let (host, port) = place(settings, flags)?;
    let cookie = settings.cookie.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let credentials = match password {
        Some(password) => format!("{}:{password}", settings.user),
        None => cookie.clone().unwrap_or_default(),
    };
    let nobody = |why: &str| {
        Failure::Connection(format!(
            "Could not connect to the server {host}:{port}{why}\n\nMake sure the bitcoind server is running and that \
             you are connecting to the correct RPC port.\nUse \"bitcoin-cli -help\" for more info."
        ))
    };
    let address = resolved(&host, port).ok_or_else(|| nobody(""))?;
    let timeout = match flags.answer_seconds {
        Some(0) => FOREVER,
        seconds => Duration::from_secs(seconds.unwrap_or(ANSWER_SECONDS)),
    };
    let answer = post(address, &STANDARD.encode(credentials), &request.to_string(), timeout)
        .map_err(|error| nobody(&format!(" ({error})")))?;
    reply(settings, &answer, password.is_some(), cookie.is_some())
}

fn reply(settings: &ClientSettings, answer: &Answer, password: bool, cookie: bool) -> Result<Json, Failure> {
    let text = String::from_utf8_lossy(&answer.body);
    match answer.status {
        401 => {
            let why = match (password, cookie, &settings.cookie) {
                (true, _, _) => "Incorrect rpcuser or rpcpassword were specified.",
                (false, true, _) => "Cookie file credentials were invalid and no rpcpassword was specified.",
                (false, false, Some(_)) => "Failed to read cookie file and no rpcpassword was specified.",
                (false, false, None) => {
                    "Cookie file was disabled via -norpccookiefile and no rpcpassword was specified."
                }
            };
            let file = settings.file.display();
            return Err(Failure::Other(format!("Authorization failed: {why} Configuration file: ({file})")));
        }
        503 => return Err(Failure::Other(format!("Server response: {text}"))),
        status if status >= 400 && ![400, 404, 500].contains(&status) => {
            return Err(Failure::Other(format!("server returned HTTP error {status}")));
        }
        _ if answer.body.is_empty() => return Err(Failure::Other("no response from server".to_owned())),
        _ => {}
    }
    let reply =
        Json::parse(&answer.body).ok_or_else(|| Failure::Other("couldn't parse reply from server".to_owned()))?;
    if reply.get("error").and_then(|error| error.get("code")) == Some(&Json::Number(IN_WARMUP.to_owned())) {
        return Err(Failure::Connection("server in warmup".to_owned()));
    }
    Ok(reply)
}

/// `-rpcport` over the port in `-rpcconnect` over the network's.
fn place(settings: &ClientSettings, flags: &Flags) -> Result<(String, u16), Failure> {
    let given = flags.connect.as_deref().unwrap_or("127.0.0.1");
    let (host, port) = match given.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => {
            let bad = || Failure::Other(format!("Invalid port provided in -rpcconnect: {given}"));
            (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(bad)?))
        }
        _ => (given, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((host, settings.given_port.or(port).unwrap_or(settings.default_port)))
}

fn resolved(host: &str, port: u16) -> Option<SocketAddr> {
    (host, port).to_socket_addrs().ok()?.next()
}

fn outcome(reply: &Json) -> Outcome {
    let null = Json::Null;
    let error = reply.get("error").unwrap_or(&null);
    if error.is_null() {
        return Outcome { out: shown(reply.get("result").unwrap_or(&null)), ..Outcome::default() };
    }
    let mut text = String::new();
    let code = error.get("code").map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "error code: {code}");
    if let Some(message) = error.get("message").and_then(Json::as_str) {
        let _ = writeln!(text, "error message:\n{message}");
    }
    let number = code.parse::<i64>().map_or(1, |code| code.unsigned_abs() & 0xff);
    Outcome { error: text, code: u8::try_from(number).unwrap_or(1), ..Outcome::default() }
}

/// A result as people read it: text bare, nothing for `null`, the rest indented.
fn shown(result: &Json) -> String {
    match result {
        Json::Null => String::new(),
        Json::String(text) => format!("{text}\n"),
        other => format!("{}\n", other.indented()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn parameters_are_json_where_the_method_wants_it() {
        let params = |list: &[&str]| positional("getblock", &words(list)).map_err(|_| ()).unwrap();
        assert_eq!(params(&["00ff", "2"]).to_string(), r#"["00ff",2]"#);
        let hash = "11".repeat(32);
        assert_eq!(params(&[&hash]), Json::Array(vec![Json::from(hash.as_str())]), "digits alone stay text");
        assert!(positional("getblock", &words(&["00", "two"])).is_err());
        let by_name = named("getblock", &words(&["00ff", "verbosity=1"])).map_err(|_| ()).unwrap();
        assert_eq!(by_name.to_string(), r#"{"verbosity":1,"args":["00ff"]}"#);
        let with_equals = named("echojson", &words(&[r#"["a=b"]"#])).map_err(|_| ()).unwrap();
        assert_eq!(with_equals.to_string(), r#"{"args":[["a=b"]]}"#);
    }

    #[test]
    fn results_and_errors_are_written_as_bitcoin_cli_does() {
        let result = |text: &str| outcome(&Json::parse(text.as_bytes()).unwrap());
        assert_eq!(result(r#"{"result":null,"id":1}"#), Outcome::default());
        assert_eq!(result(r#"{"result":"abc"}"#).out, "abc\n");
        assert_eq!(
            result(r#"{"result":{"a":[1,{}],"b":[]}}"#).out,
            "{\n  \"a\": [\n    1,\n    {\n    }\n  ],\n  \"b\": [\n  ]\n}\n"
        );
        let refused = result(r#"{"error":{"code":-8,"message":"no"}}"#);
        assert_eq!((refused.error.as_str(), refused.code), ("error code: -8\nerror message:\nno\n", 8));
    }

    #[test]
    fn nobody_there_is_said_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let folder = format!("-datadir={}", folder.path().display());
        let outcome = cli(&words(&[&folder, "-regtest", "-rpcport=1", "uptime"]), &mut std::io::empty());
        assert_eq!(outcome.code, 1);
        assert!(outcome.error.starts_with("error: Could not connect to the server 127.0.0.1:1"), "{}", outcome.error);
        let outcome = cli(&words(&["-nosuch", "uptime"]), &mut std::io::empty());
        assert!(outcome.error.contains("Invalid parameter -nosuch"), "{}", outcome.error);
    }
}
