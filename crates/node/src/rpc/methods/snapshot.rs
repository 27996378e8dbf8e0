//! All coins in one file, in the format of Bitcoin Core's `dumptxoutset`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use bitcoin::consensus::Encodable;
use bitcoin::{Txid, VarInt};
use pumasi_chain::stats::CoinsHash;
use pumasi_chain::{Coin, Store, StoreError};

use super::{Kind, Method, optional, required, store_error};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::Params;
use crate::rpc::view;

/// What the file begins with, and its version.
const MAGIC: &[u8] = b"utxo\xff";
const VERSION: u16 = 2;

pub(in crate::rpc) const METHODS: &[Method] = &[Method {
    name: "dumptxoutset",
    category: "Blockchain",
    arguments: &[required("path", Kind::Text), optional("type", Kind::Text), optional("options", Kind::Object)],
    help: "Write the serialized UTXO set to a file.\n\
           type is \"latest\": the coins as of the current tip. \"rollback\" to an earlier block is not available.",
    run: dump,
}];

fn dump(node: &mut Node, params: &Params) -> RpcResult {
    match params.text(1).unwrap_or_default() {
        "latest" => {}
        "rollback" => return Err(RpcError::invalid_parameter("Only the coins of the current tip can be written")),
        other => {
            return Err(RpcError::invalid_parameter(format!(
                "Invalid snapshot type \"{other}\" specified. Please specify \"rollback\" or \"latest\""
            )));
        }
    }
    let given = params.required_text(0);
    let path = node.settings.folder.join(given);
    let mut aside = path.clone().into_os_string();
    aside.push(".incomplete");
    let aside = Path::new(&aside);
    if path.exists() {
        return Err(RpcError::invalid_parameter(format!(
            "{given} already exists. If you are sure this is what you want, move it out of the way first."
        )));
    }
    let file = File::create(aside)
        .map_err(|_| RpcError::invalid_parameter(format!("Couldn't open file {} for writing", aside.display())))?;
    // Brings what is only in memory to the store as well, from which the coins are then read.
    let stats = node.backend.chain.coin_stats(CoinsHash::Serialized).map_err(|error| store_error(&error))?;
    let failed = |error: io::Error| RpcError::misc(format!("{} cannot be written: {error}", aside.display()));
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let chain = &node.backend.chain;
    let tip = chain.tip();
    let header = [
        MAGIC,
        &VERSION.to_le_bytes(),
        &chain.params().magic.to_bytes(),
        tip.hash.as_ref(),
        &stats.coins.to_le_bytes(),
    ];
    out.write_all(&header.concat()).map_err(failed)?;
    write_coins(chain.store(), &mut out)?;
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    fs::rename(aside, &path).map_err(failed)?;
    Ok(Json::object()
        .with("coins_written", stats.coins)
        .with("base_hash", tip.hash.to_string())
        .with("base_height", tip.height)
        .with("path", path.display().to_string())
        .with("txoutset_hash", stats.hash.map(view::reversed_hex))
        .with("nchaintx", tip.chain_tx_count))
}

/// The coins of each transaction together: its id, their number, then number and form of each.
fn write_coins(store: &impl Store, out: &mut impl Write) -> Result<(), RpcError> {
    let mut group: Vec<(u32, Coin)> = Vec::new();
    let mut of: Option<Txid> = None;
    let writing = |error: io::Error| StoreError::failed("writing the coins", error);
    store
        .for_each_coin(&mut |outpoint, coin| {
            if of != Some(outpoint.txid) {
                write_group(of, &mut group, out).map_err(writing)?;
                of = Some(outpoint.txid);
            }
            group.push((outpoint.vout, coin));
            Ok(())
        })
        .map_err(|error| store_error(&error))?;
    write_group(of, &mut group, out).map_err(|error| store_error(&writing(error)))
}

fn write_group(txid: Option<Txid>, group: &mut Vec<(u32, Coin)>, out: &mut impl Write) -> io::Result<()> {
    let Some(txid) = txid else { return Ok(()) };
    group.sort_unstable_by_key(|(vout, _)| *vout);
    let mut bytes = Vec::new();
    let number = |bytes: &mut Vec<u8>, value: u64| VarInt(value).consensus_encode(bytes).map_err(io::Error::from);
    bytes.extend_from_slice(txid.as_ref());
    number(&mut bytes, group.len() as u64)?;
    for (vout, coin) in group.drain(..) {
        number(&mut bytes, u64::from(vout))?;
        coin.encode(&mut bytes);
    }
    out.write_all(&bytes)
}
