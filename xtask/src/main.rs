//! Build and test steps that need more than cargo: `cargo xtask help`.
//!
//! `./x` is the door for people; it calls this program where a step needs a library rather than a shell.

#![allow(clippy::print_stderr, reason = "a program for the terminal")]

mod wasm_runner;
mod wasm_test;
mod web;

use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Build and test steps that need more than cargo.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Step {
    /// Run the tests of crates in headless Chromium.
    WasmTest(wasm_test::Options),
    /// Build the page, measure it, and fail when it is over its budget.
    Web(web::Options),
    /// Run one test binary in headless Chromium. Cargo calls this.
    #[command(name = wasm_runner::COMMAND, hide = true)]
    WasmRunner {
        /// What cargo hands over: the file and the arguments of the test harness.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Step::parse() {
        Step::WasmTest(options) => wasm_test::run(&options),
        Step::Web(options) => web::run(&options),
        Step::WasmRunner { arguments } => wasm_runner::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace of this program, which says nothing about the test that failed.
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
