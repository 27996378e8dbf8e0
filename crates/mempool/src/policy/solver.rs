//! The kinds of output scripts (Bitcoin Core's `Solver`).

use bitcoin::{
    Script,
    opcodes::all::{OP_CHECKMULTISIG, OP_CHECKSIG, OP_PUSHNUM_1, OP_PUSHNUM_16, OP_RESERVED, OP_RETURN},
    script::Instruction,
};
use pumasi_script::is_push_only;

/// What an output asks of its spender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutputType {
    /// None of the known kinds.
    Nonstandard,
    /// A bare public key.
    PubKey,
    /// P2PKH.
    PubKeyHash,
    /// P2SH (BIP16).
    ScriptHash,
    /// A bare multisig script.
    Multisig {
        /// Signatures that are needed.
        required: u8,
        /// Keys.
        keys: u8,
    },
    /// `OP_RETURN` and data: unspendable.
    NullData,
    /// P2WPKH (BIP141).
    WitnessV0KeyHash,
    /// P2WSH (BIP141).
    WitnessV0ScriptHash,
    /// P2TR (BIP341).
    WitnessV1Taproot,
    /// P2A: anyone may spend it, without a witness.
    Anchor,
    /// A witness program that is not defined yet.
    WitnessUnknown,
}

impl OutputType {
    /// The kind of an output script.
    pub fn of(script: &Script) -> Self {
        let bytes = script.as_bytes();
        if script.is_p2sh() {
            return Self::ScriptHash;
        }
        if let Some(version) = script.witness_version() {
            return match (version.to_num(), &bytes[2..]) {
                (0, program) if program.len() == 20 => Self::WitnessV0KeyHash,
                (0, program) if program.len() == 32 => Self::WitnessV0ScriptHash,
                (0, _) => Self::Nonstandard,
                (1, program) if program.len() == 32 => Self::WitnessV1Taproot,
                (1, [0x4e, 0x73]) => Self::Anchor,
                _ => Self::WitnessUnknown,
            };
        }
        match bytes {
            [first, data @ ..] if *first == OP_RETURN.to_u8() && is_push_only(Script::from_bytes(data)) => {
                Self::NullData
            }
            [33, key @ .., last] if key.len() == 33 && is_public_key(key) && *last == OP_CHECKSIG.to_u8() => {
                Self::PubKey
            }
            [65, key @ .., last] if key.len() == 65 && is_public_key(key) && *last == OP_CHECKSIG.to_u8() => {
                Self::PubKey
            }
            _ if script.is_p2pkh() => Self::PubKeyHash,
            _ => multisig(script).unwrap_or(Self::Nonstandard),
        }
    }

    /// The name in RPC answers (field `type`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Nonstandard => "nonstandard",
            Self::PubKey => "pubkey",
            Self::PubKeyHash => "pubkeyhash",
            Self::ScriptHash => "scripthash",
            Self::Multisig { .. } => "multisig",
            Self::NullData => "nulldata",
            Self::WitnessV0KeyHash => "witness_v0_keyhash",
            Self::WitnessV0ScriptHash => "witness_v0_scripthash",
            Self::WitnessV1Taproot => "witness_v1_taproot",
            Self::Anchor => "anchor",
            Self::WitnessUnknown => "witness_unknown",
        }
    }

    /// Whether a standard transaction may pay to it: everything known, multisig up to three keys.
    pub fn is_standard(self) -> bool {
        match self {
            Self::Nonstandard => false,
            Self::Multisig { required, keys } => (1..=3).contains(&keys) && (1..=keys).contains(&required),
            _ => true,
        }
    }
}

/// Whether the first byte of a key and its length agree; whether it is on the curve does not matter here.
fn is_public_key(key: &[u8]) -> bool {
    matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4 | 6 | 7), 65))
}

/// `m <key> … n OP_CHECKMULTISIG`, with up to twenty keys.
fn multisig(script: &Script) -> Option<OutputType> {
    if script.as_bytes().last() != Some(&OP_CHECKMULTISIG.to_u8()) {
        return None;
    }
    let instructions: Vec<Instruction<'_>> = script.instructions().collect::<Result<_, _>>().ok()?;
    let [required, keys @ .., total, _] = instructions.as_slice() else { return None };
    let (required, total) = (count(required)?, count(total)?);
    let are_keys = keys.iter().all(|key| key.push_bytes().is_some_and(|key| is_public_key(key.as_bytes())));
    let fits = usize::from(total) == keys.len() && required <= total && are_keys;
    fits.then_some(OutputType::Multisig { required, keys: total })
}

/// A number of keys from 1 to 20: an opcode, or above sixteen a push of one byte.
fn count(instruction: &Instruction<'_>) -> Option<u8> {
    let opcodes = OP_PUSHNUM_1.to_u8()..=OP_PUSHNUM_16.to_u8();
    match instruction {
        Instruction::Op(opcode) if opcodes.contains(&opcode.to_u8()) => Some(opcode.to_u8() - OP_RESERVED.to_u8()),
        Instruction::PushBytes(bytes) => match bytes.as_bytes() {
            [number @ 17..=20] => Some(*number),
            _ => None,
        },
        Instruction::Op(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::{ScriptBuf, hex::FromHex};

    use super::*;

    fn kind(script: &str) -> OutputType {
        OutputType::of(&ScriptBuf::from_bytes(Vec::from_hex(script).unwrap()))
    }

    #[test]
    fn known_scripts_are_recognised() {
        let (hash20, hash32, key) = ("11".repeat(20), "22".repeat(32), format!("21{}", "02".repeat(33)));
        assert_eq!(kind(&format!("76a914{hash20}88ac")), OutputType::PubKeyHash);
        assert_eq!(kind(&format!("a914{hash20}87")), OutputType::ScriptHash);
        assert_eq!(kind(&format!("{key}ac")), OutputType::PubKey);
        assert_eq!(kind(&format!("41{}ac", "04".repeat(65))), OutputType::PubKey);
        assert_eq!(kind(&format!("0014{hash20}")), OutputType::WitnessV0KeyHash);
        assert_eq!(kind(&format!("0020{hash32}")), OutputType::WitnessV0ScriptHash);
        assert_eq!(kind(&format!("5120{hash32}")), OutputType::WitnessV1Taproot);
        assert_eq!(kind("51024e73"), OutputType::Anchor);
        assert_eq!(kind("51024e74"), OutputType::WitnessUnknown);
        assert_eq!(kind(&format!("6020{hash32}")), OutputType::WitnessUnknown);
        assert_eq!(kind(&format!("51{key}{key}52ae")), OutputType::Multisig { required: 1, keys: 2 });
        assert_eq!(kind("6a"), OutputType::NullData);
        assert_eq!(kind("6a0401020304"), OutputType::NullData);
        assert_eq!(kind("6a50"), OutputType::NullData);
    }

    #[test]
    fn what_only_looks_like_a_known_script_is_nonstandard() {
        let key = format!("21{}", "02".repeat(33));
        assert_eq!(kind(""), OutputType::Nonstandard);
        assert_eq!(kind("51"), OutputType::Nonstandard);
        assert_eq!(kind("6a04010203"), OutputType::Nonstandard, "data cut short");
        assert_eq!(kind("6a61"), OutputType::Nonstandard, "OP_NOP after OP_RETURN");
        assert_eq!(kind(&format!("0015{}", "11".repeat(21))), OutputType::Nonstandard, "v0 of another length");
        assert_eq!(kind(&format!("21{}ac", "05".repeat(33))), OutputType::Nonstandard, "no such key");
        assert_eq!(kind(&format!("52{key}51ae")), OutputType::Nonstandard, "two of one");
        assert_eq!(kind(&format!("51{key}52ae")), OutputType::Nonstandard, "one key missing");
        assert_eq!(kind(&format!("00{key}51ae")), OutputType::Nonstandard, "none of one");
        assert_eq!(kind(&format!("51{key}0101ae")), OutputType::Nonstandard, "a number in a needless push");
    }

    #[test]
    fn multisig_is_standard_up_to_three_keys() {
        assert!(OutputType::Multisig { required: 1, keys: 3 }.is_standard());
        assert!(!OutputType::Multisig { required: 1, keys: 4 }.is_standard());
        assert!(!OutputType::Nonstandard.is_standard());
        assert!(OutputType::WitnessUnknown.is_standard());
    }

    #[test]
    fn a_multisig_of_twenty_keys_is_recognised() {
        let keys = format!("21{}", "02".repeat(33)).repeat(20);
        assert_eq!(kind(&format!("0114{keys}0114ae")), OutputType::Multisig { required: 20, keys: 20 });
    }
}
