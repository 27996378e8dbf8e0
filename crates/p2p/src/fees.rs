//! Rounding of the feerate in `feefilter` messages (Core's `FeeFilterRounder`): exact values would tell a mempool apart.

use crate::random::Random;

/// Satoshi in 21 million bitcoin.
pub(crate) const MAX_MONEY: u64 = 21_000_000 * 100_000_000;
/// Highest feerate that is told as such, in satoshi per 1000 virtual bytes.
const MAX_FILTER: f64 = 1e7;
/// Each step is ten percent larger.
const SPACING: f64 = 1.1;
/// Lowest step: half of the least relay feerate of 100 satoshi per 1000 virtual bytes.
const LEAST: f64 = 50.0;

/// The steps of a node.
#[derive(Debug)]
pub(crate) struct FeeFilterRounder(Vec<f64>);

impl FeeFilterRounder {
    pub(crate) fn new() -> Self {
        let steps =
            std::iter::successors(Some(LEAST), |step| Some(step * SPACING)).take_while(|step| *step <= MAX_FILTER);
        Self(std::iter::once(0.0).chain(steps).collect())
    }

    /// A step near the feerate: mostly the one below, sometimes the one above.
    pub(crate) fn round(&self, feerate: u64, random: &mut Random) -> u64 {
        let above = self.0.partition_point(|step| *step < feerate as f64);
        let index = if above == self.0.len() || (above > 0 && random.below(3) != 0) { above - 1 } else { above };
        self.0[index] as u64
    }

    /// What stands for "send nothing".
    pub(crate) fn highest(&self) -> u64 {
        self.0.last().map_or(0, |step| *step as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_near_and_the_top_is_fixed() {
        let (rounder, mut random) = (FeeFilterRounder::new(), Random::new([1; 32]));
        for feerate in [1_u64, 100, 1_000, 12_345, 5_000_000] {
            for _ in 0..50 {
                let rounded = rounder.round(feerate, &mut random) as f64;
                assert!(rounded <= (feerate as f64 * 1.11).max(50.0), "{feerate} became {rounded}");
            }
        }
        assert_eq!(rounder.round(0, &mut random), 0);
        assert_eq!(rounder.round(MAX_MONEY, &mut random), rounder.highest());
        assert_eq!(rounder.highest(), 9_936_506, "what Core sends during initial block download");
    }
}
