//! Particles (조사) that hang on the end of a noun.

/// Particles of two syllables and more: no noun of three syllables is likely to end with one.
const LONG: [&str; 27] = [
    "에서는",
    "에서도",
    "에서만",
    "으로는",
    "으로도",
    "에게서",
    "한테서",
    "이라는",
    "이라도",
    "에서",
    "에게",
    "에는",
    "에도",
    "에만",
    "으로",
    "까지",
    "부터",
    "하고",
    "이나",
    "이랑",
    "처럼",
    "보다",
    "께서",
    "한테",
    "마다",
    "조차",
    "라도",
];
/// Particles of one syllable, which many nouns end with too.
const SHORT: [char; 14] = ['은', '는', '이', '가', '을', '를', '의', '에', '와', '과', '도', '만', '로', '랑'];

/// The word before its particle, if it can have one: at least one syllable before a long particle, two before a short.
pub(super) fn stem(run: &[char]) -> Option<&[char]> {
    for particle in LONG {
        let length = particle.chars().count();
        if run.len() > length && run[run.len() - length..].iter().copied().eq(particle.chars()) {
            return Some(&run[..run.len() - length]);
        }
    }
    match run {
        [stem @ .., last] if stem.len() >= 2 && SHORT.contains(last) => Some(stem),
        _ => None,
    }
}
