//! Votes of miners for soft forks (BIP9).

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::params::{Deployment, Params, VersionBits};
use crate::tree::{BlockId, Entry, HeaderTree};

/// The three bits that say that the others are votes.
const TOP_BITS: i32 = 0x2000_0000;
const TOP_MASK: i32 = 0xe000_0000_u32 as i32;
/// Bits that are watched for votes that we do not know.
const WATCHED_BITS: u8 = 29;

/// How far a vote is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThresholdState {
    /// The start time is not reached.
    Defined,
    /// Votes are counted.
    Started,
    /// A period had enough votes.
    LockedIn,
    /// The rules hold.
    Active,
    /// Time ran out.
    Failed,
}

impl ThresholdState {
    /// Name in `getdeploymentinfo`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Defined => "defined",
            Self::Started => "started",
            Self::LockedIn => "locked_in",
            Self::Active => "active",
            Self::Failed => "failed",
        }
    }
}

/// The count of a period that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Blocks of a period.
    pub period: u32,
    /// Votes that lock in; 0 once locked in.
    pub threshold: u32,
    /// Blocks of this period so far.
    pub elapsed: u32,
    /// Votes among them.
    pub count: u32,
    /// Whether there can still be enough.
    pub possible: bool,
}

/// All about a vote, as of some block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Height since which the state of the block holds.
    pub since: u32,
    /// State of the block.
    pub current: ThresholdState,
    /// State of its child.
    pub next: ThresholdState,
    /// The count, while there is one.
    pub statistics: Option<Statistics>,
    /// Which blocks of the period voted, while votes count.
    pub signalling: Vec<bool>,
    /// Height from which the rules hold, if that is known.
    pub active_since: Option<u32>,
}

/// A condition that blocks vote for: the BIP9 of a deployment, or of a bit that we do not know.
trait Condition {
    fn start_time(&self) -> i64;
    fn timeout(&self) -> i64;
    fn min_activation_height(&self) -> u32;
    fn period(&self) -> u32;
    fn threshold(&self) -> u32;
    fn votes(&mut self, tree: &HeaderTree, entry: &Entry) -> bool;
}

impl Condition for &VersionBits {
    fn start_time(&self) -> i64 {
        self.start_time
    }

    fn timeout(&self) -> i64 {
        self.timeout
    }

    fn min_activation_height(&self) -> u32 {
        self.min_activation_height
    }

    fn period(&self) -> u32 {
        self.period
    }

    fn threshold(&self) -> u32 {
        self.threshold
    }

    fn votes(&mut self, _: &HeaderTree, entry: &Entry) -> bool {
        signals(entry, self.bit)
    }
}

/// Whether a block's version sets this bit as a vote.
fn signals(entry: &Entry, bit: u8) -> bool {
    let version = entry.header.version.to_consensus();
    version & TOP_MASK == TOP_BITS && version >> bit & 1 == 1
}

/// States by the last block of the period before; none for the period of the genesis block.
type States = HashMap<Option<BlockId>, ThresholdState>;

/// Remembers the states, which only change from period to period.
#[derive(Debug, Default)]
pub struct VersionBitsCache {
    deployments: HashMap<Deployment, States>,
    unknown: HashMap<u8, States>,
}

impl VersionBitsCache {
    /// The state of the child of `parent`; with none, of the genesis block.
    pub fn state_after(&mut self, tree: &HeaderTree, parent: Option<BlockId>, vote: &VersionBits) -> ThresholdState {
        let states = self.deployments.entry(vote.deployment).or_default();
        state_after(tree, parent, &mut { vote }, states)
    }

    /// All about a vote as of this block.
    pub fn info(&mut self, tree: &HeaderTree, block: BlockId, mut vote: &VersionBits) -> Info {
        let states = self.deployments.entry(vote.deployment).or_default();
        let parent = tree[block].parent;
        let current = state_after(tree, parent, &mut vote, states);
        let next = state_after(tree, Some(block), &mut vote, states);
        let since = since(tree, parent, &mut vote, states);
        let counted = matches!(current, ThresholdState::Started | ThresholdState::LockedIn);
        let (statistics, signalling) = if counted { count(tree, block, vote, current) } else { (None, Vec::new()) };
        let active_since = match (current, next) {
            (ThresholdState::Active, _) => Some(since),
            (_, ThresholdState::Active) => Some(tree[block].height + 1),
            _ => None,
        };
        Info { since, current, next, statistics, signalling, active_since }
    }

    /// The version of a child of `parent` that votes for all that can be voted for.
    pub fn block_version(&mut self, tree: &HeaderTree, parent: Option<BlockId>, params: &Params) -> i32 {
        params.deployments.iter().fold(TOP_BITS, |version, vote| {
            let state = self.state_after(tree, parent, vote);
            let voted = matches!(state, ThresholdState::LockedIn | ThresholdState::Started);
            if voted { version | 1 << vote.bit } else { version }
        })
    }

    /// Bits for rules that we do not know, of which the miners of this block's chain have locked in one, and whether
    /// it is active (else it will be soon). The node may be too old.
    pub fn unknown_activations(&mut self, tree: &HeaderTree, block: BlockId, params: &Params) -> Vec<(u8, bool)> {
        let test = params.network != bitcoin::Network::Bitcoin;
        let period = if test { params.difficulty_adjustment_interval() } else { 2016 };
        let threshold = if test { period * 3 / 4 } else { 1815 };
        let Self { deployments, unknown } = self;
        (0..WATCHED_BITS)
            .filter_map(|bit| {
                let mut condition = Unknown { bit, period, threshold, params, deployments };
                let state = state_after(tree, Some(block), &mut condition, unknown.entry(bit).or_default());
                match state {
                    ThresholdState::Active => Some((bit, true)),
                    ThresholdState::LockedIn => Some((bit, false)),
                    _ => None,
                }
            })
            .collect()
    }
}

/// A bit that blocks set although no vote that we know asks for it.
struct Unknown<'a> {
    bit: u8,
    period: u32,
    threshold: u32,
    params: &'a Params,
    deployments: &'a mut HashMap<Deployment, States>,
}

impl Condition for Unknown<'_> {
    fn start_time(&self) -> i64 {
        0
    }

    fn timeout(&self) -> i64 {
        i64::MAX
    }

    fn min_activation_height(&self) -> u32 {
        0
    }

    fn period(&self) -> u32 {
        self.period
    }

    fn threshold(&self) -> u32 {
        self.threshold
    }

    fn votes(&mut self, tree: &HeaderTree, entry: &Entry) -> bool {
        entry.height >= self.params.min_bip9_warning_height
            && signals(entry, self.bit)
            && !self.params.deployments.iter().filter(|vote| vote.bit == self.bit).any(|mut vote| {
                let states = self.deployments.entry(vote.deployment).or_default();
                let state = state_after(tree, entry.parent, &mut vote, states);
                matches!(state, ThresholdState::LockedIn | ThresholdState::Started)
            })
    }
}

/// The last block of the period before that of a child of `parent`: all blocks of a period share its state.
fn period_end(tree: &HeaderTree, parent: Option<BlockId>, period: u32) -> Option<BlockId> {
    let parent = parent?;
    let height = tree[parent].height;
    tree.ancestor(parent, height.checked_sub((height + 1) % period)?)
}

/// The last block of the period before the one that ends with this block.
fn one_period_back(tree: &HeaderTree, end: BlockId, period: u32) -> Option<BlockId> {
    tree.ancestor(end, tree[end].height.checked_sub(period)?)
}

fn state_after(
    tree: &HeaderTree,
    parent: Option<BlockId>,
    condition: &mut impl Condition,
    states: &mut States,
) -> ThresholdState {
    match condition.start_time() {
        VersionBits::ALWAYS_ACTIVE => return ThresholdState::Active,
        VersionBits::NEVER_ACTIVE => return ThresholdState::Failed,
        _ => {}
    }
    let mut end = period_end(tree, parent, condition.period());
    let mut unknown = Vec::new();
    let mut state = loop {
        if let Some(&known) = states.get(&end) {
            break known;
        }
        match end {
            Some(id) if i64::from(tree.median_time_past(id)) >= condition.start_time() => {
                unknown.push(id);
                end = one_period_back(tree, id, condition.period());
            }
            _ => {
                states.insert(end, ThresholdState::Defined);
                break ThresholdState::Defined;
            }
        }
    };
    for id in unknown.into_iter().rev() {
        state = step(tree, id, condition, state);
        states.insert(Some(id), state);
    }
    state
}

/// The state of the period after the one that ends with this block and had this state.
fn step(tree: &HeaderTree, end: BlockId, condition: &mut impl Condition, state: ThresholdState) -> ThresholdState {
    let median = i64::from(tree.median_time_past(end));
    match state {
        ThresholdState::Defined if median >= condition.start_time() => ThresholdState::Started,
        ThresholdState::Started => {
            let blocks = tree.ancestors(end).take(condition.period() as usize);
            let votes = blocks.filter(|&id| condition.votes(tree, &tree[id])).count();
            if votes >= condition.threshold() as usize {
                ThresholdState::LockedIn
            } else if median >= condition.timeout() {
                ThresholdState::Failed
            } else {
                ThresholdState::Started
            }
        }
        ThresholdState::LockedIn if tree[end].height + 1 >= condition.min_activation_height() => ThresholdState::Active,
        same => same,
    }
}

/// Height since which the state of the child of `parent` holds.
fn since(tree: &HeaderTree, parent: Option<BlockId>, condition: &mut impl Condition, states: &mut States) -> u32 {
    let fixed = [VersionBits::ALWAYS_ACTIVE, VersionBits::NEVER_ACTIVE].contains(&condition.start_time());
    let state = if fixed { ThresholdState::Defined } else { state_after(tree, parent, condition, states) };
    let Some(mut end) = period_end(tree, parent, condition.period()) else { return 0 };
    if state == ThresholdState::Defined {
        return 0;
    }
    while let Some(before) = one_period_back(tree, end, condition.period())
        && state_after(tree, Some(before), condition, states) == state
    {
        end = before;
    }
    tree[end].height + 1
}

/// The count of the period of this block, up to it.
fn count(
    tree: &HeaderTree,
    block: BlockId,
    mut vote: &VersionBits,
    state: ThresholdState,
) -> (Option<Statistics>, Vec<bool>) {
    let elapsed = 1 + tree[block].height % vote.period;
    let blocks = tree.ancestors(block).take(elapsed as usize);
    let mut signalling: Vec<bool> = blocks.map(|id| vote.votes(tree, &tree[id])).collect();
    signalling.reverse();
    let count = signalling.iter().filter(|&&voted| voted).count() as u32;
    let locked_in = state == ThresholdState::LockedIn;
    let statistics = Statistics {
        period: vote.period,
        threshold: if locked_in { 0 } else { vote.threshold },
        elapsed,
        count,
        possible: !locked_in && vote.period - vote.threshold >= elapsed - count,
    };
    (Some(statistics), signalling)
}
