//! The one record that says where the ledger is, as bytes.

use pumasi_ledger::store::{Header, KeySlot, MAX_SLOTS, MAX_TOKEN_BYTES, StoreError};

/// Sequence and generation (8 bytes each, big-endian), the head, the number of slots, the slots. A byte string has its
/// length before it, in 4 bytes.
pub(crate) fn encode(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + header.head.len());
    bytes.extend_from_slice(&header.sequence.to_be_bytes());
    bytes.extend_from_slice(&header.generation.to_be_bytes());
    put(&mut bytes, &header.head);
    bytes.push(u8::try_from(header.slots.len()).expect("the slots are few"));
    for slot in &header.slots {
        bytes.push(slot.id);
        bytes.extend_from_slice(&slot.salt);
        bytes.extend_from_slice(&slot.rounds.to_be_bytes());
        put(&mut bytes, &slot.token);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(part.len()).expect("a token is bounded").to_be_bytes());
    bytes.extend_from_slice(part);
}

pub(crate) fn decode(mut bytes: &[u8]) -> Result<Header, StoreError> {
    read(&mut bytes).filter(|_| bytes.is_empty()).ok_or_else(|| StoreError::Corrupt("the ledger's header".into()))
}

fn read(bytes: &mut &[u8]) -> Option<Header> {
    let sequence = u64::from_be_bytes(take(bytes)?);
    let generation = u64::from_be_bytes(take(bytes)?);
    let head = token(bytes)?;
    let [count] = take(bytes)?;
    if count > MAX_SLOTS {
        return None;
    }
    let mut slots = Vec::with_capacity(count.into());
    for _ in 0..count {
        let [id] = take(bytes)?;
        let salt = take(bytes)?;
        let rounds = u32::from_be_bytes(take(bytes)?);
        slots.push(KeySlot { id, salt, rounds, token: token(bytes)? });
    }
    Some(Header { sequence, generation, head, slots })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (part, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*part)
}

fn token(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let length = u32::from_be_bytes(take(bytes)?) as usize;
    let (part, rest) = bytes.split_at_checked(length).filter(|_| length <= MAX_TOKEN_BYTES)?;
    *bytes = rest;
    Some(part.to_vec())
}
