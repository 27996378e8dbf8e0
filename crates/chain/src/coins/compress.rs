//! Outputs in Core's compressed form, as its databases keep them.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, ScriptBuf, TxOut};

use super::varint::{read_varint, varint_len, write_varint};
use super::{MAX_SCRIPT_SIZE, OP_RETURN};

/// Numbers below this name a well-known form of script instead of a length.
const SPECIAL_SCRIPTS: u64 = 6;

pub(crate) fn write_output(out: &mut Vec<u8>, output: &TxOut) {
    write_varint(out, compress_amount(output.value.to_sat()));
    let script = output.script_pubkey.as_bytes();
    if let Some((kind, data)) = special_form(script) {
        out.push(kind);
        out.extend_from_slice(data);
    } else {
        write_varint(out, script.len() as u64 + SPECIAL_SCRIPTS);
        out.extend_from_slice(script);
    }
}

/// Bytes that [`write_output`] writes.
pub(crate) fn compressed_len(output: &TxOut) -> usize {
    let script = output.script_pubkey.as_bytes();
    let script = special_form(script)
        .map_or_else(|| varint_len(script.len() as u64 + SPECIAL_SCRIPTS) + script.len(), |(_, data)| 1 + data.len());
    varint_len(compress_amount(output.value.to_sat())) + script
}

/// Takes an output off the front; `None` when the bytes are none.
pub(crate) fn read_output(bytes: &mut &[u8]) -> Option<TxOut> {
    let value = Amount::from_sat(decompress_amount(read_varint(bytes)?)?);
    let script = match read_varint(bytes)? {
        kind @ 0..SPECIAL_SCRIPTS => {
            let data = take(bytes, if kind < 2 { 20 } else { 32 })?;
            special_script(kind as u8, data)?
        }
        length => {
            let length = usize::try_from(length - SPECIAL_SCRIPTS).ok()?;
            if length > MAX_SCRIPT_SIZE {
                // Can never be spent: Core reads a short script of the same effect.
                take(bytes, length)?;
                vec![OP_RETURN]
            } else {
                take(bytes, length)?.to_vec()
            }
        }
    };
    Some(TxOut { value, script_pubkey: ScriptBuf::from_bytes(script) })
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(head)
}

/// The number and the data of a script of a well-known form. Stricter than the templates of standardness: the script
/// must come back byte for byte.
fn special_form(script: &[u8]) -> Option<(u8, &[u8])> {
    match script {
        // P2PKH: DUP HASH160 <20> EQUALVERIFY CHECKSIG.
        [0x76, 0xa9, 20, hash @ .., 0x88, 0xac] if hash.len() == 20 => Some((0, hash)),
        // P2SH: HASH160 <20> EQUAL.
        [0xa9, 20, hash @ .., 0x87] if hash.len() == 20 => Some((1, hash)),
        // P2PK: <key> CHECKSIG.
        [33, sign @ (2 | 3), x @ .., 0xac] if x.len() == 32 => Some((*sign, x)),
        [65, key @ .., 0xac] if key.len() == 65 && key[0] == 4 => {
            // A key that is not on the curve could not be restored.
            PublicKey::from_slice(key).ok()?;
            Some((4 | (key[64] & 1), &key[1..33]))
        }
        _ => None,
    }
}

fn special_script(kind: u8, data: &[u8]) -> Option<Vec<u8>> {
    Some(match kind {
        0 => [&[0x76, 0xa9, 20][..], data, &[0x88, 0xac]].concat(),
        1 => [&[0xa9, 20][..], data, &[0x87]].concat(),
        2 | 3 => [&[33, kind][..], data, &[0xac]].concat(),
        _ => {
            let key = PublicKey::from_slice(&[&[kind - 2][..], data].concat()).ok()?;
            [&[65][..], &key.serialize_uncompressed(), &[0xac]].concat()
        }
    })
}

/// Amounts are mostly round: the zeros at the end become one digit.
fn compress_amount(mut value: u64) -> u64 {
    if value == 0 {
        return 0;
    }
    let mut zeros = 0;
    while value.is_multiple_of(10) && zeros < 9 {
        value /= 10;
        zeros += 1;
    }
    if zeros == 9 {
        return 1 + (value - 1) * 10 + 9;
    }
    let last = value % 10;
    // Wraps only for more than there can be (CVE-2010-5139 is checked elsewhere), as it does in Core.
    (value / 10).wrapping_mul(9).wrapping_add(last - 1).wrapping_mul(10).wrapping_add(1 + zeros)
}

fn decompress_amount(code: u64) -> Option<u64> {
    let Some(code) = code.checked_sub(1) else { return Some(0) };
    let (rest, zeros) = (code / 10, code % 10);
    let value = if zeros < 9 { (rest / 9).checked_mul(10)?.checked_add(rest % 9 + 1)? } else { rest + 1 };
    value.checked_mul(10u64.pow(zeros as u32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coins::Coin;

    /// From Core's `compress_tests.cpp`.
    #[test]
    fn amounts_compress_as_in_core() {
        const CENT: u64 = 1_000_000;
        const COIN: u64 = 100_000_000;
        for (value, code) in [(0, 0), (1, 1), (CENT, 7), (COIN, 9), (50 * COIN, 0x32), (21_000_000 * COIN, 0x140_6f40)]
        {
            assert_eq!(compress_amount(value), code);
            assert_eq!(decompress_amount(code), Some(value));
        }
        for code in 0..100_000 {
            assert_eq!(compress_amount(decompress_amount(code).unwrap()), code);
        }
    }

    fn roundtrip(script: &[u8], len: usize) {
        let output = TxOut { value: Amount::from_sat(1), script_pubkey: ScriptBuf::from_bytes(script.to_vec()) };
        let mut bytes = Vec::new();
        write_output(&mut bytes, &output);
        assert_eq!((bytes.len(), compressed_len(&output)), (1 + len, 1 + len));
        assert_eq!(read_output(&mut &bytes[..]), Some(output));
    }

    #[test]
    fn well_known_scripts_become_short() {
        let full = hex::decode(concat!(
            "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        ))
        .unwrap();
        roundtrip(&[&[0x76, 0xa9, 20][..], &[7; 20], &[0x88, 0xac]].concat(), 21);
        roundtrip(&[&[0xa9, 20][..], &[7; 20], &[0x87]].concat(), 21);
        roundtrip(&[&[33, 3][..], &full[1..33], &[0xac]].concat(), 33);
        roundtrip(&[&[65][..], &full, &[0xac]].concat(), 33);
        // Not on the curve: kept as it is.
        roundtrip(&[&[65, 4][..], &[9; 64], &[0xac]].concat(), 1 + 67);
        roundtrip(&[0x51, 32], 1 + 2);
        roundtrip(&[], 1);
    }

    /// From Core's `coins_tests.cpp`, `ccoins_serialization`.
    #[test]
    fn coins_have_the_form_of_cores_database() {
        let coin = |hex: &str| Coin::decode(&hex::decode(hex).unwrap());
        let first = coin("97f23c835800816115944e077fe7c803cfa57f29b36bf87c1d35").unwrap();
        assert_eq!((first.height, first.coinbase, first.output.value.to_sat()), (203_998, false, 60_000_000_000));
        assert_eq!(
            hex::encode(first.output.script_pubkey.as_bytes()),
            "76a914816115944e077fe7c803cfa57f29b36bf87c1d3588ac"
        );
        let second = coin("8ddf77bbd123008c988f1a4a4de2161e0f50aac7f17e7f9555caa4").unwrap();
        assert_eq!((second.height, second.coinbase, second.output.value.to_sat()), (120_891, true, 110_397));
        let smallest = coin("000006").unwrap();
        assert_eq!((smallest.height, smallest.coinbase, smallest.output.script_pubkey.len()), (0, false, 0));
        assert!(coin("000007").is_err(), "the script ends early");
        assert!(coin("00008a95c0bb00").is_err(), "a script of 2^32 bytes");
        let mut bytes = Vec::new();
        second.encode(&mut bytes);
        assert_eq!(hex::encode(bytes), "8ddf77bbd123008c988f1a4a4de2161e0f50aac7f17e7f9555caa4");
    }

    proptest! {
        #[test]
        fn any_coin_survives_its_form(
            sat in 0..=crate::params::MAX_MONEY,
            script in proptest::collection::vec(any::<u8>(), 0..80),
            height in 0u32..1 << 31,
            coinbase: bool,
        ) {
            let output = TxOut { value: Amount::from_sat(sat), script_pubkey: ScriptBuf::from_bytes(script) };
            let coin = Coin { output, height, coinbase };
            let mut bytes = Vec::new();
            coin.encode(&mut bytes);
            prop_assert_eq!(Coin::decode(&bytes).unwrap(), coin);
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Coin::decode(&bytes);
        }
    }
}
