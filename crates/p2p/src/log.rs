//! What the node writes to `debug.log`: Core's words, since its functional tests and operators' tools look for them.

/// A category of `-debug=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// `net`.
    Net,
    /// `mempool`.
    Mempool,
    /// `mempoolrej`.
    MempoolRej,
    /// `cmpctblock`.
    CmpctBlock,
    /// `addrman`.
    AddrMan,
    /// `txpackages`.
    TxPackages,
    /// `validation`.
    Validation,
}

impl Category {
    /// The name in `-debug=` and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Mempool => "mempool",
            Self::MempoolRej => "mempoolrej",
            Self::CmpctBlock => "cmpctblock",
            Self::AddrMan => "addrman",
            Self::TxPackages => "txpackages",
            Self::Validation => "validation",
        }
    }
}

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Written when its category is on.
    Debug(Category),
    /// Always written.
    Info,
    /// Always written, as `[warning]`.
    Warning,
    /// Always written, as `[error]`.
    Error,
}

/// A line for the log, without its time and without a line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The words.
    pub text: String,
}

impl LogLine {
    /// A line of a category.
    pub const fn debug(category: Category, text: String) -> Self {
        Self { level: Level::Debug(category), text }
    }

    pub(crate) const fn net(text: String) -> Self {
        Self::debug(Category::Net, text)
    }
}
