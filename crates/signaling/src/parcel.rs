use crate::record::{MAX_CONTENT, MAX_LIFETIME};
use crate::{MailboxRecord, RecordError, Slot};
use miniz_oxide::{deflate, inflate};
use pumasi_crypto::hash;
use pumasi_identity::pairing::{MAX_MESSAGE, Step};
use pumasi_units::Timestamp;
use zeroize::Zeroizing;

/// The most records that one message of a pairing may need.
pub const MAX_PARTS: u8 = 5;
/// `count ‖ index ‖ first 16 bytes of SHA-256(message)`.
const HEADER: usize = 2 + TAG;
const TAG: usize = 16;
const CHUNK: usize = MAX_CONTENT - HEADER;
const LEVEL: u8 = 9;

/// A record to put into the DHT: its key and its bytes.
pub type Put = ([u8; 32], Vec<u8>);

/// Packs one message of a pairing by code into as many records as it needs; most need one. Gives record keys and bytes,
/// to put into the DHT. `salt` must be fresh and random for each message.
///
/// The records are sealed under the code alone, which is short: whoever guesses it in its ten minutes can read and write
/// here. The commitment and the emoji of the pairing hold against that.
///
/// # Errors
/// [`RecordError::ContentTooLong`] when the message is longer than [`MAX_MESSAGE`].
pub fn pack(
    secret: &[u8; 32],
    step: Step,
    message: &[u8],
    made: Timestamp,
    salt: &[u8; 32],
) -> Result<Vec<Put>, RecordError> {
    if message.len() > MAX_MESSAGE {
        return Err(RecordError::ContentTooLong { len: message.len() });
    }
    let packed = deflate::compress_to_vec(message, LEVEL);
    let chunks = packed.chunks(CHUNK);
    let count = u8::try_from(chunks.len()).expect("a message of 12,000 bytes has five parts at most");
    let tag = tag_of(message);
    let seal = |(index, chunk): (u8, &[u8])| {
        let slot = Slot::from_code(secret, step, index);
        let content = [&[count, index], tag.as_slice(), chunk].concat();
        // One salt for all: each part has a slot, and so a sealing key, of its own.
        let record = MailboxRecord::seal(&slot, made, made + MAX_LIFETIME, salt, &content)?;
        Ok((slot.record_key(), record))
    };
    (0..).zip(chunks).map(seal).collect()
}

/// Collects the parts of one message of a pairing by code, in any order, until it is whole.
pub struct Parcel {
    secret: Zeroizing<[u8; 32]>,
    step: Step,
    /// Which message the parts so far belong to. Unknown until the first part has come.
    tag: [u8; TAG],
    /// Empty until the first part has told how many there are.
    parts: Vec<Option<Vec<u8>>>,
}

impl Parcel {
    /// The message of this step, of which nothing has come yet.
    #[must_use]
    pub fn new(secret: &[u8; 32], step: Step) -> Self {
        Self { secret: Zeroizing::new(*secret), step, tag: [0; TAG], parts: Vec::new() }
    }

    /// Which parts to look for: their number and record key.
    #[must_use]
    pub fn wanted(&self) -> Vec<(u8, [u8; 32])> {
        let missing = (0..MAX_PARTS).filter(|part| match self.parts.get(usize::from(*part)) {
            Some(part) => part.is_none(),
            None => *part == 0 && self.parts.is_empty(),
        });
        missing.map(|part| (part, Slot::from_code(&self.secret, self.step, part).record_key())).collect()
    }

    /// Takes what was read for a part; gives the message when that was the last one.
    ///
    /// A part of another message than those before starts anew: the last writer wins, and the pairing itself notices.
    ///
    /// # Errors
    /// What [`MailboxRecord::open`] says, or [`RecordError::Malformed`]. Nothing has changed then, except that a message
    /// whose parts do not fit is forgotten.
    pub fn handle_record(&mut self, part: u8, bytes: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, RecordError> {
        let content = MailboxRecord::open(&Slot::from_code(&self.secret, self.step, part), bytes, now)?;
        let Some((&[count, index, ref tag @ ..], chunk)) = content.split_first_chunk::<HEADER>() else {
            return Err(RecordError::Malformed);
        };
        if index != part || index >= count || count > MAX_PARTS {
            return Err(RecordError::Malformed);
        }
        if self.tag != *tag || self.parts.len() != usize::from(count) {
            self.tag = *tag;
            self.parts = vec![None; usize::from(count)];
        }
        self.parts[usize::from(index)] = Some(chunk.to_vec());
        let Some(whole) = self.parts.iter().map(Option::as_deref).collect::<Option<Vec<_>>>() else { return Ok(None) };
        let message = inflate::decompress_to_vec_with_limit(&whole.concat(), MAX_MESSAGE);
        match message {
            Ok(message) if tag_of(&message) == self.tag => Ok(Some(message)),
            _ => {
                self.parts.clear();
                Err(RecordError::Malformed)
            }
        }
    }
}

fn tag_of(message: &[u8]) -> [u8; TAG] {
    *hash::sha256(&[message]).0.first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_message_of_any_allowed_length_arrives_in_any_order(
            message in proptest::collection::vec(any::<u8>(), 0..=MAX_MESSAGE),
            backwards: bool,
        ) {
            let mut records = pack(&[3; 32], Step::Key, &message, NOW, &[4; 32]).unwrap();
            prop_assert!(records.len() <= usize::from(MAX_PARTS));
            let mut parcel = Parcel::new(&[3; 32], Step::Key);
            prop_assert_eq!(parcel.wanted(), [(0, records[0].0)]);
            if backwards {
                records.reverse();
            }
            let count = records.len();
            for (at, (key, bytes)) in records.iter().enumerate() {
                let part = if backwards { count - 1 - at } else { at } as u8;
                let got = parcel.handle_record(part, bytes, NOW).unwrap();
                prop_assert_eq!(got.is_some(), at == count - 1);
                prop_assert!(parcel.wanted().iter().all(|(_, wanted)| wanted != key));
                if let Some(got) = got {
                    prop_assert_eq!(&got, &message);
                }
            }
        }
    }

    #[test]
    fn another_code_another_step_or_another_part_opens_nothing() {
        let records = pack(&[3; 32], Step::Key, b"hello", NOW, &[4; 32]).unwrap();
        let bytes = &records[0].1;
        assert_eq!(Parcel::new(&[2; 32], Step::Key).handle_record(0, bytes, NOW), Err(RecordError::WrongKey));
        assert_eq!(Parcel::new(&[3; 32], Step::Commit).handle_record(0, bytes, NOW), Err(RecordError::WrongKey));
        assert_eq!(Parcel::new(&[3; 32], Step::Key).handle_record(1, bytes, NOW), Err(RecordError::WrongKey));
        let message = vec![0; MAX_MESSAGE + 1];
        assert!(pack(&[3; 32], Step::Key, &message, NOW, &[4; 32]).is_err());
    }

    #[test]
    fn a_bomb_behind_the_code_stops_at_the_limit() {
        let packed = deflate::compress_to_vec(&vec![0; 2_000_000], LEVEL);
        assert!(packed.len() < CHUNK);
        let slot = Slot::from_code(&[3; 32], Step::Key, 0);
        let content = [&[1, 0], [0; TAG].as_slice(), &packed].concat();
        let bytes = MailboxRecord::seal(&slot, NOW, NOW + 1, &[4; 32], &content).unwrap();
        let mut parcel = Parcel::new(&[3; 32], Step::Key);
        assert_eq!(parcel.handle_record(0, &bytes, NOW), Err(RecordError::Malformed));
        assert_eq!(parcel.wanted().len(), 1);
    }
}
