//! Other WebRTC stacks: aiortc (Python) and Chromium, each as offerer and as answerer, in our framing.

use std::process::Stdio;
use std::time::Duration;

use pumasi_rtc::{CloseReason, DataLink, Link, LinkState, Observer, answer, offer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::common::{echo, loopback, pattern, workspace};

const PATIENCE: Duration = Duration::from_secs(30);

/// A peer in another process, which speaks JSON lines.
struct Foreign {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Foreign {
    /// Starts the aiortc peer; `None`, and a word on the terminal, when there is no Python with aiortc.
    async fn aiortc(test: &str, arguments: &[&str]) -> Option<Foreign> {
        let venv = workspace().join("target/foreign/venv/bin/python");
        let python = std::env::var_os("PUMASI_PYTHON").map_or(venv, Into::into);
        let has_aiortc = Command::new(&python).args(["-c", "import aiortc"]).stderr(Stdio::null()).status().await;
        if !has_aiortc.is_ok_and(|status| status.success()) {
            println!("SKIPPED {test}: no Python with aiortc (PUMASI_PYTHON)");
            return None;
        }
        let mut process = Command::new(python)
            .arg(workspace().join("testing/foreign/rtc/peer.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Some(Foreign { _process: process, input, output })
    }

    async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("the peer says something").unwrap();
        serde_json::from_str(&line.expect("the peer has not ended")).unwrap()
    }

    async fn sdp(&mut self) -> String {
        self.next().await["sdp"].as_str().unwrap().to_owned()
    }

    async fn give(&mut self, sdp: &str) {
        let line = json!({ "sdp": sdp }).to_string() + "\n";
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    /// Connects to it: it answers our offer, or we answer its.
    async fn connect(&mut self, it_offers: bool) -> Link {
        let config = loopback();
        let connecting = if it_offers {
            let (connecting, sdp) = answer(&config, &self.sdp().await, Observer::silent()).await.unwrap();
            self.give(&sdp).await;
            connecting
        } else {
            let offering = offer(&config, Observer::silent()).await.unwrap();
            self.give(offering.sdp()).await;
            offering.accept(&self.sdp().await).unwrap()
        };
        connecting.open().await.unwrap()
    }
}

const LENGTHS: [usize; 6] = [1, 1000, 16 * 1024 - 5, 16 * 1024 - 4, 100_000, 256 * 1024];

#[tokio::test]
async fn aiortc_echoes_what_we_send() {
    for role in ["offer", "answer"] {
        let Some(mut peer) = Foreign::aiortc("aiortc_echoes_what_we_send", &[role, "echo"]).await else { return };
        let mut link = peer.connect(role == "offer").await;
        for length in LENGTHS {
            link.send(pattern(length)).await.unwrap();
            let echoed = timeout(PATIENCE, link.recv()).await.unwrap();
            assert!(echoed == Some(pattern(length)), "aiortc as {role}: {length}");
        }
        link.close().await;
        assert_eq!(peer.next().await, json!({ "closed": true, "messages": LENGTHS.len() }), "aiortc as {role}");
    }
}

#[tokio::test]
async fn we_echo_what_aiortc_sends_and_see_it_close() {
    let lengths = LENGTHS.map(|length| length.to_string()).join(",");
    for role in ["offer", "answer"] {
        let arguments = [role, "send", &lengths];
        let Some(mut peer) = Foreign::aiortc("we_echo_what_aiortc_sends", &arguments).await else { return };
        let link = peer.connect(role == "offer").await;
        let echoing = tokio::spawn(echo(link));
        assert_eq!(peer.next().await, json!({ "echoed": LENGTHS }), "aiortc as {role}");
        timeout(Duration::from_secs(5), echoing).await.expect("the close is seen at once").unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_breaks_the_framing_is_closed() {
    // An unknown kind; a message of 4 GiB; a continuation of nothing; a cut-off header.
    for chunk in ["00", "01ffffffff00", "0200", "010000"] {
        let arguments = ["offer", "break", chunk];
        let Some(mut peer) = Foreign::aiortc("a_peer_that_breaks_the_framing", &arguments).await else { return };
        let mut link = peer.connect(true).await;
        assert_eq!(timeout(PATIENCE, link.recv()).await.unwrap(), None);
        assert_eq!(link.state(), LinkState::Closed(CloseReason::Protocol), "{chunk}");
        assert_eq!(peer.next().await, json!({ "closed": true }), "{chunk}");
    }
}
