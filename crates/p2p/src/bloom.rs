//! A bloom filter that forgets the oldest (Core's `CRollingBloomFilter`): what a peer knows, what was refused lately.

use bitcoin::hashes::siphash24;

/// Remembers the last `elements` insertions (and up to half as many older ones), with false positives at a given rate.
#[derive(Debug, Clone)]
pub(crate) struct RollingBloom {
    keys: (u64, u64),
    hashes: u32,
    per_generation: u32,
    in_generation: u32,
    /// 1, 2 or 3: which generation new entries get. 0 means that a bit is not set.
    generation: u8,
    /// Two bits for each position: the low bits of 64 positions, then their high bits.
    data: Vec<[u64; 2]>,
}

impl RollingBloom {
    /// `keys` should be random and secret, so that nobody can aim at false positives.
    pub(crate) fn new(elements: u32, false_positive_rate: f64, keys: (u64, u64)) -> Self {
        let log_rate = false_positive_rate.ln();
        let hashes = (log_rate / 0.5_f64.ln()).round().clamp(1.0, 50.0);
        let per_generation = elements.div_ceil(2);
        let capacity = f64::from(per_generation * 3);
        // The fraction of bits set at which `hashes` probes give the wanted rate.
        let bits = (-hashes * capacity / (1.0 - (log_rate / hashes).exp()).ln()).ceil();
        let words = (bits as usize).div_ceil(64);
        Self { keys, hashes: hashes as u32, per_generation, in_generation: 0, generation: 1, data: vec![[0; 2]; words] }
    }

    fn positions(&self, item: &[u8]) -> impl Iterator<Item = (usize, u32)> + use<> {
        let first = siphash24::Hash::hash_to_u64_with_keys(self.keys.0, self.keys.1, item);
        let second = siphash24::Hash::hash_to_u64_with_keys(self.keys.1, !self.keys.0, item) | 1;
        let words = self.data.len() as u64;
        (0..u64::from(self.hashes)).map(move |round| {
            let hash = first.wrapping_add(round.wrapping_mul(second));
            (((u128::from(hash) * u128::from(words)) >> 64) as usize, (hash & 63) as u32)
        })
    }

    pub(crate) fn insert(&mut self, item: &[u8]) {
        if self.in_generation == self.per_generation {
            self.in_generation = 0;
            self.generation = self.generation % 3 + 1;
            let low = if self.generation & 1 == 0 { 0 } else { u64::MAX };
            let high = if self.generation & 2 == 0 { 0 } else { u64::MAX };
            // Entries of the generation that begins anew are wiped: those whose two bits equal it.
            for [one, two] in &mut self.data {
                let other = (*one ^ low) | (*two ^ high);
                *one &= other;
                *two &= other;
            }
        }
        self.in_generation += 1;
        let (low, high) = (u64::from(self.generation & 1), u64::from(self.generation >> 1));
        for (word, bit) in self.positions(item) {
            let [one, two] = &mut self.data[word];
            *one = (*one & !(1 << bit)) | (low << bit);
            *two = (*two & !(1 << bit)) | (high << bit);
        }
    }

    pub(crate) fn contains(&self, item: &[u8]) -> bool {
        self.positions(item).all(|(word, bit)| {
            let [one, two] = self.data[word];
            (one | two) >> bit & 1 == 1
        })
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.data.fill([0; 2]);
        self.generation = 1;
        self.in_generation = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entries_are_always_there_and_old_ones_go() {
        let mut bloom = RollingBloom::new(100, 0.001, (1, 2));
        for round in 0..1_000_u32 {
            bloom.insert(&round.to_le_bytes());
            for recent in round.saturating_sub(99)..=round {
                assert!(bloom.contains(&recent.to_le_bytes()), "{recent} after {round}");
            }
        }
        let old = (0..800_u32).filter(|old| bloom.contains(&old.to_le_bytes())).count();
        assert!(old < 10, "{old} of 800 are still there");
    }

    #[test]
    fn false_positives_are_as_rare_as_asked() {
        let mut bloom = RollingBloom::new(10_000, 0.001, (3, 4));
        (0..10_000_u32).for_each(|item| bloom.insert(&item.to_le_bytes()));
        let wrong = (100_000..200_000_u32).filter(|item| bloom.contains(&item.to_le_bytes())).count();
        assert!(wrong < 200, "{wrong} of 100,000");
        bloom.clear();
        assert!(!bloom.contains(&1_u32.to_le_bytes()));
    }
}
