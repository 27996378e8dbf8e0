//! The best order of a cluster: which of its transactions a miner takes first.
//!
//! A cluster is a set of transactions that hang together by parents and children. Cut into chunks, each the set with the
//! highest fee rate that can be mined when the chunks before it are, it has one best diagram of fees over size. A chunk is
//! a closure (with a transaction come its parents) of maximal ratio, which Dinkelbach's iteration finds by a few minimum
//! cuts (Picard 1976). It is exact, which a cluster of at most 64 transactions allows.

/// Transactions in a cluster at most: what fits the bits of a set.
pub(crate) const MAX_CLUSTER_COUNT: usize = 64;

/// A set of nodes, one bit for each.
type Set = u64;

/// One transaction of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Satoshis, with prioritisation.
    pub(crate) fee: i64,
    /// Weight, raised where signature operations weigh more.
    pub(crate) weight: i64,
    /// Its parents in the cluster, by their positions.
    pub(crate) parents: Vec<usize>,
}

/// Transactions that are mined together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Positions, parents before children.
    pub(crate) members: Vec<usize>,
    /// Satoshis.
    pub(crate) fee: i64,
    /// Weight.
    pub(crate) weight: i64,
}

/// The chunks of a cluster, best first.
///
/// Of chunks that pay the same, each is as small as it can be.
pub(crate) fn linearize(nodes: &[Node]) -> Vec<Chunk> {
    assert!(nodes.len() <= MAX_CLUSTER_COUNT, "a cluster is bounded before it is ordered");
    if let [node] = nodes {
        return vec![Chunk { members: vec![0], fee: node.fee, weight: node.weight }];
    }
    let cluster = Cluster::new(nodes);
    let mut remaining = full(nodes.len());
    let mut chunks = Vec::new();
    while remaining != 0 {
        let set = cluster.best(remaining);
        let (fee, weight) = cluster.sums(set);
        let mut members: Vec<usize> = bits(set).collect();
        members.sort_by_key(|&member| (cluster.ancestors[member].count_ones(), member));
        chunks.push(Chunk { members, fee, weight });
        remaining &= !set;
    }
    chunks
}

fn full(count: usize) -> Set {
    if count == MAX_CLUSTER_COUNT { Set::MAX } else { (1 << count) - 1 }
}

fn bits(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(bit)
    })
}

struct Cluster<'a> {
    nodes: &'a [Node],
    parents: Vec<Set>,
    children: Vec<Set>,
    /// With the node itself.
    ancestors: Vec<Set>,
}

impl<'a> Cluster<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let parents: Vec<Set> =
            nodes.iter().map(|node| node.parents.iter().fold(0, |set, &parent| set | 1 << parent)).collect();
        let mut children = vec![0; nodes.len()];
        for (child, set) in parents.iter().enumerate() {
            bits(*set).for_each(|parent| children[parent] |= 1 << child);
        }
        let ancestors = (0..nodes.len()).map(|node| reach(1 << node, |at| parents[at])).collect();
        Self { nodes, parents, children, ancestors }
    }

    fn sums(&self, set: Set) -> (i64, i64) {
        bits(set)
            .fold((0, 0), |(fee, weight), at| (self.nodes[at].fee.saturating_add(fee), self.nodes[at].weight + weight))
    }

    /// The closure of the highest fee rate in `remaining`, the smallest of several.
    fn best(&self, remaining: Set) -> Set {
        if remaining.is_power_of_two() {
            return remaining;
        }
        // Any closure is a start; the ancestors of one transaction are often the answer.
        let starts = bits(remaining).map(|node| self.sums(self.ancestors[node] & remaining));
        let mut ratio = starts.max_by(compare_ratios).unwrap_or((0, 1));
        loop {
            let cut = Cut::new(self, remaining, ratio);
            if cut.source != 0 {
                // Something pays more than the ratio: that is the next one to beat.
                ratio = self.sums(cut.source);
                continue;
            }
            return cut.smallest_tight().unwrap_or(remaining);
        }
    }
}

fn compare_ratios(a: &(i64, i64), b: &(i64, i64)) -> std::cmp::Ordering {
    (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1)))
}

fn reach(start: Set, next: impl Fn(usize) -> Set) -> Set {
    let (mut found, mut staged) = (start, start);
    while staged != 0 {
        let more = bits(staged).fold(0, |set, at| set | next(at));
        staged = more & !found;
        found |= more;
    }
    found
}

/// A minimum cut: on its source side is the closure that exceeds a ratio by most.
struct Cut<'a> {
    cluster: &'a Cluster<'a>,
    remaining: Set,
    /// What a node still has to give, or to take.
    supply: Vec<i128>,
    demand: Vec<i128>,
    /// What flows from a child to a parent, by child and parent.
    flow: Vec<i128>,
    /// The closure; empty when none exceeds the ratio.
    source: Set,
}

impl<'a> Cut<'a> {
    fn new(cluster: &'a Cluster<'a>, remaining: Set, (fee, weight): (i64, i64)) -> Self {
        let count = cluster.nodes.len();
        let mut cut = Self {
            cluster,
            remaining,
            supply: vec![0; count],
            demand: vec![0; count],
            flow: vec![0; count * count],
            source: 0,
        };
        for at in bits(remaining) {
            let node = &cluster.nodes[at];
            let excess = i128::from(node.fee) * i128::from(weight) - i128::from(fee) * i128::from(node.weight);
            cut.supply[at] = excess.max(0);
            cut.demand[at] = (-excess).max(0);
        }
        while cut.augment() {}
        let left = bits(remaining).filter(|&at| cut.supply[at] > 0).fold(0, |set, at| set | 1 << at);
        cut.source = reach(left, |at| cut.residual(at));
        cut
    }

    /// Where a node can still send something: to its parents without limit, back to its children what they sent.
    fn residual(&self, at: usize) -> Set {
        let count = self.supply.len();
        let back = bits(self.cluster.children[at] & self.remaining).filter(|child| self.flow[child * count + at] > 0);
        (self.cluster.parents[at] & self.remaining) | back.fold(0, |set, child| set | 1 << child)
    }

    /// Sends what a shortest path takes; whether there was one.
    fn augment(&mut self) -> bool {
        let count = self.supply.len();
        let mut before = vec![usize::MAX; count];
        let mut found = bits(self.remaining).filter(|&at| self.supply[at] > 0).fold(0, |set, at| set | 1 << at);
        let mut queue: std::collections::VecDeque<usize> = bits(found).collect();
        while let Some(at) = queue.pop_front() {
            if self.demand[at] > 0 {
                self.send(at, &before);
                return true;
            }
            for next in bits(self.residual(at) & !found) {
                before[next] = at;
                found |= 1 << next;
                queue.push_back(next);
            }
        }
        false
    }

    fn send(&mut self, end: usize, before: &[usize]) {
        let count = self.supply.len();
        let mut steps = Vec::new();
        let mut at = end;
        while before[at] != usize::MAX {
            steps.push((before[at], at));
            at = before[at];
        }
        let is_forward = |from: usize, to: usize| self.cluster.parents[from] & 1 << to != 0;
        let limit =
            steps.iter().filter(|(from, to)| !is_forward(*from, *to)).map(|(from, to)| self.flow[to * count + from]);
        let amount = limit.fold(self.supply[at].min(self.demand[end]), i128::min);
        for (from, to) in steps {
            if is_forward(from, to) {
                self.flow[from * count + to] += amount;
            } else {
                self.flow[to * count + from] -= amount;
            }
        }
        self.supply[at] -= amount;
        self.demand[end] -= amount;
    }

    /// The smallest closure that reaches the ratio exactly: one that no residual path leaves (Picard and Queyranne 1980).
    fn smallest_tight(&self) -> Option<Set> {
        let closures = bits(self.remaining).map(|at| reach(1 << at, |at| self.residual(at)));
        let tight = closures.filter(|&set| bits(set).all(|at| self.demand[at] == 0));
        tight.min_by_key(|set| (set.count_ones(), set.trailing_zeros()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(fee: i64, weight: i64, parents: &[usize]) -> Node {
        Node { fee, weight, parents: parents.to_vec() }
    }

    fn shape(nodes: &[Node]) -> Vec<Vec<usize>> {
        linearize(nodes).into_iter().map(|chunk| chunk.members).collect()
    }

    #[test]
    fn a_child_pays_for_its_parents_when_that_pays() {
        assert_eq!(shape(&[node(1, 10, &[]), node(9, 10, &[0])]), [vec![0, 1]]);
        assert_eq!(shape(&[node(9, 10, &[]), node(1, 10, &[0])]), [vec![0], vec![1]]);
        assert_eq!(shape(&[node(0, 10, &[]), node(0, 10, &[]), node(30, 10, &[0, 1])]), [vec![0, 1, 2]]);
        // Two poor children together carry a parent that neither carries alone.
        assert_eq!(
            shape(&[node(0, 10, &[]), node(10, 10, &[0]), node(10, 10, &[0]), node(6, 10, &[])]),
            [vec![0, 1, 2], vec![3]]
        );
    }

    #[test]
    fn chunks_that_pay_the_same_stay_apart() {
        assert_eq!(shape(&[node(5, 10, &[]), node(5, 10, &[0]), node(5, 10, &[])]), [vec![0], vec![1], vec![2]]);
    }

    /// The best ratio of all closures, by trying them.
    fn best_by_trial(cluster: &Cluster<'_>, remaining: Set) -> (i64, i64) {
        let is_closed = |set: Set| bits(set).all(|at| cluster.parents[at] & remaining & !set == 0);
        let sets = (1..=remaining).filter(|set| set & !remaining == 0 && is_closed(*set));
        sets.map(|set| cluster.sums(set)).max_by(compare_ratios).unwrap()
    }

    proptest! {
        #[test]
        fn every_chunk_is_the_best_that_is_left(
            figures in prop::collection::vec((-20i64..60, 1i64..9, any::<u16>()), 1..9),
        ) {
            let nodes: Vec<Node> = figures.iter().enumerate().map(|(at, &(fee, weight, mask))| {
                node(fee, weight, &(0..at).filter(|parent| mask >> parent & 1 == 1).collect::<Vec<_>>())
            }).collect();
            let cluster = Cluster::new(&nodes);
            let mut remaining = full(nodes.len());
            for chunk in linearize(&nodes) {
                let best = best_by_trial(&cluster, remaining);
                prop_assert!(compare_ratios(&(chunk.fee, chunk.weight), &best).is_eq());
                for &member in &chunk.members {
                    prop_assert_eq!(cluster.parents[member] & remaining, 0, "parents come first");
                    remaining &= !(1 << member);
                }
            }
            prop_assert_eq!(remaining, 0);
        }
    }
}
