//! The size by which fees are reckoned.

/// The weight of a transaction, or more when its signature operations weigh more than its bytes.
pub(crate) fn adjusted_weight(weight: u64, sigop_cost: i64, bytes_per_sigop: u32) -> i64 {
    let weight = i64::try_from(weight).unwrap_or(i64::MAX);
    weight.max(sigop_cost.saturating_mul(i64::from(bytes_per_sigop)))
}

/// The virtual size of a transaction in bytes: a quarter of its weight, or more when its signature operations weigh more
/// than its bytes.
pub fn virtual_size(weight: u64, sigop_cost: i64, bytes_per_sigop: u32) -> i64 {
    adjusted_weight(weight, sigop_cost, bytes_per_sigop).saturating_add(3) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_signature_operations_make_a_transaction_larger() {
        assert_eq!(virtual_size(401, 0, 20), 101);
        assert_eq!(virtual_size(400, 20, 20), 100);
        assert_eq!(virtual_size(400, 21, 20), 105);
        assert_eq!(virtual_size(400, 21, 0), 100);
    }
}
