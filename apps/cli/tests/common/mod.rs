//! Real processes on loopback: a bootstrap node and people, each with a folder of their own.
#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

pub(crate) mod python;

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any single step takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a line shall be, for whoever reads that it never came, and how it is known.
pub(crate) type Wanted<'a> = (&'a str, &'a dyn Fn(&Value) -> bool);

/// A process that prints JSON lines. It is killed when dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl Running {
    /// Starts `pumasi` with `--json`.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the binary under test starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines }
    }

    /// Waits for the first line whose `event` is this, and gives it.
    pub(crate) fn wait_for(&self, event: &str) -> Value {
        self.find(PATIENCE, |line| line["event"] == event).unwrap_or_else(|| panic!("no {event:?} within {PATIENCE:?}"))
    }

    /// Waits for a line, for so long.
    pub(crate) fn find(&self, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if wanted(&line) => return Some(line),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Waits until each of these has been seen, in whatever order, and gives the lines.
    pub(crate) fn find_all(&self, patience: Duration, wanted: &[Wanted<'_>]) -> Vec<Value> {
        let mut found = vec![Value::Null; wanted.len()];
        let missing = |found: &[Value]| found.iter().position(Value::is_null);
        let end = Instant::now() + patience;
        while let Some(first) = missing(&found) {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.find(left, |line| wanted.iter().any(|(_, wanted)| wanted(line)));
            let line = line.unwrap_or_else(|| panic!("not {} within {patience:?}", wanted[first].0));
            for ((_, wanted), found) in wanted.iter().zip(&mut found) {
                if wanted(&line) {
                    *found = line.clone();
                }
            }
        }
        found
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, text: &str) {
        let input = self.input.as_mut().expect("stdin is piped");
        writeln!(input, "{text}").expect("the process reads what is typed");
    }

    /// Nothing more is typed.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "the process is there to be asked");
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Asks it to end, as the system does before it shuts down.
    pub(crate) fn terminate(&self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(asked.expect("kill is there").success(), "the process is not there");
    }

    /// Waits for its end, and gives the exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the process did not end within {PATIENCE:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A bootstrap node and the folder that everything lives in.
pub(crate) struct World {
    folder: TempDir,
    bootstrap: Running,
    address: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::start(&[])
    }

    /// One whose bootstrap node is a gateway as well; with the gateway's URL.
    pub(crate) fn with_gateway() -> (Self, String) {
        let world = Self::start(&["--gateway", "127.0.0.1:0"]);
        let url = world.bootstrap.wait_for("gateway")["url"].as_str().expect("a URL").to_owned();
        (world, url)
    }

    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = pumasi();
        command.args(["bootstrap", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("bootstrap"));
        command.args(more);
        let bootstrap = Running::start(command);
        let listening = bootstrap.wait_for("listening");
        let address = listening["addresses"][0].as_str().expect("an address").to_owned();
        Self { folder, bootstrap, address }
    }

    /// Where the bootstrap node listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Somebody without an identity: for what needs none.
    pub(crate) fn nobody(&self, name: &str) -> Person {
        let home = self.folder.path().join(name);
        Person { name: name.to_owned(), home, password: String::new(), address: self.address.clone(), namespace: None }
    }

    /// Makes an identity.
    pub(crate) fn person(&self, name: &str) -> Person {
        let home = self.folder.path().join(name);
        let (password, address) = (format!("비밀번호 {name}"), self.address.clone());
        let person = Person { name: name.to_owned(), home, password, address, namespace: None };
        let made = person.run(&["init", "--name", name]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        person
    }
}

/// Starts a directory that wants little work for a stamp; with its URL.
pub(crate) fn directory(folder: &Path, more: &[&str]) -> (Running, String) {
    let mut command = pumasi();
    command
        .args(["discovery", "--json", "--listen", "127.0.0.1:0", "--difficulty", "8", "--data"])
        .arg(folder)
        .args(more);
    let running = Running::start(command);
    let url = running.wait_for("listening")["url"].as_str().expect("a URL").to_owned();
    (running, url)
}

/// Someone with a folder and a password.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    pub(crate) password: String,
    /// Where the overlay is entered.
    pub(crate) address: String,
    /// In which network namespace; in that of the test, and on loopback, when there is none.
    pub(crate) namespace: Option<String>,
}

impl Person {
    /// `pumasi` for this person.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.namespace {
            None => pumasi(),
            Some(namespace) => pumasi_in(namespace),
        };
        command
            .args(args)
            .env("PUMASI_HOME", &self.home)
            .env("PUMASI_PASSWORD", &self.password)
            .env("PUMASI_BOOTSTRAP", &self.address);
        if self.namespace.is_none() {
            command.env("PUMASI_LOOPBACK", "true");
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().expect("the binary under test starts")
    }

    /// Runs a command with `--json` that must succeed, and gives its last line.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(text.lines().last().unwrap_or("null")).expect("JSON")
    }

    /// Starts a command that goes on, with `--json`.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(&[args, &["--json"]].concat()))
    }

    /// Starts listening, and waits until it can be reached.
    pub(crate) fn listen(&self) -> Running {
        let running = self.start(&["listen"]);
        running.wait_for("listening");
        running
    }
}

/// Pairs two people, who compare the emoji, and let each other owe `limit`.
pub(crate) fn pair(inviter: &Person, accepter: &Person, limit: &str) {
    let mut invite = inviter.start(&["pair", "--limit", limit]);
    let code = invite.wait_for("code")["code"].as_str().expect("a code").to_owned();
    let mut accept = accepter.start(&["pair", "accept", &code, "--limit", limit]);
    let (one, two) = (invite.wait_for("compare"), accept.wait_for("compare"));
    assert_eq!(one["emoji"], two["emoji"], "both screens show the same");
    invite.type_line("y");
    accept.type_line("y");
    assert_eq!((invite.exit_code(), accept.exit_code()), (Some(0), Some(0)));
}

pub(crate) fn pumasi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pumasi"));
    command.env("PUMASI_LANG", "en").env_remove("PUMASI_PASSWORD");
    command
}

/// `pumasi` in a network namespace.
pub(crate) fn pumasi_in(namespace: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_pumasi")]);
    command.env("PUMASI_LANG", "en").env_remove("PUMASI_PASSWORD");
    command
}

/// Amounts by transfer id; a transfer that stands there twice fails here.
pub(crate) fn transfers(person: &Person, kind: &str) -> BTreeMap<String, String> {
    let ledger = person.json(&["ledger", "export", "--format", "json"]);
    let mut found = BTreeMap::new();
    for entry in ledger["entries"].as_array().expect("entries") {
        let body = &entry["body"];
        if body["kind"] == kind {
            let id = body["id"].as_str().expect("an id").to_owned();
            let before = found.insert(id.clone(), body["money"]["amount"].as_str().expect("an amount").to_owned());
            assert_eq!(before, None, "{id} stands twice in the ledger of {}", person.name);
        }
    }
    found
}

/// A generator whose seed is printed, so that a failure can be played again.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let seed = std::env::var("PUMASI_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
            now.as_nanos() as u64
        });
        println!("PUMASI_SEED={seed}");
        Self(seed)
    }

    /// A number below `limit` (SplitMix64).
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
