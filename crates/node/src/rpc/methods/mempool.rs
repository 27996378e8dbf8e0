//! Transactions that wait: looking at them, testing and sending.

use std::sync::Arc;

use bitcoin::{Transaction, Txid};
use pumasi_chain::{CoinsView, TxResult};
use pumasi_mempool::{AcceptOptions, Accepted, Entry, FeeRate, LoadOptions, Mempool, PackageRejectKind, TxOutcome};

use super::{Argument, Kind, Method, optional, required, transaction_of};
use crate::backend::{Backend, Context};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{Params, amount, btc, hash};

/// Transactions that a package may have.
const MAX_PACKAGE: usize = 25;
/// The feerate that a sender is protected from unless told otherwise: 0.10 BTC per 1000 virtual bytes.
const DEFAULT_MAX_FEERATE: u64 = 10_000_000;

const TXID_VERBOSE: &[Argument] = &[required("txid", Kind::Text), optional("verbose", Kind::Bool)];

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getrawmempool",
        category: "Blockchain",
        arguments: &[optional("verbose", Kind::Bool), optional("mempool_sequence", Kind::Bool)],
        help: "Returns all transaction ids in memory pool as a json array of string transaction ids.",
        run: all,
    },
    Method {
        name: "getmempoolinfo",
        category: "Blockchain",
        arguments: &[],
        help: "Returns details on the active state of the TX memory pool.",
        run: info,
    },
    Method {
        name: "getmempoolentry",
        category: "Blockchain",
        arguments: &[required("txid", Kind::Text)],
        help: "Returns mempool data for given transaction",
        run: |node, params| {
            let entry = entry_of(&node.backend.mempool, params)?;
            Ok(entry_view(node, entry))
        },
    },
    Method {
        name: "getmempoolcluster",
        category: "Blockchain",
        arguments: &[required("txid", Kind::Text)],
        help: "Returns mempool data for given cluster",
        run: cluster,
    },
    Method {
        name: "getmempoolfeeratediagram",
        category: "hidden",
        arguments: &[],
        help: "Returns the feerate diagram for the whole mempool.",
        run: diagram,
    },
    Method {
        name: "importmempool",
        category: "Blockchain",
        arguments: &[
            required("filepath", Kind::Text),
            optional(
                "options",
                Kind::Options(&["use_current_time", "apply_fee_delta_priority", "apply_unbroadcast_set"]),
            ),
        ],
        help: "Import a mempool.dat file and attempt to add its contents to the mempool.\n\
               Warning: Importing untrusted files is dangerous, especially if metadata from the file is taken over.",
        run: import,
    },
    Method {
        name: "getmempoolancestors",
        category: "Blockchain",
        arguments: TXID_VERBOSE,
        help: "If txid is in the mempool, returns all in-mempool ancestors.",
        run: |node, params| family(node, params, Mempool::ancestors),
    },
    Method {
        name: "getmempooldescendants",
        category: "Blockchain",
        arguments: TXID_VERBOSE,
        help: "If txid is in the mempool, returns all in-mempool descendants.",
        run: |node, params| family(node, params, Mempool::descendants),
    },
    Method {
        name: "gettxspendingprevout",
        category: "Blockchain",
        arguments: &[
            required("outputs", Kind::Array),
            optional("options", Kind::Options(&["mempool_only", "return_spending_tx"])),
        ],
        help: "Scans the mempool (and the txospenderindex, if available) to find transactions spending any of the given \
               outputs",
        run: spending,
    },
    Method {
        name: "testmempoolaccept",
        category: "Rawtransactions",
        arguments: &[required("rawtxs", Kind::Array), optional("maxfeerate", Kind::Amount)],
        help: "Returns result of mempool acceptance tests indicating if raw transaction(s) (serialized, hex-encoded) \
               would be accepted by mempool.",
        run: test,
    },
    Method {
        name: "sendrawtransaction",
        category: "Rawtransactions",
        arguments: &[
            required("hexstring", Kind::Text),
            optional("maxfeerate", Kind::Amount),
            optional("maxburnamount", Kind::Amount),
        ],
        help: "Submit a raw transaction (serialized, hex-encoded) to the network.",
        run: send,
    },
    Method {
        name: "submitpackage",
        category: "Rawtransactions",
        arguments: &[
            required("package", Kind::Array),
            optional("maxfeerate", Kind::Amount),
            optional("maxburnamount", Kind::Amount),
        ],
        help: "Submit a package of raw transactions (serialized, hex-encoded) to local node.",
        run: submit_package,
    },
    Method {
        name: "prioritisetransaction",
        category: "Mining",
        arguments: &[
            required("txid", Kind::Text),
            optional("dummy", Kind::Number),
            required("fee_delta", Kind::Number),
        ],
        help: "Accepts the transaction into mined blocks at a higher (or lower) priority",
        run: prioritise,
    },
    Method {
        name: "getprioritisedtransactions",
        category: "Mining",
        arguments: &[],
        help: "Returns a map of all user-created (see prioritisetransaction) fee deltas by txid, and whether the tx is \
               present in mempool.",
        run: prioritised,
    },
    Method {
        name: "savemempool",
        category: "Blockchain",
        arguments: &[],
        help: "Dumps the mempool to disk.",
        run: save,
    },
    Method {
        name: "getorphantxs",
        category: "hidden",
        arguments: &[optional("verbosity", Kind::Any)],
        help: "Shows transactions in the tx orphanage.",
        run: orphans,
    },
];

fn entry_of<'a>(mempool: &'a Mempool, params: &Params) -> Result<&'a Entry, RpcError> {
    let txid = params.txid(0, "txid")?;
    mempool.entry(&txid).ok_or_else(|| RpcError::invalid_address_or_key("Transaction not in mempool"))
}

fn entry_view(node: &Node, entry: &Entry) -> Json {
    let mempool = &node.backend.mempool;
    let (ancestors, descendants) = (entry.ancestors(), entry.descendants());
    let fees = Json::object()
        .with("base", btc(entry.fee()))
        .with("modified", btc(entry.modified_fee()))
        .with("ancestor", btc(ancestors.fees))
        .with("descendant", btc(descendants.fees))
        .with("chunk", btc(entry.chunk().0));
    let mut parents: Vec<String> = mempool.parents(&entry.txid()).iter().map(Txid::to_string).collect();
    parents.sort_unstable();
    let children: Vec<String> = mempool.children(&entry.txid()).iter().map(Txid::to_string).collect();
    let mut view = Json::object()
        .with("vsize", entry.vsize())
        .with("weight", entry.weight())
        .with("time", entry.time())
        .with("height", entry.height())
        .with("descendantcount", descendants.count)
        .with("descendantsize", descendants.vsize)
        .with("ancestorcount", ancestors.count)
        .with("ancestorsize", ancestors.vsize)
        .with("wtxid", entry.wtxid().to_string())
        .with("chunkweight", entry.chunk().1)
        .with("fees", fees)
        .with("depends", parents)
        .with("spentby", children)
        .with("unbroadcast", mempool.unbroadcast().contains(&entry.txid()));
    if deprecated(node, "bip125") {
        view.push("bip125-replaceable", mempool.is_rbf_opt_in(&entry.txid()).unwrap_or(false));
    }
    view
}

/// Whether the owner still wants something that is on its way out (`-deprecatedrpc=`).
fn deprecated(node: &Node, name: &str) -> bool {
    node.settings.args.all("deprecatedrpc").contains(&name)
}

fn entries(node: &Node, txids: impl IntoIterator<Item = Txid>) -> Json {
    let mut view = Json::object();
    for txid in txids {
        if let Some(entry) = node.backend.mempool.entry(&txid) {
            view.push(&txid.to_string(), entry_view(node, entry));
        }
    }
    view
}

fn txids(all: impl IntoIterator<Item = Txid>) -> Json {
    Json::Array(all.into_iter().map(|txid| Json::from(txid.to_string())).collect())
}

fn all(node: &mut Node, params: &Params) -> RpcResult {
    let mempool = &node.backend.mempool;
    let (verbose, sequence) = (params.flag(0, false), params.flag(1, false));
    match (verbose, sequence) {
        (true, true) => Err(RpcError::invalid_parameter("Verbose results cannot contain mempool sequence values.")),
        (true, false) => Ok(entries(node, mempool.hashes_by_mining_order())),
        (false, false) => Ok(txids(mempool.hashes_by_mining_order())),
        (false, true) => Ok(Json::object()
            .with("txids", txids(mempool.hashes_by_mining_order()))
            .with("mempool_sequence", mempool.sequence())),
    }
}

fn info(node: &mut Node, _: &Params) -> RpcResult {
    let mempool = &node.backend.mempool;
    let config = mempool.config();
    let info = mempool.info(node.backend.now());
    let least = mempool.min_feerate(node.backend.now()).max(config.min_relay_feerate);
    let mut view = Json::object()
        .with("loaded", true)
        .with("size", info.size)
        .with("bytes", info.bytes)
        .with("usage", info.usage)
        .with("total_fee", btc(info.total_fee))
        .with("maxmempool", config.max_size_bytes)
        .with("mempoolminfee", btc(least.sat_per_kvb()))
        .with("minrelaytxfee", btc(config.min_relay_feerate.sat_per_kvb()))
        .with("incrementalrelayfee", btc(config.incremental_relay_feerate.sat_per_kvb()))
        .with("unbroadcastcount", mempool.unbroadcast().len())
        .with("permitbaremultisig", config.permit_bare_multisig)
        .with("maxdatacarriersize", config.max_datacarrier_bytes.unwrap_or(0))
        .with("limitclustercount", config.limits.cluster_count)
        .with("limitclustersize", config.limits.cluster_size_vbytes)
        // Every cluster is in its best order as soon as it changes.
        .with("optimal", true);
    if deprecated(node, "fullrbf") {
        view.push("fullrbf", true);
    }
    Ok(view)
}

fn cluster(node: &mut Node, params: &Params) -> RpcResult {
    let mempool = &node.backend.mempool;
    let txid = entry_of(mempool, params)?.txid();
    let chunks = mempool.cluster(&txid).unwrap_or_default();
    let weight: i64 = chunks.iter().map(|chunk| chunk.weight).sum();
    let count: usize = chunks.iter().map(|chunk| chunk.txids.len()).sum();
    let chunks = chunks.into_iter().map(|chunk| {
        Json::object()
            .with("chunkfee", btc(chunk.fee))
            .with("chunkweight", chunk.weight)
            .with("txs", txids(chunk.txids))
    });
    let chunks = Json::Array(chunks.collect());
    Ok(Json::object().with("clusterweight", weight).with("txcount", count).with("chunks", chunks))
}

fn diagram(node: &mut Node, _: &Params) -> RpcResult {
    let corners = node.backend.mempool.feerate_diagram().into_iter();
    let views = corners.map(|(fee, weight)| Json::object().with("weight", weight).with("fee", btc(fee)));
    Ok(Json::Array(views.collect()))
}

fn import(node: &mut Node, params: &Params) -> RpcResult {
    if node.backend.chain.is_initial_block_download() {
        return Err(RpcError::initial_download(
            "Can only import the mempool after the block download and sync is done.",
        ));
    }
    let none = Json::object();
    let options = params.get(1).unwrap_or(&none);
    let flag = |name: &str, default: bool| match options.get(name) {
        Some(Json::Bool(value)) => *value,
        _ => default,
    };
    let options = LoadOptions {
        use_current_time: flag("use_current_time", true),
        apply_fee_deltas: flag("apply_fee_delta_priority", false),
        apply_unbroadcast: flag("apply_unbroadcast_set", false),
    };
    let path = node.settings.folder.join(params.required_text(0));
    let failed = || RpcError::misc("Unable to import mempool file, see debug log for details.");
    let Backend { chain, mempool, verifier, clock, log, .. } = &mut node.backend;
    let bytes = std::fs::read(&path).map_err(|error| {
        log.warn(&format!("{} could not be read: {error}", path.display()));
        failed()
    })?;
    let context = Context { chain, verifier: &**verifier };
    let report = mempool.load(&bytes, &context, clock.seconds(), options).map_err(|error| {
        log.warn(&format!("{} could not be imported: {error}", path.display()));
        failed()
    })?;
    log.info(&format!(
        "Imported mempool transactions from file: {} succeeded, {} failed, {} expired, {} already there, {} waiting for \
         initial broadcast",
        report.accepted, report.failed, report.expired, report.already_there, report.unbroadcast
    ));
    Ok(Json::object())
}

fn family(node: &mut Node, params: &Params, members: fn(&Mempool, &Txid) -> Vec<Txid>) -> RpcResult {
    let mempool = &node.backend.mempool;
    let txid = entry_of(mempool, params)?.txid();
    let members = members(mempool, &txid);
    Ok(if params.flag(1, false) { entries(node, members) } else { txids(members) })
}

fn spending(node: &mut Node, params: &Params) -> RpcResult {
    let outputs = params.array(0);
    if outputs.is_empty() {
        return Err(RpcError::invalid_parameter("Invalid parameter, outputs are missing"));
    }
    let option = |name: &str| match params.get(1).and_then(|options| options.get(name)) {
        Some(Json::Bool(value)) => Some(*value),
        _ => None,
    };
    let mempool_only = option("mempool_only").unwrap_or(!node.backend.indexes.has_spenders());
    let with_transaction = option("return_spending_tx").unwrap_or(false);
    let mut found = Vec::new();
    for output in outputs {
        let outpoint = outpoint_of(output)?;
        let mut view = Json::object().with("txid", outpoint.txid.to_string()).with("vout", outpoint.vout);
        let spender = match node.backend.mempool.spender(&outpoint) {
            Some(txid) => Some((txid, None)),
            None if mempool_only => None,
            None if !node.backend.indexes.has_spenders() => {
                return Err(RpcError::misc("Mempool lacks a relevant spend, and txospenderindex is unavailable."));
            }
            None => node.backend.indexes.spender(&outpoint).map(|(txid, block)| (txid, Some(block))),
        };
        if let Some((txid, block)) = spender {
            view.push("spendingtxid", txid.to_string());
            let id = block.and_then(|block| node.backend.chain.tree().id(&block));
            if with_transaction && let Some((tx, _)) = node.backend.transaction(&txid, id) {
                view.push("spendingtx", bitcoin::consensus::encode::serialize_hex(&*tx));
            }
            if let Some(block) = block {
                view.push("blockhash", block.to_string());
            }
        }
        found.push(view);
    }
    Ok(Json::Array(found))
}

/// An output named by an object with nothing but `txid` and `vout`.
fn outpoint_of(output: &Json) -> Result<bitcoin::OutPoint, RpcError> {
    let Json::Object(members) = output else {
        return Err(RpcError::type_error(format!(
            "JSON value of type {} is not of expected type object",
            output.type_name()
        )));
    };
    for (name, expected) in [("txid", "string"), ("vout", "number")] {
        let value = output.get(name).ok_or_else(|| RpcError::type_error(format!("Missing {name}")))?;
        if value.type_name() != expected {
            return Err(RpcError::type_error(format!(
                "JSON value of type {} for field {name} is not of expected type {expected}",
                value.type_name()
            )));
        }
    }
    if let Some((name, _)) = members.iter().find(|(name, _)| name != "txid" && name != "vout") {
        return Err(RpcError::type_error(format!("Unexpected key {name}")));
    }
    let text = output.get("txid").and_then(Json::as_str).unwrap_or_default();
    let txid: Txid = bitcoin::hashes::Hash::from_byte_array(hash(text, "txid")?);
    let vout = output.get("vout").map_or(Ok(0), super::super::params::integer)?;
    let vout =
        u32::try_from(vout).map_err(|_| RpcError::invalid_parameter("Invalid parameter, vout cannot be negative"))?;
    Ok(bitcoin::OutPoint::new(txid, vout))
}

/// The feerate that a sender accepts at most; `None` for no limit.
fn max_feerate(params: &Params, index: usize) -> Result<Option<FeeRate>, RpcError> {
    let satoshi = match params.get(index) {
        None => DEFAULT_MAX_FEERATE,
        Some(value) => amount(value)?.to_sat(),
    };
    if satoshi >= 100_000_000 {
        return Err(RpcError::invalid_parameter("Fee rates larger than or equal to 1BTC/kvB are not accepted"));
    }
    let rate = i64::try_from(satoshi).unwrap_or(i64::MAX);
    Ok((rate > 0).then_some(FeeRate::from_sat_per_kvb(rate)))
}

fn transactions(params: &Params) -> Result<Vec<Arc<Transaction>>, RpcError> {
    let texts = params.array(0);
    if texts.is_empty() || texts.len() > MAX_PACKAGE {
        return Err(RpcError::invalid_parameter(format!(
            "Array must contain between 1 and {MAX_PACKAGE} transactions."
        )));
    }
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        let text = text.as_str().ok_or_else(|| {
            RpcError::type_error(format!("JSON value of type {} is not of expected type string", text.type_name()))
        })?;
        let tx = transaction_of(text).ok_or_else(|| {
            RpcError::deserialization(format!("TX decode failed: {text} Make sure the tx has at least one input."))
        })?;
        all.push(Arc::new(tx));
    }
    Ok(all)
}

fn test(node: &mut Node, params: &Params) -> RpcResult {
    let transactions = transactions(params)?;
    let limit = max_feerate(params, 1)?;
    let Backend { chain, mempool, verifier, clock, .. } = &mut node.backend;
    let context = Context { chain, verifier: &**verifier };
    let result = mempool.test_accept(&transactions, &context, clock.seconds());
    let policy = result.rejected.as_ref().filter(|rejected| rejected.kind == PackageRejectKind::Policy);
    let (mut views, mut ended) = (Vec::new(), false);
    for tx in &transactions {
        let wtxid = tx.compute_wtxid();
        let mut view = Json::object().with("txid", tx.compute_txid().to_string()).with("wtxid", wtxid.to_string());
        if let Some(rejected) = policy {
            view.push("package-error", rejected.to_string());
        }
        let outcome = result.results.get(&wtxid);
        match outcome.filter(|_| !ended) {
            Some(TxOutcome::Accepted(accepted)) => ended = !tested_accepted(&mut view, accepted, limit),
            Some(TxOutcome::Rejected(rejected)) => {
                view.push("allowed", false);
                if rejected.kind == TxResult::MissingInputs {
                    view.push("reject-reason", "missing-inputs");
                } else {
                    view.push("reject-reason", rejected.reason.as_ref());
                    view.push("reject-details", rejected.to_string());
                }
            }
            _ => {}
        }
        views.push(view);
    }
    Ok(Json::Array(views))
}

/// Tells what a test has found; whether the fee is not more than the sender accepts.
fn tested_accepted(view: &mut Json, accepted: &Accepted, limit: Option<FeeRate>) -> bool {
    let too_much = limit.is_some_and(|limit| accepted.base_fee > limit.fee_for(accepted.vsize));
    view.push("allowed", !too_much);
    if too_much {
        view.push("reject-reason", "max-fee-exceeded");
    } else {
        view.push("vsize", accepted.vsize);
        view.push("fees", fees_view(accepted));
    }
    !too_much
}

fn fees_view(accepted: &Accepted) -> Json {
    let includes: Vec<String> = accepted.effective_includes.iter().map(ToString::to_string).collect();
    Json::object()
        .with("base", btc(accepted.base_fee))
        .with("effective-feerate", btc(accepted.effective_feerate.sat_per_kvb()))
        .with("effective-includes", includes)
}

/// Refuses to burn more than the sender has agreed to.
fn check_burn(tx: &Transaction, params: &Params, index: usize) -> Result<(), RpcError> {
    let limit = params.get(index).map(amount).transpose()?.unwrap_or_default();
    let burns = tx.output.iter().any(|output| {
        let script = &output.script_pubkey;
        let unspendable =
            pumasi_chain::coins::is_unspendable(script) || script.instructions().any(|step| step.is_err());
        unspendable && output.value > limit
    });
    if burns {
        return Err(RpcError::verify("Unspendable output exceeds maximum configured by user (maxburnamount)"));
    }
    Ok(())
}

fn send(node: &mut Node, params: &Params) -> RpcResult {
    let tx = transaction_of(params.required_text(0))
        .ok_or_else(|| RpcError::deserialization("TX decode failed. Make sure the tx has at least one input."))?;
    check_burn(&tx, params, 2)?;
    let limit = max_feerate(params, 1)?;
    let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
    let Backend { chain, mempool, verifier, clock, .. } = &mut node.backend;
    for index in 0..tx.output.len() {
        let outpoint = bitcoin::OutPoint::new(txid, u32::try_from(index).unwrap_or(u32::MAX));
        if chain.coin(&outpoint).ok().flatten().is_some() {
            return Err(RpcError::already_in_utxo_set("Transaction outputs already in utxo set"));
        }
    }
    let wtxid = match mempool.entry(&txid) {
        // Sent before: it is only announced again, with the witness that is here.
        Some(entry) => entry.wtxid(),
        None => {
            let tx = Arc::new(tx);
            let context = Context { chain, verifier: &**verifier };
            let now = clock.seconds();
            if let Some(limit) = limit {
                let test = AcceptOptions { test_only: true, ..AcceptOptions::default() };
                let accepted = mempool.accept_with(Arc::clone(&tx), &context, now, test).map_err(|r| refused(&r))?;
                if accepted.base_fee > limit.fee_for(accepted.vsize) {
                    return Err(RpcError::verify(
                        "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)",
                    ));
                }
            }
            mempool.accept(tx, &context, now).map_err(|rejected| refused(&rejected))?;
            mempool.add_unbroadcast(txid);
            wtxid
        }
    };
    node.net.relay_transaction(txid, wtxid);
    Ok(Json::from(txid.to_string()))
}

fn refused(rejected: &pumasi_mempool::Rejected) -> RpcError {
    if rejected.kind == TxResult::MissingInputs {
        return RpcError::verify(rejected.to_string());
    }
    RpcError::verify_rejected(rejected.to_string())
}

fn submit_package(node: &mut Node, params: &Params) -> RpcResult {
    let package = transactions(params)?;
    let limit = max_feerate(params, 1)?;
    for tx in &package {
        check_burn(tx, params, 2)?;
    }
    if package.len() > 1 && !pumasi_mempool::policy::is_child_with_parents_tree(&package) {
        return Err(RpcError::verify(
            "package topology disallowed. not child-with-parents or parents depend on each other.",
        ));
    }
    let Backend { chain, mempool, verifier, clock, .. } = &mut node.backend;
    let context = Context { chain, verifier: &**verifier };
    let result = mempool.accept_package(&package, &context, clock.seconds(), limit);
    let message = result.rejected.as_ref().map_or_else(|| "success".to_owned(), ToString::to_string);
    let mut results = Json::object();
    let mut replaced: Vec<String> = Vec::new();
    for tx in &package {
        let wtxid = tx.compute_wtxid();
        let outcome = result.results.get(&wtxid);
        let mut view = Json::object().with("txid", tx.compute_txid().to_string());
        match outcome {
            Some(TxOutcome::Accepted(accepted)) => {
                view.push("vsize", accepted.vsize);
                view.push("fees", fees_view(accepted));
                replaced.extend(accepted.replaced.iter().map(|old| old.compute_txid().to_string()));
                node.net.relay_transaction(accepted.txid, accepted.wtxid);
            }
            Some(TxOutcome::AlreadyInMempool { vsize, base_fee }) => {
                view.push("vsize", *vsize);
                view.push("fees", Json::object().with("base", btc(*base_fee)));
            }
            Some(TxOutcome::DifferentWitness(other)) => view.push("other-wtxid", other.to_string()),
            Some(TxOutcome::Rejected(rejected)) => view.push("error", rejected.to_string()),
            _ => view.push("error", "package-not-validated"),
        }
        results.push(&wtxid.to_string(), view);
    }
    Ok(Json::object().with("package_msg", message).with("tx-results", results).with("replaced-transactions", replaced))
}

fn prioritise(node: &mut Node, params: &Params) -> RpcResult {
    let txid = params.txid(0, "txid")?;
    if params.integer(1)?.unwrap_or(0) != 0 {
        return Err(RpcError::invalid_parameter(
            "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.",
        ));
    }
    let delta = params.integer(2)?.unwrap_or(0);
    let dust = node.backend.mempool.config().dust_relay_feerate;
    if let Some(tx) = node.backend.mempool.get(&txid)
        && tx.output.iter().any(|output| pumasi_mempool::policy::is_dust(output, dust))
    {
        // It would pay a fee after all, which dust that must be spent at once may not (BIP433).
        return Err(RpcError::invalid_parameter("Priority is not supported for transactions with dust outputs."));
    }
    node.backend.mempool.prioritise(txid, delta);
    Ok(Json::Bool(true))
}

fn prioritised(node: &mut Node, _: &Params) -> RpcResult {
    let mut view = Json::object();
    for delta in node.backend.mempool.prioritised() {
        let mut entry =
            Json::object().with("fee_delta", delta.fee_delta).with("in_mempool", delta.modified_fee.is_some());
        if let Some(fee) = delta.modified_fee {
            entry.push("modified_fee", fee);
        }
        view.push(&delta.txid.to_string(), entry);
    }
    Ok(view)
}

fn save(node: &mut Node, _: &Params) -> RpcResult {
    let path = node.settings.folder.join("mempool.dat");
    let aside = path.with_extension("dat.new");
    let bytes = node.backend.mempool.dump(None);
    std::fs::write(&aside, bytes)
        .and_then(|()| std::fs::rename(&aside, &path))
        .map_err(|_| RpcError::misc("Unable to dump mempool to disk"))?;
    Ok(Json::object().with("filename", path.display().to_string()))
}

fn orphans(node: &mut Node, params: &Params) -> RpcResult {
    if matches!(params.get(0), Some(Json::Bool(_))) {
        return Err(RpcError::type_error("Verbosity was boolean but only integer allowed"));
    }
    let verbosity = params.verbosity(0, 0)?;
    if !(0..=2).contains(&verbosity) {
        return Err(RpcError::invalid_parameter(format!("Invalid verbosity value {verbosity}")));
    }
    let views = node.net.orphans().into_iter().map(|orphan| {
        let txid = orphan.tx.compute_txid().to_string();
        if verbosity == 0 {
            return Json::from(txid);
        }
        let peers: Vec<u64> = orphan.announcers.iter().map(|peer| peer.0).collect();
        let mut view = Json::object()
            .with("txid", txid)
            .with("wtxid", orphan.tx.compute_wtxid().to_string())
            .with("bytes", orphan.tx.total_size())
            .with("vsize", orphan.tx.vsize())
            .with("weight", orphan.tx.weight().to_wu())
            .with("from", peers);
        if verbosity == 2 {
            view.push("hex", bitcoin::consensus::encode::serialize_hex(&*orphan.tx));
        }
        view
    });
    Ok(Json::Array(views.collect()))
}
