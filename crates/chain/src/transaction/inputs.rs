//! What a transaction may spend.

use bitcoin::{Amount, Transaction};

use crate::coins::Coin;
use crate::error::{TxError, TxResult};
use crate::params::{COINBASE_MATURITY, MAX_MONEY};

/// The refusal of a transaction of whose inputs some are unknown or spent.
pub fn missing_inputs() -> TxError {
    TxError::new(TxResult::MissingInputs, "bad-txns-inputs-missingorspent", "CheckTxInputs: inputs missing/spent")
}

/// The fee of a transaction in a block at `height`, when it may spend `spent`: its inputs' coins, in their order.
/// The transaction has passed [`super::check_transaction`] and is no coinbase.
///
/// # Errors
/// `bad-txns-premature-spend-of-coinbase`, `bad-txns-inputvalues-outofrange`, `bad-txns-in-belowout`; also
/// [`missing_inputs`] when there are fewer coins than inputs.
pub fn check_inputs(tx: &Transaction, spent: &[Coin], height: u32) -> Result<Amount, TxError> {
    if spent.len() != tx.input.len() {
        return Err(missing_inputs());
    }
    let mut value_in = 0u64;
    for coin in spent {
        check_maturity(coin, height)?;
        value_in = add_in_range(value_in, coin.output.value.to_sat())?;
    }
    let value_out = tx.output.iter().map(|output| output.value.to_sat()).fold(0, u64::saturating_add);
    let fee = value_in.checked_sub(value_out).ok_or_else(|| {
        let debug = format!("value in ({}) < value out ({})", money(value_in), money(value_out));
        TxError::new(TxResult::Consensus, "bad-txns-in-belowout", debug)
    })?;
    Ok(Amount::from_sat(fee))
}

/// A coinbase is spent only when a hundred blocks are above it.
fn check_maturity(coin: &Coin, height: u32) -> Result<(), TxError> {
    let depth = i64::from(height) - i64::from(coin.height);
    if coin.coinbase && depth < i64::from(COINBASE_MATURITY) {
        let debug = format!("tried to spend coinbase at depth {depth}");
        return Err(TxError::new(TxResult::PrematureSpend, "bad-txns-premature-spend-of-coinbase", debug));
    }
    Ok(())
}

/// The sum so far, while it and the value are at most 21 million bitcoin.
fn add_in_range(sum: u64, value: u64) -> Result<u64, TxError> {
    sum.checked_add(value)
        .filter(|&sum| value <= MAX_MONEY && sum <= MAX_MONEY)
        .ok_or_else(|| TxError::consensus("bad-txns-inputvalues-outofrange"))
}

/// Bitcoin as Core's `FormatMoney` writes it: at least two decimals, no further zeros at the end.
fn money(sat: u64) -> String {
    let mut text = format!("{}.{:08}", sat / 100_000_000, sat % 100_000_000);
    while text.ends_with('0') && text.as_bytes()[text.len() - 3] != b'.' {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use bitcoin::{ScriptBuf, TxIn, TxOut, absolute::LockTime, transaction::Version};

    use super::*;

    fn output(sat: u64) -> TxOut {
        TxOut { value: Amount::from_sat(sat), script_pubkey: ScriptBuf::new() }
    }

    fn spend(inputs: usize, value_out: u64) -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn::default(); inputs],
            output: vec![output(value_out)],
        }
    }

    fn coin(sat: u64, height: u32, coinbase: bool) -> Coin {
        Coin { output: output(sat), height, coinbase }
    }

    #[test]
    fn the_fee_is_what_goes_in_less_what_comes_out() {
        let spent = [coin(700, 1, false), coin(400, 2, false)];
        assert_eq!(check_inputs(&spend(2, 1000), &spent, 3), Ok(Amount::from_sat(100)));
        assert_eq!(check_inputs(&spend(2, 1100), &spent, 3), Ok(Amount::ZERO));
        let error = check_inputs(&spend(2, 1101), &spent, 3).unwrap_err();
        assert_eq!(error.to_string(), "bad-txns-in-belowout, value in (0.000011) < value out (0.00001101)");
    }

    #[test]
    fn a_coinbase_is_spent_after_a_hundred_blocks() {
        let spent = [coin(1000, 7, true)];
        assert!(check_inputs(&spend(1, 1000), &spent, 107).is_ok());
        let error = check_inputs(&spend(1, 1000), &spent, 106).unwrap_err();
        assert_eq!(error.result(), TxResult::PrematureSpend);
        assert_eq!(error.to_string(), "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99");
        assert!(check_inputs(&spend(1, 1000), &[coin(1000, 7, false)], 8).is_ok());
    }

    #[test]
    fn inputs_stay_within_21_million() {
        for values in [[MAX_MONEY + 1, 0], [MAX_MONEY, 1]] {
            let spent = values.map(|sat| coin(sat, 1, false));
            let error = check_inputs(&spend(2, 1), &spent, 2).unwrap_err();
            assert_eq!(error.reason(), "bad-txns-inputvalues-outofrange");
        }
    }

    #[test]
    fn a_missing_coin_is_its_own_refusal() {
        let error = check_inputs(&spend(2, 1), &[coin(1, 1, false)], 2).unwrap_err();
        assert_eq!((error.result(), error.reason()), (TxResult::MissingInputs, "bad-txns-inputs-missingorspent"));
    }

    #[test]
    fn money_is_written_as_core_does() {
        for (sat, text) in [(0, "0.00"), (100_000_000, "1.00"), (150_000_000, "1.50"), (1, "0.00000001")] {
            assert_eq!(money(sat), text);
        }
    }
}
