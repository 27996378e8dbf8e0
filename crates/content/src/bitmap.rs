/// Which chunks: one bit each, the first chunk in the highest bit of the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    len: u32,
    set: u32,
}

impl Bitmap {
    /// For `len` chunks, none of them set.
    #[must_use]
    pub fn none(len: u32) -> Self {
        Self { words: vec![0; (len as usize).div_ceil(64)], len, set: 0 }
    }

    /// For `len` chunks, all of them set.
    #[must_use]
    pub fn all(len: u32) -> Self {
        let mut bitmap = Self { words: vec![u64::MAX; (len as usize).div_ceil(64)], len, set: len };
        if let Some(last) = bitmap.words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last <<= 64 - len % 64;
        }
        bitmap
    }

    /// For `len` chunks, these of them set.
    #[must_use]
    pub fn of(len: u32, set: impl IntoIterator<Item = u32>) -> Self {
        let mut bitmap = Self::none(len);
        for index in set {
            bitmap.put(index, true);
        }
        bitmap
    }

    /// Reads the bytes of the wire; `None` when they are not as many as `len` bits need, or a bit behind the last is set.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], len: u32) -> Option<Self> {
        if bytes.len() != (len as usize).div_ceil(8) {
            return None;
        }
        let word = |part: &[u8]| {
            let mut whole = [0; 8];
            whole[..part.len()].copy_from_slice(part);
            u64::from_be_bytes(whole)
        };
        let words: Vec<u64> = bytes.chunks(8).map(word).collect();
        let set = words.iter().map(|word| word.count_ones()).sum();
        let bitmap = Self { words, len, set };
        let over = bitmap.words.iter().zip(&Self::all(len).words).any(|(word, most)| word & !most != 0);
        (!over).then_some(bitmap)
    }

    /// The bytes of the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.truncate((self.len as usize).div_ceil(8));
        bytes
    }

    /// Of how many chunks.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// How many are set.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.set
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Whether all are set.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.set == self.len
    }

    /// Whether this one is set; one that is not there is not.
    #[must_use]
    pub fn has(&self, index: u32) -> bool {
        index < self.len && self.words[index as usize / 64] & bit(index) != 0
    }

    /// Sets one, or takes it away. Says whether that changed anything.
    pub fn put(&mut self, index: u32, on: bool) -> bool {
        if index >= self.len || self.has(index) == on {
            return false;
        }
        self.words[index as usize / 64] ^= bit(index);
        if on {
            self.set += 1
        } else {
            self.set -= 1
        }
        true
    }

    /// Those that are set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        ones(self.words.iter().copied())
    }

    /// Those that are set here and there, in order. Looks at 64 at a time.
    pub fn both<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u32> + 'a {
        ones(self.words.iter().zip(&other.words).map(|(one, two)| one & two))
    }
}

fn bit(index: u32) -> u64 {
    1 << (63 - index % 64)
}

fn ones(words: impl Iterator<Item = u64>) -> impl Iterator<Item = u32> {
    (0_u32..).step_by(64).zip(words).flat_map(|(first, mut word)| {
        std::iter::from_fn(move || {
            let next = word.leading_zeros();
            (next < 64).then(|| {
                word &= !(1 << (63 - next));
                first + next
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set_of_numbers(len in 0_u32..300, changes in prop::collection::vec((0_u32..310, any::<bool>()), 0..80)) {
            let (mut bitmap, mut set) = (Bitmap::none(len), BTreeSet::new());
            for (index, on) in changes {
                let changed = index < len && if on { set.insert(index) } else { set.remove(&index) };
                prop_assert_eq!(bitmap.put(index, on), changed);
            }
            prop_assert_eq!(bitmap.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(bitmap.count() as usize, set.len());
            prop_assert_eq!(Bitmap::from_bytes(&bitmap.to_bytes(), len), Some(bitmap.clone()));
            prop_assert_eq!(bitmap.both(&Bitmap::all(len)).collect::<Vec<_>>(), bitmap.iter().collect::<Vec<_>>());
            prop_assert!(bitmap.both(&Bitmap::none(len)).next().is_none());
        }

        #[test]
        fn bits_behind_the_last_and_other_lengths_are_refused(len in 1_u32..200) {
            let bytes = Bitmap::all(len).to_bytes();
            prop_assert_eq!(Bitmap::from_bytes(&bytes, len), Some(Bitmap::all(len)));
            prop_assert!(Bitmap::from_bytes(&bytes[1..], len).is_none());
            if !len.is_multiple_of(8) {
                prop_assert!(Bitmap::from_bytes(&bytes, len - 1).is_none());
            }
        }
    }

    #[test]
    fn the_first_chunk_is_the_highest_bit() {
        assert_eq!(Bitmap::of(10, [0, 9]).to_bytes(), [0x80, 0x40]);
    }
}
