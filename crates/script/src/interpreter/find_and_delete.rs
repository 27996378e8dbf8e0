//! Taking a signature out of the script that it signs.
//!
//! A signature cannot sign itself, so where there is no witness every push of it is deleted from the code before it is
//! hashed. Nobody uses this, but it is consensus.

use crate::opcode::{OP_PUSHDATA1, OP_PUSHDATA2, Reader};

/// The bytes that push some data, in two parts: opcode with length, and the data.
pub(super) struct Push<'d> {
    opcode: [u8; 3],
    opcode_len: usize,
    data: &'d [u8],
}

impl<'d> Push<'d> {
    /// The shortest push by length (at most 65,535 bytes), even where `OP_1` to `OP_16` would be shorter.
    pub(super) fn of(data: &'d [u8]) -> Self {
        let [low, high, ..] = data.len().to_le_bytes();
        let (opcode, opcode_len) = match data.len() {
            0..=0x4b => ([low, 0, 0], 1),
            0x4c..=0xff => ([OP_PUSHDATA1, low, 0], 2),
            _ => ([OP_PUSHDATA2, low, high], 3),
        };
        Self { opcode, opcode_len, data }
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        let after = bytes.strip_prefix(&self.opcode[..self.opcode_len]);
        after.is_some_and(|after| after.starts_with(self.data))
    }

    fn len(&self) -> usize {
        self.opcode_len + self.data.len()
    }
}

/// A script without every push that stands where an instruction begins; none if there is no such push.
///
/// What the deletion itself brings together is not searched again. A push that the script's end cuts off does count.
pub(super) fn find_and_delete(script: &[u8], push: &Push<'_>) -> Option<Vec<u8>> {
    let mut reader = Reader::new(script);
    let (mut kept, mut kept_until, mut found) = (Vec::new(), 0, false);
    loop {
        let end = reader.position();
        while push.begins(reader.rest()) {
            reader.skip(push.len());
        }
        if reader.position() > end {
            kept.extend_from_slice(&script[kept_until..end]);
            kept_until = reader.position();
            found = true;
        }
        if !matches!(reader.next(), Some(Ok(_))) {
            break;
        }
    }
    found.then(|| {
        kept.extend_from_slice(&script[kept_until..]);
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any bytes, also such as are no push.
    fn delete(script: &str, pattern: &str) -> Option<String> {
        let pattern = hex::decode(pattern).unwrap();
        let push = Push { opcode: [pattern[0], 0, 0], opcode_len: 1, data: &pattern[1..] };
        find_and_delete(&hex::decode(script).unwrap(), &push).map(hex::encode)
    }

    #[test]
    fn the_cases_of_cores_unit_test_have_its_results() {
        for (script, pattern, expected) in [
            ("515253", "52", Some("5153")),
            ("535153535453", "53", Some("5154")),
            ("0302ff03", "0302ff03", Some("")),
            ("0302ff030302ff03", "0302ff03", Some("")),
            ("0302ff030302ff03", "02", None),
            ("0302ff030302ff03", "ff", None),
            ("0302ff030302ff03", "03", Some("02ff0302ff03")),
            ("02feed5169", "feed51", None),
            ("02feed5169", "02feed51", Some("69")),
            ("516902feed5169", "feed51", None),
            ("516902feed5169", "02feed51", Some("516969")),
            ("00005151", "0051", Some("0051")),
            ("000051005151", "0051", Some("0051")),
            ("0003feed", "03feed", Some("00")),
            ("0003feed", "00", Some("03feed")),
        ] {
            assert_eq!(delete(script, pattern).as_deref(), expected, "{pattern} from {script}");
        }
    }

    #[test]
    fn a_push_has_the_opcode_of_its_length() {
        for (len, opcode) in
            [(0, "00"), (1, "01"), (75, "4b"), (76, "4c4c"), (255, "4cff"), (256, "4d0001"), (520, "4d0802")]
        {
            let data = vec![1; len];
            let push = Push::of(&data);
            assert_eq!(hex::encode(&push.opcode[..push.opcode_len]), opcode);
            assert!(push.begins(&[&hex::decode(opcode).unwrap(), data.as_slice(), &[7]].concat()));
        }
    }
}
