//! Reading a script, one instruction after another.

use bitcoin::Script;

pub(crate) const OP_0: u8 = 0x00;
pub(crate) const OP_PUSHDATA1: u8 = 0x4c;
pub(crate) const OP_PUSHDATA2: u8 = 0x4d;
pub(crate) const OP_PUSHDATA4: u8 = 0x4e;
pub(crate) const OP_1NEGATE: u8 = 0x4f;
pub(crate) const OP_1: u8 = 0x51;
pub(crate) const OP_16: u8 = 0x60;
pub(crate) const OP_NOP: u8 = 0x61;
pub(crate) const OP_IF: u8 = 0x63;
pub(crate) const OP_NOTIF: u8 = 0x64;
pub(crate) const OP_ELSE: u8 = 0x67;
pub(crate) const OP_ENDIF: u8 = 0x68;
pub(crate) const OP_VERIFY: u8 = 0x69;
pub(crate) const OP_RETURN: u8 = 0x6a;
pub(crate) const OP_TOALTSTACK: u8 = 0x6b;
pub(crate) const OP_FROMALTSTACK: u8 = 0x6c;
pub(crate) const OP_2DROP: u8 = 0x6d;
pub(crate) const OP_2DUP: u8 = 0x6e;
pub(crate) const OP_3DUP: u8 = 0x6f;
pub(crate) const OP_2OVER: u8 = 0x70;
pub(crate) const OP_2ROT: u8 = 0x71;
pub(crate) const OP_2SWAP: u8 = 0x72;
pub(crate) const OP_IFDUP: u8 = 0x73;
pub(crate) const OP_DEPTH: u8 = 0x74;
pub(crate) const OP_DROP: u8 = 0x75;
pub(crate) const OP_DUP: u8 = 0x76;
pub(crate) const OP_NIP: u8 = 0x77;
pub(crate) const OP_OVER: u8 = 0x78;
pub(crate) const OP_PICK: u8 = 0x79;
pub(crate) const OP_ROLL: u8 = 0x7a;
pub(crate) const OP_ROT: u8 = 0x7b;
pub(crate) const OP_SWAP: u8 = 0x7c;
pub(crate) const OP_TUCK: u8 = 0x7d;
pub(crate) const OP_SIZE: u8 = 0x82;
pub(crate) const OP_EQUAL: u8 = 0x87;
pub(crate) const OP_EQUALVERIFY: u8 = 0x88;
pub(crate) const OP_1ADD: u8 = 0x8b;
pub(crate) const OP_1SUB: u8 = 0x8c;
pub(crate) const OP_NEGATE: u8 = 0x8f;
pub(crate) const OP_ABS: u8 = 0x90;
pub(crate) const OP_NOT: u8 = 0x91;
pub(crate) const OP_0NOTEQUAL: u8 = 0x92;
pub(crate) const OP_ADD: u8 = 0x93;
pub(crate) const OP_SUB: u8 = 0x94;
pub(crate) const OP_BOOLAND: u8 = 0x9a;
pub(crate) const OP_BOOLOR: u8 = 0x9b;
pub(crate) const OP_NUMEQUAL: u8 = 0x9c;
pub(crate) const OP_NUMEQUALVERIFY: u8 = 0x9d;
pub(crate) const OP_NUMNOTEQUAL: u8 = 0x9e;
pub(crate) const OP_LESSTHAN: u8 = 0x9f;
pub(crate) const OP_GREATERTHAN: u8 = 0xa0;
pub(crate) const OP_LESSTHANOREQUAL: u8 = 0xa1;
pub(crate) const OP_GREATERTHANOREQUAL: u8 = 0xa2;
pub(crate) const OP_MIN: u8 = 0xa3;
pub(crate) const OP_MAX: u8 = 0xa4;
pub(crate) const OP_WITHIN: u8 = 0xa5;
pub(crate) const OP_RIPEMD160: u8 = 0xa6;
pub(crate) const OP_SHA1: u8 = 0xa7;
pub(crate) const OP_SHA256: u8 = 0xa8;
pub(crate) const OP_HASH160: u8 = 0xa9;
pub(crate) const OP_HASH256: u8 = 0xaa;
pub(crate) const OP_CODESEPARATOR: u8 = 0xab;
pub(crate) const OP_CHECKSIG: u8 = 0xac;
pub(crate) const OP_CHECKSIGVERIFY: u8 = 0xad;
pub(crate) const OP_CHECKMULTISIG: u8 = 0xae;
pub(crate) const OP_CHECKMULTISIGVERIFY: u8 = 0xaf;
pub(crate) const OP_NOP1: u8 = 0xb0;
pub(crate) const OP_CHECKLOCKTIMEVERIFY: u8 = 0xb1;
pub(crate) const OP_CHECKSEQUENCEVERIFY: u8 = 0xb2;
pub(crate) const OP_NOP4: u8 = 0xb3;
pub(crate) const OP_NOP10: u8 = 0xb9;
pub(crate) const OP_CHECKSIGADD: u8 = 0xba;

/// One opcode and what it pushes.
#[derive(Clone, Copy)]
pub(crate) struct Instruction<'s> {
    pub(crate) opcode: u8,
    /// Empty unless the opcode is at most `OP_PUSHDATA4`.
    pub(crate) data: &'s [u8],
}

/// The script ends inside an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truncated;

/// A position in a script.
#[derive(Clone)]
pub(crate) struct Reader<'s> {
    script: &'s [u8],
    position: usize,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(script: &'s [u8]) -> Self {
        Self { script, position: 0 }
    }

    /// Bytes read so far. Behind a truncated instruction it stands where its data would begin.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'s [u8] {
        &self.script[self.position..]
    }

    /// Passes over `count` bytes of what is left.
    pub(crate) fn skip(&mut self, count: usize) {
        debug_assert!(count <= self.rest().len());
        self.position += count;
    }

    /// The next instruction, or none at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Instruction<'s>, Truncated>> {
        let opcode = *self.script.get(self.position)?;
        self.position += 1;
        if opcode > OP_PUSHDATA4 {
            return Some(Ok(Instruction { opcode, data: &[] }));
        }
        Some(self.push(opcode))
    }

    fn push(&mut self, opcode: u8) -> Result<Instruction<'s>, Truncated> {
        let len = match opcode {
            OP_PUSHDATA1 => self.len_bytes::<1>()?[0].into(),
            OP_PUSHDATA2 => u16::from_le_bytes(self.len_bytes()?).into(),
            OP_PUSHDATA4 => usize::try_from(u32::from_le_bytes(self.len_bytes()?)).map_err(|_| Truncated)?,
            direct => direct.into(),
        };
        let data = self.rest().get(..len).ok_or(Truncated)?;
        self.position += len;
        Ok(Instruction { opcode, data })
    }

    fn len_bytes<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let bytes = *self.rest().first_chunk::<N>().ok_or(Truncated)?;
        self.position += N;
        Ok(bytes)
    }
}

impl Instruction<'_> {
    /// Whether there is no shorter way to push the same (BIP62 rule 3). For opcodes up to `OP_PUSHDATA4`.
    pub(crate) fn is_minimal_push(&self) -> bool {
        match *self.data {
            [] => self.opcode == OP_0,
            [1..=16 | 0x81] => false,
            _ => match self.data.len() {
                len @ 0..=75 => usize::from(self.opcode) == len,
                76..=255 => self.opcode == OP_PUSHDATA1,
                256..=65_535 => self.opcode == OP_PUSHDATA2,
                _ => true,
            },
        }
    }
}

/// Opcodes that were taken out of the language in 2010 (CVE-2010-5137): they fail a script even where it does not run.
pub(crate) const fn is_disabled(opcode: u8) -> bool {
    matches!(opcode, 0x7e..=0x81 | 0x83..=0x86 | 0x8d | 0x8e | 0x95..=0x99)
}

/// Opcodes with which a tapscript succeeds whatever else it says (BIP342).
pub(crate) const fn is_op_success(opcode: u8) -> bool {
    matches!(opcode, 80 | 98 | 126..=129 | 131..=134 | 137..=138 | 141..=142 | 149..=153 | 187..=254)
}

/// Whether a script does nothing but push. `OP_RESERVED` counts as a push here, as in Core; running it fails.
pub fn is_push_only(script: &Script) -> bool {
    let mut reader = Reader::new(script.as_bytes());
    while let Some(instruction) = reader.next() {
        if !instruction.is_ok_and(|instruction| instruction.opcode <= OP_16) {
            return false;
        }
    }
    true
}

/// The version (0–16) and the program (2–40 bytes) of a witness program (BIP141).
pub fn witness_program(script: &Script) -> Option<(u8, &[u8])> {
    let [version, len, program @ ..] = script.as_bytes() else { return None };
    let version = match *version {
        OP_0 => 0,
        version @ OP_1..=OP_16 => version - (OP_1 - 1),
        _ => return None,
    };
    ((2..=40).contains(&program.len()) && usize::from(*len) == program.len()).then_some((version, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(script: &[u8]) -> (Vec<usize>, bool) {
        let mut reader = Reader::new(script);
        let mut positions = Vec::new();
        while let Some(next) = reader.next() {
            positions.push(reader.position());
            if next.is_err() {
                return (positions, false);
            }
        }
        (positions, true)
    }

    #[test]
    fn pushes_of_every_kind_are_read() {
        assert_eq!(
            positions(&[0x02, 1, 2, 0x4c, 1, 9, 0x4d, 1, 0, 9, 0x4e, 1, 0, 0, 0, 9, 0xac]),
            (vec![3, 6, 10, 16, 17], true)
        );
    }

    #[test]
    fn a_truncated_push_leaves_the_position_where_its_data_would_begin() {
        assert_eq!(positions(&[0x05, 1, 2]), (vec![1], false));
        assert_eq!(positions(&[0x4c]), (vec![1], false));
        assert_eq!(positions(&[0x4c, 5, 1]), (vec![2], false));
        assert_eq!(positions(&[0x4d, 5]), (vec![1], false));
        assert_eq!(positions(&[0x4d, 5, 0, 1]), (vec![3], false));
        assert_eq!(positions(&[0x4e, 5, 0, 0]), (vec![1], false));
        assert_eq!(positions(&[0x4e, 0xff, 0xff, 0xff, 0xff, 1]), (vec![5], false));
    }

    #[test]
    fn a_minimal_push_has_the_shortest_opcode_of_its_length() {
        let minimal = |len: usize| {
            let data = vec![7; len];
            let opcodes =
                (0..=OP_PUSHDATA4).filter(|opcode| Instruction { opcode: *opcode, data: &data }.is_minimal_push());
            opcodes.collect::<Vec<_>>()
        };
        for (len, opcode) in [(0, 0), (2, 2), (75, 75), (76, OP_PUSHDATA1), (255, OP_PUSHDATA1), (256, OP_PUSHDATA2)] {
            assert_eq!(minimal(len), [opcode], "{len}");
        }
        assert_eq!(minimal(65_535), [OP_PUSHDATA2]);
        for number in [1, 16, 0x81] {
            assert!(!Instruction { opcode: 1, data: &[number] }.is_minimal_push());
        }
        assert!(Instruction { opcode: 1, data: &[17] }.is_minimal_push());
    }

    #[test]
    fn a_witness_program_has_two_to_forty_bytes() {
        let program = |version: u8, len: u8| {
            let bytes: Vec<u8> = [version, len].into_iter().chain((0..len).map(|_| 7)).collect();
            witness_program(Script::from_bytes(&bytes)).map(|(version, program)| (version, program.len()))
        };
        assert_eq!(program(0x00, 20), Some((0, 20)));
        assert_eq!(program(0x51, 32), Some((1, 32)));
        assert_eq!(program(0x60, 40), Some((16, 40)));
        assert_eq!(
            (program(0x51, 1), program(0x51, 41), program(0x50, 32), program(0x61, 32)),
            (None, None, None, None)
        );
        assert_eq!(witness_program(Script::from_bytes(&[0x51, 3, 1, 2])), None);
    }
}
