//! What the ledger reads from the signed documents that its entries hold.
//!
//! The driver verifies a document before it appends it, and [`audit`](crate::Ledger::audit) verifies it again. Here the
//! figures are only taken out, in the same way at the first time and at every replay.

use pumasi_crypto::b64;
use pumasi_units::{Money, Unit};
use serde::Deserialize;

/// The figures of a signed result or acknowledgement (spec: `docs/spec/transfer.md`).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Figures {
    /// What the payer owes the payee after the transfer.
    #[serde(default)]
    balance: Option<Balance>,
    /// How much the payee lets the payer owe.
    #[serde(default)]
    pub(crate) limit: Option<Money>,
}

#[derive(Debug, Deserialize)]
struct Balance {
    unit: Unit,
    amount: String,
}

impl Figures {
    /// Takes the figures from a compact JWS; a document without any has none.
    pub(crate) fn of(document: &str) -> Self {
        let payload = document.split('.').nth(1).and_then(|part| b64::decode("document", part).ok());
        payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// The unit of the balance.
    pub(crate) fn unit(&self) -> Option<&Unit> {
        self.balance.as_ref().map(|balance| &balance.unit)
    }

    /// What the payer owes the payee, when it is in this unit.
    pub(crate) fn payer_owes(&self, unit: &Unit) -> Option<i128> {
        self.balance.as_ref().filter(|balance| balance.unit == *unit).and_then(|balance| balance.amount.parse().ok())
    }
}
