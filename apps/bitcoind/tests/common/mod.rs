//! Real processes of the node, and their JSON-RPC.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(unreachable_pub, reason = "a module of each test binary")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and then shows the end of the log")]

pub mod relay;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pumasi_node::json::Json;
use tempfile::NamedTempFile;

/// Nothing that is waited for here takes so long, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(180);

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound").port()
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A node on regtest with a folder of its own; killed when dropped.
pub struct Daemon {
    pub folder: PathBuf,
    pub port: u16,
    pub rpc_port: u16,
    process: Option<Child>,
    /// What it says of errors; not in its folder, whose disk may be full.
    errors: NamedTempFile,
}

impl Daemon {
    /// Starts a node and waits until it answers.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let mut daemon = Self::idle(folder, free_port());
        daemon.run(options);
        daemon
    }

    /// No process yet: only a folder, ports, and the way to ask.
    pub fn idle(folder: &Path, rpc_port: u16) -> Self {
        let errors = NamedTempFile::new().expect("a file");
        Self { folder: folder.to_path_buf(), port: free_port(), rpc_port, process: None, errors }
    }

    /// Starts it again, on the same folder and ports.
    pub fn run(&mut self, options: &[&str]) {
        assert!(self.process.is_none(), "it runs already");
        self.process = Some(self.command(options).spawn().expect("the binary starts"));
        until("the RPC answers", || self.try_call("getlightinfo", "[]").is_some());
    }

    /// The command that starts it.
    pub fn command(&self, options: &[&str]) -> Command {
        let errors = File::options().append(true).open(self.errors.path()).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_pumasi-bitcoind"));
        command.arg(format!("-datadir={}", self.folder.display())).args([
            "-regtest",
            "-printtoconsole=0",
            "-debug=net",
        ]);
        command.arg(format!("-port={}", self.port)).arg(format!("-rpcport={}", self.rpc_port));
        if !options.iter().any(|option| option.starts_with("-light") || option.starts_with("-listen")) {
            command.arg("-bind=127.0.0.1");
        }
        command.args(options).stderr(errors);
        command
    }

    /// Starts it although it will not stay, and gives what it said.
    pub fn fails(&self, options: &[&str]) -> Output {
        let mut command = self.command(options);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("the binary starts")
    }

    pub fn regtest(&self) -> PathBuf {
        self.folder.join("regtest")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.regtest().join("debug.log")).unwrap_or_default()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.errors.path()).unwrap_or_default()
    }

    /// Ends it at once, as a loss of power does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Ends it in an orderly way.
    pub fn stop(&mut self) {
        self.call("stop", "[]");
        let status = self.wait();
        assert!(status, "it ended well: {}", self.stderr());
    }

    /// Waits for its end; whether it ended well.
    pub fn wait(&mut self) -> bool {
        let mut process = self.process.take().expect("it runs");
        let begin = Instant::now();
        loop {
            if let Some(status) = process.try_wait().expect("it is a child") {
                return status.success();
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A call that must succeed.
    #[track_caller]
    pub fn call(&self, method: &str, params: &str) -> Json {
        let reply = self.try_call(method, params).unwrap_or_else(|| panic!("{method} is not answered"));
        let error = reply.get("error").filter(|error| !error.is_null());
        assert!(error.is_none(), "{method} {params}: {}", reply);
        reply.get("result").cloned().unwrap_or(Json::Null)
    }

    /// The whole reply, if there is one.
    pub fn try_call(&self, method: &str, params: &str) -> Option<Json> {
        let cookie = fs::read(self.regtest().join(".cookie")).ok()?;
        let mut stream = TcpStream::connect(("127.0.0.1", self.rpc_port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            STANDARD.encode(cookie),
            body.len()
        )
        .ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        Json::parse(&answer[at + 4..])
    }

    pub fn number(&self, method: &str, field: &str) -> u64 {
        let reply = self.call(method, "[]");
        let value = if field.is_empty() { Some(&reply) } else { reply.get(field) };
        value.and_then(|value| value.to_string().parse().ok()).unwrap_or_else(|| panic!("{method}: {reply}"))
    }

    pub fn height(&self) -> u64 {
        self.number("getblockcount", "")
    }

    /// Mines blocks that pay to an address.
    pub fn mine(&self, count: u32, address: &str) {
        self.call("generatetoaddress", &format!(r#"[{count},"{address}"]"#));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("--- {}\n{}", self.folder.display(), lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        self.kill();
    }
}
