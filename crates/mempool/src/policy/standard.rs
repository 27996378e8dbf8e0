//! Standard transactions, as far as they show it by themselves (Bitcoin Core's `IsStandardTx`).

use bitcoin::Transaction;
use pumasi_chain::TxResult;
use pumasi_script::is_push_only;

use super::{dust_outputs, solver::OutputType};
use crate::{Config, Rejected};

/// The heaviest transaction that is relayed.
const MAX_STANDARD_TX_WEIGHT: u64 = 400_000;
/// The least size without witness, one more than what could pass for an inner node of a merkle tree (CVE-2017-12842).
const MIN_STANDARD_TX_NONWITNESS_SIZE: usize = 65;
/// The longest input script: a 15-of-15 P2SH multisig fits.
const MAX_STANDARD_SCRIPTSIG_SIZE: usize = 1650;
/// Dust outputs that a transaction may have, if it pays no fee and its child spends them.
const MAX_DUST_OUTPUTS_PER_TX: usize = 1;

/// Checks version, weight, input scripts, output scripts and dust.
pub(crate) fn check_standard(tx: &Transaction, config: &Config) -> Result<(), Rejected> {
    check_version(tx)
        .and_then(|()| check_weight(tx))
        .and_then(|()| check_script_sigs(tx))
        .and_then(|()| check_outputs(tx, config))
        .and_then(|()| check_dust(tx, config))
        .map_err(|reason| Rejected::new(TxResult::NotStandard, reason))
}

fn check_version(tx: &Transaction) -> Result<(), &'static str> {
    if (1..=3).contains(&tx.version.0) { Ok(()) } else { Err("version") }
}

fn check_weight(tx: &Transaction) -> Result<(), &'static str> {
    if tx.weight().to_wu() > MAX_STANDARD_TX_WEIGHT { Err("tx-size") } else { Ok(()) }
}

fn check_script_sigs(tx: &Transaction) -> Result<(), &'static str> {
    for input in &tx.input {
        if input.script_sig.len() > MAX_STANDARD_SCRIPTSIG_SIZE {
            return Err("scriptsig-size");
        }
        if !is_push_only(&input.script_sig) {
            return Err("scriptsig-not-pushonly");
        }
    }
    Ok(())
}

fn check_outputs(tx: &Transaction, config: &Config) -> Result<(), &'static str> {
    let mut data_left = config.max_datacarrier_bytes.unwrap_or(0) as usize;
    for output in &tx.output {
        let kind = OutputType::of(&output.script_pubkey);
        if !kind.is_standard() {
            return Err("scriptpubkey");
        }
        match kind {
            OutputType::NullData => {
                data_left = data_left.checked_sub(output.script_pubkey.len()).ok_or("datacarrier")?;
            }
            OutputType::Multisig { .. } if !config.permit_bare_multisig => return Err("bare-multisig"),
            _ => {}
        }
    }
    Ok(())
}

fn check_dust(tx: &Transaction, config: &Config) -> Result<(), &'static str> {
    let dust = dust_outputs(tx, config.dust_relay_feerate).count();
    if dust > MAX_DUST_OUTPUTS_PER_TX { Err("dust") } else { Ok(()) }
}

/// Refuses what could be mistaken for two hashes, on every network.
pub(crate) fn check_not_too_small(tx: &Transaction) -> Result<(), Rejected> {
    if tx.base_size() < MIN_STANDARD_TX_NONWITNESS_SIZE {
        return Err(Rejected::new(TxResult::NotStandard, "tx-size-small"));
    }
    Ok(())
}
