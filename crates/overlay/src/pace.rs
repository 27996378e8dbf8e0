//! How fast one peer may send: so many in ten seconds.

use libp2p::PeerId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The span in which is counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Of a node that broke rules this part is taken.
const LIMITED: u32 = 4;
/// So many times the limit is a flood. Who is only busy stays below.
const FLOOD: u32 = 4;

/// Whether one more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paced {
    /// It is within the limit.
    Within,
    /// It is one too many.
    Over,
    /// It is so many too many that it is no accident. Said once in each span.
    Flood,
}

pub(crate) struct Pace {
    limit: u32,
    window: Instant,
    counts: HashMap<PeerId, u32>,
}

impl Pace {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, window: Instant::now(), counts: HashMap::new() }
    }

    /// Counts one, and says whether it is within the limit, which is lower for a node that broke rules.
    pub(crate) fn take(&mut self, peer: PeerId, limited: bool) -> Paced {
        if self.window.elapsed() >= WINDOW {
            self.window = Instant::now();
            self.counts.clear();
        }
        let count = self.counts.entry(peer).or_default();
        *count = count.saturating_add(1);
        let limit = if limited { self.limit.div_ceil(LIMITED) } else { self.limit };
        if *count <= limit {
            Paced::Within
        } else if *count == self.limit.saturating_mul(FLOOD) {
            Paced::Flood
        } else {
            Paced::Over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_and_a_limited_node_gets_less() {
        let (one, two) = (crate::NodeId::from_seed(&[1; 32]).0, crate::NodeId::from_seed(&[2; 32]).0);
        let mut pace = Pace::new(8);
        let paced: Vec<Paced> = (0..64).map(|_| pace.take(one, false)).collect();
        assert!(paced[..8].iter().all(|paced| *paced == Paced::Within));
        let floods: Vec<usize> = (0..64).filter(|at| paced[*at] == Paced::Flood).collect();
        assert_eq!(floods, [31]);
        assert_eq!((0..8).filter(|_| pace.take(two, true) == Paced::Within).count(), 2);
    }
}
