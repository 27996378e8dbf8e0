//! Transactions, scripts, headers and blocks as JSON.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::{Block, Network, Script, Transaction, TxOut};
use pumasi_chain::{BlockId, Coin, TxUndo};
use pumasi_mempool::policy::solver::OutputType;

use super::descriptor;
use super::params::amount_json;
use super::script::{address_of, asm};
use crate::backend::Chain;
use crate::json::Json;

/// A script that locks an output.
pub(super) fn script_pubkey(script: &Script, network: Network) -> Json {
    let kind = OutputType::of(script);
    let mut view = Json::object()
        .with("asm", asm(script, false))
        .with("desc", descriptor::infer(script, network))
        .with("hex", hex::encode(script.as_bytes()));
    if let Some(address) = address_of(script, network).filter(|_| kind.name() != "pubkey") {
        view.push("address", address);
    }
    view.with("type", kind.name())
}

/// A transaction, without what depends on where it is.
pub(super) fn transaction(
    tx: &Transaction,
    network: Network,
    undo: Option<&TxUndo>,
    prevouts: bool,
    hex: bool,
) -> Json {
    let weight = tx.weight().to_wu();
    let mut view = Json::object()
        .with("txid", tx.compute_txid().to_string())
        .with("hash", tx.compute_wtxid().to_string())
        .with("version", tx.version.0.cast_unsigned())
        .with("size", tx.total_size())
        .with("vsize", weight.div_ceil(4))
        .with("weight", weight)
        .with("locktime", tx.lock_time.to_consensus_u32());
    let inputs = tx.input.iter().enumerate().map(|(index, input)| {
        let mut view = Json::object();
        if tx.is_coinbase() {
            view.push("coinbase", hex::encode(input.script_sig.as_bytes()));
        } else {
            view.push("txid", input.previous_output.txid.to_string());
            view.push("vout", input.previous_output.vout);
            let script = Json::object()
                .with("asm", asm(&input.script_sig, true))
                .with("hex", hex::encode(input.script_sig.as_bytes()));
            view.push("scriptSig", script);
        }
        if !input.witness.is_empty() {
            view.push("txinwitness", input.witness.iter().map(hex::encode).collect::<Vec<String>>());
        }
        if let Some(coin) = undo.filter(|_| prevouts).and_then(|undo| undo.get(index)) {
            view.push("prevout", prevout(coin, network));
        }
        view.with("sequence", input.sequence.to_consensus_u32())
    });
    view.push("vin", inputs.collect::<Vec<Json>>());
    let outputs = tx.output.iter().enumerate().map(|(index, output)| output_view(index, output, network));
    view.push("vout", outputs.collect::<Vec<Json>>());
    if let Some(undo) = undo {
        let paid: u64 = undo.iter().map(|coin| coin.output.value.to_sat()).sum();
        let made: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
        view.push("fee", amount_json(bitcoin::Amount::from_sat(paid.saturating_sub(made))));
    }
    if hex {
        view.push("hex", serialize_hex(tx));
    }
    view
}

fn output_view(index: usize, output: &TxOut, network: Network) -> Json {
    Json::object()
        .with("value", amount_json(output.value))
        .with("n", index)
        .with("scriptPubKey", script_pubkey(&output.script_pubkey, network))
}

fn prevout(coin: &Coin, network: Network) -> Json {
    Json::object()
        .with("generated", coin.coinbase)
        .with("height", coin.height)
        .with("value", amount_json(coin.output.value))
        .with("scriptPubKey", script_pubkey(&coin.output.script_pubkey, network))
}

/// How deep a block is: 1 at the tip, -1 beside the active chain; and the block after it.
pub(super) fn confirmations(chain: &Chain, id: BlockId) -> (i64, Option<BlockId>) {
    let active = chain.active();
    let height = chain.tree()[id].height;
    if active.at(height) == Some(id) {
        (i64::from(active.height() - height) + 1, active.at(height + 1))
    } else {
        (-1, None)
    }
}

/// The difficulty of a compact target: how much harder than the easiest of the main network.
pub(super) fn difficulty(bits: u32) -> f64 {
    let mantissa = f64::from(bits & 0x00ff_ffff);
    let exponent = i32::try_from(bits >> 24).unwrap_or(0);
    f64::from(0xffff) / mantissa * 256f64.powi(29 - exponent)
}

/// A block's header.
pub(super) fn header(chain: &Chain, id: BlockId) -> Json {
    let tree = chain.tree();
    let entry = &tree[id];
    let (confirmations, next) = confirmations(chain, id);
    let bits = entry.header.bits.to_consensus();
    let target: bitcoin::Target = entry.header.bits.into();
    let mut view = Json::object()
        .with("hash", entry.hash.to_string())
        .with("confirmations", confirmations)
        .with("height", entry.height)
        .with("version", entry.header.version.to_consensus())
        .with("versionHex", format!("{:08x}", entry.header.version.to_consensus()))
        .with("merkleroot", entry.header.merkle_root.to_string())
        .with("time", entry.header.time)
        .with("mediantime", tree.median_time_past(id))
        .with("nonce", entry.header.nonce)
        .with("bits", format!("{bits:08x}"))
        .with("target", format!("{target:064x}"))
        .with("difficulty", Json::float(difficulty(bits)))
        .with("chainwork", format!("{:064x}", entry.work))
        .with("nTx", entry.tx_count);
    if entry.parent.is_some() {
        view.push("previousblockhash", entry.header.prev_blockhash.to_string());
    }
    if let Some(next) = next {
        view.push("nextblockhash", tree[next].hash.to_string());
    }
    view
}

/// A block: its header and sizes, and then its transactions as `transactions` gives them.
pub(super) fn block(chain: &Chain, id: BlockId, block: &Block, transactions: Vec<Json>) -> Json {
    let stripped: usize =
        80 + compact_size(block.txdata.len()) + block.txdata.iter().map(Transaction::base_size).sum::<usize>();
    header(chain, id)
        .with("strippedsize", stripped)
        .with("size", block.total_size())
        .with("weight", block.weight().to_wu())
        .with("coinbase_tx", coinbase(&block.txdata[0]))
        .with("tx", transactions)
}

fn coinbase(tx: &Transaction) -> Json {
    let input = &tx.input[0];
    let mut view = Json::object()
        .with("version", tx.version.0.cast_unsigned())
        .with("locktime", tx.lock_time.to_consensus_u32())
        .with("sequence", input.sequence.to_consensus_u32())
        .with("coinbase", hex::encode(input.script_sig.as_bytes()));
    if let Some(reserved) = input.witness.iter().next() {
        view.push("witness", hex::encode(reserved));
    }
    view
}

fn compact_size(count: usize) -> usize {
    match count {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}

/// A hash of 32 bytes as it is shown: last byte first.
pub(super) fn reversed_hex(bytes: [u8; 32]) -> String {
    bitcoin::hashes::sha256d::Hash::from_byte_array(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulty_is_that_of_the_main_networks_blocks() {
        assert!((difficulty(0x1d00_ffff) - 1.0).abs() < 1e-12);
        assert!((difficulty(0x1b04_04cb) - 16_307.420_938_523_983).abs() < 1e-6);
        assert!((difficulty(0x207f_ffff) - 4.656_542_373_906_925e-10).abs() < 1e-20);
    }
}
