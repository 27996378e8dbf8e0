//! The cells of the matrix: who pays whom from where, and over which path it must go.

use super::{Access, Host, Internet, within};
use crate::common::{Person, Running, pumasi_in};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The longest that a cell may take.
const CELL: Duration = Duration::from_secs(75);
/// A relay may win the race against a better path on a machine that is busy; it may not do so always.
const TRIES: usize = 3;

/// Which STUN and TURN servers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Servers {
    /// That of the bootstrap node, which offers it to everybody.
    Ours,
    /// coturn, which each has in its `config.toml`.
    Coturn,
    /// coturn again, but it relays for nobody.
    OnlyStun,
}

/// The path that a payment must take, as the payer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// To an address of the payee's machine.
    Direct,
    /// To an address of the payee's NAT.
    Punched,
    /// Over a relay; which of the payer and the payee must reach theirs by TCP, and which may by any.
    Relayed(&'static str, &'static str),
    /// Any.
    Any,
    /// There must be none.
    Nothing,
}

/// One payment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) payer: Access,
    pub(crate) payee: Access,
    pub(crate) expected: Expected,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Servers, payer, payee.
    pub(crate) who: [String; 3],
    pub(crate) expected: String,
    pub(crate) path: String,
    pub(crate) took: Duration,
    pub(crate) wrong: Option<String>,
}

/// coturn.
struct Coturn(Child);

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A pair of people on an internet of their own.
pub(crate) struct Group {
    name: String,
    servers: Servers,
    ann: Person,
    bob: Person,
    hosts: BTreeMap<(&'static str, Access), Host>,
    _bootstrap: Running,
    _coturn: Option<Coturn>,
    // Last: the programs end before their network does.
    internet: Internet,
}

impl Group {
    /// With a copy of the two people whose folders are there.
    pub(crate) fn new(pair: &Path, name: &str, servers: Servers) -> Self {
        let mut internet = Internet::new(name).unwrap();
        let (boot, turn) = (internet.host("boot", Access::Open).unwrap(), internet.host("turn", Access::Open).unwrap());
        let folder = pair.join(format!("group-{name}"));
        let coturn = (servers != Servers::Ours).then(|| start_coturn(&turn, servers));
        let mut command = pumasi_in(&boot.namespace);
        command.args(["bootstrap", "--json", "--listen", &format!("{}:8468", boot.outside), "--data"]);
        command.arg(folder.join("bootstrap"));
        if servers == Servers::Ours {
            command.args(["--turn", &format!("{}:3478", boot.outside)]);
        }
        let bootstrap = Running::start(command);
        let address = bootstrap.wait_for("listening")["addresses"][0].as_str().unwrap().to_owned();
        let person = |name: &str| {
            let home = copy(&pair.join(name), &folder.join(name));
            std::fs::write(home.join("config.toml"), config(servers, &turn)).unwrap();
            let password = format!("비밀번호 {name}");
            Person { name: name.to_owned(), home, password, address: address.clone(), namespace: None }
        };
        let (ann, bob) = (person("ann"), person("bob"));
        let hosts = BTreeMap::new();
        Group { name: name.to_owned(), servers, ann, bob, hosts, _bootstrap: bootstrap, _coturn: coturn, internet }
    }

    fn host(&mut self, who: &'static str, access: Access) -> Host {
        let internet = &mut self.internet;
        let made = || internet.host(&format!("{who}-{}", access.name()), access).unwrap();
        self.hosts.entry((who, access)).or_insert_with(made).clone()
    }

    /// The payer, connected so.
    pub(crate) fn payer(&mut self, access: Access) -> Person {
        let namespace = Some(self.host("payer", access).namespace);
        Person { namespace, ..self.ann.clone() }
    }

    /// The payee, connected so.
    pub(crate) fn payee(&mut self, access: Access) -> Person {
        let namespace = Some(self.host("payee", access).namespace);
        Person { namespace, ..self.bob.clone() }
    }

    /// The payer's router gets another uplink.
    pub(crate) fn change_uplink(&mut self, payer: Access) {
        let host = self.host("payer", payer);
        self.internet.change_uplink(&host).unwrap();
    }

    /// The payer's cable is pulled out.
    pub(crate) fn pull_out(&mut self, payer: Access) {
        let host = self.host("payer", payer);
        self.internet.pull_out(&host).unwrap();
    }

    /// Plays cells, those of one payee after each other.
    pub(crate) fn play(&mut self, cells: &[Cell]) -> Vec<Row> {
        let mut listening: Option<(Access, Running)> = None;
        let mut rows = Vec::new();
        for cell in cells {
            if listening.as_ref().is_none_or(|(access, _)| *access != cell.payee) {
                drop(listening.take()); // one process a folder
                listening = Some((cell.payee, self.payee(cell.payee).listen()));
            }
            let (_, listen) = listening.as_ref().expect("just started");
            let mut row = self.pay(cell, listen);
            for _ in 1..TRIES {
                if matches!(cell.expected, Expected::Direct | Expected::Punched) && row.path.contains("relay") {
                    row = self.pay(cell, listen);
                }
            }
            println!("{:>16} {:<40} {:.1} s {}", self.name, row.who.join(" "), row.took.as_secs_f64(), row.path);
            rows.push(row);
        }
        rows
    }

    fn pay(&mut self, cell: &Cell, listen: &Running) -> Row {
        let began = Instant::now();
        let ann = self.payer(cell.payer);
        let mut pay = ann.start(&["pay", "bob", "1 KRW", "--yes", "--wait", &CELL.as_secs().to_string()]);
        let outcome =
            |line: &Value| line["event"] == "connected" || line["why"] == "no-path" || line["event"] == "pending";
        let line = pay.find(CELL + Duration::from_secs(15), outcome).unwrap_or_default();
        let wrong = if cell.expected == Expected::Nothing {
            // It is told why: they answered, and no pair of addresses did.
            let tried = line["tried"].as_array().is_some_and(|tried| !tried.is_empty());
            (line["why"] != "no-path" || !tried).then(|| line.to_string())
        } else {
            let code = pay.exit_code();
            let theirs = listen.find(Duration::from_secs(5), |line| line["event"] == "connected").unwrap_or_default();
            let fits = cell.expected.fits(&line["path"], &theirs["path"]);
            (code != Some(0) || !fits).then(|| format!("exit {code:?}, here {line}, there {theirs}"))
        };
        let servers = match self.servers {
            Servers::Ours => "our TURN",
            Servers::Coturn => "coturn",
            Servers::OnlyStun => "STUN only",
        };
        let who = [servers, cell.payer.name(), cell.payee.name()].map(str::to_owned);
        Row { who, expected: format!("{:?}", cell.expected), path: path_of(&line), took: began.elapsed(), wrong }
    }
}

impl Expected {
    fn fits(self, here: &Value, there: &Value) -> bool {
        match self {
            Self::Direct => here["way"] == "direct" && here["remote"] == "host",
            Self::Punched => here["way"] == "punched" && there["relayed"] == false,
            Self::Relayed(ours, theirs) => {
                here["way"] == "relayed"
                    // The one that no datagram reaches is at its relay, over TCP. To others either is as good.
                    && (ours != "TCP" || here["transport"] == "TCP" && here["local"] == "relay")
                    && (theirs != "TCP" || there["transport"] == "TCP" && there["local"] == "relay")
            }
            Self::Any => here["way"].is_string(),
            Self::Nothing => false,
        }
    }
}

/// A path in a few words.
pub(crate) fn path_of(line: &Value) -> String {
    let path = &line["path"];
    let text = |field: &str| path[field].as_str().unwrap_or_default().to_owned();
    match path["way"].as_str() {
        Some(way) => {
            let via = path["via"].as_str().map(|via| format!(" by {via}")).unwrap_or_default();
            format!("{way}: {} to {}, {}{via}", text("local"), text("remote"), text("transport"))
        }
        None => format!("none: {}", line["why"].as_str().unwrap_or("no answer")),
    }
}

/// Prints what came of every cell.
pub(crate) fn print_table(rows: &[Row]) {
    println!("{:<15} {:<17} {:<16} {:<22} {:<50} {:>6}", "servers", "payer", "payee", "expected", "path", "s");
    for Row { who: [servers, payer, payee], expected, path, took, wrong } in rows {
        let mark = if wrong.is_some() { "  WRONG" } else { "" };
        println!("{servers:<15} {payer:<17} {payee:<16} {expected:<22} {path:<50} {:>6.1}{mark}", took.as_secs_f64());
    }
}

fn start_coturn(host: &Host, servers: Servers) -> Coturn {
    let mut command = within(&host.namespace, "turnserver");
    command.args(["-n", "--lt-cred-mech", "--user=pumasi:secret", "--realm=pumasi.test", "--no-cli", "--no-tls"]);
    command.args(["--no-dtls", "--relay-threads=1", "--log-file=stdout", "--pidfile=/dev/null", "--userdb=/dev/null"]);
    command.args([format!("--listening-ip={}", host.outside), format!("--relay-ip={}", host.outside)]);
    if servers == Servers::OnlyStun {
        command.arg("--stun-only");
    }
    Coturn(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("turnserver is installed"))
}

fn config(servers: Servers, turn: &Host) -> String {
    let host = &turn.outside;
    let relay = |query: &str| {
        format!("[[ice.turn]]\nurl = \"turn:{host}{query}\"\nusername = \"pumasi\"\ncredential = \"secret\"\n")
    };
    match servers {
        Servers::Ours => String::new(),
        Servers::OnlyStun => format!("[ice]\nstun = [\"stun:{host}\"]\n"),
        Servers::Coturn => {
            format!("[ice]\nstun = [\"stun:{host}\"]\n{}{}", relay(""), relay("?transport=tcp"))
        }
    }
}

/// Copies a folder of files, without what it knows of a network that is not there.
fn copy(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else if name != "peers.json" && name != "config.toml" {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
    to.to_owned()
}
