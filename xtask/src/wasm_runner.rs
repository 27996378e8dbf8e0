//! The runner that cargo starts for each test binary: `wasm-bindgen-test-runner`, as a library, with a time limit.
//!
//! A page that never returns also keeps its driver from answering, so the limit is set from outside: this program starts
//! itself once more as the leader of a process group, and the group ends when its standard input does, be it because the
//! time is up or because this process is gone.

use anyhow::{Context, bail};
use std::env;
use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio, exit};
use std::thread;
use std::time::{Duration, Instant};

/// The word for this step on the command line of xtask.
pub(crate) const COMMAND: &str = "wasm-runner";
/// For one test binary: start of the browser, compilation of the module and all tests.
const LIMIT: Duration = Duration::from_secs(240);
const WATCHED: &str = "XTASK_WASM_RUNNER_WATCHED";

pub(crate) fn run(arguments: &[OsString]) -> anyhow::Result<()> {
    if env::var_os(WATCHED).is_some() {
        end_with_standard_input();
        let program = OsString::from("wasm-bindgen-test-runner");
        return wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(
            std::iter::once(&program).chain(arguments).cloned(),
        );
    }
    let mut command = Command::new(env::current_exe().context("the path of this program")?);
    command.arg(COMMAND).args(arguments).env(WATCHED, "1").stdin(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().context("the test runner")?;

    match wait(&mut child)? {
        Some(status) => exit(status.code().unwrap_or(1)),
        None => {
            drop(child.stdin.take());
            child.wait().context("the test runner")?;
            bail!("the browser tests took more than {} seconds and were ended", LIMIT.as_secs())
        }
    }
}

/// The exit status, or `None` once the time is up.
fn wait(child: &mut Child) -> anyhow::Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().context("the test runner")? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(None)
}

/// Ends this process and its group, the driver and the browser among them, when standard input ends.
fn end_with_standard_input() {
    thread::spawn(|| {
        // An error means the same as the end: nobody is there any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", std::process::id())]).status();
        exit(1);
    });
}
