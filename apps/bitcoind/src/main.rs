//! `pumasi-bitcoind`: the node, started the way `bitcoind` is.

use std::io::Write;
use std::process::ExitCode;

use pumasi_node::conf::{ConfError, Settings};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asks = |names: &[&str]| arguments.iter().any(|given| names.contains(&given.trim_start_matches('-')));
    if asks(&["version"]) {
        return tell(&format!("Pumasi daemon version v{} bitcoind\n", env!("CARGO_PKG_VERSION")));
    }
    if asks(&["help", "h", "?"]) {
        return tell(HELP);
    }
    let settings = Settings::load(&arguments).inspect(|settings| {
        for notice in &settings.args.notices {
            let _ = writeln!(std::io::stderr(), "{notice}");
        }
    });
    match settings.and_then(pumasi_node::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Bitcoin Core asks a question here, which it begins differently.
            let begin = if matches!(error, ConfError::Chain(_)) { "" } else { "Error: " };
            let _ = writeln!(std::io::stderr(), "{begin}{error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

const HELP: &str = "\
Pumasi daemon: a Bitcoin node with the options, files and JSON-RPC of bitcoind.

Usage: pumasi-bitcoind [options]

Options:

  -datadir=<dir>          where everything is kept (default: ~/.pumasi/bitcoin)
  -conf=<file>            configuration file (default: bitcoin.conf in the folder)
  -regtest | -signet | -testnet4 | -chain=<main|testnet4|signet|regtest>
  -server=0               no JSON-RPC
  -rpcport=<port>         port of the JSON-RPC
  -rpcauth=<user:salt$hash>, -rpcuser=, -rpcpassword=, -rpcallowip=, -rpcbind=
  -listen=0               take no connections
  -bind=<addr>, -port=<port>
  -connect=<ip>           connect only to these peers; 0 to none
  -addnode=<ip>           keep a connection to this peer
  -v2transport=0          no encrypted connections (BIP324)
  -prune=<n>              keep about n MiB of blocks
  -txindex, -blockfilterindex, -peerblockfilters
  -light                  keep headers only, and find what concerns me by block filters (BIP157)
  -watch=<address|descriptor>, -watchsince=<height>   what that is, and from where on
  -maxmempool=<MB>, -minrelaytxfee=<BTC/kvB>, -persistmempool=0
  -dbcache=<MiB>, -par=<threads>
  -debug=<category>, -debugexclude=<category>, -printtoconsole

Everything that bitcoind takes is known here; what belongs to its wallet, ZMQ, IPC or Tor control has no effect.
";
