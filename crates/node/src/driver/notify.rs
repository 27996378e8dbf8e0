//! Commands of the owner that the node runs when something happens: `-blocknotify`, `-alertnotify`, `-startupnotify`,
//! `-shutdownnotify`.
//!
//! What stands in for `%s` is a hash, or text with everything removed that a shell could read as more than text.

use std::collections::BTreeSet;
use std::process::{Command, ExitStatus, Stdio};

use bitcoin::BlockHash;

use crate::conf::Args;
use crate::log::DebugLog;

/// Commands for one occasion that may run at the same time; further ones wait for nobody and are left out.
const MAX_RUNNING: usize = 64;

/// Runs the commands.
pub(super) struct Notifier {
    block: Option<String>,
    alert: Option<String>,
    shutdown: Vec<String>,
    log: DebugLog,
    /// What was warned of already.
    warned: BTreeSet<String>,
    running: Vec<std::thread::JoinHandle<()>>,
}

impl Notifier {
    pub(super) fn new(args: &Args, log: DebugLog) -> Self {
        let given = |name| args.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let shutdown = args.all("shutdownnotify").into_iter().map(str::to_owned).collect();
        Self {
            block: given("blocknotify"),
            alert: given("alertnotify"),
            shutdown,
            log,
            warned: BTreeSet::new(),
            running: Vec::new(),
        }
    }

    /// Whether anybody wants to know of blocks.
    pub(super) fn wants_blocks(&self) -> bool {
        self.block.is_some()
    }

    /// The node has started.
    pub(super) fn started(&mut self, args: &Args) {
        for command in args.all("startupnotify") {
            self.start(command.to_owned());
        }
    }

    /// A block has become the tip.
    pub(super) fn block(&mut self, hash: &BlockHash) {
        if let Some(command) = &self.block {
            self.start(command.replace("%s", &hash.to_string()));
        }
    }

    /// These are the warnings now; each is told once.
    pub(super) fn warnings(&mut self, all: Vec<String>) {
        for warning in all {
            if self.warned.insert(warning.clone()) {
                self.log.warn(&warning);
                if let Some(command) = &self.alert {
                    self.start(command.replace("%s", &format!("'{}'", safe(&warning))));
                }
            }
        }
    }

    /// The node ends: these commands are waited for.
    pub(super) fn stopped(&self) {
        for command in &self.shutdown {
            report(&self.log, command, run(command));
        }
    }

    fn start(&mut self, command: String) {
        self.running.retain(|thread| !thread.is_finished());
        if self.running.len() >= MAX_RUNNING {
            self.log.warn(&format!("too many commands run already: left out {command}"));
            return;
        }
        let log = self.log.clone();
        self.running.push(std::thread::spawn(move || report(&log, &command, run(&command))));
    }
}

fn run(command: &str) -> std::io::Result<ExitStatus> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    Command::new(shell).args([flag, command]).stdin(Stdio::null()).status()
}

fn report(log: &DebugLog, command: &str, result: std::io::Result<ExitStatus>) {
    match result {
        Ok(status) if status.success() => {}
        Ok(status) => log.warn(&format!("runCommand error: {command} ended with {status}")),
        Err(error) => log.warn(&format!("runCommand error: {command} could not be run: {error}")),
    }
}

/// Letters, digits and what a shell takes for text between single quotes (Core's `SAFE_CHARS_DEFAULT`).
fn safe(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || " .,;-_/:?@()".contains(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_text_that_a_shell_cannot_misread() {
        assert_eq!(safe("rules (bit 27); 'rm' $(x) `y` > z"), "rules (bit 27); rm (x) y  z");
    }

    #[test]
    fn a_warning_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alerts");
        let args = Args::parse(&[format!("-alertnotify=echo %s >> {}", file.display())]).unwrap();
        let mut notifier = Notifier::new(&args, DebugLog::silent());
        for _ in 0..3 {
            notifier.warnings(vec!["one 'and only'".to_owned()]);
        }
        notifier.running.drain(..).for_each(|thread| thread.join().unwrap());
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one and only\n");
    }
}
