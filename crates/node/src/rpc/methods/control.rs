//! The node itself: help, time, log, end.

use super::{Kind, Method, optional, required};
use crate::json::Json;
use crate::log::CATEGORIES;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::Params;
use crate::rpc::table;

/// The latest time that `setmocktime` takes: a header's time has 32 bits.
const MAX_MOCK_TIME: i64 = 9_223_372_036;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "help",
        category: "Control",
        arguments: &[optional("command", Kind::Text)],
        help: "List all commands, or get help for a specified command.",
        run: help,
    },
    Method {
        name: "stop",
        category: "Control",
        arguments: &[optional("wait", Kind::Number)],
        help: "Request a graceful shutdown of the node.",
        run: |node, _| {
            node.stopping = true;
            Ok(Json::from("Pumasi stopping"))
        },
    },
    Method {
        name: "uptime",
        category: "Control",
        arguments: &[],
        help: "Returns the total uptime of the server.",
        run: |node, _| Ok(Json::from(node.started.elapsed().as_secs())),
    },
    Method {
        name: "getrpcinfo",
        category: "Control",
        arguments: &[],
        help: "Returns details of the RPC server.",
        run: rpc_info,
    },
    Method {
        name: "getmemoryinfo",
        category: "Control",
        arguments: &[optional("mode", Kind::Text)],
        help: "Returns an object containing information about memory usage.",
        run: memory,
    },
    Method {
        name: "logging",
        category: "Control",
        arguments: &[optional("include", Kind::Array), optional("exclude", Kind::Array)],
        help: LOGGING_HELP,
        run: logging,
    },
    Method {
        name: "echo",
        category: "hidden",
        arguments: ECHO_TEXT,
        help: "Simply echo back the input arguments. This command is for testing.",
        run: echo,
    },
    Method {
        name: "echojson",
        category: "hidden",
        arguments: ECHO,
        help: "Simply echo back the input arguments. This command is for testing.",
        run: echo,
    },
    Method {
        name: "echoipc",
        category: "hidden",
        arguments: &[required("arg", Kind::Text)],
        help: "Echo back the input argument. There is no second process that it could pass through.",
        run: |_, params| Ok(Json::from(params.required_text(0))),
    },
    Method {
        name: "generate",
        category: "hidden",
        arguments: &[],
        help: "has been replaced by the -generate cli option. Refer to -help for more information.",
        run: |_, _| {
            let help = table::find("generate").map(Method::help_text);
            Err(RpcError::method_not_found(help.unwrap_or_default()))
        },
    },
    Method {
        name: "setmocktime",
        category: "hidden",
        arguments: &[required("timestamp", Kind::Number)],
        help: "Set the local time to given timestamp (-regtest only).\nPass 0 to go back to using the system time.",
        run: set_mock_time,
    },
    Method {
        name: "mockscheduler",
        category: "hidden",
        arguments: &[required("delta_time", Kind::Number)],
        help: "Bump the scheduler into the future (-regtest only).",
        run: mock_scheduler,
    },
    Method {
        name: "syncwithvalidationinterfacequeue",
        category: "hidden",
        arguments: &[],
        help: "Waits for the validation interface queue to catch up on everything that was there when we entered this \
               function.",
        // One thread does everything in order: what was before this call is done.
        run: |_, _| Ok(Json::Null),
    },
];

const LOGGING_HELP: &str = "Gets and sets the logging configuration.\n\
    When called without an argument, returns the list of categories with status that are currently being debug logged \
    or not.\nWhen called with arguments, adds or removes categories from debug logging and return the lists above.\n\
    In addition, the following are available as category names with special meanings: \"all\", \"1\".\n\
    The valid logging categories are: addrman, bench, blockstorage, cmpctblock, coindb, estimatefee, http, i2p, ipc, \
    kernel, leveldb, libevent, mempool, mempoolrej, net, privatebroadcast, proxy, prune, qt, rand, reindex, rpc, scan, \
    selectcoins, tor, txpackages, txreconciliation, validation, walletdb, zmq";

const ECHO: &[super::Argument] = &[
    optional("arg0", Kind::Any),
    optional("arg1", Kind::Any),
    optional("arg2", Kind::Any),
    optional("arg3", Kind::Any),
    optional("arg4", Kind::Any),
    optional("arg5", Kind::Any),
    optional("arg6", Kind::Any),
    optional("arg7", Kind::Any),
    optional("arg8", Kind::Any),
    optional("arg9", Kind::Any),
];

const ECHO_TEXT: &[super::Argument] = &[
    optional("arg0", Kind::AnyText),
    optional("arg1", Kind::AnyText),
    optional("arg2", Kind::AnyText),
    optional("arg3", Kind::AnyText),
    optional("arg4", Kind::AnyText),
    optional("arg5", Kind::AnyText),
    optional("arg6", Kind::AnyText),
    optional("arg7", Kind::AnyText),
    optional("arg8", Kind::AnyText),
    optional("arg9", Kind::AnyText),
];

fn help(_: &mut Node, params: &Params) -> RpcResult {
    match params.text(0) {
        Some("dump_all_command_conversions") => Ok(conversions()),
        Some(name) => Ok(Json::from(match table::find(name) {
            Some(method) => method.help_text(),
            None => format!("help: unknown command: {name}"),
        })),
        None => {
            let mut methods: Vec<&Method> = table::methods().filter(|method| method.category != "hidden").collect();
            methods.sort_by_key(|method| (method.category, method.name));
            let mut text = String::new();
            let mut category = "";
            for method in methods {
                if method.category != category {
                    let gap = if text.is_empty() { "" } else { "\n" };
                    text.push_str(&format!("{gap}== {} ==\n", method.category));
                    category = method.category;
                }
                text.push_str(&method.usage());
                text.push('\n');
            }
            Ok(Json::from(text.trim_end()))
        }
    }
}

/// For clients that turn words of a command line into JSON: which parameters are no texts.
fn conversions() -> Json {
    let mut rows = Vec::new();
    for method in table::methods() {
        for (index, argument) in method.arguments.iter().enumerate() {
            for name in argument.name.split('|') {
                rows.push(Json::Array(vec![
                    Json::from(method.name),
                    Json::from(index),
                    Json::from(name),
                    Json::from(argument.kind != Kind::Text),
                ]));
            }
        }
    }
    Json::Array(rows)
}

fn rpc_info(node: &mut Node, _: &Params) -> RpcResult {
    let calls = node.calls.list().into_iter().map(|call| {
        let micros = u64::try_from(call.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        Json::object().with("method", call.method).with("duration", micros)
    });
    let path = node.backend.log.path();
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok(Json::object().with("active_commands", Json::Array(calls.collect())).with("logpath", path.display().to_string()))
}

fn memory(_: &mut Node, params: &Params) -> RpcResult {
    match params.text(0).unwrap_or("stats") {
        // No memory is locked: there are no keys to guard.
        "stats" => {
            let mut locked = Json::object();
            for name in ["used", "free", "total", "locked", "chunks_used", "chunks_free"] {
                locked.push(name, 0);
            }
            Ok(Json::object().with("locked", locked))
        }
        "mallocinfo" => Err(RpcError::invalid_parameter("mallocinfo mode not available")),
        other => Err(RpcError::invalid_parameter(format!("unknown mode {other}"))),
    }
}

fn logging(node: &mut Node, params: &Params) -> RpcResult {
    let log = &node.backend.log;
    for (index, on) in [(0, true), (1, false)] {
        for name in params.array(index) {
            let name = name.as_str().unwrap_or_default();
            if !log.set_category(name, on) {
                return Err(RpcError::invalid_parameter(format!("unknown logging category {name}")));
            }
        }
    }
    let mut sorted = CATEGORIES.to_vec();
    sorted.sort_unstable();
    Ok(sorted.into_iter().fold(Json::object(), |view, name| view.with(name, log.wants(name))))
}

fn echo(_: &mut Node, params: &Params) -> RpcResult {
    if params.text(9) == Some("trigger_internal_bug") {
        return Err(RpcError::misc("Internal bug detected: request.params[9].get_str() != \"trigger_internal_bug\""));
    }
    Ok(params.clone().into_json())
}

fn set_mock_time(node: &mut Node, params: &Params) -> RpcResult {
    if !node.backend.chain.params().mockable {
        return Err(RpcError::misc("setmocktime is for regression testing (-regtest mode) only"));
    }
    let time = params.integer(0)?.unwrap_or(0);
    if !(0..=MAX_MOCK_TIME).contains(&time) {
        return Err(RpcError::invalid_parameter(format!(
            "Mocktime must be in the range [0, {MAX_MOCK_TIME}], not {time}."
        )));
    }
    node.backend.clock.set_mock(time);
    Ok(Json::Null)
}

fn mock_scheduler(node: &mut Node, params: &Params) -> RpcResult {
    if !node.backend.chain.params().mockable {
        return Err(RpcError::misc("mockscheduler is for regression testing (-regtest mode) only"));
    }
    let seconds = params.integer(0)?.unwrap_or(0);
    if !(1..=3600).contains(&seconds) {
        return Err(RpcError::misc("delta_time must be between 1 and 3600 seconds (1 hr)"));
    }
    let now = node.time();
    node.net.tick(std::time::Duration::from_secs(seconds.unsigned_abs()), now, &mut node.backend);
    Ok(Json::Null)
}
