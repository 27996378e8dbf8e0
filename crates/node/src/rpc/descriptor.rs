//! Output descriptors (BIP380 to BIP386) as far as a node without wallet needs them: fixed keys, no derivation.

use bitcoin::key::{PrivateKey, UntweakedPublicKey};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Network, PublicKey, Script, ScriptBuf, opcodes, script};
use pumasi_mempool::policy::solver::OutputType;

use super::script::{address_of, script_of};

const INPUT_CHARSET: &str =
    "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARSET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u64; 5] = [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];
/// Nesting that a descriptor may have: `sh(wsh(multi(...)))`.
const MAX_DEPTH: usize = 3;

/// The eight characters that guard a descriptor against typing errors (BIP380); `None` for characters that cannot be
/// in one.
pub(super) fn checksum(descriptor: &str) -> Option<String> {
    fn polymod(mut state: u64, value: u64) -> u64 {
        let top = state >> 35;
        state = (state & 0x7_ffff_ffff) << 5 ^ value;
        for (bit, generator) in GENERATOR.iter().enumerate() {
            if top >> bit & 1 == 1 {
                state ^= generator;
            }
        }
        state
    }
    let (mut state, mut class, mut count) = (1, 0, 0);
    for character in descriptor.chars() {
        let position = INPUT_CHARSET.find(character)? as u64;
        state = polymod(state, position & 31);
        class = class * 3 + (position >> 5);
        count += 1;
        if count == 3 {
            state = polymod(state, class);
            (class, count) = (0, 0);
        }
    }
    if count > 0 {
        state = polymod(state, class);
    }
    for _ in 0..8 {
        state = polymod(state, 0);
    }
    state ^= 1;
    Some((0..8).map(|at| char::from(CHECKSUM_CHARSET[(state >> (5 * (7 - at)) & 31) as usize])).collect())
}

/// A descriptor with its checksum.
pub(super) fn with_checksum(descriptor: &str) -> String {
    format!("{descriptor}#{}", checksum(descriptor).unwrap_or_default())
}

/// `multi(…)` of these keys.
pub(super) fn multi_of(needed: i64, keys: &[PublicKey]) -> String {
    let keys: Vec<String> = keys.iter().map(PublicKey::to_string).collect();
    format!("multi({needed},{})", keys.join(","))
}

/// A descriptor for a script, from nothing but the script.
pub(super) fn infer(script: &Script, network: Network) -> String {
    let bytes = script.as_bytes();
    let descriptor = match OutputType::of(script).name() {
        "pubkey" => format!("pk({})", hex::encode(&bytes[1..bytes.len() - 1])),
        "multisig" => infer_multisig(script).unwrap_or_else(|| format!("raw({})", hex::encode(bytes))),
        "witness_v1_taproot" if UntweakedPublicKey::from_slice(&bytes[2..]).is_ok() => {
            format!("rawtr({})", hex::encode(&bytes[2..]))
        }
        _ => match address_of(script, network) {
            Some(address) => format!("addr({address})"),
            None => format!("raw({})", hex::encode(bytes)),
        },
    };
    with_checksum(&descriptor)
}

fn infer_multisig(script: &Script) -> Option<String> {
    let mut keys = Vec::new();
    let mut threshold = None;
    for instruction in script.instructions() {
        match instruction.ok()? {
            script::Instruction::PushBytes(key) if !key.is_empty() => {
                PublicKey::from_slice(key.as_bytes()).ok()?;
                keys.push(hex::encode(key.as_bytes()));
            }
            script::Instruction::Op(op) if threshold.is_none() => threshold = Some(op.to_u8().checked_sub(0x50)?),
            _ => {}
        }
    }
    Some(format!("multi({},{})", threshold?, keys.join(",")))
}

/// The scripts that a descriptor stands for: one, or the four of `combo`.
///
/// # Errors
/// What is wrong with it, in Bitcoin Core's words.
pub(super) fn scripts(descriptor: &str, network: Network, need_checksum: bool) -> Result<Vec<ScriptBuf>, String> {
    let body = match descriptor.split_once('#') {
        Some((body, given)) => {
            if given.len() != 8 {
                return Err(format!("Expected 8 character checksum, not {} characters", given.len()));
            }
            let expected = checksum(body).ok_or("Invalid characters in payload")?;
            if expected != given {
                return Err(format!("Provided checksum '{given}' does not match computed checksum '{expected}'"));
            }
            body
        }
        None if need_checksum => return Err("Missing checksum".to_owned()),
        None => descriptor,
    };
    if let Some(inner) = function(body, "combo") {
        let key = public_key(inner, network)?;
        let mut all = vec![ScriptBuf::new_p2pk(&key), ScriptBuf::new_p2pkh(&key.pubkey_hash())];
        if let Ok(hash) = key.wpubkey_hash() {
            let segwit = ScriptBuf::new_p2wpkh(&hash);
            all.push(segwit.clone());
            all.push(segwit.to_p2sh());
        }
        return Ok(all);
    }
    Ok(vec![one(body, network, 0)?])
}

/// The argument of `name(argument)`.
fn function<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

fn one(text: &str, network: Network, depth: usize) -> Result<ScriptBuf, String> {
    if depth > MAX_DEPTH {
        return Err("Can only nest descriptors in sh() and wsh()".to_owned());
    }
    let top = |name: &str| if depth == 0 { Ok(()) } else { Err(format!("Can only have {name}() at top level")) };
    if let Some(inner) = function(text, "raw") {
        top("raw")?;
        return ScriptBuf::from_hex(inner).map_err(|_| "Raw script is not hex".to_owned());
    }
    if let Some(inner) = function(text, "addr") {
        top("addr")?;
        return script_of(inner, network).ok_or_else(|| "Address is not valid".to_owned());
    }
    if let Some(inner) = function(text, "sh") {
        return Ok(one(inner, network, depth + 1)?.to_p2sh());
    }
    if let Some(inner) = function(text, "wsh") {
        return Ok(one(inner, network, depth + 1)?.to_p2wsh());
    }
    if let Some(inner) = function(text, "wpkh") {
        let hash = public_key(inner, network)?.wpubkey_hash();
        return hash
            .map(|hash| ScriptBuf::new_p2wpkh(&hash))
            .map_err(|_| "Uncompressed keys are not allowed".to_owned());
    }
    if let Some(inner) = function(text, "pkh") {
        return Ok(ScriptBuf::new_p2pkh(&public_key(inner, network)?.pubkey_hash()));
    }
    if let Some(inner) = function(text, "pk") {
        return Ok(ScriptBuf::new_p2pk(&public_key(inner, network)?));
    }
    if let Some(inner) = function(text, "rawtr") {
        let key = x_only(inner, network)?;
        return Ok(script::Builder::new().push_int(1).push_slice(key.serialize()).into_script());
    }
    if let Some(inner) = function(text, "tr") {
        return Ok(ScriptBuf::new_p2tr(&Secp256k1::verification_only(), x_only(inner, network)?, None));
    }
    for (name, sorted) in [("multi", false), ("sortedmulti", true)] {
        if let Some(inner) = function(text, name) {
            return multisig(inner, network, sorted);
        }
    }
    Err(format!("'{text}' is not a valid descriptor function"))
}

fn multisig(text: &str, network: Network, sorted: bool) -> Result<ScriptBuf, String> {
    let mut parts = text.split(',');
    let threshold = parts.next().unwrap_or_default();
    let needed: i64 = threshold.parse().map_err(|_| format!("Multi threshold '{threshold}' is not valid"))?;
    let mut keys = parts.map(|key| public_key(key, network)).collect::<Result<Vec<PublicKey>, String>>()?;
    let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    if !(1..=20).contains(&count) {
        return Err(format!("Cannot have {count} keys in multisig; must have between 1 and 20 keys, inclusive"));
    }
    if !(1..=count).contains(&needed) {
        return Err(format!("Multisig threshold cannot be {needed}; must be from 1 to the number of keys ({count})"));
    }
    if sorted {
        keys.sort_by_key(|key| key.to_bytes());
    }
    let script = keys.iter().fold(script::Builder::new().push_int(needed), script::Builder::push_key);
    Ok(script.push_int(count).push_opcode(opcodes::all::OP_CHECKMULTISIG).into_script())
}

/// A key after an optional origin in brackets.
fn key_text(text: &str) -> Result<&str, String> {
    let text = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("Key origin start '[ character expected but not found")?.1,
        None => text,
    };
    if text.contains(['/', '*']) {
        return Err(format!("key '{text}' is not valid: derived keys are not supported by a node without wallet"));
    }
    Ok(text)
}

fn public_key(text: &str, network: Network) -> Result<PublicKey, String> {
    let text = key_text(text)?;
    if let Ok(key) = text.parse::<PublicKey>() {
        return Ok(key);
    }
    match PrivateKey::from_wif(text) {
        Ok(key) if key.network == network.into() => Ok(key.public_key(&Secp256k1::new())),
        _ => Err(format!("key '{text}' is not valid")),
    }
}

fn x_only(text: &str, network: Network) -> Result<UntweakedPublicKey, String> {
    let text_only = key_text(text)?;
    if let Ok(key) = text_only.parse::<UntweakedPublicKey>() {
        return Ok(key);
    }
    Ok(public_key(text, network)?.inner.x_only_public_key().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP380 has this example.
    #[test]
    fn checksums_are_those_of_bip380() {
        assert_eq!(with_checksum("raw(deadbeef)"), "raw(deadbeef)#89f8spxm");
        let wrong = scripts("raw(deadbeef)#89f8spxn", Network::Regtest, true).unwrap_err();
        assert!(wrong.contains("does not match computed checksum '89f8spxm'"), "{wrong}");
        assert_eq!(scripts("raw(deadbeef)", Network::Regtest, true).unwrap_err(), "Missing checksum");
    }

    #[test]
    fn descriptors_give_their_scripts() {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let script = |text: &str| scripts(text, Network::Regtest, false).unwrap()[0].to_hex_string();
        assert_eq!(script("raw(51)"), "51");
        assert_eq!(script(&format!("pkh({key})")), "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac");
        assert_eq!(script(&format!("wpkh({key})")), "0014751e76e8199196d454941c45d1b3a323f1433bd6");
        assert_eq!(script(&format!("multi(1,{key})")), format!("5121{key}51ae"));
        assert_eq!(scripts(&format!("combo({key})"), Network::Regtest, false).unwrap().len(), 4);
        assert!(scripts("sh(raw(51))", Network::Regtest, false).is_err());
        assert!(scripts("nonsense", Network::Regtest, false).is_err());
    }

    #[test]
    fn scripts_give_their_descriptors() {
        let infer = |hex: &str| infer(&ScriptBuf::from_hex(hex).unwrap(), Network::Regtest);
        assert!(infer("6a").starts_with("raw(6a)#"));
        assert!(infer("0014751e76e8199196d454941c45d1b3a323f1433bd6").starts_with("addr(bcrt1q"));
        let key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        assert!(infer(&format!("5120{key}")).starts_with(&format!("rawtr({key})#")));
        assert!(infer(&format!("512102{key}51ae")).starts_with("multi(1,02"));
    }
}
