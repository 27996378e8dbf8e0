//! Output descriptors (BIP380 to BIP386) as far as a node without wallet needs them: scripts for keys, also derived
//! ones (BIP32), at one place of a range at a time.

use bitcoin::bip32::{ChildNumber, Xpriv, Xpub};
use bitcoin::key::{PrivateKey, UntweakedPublicKey};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Network, PublicKey, Script, ScriptBuf, opcodes, script};
use pumasi_mempool::policy::solver::OutputType;

use super::script::{address_of, script_of};

const INPUT_CHARSET: &str =
    "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARSET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u64; 5] = [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];
/// Steps of a derivation: the depth of an extended key is one byte.
const MAX_PATH: usize = 255;
/// Alternatives that a multipath may have.
const MAX_ALTERNATIVES: usize = 16;
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
    scripts_at(descriptor, network, need_checksum, None)
}

/// Whether a descriptor stands for a range of scripts.
pub(super) fn is_ranged(descriptor: &str) -> bool {
    descriptor.contains("/*")
}

/// The descriptors that one with `<0;1>` in its paths stands for (BIP389), without checksum; itself if there is none.
///
/// # Errors
/// When alternatives are not given in the same number everywhere.
pub(super) fn alternatives(body: &str) -> Result<Vec<String>, String> {
    let mut all = vec![String::new()];
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        let (choices, after) = after.split_once('>').ok_or("Multipath specifier is not closed")?;
        let choices: Vec<&str> = choices.split(';').collect();
        if all.len() == 1 && choices.len() > 1 {
            all = vec![all[0].clone(); choices.len()];
        }
        if all.len() != choices.len() || choices.len() > MAX_ALTERNATIVES {
            return Err("Multipath subscripts with different numbers of paths".to_owned());
        }
        for (text, choice) in all.iter_mut().zip(choices) {
            text.push_str(before);
            text.push_str(choice);
        }
        rest = after;
    }
    all.iter_mut().for_each(|text| text.push_str(rest));
    Ok(all)
}

/// A descriptor without its checksum, which is checked.
///
/// # Errors
/// When the checksum is wrong, or missing and needed.
pub(super) fn checked(descriptor: &str, need_checksum: bool) -> Result<&str, String> {
    match descriptor.split_once('#') {
        Some((body, given)) => {
            if given.len() != 8 {
                return Err(format!("Expected 8 character checksum, not {} characters", given.len()));
            }
            let expected = checksum(body).ok_or("Invalid characters in payload")?;
            if expected != given {
                return Err(format!("Provided checksum '{given}' does not match computed checksum '{expected}'"));
            }
            Ok(body)
        }
        None if need_checksum => Err("Missing checksum".to_owned()),
        None => Ok(descriptor),
    }
}

/// [`scripts`] of a descriptor with a range, at one place of it.
///
/// # Errors
/// As [`scripts`].
pub(super) fn scripts_at(
    descriptor: &str,
    network: Network,
    need_checksum: bool,
    index: Option<u32>,
) -> Result<Vec<ScriptBuf>, String> {
    let body = checked(descriptor, need_checksum)?;
    let keys = Keys { network, index };
    if let Some(inner) = function(body, "combo") {
        let key = keys.public(inner)?;
        let mut all = vec![ScriptBuf::new_p2pk(&key), ScriptBuf::new_p2pkh(&key.pubkey_hash())];
        if let Ok(hash) = key.wpubkey_hash() {
            let segwit = ScriptBuf::new_p2wpkh(&hash);
            all.push(segwit.clone());
            all.push(segwit.to_p2sh());
        }
        return Ok(all);
    }
    Ok(vec![one(body, keys, 0)?])
}

/// The scripts that an address or a descriptor stands for.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn watched_scripts(what: &str, network: Network) -> Result<Vec<ScriptBuf>, String> {
    /// The longest text that is taken: a descriptor of twenty keys has not half of it.
    const MAX_LENGTH: usize = 4_000;
    if what.len() > MAX_LENGTH {
        return Err(format!("longer than {MAX_LENGTH} characters"));
    }
    if let Some(script) = script_of(what, network) {
        return Ok(vec![script]);
    }
    if !what.contains('(') {
        return Err(format!("'{what}' is neither an address of this network nor a descriptor"));
    }
    scripts(what, network, false)
}

/// The argument of `name(argument)`.
fn function<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

fn one(text: &str, keys: Keys, depth: usize) -> Result<ScriptBuf, String> {
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
        return script_of(inner, keys.network).ok_or_else(|| "Address is not valid".to_owned());
    }
    if let Some(inner) = function(text, "sh") {
        return Ok(one(inner, keys, depth + 1)?.to_p2sh());
    }
    if let Some(inner) = function(text, "wsh") {
        return Ok(one(inner, keys, depth + 1)?.to_p2wsh());
    }
    if let Some(inner) = function(text, "wpkh") {
        let hash = keys.public(inner)?.wpubkey_hash();
        return hash
            .map(|hash| ScriptBuf::new_p2wpkh(&hash))
            .map_err(|_| "Uncompressed keys are not allowed".to_owned());
    }
    if let Some(inner) = function(text, "pkh") {
        return Ok(ScriptBuf::new_p2pkh(&keys.public(inner)?.pubkey_hash()));
    }
    if let Some(inner) = function(text, "pk") {
        return Ok(ScriptBuf::new_p2pk(&keys.public(inner)?));
    }
    if let Some(inner) = function(text, "rawtr") {
        let key = keys.x_only(inner)?;
        return Ok(script::Builder::new().push_int(1).push_slice(key.serialize()).into_script());
    }
    if let Some(inner) = function(text, "tr") {
        return Ok(ScriptBuf::new_p2tr(&Secp256k1::verification_only(), keys.x_only(inner)?, None));
    }
    for (name, sorted) in [("multi", false), ("sortedmulti", true)] {
        if let Some(inner) = function(text, name) {
            return multisig(inner, keys, sorted);
        }
    }
    Err(format!("'{text}' is not a valid descriptor function"))
}

fn multisig(text: &str, keys: Keys, sorted: bool) -> Result<ScriptBuf, String> {
    let mut parts = text.split(',');
    let threshold = parts.next().unwrap_or_default();
    let needed: i64 = threshold.parse().map_err(|_| format!("Multi threshold '{threshold}' is not valid"))?;
    let mut keys = parts.map(|key| keys.public(key)).collect::<Result<Vec<PublicKey>, String>>()?;
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

/// How the texts of keys are read.
#[derive(Clone, Copy)]
struct Keys {
    network: Network,
    /// What stands in for `*`.
    index: Option<u32>,
}

impl Keys {
    fn public(self, text: &str) -> Result<PublicKey, String> {
        let text = key_text(text)?;
        if let Ok(key) = text.parse::<PublicKey>() {
            return Ok(key);
        }
        if let Some(key) = self.derived(text)? {
            return Ok(key);
        }
        match PrivateKey::from_wif(text) {
            Ok(key) if key.network == self.network.into() => Ok(key.public_key(&Secp256k1::new())),
            _ => Err(format!("key '{text}' is not valid")),
        }
    }

    fn x_only(self, text: &str) -> Result<UntweakedPublicKey, String> {
        let text_only = key_text(text)?;
        if let Ok(key) = text_only.parse::<UntweakedPublicKey>() {
            return Ok(key);
        }
        Ok(self.public(text)?.inner.x_only_public_key().0)
    }

    /// A key at the end of a path from an extended key (BIP32); `None` when the text begins with no extended key.
    fn derived(self, text: &str) -> Result<Option<PublicKey>, String> {
        let (root, path) = text.split_once('/').unwrap_or((text, ""));
        let steps = |hardened_allowed: bool| self.path(path, hardened_allowed);
        let secp = Secp256k1::new();
        if let Ok(root) = root.parse::<Xpriv>() {
            if root.network != self.network.into() {
                return Err(format!("key '{root}' is of another network"));
            }
            let key = root.derive_priv(&secp, &steps(true)?).map_err(|error| error.to_string())?;
            return Ok(Some(PublicKey::new(key.private_key.public_key(&secp))));
        }
        let Ok(root) = root.parse::<Xpub>() else { return Ok(None) };
        if root.network != self.network.into() {
            return Err(format!("key '{root}' is of another network"));
        }
        let key = root.derive_pub(&secp, &steps(false)?).map_err(|error| error.to_string())?;
        Ok(Some(PublicKey::new(key.public_key)))
    }

    fn path(self, text: &str, hardened_allowed: bool) -> Result<Vec<ChildNumber>, String> {
        let mut steps = Vec::new();
        for step in text.split('/').filter(|step| !step.is_empty()) {
            let bare = step.trim_end_matches(['\'', 'h']);
            let hardened = bare.len() < step.len();
            if hardened && !hardened_allowed {
                return Err("Cannot derive script without private keys".to_owned());
            }
            let number = match bare {
                "*" => self.index.ok_or("Range must be specified for a ranged descriptor")?,
                digits => digits.parse().map_err(|_| format!("Key path value '{digits}' is not a valid uint32"))?,
            };
            let child =
                if hardened { ChildNumber::from_hardened_idx(number) } else { ChildNumber::from_normal_idx(number) };
            steps.push(child.map_err(|_| format!("Key path value {number} is out of range"))?);
        }
        if steps.len() > MAX_PATH {
            return Err(format!("A key path has at most {MAX_PATH} steps"));
        }
        Ok(steps)
    }
}

/// A key after an optional origin in brackets.
fn key_text(text: &str) -> Result<&str, String> {
    match text.strip_prefix('[') {
        Some(rest) => Ok(rest.split_once(']').ok_or("Key origin start '[ character expected but not found")?.1),
        None => Ok(text),
    }
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

    /// From the test vectors of BIP32 (chain m of vector 1, and what follows from it).
    #[test]
    fn keys_are_derived_from_extended_ones() {
        let root = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
        let child = "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw";
        let at = |text: &str, index| scripts_at(text, Network::Bitcoin, false, index).map(|all| all[0].clone());
        let same = at(&format!("pk({child}/1)"), None).unwrap();
        assert_eq!(at(&format!("pk({root}/0h/1)"), None).unwrap(), same);
        assert_eq!(at(&format!("pk({root}/0'/*)"), Some(1)).unwrap(), same);
        assert!(at(&format!("pk({root}/0'/*)"), None).unwrap_err().contains("Range must be specified"));
        assert!(at(&format!("pk({child}/1')"), None).unwrap_err().contains("without private keys"));
        assert!(scripts(&format!("pk({root})"), Network::Regtest, false).is_err(), "another network");
        assert_eq!(alternatives("wpkh(k/<0;1>/*)").unwrap(), ["wpkh(k/0/*)", "wpkh(k/1/*)"]);
        assert_eq!(alternatives("wpkh(k)").unwrap(), ["wpkh(k)"]);
        assert!(alternatives("multi(1,a/<0;1>,b/<0;1;2>)").is_err());
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
