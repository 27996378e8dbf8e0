//! What a node's owner can set, with the defaults of Bitcoin Core 31.

use crate::FeeRate;

/// The settings of a mempool.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether only standard transactions are admitted (`-acceptnonstdtxn=0`; always on the main network).
    pub require_standard: bool,
    /// The memory the mempool may use, in bytes (`-maxmempool`, in millions of bytes).
    pub max_size_bytes: usize,
    /// How long a transaction may wait, in seconds (`-mempoolexpiry`, in hours).
    pub expiry_seconds: i64,
    /// The least fee rate that is relayed (`-minrelaytxfee`).
    pub min_relay_feerate: FeeRate,
    /// What a replacement must add, and what each eviction adds to the least fee rate (`-incrementalrelayfee`).
    pub incremental_relay_feerate: FeeRate,
    /// The fee rate at which an output costs more to spend than it is worth (`-dustrelayfee`).
    pub dust_relay_feerate: FeeRate,
    /// The bytes of all `OP_RETURN` scripts of a transaction together; `None` admits none
    /// (`-datacarriersize`, `-datacarrier=0`).
    pub max_datacarrier_bytes: Option<u32>,
    /// Whether outputs may be bare multisig scripts (`-permitbaremultisig`).
    pub permit_bare_multisig: bool,
    /// The virtual bytes that one signature operation weighs at least (`-bytespersigop`).
    pub bytes_per_sigop: u32,
    /// How many transactions may hang together in the mempool.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            require_standard: true,
            max_size_bytes: 300_000_000,
            expiry_seconds: 336 * 3600,
            min_relay_feerate: FeeRate::from_sat_per_kvb(100),
            incremental_relay_feerate: FeeRate::from_sat_per_kvb(100),
            dust_relay_feerate: FeeRate::from_sat_per_kvb(3000),
            max_datacarrier_bytes: Some(100_000),
            permit_bare_multisig: true,
            bytes_per_sigop: 20,
            limits: Limits::default(),
        }
    }
}

/// How large a cluster may grow: transactions that hang together by parents and children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions (`-limitclustercount`), at most 64.
    pub cluster_count: u64,
    /// Virtual bytes (`-limitclustersize`, in thousands).
    pub cluster_size_vbytes: i64,
}

impl Limits {
    /// The most that `-limitclustercount` takes.
    pub const MAX_CLUSTER_COUNT: u64 = crate::linearize::MAX_CLUSTER_COUNT as u64;
    /// No limits: for clusters that exist already.
    pub(crate) const NONE: Self = Self { cluster_count: u64::MAX, cluster_size_vbytes: i64::MAX };
}

impl Default for Limits {
    fn default() -> Self {
        Self { cluster_count: Self::MAX_CLUSTER_COUNT, cluster_size_vbytes: 101_000 }
    }
}
