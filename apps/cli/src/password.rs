//! Where the password comes from: a file descriptor, the environment, or a prompt. Never an argument.

use anyhow::{Context as _, bail};
use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _};
use zeroize::Zeroizing;

/// The variable that may hold the password.
const VARIABLE: &str = "PUMASI_PASSWORD";
/// The variable that may hold the new password, where one is changed.
const NEW_VARIABLE: &str = "PUMASI_NEW_PASSWORD";
/// The variable that may hold an API token.
const TOKEN_VARIABLE: &str = "PUMASI_TOKEN";
/// Longest password taken, in bytes.
const LIMIT: u64 = 1024;

/// The sources to try, in this order.
pub(crate) struct Source {
    fd: Option<i32>,
}

impl Source {
    /// From the descriptor when there is one.
    pub(crate) fn new(fd: Option<i32>) -> Self {
        Self { fd }
    }

    /// The password of the identity, asked for with `prompt` on a terminal.
    pub(crate) fn current(&self, prompt: &str) -> anyhow::Result<Zeroizing<String>> {
        match (self.fd, from_environment(VARIABLE)) {
            (Some(fd), _) => from_fd(fd),
            (None, Some(password)) => Ok(password),
            (None, None) => from_terminal(prompt, VARIABLE),
        }
    }

    /// A password to set: from the same sources, but asked for twice on a terminal.
    pub(crate) fn first(&self, prompt: &str, again: &str, differ: &str) -> anyhow::Result<Zeroizing<String>> {
        match (self.fd, from_environment(VARIABLE)) {
            (Some(fd), _) => from_fd(fd),
            (None, Some(password)) => Ok(password),
            (None, None) => twice(prompt, again, differ, VARIABLE),
        }
    }

    /// The password to change to.
    pub(crate) fn new_one(&self, prompt: &str, again: &str, differ: &str) -> anyhow::Result<Zeroizing<String>> {
        match from_environment(NEW_VARIABLE) {
            Some(password) => Ok(password),
            None => twice(prompt, again, differ, NEW_VARIABLE),
        }
    }
}

/// The API token that an endpoint demands: from a descriptor, or the environment. Never an argument.
pub(crate) fn token(fd: Option<i32>) -> anyhow::Result<Option<Zeroizing<String>>> {
    match fd {
        Some(fd) => from_fd(fd).map(Some),
        None => Ok(from_environment(TOKEN_VARIABLE)),
    }
}

fn from_environment(variable: &str) -> Option<Zeroizing<String>> {
    std::env::var(variable).ok().map(Zeroizing::new)
}

/// Reads one line from an inherited descriptor, through the path that Unix gives it.
fn from_fd(fd: i32) -> anyhow::Result<Zeroizing<String>> {
    let file = File::open(format!("/dev/fd/{fd}")).with_context(|| format!("file descriptor {fd} cannot be read"))?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(LIMIT))
        .read_line(&mut line)
        .with_context(|| format!("file descriptor {fd}: not UTF-8"))?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

fn twice(prompt: &str, again: &str, differ: &str, variable: &str) -> anyhow::Result<Zeroizing<String>> {
    let password = from_terminal(prompt, variable)?;
    if *password != *from_terminal(again, variable)? {
        bail!("{differ}");
    }
    Ok(password)
}

fn from_terminal(prompt: &str, variable: &str) -> anyhow::Result<Zeroizing<String>> {
    if !std::io::stderr().is_terminal() && !std::io::stdin().is_terminal() {
        bail!("no password: give it with --password-fd or {variable}, or run this in a terminal");
    }
    rpassword::prompt_password(format!("{prompt} ")).map(Zeroizing::new).context("the terminal gave no password")
}
