//! Making blocks.

use std::sync::Arc;

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, Block, ScriptBuf, Transaction, Txid};
use pumasi_chain::block::Finished;
use pumasi_chain::mine::{self, Parts};
use pumasi_chain::params::{Buried, MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT};
use pumasi_chain::{ChainError, Source, Validity};
use pumasi_mempool::{FeeRate, Template, TemplateLimits};

use super::{Kind, Method, block_of, chain_error, optional, required, transaction_of};
use crate::backend::Context;
use crate::json::Json;
use crate::node::Node;
use crate::rpc::descriptor;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::Params;
use crate::rpc::script::script_of;
use crate::rpc::view::difficulty;

/// Weight kept for header and coinbase without `-blockreservedweight`.
const DEFAULT_RESERVED_WEIGHT: i64 = 8000;
/// Nonces that are tried for one block unless a caller says otherwise.
const DEFAULT_MAX_TRIES: i64 = 1_000_000;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "generatetoaddress",
        category: "hidden",
        arguments: &[
            required("nblocks", Kind::Number),
            required("address", Kind::Text),
            optional("maxtries", Kind::Number),
        ],
        help: "Mine to a specified address and return the block hashes.",
        run: to_address,
    },
    Method {
        name: "generatetodescriptor",
        category: "hidden",
        arguments: &[
            required("num_blocks", Kind::Number),
            required("descriptor", Kind::Text),
            optional("maxtries", Kind::Number),
        ],
        help: "Mine to a specified descriptor and return the block hashes.",
        run: to_descriptor,
    },
    Method {
        name: "generateblock",
        category: "hidden",
        arguments: &[
            required("output", Kind::Text),
            required("transactions", Kind::Array),
            optional("submit", Kind::Bool),
        ],
        help: "Mine a set of ordered transactions to a specified address or descriptor and return the block hash.",
        run: block_of_transactions,
    },
    Method {
        name: "getblocktemplate",
        category: "Mining",
        arguments: &[optional("template_request", Kind::Object)],
        help: "It returns data needed to construct a block to work on (BIP22, BIP23, BIP9, BIP145).",
        run: template,
    },
    Method {
        name: "getmininginfo",
        category: "Mining",
        arguments: &[],
        help: "Returns a json object containing mining-related information.",
        run: info,
    },
    Method {
        name: "getnetworkhashps",
        category: "Mining",
        arguments: &[optional("nblocks", Kind::Number), optional("height", Kind::Number)],
        help: "Returns the estimated network hashes per second based on the last n blocks.",
        run: hash_rate,
    },
];

/// What the mempool would put into the next block.
fn select(node: &mut Node) -> Template {
    let backend = &node.backend;
    let mut limits = TemplateLimits::default();
    let args = &node.settings.args;
    if args.is_set("blockmaxweight") {
        limits.max_weight = u64::try_from(args.integer("blockmaxweight", 0)).unwrap_or(0).min(MAX_BLOCK_WEIGHT);
    }
    limits.reserved_weight = u64::try_from(args.integer("blockreservedweight", DEFAULT_RESERVED_WEIGHT)).unwrap_or(0);
    limits.min_feerate = FeeRate::from_sat_per_kvb(node.settings.block_min_fee_rate);
    let context = Context { chain: &backend.chain, verifier: &*backend.verifier };
    let template = backend.mempool.select(&limits, &context);
    node.last_template = Some((limits.reserved_weight + template.weight, template.transactions.len()));
    template
}

/// A block on top of the tip, without proof of work.
fn assemble(node: &Node, script_pubkey: ScriptBuf, transactions: Vec<(Transaction, Amount)>) -> Block {
    let chain = &node.backend.chain;
    let version = node.settings.args.text("blockversion").and_then(|text| text.parse().ok());
    let parts = Parts {
        version: version.unwrap_or_else(|| chain.next_block_version()),
        script_pubkey,
        transactions,
        now: node.backend.now(),
    };
    mine::assemble(chain.tree(), chain.active().tip(), chain.params(), parts)
}

fn selected(node: &mut Node) -> Vec<(Transaction, Amount)> {
    amounts(&select(node))
}

fn amounts(chosen: &Template) -> Vec<(Transaction, Amount)> {
    let amount = |fee| Amount::from_sat(u64::try_from(fee).unwrap_or(0));
    chosen.transactions.iter().map(|one| ((*one.tx).clone(), amount(one.fee))).collect()
}

/// Finds a nonce and hands the block in.
fn solve_and_submit(
    node: &mut Node,
    mut block: Block,
    tries: &mut i64,
    submit: bool,
) -> Result<Option<Block>, RpcError> {
    let most = u32::try_from((*tries).max(0)).unwrap_or(u32::MAX);
    let start = block.header.nonce;
    let solved = mine::solve(&mut block, node.backend.chain.params(), most);
    *tries -= i64::from(block.header.nonce - start);
    if !solved {
        return Ok(None);
    }
    if submit {
        let shared = Arc::new(block.clone());
        let result = node.backend.submit_block(&shared, Source { requested: true, min_pow_checked: true });
        node.tell_peers();
        match result {
            Ok(_) => {}
            Err(ChainError::Invalid(_)) => return Err(RpcError::internal("ProcessNewBlock, block not accepted")),
            Err(error) => return Err(chain_error(&error)),
        }
    }
    Ok(Some(block))
}

fn generate(node: &mut Node, count: i64, script: &ScriptBuf, tries: i64) -> RpcResult {
    let (mut hashes, mut tries) = (Vec::new(), tries);
    for _ in 0..count {
        if node.stopping {
            break;
        }
        let transactions = selected(node);
        let block = assemble(node, script.clone(), transactions);
        let Some(block) = solve_and_submit(node, block, &mut tries, true)? else { break };
        hashes.push(Json::from(block.block_hash().to_string()));
    }
    Ok(Json::Array(hashes))
}

fn to_address(node: &mut Node, params: &Params) -> RpcResult {
    let script = script_of(params.required_text(1), node.settings.network)
        .ok_or_else(|| RpcError::invalid_address_or_key("Error: Invalid address"))?;
    let tries = params.integer(2)?.unwrap_or(DEFAULT_MAX_TRIES);
    generate(node, params.integer(0)?.unwrap_or(0), &script, tries)
}

fn to_descriptor(node: &mut Node, params: &Params) -> RpcResult {
    let scripts = descriptor::scripts(params.required_text(1), node.settings.network, false)
        .map_err(RpcError::invalid_address_or_key)?;
    let tries = params.integer(2)?.unwrap_or(DEFAULT_MAX_TRIES);
    generate(node, params.integer(0)?.unwrap_or(0), coinbase_script(&scripts), tries)
}

/// The script of a descriptor that a block pays to: of `combo` the most modern one but for nesting.
fn coinbase_script(scripts: &[ScriptBuf]) -> &ScriptBuf {
    match scripts {
        [_, _, segwit, _] => segwit,
        [_, legacy] => legacy,
        _ => &scripts[0],
    }
}

fn block_of_transactions(node: &mut Node, params: &Params) -> RpcResult {
    let output = params.required_text(0);
    let network = node.settings.network;
    if output.contains("/*") {
        return Err(RpcError::invalid_parameter(
            "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?",
        ));
    }
    let script = match descriptor::scripts(output, network, false) {
        Ok(scripts) => coinbase_script(&scripts).clone(),
        Err(why) if why.contains("without private keys") => return Err(RpcError::invalid_address_or_key(why)),
        Err(_) => script_of(output, network)
            .ok_or_else(|| RpcError::invalid_address_or_key("Error: Invalid address or descriptor"))?,
    };
    let mut transactions = Vec::new();
    for text in params.array(1) {
        let text = text.as_str().unwrap_or_default();
        let tx = match text.parse::<Txid>() {
            Ok(txid) => node
                .backend
                .mempool
                .get(&txid)
                .map(|tx| (*tx).clone())
                .ok_or_else(|| RpcError::invalid_address_or_key(format!("Transaction {text} not in mempool.")))?,
            Err(_) => transaction_of(text).ok_or_else(|| {
                RpcError::deserialization(format!(
                    "Transaction decode failed for {text}. Make sure the tx has at least one input."
                ))
            })?,
        };
        // The fees of given transactions are not claimed.
        transactions.push((tx, Amount::ZERO));
    }
    let block = assemble(node, script, transactions);
    let tested = test(node, &block, Finished { pow: false, merkle_root: false });
    tested.map_err(|error| match error {
        ChainError::Invalid(error) => RpcError::verify(format!("TestBlockValidity failed: {error}")),
        other => chain_error(&other),
    })?;
    let submit = params.flag(2, true);
    let mut tries = DEFAULT_MAX_TRIES;
    let block =
        solve_and_submit(node, block, &mut tries, submit)?.ok_or_else(|| RpcError::misc("Failed to make block."))?;
    let mut view = Json::object().with("hash", block.block_hash().to_string());
    if !submit {
        view.push("hex", serialize_hex(&block));
    }
    Ok(view)
}

fn template(node: &mut Node, params: &Params) -> RpcResult {
    let request = params.get(0).cloned().unwrap_or_else(Json::object);
    match request.get("mode") {
        None | Some(Json::Null) => {}
        Some(Json::String(mode)) if mode == "template" => {}
        Some(Json::String(mode)) if mode == "proposal" => return proposal(node, &request),
        Some(_) => return Err(RpcError::invalid_parameter("Invalid mode")),
    }
    let rules: Vec<&str> = match request.get("rules") {
        Some(Json::Array(rules)) => rules.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let chain = &node.backend.chain;
    if !chain.params().mockable && !chain.params().allow_min_difficulty_blocks {
        let counts = node.net.connection_counts();
        if counts.inbound + counts.outbound == 0 {
            return Err(RpcError::not_connected("Pumasi is not connected!"));
        }
        if chain.is_initial_block_download() {
            return Err(RpcError::initial_download("Pumasi is in initial sync and waiting for blocks..."));
        }
    }
    let signet = chain.params().signet_challenge.clone();
    if signet.is_some() && !rules.contains(&"signet") {
        return Err(RpcError::invalid_parameter(
            "getblocktemplate must be called with the signet rule set (call with {\"rules\": [\"segwit\", \"signet\"]})",
        ));
    }
    if !rules.contains(&"segwit") {
        return Err(RpcError::invalid_parameter(
            "getblocktemplate must be called with the segwit rule set (call with {\"rules\": [\"segwit\"]})",
        ));
    }
    let chosen = select(node);
    let transactions = amounts(&chosen);
    let chain = &node.backend.chain;
    let block = assemble(node, ScriptBuf::from_bytes(vec![0x51]), transactions);
    let height = chain.active().height() + 1;
    let segwit = chain.params().active_at(Buried::Segwit, height);
    let scale: i64 = if segwit { 1 } else { 4 };
    let position = |txid: &Txid| block.txdata.iter().position(|tx| tx.compute_txid() == *txid);
    let views = chosen.transactions.iter().map(|one| {
        let depends: Vec<usize> =
            one.tx.input.iter().filter_map(|input| position(&input.previous_output.txid)).collect();
        Json::object()
            .with("data", serialize_hex(&*one.tx))
            .with("txid", one.tx.compute_txid().to_string())
            .with("hash", one.tx.compute_wtxid().to_string())
            .with("depends", depends)
            .with("fee", one.fee)
            .with("sigops", one.sigop_cost / scale)
            .with("weight", one.tx.weight().to_wu())
    });
    let views = Json::Array(views.collect());
    let mut active = vec!["csv"];
    if segwit {
        active.extend(["!segwit", "taproot"]);
    }
    if signet.is_some() {
        active.push("!signet");
    }
    let target: bitcoin::Target = block.header.bits.into();
    let sigops = i64::try_from(MAX_BLOCK_SIGOPS_COST).unwrap_or(0);
    let mut view = Json::object()
        .with("capabilities", vec!["proposal"])
        .with("version", block.header.version.to_consensus())
        .with("rules", active)
        .with("vbavailable", Json::object())
        .with("vbrequired", 0)
        .with("previousblockhash", block.header.prev_blockhash.to_string())
        .with("transactions", views)
        .with("coinbaseaux", Json::object())
        .with("coinbasevalue", block.txdata[0].output[0].value.to_sat())
        .with("longpollid", format!("{}{}", block.header.prev_blockhash, node.backend.mempool.sequence()))
        .with("target", format!("{target:064x}"))
        .with("mintime", mine::min_time(chain.tree(), chain.active().tip(), chain.params()))
        .with("mutable", vec!["time", "transactions", "prevblock"])
        .with("noncerange", "00000000ffffffff")
        .with("sigoplimit", sigops / scale)
        .with("sizelimit", 4_000_000 / scale);
    if segwit {
        view.push("weightlimit", MAX_BLOCK_WEIGHT);
    }
    view.push("curtime", block.header.time);
    view.push("bits", format!("{:08x}", block.header.bits.to_consensus()));
    view.push("height", height);
    if let Some(challenge) = signet {
        view.push("signet_challenge", hex::encode(challenge.as_bytes()));
    }
    if segwit && let Some(index) = pumasi_chain::block::witness_commitment_index(&block) {
        let script = &block.txdata[0].output[index].script_pubkey;
        view.push("default_witness_commitment", hex::encode(script.as_bytes()));
    }
    Ok(view)
}

fn proposal(node: &mut Node, request: &Json) -> RpcResult {
    let data = request.get("data").and_then(Json::as_str);
    let data = data.ok_or_else(|| RpcError::type_error("Missing data String key for proposal"))?;
    let block = block_of(data).ok_or_else(|| RpcError::deserialization("Block decode failed"))?;
    if let Some(entry) = node.backend.chain.tree().get(&block.block_hash()) {
        return Ok(Json::from(if entry.status.is_valid(Validity::Scripts) {
            "duplicate"
        } else if entry.status.failed {
            "duplicate-invalid"
        } else {
            "duplicate-inconclusive"
        }));
    }
    match test(node, &block, Finished { pow: false, merkle_root: true }) {
        Ok(()) => Ok(Json::Null),
        Err(ChainError::Invalid(error)) => Ok(Json::from(error.reason())),
        Err(error) => Err(chain_error(&error)),
    }
}

/// Whether a block on the tip would be valid.
fn test(node: &Node, block: &Block, finished: Finished) -> Result<(), ChainError> {
    node.backend.chain.test_block(block, finished, node.backend.now())
}

fn info(node: &mut Node, _: &Params) -> RpcResult {
    let rate = hash_rate(node, &Params::default())?;
    let chain = &node.backend.chain;
    let tip = chain.tip();
    let bits = tip.header.bits.to_consensus();
    let target: bitcoin::Target = tip.header.bits.into();
    let next = assemble(node, ScriptBuf::new(), Vec::new()).header.bits;
    let next_target: bitcoin::Target = next.into();
    let next = Json::object()
        .with("height", tip.height + 1)
        .with("bits", format!("{:08x}", next.to_consensus()))
        .with("difficulty", Json::float(difficulty(next.to_consensus())))
        .with("target", format!("{next_target:064x}"));
    let mut view = Json::object().with("blocks", tip.height);
    if let Some((weight, transactions)) = node.last_template {
        view.push("currentblockweight", weight);
        view.push("currentblocktx", transactions);
    }
    let view = view
        .with("bits", format!("{bits:08x}"))
        .with("difficulty", Json::float(difficulty(bits)))
        .with("target", format!("{target:064x}"))
        .with("networkhashps", rate)
        .with("pooledtx", node.backend.mempool.len())
        .with("blockmintxfee", crate::rpc::params::btc(node.settings.block_min_fee_rate))
        .with("chain", chain.params().name)
        .with("next", next);
    let view = match &chain.params().signet_challenge {
        Some(challenge) => view.with("signet_challenge", hex::encode(challenge.as_bytes())),
        None => view,
    };
    Ok(view.with("warnings", node.backend.warnings_view()))
}

fn hash_rate(node: &mut Node, params: &Params) -> RpcResult {
    let (count, height) = (params.integer(0)?.unwrap_or(120), params.integer(1)?.unwrap_or(-1));
    let chain = &node.backend.chain;
    let (tree, active) = (chain.tree(), chain.active());
    if count < -1 || count == 0 {
        return Err(RpcError::invalid_parameter("Invalid nblocks. Must be a positive number or -1."));
    }
    if height < -1 || height > i64::from(active.height()) {
        return Err(RpcError::invalid_parameter("Block does not exist at specified height"));
    }
    let end = u32::try_from(height).unwrap_or_else(|_| active.height());
    let interval = chain.params().difficulty_adjustment_interval();
    let count = u32::try_from(count).unwrap_or(end % interval + 1).min(end);
    let (Some(last), Some(first)) = (active.at(end), active.at(end - count)) else { return Ok(Json::from(0)) };
    let times = (end - count..=end).filter_map(|at| active.at(at)).map(|id| tree[id].header.time);
    let (low, high) = times.fold((u32::MAX, 0), |(low, high), time| (low.min(time), high.max(time)));
    if end == 0 || low >= high {
        return Ok(Json::from(0));
    }
    let work = tree[last].work - tree[first].work;
    Ok(Json::float(work_as_float(work) / f64::from(high - low)))
}

fn work_as_float(work: bitcoin::Work) -> f64 {
    work.to_be_bytes().iter().fold(0.0, |value, byte| value * 256.0 + f64::from(*byte))
}
