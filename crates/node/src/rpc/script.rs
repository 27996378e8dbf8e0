//! Scripts in words, and addresses.

use bitcoin::ecdsa;
use bitcoin::{Address, Network, Script, ScriptBuf};
use pumasi_script::opcode_name;

/// Longest push that is shown as a number.
const MAX_NUMBER: usize = 4;
const OP_PUSHDATA1: u8 = 0x4c;
const OP_PUSHDATA2: u8 = 0x4d;
const OP_PUSHDATA4: u8 = 0x4e;
const OP_RETURN: u8 = 0x6a;

/// A script in words, as Bitcoin Core writes them; `signatures` names the sighash type of what looks like a signature.
pub(super) fn asm(script: &Script, signatures: bool) -> String {
    let signatures = signatures && !(script.as_bytes().first() == Some(&OP_RETURN) || script.len() > 10_000);
    let mut words: Vec<String> = Vec::new();
    let mut rest = script.as_bytes();
    while let Some((&opcode, after)) = rest.split_first() {
        if opcode > OP_PUSHDATA4 {
            words.push(opcode_name(opcode).to_owned());
            rest = after;
            continue;
        }
        let Some((data, after)) = push(opcode, after) else {
            words.push("[error]".to_owned());
            break;
        };
        words.push(match data.len() {
            0..=MAX_NUMBER => number(data).to_string(),
            _ if signatures => signature(data).unwrap_or_else(|| hex::encode(data)),
            _ => hex::encode(data),
        });
        rest = after;
    }
    words.join(" ")
}

/// The data that a push carries, and what is after it.
fn push(opcode: u8, rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match opcode {
        OP_PUSHDATA1 => rest.split_first_chunk::<1>().map(|(n, rest)| (usize::from(n[0]), rest))?,
        OP_PUSHDATA2 => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest))?,
        OP_PUSHDATA4 => {
            let (n, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_le_bytes(*n)).ok()?, rest)
        }
        direct => (usize::from(direct), rest),
    };
    rest.split_at_checked(length)
}

/// A number on the stack: little endian, with a sign bit.
fn number(data: &[u8]) -> i64 {
    let Some((last, _)) = data.split_last() else { return 0 };
    let magnitude = data.iter().rev().fold(0i64, |value, byte| value << 8 | i64::from(*byte));
    if last & 0x80 == 0 { magnitude } else { -(magnitude & !(0x80 << (8 * (data.len() - 1)))) }
}

/// A signature with its sighash type in words; `None` for what is none.
fn signature(data: &[u8]) -> Option<String> {
    let (kind, der) = data.split_last()?;
    let name = match kind {
        0x01 => "ALL",
        0x81 => "ALL|ANYONECANPAY",
        0x02 => "NONE",
        0x82 => "NONE|ANYONECANPAY",
        0x03 => "SINGLE",
        0x83 => "SINGLE|ANYONECANPAY",
        _ => return None,
    };
    ecdsa::Signature::from_slice(data).ok()?;
    Some(format!("{}[{name}]", hex::encode(der)))
}

/// The address of a script that has one.
pub(super) fn address_of(script: &Script, network: Network) -> Option<String> {
    Address::from_script(script, network).ok().map(|address| address.to_string())
}

/// The script that an address stands for; `None` when it is none of this network.
pub(super) fn script_of(address: &str, network: Network) -> Option<ScriptBuf> {
    let address: Address<bitcoin::address::NetworkUnchecked> = address.parse().ok()?;
    Some(address.require_network(network).ok()?.script_pubkey())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(hex: &str) -> String {
        asm(&ScriptBuf::from_hex(hex).unwrap(), true)
    }

    #[test]
    fn scripts_read_as_in_bitcoin_core() {
        assert_eq!(words("5121ff"), "1 [error]");
        assert_eq!(words("0181"), "-1");
        assert_eq!(words("02ff80"), "-255");
        assert_eq!(words("00"), "0");
        assert_eq!(words("6a0548656c6c6f"), "OP_RETURN 48656c6c6f");
        assert_eq!(words("4c05aabbccddee"), "aabbccddee");
    }

    #[test]
    fn addresses_belong_to_their_network() {
        let address = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202";
        let script = script_of(address, Network::Regtest).unwrap();
        assert_eq!(address_of(&script, Network::Regtest).as_deref(), Some(address));
        assert_eq!(script_of(address, Network::Bitcoin), None);
        assert_eq!(script_of("nonsense", Network::Regtest), None);
    }
}
