//! Seeded randomness: the caller gives the seed, so that a test can repeat a run.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// The random source of one component.
#[derive(Debug)]
pub(crate) struct Random(StdRng);

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.u64() & 1 == 1
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A seed for a component of its own.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        self.bytes()
    }

    /// Uniform in `0..bound`; zero for a bound of zero. The bias is below 2^-32 for every bound used here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        ((u128::from(self.u64()) * u128::from(bound)) >> 64) as u64
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Exponentially distributed with this mean: the gaps of a Poisson process.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        // 53 bits in (0, 1]: the logarithm is finite.
        let unit = ((self.u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        mean.mul_f64(-unit.ln())
    }

    /// Uniform below `span`.
    pub(crate) fn within(&mut self, span: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let (mut one, mut two) = (Random::new([7; 32]), Random::new([7; 32]));
        assert_eq!((0..9).map(|_| one.u64()).collect::<Vec<_>>(), (0..9).map(|_| two.u64()).collect::<Vec<_>>());
    }

    #[test]
    fn exponential_gaps_have_the_mean_they_should() {
        let mut random = Random::new([1; 32]);
        let total: Duration = (0..20_000).map(|_| random.exponential(Duration::from_secs(5))).sum();
        let mean = total.as_secs_f64() / 20_000.0;
        assert!((4.8..5.2).contains(&mean), "mean is {mean}");
    }
}
