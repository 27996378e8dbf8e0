//! What passes between a client and the server: STUN messages and channel data, and where one ends in a stream.

use turn_types::stun::message::{BINDING, Message, MessageClass, MessageHeader};

/// The longest message that is taken from a client: a whole datagram of 1,500 bytes and what frames it would do; browsers
/// and coturn stay below 2,000.
pub(crate) const MAX_MESSAGE: usize = 4096;

/// What stands at the beginning of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A whole message of `length` bytes, with `padded` bytes in the stream.
    Whole {
        /// Bytes of the message.
        length: usize,
        /// Bytes that it takes in the stream.
        padded: usize,
    },
    /// The beginning of one.
    More,
    /// Neither STUN nor channel data, or too long.
    Malformed,
}

/// Finds the first message of a stream (RFC 8656 §12.5: channel data is padded to four bytes there).
#[must_use]
pub fn frame(stream: &[u8]) -> Frame {
    let Some((head, _)) = stream.split_first_chunk::<4>() else { return Frame::More };
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (length, padded) = match head[0] {
        0..=3 => (MessageHeader::LENGTH + length, MessageHeader::LENGTH + length),
        0x40..=0x7F => (4 + length, 4 + length.next_multiple_of(4)),
        _ => return Frame::Malformed,
    };
    if length > MAX_MESSAGE || (head[0] < 4 && !length.is_multiple_of(4)) {
        return Frame::Malformed;
    }
    if stream.len() < padded { Frame::More } else { Frame::Whole { length, padded } }
}

/// Whether a datagram is a STUN request.
#[must_use]
pub fn is_request(datagram: &[u8]) -> bool {
    MessageHeader::from_bytes(datagram).is_ok_and(|header| header.get_type().has_class(MessageClass::Request))
}

/// Whether a datagram asks how a NAT shows its sender.
#[must_use]
pub fn is_binding_request(datagram: &[u8]) -> bool {
    is_request(datagram) && Message::from_bytes(datagram).is_ok_and(|message| message.has_method(BINDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_of_a_stream_is_found() {
        let mut stun = [0; 24];
        (stun[1], stun[3]) = (1, 4);
        assert_eq!(frame(&stun[..3]), Frame::More);
        assert_eq!(frame(&stun[..23]), Frame::More);
        assert_eq!(frame(&stun), Frame::Whole { length: 24, padded: 24 });
        assert_eq!(frame(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5]), Frame::More);
        assert_eq!(frame(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 9]), Frame::Whole { length: 9, padded: 12 });
    }

    #[test]
    fn what_is_no_message_ends_the_stream_at_once() {
        for never in [[0x16, 3, 1, 0], [0, 1, 0, 3], [0, 1, 0xFF, 0xFC], [0x40, 0, 0xFF, 0xFF], [0x80, 0, 0, 0]] {
            assert_eq!(frame(&never), Frame::Malformed, "{never:?}");
        }
    }
}
