//! Policy: what this node relays and mines, beyond what consensus allows. Figures of Bitcoin Core 30.

mod dust;
mod ephemeral;
mod inputs;
mod package;
mod replacement;
mod size;
pub mod solver;
mod standard;
mod truc;
mod witness;

pub use dust::{dust_threshold, is_dust};
pub use package::{MAX_PACKAGE_COUNT, MAX_PACKAGE_WEIGHT, is_child_with_parents, is_child_with_parents_tree};
pub use replacement::MAX_REPLACEMENT_CANDIDATES;
pub use size::virtual_size;

pub(crate) use dust::dust_outputs;
pub(crate) use ephemeral::{check_dust_is_free, check_dust_is_spent};
pub(crate) use inputs::{check_inputs_standard, spends_witness_program};
pub(crate) use package::check_package;
pub(crate) use replacement::{check_diagram, check_disjoint, check_fees, replaced};
pub(crate) use size::adjusted_weight;
pub(crate) use standard::{check_not_too_small, check_standard};
pub(crate) use truc::{check_package_truc, check_truc};
pub(crate) use witness::check_witness_standard;
