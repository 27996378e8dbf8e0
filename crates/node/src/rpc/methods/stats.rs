//! Figures about blocks and about the chain, and checking it again.

use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, Transaction, TxOut, Txid};
use pumasi_chain::undo::BlockUndo;
use pumasi_chain::{BlockId, block as rules};

use super::{Kind, Method, blocks, known_block, optional, required, store_error};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{Params, hash, integer};

/// What an output costs in the set of coins beyond itself: outpoint, and height with flag (Core's `PER_UTXO_OVERHEAD`).
const PER_COIN_OVERHEAD: i64 = 32 + 4 + 4;
/// The shares of a block's weight at which fee rates are told, in hundredths.
const PERCENTILES: [i64; 5] = [10, 25, 50, 75, 90];
/// Seconds in a month.
const MONTH: i64 = 30 * 24 * 60 * 60;
/// How many blocks are checked without `-checkblocks`, and how thoroughly without `-checklevel`.
const DEFAULT_CHECK_BLOCKS: i64 = 6;
const DEFAULT_CHECK_LEVEL: i64 = 3;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getblockstats",
        category: "Blockchain",
        arguments: &[required("hash_or_height", Kind::HashOrHeight), optional("stats", Kind::Any)],
        help: "Compute per block statistics for a given window. All amounts are in satoshis.\n\
               It won't work for some heights with pruning.",
        run: of_block,
    },
    Method {
        name: "getchaintxstats",
        category: "Blockchain",
        arguments: &[optional("nblocks", Kind::Number), optional("blockhash", Kind::Text)],
        help: "Compute statistics about the total number and rate of transactions in the chain.",
        run: of_chain,
    },
    Method {
        name: "verifychain",
        category: "Blockchain",
        arguments: &[optional("checklevel", Kind::Number), optional("nblocks", Kind::Number)],
        help: "Verifies blockchain database.\n\
               checklevel 0 reads the blocks, 1 checks them by themselves, 2 and above read their undo data too and \
               compare it with the blocks.\n\
               nblocks is the number of blocks to check (0=all).",
        run: verify,
    },
];

/// The block that a hash or a height means.
fn named_block(node: &Node, params: &Params, index: usize) -> Result<BlockId, RpcError> {
    let chain = &node.backend.chain;
    let id = match params.get(index) {
        Some(Json::String(text)) => {
            let hash = BlockHash::from_byte_array(hash(text, "hash_or_height")?);
            known_block(node, &hash)?
        }
        Some(value) => {
            let height = integer(value)?;
            let tip = chain.active().height();
            let at = u32::try_from(height)
                .map_err(|_| RpcError::invalid_parameter(format!("Target block height {height} is negative")))?;
            chain.active().at(at).ok_or_else(|| {
                RpcError::invalid_parameter(format!("Target block height {height} after current tip {tip}"))
            })?
        }
        None => chain.active().tip(),
    };
    Ok(id)
}

fn undo_of(node: &Node, id: BlockId) -> Result<BlockUndo, RpcError> {
    if node.backend.chain.tree()[id].height == 0 {
        return Ok(BlockUndo::default());
    }
    let undo = node.backend.chain.read_undo(id).map_err(|error| store_error(&error))?;
    undo.ok_or_else(|| RpcError::misc("Undo data not available"))
}

/// The middle value; of an even number the mean of the two, rounded down.
fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    match values.len() {
        0 => 0,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2,
    }
}

/// The fee rates below which so many hundredths of the weight lie.
fn percentiles(mut rates: Vec<(i64, i64)>, total: i64) -> Vec<i64> {
    if rates.is_empty() {
        return vec![0; PERCENTILES.len()];
    }
    rates.sort_unstable();
    let (mut found, mut sum) = (Vec::new(), 0);
    for &(rate, weight) in &rates {
        sum += weight;
        // Compared as products, so that nothing is rounded.
        while found.len() < PERCENTILES.len() && sum * 100 >= total * PERCENTILES[found.len()] {
            found.push(rate);
        }
    }
    let last = rates[rates.len() - 1].0;
    found.resize(PERCENTILES.len(), last);
    found
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn coin_size(output: &TxOut) -> i64 {
    signed(serialize(output).len() as u64) + PER_COIN_OVERHEAD
}

/// What the transactions of a block add up to.
#[derive(Default)]
struct Sums {
    outputs: i64,
    inputs: i64,
    total_out: i64,
    coins: i64,
    size_change: i64,
    size_change_actual: i64,
    fees: Vec<i64>,
    rates: Vec<(i64, i64)>,
    sizes: Vec<i64>,
    weight: i64,
    segwit_count: i64,
    segwit_size: i64,
    segwit_weight: i64,
}

impl Sums {
    fn of(block: &Block, undo: &BlockUndo, keeps_coins: bool) -> Self {
        let mut sums = Self::default();
        for (index, tx) in block.txdata.iter().enumerate() {
            sums.outputs += signed(tx.output.len() as u64);
            let mut out = 0;
            for output in &tx.output {
                out += signed(output.value.to_sat());
                let size = coin_size(output);
                sums.size_change += size;
                // Neither the genesis block nor what cannot be spent is in the set of coins.
                let unspendable = output.script_pubkey.is_op_return() || output.script_pubkey.len() > 10_000;
                if keeps_coins && !unspendable {
                    sums.coins += 1;
                    sums.size_change_actual += size;
                }
            }
            if index == 0 {
                continue;
            }
            sums.inputs += signed(tx.input.len() as u64);
            sums.total_out += out;
            let (size, weight) = (signed(tx.total_size() as u64), signed(tx.weight().to_wu()));
            sums.sizes.push(size);
            sums.weight += weight;
            if tx.input.iter().any(|input| !input.witness.is_empty()) {
                sums.segwit_count += 1;
                sums.segwit_size += size;
                sums.segwit_weight += weight;
            }
            let mut paid = 0;
            for coin in undo.transactions.get(index - 1).into_iter().flatten() {
                paid += signed(coin.output.value.to_sat());
                let size = coin_size(&coin.output);
                sums.size_change -= size;
                sums.size_change_actual -= size;
            }
            let fee = paid - out;
            sums.fees.push(fee);
            sums.rates.push((if weight > 0 { fee * 4 / weight } else { 0 }, weight));
        }
        sums
    }
}

fn of_block(node: &mut Node, params: &Params) -> RpcResult {
    if let Some(other) = params.get(1).filter(|stats| !matches!(stats, Json::Array(_))) {
        return Err(RpcError::type_error(format!(
            "JSON value of type {} is not of expected type array",
            other.type_name()
        )));
    }
    let id = named_block(node, params, 0)?;
    let block = blocks::read(node, id)?;
    let undo = undo_of(node, id)?;
    let chain = &node.backend.chain;
    let entry = &chain.tree()[id];
    let sums = Sums::of(&block, &undo, entry.height > 0);
    let others = signed(block.txdata.len() as u64) - 1;
    let mean = |sum: i64| if others > 0 { sum / others } else { 0 };
    let (total_fee, total_size): (i64, i64) = (sums.fees.iter().sum(), sums.sizes.iter().sum());
    let least = |values: &[i64]| values.iter().copied().min().unwrap_or(0);
    let most = |values: &[i64]| values.iter().copied().max().unwrap_or(0);
    let rates: Vec<i64> = sums.rates.iter().map(|(rate, _)| *rate).collect();
    let all = Json::object()
        .with("avgfee", mean(total_fee))
        .with("avgfeerate", if sums.weight > 0 { total_fee * 4 / sums.weight } else { 0 })
        .with("avgtxsize", mean(total_size))
        .with("blockhash", entry.hash.to_string())
        .with("feerate_percentiles", percentiles(sums.rates.clone(), sums.weight))
        .with("height", entry.height)
        .with("ins", sums.inputs)
        .with("maxfee", most(&sums.fees))
        .with("maxfeerate", most(&rates))
        .with("maxtxsize", most(&sums.sizes))
        .with("medianfee", median(sums.fees.clone()))
        .with("mediantime", chain.tree().median_time_past(id))
        .with("mediantxsize", median(sums.sizes.clone()))
        .with("minfee", least(&sums.fees))
        .with("minfeerate", least(&rates))
        .with("mintxsize", least(&sums.sizes))
        .with("outs", sums.outputs)
        .with("subsidy", chain.params().block_subsidy(entry.height).to_sat())
        .with("swtotal_size", sums.segwit_size)
        .with("swtotal_weight", sums.segwit_weight)
        .with("swtxs", sums.segwit_count)
        .with("time", entry.header.time)
        .with("total_out", sums.total_out)
        .with("total_size", total_size)
        .with("total_weight", sums.weight)
        .with("totalfee", total_fee)
        .with("txs", block.txdata.len())
        .with("utxo_increase", sums.outputs - sums.inputs)
        .with("utxo_size_inc", sums.size_change)
        .with("utxo_increase_actual", sums.coins - sums.inputs)
        .with("utxo_size_inc_actual", sums.size_change_actual);
    let wanted = params.array(1);
    if wanted.is_empty() {
        return Ok(all);
    }
    let mut view = Json::object();
    for name in wanted {
        let name = name.as_str().ok_or_else(|| {
            RpcError::type_error(format!("JSON value of type {} is not of expected type string", name.type_name()))
        })?;
        let value =
            all.get(name).ok_or_else(|| RpcError::invalid_parameter(format!("Invalid selected statistic '{name}'")))?;
        if view.get(name).is_none() {
            view.push(name, value.clone());
        }
    }
    Ok(view)
}

fn of_chain(node: &mut Node, params: &Params) -> RpcResult {
    let chain = &node.backend.chain;
    let id = match params.get(1) {
        None => chain.active().tip(),
        Some(_) => {
            let id = known_block(node, &params.block_hash(1, "blockhash")?)?;
            if !chain.active().contains(chain.tree(), id) {
                return Err(RpcError::invalid_parameter("Block is not in main chain"));
            }
            id
        }
    };
    let tree = chain.tree();
    let last = &tree[id];
    let height = i64::from(last.height);
    let count = match params.integer(0)? {
        None => (MONTH / chain.params().pow_target_spacing).min(height - 1).max(0),
        Some(count) if count < 0 || (count > 0 && count >= height) => {
            return Err(RpcError::invalid_parameter(
                "Invalid block count: should be between 0 and the block's height - 1",
            ));
        }
        Some(count) => count,
    };
    let first = tree.ancestor(id, u32::try_from(height - count).unwrap_or(0));
    let first = first.ok_or_else(|| RpcError::internal("a block without an ancestor below it"))?;
    let interval = i64::from(tree.median_time_past(id)) - i64::from(tree.median_time_past(first));
    let mut view = Json::object().with("time", last.header.time);
    if last.chain_tx_count > 0 {
        view.push("txcount", last.chain_tx_count);
    }
    view.push("window_final_block_hash", last.hash.to_string());
    view.push("window_final_block_height", last.height);
    view.push("window_block_count", count);
    if count > 0 {
        view.push("window_interval", interval);
        let before = tree[first].chain_tx_count;
        if last.chain_tx_count > 0 && before > 0 {
            let transactions = last.chain_tx_count - before;
            view.push("window_tx_count", transactions);
            if interval > 0 {
                view.push("txrate", Json::float(transactions as f64 / interval as f64));
            }
        }
    }
    Ok(view)
}

fn verify(node: &mut Node, params: &Params) -> RpcResult {
    let args = &node.settings.args;
    let level = params.integer(0)?.unwrap_or_else(|| args.integer("checklevel", DEFAULT_CHECK_LEVEL));
    let count = params.integer(1)?.unwrap_or_else(|| args.integer("checkblocks", DEFAULT_CHECK_BLOCKS));
    let chain = &node.backend.chain;
    let tip = chain.active().height();
    let first = if count <= 0 { 1 } else { (i64::from(tip) - count + 1).max(1) };
    for height in u32::try_from(first).unwrap_or(1)..=tip {
        let Some(id) = chain.active().at(height) else { continue };
        if !chain.tree()[id].status.have_data {
            // Pruned.
            continue;
        }
        let good = match chain.read_block(id) {
            Ok(Some(block)) => (level < 1 || is_good(node, &block)) && (level < 2 || undo_fits(node, id, &block)),
            _ => false,
        };
        if !good {
            node.backend.log.error(&format!("Verification error: block {height} is damaged"));
            return Ok(Json::Bool(false));
        }
    }
    Ok(Json::Bool(true))
}

fn is_good(node: &Node, block: &Block) -> bool {
    let txids: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
    let finished = rules::Finished { pow: true, merkle_root: true };
    rules::check_block(block, &txids, finished, node.backend.chain.params(), &*node.backend.verifier).is_ok()
}

fn undo_fits(node: &Node, id: BlockId, block: &Block) -> bool {
    let Ok(Some(undo)) = node.backend.chain.read_undo(id) else { return false };
    let spent = block.txdata.iter().skip(1).map(|tx| tx.input.len());
    undo.transactions.iter().map(Vec::len).eq(spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_those_of_bitcoin_core() {
        assert_eq!((median(vec![]), median(vec![3, 1, 2]), median(vec![4, 1])), (0, 2, 2));
        assert_eq!(percentiles(vec![], 0), [0; 5]);
        assert_eq!(percentiles(vec![(5, 40), (1, 60)], 100), [1, 1, 1, 5, 5]);
        assert_eq!(percentiles(vec![(1, 9), (2, 16), (4, 50), (5, 10), (9, 15)], 100), [2, 2, 4, 4, 9]);
    }
}
