//! Transactions by themselves: reading, making, signing; scripts and addresses.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{
    Address, OutPoint, PublicKey, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, absolute::LockTime, opcodes,
    transaction::Version,
};
use pumasi_mempool::policy::solver::OutputType;

use super::{Kind, Method, optional, required, store_error, transaction_of};
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{Params, amount, hash, integer, range};
use crate::rpc::script::{address_of, asm, script_of};
use crate::rpc::sign;
use crate::rpc::{descriptor, view};

/// Keys that a bare or P2SH multisig may have.
const MAX_MULTISIG_KEYS: usize = 16;
/// Bytes that a redeem script may have.
const MAX_REDEEM_SCRIPT: usize = 520;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getrawtransaction",
        category: "Rawtransactions",
        arguments: &[
            required("txid", Kind::Text),
            optional("verbosity|verbose", Kind::Any),
            optional("blockhash", Kind::Text),
        ],
        help: "By default, this call only returns a transaction if it is in the mempool. If -txindex is enabled and no \
               blockhash argument is passed, it will return the transaction if it is in the mempool or any block. If a \
               blockhash argument is passed, it will return the transaction if the specified block is available and \
               the transaction is in that block.",
        run: raw,
    },
    Method {
        name: "decoderawtransaction",
        category: "Rawtransactions",
        arguments: &[required("hexstring", Kind::Text), optional("iswitness", Kind::Bool)],
        help: "Return a JSON object representing the serialized, hex-encoded transaction.",
        run: |node, params| {
            let tx = transaction_of(params.required_text(0));
            let tx = tx.ok_or_else(|| RpcError::deserialization("TX decode failed"))?;
            Ok(view::transaction(&tx, node.settings.network, None, false, false))
        },
    },
    Method {
        name: "decodescript",
        category: "Rawtransactions",
        arguments: &[required("hexstring", Kind::Text)],
        help: "Decode a hex-encoded script.",
        run: decode_script,
    },
    Method {
        name: "createrawtransaction",
        category: "Rawtransactions",
        arguments: &[
            required("inputs", Kind::Array),
            required("outputs", Kind::Any),
            optional("locktime", Kind::Number),
            optional("replaceable", Kind::Bool),
            optional("version", Kind::Number),
        ],
        help: "Create a transaction spending the given inputs and creating new outputs.",
        run: create,
    },
    Method {
        name: "signrawtransactionwithkey",
        category: "Rawtransactions",
        arguments: &[
            required("hexstring", Kind::Text),
            required("privkeys", Kind::Array),
            optional("prevtxs", Kind::Array),
            optional("sighashtype", Kind::Text),
        ],
        help: "Sign inputs for raw transaction (serialized, hex-encoded).",
        run: sign_with_key,
    },
    Method {
        name: "createmultisig",
        category: "Util",
        arguments: &[
            required("nrequired", Kind::Number),
            required("keys", Kind::Array),
            optional("address_type", Kind::Text),
        ],
        help: "Creates a multi-signature address with n signatures of m keys required.",
        run: create_multisig,
    },
    Method {
        name: "validateaddress",
        category: "Util",
        arguments: &[required("address", Kind::Text)],
        help: "Return information about the given bitcoin address.",
        run: validate_address,
    },
    Method {
        name: "getdescriptorinfo",
        category: "Util",
        arguments: &[required("descriptor", Kind::Text)],
        help: "Analyses a descriptor.",
        run: descriptor_info,
    },
    Method {
        name: "deriveaddresses",
        category: "Util",
        arguments: &[required("descriptor", Kind::Text), optional("range", Kind::Any)],
        help: "Derives one or more addresses corresponding to an output descriptor.",
        run: derive_addresses,
    },
];

fn raw(node: &mut Node, params: &Params) -> RpcResult {
    let txid = params.txid(0, "parameter 1")?;
    let verbosity = params.verbosity(1, 0)?;
    let chain = &node.backend.chain;
    let genesis = chain.params().genesis.txdata[0].compute_txid();
    if txid == genesis {
        return Err(RpcError::invalid_address_or_key(
            "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved",
        ));
    }
    let block = match params.get(2) {
        None => None,
        Some(_) => {
            let hash = params.block_hash(2, "parameter 3")?;
            let id = chain.tree().id(&hash);
            Some(id.ok_or_else(|| RpcError::invalid_address_or_key("Block hash not found"))?)
        }
    };
    if let Some(id) = block
        && !chain.tree()[id].status.have_data
    {
        return Err(RpcError::misc("Block not available"));
    }
    let Some((tx, found)) = node.backend.transaction(&txid, block) else {
        let why = if block.is_some() {
            "No such transaction found in the provided block"
        } else if node.backend.indexes.has_transactions() {
            "No such mempool or blockchain transaction"
        } else {
            "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries"
        };
        return Err(RpcError::invalid_address_or_key(format!("{why}. Use gettransaction for wallet transactions.")));
    };
    if verbosity <= 0 {
        return Ok(Json::from(serialize_hex(&*tx)));
    }
    let mut view = Json::object();
    if let Some(id) = block {
        view.push("in_active_chain", chain.active().contains(chain.tree(), id));
    }
    let undo = match found.filter(|_| verbosity >= 2) {
        Some(id) => chain.read_undo(id).map_err(|error| store_error(&error))?.and_then(|undo| {
            let block = chain.read_block(id).ok().flatten()?;
            let position = block.txdata.iter().position(|other| other.compute_txid() == txid)?;
            undo.transactions.into_iter().nth(position.checked_sub(1)?)
        }),
        None => None,
    };
    let described = view::transaction(&tx, node.settings.network, undo.as_ref(), true, true);
    if let Json::Object(members) = described {
        for (key, value) in members {
            view.push(&key, value);
        }
    }
    if let Some(id) = found {
        let entry = &chain.tree()[id];
        view.push("blockhash", entry.hash.to_string());
        let (confirmations, _) = view::confirmations(chain, id);
        if confirmations > 0 {
            view.push("confirmations", confirmations);
            view.push("time", entry.header.time);
            view.push("blocktime", entry.header.time);
        } else {
            view.push("confirmations", 0);
        }
    }
    Ok(view)
}

fn script_from_hex(text: &str, name: &str) -> Result<ScriptBuf, RpcError> {
    ScriptBuf::from_hex(text)
        .map_err(|_| RpcError::invalid_parameter(format!("{name} must be hexadecimal string (not '{text}')")))
}

fn decode_script(node: &mut Node, params: &Params) -> RpcResult {
    let network = node.settings.network;
    let script = script_from_hex(params.required_text(0), "argument")?;
    let kind = OutputType::of(&script).name();
    let mut view = Json::object().with("asm", asm(&script, false)).with("desc", descriptor::infer(&script, network));
    if let Some(address) = address_of(&script, network).filter(|_| kind != "pubkey") {
        view.push("address", address);
    }
    view.push("type", kind);
    let wrappable = matches!(
        kind,
        "multisig" | "nonstandard" | "pubkey" | "pubkeyhash" | "witness_v0_keyhash" | "witness_v0_scripthash"
    );
    if wrappable && !pumasi_chain::coins::is_unspendable(&script) {
        view.push("p2sh", address_of(&script.to_p2sh(), network));
        if matches!(kind, "multisig" | "pubkey" | "pubkeyhash" | "nonstandard") {
            let witness = match kind {
                "pubkeyhash" => ScriptBuf::new_p2wpkh(
                    &bitcoin::WPubkeyHash::from_slice(&script.as_bytes()[3..23])
                        .expect("a P2PKH script has 20 bytes there"),
                ),
                _ => script.to_p2wsh(),
            };
            let mut segwit = view::script_pubkey(&witness, network);
            segwit.push("p2sh-segwit", address_of(&witness.to_p2sh(), network));
            view.push("segwit", segwit);
        }
    }
    Ok(view)
}

fn create(node: &mut Node, params: &Params) -> RpcResult {
    let lock_time = params.integer(2)?.unwrap_or(0);
    let lock_time = u32::try_from(lock_time)
        .map_err(|_| RpcError::invalid_parameter("Invalid parameter, locktime out of range"))?;
    let version = params.integer(4)?.unwrap_or(2);
    if !(1..=3).contains(&version) {
        return Err(RpcError::invalid_parameter("Invalid parameter, version out of range(1~3)"));
    }
    let replaceable = params.get(3).map(|_| params.flag(3, true));
    let input = inputs(params.array(0), lock_time, replaceable.unwrap_or(true))?;
    let tx = Transaction {
        version: Version(i32::try_from(version).unwrap_or(2)),
        lock_time: LockTime::from_consensus(lock_time),
        input,
        output: outputs(params.get(1), node.settings.network)?,
    };
    if replaceable == Some(true) && !tx.input.is_empty() && !tx.is_explicitly_rbf() {
        return Err(RpcError::invalid_parameter(
            "Invalid parameter combination: Sequence number(s) contradict replaceable option",
        ));
    }
    Ok(Json::from(serialize_hex(&tx)))
}

fn outpoint(input: &Json) -> Result<OutPoint, RpcError> {
    let txid = input.get("txid").and_then(Json::as_str).unwrap_or_default();
    let txid = bitcoin::Txid::from_byte_array(hash(txid, "txid")?);
    let vout = match input.get("vout") {
        Some(value @ Json::Number(_)) => integer(value)?,
        _ => return Err(RpcError::invalid_parameter("Invalid parameter, missing vout key")),
    };
    let vout =
        u32::try_from(vout).map_err(|_| RpcError::invalid_parameter("Invalid parameter, vout cannot be negative"))?;
    Ok(OutPoint::new(txid, vout))
}

fn inputs(values: &[Json], lock_time: u32, replaceable: bool) -> Result<Vec<TxIn>, RpcError> {
    let default = match (replaceable, lock_time) {
        (true, _) => Sequence::ENABLE_RBF_NO_LOCKTIME,
        (false, 0) => Sequence::MAX,
        (false, _) => Sequence::ENABLE_LOCKTIME_NO_RBF,
    };
    let mut all = Vec::with_capacity(values.len());
    for value in values {
        let sequence = match value.get("sequence") {
            Some(number @ Json::Number(_)) => Sequence(
                u32::try_from(integer(number)?)
                    .map_err(|_| RpcError::invalid_parameter("Invalid parameter, sequence number is out of range"))?,
            ),
            _ => default,
        };
        all.push(TxIn {
            previous_output: outpoint(value)?,
            script_sig: ScriptBuf::new(),
            sequence,
            witness: Witness::new(),
        });
    }
    Ok(all)
}

fn outputs(value: Option<&Json>, network: bitcoin::Network) -> Result<Vec<TxOut>, RpcError> {
    let members: Vec<(&str, &Json)> = match value {
        Some(Json::Object(members)) => members.iter().map(|(key, value)| (key.as_str(), value)).collect(),
        Some(Json::Array(values)) => values
            .iter()
            .map(|value| match value {
                Json::Object(members) if members.len() == 1 => Ok((members[0].0.as_str(), &members[0].1)),
                Json::Object(_) => {
                    Err(RpcError::invalid_parameter("Invalid parameter, key-value pair must contain exactly one key"))
                }
                _ => Err(RpcError::invalid_parameter("Invalid parameter, key-value pair not an object as expected")),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(RpcError::invalid_parameter("Invalid parameter, output argument must be non-null")),
    };
    let (mut all, mut seen, mut data_seen) = (Vec::new(), Vec::new(), false);
    for (key, value) in members {
        if key == "data" {
            if std::mem::replace(&mut data_seen, true) {
                return Err(RpcError::invalid_parameter("Invalid parameter, duplicate key: data"));
            }
            let text = value.as_str().unwrap_or_default();
            let data = hex::decode(text).ok().and_then(|data| PushBytesBuf::try_from(data).ok()).ok_or_else(|| {
                RpcError::invalid_parameter(format!("Data must be hexadecimal string (not '{text}')"))
            })?;
            all.push(TxOut { value: bitcoin::Amount::ZERO, script_pubkey: ScriptBuf::new_op_return(data) });
            continue;
        }
        let script_pubkey = script_of(key, network)
            .ok_or_else(|| RpcError::invalid_address_or_key(format!("Invalid Bitcoin address: {key}")))?;
        if seen.contains(&script_pubkey) {
            return Err(RpcError::invalid_parameter(format!("Invalid parameter, duplicated address: {key}")));
        }
        seen.push(script_pubkey.clone());
        all.push(TxOut { value: amount(value)?, script_pubkey });
    }
    Ok(all)
}

fn sign_with_key(node: &mut Node, params: &Params) -> RpcResult {
    let tx = transaction_of(params.required_text(0))
        .ok_or_else(|| RpcError::deserialization("TX decode failed. Make sure the tx has at least one input."))?;
    let keys = params.array(1).iter().map(|key| {
        let key = bitcoin::PrivateKey::from_wif(key.as_str().unwrap_or_default());
        key.map_err(|_| RpcError::invalid_address_or_key("Invalid private key"))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let mut signer = sign::Signer::new(keys);
    let mut given: Vec<(OutPoint, TxOut)> = Vec::new();
    for value in params.array(2) {
        let outpoint = outpoint(value)?;
        let script = value.get("scriptPubKey").and_then(Json::as_str).unwrap_or_default();
        let script_pubkey = script_from_hex(script, "scriptPubKey")?;
        for name in ["redeemScript", "witnessScript"] {
            if let Some(text) = value.get(name).and_then(Json::as_str) {
                signer.add_script(script_from_hex(text, name)?);
            }
        }
        let value = value.get("amount").map(amount).transpose()?;
        let known = node.backend.output(&outpoint).map(|output| output.value);
        given.push((outpoint, TxOut { value: value.or(known).unwrap_or_default(), script_pubkey }));
    }
    let spent: Vec<Option<TxOut>> = tx
        .input
        .iter()
        .map(|input| {
            let known = given.iter().find(|(of, _)| *of == input.previous_output).map(|(_, output)| output.clone());
            known.or_else(|| node.backend.output(&input.previous_output))
        })
        .collect();
    let kind = match params.text(3) {
        None => bitcoin::EcdsaSighashType::All,
        Some(text) => text
            .parse::<bitcoin::psbt::PsbtSighashType>()
            .ok()
            .and_then(|kind| kind.ecdsa_hash_ty().ok())
            .ok_or_else(|| RpcError::invalid_parameter(format!("'{text}' is not a valid sighash parameter.")))?,
    };
    let (signed, errors) = signer.sign(tx, &spent, kind);
    let mut view = Json::object().with("hex", serialize_hex(&signed)).with("complete", errors.is_empty());
    if !errors.is_empty() {
        let errors = errors.into_iter().map(|(index, why)| {
            let input = &signed.input[index];
            Json::object()
                .with("txid", input.previous_output.txid.to_string())
                .with("vout", input.previous_output.vout)
                .with("witness", input.witness.iter().map(hex::encode).collect::<Vec<String>>())
                .with("scriptSig", hex::encode(input.script_sig.as_bytes()))
                .with("sequence", input.sequence.to_consensus_u32())
                .with("error", why)
        });
        view.push("errors", errors.collect::<Vec<Json>>());
    }
    Ok(view)
}

fn create_multisig(node: &mut Node, params: &Params) -> RpcResult {
    let network = node.settings.network;
    let needed = params.integer(0)?.unwrap_or(0);
    let mut keys = Vec::new();
    for key in params.array(1) {
        let text = key.as_str().unwrap_or_default();
        let bytes = hex::decode(text)
            .map_err(|_| RpcError::invalid_address_or_key(format!("Pubkey \"{text}\" must be a hex string")))?;
        if !matches!(bytes.len(), 33 | 65) {
            return Err(RpcError::invalid_address_or_key(format!(
                "Pubkey \"{text}\" must have a length of either 33 or 65 bytes"
            )));
        }
        keys.push(PublicKey::from_slice(&bytes).map_err(|_| {
            RpcError::invalid_address_or_key(format!("Pubkey \"{text}\" must be cryptographically valid."))
        })?);
    }
    if needed < 1 {
        return Err(RpcError::invalid_parameter("a multisignature address must require at least one key to redeem"));
    }
    if i64::try_from(keys.len()).unwrap_or(i64::MAX) < needed {
        return Err(RpcError::invalid_parameter(format!(
            "not enough keys supplied (got {} keys, but need at least {needed} to redeem)",
            keys.len()
        )));
    }
    if keys.len() > MAX_MULTISIG_KEYS {
        return Err(RpcError::invalid_parameter(
            "Number of keys involved in the multisignature address creation > 16\nReduce the number",
        ));
    }
    let script = keys.iter().fold(Builder::new().push_int(needed), Builder::push_key);
    let count = i64::try_from(keys.len()).unwrap_or(0);
    let script = script.push_int(count).push_opcode(opcodes::all::OP_CHECKMULTISIG).into_script();
    if script.len() > MAX_REDEEM_SCRIPT {
        return Err(RpcError::invalid_parameter(format!(
            "redeemScript exceeds size limit: {} > {MAX_REDEEM_SCRIPT}",
            script.len()
        )));
    }
    let inner = descriptor::multi_of(needed, &keys);
    let (output, described) = match params.text(2).unwrap_or("legacy") {
        "legacy" => (script.to_p2sh(), format!("sh({inner})")),
        "p2sh-segwit" => (script.to_p2wsh().to_p2sh(), format!("sh(wsh({inner}))")),
        "bech32" => (script.to_p2wsh(), format!("wsh({inner})")),
        "bech32m" => {
            return Err(RpcError::invalid_address_or_key("createmultisig cannot create bech32m multisig addresses"));
        }
        other => return Err(RpcError::invalid_address_or_key(format!("Unknown address type '{other}'"))),
    };
    Ok(Json::object()
        .with("address", address_of(&output, network))
        .with("redeemScript", hex::encode(script.as_bytes()))
        .with("descriptor", descriptor::with_checksum(&described)))
}

fn validate_address(node: &mut Node, params: &Params) -> RpcResult {
    let text = params.required_text(0);
    let network = node.settings.network;
    let Some(script) = script_of(text, network) else {
        return Ok(Json::object()
            .with("isvalid", false)
            .with("error_locations", Json::Array(Vec::new()))
            .with("error", "Invalid or unsupported Segwit (Bech32) or Base58 encoding."));
    };
    let witness = pumasi_script::witness_program(&script);
    let mut view = Json::object()
        .with("isvalid", true)
        .with("address", Address::from_script(&script, network).map_or_else(|_| text.to_owned(), |a| a.to_string()))
        .with("scriptPubKey", hex::encode(script.as_bytes()))
        .with("isscript", script.is_p2sh() || script.is_p2wsh() || script.is_p2tr())
        .with("iswitness", witness.is_some());
    if let Some((version, program)) = witness {
        view.push("witness_version", version);
        view.push("witness_program", hex::encode(program));
    }
    Ok(view)
}

fn descriptor_info(node: &mut Node, params: &Params) -> RpcResult {
    let text = params.required_text(0);
    descriptor::scripts(text, node.settings.network, false).map_err(RpcError::invalid_address_or_key)?;
    let body = text.split('#').next().unwrap_or_default();
    let solvable = !body.starts_with("addr(") && !body.starts_with("raw(");
    Ok(Json::object()
        .with("descriptor", descriptor::with_checksum(body))
        .with("checksum", descriptor::checksum(body))
        .with("isrange", false)
        .with("issolvable", solvable)
        .with("hasprivatekeys", false))
}

fn derive_addresses(node: &mut Node, params: &Params) -> RpcResult {
    let network = node.settings.network;
    let body = descriptor::checked(params.required_text(0), true).map_err(RpcError::invalid_address_or_key)?;
    let ranged = descriptor::is_ranged(body);
    let places: Vec<Option<u32>> = match params.get(1) {
        Some(_) if !ranged => {
            return Err(RpcError::invalid_parameter("Range should not be specified for an un-ranged descriptor"));
        }
        None if ranged => {
            return Err(RpcError::invalid_parameter("Range must be specified for a ranged descriptor"));
        }
        Some(wanted) => {
            let (begin, end) = range(wanted)?;
            (begin..=end).map(Some).collect()
        }
        None => vec![None],
    };
    let mut all = Vec::new();
    for text in descriptor::alternatives(body).map_err(RpcError::invalid_address_or_key)? {
        let mut addresses = Vec::new();
        for place in &places {
            let scripts = descriptor::scripts_at(&text, network, false, *place);
            let scripts = scripts.map_err(RpcError::invalid_address_or_key)?;
            // Of `combo` the bare key has no address, and is left out.
            let bare = |script: &ScriptBuf| scripts.len() > 1 && script.is_p2pk();
            for script in scripts.iter().filter(|script| !bare(script)) {
                // The address of a bare key would stand for another script.
                let address = address_of(script, network).filter(|_| !script.is_p2pk());
                addresses.push(Json::from(address.ok_or_else(|| {
                    RpcError::invalid_address_or_key("Descriptor does not have a corresponding address")
                })?));
            }
        }
        all.push(Json::Array(addresses));
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Json::Array(all) })
}
