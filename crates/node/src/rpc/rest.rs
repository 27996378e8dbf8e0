//! The read-only HTTP surface of `-rest`: `/rest/…`, with Bitcoin Core's paths, formats and words. It asks for no
//! password, since it tells nothing that a peer could not ask for.

use axum::http::StatusCode;
use bitcoin::consensus::Encodable;
use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint, TxOut, Txid, VarInt};
use pumasi_chain::{BlockId, CoinsView, TxUndo};

use super::params::{Params, amount_json, hash};
use super::{table, view};
use crate::json::Json;
use crate::node::Node;

/// Headers, or headers of filters, in one answer.
const MAX_HEADERS: u32 = 2000;
/// Outputs in one question.
const MAX_OUTPOINTS: usize = 15;
/// The height that an output of the mempool has (BIP64).
const MEMPOOL_HEIGHT: u32 = 0x7fff_ffff;
const FORMATS: &str = "output format not found (available: .bin, .hex, .json)";
const ONLY_JSON: &str = "output format not found (available: json)";

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

type Refusal = (StatusCode, String);
type Outcome = Result<Reply, Refusal>;

/// A question: the path after `/rest`, what follows its `?`, and the body.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Binary,
    Hex,
    Json,
    Unknown,
}

fn bad(text: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, text.into())
}

fn missing(text: impl Into<String>) -> Refusal {
    (StatusCode::NOT_FOUND, text.into())
}

fn json(value: &Json) -> Outcome {
    Ok(Reply { content_type: "application/json", body: format!("{value}\n").into_bytes() })
}

/// Bytes as they are or in hexadecimal; `value` makes the JSON.
fn reply(format: Format, bytes: &[u8], value: impl FnOnce() -> Outcome) -> Outcome {
    match format {
        Format::Binary => Ok(Reply { content_type: "application/octet-stream", body: bytes.to_vec() }),
        Format::Hex => Ok(Reply { content_type: "text/plain", body: format!("{}\n", hex::encode(bytes)).into_bytes() }),
        Format::Json => value(),
        Format::Unknown => Err(missing(FORMATS)),
    }
}

/// Splits `name.json` into the name and the format.
fn split_format(path: &str) -> (&str, Format) {
    let Some((name, ending)) = path.rsplit_once('.') else { return (path, Format::Unknown) };
    let format = match ending {
        "bin" => Format::Binary,
        "hex" => Format::Hex,
        "json" => Format::Json,
        _ => return (path, Format::Unknown),
    };
    (name, format)
}

/// A parameter after the `?`.
fn query(question: &Question, name: &str) -> Option<String> {
    let pairs = question.query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// Refuses a percent sign that no two hexadecimal digits follow.
fn check_escapes(text: &str) -> Result<(), Refusal> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        if byte == b'%' && !(digit() && digit()) {
            return Err(bad("URI parsing failed, it likely contained RFC 3986 invalid characters"));
        }
    }
    Ok(())
}

/// What a method of the JSON-RPC says.
fn call(node: &mut Node, method: &str, values: Vec<Json>) -> Outcome {
    let method = table::find(method).ok_or_else(|| missing("no such method"))?;
    let result = (method.run)(node, &Params::new(values)).map_err(|error| bad(error.message))?;
    json(&result)
}

/// Answers a question.
pub(super) fn answer(node: &mut Node, question: &Question) -> Outcome {
    check_escapes(&question.path)?;
    check_escapes(&question.query)?;
    let path = question.path.trim_start_matches('/');
    let (head, rest) = path.split_once('/').unwrap_or((path, ""));
    match head {
        "tx" => transaction(node, rest),
        "block" => match rest.strip_prefix("notxdetails/") {
            Some(rest) => block(node, rest, Some(1), None),
            None => block(node, rest, Some(3), None),
        },
        "blockpart" => {
            let number = |name: &str| query(question, name).and_then(|text| text.parse().ok());
            let offset = number("offset").ok_or_else(|| bad("Block part offset missing or invalid"))?;
            let size = number("size").ok_or_else(|| bad("Block part size missing or invalid"))?;
            block(node, rest, None, Some((offset, size)))
        }
        "headers" => headers(node, rest, question),
        "blockfilter" => filter(node, rest),
        "blockfilterheaders" => filter_headers(node, rest, question),
        "spenttxouts" => spent(node, rest),
        "blockhashbyheight" => hash_by_height(node, rest),
        "mempool" => mempool(node, rest, question),
        "chaininfo.json" => call(node, "getblockchaininfo", Vec::new()),
        "deploymentinfo.json" => call(node, "getdeploymentinfo", Vec::new()),
        "deploymentinfo" => deployments(node, rest),
        _ if head.starts_with("chaininfo") || head.starts_with("deploymentinfo") => Err(missing(ONLY_JSON)),
        _ if head.starts_with("getutxos") => outputs(node, &path["getutxos".len()..], question),
        _ => Err(missing("")),
    }
}

fn block_hash(text: &str) -> Result<BlockHash, Refusal> {
    hash(text, "").map(BlockHash::from_byte_array).map_err(|_| bad(format!("Invalid hash: {text}")))
}

fn transaction(node: &mut Node, path: &str) -> Outcome {
    let (text, format) = split_format(path);
    let txid = hash(text, "").map(Txid::from_byte_array).map_err(|_| bad(format!("Invalid hash: {text}")))?;
    let found = node.backend.transaction(&txid, None).ok_or_else(|| missing(format!("{text} not found")))?;
    let (tx, block) = found;
    reply(format, &serialize(&*tx), || {
        let mut view = view::transaction(&tx, node.settings.network, None, false, true);
        if let Some(id) = block {
            view.push("blockhash", node.backend.chain.tree()[id].hash.to_string());
        }
        json(&view)
    })
}

fn block(node: &mut Node, path: &str, verbosity: Option<i64>, part: Option<(usize, usize)>) -> Outcome {
    let (text, format) = split_format(path);
    let hash = block_hash(text)?;
    let chain = &node.backend.chain;
    let id = chain.tree().id(&hash).ok_or_else(|| missing(format!("{text} not found")))?;
    let entry = &chain.tree()[id];
    if !entry.status.have_data {
        let pruned = node.backend.prune && entry.tx_count > 0;
        let why = if pruned { "pruned data" } else { "not fully downloaded" };
        return Err(missing(format!("{text} not available ({why})")));
    }
    let failed = || (StatusCode::INTERNAL_SERVER_ERROR, format!("I/O error reading {text}"));
    let bytes = chain.read_block_bytes(id).ok().flatten().ok_or_else(failed)?;
    let bytes = match part {
        None => &bytes[..],
        Some((offset, size)) => {
            let range = offset..offset.saturating_add(size);
            let refuse = || bad(format!("Bad block part offset/size {offset}/{size} for {text}"));
            bytes.get(range).filter(|part| !part.is_empty()).ok_or_else(refuse)?
        }
    };
    reply(format, bytes, || match verbosity {
        Some(verbosity) => call(node, "getblock", vec![Json::from(text), Json::from(verbosity)]),
        None => Err(bad("JSON output is not supported for this request type")),
    })
}

/// The number of headers and the hash that a path names: `<hash>` and `?count=`, or `<count>/<hash>` as it used to be.
fn count_and_hash<'a>(parts: &[&'a str], question: &Question, usage: &str) -> Result<(u32, &'a str), Refusal> {
    let (count, hash) = match parts {
        [hash] => (query(question, "count").unwrap_or_else(|| "5".to_owned()), *hash),
        [count, hash] => ((*count).to_owned(), *hash),
        _ => return Err(bad(usage)),
    };
    let number = count.parse::<u32>().ok().filter(|number| (1..=MAX_HEADERS).contains(number));
    let number = number.filter(|_| count.bytes().all(|byte| byte.is_ascii_digit()));
    number
        .map(|number| (number, hash))
        .ok_or_else(|| bad(format!("Header count is invalid or out of acceptable range (1-{MAX_HEADERS}): {count}")))
}

/// Blocks of the active chain from this one on; none when it is not in it.
fn following(node: &Node, hash: &BlockHash, count: u32) -> Vec<BlockId> {
    let chain = &node.backend.chain;
    let start = chain.tree().id(hash).filter(|id| chain.active().contains(chain.tree(), *id));
    let Some(start) = start else { return Vec::new() };
    let height = chain.tree()[start].height;
    (height..height.saturating_add(count)).map_while(|height| chain.active().at(height)).collect()
}

fn headers(node: &mut Node, path: &str, question: &Question) -> Outcome {
    let (path, format) = split_format(path);
    let parts: Vec<&str> = path.split('/').collect();
    let usage = "Invalid URI format. Expected /rest/headers/<hash>.<ext>?count=<count>";
    let (count, text) = count_and_hash(&parts, question, usage)?;
    let hash = block_hash(text)?;
    let blocks = following(node, &hash, count);
    let chain = &node.backend.chain;
    let bytes: Vec<u8> = blocks.iter().flat_map(|id| serialize(&chain.tree()[*id].header)).collect();
    reply(format, &bytes, || json(&Json::Array(blocks.iter().map(|id| view::header(chain, *id)).collect())))
}

fn check_filters(node: &Node, kind: &str) -> Result<(), Refusal> {
    if kind != "basic" {
        return Err(bad(format!("Unknown filtertype {kind}")));
    }
    if !node.backend.indexes.has_filters() {
        return Err(bad(format!("Index is not enabled for filtertype {kind}")));
    }
    Ok(())
}

fn filter(node: &mut Node, path: &str) -> Outcome {
    let (path, format) = split_format(path);
    let Some((kind, text)) = path.split_once('/') else {
        return Err(bad("Invalid URI format. Expected /rest/blockfilter/<filtertype>/<blockhash>"));
    };
    let hash = block_hash(text)?;
    check_filters(node, kind)?;
    if node.backend.chain.tree().id(&hash).is_none() {
        return Err(missing(format!("{text} not found")));
    }
    let found = node.backend.indexes.filter(&hash);
    let filter = found.ok_or_else(|| missing("Filter not found. Block was not connected to active chain."))?;
    // As it is stored by Core: type, block, and the filter with its length.
    let mut bytes = vec![0];
    bytes.extend_from_slice(hash.as_ref());
    bytes.extend_from_slice(&serialize(&filter));
    reply(format, &bytes, || json(&Json::object().with("filter", hex::encode(&filter))))
}

fn filter_headers(node: &mut Node, path: &str, question: &Question) -> Outcome {
    let (path, format) = split_format(path);
    let usage = "Invalid URI format. Expected /rest/blockfilterheaders/<filtertype>/<blockhash>.<ext>?count=<count>";
    let parts: Vec<&str> = path.split('/').collect();
    let Some((kind, parts)) = parts.split_first().filter(|(_, parts)| !parts.is_empty()) else {
        return Err(bad(usage));
    };
    let (count, text) = count_and_hash(parts, question, usage)?;
    let hash = block_hash(text)?;
    check_filters(node, kind)?;
    let tree = node.backend.chain.tree();
    let blocks = following(node, &hash, count).into_iter();
    let all = blocks.map_while(|id| Some(node.backend.indexes.filter_hashes(&tree[id].hash)?.header));
    let all: Vec<_> = all.collect();
    let bytes: Vec<u8> = all.iter().flat_map(|header| header.to_byte_array()).collect();
    let views = || Json::Array(all.iter().map(|header| Json::from(header.to_string())).collect());
    reply(format, &bytes, || json(&views()))
}

fn spent(node: &mut Node, path: &str) -> Outcome {
    let (text, format) = split_format(path);
    if text.contains('/') {
        return Err(bad("Invalid URI format. Expected /rest/spenttxouts/<hash>.<ext>"));
    }
    let hash = block_hash(text)?;
    let chain = &node.backend.chain;
    let id = chain.tree().id(&hash).ok_or_else(|| missing(format!("{text} not found")))?;
    let undo = match chain.tree()[id].height {
        0 => Vec::new(),
        _ => {
            let read = chain.read_undo(id).ok().flatten();
            read.ok_or_else(|| missing(format!("{text} undo not available")))?.transactions
        }
    };
    // The coinbase, which spends nothing, comes first.
    let all: Vec<&[pumasi_chain::Coin]> = std::iter::once(&[][..]).chain(undo.iter().map(TxUndo::as_slice)).collect();
    let mut bytes = serialize(&VarInt(all.len() as u64));
    for coins in &all {
        bytes.extend(serialize(&VarInt(coins.len() as u64)));
        coins.iter().for_each(|coin| bytes.extend(serialize(&coin.output)));
    }
    let network = node.settings.network;
    let output = |output: &TxOut| {
        Json::object()
            .with("value", amount_json(output.value))
            .with("scriptPubKey", view::script_pubkey(&output.script_pubkey, network))
    };
    reply(format, &bytes, || {
        let views = all.iter().map(|coins| Json::Array(coins.iter().map(|coin| output(&coin.output)).collect()));
        json(&Json::Array(views.collect()))
    })
}

fn hash_by_height(node: &mut Node, path: &str) -> Outcome {
    let (text, format) = split_format(path);
    let height = text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let height = height.ok_or_else(|| bad(format!("Invalid height: {text}")))?;
    let chain = &node.backend.chain;
    let id = chain.active().at(height).ok_or_else(|| missing("Block height out of range"))?;
    let hash = chain.tree()[id].hash;
    match format {
        // Shown as hashes are shown, not as they are stored.
        Format::Hex => Ok(Reply { content_type: "text/plain", body: format!("{hash}\n").into_bytes() }),
        _ => reply(format, hash.as_ref(), || json(&Json::object().with("blockhash", hash.to_string()))),
    }
}

fn mempool(node: &mut Node, path: &str, question: &Question) -> Outcome {
    let (name, format) = split_format(path);
    if !matches!(name, "info" | "contents") {
        return Err(bad("Invalid URI format. Expected /rest/mempool/<info|contents>.json"));
    }
    if format != Format::Json {
        return Err(missing(ONLY_JSON));
    }
    if name == "info" {
        return call(node, "getmempoolinfo", Vec::new());
    }
    let flag = |name: &str, default: &str| match query(question, name).as_deref().unwrap_or(default) {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad(format!("The \"{name}\" query parameter must be either \"true\" or \"false\"."))),
    };
    let (verbose, sequence) = (flag("verbose", "true")?, flag("mempool_sequence", "false")?);
    if verbose && sequence {
        return Err(bad("Verbose results cannot contain mempool sequence values. (hint: set \"verbose=false\")"));
    }
    call(node, "getrawmempool", vec![Json::Bool(verbose), Json::Bool(sequence)])
}

fn deployments(node: &mut Node, path: &str) -> Outcome {
    let (text, format) = split_format(path);
    if format != Format::Json {
        return Err(missing(ONLY_JSON));
    }
    let hash = block_hash(text)?;
    if node.backend.chain.tree().id(&hash).is_none() {
        return Err(bad("Block not found"));
    }
    call(node, "getdeploymentinfo", vec![Json::from(text)])
}

/// The outpoints of a path: `checkmempool/<txid>-<n>/…`.
fn outpoints_of_path(path: &str) -> Result<(bool, Vec<OutPoint>), Refusal> {
    let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
    let mempool = parts.next_if_eq(&"checkmempool").is_some();
    let outpoint = |part: &str| {
        let (txid, vout) = part.split_once('-').filter(|(_, vout)| vout.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(OutPoint::new(Txid::from_byte_array(hash(txid, "").ok()?), vout.parse().ok()?))
    };
    let all = parts.map(|part| outpoint(part).ok_or_else(|| bad("Parse error"))).collect::<Result<Vec<_>, _>>()?;
    Ok((mempool, all))
}

/// The same out of a body: a flag, a count, and the outpoints (BIP64).
fn outpoints_of_body(body: &[u8]) -> Option<(bool, Vec<OutPoint>)> {
    let (flag, rest) = body.split_first()?;
    let (VarInt(count), read) = deserialize_partial(rest).ok()?;
    let mut rest = &rest[read..];
    let mut all = Vec::new();
    for _ in 0..count {
        let (outpoint, read) = deserialize_partial(rest).ok()?;
        rest = &rest[read..];
        all.push(outpoint);
    }
    Some((*flag != 0, all))
}

fn outputs(node: &mut Node, path: &str, question: &Question) -> Outcome {
    let (path, format) = split_format(path);
    let has_path = path.split('/').any(|part| !part.is_empty());
    if question.body.is_empty() && !has_path {
        return Err(bad("Error: empty request"));
    }
    let (mut mempool, mut outpoints) = outpoints_of_path(path)?;
    if has_path && outpoints.is_empty() {
        return Err(bad("Error: empty request"));
    }
    match format {
        Format::Unknown => return Err(missing(FORMATS)),
        Format::Json if outpoints.is_empty() => return Err(bad("Error: empty request")),
        Format::Hex | Format::Binary if !question.body.is_empty() => {
            if has_path {
                return Err(bad("Combination of URI scheme inputs and raw post data is not allowed"));
            }
            let bytes = match format {
                Format::Hex => hex::decode(question.body.trim_ascii()).unwrap_or_default(),
                _ => question.body.clone(),
            };
            (mempool, outpoints) = outpoints_of_body(&bytes).ok_or_else(|| bad("Parse error"))?;
        }
        _ => {}
    }
    if outpoints.len() > MAX_OUTPOINTS {
        let tried = outpoints.len();
        return Err(bad(format!("Error: max outpoints exceeded (max: {MAX_OUTPOINTS}, tried: {tried})")));
    }
    let backend = &node.backend;
    let found = |outpoint: &OutPoint| {
        if mempool && backend.mempool.spender(outpoint).is_some() {
            return None;
        }
        let waiting = backend.mempool.output(outpoint).filter(|_| mempool);
        match waiting {
            Some(output) => Some((MEMPOOL_HEIGHT, output.clone())),
            None => backend.chain.coin(outpoint).ok().flatten().map(|coin| (coin.height, coin.output)),
        }
    };
    let coins: Vec<Option<(u32, TxOut)>> = outpoints.iter().map(found).collect();
    let tip = backend.chain.tip();
    let mut bitmap = vec![0u8; coins.len().div_ceil(8)];
    for at in coins.iter().enumerate().filter(|(_, coin)| coin.is_some()).map(|(at, _)| at) {
        bitmap[at / 8] |= 1 << (at % 8);
    }
    let hits = coins.iter().flatten();
    let mut bytes = tip.height.to_le_bytes().to_vec();
    bytes.extend_from_slice(tip.hash.as_ref());
    bytes.extend(serialize(&bitmap));
    bytes.extend(serialize(&VarInt(hits.clone().count() as u64)));
    for (height, output) in hits.clone() {
        // A version that has no meaning any more, as BIP64 has it.
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        output.consensus_encode(&mut bytes).expect("writing to memory does not fail");
    }
    reply(format, &bytes, || {
        let text: String = coins.iter().map(|coin| if coin.is_some() { '1' } else { '0' }).collect();
        let views = hits.map(|(height, output)| {
            Json::object()
                .with("height", *height)
                .with("value", amount_json(output.value))
                .with("scriptPubKey", view::script_pubkey(&output.script_pubkey, node.settings.network))
        });
        json(
            &Json::object()
                .with("chainHeight", tip.height)
                .with("chaintipHash", tip.hash.to_string())
                .with("bitmap", text)
                .with("utxos", Json::Array(views.collect())),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_outpoints_are_read_from_paths() {
        assert_eq!(split_format("abc.json"), ("abc", Format::Json));
        assert_eq!(split_format("abc.txt"), ("abc.txt", Format::Unknown));
        let txid = "11".repeat(32);
        let (mempool, all) = outpoints_of_path(&format!("/checkmempool/{txid}-3/{txid}-0")).unwrap();
        assert!(mempool && all.len() == 2 && all[0].vout == 3);
        for wrong in [format!("/{txid}-+1"), format!("/{txid}--1"), format!("/{txid}_1"), format!("/{txid}aa-1")] {
            assert_eq!(outpoints_of_path(&wrong).unwrap_err().1, "Parse error", "{wrong}");
        }
        let body = [&[1, 1][..], &[7; 36]].concat();
        assert_eq!(outpoints_of_body(&body).unwrap().1[0].vout, 0x0707_0707);
        assert!(outpoints_of_body(&body[..20]).is_none());
        assert!(outpoints_of_body(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_none());
    }

    #[test]
    fn broken_escapes_are_refused() {
        let question = |query: &str| Question { path: String::new(), query: query.to_owned(), body: Vec::new() };
        assert_eq!(query(&question("count=5&x=%41"), "count").as_deref(), Some("5"));
        assert_eq!(query(&question(""), "count"), None);
        assert!(check_escapes("count=5&x=%41").is_ok());
        assert!(check_escapes("count=5%").is_err() && check_escapes("%zz=5").is_err());
    }
}
