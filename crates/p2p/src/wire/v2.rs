//! v2 framing: encrypted packets (BIP324) once the keys are agreed.

use super::message::TYPE_SIZE;
use super::v1::take;
use super::{MAX_PAYLOAD, Message, MessageType, Received, short_ids};
use bip324::{CipherSession, PacketType};

/// Encrypted length before each packet.
const LENGTH_SIZE: usize = 3;
/// What a packet has besides its contents: length, header byte and tag.
const EXPANSION: usize = LENGTH_SIZE + 1 + 16;
/// Longest contents: a zero byte, twelve bytes of type, the payload.
const MAX_CONTENTS: usize = 1 + TYPE_SIZE + MAX_PAYLOAD;
/// The bit of the header byte that marks a decoy.
const DECOY: u8 = 0x80;
const RESERVE_AHEAD: usize = 256 * 1024;

/// An encrypted session.
pub(super) struct V2Session {
    cipher: CipherSession,
    buffer: Vec<u8>,
    /// Length of the packet that is being received, without its length field.
    packet: Option<usize>,
}

impl V2Session {
    pub(super) const fn new(cipher: CipherSession) -> Self {
        Self { cipher, buffer: Vec::new(), packet: None }
    }

    pub(super) fn id(&self) -> [u8; 32] {
        *self.cipher.id()
    }

    /// Takes bytes from the front of the input until a message is complete or the input is used up.
    ///
    /// # Errors
    ///
    /// What to log when the stream cannot be read any further.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<super::v1::Complete>, String> {
        while !input.is_empty() {
            let Some(packet) = self.packet else {
                take(input, &mut self.buffer, LENGTH_SIZE);
                if let Some(length) = self.buffer.first_chunk::<LENGTH_SIZE>() {
                    let packet = self.cipher.inbound().decrypt_packet_len(*length);
                    let contents = packet + LENGTH_SIZE - EXPANSION;
                    if contents > MAX_CONTENTS {
                        return Err(format!("V2 transport error: packet too large ({contents} bytes)"));
                    }
                    self.packet = Some(packet);
                    self.buffer.clear();
                }
                continue;
            };
            self.buffer.reserve((packet - self.buffer.len()).min(input.len() + RESERVE_AHEAD));
            take(input, &mut self.buffer, packet);
            if self.buffer.len() == packet {
                self.packet = None;
                let mut ciphertext = std::mem::take(&mut self.buffer);
                if let Some(complete) = self.open(&mut ciphertext)? {
                    return Ok(Some(complete));
                }
            }
        }
        Ok(None)
    }

    /// Opens a packet; a decoy is nothing.
    fn open(&mut self, ciphertext: &mut [u8]) -> Result<Option<super::v1::Complete>, String> {
        let length = ciphertext.len() + LENGTH_SIZE - EXPANSION;
        let failure = |_| format!("V2 transport error: packet decryption failure ({length} bytes)");
        let (_, plain) = self.cipher.inbound().decrypt_in_place(ciphertext, None).map_err(failure)?;
        let (header, contents) = plain.split_first().expect("a packet has a header byte");
        if header & DECOY != 0 {
            return Ok(None);
        }
        let size = length + EXPANSION;
        Ok(Some(match parse(contents) {
            Some(message) => super::v1::Complete { received: Received::Message { message, size }, complaint: None },
            None => super::v1::Complete {
                received: Received::Rejected { size },
                complaint: Some(format!("V2 transport error: invalid message type ({length} bytes contents)")),
            },
        }))
    }

    /// The packet of a message.
    pub(super) fn seal(&mut self, message: &Message) -> Vec<u8> {
        let mut contents = Vec::with_capacity(1 + TYPE_SIZE + message.payload.len());
        match short_ids::short_id(message.kind) {
            Some(id) => contents.push(id),
            None => {
                contents.push(0);
                contents.extend(message.kind.to_wire());
            }
        }
        contents.extend(&message.payload);
        self.cipher.outbound().encrypt_to_vec(&contents, PacketType::Genuine, None)
    }
}

/// Type and payload in the contents of a packet.
fn parse(contents: &[u8]) -> Option<Message> {
    let (id, rest) = contents.split_first()?;
    if *id != 0 {
        return short_ids::kind_of(*id).map(|kind| Message { kind, payload: rest.to_vec() });
    }
    let (kind, payload) = rest.split_first_chunk::<TYPE_SIZE>()?;
    Some(Message { kind: MessageType::from_wire(*kind)?, payload: payload.to_vec() })
}
