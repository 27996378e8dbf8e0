//! `debug.log`: one line per event, appended and written through at once, in the shape of Bitcoin Core's.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{self, Clock};
use crate::storage::private;

/// The categories that `-debug=` names, as in Bitcoin Core 31.
pub const CATEGORIES: &[&str] = &[
    "net",
    "tor",
    "mempool",
    "http",
    "bench",
    "zmq",
    "walletdb",
    "rpc",
    "estimatefee",
    "addrman",
    "selectcoins",
    "reindex",
    "cmpctblock",
    "rand",
    "prune",
    "proxy",
    "mempoolrej",
    "libevent",
    "coindb",
    "qt",
    "leveldb",
    "validation",
    "i2p",
    "ipc",
    "blockstorage",
    "txreconciliation",
    "scan",
    "txpackages",
    "kernel",
    "privatebroadcast",
];

/// What is written and how.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Microseconds in the time of each line.
    pub micros: bool,
    /// Categories that are written; the rest is silent.
    pub categories: BTreeSet<String>,
    /// Copies each line to standard output.
    pub console: bool,
}

impl LogOptions {
    /// Turns `-debug=` and `-debugexclude=` into the categories that are written.
    ///
    /// # Errors
    /// A category that does not exist, in Bitcoin Core's words.
    pub fn categories(include: &[&str], exclude: &[&str]) -> Result<BTreeSet<String>, String> {
        let mut chosen = BTreeSet::new();
        // What stands before a `none` does not count, not even as a mistake.
        let start = include.iter().rposition(|name| matches!(*name, "0" | "none")).unwrap_or(0);
        for name in &include[start..] {
            match *name {
                "" | "1" | "all" => chosen.extend(CATEGORIES.iter().map(|name| (*name).to_owned())),
                "0" | "none" => chosen.clear(),
                name if CATEGORIES.contains(&name) => {
                    chosen.insert(name.to_owned());
                }
                name => return Err(format!("Unsupported logging category -debug={name}.")),
            }
        }
        for name in exclude {
            match *name {
                "" | "1" | "all" => chosen.clear(),
                name if CATEGORIES.contains(&name) => {
                    chosen.remove(name);
                }
                name => return Err(format!("Unsupported logging category -debugexclude={name}.")),
            }
        }
        Ok(chosen)
    }
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: Mutex<Option<File>>,
    options: Mutex<LogOptions>,
    clock: Arc<Clock>,
}

/// A handle to the log; clones write to the same file.
#[derive(Debug, Clone)]
pub struct DebugLog(Arc<Inner>);

impl DebugLog {
    /// Opens `path` for appending.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path, options: LogOptions, clock: Arc<Clock>) -> io::Result<Self> {
        let file = private::append(path)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            file: Mutex::new(Some(file)),
            options: Mutex::new(options),
            clock,
        })))
    }

    /// A log without a file (`-nodebuglogfile`).
    #[must_use]
    pub fn without_file(options: LogOptions, clock: Arc<Clock>) -> Self {
        Self(Arc::new(Inner { path: PathBuf::new(), file: Mutex::new(None), options: Mutex::new(options), clock }))
    }

    /// A log that goes nowhere, for tests.
    #[must_use]
    pub fn silent() -> Self {
        Self(Arc::new(Inner {
            path: PathBuf::new(),
            file: Mutex::new(None),
            options: Mutex::default(),
            clock: Arc::default(),
        }))
    }

    /// Where the log is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether lines of `category` are written.
    #[must_use]
    pub fn wants(&self, category: &str) -> bool {
        self.options().categories.contains(category)
    }

    /// Turns a category on or off; whether it exists.
    pub fn set_category(&self, category: &str, on: bool) -> bool {
        let mut options = self.options();
        match category {
            "all" | "1" | "" if on => options.categories = CATEGORIES.iter().map(|name| (*name).to_owned()).collect(),
            "all" | "1" | "" => options.categories.clear(),
            name if CATEGORIES.contains(&name) && on => {
                options.categories.insert(name.to_owned());
            }
            name if CATEGORIES.contains(&name) => {
                options.categories.remove(name);
            }
            _ => return false,
        }
        true
    }

    /// Writes a line that is always wanted.
    pub fn info(&self, message: &str) {
        self.line("", message);
    }

    /// Writes a warning.
    pub fn warn(&self, message: &str) {
        self.line("[warning] ", message);
    }

    /// Writes an error.
    pub fn error(&self, message: &str) {
        self.line("[error] ", message);
    }

    /// Writes a line of a category, if that is wanted.
    pub fn debug(&self, category: &str, message: &str) {
        if self.wants(category) {
            self.line(&format!("[{category}] "), message);
        }
    }

    fn options(&self) -> std::sync::MutexGuard<'_, LogOptions> {
        self.0.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, prefix: &str, message: &str) {
        let (micros, console) = {
            let options = self.options();
            (options.micros, options.console)
        };
        let mock =
            self.0.clock.mock().map(|seconds| format!("(mocktime: {}) ", utc(seconds, None))).unwrap_or_default();
        let now = clock::real();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let time = utc(seconds, micros.then(|| now.subsec_micros()));
        // What a peer wrote must not be able to forge a line.
        let message = message.trim_end_matches('\n').replace('\r', "\\r");
        let line = format!("{time} {mock}{prefix}{message}\n");
        if let Some(file) = self.0.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A log that cannot be written must not stop the node.
            let _ = file.write_all(line.as_bytes());
        }
        if console {
            let _ = io::stdout().write_all(line.as_bytes());
        }
    }
}

/// `2026-01-31T12:34:56Z`, with microseconds when they are given.
#[must_use]
pub fn utc(seconds: i64, micros: Option<u32>) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let fraction = micros.map(|micros| format!(".{micros:06}")).unwrap_or_default();
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{fraction}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The Gregorian date of a day counted from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(1_296_688_602, None), "2011-02-02T23:16:42Z");
        assert_eq!(utc(951_782_400, Some(7)), "2000-02-29T00:00:00.000007Z");
    }

    #[test]
    fn only_wanted_categories_are_written_and_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("debug.log");
        let categories = LogOptions::categories(&["1"], &["net"]).unwrap();
        let log = DebugLog::open(&path, LogOptions { categories, ..LogOptions::default() }, Arc::default()).unwrap();
        log.debug("net", "silent");
        log.debug("mempool", "spoken");
        log.info("always");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("Z [mempool] spoken\n") && text.contains("Z always\n") && !text.contains("silent"));
        assert_eq!(LogOptions::categories(&["nonsense", "none", "net"], &[]).unwrap().len(), 1);
        assert!(LogOptions::categories(&["nonsense"], &[]).unwrap_err().contains("-debug=nonsense"));
    }
}
