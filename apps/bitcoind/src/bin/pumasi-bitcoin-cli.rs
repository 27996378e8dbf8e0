//! `pumasi-bitcoin-cli`: asks a node, the way `bitcoin-cli` does.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asks = |names: &[&str]| {
        let options = arguments.iter().take_while(|given| given.starts_with('-'));
        options.map(|given| given.trim_start_matches('-')).any(|given| names.contains(&given))
    };
    if asks(&["version"]) {
        return tell(&format!("Pumasi RPC client version v{}\n", env!("CARGO_PKG_VERSION")), "", 0);
    }
    if asks(&["help", "h", "?"]) {
        return tell(HELP, "", 0);
    }
    let outcome = pumasi_node::cli(&arguments, &mut std::io::stdin().lock());
    tell(&outcome.out, &outcome.error, outcome.code)
}

fn tell(out: &str, error: &str, code: u8) -> ExitCode {
    let _ = std::io::stderr().write_all(error.as_bytes());
    match std::io::stdout().write_all(out.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}

const HELP: &str = "\
Pumasi RPC client: asks pumasi-bitcoind, or any bitcoind.

Usage: pumasi-bitcoin-cli [options] <command> [params]
       pumasi-bitcoin-cli [options] -named <command> [name=value]...
       pumasi-bitcoin-cli [options] help [<command>]

  -datadir=<dir>, -conf=<file>, -regtest | -signet | -testnet4 | -chain=<name>
                          which node, as it was started
  -rpcconnect=<ip>, -rpcport=<port>
                          where it is (default: 127.0.0.1 and the network's port)
  -rpcuser=<user>, -rpcpassword=<pw>, -rpccookiefile=<file>, -stdinrpcpass
                          who asks (default: the node's cookie)
  -rpcwait, -rpcwaittimeout=<seconds>
                          wait until the node has started
  -rpcclienttimeout=<seconds>
                          how long to wait for an answer; 0 for ever (default: 900)
  -stdin                  read more parameters from the standard input, one a line
";
