//! Outputs that cost more to spend than they are worth.

use bitcoin::{Script, Transaction, TxOut, VarInt};
use pumasi_chain::coins::is_unspendable;

use crate::FeeRate;

/// An input that spends: outpoint, script length, signature with key, sequence.
const SPEND_SIZE: i64 = 32 + 4 + 1 + 107 + 4;
/// The same with the signature and the key in the witness, at a quarter of their weight.
const WITNESS_SPEND_SIZE: i64 = 32 + 4 + 1 + 107 / 4 + 4;

/// The least amount in satoshis that is not dust for this script: 546 for P2PKH, 294 for P2WPKH, 330 for P2TR at the
/// default rate of 3,000 sat/kvB; 0 for what can never be spent.
pub fn dust_threshold(script: &Script, dust_relay_feerate: FeeRate) -> i64 {
    if is_unspendable(script) {
        return 0;
    }
    let length = script.len();
    let output = 8 + VarInt::from(length).size() as i64 + length as i64;
    let spend = if script.is_witness_program() { WITNESS_SPEND_SIZE } else { SPEND_SIZE };
    dust_relay_feerate.fee_for(output + spend)
}

/// Whether an output is worth less than it costs to spend.
pub fn is_dust(output: &TxOut, dust_relay_feerate: FeeRate) -> bool {
    let threshold = dust_threshold(&output.script_pubkey, dust_relay_feerate);
    u64::try_from(threshold).is_ok_and(|threshold| output.value.to_sat() < threshold)
}

/// The numbers of the dust outputs of a transaction.
pub(crate) fn dust_outputs(tx: &Transaction, dust_relay_feerate: FeeRate) -> impl Iterator<Item = usize> {
    let dust = move |(_, output): &(usize, &TxOut)| is_dust(output, dust_relay_feerate);
    tx.output.iter().enumerate().filter(dust).map(|(vout, _)| vout)
}

#[cfg(test)]
mod tests {
    use bitcoin::{Amount, ScriptBuf, hex::FromHex};

    use super::*;

    fn threshold(script: &str) -> i64 {
        let script = ScriptBuf::from_bytes(Vec::from_hex(script).unwrap());
        dust_threshold(&script, FeeRate::from_sat_per_kvb(3000))
    }

    #[test]
    fn each_kind_of_output_has_its_own_threshold() {
        let (hash20, hash32) = ("11".repeat(20), "22".repeat(32));
        assert_eq!(threshold(&format!("76a914{hash20}88ac")), 546, "P2PKH");
        assert_eq!(threshold(&format!("a914{hash20}87")), 540, "P2SH");
        assert_eq!(threshold(&format!("21{}ac", "02".repeat(33))), 576, "P2PK");
        assert_eq!(threshold(&format!("0014{hash20}")), 294, "P2WPKH");
        assert_eq!(threshold(&format!("0020{hash32}")), 330, "P2WSH");
        assert_eq!(threshold(&format!("5120{hash32}")), 330, "P2TR");
        assert_eq!(threshold("51024e73"), 240, "P2A");
        assert_eq!(threshold("6a0101"), 0, "OP_RETURN");
    }

    #[test]
    fn the_threshold_itself_is_not_dust() {
        let output =
            |sat| TxOut { value: Amount::from_sat(sat), script_pubkey: ScriptBuf::from(vec![0x51, 2, 0x4e, 0x73]) };
        let rate = FeeRate::from_sat_per_kvb(3000);
        assert!(is_dust(&output(239), rate));
        assert!(!is_dust(&output(240), rate));
        assert!(!is_dust(&output(0), FeeRate::ZERO));
    }
}
