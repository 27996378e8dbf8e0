//! Clusters: transactions that hang together by parents and children, each in its best order.

use std::collections::{BTreeSet, HashMap};

use bitcoin::Txid;

use super::{Mempool, table::Table};
use crate::{
    FeeRate, Limits,
    entry::{Admission, Slot},
    linearize::{self, Node, linearize},
};

/// Names a cluster until it changes.
pub(crate) type ClusterId = u64;

/// Transactions that are mined together, and what they pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotChunk {
    /// Parents before children.
    pub(crate) members: Vec<Slot>,
    /// Satoshis, with prioritisation.
    pub(crate) fee: i64,
    /// Weight, raised where signature operations weigh more.
    pub(crate) weight: i64,
}

/// A corner of a diagram, or a step of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fee: i64,
    pub(crate) weight: i64,
}

impl SlotChunk {
    pub(crate) fn step(&self) -> Step {
        Step { fee: self.fee, weight: self.weight }
    }

    pub(crate) fn feerate(&self) -> FeeRate {
        self.step().feerate()
    }
}

impl Step {
    pub(crate) fn feerate(self) -> FeeRate {
        FeeRate::of(self.fee, self.weight)
    }

    /// The same by virtual size, in which fee rates are told.
    pub(crate) fn feerate_by_vsize(self) -> FeeRate {
        FeeRate::of(self.fee, self.weight.saturating_add(3) / 4)
    }
}

/// A chunk as the RPC tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterChunk {
    /// Satoshis, with prioritisation.
    pub fee: i64,
    /// Weight, raised where signature operations weigh more.
    pub weight: i64,
    /// Parents before children.
    pub txids: Vec<Txid>,
}

/// All clusters.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    next: ClusterId,
    by_id: HashMap<ClusterId, Vec<SlotChunk>>,
    /// The last chunk of each cluster, worst first.
    worst: BTreeSet<(FeeRate, ClusterId)>,
}

impl Clusters {
    pub(crate) fn get(&self, id: ClusterId) -> &[SlotChunk] {
        self.by_id.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClusterId, &[SlotChunk])> {
        self.by_id.iter().map(|(&id, chunks)| (id, chunks.as_slice()))
    }

    /// The chunk that pays least of all.
    pub(crate) fn worst(&self) -> Option<&SlotChunk> {
        self.worst.first().and_then(|(_, id)| self.get(*id).last())
    }

    fn insert(&mut self, chunks: Vec<SlotChunk>) -> ClusterId {
        let id = self.next;
        self.next += 1;
        if let Some(last) = chunks.last() {
            self.worst.insert((last.feerate(), id));
        }
        self.by_id.insert(id, chunks);
        id
    }

    /// Forgets a cluster; its members.
    pub(super) fn remove(&mut self, id: ClusterId) -> Vec<Slot> {
        let Some(chunks) = self.by_id.remove(&id) else { return Vec::new() };
        if let Some(last) = chunks.last() {
            self.worst.remove(&(last.feerate(), id));
        }
        chunks.into_iter().flat_map(|chunk| chunk.members).collect()
    }
}

impl Table {
    /// Everything that hangs together with `seed`.
    pub(super) fn component(&self, seed: Slot) -> BTreeSet<Slot> {
        let mut found = BTreeSet::from([seed]);
        let mut staged = vec![seed];
        while let Some(slot) = staged.pop() {
            let entry = &self[slot];
            staged.extend(entry.parents.iter().chain(&entry.children).filter(|&&relative| found.insert(relative)));
        }
        found
    }

    /// The cluster of these slots, ready to be ordered.
    fn nodes(&self, slots: &[Slot]) -> Vec<Node> {
        let place: HashMap<Slot, usize> = slots.iter().enumerate().map(|(at, &slot)| (slot, at)).collect();
        let node = |&slot: &Slot| {
            let entry = &self[slot];
            Node {
                fee: entry.modified_fee(),
                weight: entry.adjusted_weight(),
                parents: entry.parents.iter().filter_map(|parent| place.get(parent).copied()).collect(),
            }
        };
        slots.iter().map(node).collect()
    }
}

/// What would become of clusters if some transactions came and others went.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// The chunks that there are now in the clusters that would change.
    pub(crate) before: Vec<Step>,
    /// The chunks that would be there instead.
    pub(crate) after: Vec<Step>,
}

/// A transaction of a cluster that may come about: here already, or on its way in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Member {
    Here(Slot),
    New(usize),
}

/// A cluster would exceed a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Mempool {
    /// Orders anew the clusters that `seeds` are in now.
    pub(super) fn recluster(&mut self, seeds: impl IntoIterator<Item = Slot>) {
        let mut done = BTreeSet::new();
        for seed in seeds {
            if done.contains(&seed) || !self.table.holds(seed) {
                continue;
            }
            let component = self.table.component(seed);
            for &slot in &component {
                if let Some(id) = self.table[slot].cluster {
                    self.clusters.remove(id);
                }
            }
            // Those who entered first come first where nothing else decides.
            let mut slots: Vec<Slot> = component.iter().copied().collect();
            slots.sort_by_key(|&slot| (self.table[slot].ancestors.count, self.table[slot].txid()));
            let chunks: Vec<SlotChunk> = linearize(&self.table.nodes(&slots))
                .into_iter()
                .map(|chunk| SlotChunk {
                    members: chunk.members.into_iter().map(|member| slots[member]).collect(),
                    fee: chunk.fee,
                    weight: chunk.weight,
                })
                .collect();
            let places: Vec<(Slot, Step)> =
                chunks.iter().flat_map(|chunk| chunk.members.iter().map(|&slot| (slot, chunk.step()))).collect();
            let id = self.clusters.insert(chunks);
            for (place, (slot, chunk)) in (0..).zip(places) {
                let entry = &mut self.table[slot];
                (entry.cluster, entry.place, entry.chunk) = (Some(id), place, chunk);
            }
            done.extend(component);
        }
    }

    /// The cluster of a transaction, best chunk first (RPC `getmempoolcluster`).
    pub fn cluster(&self, txid: &Txid) -> Option<Vec<ClusterChunk>> {
        let id = self.entry(txid)?.cluster?;
        let chunk = |chunk: &SlotChunk| ClusterChunk {
            fee: chunk.fee,
            weight: chunk.weight,
            txids: chunk.members.iter().map(|&slot| self.table[slot].txid()).collect(),
        };
        Some(self.clusters.get(id).iter().map(chunk).collect())
    }

    /// The corners of the curve of fees over weight, from nothing on: (satoshis, weight), best chunk first
    /// (RPC `getmempoolfeeratediagram`).
    pub fn feerate_diagram(&self) -> Vec<(i64, i64)> {
        let mut steps: Vec<Step> =
            self.clusters.iter().flat_map(|(_, chunks)| chunks.iter().map(SlotChunk::step)).collect();
        steps.sort_by_key(|step| std::cmp::Reverse(step.feerate()));
        let mut corners = vec![(0, 0)];
        let mut sum = (0i64, 0i64);
        for step in steps {
            sum = (sum.0.saturating_add(step.fee), sum.1 + step.weight);
            corners.push(sum);
        }
        corners
    }

    /// How many clusters these transactions are in.
    pub(crate) fn count_clusters(&self, slots: &BTreeSet<Slot>) -> usize {
        slots.iter().map(|&slot| self.table[slot].cluster).collect::<BTreeSet<_>>().len()
    }

    /// What happens to the clusters when `new` come, parents before children, and `leaving`, with all that descends from
    /// them, go.
    ///
    /// # Errors
    /// [`TooLarge`] when a cluster would exceed a limit.
    pub(crate) fn outlook(&self, new: &[&Admission], leaving: &BTreeSet<Slot>) -> Result<Outlook, TooLarge> {
        let hypothesis = Hypothesis::new(self, new, leaving);
        let mut affected: BTreeSet<ClusterId> = leaving.iter().filter_map(|&slot| self.table[slot].cluster).collect();
        let mut done: BTreeSet<Member> = BTreeSet::new();
        let mut outlook = Outlook::default();
        for at in 0..new.len() {
            if done.contains(&Member::New(at)) {
                continue;
            }
            let component = hypothesis.component(Member::New(at), &self.config.limits)?;
            affected.extend(component.iter().filter_map(|member| match member {
                Member::Here(slot) => self.table[*slot].cluster,
                Member::New(_) => None,
            }));
            outlook.after.extend(hypothesis.chunks(&component));
            done.extend(component);
        }
        for id in affected {
            for chunk in self.clusters.get(id) {
                outlook.before.push(chunk.step());
                for &slot in chunk.members.iter().filter(|slot| !leaving.contains(slot)) {
                    if !done.contains(&Member::Here(slot)) {
                        // A part of an old cluster is no larger than that was.
                        let component = hypothesis.component(Member::Here(slot), &Limits::NONE)?;
                        outlook.after.extend(hypothesis.chunks(&component));
                        done.extend(component);
                    }
                }
            }
        }
        Ok(outlook)
    }
}

struct Hypothesis<'a> {
    pool: &'a Mempool,
    new: &'a [&'a Admission],
    leaving: &'a BTreeSet<Slot>,
    parents: Vec<BTreeSet<Member>>,
    /// New children of what is here.
    children: HashMap<Member, Vec<Member>>,
}

impl<'a> Hypothesis<'a> {
    fn new(pool: &'a Mempool, new: &'a [&'a Admission], leaving: &'a BTreeSet<Slot>) -> Self {
        let by_txid: HashMap<Txid, usize> =
            new.iter().enumerate().map(|(at, admission)| (admission.txid, at)).collect();
        let parents_of = |admission: &&Admission| {
            let spent = admission.tx.input.iter().map(|input| input.previous_output.txid);
            let member = |txid: Txid| match by_txid.get(&txid) {
                Some(&at) => Some(Member::New(at)),
                None => pool.table.slot(&txid).filter(|slot| !leaving.contains(slot)).map(Member::Here),
            };
            spent.filter_map(member).collect()
        };
        let parents: Vec<BTreeSet<Member>> = new.iter().map(parents_of).collect();
        let mut children: HashMap<Member, Vec<Member>> = HashMap::new();
        for (at, all) in parents.iter().enumerate() {
            all.iter().for_each(|&parent| children.entry(parent).or_default().push(Member::New(at)));
        }
        Self { pool, new, leaving, parents, children }
    }

    fn relatives(&self, member: Member) -> Vec<Member> {
        let mut all: Vec<Member> = self.children.get(&member).cloned().unwrap_or_default();
        match member {
            Member::New(at) => all.extend(&self.parents[at]),
            Member::Here(slot) => {
                let entry = &self.pool.table[slot];
                let here = entry.parents.iter().chain(&entry.children).filter(|slot| !self.leaving.contains(slot));
                all.extend(here.map(|&slot| Member::Here(slot)));
            }
        }
        all
    }

    fn weight(&self, member: Member) -> i64 {
        match member {
            Member::New(at) => self.new[at].adjusted_weight,
            Member::Here(slot) => self.pool.table[slot].adjusted_weight(),
        }
    }

    fn component(&self, seed: Member, limits: &Limits) -> Result<Vec<Member>, TooLarge> {
        let mut found = BTreeSet::from([seed]);
        let mut staged = vec![seed];
        let mut weight = 0i64;
        while let Some(member) = staged.pop() {
            weight = weight.saturating_add(self.weight(member));
            staged.extend(self.relatives(member).into_iter().filter(|relative| found.insert(*relative)));
            if found.len() as u64 > limits.cluster_count || weight > limits.cluster_size_vbytes.saturating_mul(4) {
                return Err(TooLarge);
            }
        }
        Ok(found.into_iter().collect())
    }

    fn chunks(&self, component: &[Member]) -> Vec<Step> {
        let place: HashMap<Member, usize> = component.iter().enumerate().map(|(at, &member)| (member, at)).collect();
        let node = |&member: &Member| {
            let (fee, parents) = match member {
                Member::New(at) => (self.new[at].modified_fee(), self.parents[at].iter().copied().collect()),
                Member::Here(slot) => {
                    let entry = &self.pool.table[slot];
                    (entry.modified_fee(), entry.parents.iter().map(|&slot| Member::Here(slot)).collect::<Vec<_>>())
                }
            };
            let parents = parents.iter().filter_map(|parent| place.get(parent).copied()).collect();
            Node { fee, weight: self.weight(member), parents }
        };
        let nodes: Vec<Node> = component.iter().map(node).collect();
        linearize(&nodes)
            .into_iter()
            .map(|chunk: linearize::Chunk| Step { fee: chunk.fee, weight: chunk.weight })
            .collect()
    }
}
