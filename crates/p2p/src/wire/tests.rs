//! Transports beside each other, beside the handshake of crate `bip324` itself, and beside nonsense. (The test vectors of
//! BIP324 are tests of that crate.)

use super::{Message, MessageType, Received, Transport, TransportKind};
use crate::PeerId;
use bip324::{CipherSession, GarbageResult, Handshake, Initialized, PacketType, ReceivedKey, Role, VersionResult};
use proptest::prelude::*;

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

fn v2(outbound: bool, garbage: usize) -> Transport {
    Transport::v2(PeerId(7), MAGIC, outbound, [if outbound { 3 } else { 5 }; 32], vec![0xee; garbage])
}

fn v1(outbound: bool) -> Transport {
    Transport::v1(PeerId(7), MAGIC, outbound)
}

fn outgoing(transport: &mut Transport) -> Vec<u8> {
    std::iter::from_fn(|| transport.poll_unsent()).flat_map(|unsent| unsent.bytes).collect()
}

fn received(transport: &mut Transport) -> Vec<Message> {
    let all = std::iter::from_fn(|| transport.poll_received());
    all.filter_map(|received| match received {
        Received::Message { message, .. } => Some(message),
        Received::Rejected { .. } => None,
    })
    .collect()
}

fn log(transport: &mut Transport) -> Vec<String> {
    std::iter::from_fn(|| transport.poll_log()).map(|line| line.text).collect()
}

/// Carries everything between two transports in pieces of the given sizes.
fn carry(one: &mut Transport, two: &mut Transport, sizes: &[usize]) {
    let mut sizes = sizes.iter().copied().cycle();
    loop {
        let (from_one, from_two) = (outgoing(one), outgoing(two));
        if from_one.is_empty() && from_two.is_empty() {
            return;
        }
        for (mut bytes, to) in [(&from_one[..], &mut *two), (&from_two[..], &mut *one)] {
            while !bytes.is_empty() {
                let (piece, rest) = bytes.split_at(sizes.next().unwrap_or(1).clamp(1, bytes.len()));
                to.receive(piece).unwrap();
                bytes = rest;
            }
        }
    }
}

fn message(kind: &'static str, size: usize) -> Message {
    Message::new(kind, (0..size).map(|index| index as u8).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn messages_arrive_whole_in_any_pieces(
        encrypted in any::<bool>(),
        sizes in prop::collection::vec(1..400_usize, 1..20),
        garbage in (0..4_096_usize, 0..4_096_usize),
        payloads in prop::collection::vec(0..3_000_usize, 0..8),
    ) {
        let (mut one, mut two) = if encrypted { (v2(true, garbage.0), v2(false, garbage.1)) } else { (v1(true), v2(false, 9)) };
        let kinds = ["version", "ping", "wtxidrelay", "tx", "addrv2", "unheardof"];
        // A v1 stream begins with a version message.
        let messages: Vec<_> =
            payloads.iter().enumerate().map(|(index, size)| message(kinds[index % 6], *size)).collect();
        messages.iter().for_each(|message| one.send(message.clone()));
        two.send(message("verack", 0));
        carry(&mut one, &mut two, &sizes);
        prop_assert_eq!(received(&mut two), messages.clone());
        if encrypted || !messages.is_empty() {
            prop_assert_eq!(received(&mut one), vec![message("verack", 0)]);
            let kind = if encrypted { TransportKind::V2 } else { TransportKind::V1 };
            prop_assert_eq!((one.info().kind, two.info().kind), (kind, kind));
            prop_assert_eq!(one.info().session_id, two.info().session_id);
        }
    }

    #[test]
    fn any_bytes_are_survived(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3_000), 1..6)) {
        for mut transport in [v1(false), v2(false, 10), v2(true, 10)] {
            for piece in &pieces {
                if transport.receive(piece).is_err() {
                    prop_assert!(transport.receive(piece).is_err(), "once broken it stays so");
                    prop_assert!(!log(&mut transport).is_empty(), "it says why");
                    break;
                }
            }
        }
    }

    #[test]
    fn a_changed_bit_is_noticed(position in 0..200_usize, bit in 0..8) {
        let (mut one, mut two) = (v2(true, 20), v2(false, 20));
        carry(&mut one, &mut two, &[100]);
        one.send(message("tx", 180));
        let mut bytes = outgoing(&mut one);
        prop_assert_eq!(bytes.len(), 201);
        bytes[position + 1] ^= 1_u8 << bit;
        // A longer length only makes it wait for more, until the tag does not fit.
        let _ = two.receive(&bytes).and_then(|()| two.receive(&vec![0; 70_000]));
        prop_assert!(received(&mut two).is_empty());
    }
}

#[test]
fn v1_frames_that_are_wrong_are_logged_as_core_does() {
    let frame = |kind: &[u8; 12], checksum: [u8; 4], length: u32, magic: [u8; 4]| {
        let mut bytes = magic.to_vec();
        bytes.extend(kind);
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum);
        bytes.extend(b"\x01d");
        bytes
    };
    let badmsg = b"badmsg\0\0\0\0\0\0";
    let good = [0x78, 0xdf, 0x0a, 0x04];
    let mut transport = v1(false);
    transport.receive(&frame(badmsg, [0xff; 4], 2, MAGIC)).unwrap();
    assert_eq!(transport.poll_received(), Some(Received::Rejected { size: 26 }));
    transport.receive(&frame(b"badms\0g\0\0\0\0\0", good, 2, MAGIC)).unwrap();
    assert_eq!(transport.poll_received(), Some(Received::Rejected { size: 26 }));
    transport.receive(&frame(badmsg, good, 2, MAGIC)).unwrap();
    assert!(matches!(transport.poll_received(), Some(Received::Message { size: 26, .. })));
    assert!(transport.receive(&frame(badmsg, good, 4_000_001, MAGIC)).is_err());
    assert_eq!(
        log(&mut transport),
        [
            "Header error: Wrong checksum (badmsg, 2 bytes), expected 78df0a04 was ffffffff, peer=7",
            "Header error: Invalid message type (badms, 2 bytes), peer=7",
            "Header error: Size too large (badmsg, 4000001 bytes), peer=7",
        ]
    );
    let mut transport = v1(false);
    assert!(transport.receive(&frame(badmsg, good, 2, [0xff; 4])).is_err());
    assert_eq!(log(&mut transport), ["Header error: Wrong MessageStart ffffffff received, peer=7"]);
}

/// A peer that uses the handshake of crate `bip324` itself.
struct Foreign {
    garbage: Vec<u8>,
    handshake: Option<Handshake<bip324::SentVersion>>,
}

impl Foreign {
    /// Sends key and garbage to our transport, and answers its key with decoys and a version packet.
    fn shake(transport: &mut Transport, decoys: &[&[u8]], garbage: &[u8]) -> Self {
        let mut key = vec![0; Handshake::<Initialized>::send_key_len(Some(garbage))];
        let fresh = Handshake::<Initialized>::new(MAGIC, Role::Initiator).unwrap();
        let sent = fresh.send_key(Some(garbage), &mut key).unwrap();
        transport.receive(&key).unwrap();
        let theirs = outgoing(transport);
        let received = sent.receive_key(*theirs.first_chunk::<64>().unwrap()).unwrap();
        let mut version = vec![0; Handshake::<ReceivedKey<'_>>::send_version_len(Some(decoys))];
        let handshake = received.send_version(&mut version, Some(decoys)).unwrap();
        transport.receive(&version).unwrap();
        Self { garbage: theirs[64..].to_vec(), handshake: Some(handshake) }
    }

    fn session(mut self) -> CipherSession {
        let found = self.handshake.take().unwrap().receive_garbage(&self.garbage).unwrap();
        let GarbageResult::FoundGarbage { mut handshake, consumed_bytes } = found else { panic!("all has come") };
        let rest = &self.garbage[consumed_bytes..];
        let length = handshake.decrypt_packet_len(*rest.first_chunk().unwrap()).unwrap();
        match handshake.receive_version(&mut rest[3..3 + length].to_vec()).unwrap() {
            VersionResult::Complete { cipher } => cipher,
            VersionResult::Decoy(_) => panic!("we send no decoys"),
        }
    }
}

#[test]
fn a_foreign_peer_with_garbage_and_decoys_is_understood() {
    let mut transport = v2(false, 33);
    let decoys: [&[u8]; 3] = [b"nothing", &[0; 900], b""];
    let mut session = Foreign::shake(&mut transport, &decoys, &[0xaa; 77]).session();
    assert_eq!(transport.info().kind, TransportKind::V2);
    assert_eq!(transport.info().session_id, Some(*session.id()));

    let mut contents = vec![18];
    contents.extend(9_u64.to_le_bytes());
    transport.receive(&session.outbound().encrypt_to_vec(b"junk", PacketType::Decoy, None)).unwrap();
    transport.receive(&session.outbound().encrypt_to_vec(&contents, PacketType::Genuine, None)).unwrap();
    assert_eq!(received(&mut transport), [Message::new("ping", 9_u64.to_le_bytes().to_vec())]);

    // Types without a meaning are dropped, the connection goes on.
    transport.receive(&session.outbound().encrypt_to_vec(&[200], PacketType::Genuine, None)).unwrap();
    transport.receive(&session.outbound().encrypt_to_vec(&[], PacketType::Genuine, None)).unwrap();
    assert_eq!(received(&mut transport), []);
    assert!(
        log(&mut transport).contains(&"V2 transport error: invalid message type (1 bytes contents), peer=7".to_owned())
    );

    transport.send(Message::new("pong", vec![1; 8]));
    let bytes = outgoing(&mut transport);
    let length = session.inbound().decrypt_packet_len(*bytes.first_chunk().unwrap());
    let (_, plain) = session.inbound().decrypt_to_vec(&bytes[3..3 + length], None).unwrap();
    assert_eq!(plain, [&[0, 19][..], &[1; 8]].concat());
}

#[test]
fn a_handshake_without_end_is_cut_off() {
    let mut transport = v2(false, 0);
    assert!(transport.receive(&[0x11; 64 + 4_095 + 16]).is_err());
    assert!(log(&mut transport).contains(&"V2 transport error: missing garbage terminator, peer=7".to_owned()));

    let mut transport = v2(false, 0);
    let decoy = vec![0; 1_000];
    let decoys: Vec<&[u8]> = vec![&decoy; 40];
    let mut key = vec![0; 64];
    let sent = Handshake::<Initialized>::new(MAGIC, Role::Initiator).unwrap().send_key(None, &mut key).unwrap();
    transport.receive(&key).unwrap();
    let theirs = outgoing(&mut transport);
    let received = sent.receive_key(*theirs.first_chunk::<64>().unwrap()).unwrap();
    let mut version = vec![0; Handshake::<ReceivedKey<'_>>::send_version_len(Some(&decoys))];
    received.send_version(&mut version, Some(&decoys)).unwrap();
    assert!(transport.receive(&version).is_err(), "40 kB of decoys");
}

#[test]
fn a_v1_peer_of_another_network_is_told_apart() {
    let mut transport = v2(false, 0);
    let mut bytes = vec![0xf9, 0xbe, 0xb4, 0xd9];
    bytes.extend(b"version\0\0\0\0\0");
    bytes.extend([0; 100]);
    assert!(transport.receive(&bytes).is_err());
    assert!(log(&mut transport).iter().any(|line| line.contains("V1 peer with wrong MessageStart f9beb4d9")));
}

#[test]
fn nothing_is_said_until_the_first_bytes_are_not_those_of_v1() {
    let mut transport = v2(false, 5);
    transport.receive(&MAGIC).unwrap();
    assert!(outgoing(&mut transport).is_empty());
    transport.receive(b"versioX").unwrap();
    assert_eq!(outgoing(&mut transport).len(), 64 + 5);
    assert_eq!(transport.info().kind, TransportKind::Detecting);
    assert_eq!(MessageType::new("version").as_str(), "version");
}

#[test]
fn only_a_peer_that_never_answered_is_tried_with_v1() {
    let mut transport = v2(true, 0);
    assert!(!transport.should_reconnect_v1(), "nothing was sent");
    outgoing(&mut transport);
    assert!(transport.should_reconnect_v1());
    transport.receive(&[1]).unwrap();
    assert!(!transport.should_reconnect_v1());
}
