//! Fee rates, exact: a fraction of satoshis and virtual bytes, compared and multiplied without rounding in between.

use std::{cmp::Ordering, fmt};

/// A fee per virtual size. Ordered by the exact quotient; `fee_for` rounds up, as Bitcoin Core's `CFeeRate` does.
#[derive(Clone, Copy, Debug)]
pub struct FeeRate {
    /// Satoshis; below zero after a negative prioritisation.
    fee: i64,
    /// Virtual bytes, at least 1.
    size: i64,
}

impl FeeRate {
    /// No fee at all.
    pub const ZERO: Self = Self { fee: 0, size: 1000 };

    /// A rate in satoshis per 1,000 virtual bytes, the unit of the RPC and of the `feefilter` message.
    pub const fn from_sat_per_kvb(sat: i64) -> Self {
        Self { fee: sat, size: 1000 }
    }

    /// The rate of `fee` satoshis paid for `vsize` virtual bytes; zero when there is no size.
    pub const fn of(fee: i64, vsize: i64) -> Self {
        if vsize > 0 { Self { fee, size: vsize } } else { Self::ZERO }
    }

    /// The fee in satoshis for `vsize` virtual bytes, rounded up.
    pub fn fee_for(self, vsize: i64) -> i64 {
        let product = i128::from(self.fee) * i128::from(vsize);
        let size = i128::from(self.size);
        let fee = product.div_euclid(size) + i128::from(product.rem_euclid(size) != 0);
        if fee == 0 && vsize != 0 && self.fee < 0 { -1 } else { saturate(fee) }
    }

    /// Satoshis per 1,000 virtual bytes, rounded down.
    pub fn sat_per_kvb(self) -> i64 {
        saturate((i128::from(self.fee) * 1000).div_euclid(i128::from(self.size)))
    }

    /// The sum of two rates, in satoshis per 1,000 virtual bytes.
    pub fn saturating_add(self, other: Self) -> Self {
        Self::from_sat_per_kvb(self.sat_per_kvb().saturating_add(other.sat_per_kvb()))
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for FeeRate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FeeRate {}

impl PartialOrd for FeeRate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FeeRate {
    fn cmp(&self, other: &Self) -> Ordering {
        (i128::from(self.fee) * i128::from(other.size)).cmp(&(i128::from(other.fee) * i128::from(self.size)))
    }
}

/// `0.00001000 BTC/kvB`, as in the messages of Bitcoin Core.
impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} BTC/kvB", Money(self.sat_per_kvb()))
    }
}

/// An amount with eight decimals.
struct Money(i64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sat = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:08}", sat / 100_000_000, sat % 100_000_000)
    }
}

/// An amount in bitcoin with two to eight decimals (`FormatMoney`): `0.00`, `1.10`, `0.00001`.
pub(crate) fn format_money(sat: i64) -> String {
    let mut text = Money(sat).to_string();
    let point = text.len() - 8;
    while text.len() > point + 2 && text.ends_with('0') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_rounded_up_to_the_next_satoshi() {
        let rate = FeeRate::from_sat_per_kvb(123);
        assert_eq!([0, 8, 9, 121, 122, 999, 1000].map(|size| rate.fee_for(size)), [0, 1, 2, 15, 16, 123, 123]);
        let negative = FeeRate::from_sat_per_kvb(-123);
        assert_eq!(
            [0, 8, 9, 121, 122, 999, 1000].map(|size| negative.fee_for(size)),
            [0, -1, -1, -14, -15, -122, -123]
        );
    }

    #[test]
    fn rates_compare_by_the_exact_quotient() {
        assert!(FeeRate::of(1, 3) > FeeRate::from_sat_per_kvb(333));
        assert!(FeeRate::of(1, 3) < FeeRate::from_sat_per_kvb(334));
        assert_eq!(FeeRate::of(2, 6), FeeRate::of(1, 3));
        assert!(FeeRate::of(i64::MAX, 1) > FeeRate::of(i64::MAX, 2));
        assert_eq!(FeeRate::of(5, 0), FeeRate::ZERO);
    }

    #[test]
    fn rates_and_amounts_are_written_as_bitcoin_core_writes_them() {
        assert_eq!(FeeRate::from_sat_per_kvb(100).to_string(), "0.00000100 BTC/kvB");
        assert_eq!(FeeRate::from_sat_per_kvb(123_456_789).to_string(), "1.23456789 BTC/kvB");
        let amounts = [0, 1, 1_000, 110_000_000, 100_000_000, -5_000_000];
        assert_eq!(amounts.map(format_money), ["0.00", "0.00000001", "0.00001", "1.10", "1.00", "-0.05"]);
    }
}
