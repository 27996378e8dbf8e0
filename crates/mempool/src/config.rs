//! What a node's owner can set, with the defaults of Bitcoin Core 30.

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
    /// How many relatives a transaction may have in the mempool.
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

/// How large a family of unconfirmed transactions may grow. Every figure includes the transaction itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Ancestors (`-limitancestorcount`).
    pub ancestor_count: u64,
    /// Virtual bytes of the ancestors (`-limitancestorsize`, in thousands).
    pub ancestor_size_vbytes: i64,
    /// Descendants (`-limitdescendantcount`).
    pub descendant_count: u64,
    /// Virtual bytes of the descendants (`-limitdescendantsize`, in thousands).
    pub descendant_size_vbytes: i64,
}

impl Limits {
    /// No limits: for questions about families that exist already.
    pub const NONE: Self = Self {
        ancestor_count: u64::MAX,
        ancestor_size_vbytes: i64::MAX,
        descendant_count: u64::MAX,
        descendant_size_vbytes: i64::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ancestor_count: 25,
            ancestor_size_vbytes: 101_000,
            descendant_count: 25,
            descendant_size_vbytes: 101_000,
        }
    }
}
