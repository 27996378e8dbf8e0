//! The people in Python, who know `docs/spec/` only.

use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python with `aiortc`; where there is none, the test is told as skipped.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let python = std::env::var_os("PUMASI_PYTHON").map_or(root().join("target/foreign/venv/bin/python"), Into::into);
    let found = Command::new(&python).args(["-c", "import aiortc, cryptography"]).output();
    if found.is_ok_and(|found| found.status.success()) {
        return Some(python);
    }
    println!("SKIPPED {test}: no Python with aiortc and cryptography (PUMASI_PYTHON)");
    None
}

/// Where a script of theirs lies.
pub(crate) fn script(name: &str) -> PathBuf {
    root().join("testing/foreign/web").join(name)
}
