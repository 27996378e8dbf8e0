//! A peer in another process that is written from `docs/spec/` only, and what our side of a topic needs to talk with it.

use super::common::now;
use pumasi_messages::topic::{SignedTopicMessage, TopicName};
use pumasi_overlay::Gossip;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Longer than any single step takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The peer's process: a JSON request in each line in, events out. It is killed when dropped.
pub(crate) struct Foreign {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Value>,
}

impl Foreign {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line))).is_err() {
                    return;
                }
            }
        });
        Self { input: child.stdin.take().unwrap(), child, lines }
    }

    /// The next line with this event, or the one that says that a request failed.
    pub(crate) fn wait_for(&self, event: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {event:?} within {PATIENCE:?}"));
            assert_ne!(line["event"], "failed", "{line}");
            if line["event"] == event {
                return line;
            }
        }
    }

    /// One request and its answer.
    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").unwrap();
        self.wait_for(request["do"].as_str().unwrap())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) async fn hear(gossip: &mut Gossip, name: &TopicName, patience: Duration) -> Option<SignedTopicMessage> {
    let heard = tokio::time::timeout(patience, gossip.next()).await.ok()?;
    Some(SignedTopicMessage::verify(&heard.expect("the node runs"), name, now()).expect("the rule let it through"))
}

/// The same message with another signature.
pub(crate) fn forge(said: &SignedTopicMessage) -> Vec<u8> {
    let mut forged = said.as_str().as_bytes().to_vec();
    let near_the_end = forged.len() - 10;
    forged[near_the_end] = if forged[near_the_end] == b'A' { b'B' } else { b'A' };
    forged
}
