//! Which rules a script is held to.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};
use std::str::FromStr;

/// A set of script rules: Bitcoin Core's `SCRIPT_VERIFY_*`.
///
/// Every flag is a soft fork: what is valid under more flags is valid under fewer. `WITNESS` is meant to be used with `P2SH`,
/// and `CLEANSTACK` with both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
        }

        /// In the order of the alphabet, in which Core lists them.
        const NAMES: &[(&str, Flags)] = &[$((stringify!($name), Flags::$name)),*];
    };
}

flags! {
    /// `OP_CHECKLOCKTIMEVERIFY` is not a no-op (BIP65).
    CHECKLOCKTIMEVERIFY = 9;
    /// `OP_CHECKSEQUENCEVERIFY` is not a no-op (BIP112).
    CHECKSEQUENCEVERIFY = 10;
    /// Exactly one item remains on the stack (BIP62 rule 6).
    CLEANSTACK = 8;
    /// `OP_CODESEPARATOR`, and signatures inside the script that they sign, fail a script without witness.
    CONST_SCRIPTCODE = 16;
    /// Signatures are strict DER (BIP66).
    DERSIG = 2;
    /// No `OP_SUCCESSx`, which a later soft fork may define.
    DISCOURAGE_OP_SUCCESS = 19;
    /// No `OP_NOPx` that a later soft fork may define.
    DISCOURAGE_UPGRADABLE_NOPS = 7;
    /// No public key of an unknown version in tapscript.
    DISCOURAGE_UPGRADABLE_PUBKEYTYPE = 20;
    /// No unknown leaf version in taproot.
    DISCOURAGE_UPGRADABLE_TAPROOT_VERSION = 18;
    /// No witness program of an unknown version.
    DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM = 12;
    /// The S of a signature is at most half the order of the curve (BIP62 rule 5).
    LOW_S = 3;
    /// Pushes and numbers have their shortest encoding (BIP62 rules 3 and 4).
    MINIMALDATA = 6;
    /// The argument of `OP_IF` and `OP_NOTIF` is empty or exactly one, in witness v0.
    MINIMALIF = 13;
    /// The additional item that `OP_CHECKMULTISIG` takes is empty (BIP147).
    NULLDUMMY = 4;
    /// A signature that does not verify is empty (BIP146).
    NULLFAIL = 14;
    /// Scripts behind a hash are run (BIP16).
    P2SH = 0;
    /// A `scriptSig` only pushes (BIP62 rule 2).
    SIGPUSHONLY = 5;
    /// Signatures are strict DER with a known hash type, and keys have a known encoding.
    STRICTENC = 1;
    /// Taproot and tapscript (BIP341, BIP342).
    TAPROOT = 17;
    /// Segregated witness (BIP141, BIP143).
    WITNESS = 11;
    /// Keys in witness v0 are compressed.
    WITNESS_PUBKEYTYPE = 15;
}

impl Flags {
    /// No rule beyond those of 2009.
    pub const NONE: Self = Self(0);

    /// What every new transaction must meet: all consensus rules (Core's `MANDATORY_SCRIPT_VERIFY_FLAGS`).
    pub const MANDATORY: Self = Self::P2SH
        .with(Self::DERSIG)
        .with(Self::NULLDUMMY)
        .with(Self::CHECKLOCKTIMEVERIFY)
        .with(Self::CHECKSEQUENCEVERIFY)
        .with(Self::WITNESS)
        .with(Self::TAPROOT);

    /// What a transaction must meet to be relayed (Core's `STANDARD_SCRIPT_VERIFY_FLAGS`).
    pub const STANDARD: Self = Self::MANDATORY
        .with(Self::STRICTENC)
        .with(Self::MINIMALDATA)
        .with(Self::DISCOURAGE_UPGRADABLE_NOPS)
        .with(Self::CLEANSTACK)
        .with(Self::MINIMALIF)
        .with(Self::NULLFAIL)
        .with(Self::LOW_S)
        .with(Self::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM)
        .with(Self::WITNESS_PUBKEYTYPE)
        .with(Self::CONST_SCRIPTCODE)
        .with(Self::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION)
        .with(Self::DISCOURAGE_OP_SUCCESS)
        .with(Self::DISCOURAGE_UPGRADABLE_PUBKEYTYPE);

    /// Every flag there is.
    pub const ALL: Self = Self::STANDARD.with(Self::SIGPUSHONLY);

    /// These flags and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags but not those.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits, at the positions that Core and its kernel library give them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The flags of these bits; bits without a meaning are dropped.
    pub const fn from_bits_truncate(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The names without `SCRIPT_VERIFY_`, in the order of the alphabet (Core's `GetScriptFlagNames`).
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(_, flag)| self.contains(*flag)).map(|(name, _)| *name)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.with(other);
    }
}

impl BitAnd for Flags {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Self;
    fn not(self) -> Self {
        Self::ALL.without(self)
    }
}

impl fmt::Display for Flags {
    /// As in Core's test vectors: names with commas between, `NONE` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("NONE");
        }
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// No flag has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown script verification flag {0:?}")]
pub struct UnknownFlag(pub String);

impl FromStr for Flags {
    type Err = UnknownFlag;

    /// Reads what `Display` writes; an empty string is no flag.
    fn from_str(text: &str) -> Result<Self, UnknownFlag> {
        if text.is_empty() || text == "NONE" {
            return Ok(Self::NONE);
        }
        text.split(',').try_fold(Self::NONE, |flags, word| {
            let flag = NAMES.iter().find(|(name, _)| *name == word);
            flag.map(|(_, flag)| flags | *flag).ok_or_else(|| UnknownFlag(word.to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(Flags::ALL.to_string().parse(), Ok(Flags::ALL));
        assert_eq!("P2SH,WITNESS".parse(), Ok(Flags::P2SH | Flags::WITNESS));
        assert_eq!("".parse(), Ok(Flags::NONE));
        assert_eq!("NONE".parse(), Ok(Flags::NONE));
        assert_eq!("P2SH,".parse::<Flags>(), Err(UnknownFlag(String::new())));
    }

    #[test]
    fn names_come_in_the_order_of_the_alphabet() {
        assert!(Flags::ALL.names().is_sorted());
        assert_eq!(Flags::ALL.names().count(), 21);
    }

    #[test]
    fn the_complement_has_every_other_flag() {
        assert_eq!(!Flags::NONE, Flags::ALL);
        assert_eq!(!Flags::STANDARD, Flags::SIGPUSHONLY);
    }
}
