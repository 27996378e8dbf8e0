//! Numbers and hashes.

use super::machine::Machine;
use super::stack::Item;
use crate::ScriptError;
use crate::opcode::*;
use bitcoin::hashes::{Hash as _, hash160, ripemd160, sha1, sha256, sha256d};

impl Machine<'_, '_> {
    /// Operands have at most 31 bits and a sign; results may have one bit more.
    pub(super) fn arithmetic(&mut self, opcode: u8) -> Result<(), ScriptError> {
        match opcode {
            OP_1ADD | OP_1SUB | OP_NEGATE..=OP_0NOTEQUAL => self.unary(opcode),
            OP_ADD | OP_SUB | OP_BOOLAND..=OP_MAX => self.binary(opcode),
            OP_WITHIN => {
                self.stack.require(3)?;
                let (number, min, max) = (self.number(2)?, self.number(1)?, self.number(0)?);
                self.replace(3, Item::bool((min..max).contains(&number)))
            }
            _ => Err(ScriptError::BadOpcode),
        }
    }

    fn unary(&mut self, opcode: u8) -> Result<(), ScriptError> {
        let number = self.number(0)?;
        let result = match opcode {
            OP_1ADD => number + 1,
            OP_1SUB => number - 1,
            OP_NEGATE => -number,
            OP_ABS => number.abs(),
            OP_NOT => i64::from(number == 0),
            OP_0NOTEQUAL => i64::from(number != 0),
            _ => return Err(ScriptError::BadOpcode),
        };
        self.replace(1, Item::number(result))
    }

    fn binary(&mut self, opcode: u8) -> Result<(), ScriptError> {
        self.stack.require(2)?;
        let (a, b) = (self.number(1)?, self.number(0)?);
        let result = match opcode {
            OP_ADD => a + b,
            OP_SUB => a - b,
            OP_BOOLAND => i64::from(a != 0 && b != 0),
            OP_BOOLOR => i64::from(a != 0 || b != 0),
            OP_NUMEQUAL | OP_NUMEQUALVERIFY => i64::from(a == b),
            OP_NUMNOTEQUAL => i64::from(a != b),
            OP_LESSTHAN => i64::from(a < b),
            OP_GREATERTHAN => i64::from(a > b),
            OP_LESSTHANOREQUAL => i64::from(a <= b),
            OP_GREATERTHANOREQUAL => i64::from(a >= b),
            OP_MIN => a.min(b),
            OP_MAX => a.max(b),
            _ => return Err(ScriptError::BadOpcode),
        };
        self.replace(2, Item::number(result))?;
        if opcode == OP_NUMEQUALVERIFY { self.verify(ScriptError::NumEqualVerify) } else { Ok(()) }
    }

    pub(super) fn hash(&mut self, opcode: u8) -> Result<(), ScriptError> {
        let item = self.stack.pop()?;
        let bytes = item.as_bytes();
        self.stack.push(match opcode {
            OP_RIPEMD160 => Item::hash(ripemd160::Hash::hash(bytes).to_byte_array()),
            OP_SHA1 => Item::hash(sha1::Hash::hash(bytes).to_byte_array()),
            OP_SHA256 => Item::hash(sha256::Hash::hash(bytes).to_byte_array()),
            OP_HASH160 => Item::hash(hash160::Hash::hash(bytes).to_byte_array()),
            OP_HASH256 => Item::hash(sha256d::Hash::hash(bytes).to_byte_array()),
            _ => return Err(ScriptError::BadOpcode),
        });
        Ok(())
    }
}
