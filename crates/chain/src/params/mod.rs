//! What differs between the networks: genesis, proof of work, activation heights, ports, seeds (Core's `chainparams`).

mod deployments;
mod networks;
mod options;

use bitcoin::p2p::Magic;
use bitcoin::{Amount, Block, BlockHash, Network, ScriptBuf, Target, Work};
use pumasi_script::Flags;

pub use deployments::{Buried, Deployment, VersionBits};
pub use options::OptionError;

/// Most that a block may weigh, in weight units.
pub const MAX_BLOCK_WEIGHT: u64 = 4_000_000;
/// Most signature operations in a block, where one outside of a witness costs four.
pub const MAX_BLOCK_SIGOPS_COST: u64 = 80_000;
/// Weight units of one byte outside of the witness.
pub const WITNESS_SCALE_FACTOR: u64 = 4;
/// Confirmations after which a coinbase may be spent.
pub const COINBASE_MATURITY: u32 = 100;
/// Most satoshi that can be: 21 million bitcoin.
pub const MAX_MONEY: u64 = 2_100_000_000_000_000;
/// Seconds that a block's timestamp may be ahead of our clock.
pub const MAX_FUTURE_BLOCK_TIME: i64 = 2 * 60 * 60;
/// Seconds by which the first block of a period may be older than its parent (BIP94).
pub const MAX_TIMEWARP: i64 = 600;
/// Blocks below the tip that are always kept when pruning, and the distance ahead of the tip at which a block that
/// nobody asked for is dropped.
pub const MIN_BLOCKS_TO_KEEP: u32 = 288;
/// Seconds after which the tip is too old for the node to count as synced, unless told otherwise.
pub const DEFAULT_MAX_TIP_AGE: i64 = 24 * 60 * 60;

/// Figures of the headers presync: how often to commit, and how much to hold back (Core's `HeadersSyncParams`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadersSyncParams {
    /// Headers between two commitments.
    pub commitment_period: u32,
    /// Headers held back in the second pass until their commitments are proven.
    pub redownload_buffer_size: u32,
}

/// The rules and the meeting points of one network.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Params {
    /// Which network.
    pub network: Network,
    /// The first block; its coinbase cannot be spent.
    pub genesis: Block,
    /// Blocks between two halvings of the subsidy.
    pub subsidy_halving_interval: u32,
    /// Blocks that are valid, but only under other script flags than those of their height.
    pub script_flag_exceptions: Vec<(BlockHash, Flags)>,
    /// Height from which the coinbase starts with its height (BIP34).
    pub bip34_height: u32,
    /// Block at [`Params::bip34_height`]; on the chain that has it no coinbase can repeat.
    pub bip34_hash: BlockHash,
    /// Height from which OP_CHECKLOCKTIMEVERIFY holds (BIP65).
    pub bip65_height: u32,
    /// Height from which signatures must be strict DER (BIP66).
    pub bip66_height: u32,
    /// Height from which relative locks hold (BIP68, BIP112, BIP113).
    pub csv_height: u32,
    /// Height from which witnesses are committed to, and the dummy of CHECKMULTISIG is null (BIP141, BIP147).
    pub segwit_height: u32,
    /// Height below which unknown version bits are not warned of.
    pub min_bip9_warning_height: u32,
    /// Soft forks by version bits (BIP9).
    pub deployments: Vec<VersionBits>,
    /// Easiest target.
    pub pow_limit: Target,
    /// Blocks that come late may have the easiest target (test networks).
    pub allow_min_difficulty_blocks: bool,
    /// Testnet4's answers to the time warp and to block storms (BIP94).
    pub enforce_bip94: bool,
    /// The difficulty never changes (regtest).
    pub no_retargeting: bool,
    /// Seconds wished between two blocks.
    pub pow_target_spacing: i64,
    /// Seconds wished for one difficulty period.
    pub pow_target_timespan: i64,
    /// Work that the best chain has at least.
    pub minimum_chain_work: Work,
    /// A block whose ancestors' scripts are taken to be valid; all zero for none.
    pub assume_valid: BlockHash,
    /// The script that every block must satisfy, on signet (BIP325).
    pub signet_challenge: Option<ScriptBuf>,
    /// First bytes of every message.
    pub magic: Magic,
    /// Port that peers listen on.
    pub default_port: u16,
    /// Port of the JSON-RPC server.
    pub default_rpc_port: u16,
    /// Name of the network in the RPC and on the disk: `main`, `testnet4`, `signet`, `regtest`.
    pub name: &'static str,
    /// Folder below the data directory; empty on the main network.
    pub data_folder: &'static str,
    /// DNS names that answer with peers.
    pub dns_seeds: Vec<String>,
    /// Peers for when DNS gives nothing, each `(network id, compact size, address, port)` of BIP155.
    pub fixed_seeds: &'static [u8],
    /// Height below which pruning does not start.
    pub prune_after_height: u32,
    /// GB that the blocks are assumed to need, for the warning about a small disk.
    pub assumed_blockchain_size: u64,
    /// GB that the coins are assumed to need.
    pub assumed_chain_state_size: u64,
    /// Figures of the headers presync.
    pub headers_sync: HeadersSyncParams,
    /// Time may be mocked (regtest).
    pub mockable: bool,
    /// Time, transactions and transactions per second as of a known block, to guess how far the sync is.
    pub tx_data: (u32, u64, f64),
}

impl Params {
    /// The parameters of a network; `None` for testnet3, which is not supported.
    pub fn new(network: Network) -> Option<Self> {
        match network {
            Network::Bitcoin => Some(Self::main()),
            Network::Testnet4 => Some(Self::testnet4()),
            Network::Signet => Some(Self::signet()),
            Network::Regtest => Some(Self::regtest()),
            _ => None,
        }
    }

    /// Hash of the first block.
    pub fn genesis_hash(&self) -> BlockHash {
        self.genesis.block_hash()
    }

    /// Blocks of one difficulty period.
    pub fn difficulty_adjustment_interval(&self) -> u32 {
        (self.pow_target_timespan / self.pow_target_spacing) as u32
    }

    /// Whether a soft fork of fixed height holds for a block at this height.
    pub fn active_at(&self, fork: Buried, height: u32) -> bool {
        height >= self.activation_height(fork)
    }

    /// Height from which a soft fork of fixed height holds.
    pub fn activation_height(&self, fork: Buried) -> u32 {
        match fork {
            Buried::HeightInCoinbase => self.bip34_height,
            Buried::Cltv => self.bip65_height,
            Buried::DerSig => self.bip66_height,
            Buried::Csv => self.csv_height,
            Buried::Segwit => self.segwit_height,
        }
    }

    /// The BIP9 parameters of a deployment, if this network knows it.
    pub fn deployment(&self, deployment: Deployment) -> Option<&VersionBits> {
        self.deployments.iter().find(|d| d.deployment == deployment)
    }

    /// What the miner of a block may create out of nothing.
    pub fn block_subsidy(&self, height: u32) -> Amount {
        let halvings = height / self.subsidy_halving_interval;
        Amount::from_sat((50 * Amount::ONE_BTC.to_sat()).checked_shr(halvings).unwrap_or(0))
    }

    /// The script flags under which a block's inputs are checked.
    pub fn script_flags(&self, height: u32, hash: &BlockHash) -> Flags {
        // P2SH, witness and taproot hold from the first block on, but for the blocks that break them.
        let exception = self.script_flag_exceptions.iter().find(|(block, _)| block == hash);
        let mut flags = exception.map_or(Flags::P2SH | Flags::WITNESS | Flags::TAPROOT, |(_, flags)| *flags);
        for (fork, flag) in [
            (Buried::DerSig, Flags::DERSIG),
            (Buried::Cltv, Flags::CHECKLOCKTIMEVERIFY),
            (Buried::Csv, Flags::CHECKSEQUENCEVERIFY),
            (Buried::Segwit, Flags::NULLDUMMY),
        ] {
            if self.active_at(fork, height) {
                flags |= flag;
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_hashes_are_those_of_the_networks() {
        for (network, hash) in [
            (Network::Bitcoin, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
            (Network::Testnet4, "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
            (Network::Signet, "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
            (Network::Regtest, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
        ] {
            let params = Params::new(network).unwrap();
            assert_eq!(params.genesis_hash().to_string(), hash);
            assert!(crate::pow::check_proof_of_work(&params.genesis.header, &params).is_ok());
        }
        assert!(Params::new(Network::Testnet).is_none());
    }

    #[test]
    fn signet_magic_follows_from_the_challenge() {
        assert_eq!(Params::signet().magic.to_bytes(), [0x0a, 0x03, 0xcf, 0x40]);
        let own = Params::signet_with(ScriptBuf::from_bytes(vec![0x51]));
        assert_eq!(own.magic.to_bytes(), [0x54, 0xd2, 0x6f, 0xbd]);
        assert!(own.dns_seeds.is_empty() && own.fixed_seeds.is_empty());
    }

    /// Core's `subsidy_limit_test`: the sum of all subsidies, in steps of a thousand blocks.
    #[test]
    fn subsidies_halve_and_sum_up_to_less_than_21_million() {
        let params = Params::main();
        assert_eq!(params.block_subsidy(0).to_sat(), 5_000_000_000);
        assert_eq!(params.block_subsidy(209_999).to_sat(), 5_000_000_000);
        assert_eq!(params.block_subsidy(210_000).to_sat(), 2_500_000_000);
        assert_eq!(params.block_subsidy(64 * 210_000).to_sat(), 0);
        let sum: u64 = (0..14_000_000).step_by(1000).map(|h| params.block_subsidy(h).to_sat() * 1000).sum();
        assert_eq!(sum, 2_099_999_997_690_000);
        assert_eq!(Params::regtest().block_subsidy(150).to_sat(), 2_500_000_000);
    }

    #[test]
    fn script_flags_follow_height_and_exceptions() {
        let params = Params::main();
        let zero = params.genesis_hash();
        assert_eq!(params.script_flags(0, &zero), Flags::P2SH | Flags::WITNESS | Flags::TAPROOT);
        let all = Flags::P2SH
            | Flags::WITNESS
            | Flags::TAPROOT
            | Flags::DERSIG
            | Flags::CHECKLOCKTIMEVERIFY
            | Flags::CHECKSEQUENCEVERIFY
            | Flags::NULLDUMMY;
        assert_eq!(params.script_flags(800_000, &zero), all);
        let bip16 = "00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22".parse().unwrap();
        assert_eq!(params.script_flags(170_060, &bip16), Flags::NONE);
    }

    #[test]
    fn fixed_seeds_are_whole_bip155_records() {
        for params in [Params::main(), Params::testnet4(), Params::signet()] {
            let (mut rest, mut count) = (params.fixed_seeds, 0);
            while let [_, length, tail @ ..] = rest {
                rest = &tail[usize::from(*length) + 2..];
                count += 1;
            }
            assert!(rest.is_empty() && count > 100, "{}: {count}", params.name);
        }
    }
}
