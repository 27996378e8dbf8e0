//! What is known about a block.

/// How far a block has been validated. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Validity {
    /// Header and all ancestors' headers obey the rules.
    Tree,
    /// The body was received and obeys the rules that need no coins.
    Transactions,
    /// The block was connected once: coins, amounts and scripts obey the rules.
    Scripts,
}

/// What is known about a block: how far it is valid, whether it failed, and what is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// How far the block is validated, when it has not failed.
    pub validity: Validity,
    /// The block, or one of its ancestors, is invalid.
    pub failed: bool,
    /// The body is in the store.
    pub have_data: bool,
    /// The undo data is in the store.
    pub have_undo: bool,
}

const FAILED: u8 = 0x20;
const HAVE_DATA: u8 = 0x08;
const HAVE_UNDO: u8 = 0x10;

impl Status {
    /// A header that obeys the rules, and nothing more.
    pub const HEADER: Self = Self { validity: Validity::Tree, failed: false, have_data: false, have_undo: false };

    /// Whether the block is valid at least up to this level, and has not failed.
    pub fn is_valid(self, level: Validity) -> bool {
        !self.failed && self.validity >= level
    }

    /// One byte, with Core's bits.
    pub fn to_byte(self) -> u8 {
        let level = match self.validity {
            Validity::Tree => 2,
            Validity::Transactions => 3,
            Validity::Scripts => 5,
        };
        let flag = |set, bit| if set { bit } else { 0 };
        level | flag(self.failed, FAILED) | flag(self.have_data, HAVE_DATA) | flag(self.have_undo, HAVE_UNDO)
    }

    /// Reads [`Status::to_byte`]; `None` when the level is not one of those.
    pub fn from_byte(byte: u8) -> Option<Self> {
        let validity = match byte & 0x07 {
            2 => Validity::Tree,
            3 => Validity::Transactions,
            5 => Validity::Scripts,
            _ => return None,
        };
        Some(Self {
            validity,
            failed: byte & FAILED != 0,
            have_data: byte & HAVE_DATA != 0,
            have_undo: byte & HAVE_UNDO != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_survives_its_byte() {
        for validity in [Validity::Tree, Validity::Transactions, Validity::Scripts] {
            for bits in 0..8 {
                let status =
                    Status { validity, failed: bits & 1 != 0, have_data: bits & 2 != 0, have_undo: bits & 4 != 0 };
                assert_eq!(Status::from_byte(status.to_byte()), Some(status));
            }
        }
        assert_eq!(Status::from_byte(0), None);
    }
}
