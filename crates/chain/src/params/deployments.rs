//! Soft forks: those with a fixed height, and those that miners vote for with version bits (BIP9).

/// A soft fork whose activation height is part of the program (BIP90).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buried {
    /// The coinbase starts with the height (BIP34).
    HeightInCoinbase,
    /// OP_CHECKLOCKTIMEVERIFY (BIP65).
    Cltv,
    /// Strict DER signatures (BIP66).
    DerSig,
    /// Relative locks (BIP68, BIP112, BIP113).
    Csv,
    /// Segregated witness (BIP141, BIP143, BIP147).
    Segwit,
}

impl Buried {
    /// All of them, in Core's order.
    pub const ALL: [Self; 5] = [Self::HeightInCoinbase, Self::Cltv, Self::DerSig, Self::Csv, Self::Segwit];

    /// Name in `getdeploymentinfo`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HeightInCoinbase => "bip34",
            Self::Cltv => "bip65",
            Self::DerSig => "bip66",
            Self::Csv => "csv",
            Self::Segwit => "segwit",
        }
    }

    /// The fork by its name in `-testactivationheight`.
    pub fn from_option(name: &str) -> Option<Self> {
        match name {
            "bip34" => Some(Self::HeightInCoinbase),
            "cltv" => Some(Self::Cltv),
            "dersig" => Some(Self::DerSig),
            "csv" => Some(Self::Csv),
            "segwit" => Some(Self::Segwit),
            _ => None,
        }
    }
}

/// A soft fork by version bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deployment {
    /// Does nothing; for tests of the voting.
    TestDummy,
}

impl Deployment {
    /// Name in `getdeploymentinfo`, `getblocktemplate` and `-vbparams`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestDummy => "testdummy",
        }
    }

    /// The deployment by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::TestDummy].into_iter().find(|deployment| deployment.name() == name)
    }
}

/// When and how a soft fork is voted for (BIP9, with the minimum height of BIP341).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionBits {
    /// Which soft fork.
    pub deployment: Deployment,
    /// Bit of the version, 0 to 28.
    pub bit: u8,
    /// Median time from which votes count, or [`VersionBits::ALWAYS_ACTIVE`], [`VersionBits::NEVER_ACTIVE`].
    pub start_time: i64,
    /// Median time at which the vote has failed.
    pub timeout: i64,
    /// Height before which a fork that is locked in does not become active.
    pub min_activation_height: u32,
    /// Blocks of one voting period.
    pub period: u32,
    /// Votes in one period that lock in.
    pub threshold: u32,
}

impl VersionBits {
    /// As start time: active from the first block on.
    pub const ALWAYS_ACTIVE: i64 = -1;
    /// As start time: never active.
    pub const NEVER_ACTIVE: i64 = -2;
    /// As timeout: the vote never fails.
    pub const NO_TIMEOUT: i64 = i64::MAX;
}
