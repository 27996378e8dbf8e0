//! The command line of Pumasi: a face of `pumasi-agent`.

mod args;
mod commands;
mod context;
mod failure;
mod password;
mod tls;
mod ui;
mod web;

use clap::Parser as _;
use context::Context;
use pumasi_words::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    log(cli.global.verbose);
    let mut context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(error) => {
            ui::Ui::new(false).warn(format!("{error:#}"));
            return Exit::Failed.code().into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            context.ui.warn(error.to_string());
            return Exit::Failed.code().into();
        }
    };
    let exit = match runtime.block_on(Box::pin(commands::run(cli.command, &mut context))) {
        Ok(exit) => exit,
        Err(error) => failure::tell(&mut context, &error),
    };
    context.ui.clear();
    exit.code().into()
}

/// What happens inside goes to standard error, for those who ask: `-v`, `-vv`, `-vvv`, or `PUMASI_LOG`.
fn log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "error",
        1 => "warn,pumasi=info",
        2 => "warn,pumasi=debug",
        _ => "info,pumasi=trace",
    };
    let level = level.replace("pumasi", "pumasi_agent").clone()
        + &["transfer", "signaling", "rtc", "overlay", "store", "ledger", "discovery", "http", "tls", "turn"]
            .map(|part| format!(",pumasi_{part}={}", ["error", "info", "debug", "trace"][usize::from(verbose.min(3))]))
            .concat()
        // What any stranger's datagram can be is no error of ours.
        + &["stun_proto", "stun_types", "turn_types", "turn_client_proto"].map(|part| format!(",{part}=off")).concat();
    let filter = EnvFilter::try_from_env("PUMASI_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
