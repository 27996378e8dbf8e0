//! What is printed: sentences for people, or JSON for scripts; progress on a terminal only.

use serde::Serialize;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// The output of one command.
pub(crate) struct Ui {
    json: bool,
    /// Whether a progress line may be drawn over and over.
    live: bool,
    drawn: bool,
}

impl Ui {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, live: !json && io::stderr().is_terminal(), drawn: false }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A result: the object with `--json`, the sentence otherwise.
    pub(crate) fn print(&mut self, object: &impl Serialize, sentence: impl AsRef<str>) {
        self.clear();
        if self.json {
            let line = serde_json::to_string(object).expect("what is printed is plain data");
            write_line(io::stdout(), &line);
        } else {
            write_line(io::stdout(), sentence.as_ref());
        }
    }

    /// A sentence for people; scripts do not get it.
    pub(crate) fn say(&mut self, sentence: impl AsRef<str>) {
        if !self.json {
            self.clear();
            write_line(io::stdout(), sentence.as_ref());
        }
    }

    /// An object for scripts; people do not get it.
    pub(crate) fn object(&mut self, object: &impl Serialize) {
        if self.json {
            let line = serde_json::to_string(object).expect("what is printed is plain data");
            write_line(io::stdout(), &line);
        }
    }

    /// A warning, on standard error, whatever the format.
    pub(crate) fn warn(&mut self, sentence: impl AsRef<str>) {
        self.clear();
        write_line(io::stderr(), sentence.as_ref());
    }

    /// What is going on right now. The next one takes its place; without a terminal each is a line on standard error.
    pub(crate) fn progress(&mut self, step: impl AsRef<str>) {
        if self.live {
            let mut err = io::stderr().lock();
            // A terminal that went away is no reason to stop a payment.
            let _ = write!(err, "\r\x1b[2K  {}", step.as_ref()).and_then(|()| err.flush());
            self.drawn = true;
        } else if !self.json {
            write_line(io::stderr(), step.as_ref());
        }
    }

    /// As [`progress`](Self::progress), on a terminal only: for what would be a line too many anywhere else.
    pub(crate) fn progress_only(&mut self, step: impl AsRef<str>) {
        if self.live {
            self.progress(step);
        }
    }

    /// Whether progress is drawn over and over.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Takes the progress line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let mut err = io::stderr().lock();
            let _ = write!(err, "\r\x1b[2K").and_then(|()| err.flush());
        }
    }

    /// Asks a question that is answered with yes or no; anything but a yes is a no.
    pub(crate) fn confirm(&mut self, question: &str) -> bool {
        self.clear();
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
        drop(err);
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "예" | "네" | "ㅛ")
    }
}

/// Writes a line; a reader that has gone away (`| head`) ends the output, not the program.
fn write_line(mut out: impl io::Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

impl Ui {
    /// Bytes as they are, for a file or a pipe.
    pub(crate) fn verbatim(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.clear();
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        if !bytes.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

impl Ui {
    /// Asks as [`Ui::confirm`] does, while other things go on. A line that is typed after the answer was given up is lost.
    pub(crate) fn ask(&mut self, question: String) -> tokio::sync::oneshot::Receiver<bool> {
        self.clear();
        let (reply, answer) = tokio::sync::oneshot::channel();
        let mut ui = Self::new(self.json);
        // A thread of its own, not the runtime's: reading a terminal cannot be cancelled, and must not keep it from ending.
        std::thread::spawn(move || reply.send(ui.confirm(&question)));
        answer
    }
}
