//! Framing, v1 and v2.

use super::Bytes;
use crate::PeerId;
use crate::wire::{MAX_PAYLOAD, Message, MessageType, Received, Transport, TransportKind};

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];
/// Messages of one run.
const MAX_MESSAGES: usize = 16;

/// The first byte says what it is: a plain stream, an inbound stream that may be either, the stream of a peer whose keys
/// are not known; or messages that one of our own transports sends to another, of which one byte may be changed on
/// the way.
pub fn wire(data: &[u8]) {
    let mut bytes = Bytes(data);
    match bytes.u8() % 4 {
        0 => stream(Transport::v1(PeerId(1), MAGIC, bytes.u8() & 1 == 1), &mut bytes),
        1 => stream(Transport::v2(PeerId(1), MAGIC, bytes.u8() & 1 == 1, [5; 32], vec![6; 40]), &mut bytes),
        kind => conversation(kind == 2, &mut bytes),
    }
}

/// Whatever comes, in pieces: what was read can be written and is read the same.
fn stream(mut transport: Transport, bytes: &mut Bytes<'_>) {
    let mut read = 0;
    while !bytes.is_empty() {
        let piece = bytes.u8();
        let piece = bytes.take(usize::from(piece) + 1);
        read += piece.len();
        let ended = transport.receive(piece).is_err();
        while let Some(received) = transport.poll_received() {
            let (Received::Message { size, .. } | Received::Rejected { size }) = received;
            assert!(size <= read, "nothing comes out that did not go in");
            if let Received::Message { message, .. } = received {
                assert!(message.payload.len() <= MAX_PAYLOAD);
                assert_eq!(one_way(&message), message);
            }
        }
        while transport.poll_log().is_some() {}
        while transport.poll_unsent().is_some() {}
        if ended {
            assert!(transport.receive(b"more").is_err(), "a broken stream stays broken");
            return;
        }
    }
}

/// A message through a frame.
fn one_way(message: &Message) -> Message {
    let mut sender = Transport::v1(PeerId(1), MAGIC, true);
    let mut receiver = Transport::v1(PeerId(2), MAGIC, false);
    sender.send(message.clone());
    let frame = sender.poll_unsent().expect("a plain transport sends at once");
    receiver.receive(&frame.bytes).expect("our own frame");
    match receiver.poll_received() {
        Some(Received::Message { message, .. }) => message,
        other => panic!("our own frame is read as {other:?}"),
    }
}

/// Messages from one side to the other. With encryption, what arrives is the beginning of what was sent, whatever
/// happens on the way.
fn conversation(encrypted: bool, bytes: &mut Bytes<'_>) {
    let (mut one, mut two) = if encrypted {
        (
            Transport::v2(PeerId(1), MAGIC, true, [3; 32], bytes.part().to_vec()),
            Transport::v2(PeerId(2), MAGIC, false, [4; 32], vec![9; 20]),
        )
    } else {
        (Transport::v1(PeerId(1), MAGIC, true), Transport::v1(PeerId(2), MAGIC, false))
    };
    let (change_at, change) = (usize::from(bytes.u16()), bytes.u8());
    let mut sent = Vec::new();
    while !bytes.is_empty() && sent.len() < MAX_MESSAGES {
        let mut kind = [0; 12];
        let name = bytes.u8() % 13;
        let name = bytes.take(name.into());
        kind[..name.len()].copy_from_slice(name);
        let Some(kind) = MessageType::from_wire(kind) else { continue };
        let message = Message { kind, payload: bytes.part().to_vec() };
        one.send(message.clone());
        sent.push(message);
    }
    let (mut arrived, mut passed) = (Vec::new(), 0);
    let mut broken = false;
    for _ in 0..8 {
        while let Some(mut unsent) = one.poll_unsent() {
            if let Some(index) = change_at.checked_sub(passed).filter(|index| *index < unsent.bytes.len()) {
                unsent.bytes[index] ^= change;
            }
            passed += unsent.bytes.len();
            broken |= two.receive(&unsent.bytes).is_err();
        }
        while let Some(unsent) = two.poll_unsent() {
            broken |= one.receive(&unsent.bytes).is_err();
        }
        arrived.extend(std::iter::from_fn(|| two.poll_received()));
    }
    let messages: Vec<_> = arrived
        .iter()
        .filter_map(|received| match received {
            Received::Message { message, .. } => Some(message.clone()),
            Received::Rejected { .. } => None,
        })
        .collect();
    let changed = change != 0 && change_at < passed;
    if !changed {
        assert_eq!(messages, sent);
        assert!(!broken);
        if encrypted {
            assert_eq!(two.info().kind, TransportKind::V2);
            assert_eq!(one.info().session_id, two.info().session_id);
        }
    } else if encrypted {
        assert!(sent.starts_with(&messages), "{messages:?} is not the beginning of {sent:?}");
    }
}
