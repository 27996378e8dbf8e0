//! The figures of each network, from Core's `kernel/chainparams.cpp` (v31).

use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::p2p::Magic;
use bitcoin::{BlockHash, Network, ScriptBuf, Target, Work, constants::genesis_block};
use pumasi_script::Flags;

use super::{Deployment, HeadersSyncParams, Params, VersionBits};

const TWO_WEEKS: i64 = 14 * 24 * 60 * 60;

impl Params {
    /// The main network.
    pub fn main() -> Self {
        Self {
            script_flag_exceptions: vec![
                // The one block that breaks P2SH (BIP16), and the one that breaks taproot.
                (hash("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22"), Flags::NONE),
                (
                    hash("0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad"),
                    Flags::P2SH | Flags::WITNESS,
                ),
            ],
            bip34_height: 227_931,
            bip34_hash: hash("000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8"),
            bip65_height: 388_381,
            bip66_height: 363_725,
            csv_height: 419_328,
            segwit_height: 481_824,
            min_bip9_warning_height: 711_648,
            deployments: vec![test_dummy(VersionBits::NEVER_ACTIVE, 1815, 2016)],
            minimum_chain_work: work("0000000000000000000000000000000000000001128750f82f4c366153a3a030"),
            assume_valid: hash("00000000000000000000ccebd6d74d9194d8dcdc1d177c478e094bfad51ba5ac"),
            magic: Magic::BITCOIN,
            default_port: 8333,
            default_rpc_port: 8332,
            name: "main",
            data_folder: "",
            dns_seeds: names(&[
                "dnsseed.bluematt.me.",
                "seed.bitcoin.jonasschnelli.ch.",
                "seed.btc.petertodd.net.",
                "seed.bitcoin.sprovoost.nl.",
                "dnsseed.emzy.de.",
                "seed.bitcoin.wiz.biz.",
                "seed.mainnet.achownodes.xyz.",
            ]),
            fixed_seeds: include_bytes!("seeds/main.bin"),
            prune_after_height: 100_000,
            assumed_blockchain_size: 856,
            assumed_chain_state_size: 14,
            headers_sync: HeadersSyncParams { commitment_period: 641, redownload_buffer_size: 15_218 },
            tx_data: (1_772_055_173, 1_315_805_869, 5.401_110_064_962_24),
            ..Self::base(Network::Bitcoin)
        }
    }

    /// The fourth test network (BIP94).
    pub fn testnet4() -> Self {
        Self {
            allow_min_difficulty_blocks: true,
            enforce_bip94: true,
            deployments: vec![test_dummy(VersionBits::NEVER_ACTIVE, 1512, 2016)],
            minimum_chain_work: work("0000000000000000000000000000000000000000000009a0fe15d0177d086304"),
            assume_valid: hash("0000000002368b1e4ee27e2e85676ae6f9f9e69579b29093e9a82c170bf7cf8a"),
            magic: Magic::from_bytes([0x1c, 0x16, 0x3f, 0x28]),
            default_port: 48_333,
            default_rpc_port: 48_332,
            name: "testnet4",
            data_folder: "testnet4",
            dns_seeds: names(&["seed.testnet4.bitcoin.sprovoost.nl.", "seed.testnet4.wiz.biz."]),
            fixed_seeds: include_bytes!("seeds/testnet4.bin"),
            prune_after_height: 1000,
            assumed_blockchain_size: 31,
            assumed_chain_state_size: 2,
            headers_sync: HeadersSyncParams { commitment_period: 606, redownload_buffer_size: 16_092 },
            tx_data: (1_772_013_387, 14_191_421, 0.018_485_795_795_284_12),
            ..Self::base(Network::Testnet4)
        }
    }

    /// The default signed test network (BIP325).
    pub fn signet() -> Self {
        let challenge = ScriptBuf::from_hex(concat!(
            "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430",
            "210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae",
        ))
        .expect("the challenge is hex");
        Self {
            minimum_chain_work: work("00000000000000000000000000000000000000000000000000000b463ea0a4b8"),
            assume_valid: hash("00000008414aab61092ef93f1aacc54cf9e9f16af29ddad493b908a01ff5c329"),
            dns_seeds: names(&["seed.signet.bitcoin.sprovoost.nl.", "seed.signet.achownodes.xyz."]),
            fixed_seeds: include_bytes!("seeds/signet.bin"),
            assumed_blockchain_size: 24,
            assumed_chain_state_size: 4,
            tx_data: (1_772_055_248, 28_676_833, 0.067_366_234_364_338_93),
            ..Self::signet_with(challenge)
        }
    }

    /// A signed test network of one's own: `-signetchallenge`.
    pub fn signet_with(challenge: ScriptBuf) -> Self {
        let digest = sha256d::Hash::hash(&serialize(&challenge)).to_byte_array();
        Self {
            magic: Magic::from_bytes([digest[0], digest[1], digest[2], digest[3]]),
            signet_challenge: Some(challenge),
            pow_limit: target("00000377ae000000000000000000000000000000000000000000000000000000"),
            deployments: vec![test_dummy(VersionBits::NEVER_ACTIVE, 1815, 2016)],
            default_port: 38_333,
            default_rpc_port: 38_332,
            name: "signet",
            data_folder: "signet",
            prune_after_height: 1000,
            headers_sync: HeadersSyncParams { commitment_period: 620, redownload_buffer_size: 15_724 },
            ..Self::base(Network::Signet)
        }
    }

    /// The network of one's own machine, where blocks cost nothing.
    pub fn regtest() -> Self {
        Self {
            subsidy_halving_interval: 150,
            segwit_height: 0,
            pow_limit: target("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
            pow_target_timespan: 24 * 60 * 60,
            allow_min_difficulty_blocks: true,
            no_retargeting: true,
            deployments: vec![test_dummy(0, 108, 144)],
            prune_after_height: 1000,
            headers_sync: HeadersSyncParams { commitment_period: 275, redownload_buffer_size: 7017 },
            mockable: true,
            tx_data: (0, 0, 0.001),
            ..Self::base(Network::Regtest)
        }
    }

    /// What most networks share; the names and ports are regtest's.
    fn base(network: Network) -> Self {
        Self {
            network,
            genesis: genesis_block(network),
            subsidy_halving_interval: 210_000,
            script_flag_exceptions: Vec::new(),
            bip34_height: 1,
            bip34_hash: BlockHash::all_zeros(),
            bip65_height: 1,
            bip66_height: 1,
            csv_height: 1,
            segwit_height: 1,
            min_bip9_warning_height: 0,
            deployments: Vec::new(),
            pow_limit: target("00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
            allow_min_difficulty_blocks: false,
            enforce_bip94: false,
            no_retargeting: false,
            pow_target_spacing: 10 * 60,
            pow_target_timespan: TWO_WEEKS,
            minimum_chain_work: Work::from_be_bytes([0; 32]),
            assume_valid: BlockHash::all_zeros(),
            signet_challenge: None,
            magic: Magic::REGTEST,
            default_port: 18_444,
            default_rpc_port: 18_443,
            name: "regtest",
            data_folder: "regtest",
            dns_seeds: Vec::new(),
            fixed_seeds: &[],
            prune_after_height: 1000,
            assumed_blockchain_size: 0,
            assumed_chain_state_size: 0,
            headers_sync: HeadersSyncParams { commitment_period: 275, redownload_buffer_size: 7017 },
            mockable: false,
            tx_data: (0, 0, 0.0),
        }
    }
}

fn test_dummy(start_time: i64, threshold: u32, period: u32) -> VersionBits {
    VersionBits {
        deployment: Deployment::TestDummy,
        bit: 28,
        start_time,
        timeout: VersionBits::NO_TIMEOUT,
        min_activation_height: 0,
        period,
        threshold,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn hash(hex: &str) -> BlockHash {
    hex.parse().expect("the hash is hex")
}

fn target(hex: &str) -> Target {
    Target::from_be_bytes(bytes(hex))
}

fn work(hex: &str) -> Work {
    Work::from_be_bytes(bytes(hex))
}

fn bytes(text: &str) -> [u8; 32] {
    use bitcoin::hex::FromHex;
    <[u8; 32]>::from_hex(text).expect("the figure is 64 hex digits")
}
