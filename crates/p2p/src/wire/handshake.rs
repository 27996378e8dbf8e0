//! The key exchange of BIP324, around crate `bip324`.
//!
//! That crate's handshake borrows the peer's garbage until the peer's version packet has come, so it cannot wait for
//! bytes in a struct that owns them. We keep what was received instead, and start over from our secret whenever enough
//! has arrived for one more step: that happens a few times, and the bytes are bounded.

use bip324::VersionResult;
use bip324::{CipherSession, FillBytes, GarbageResult, Handshake, Initialized, ReceivedKey, Role, SentVersion};
use bitcoin::secp256k1::Secp256k1;

/// Length of a public key in ElligatorSwift encoding.
const KEY_SIZE: usize = 64;
/// Longest garbage, in bytes.
pub(super) const MAX_GARBAGE: usize = 4095;
/// Most bytes of decoys before the version packet. BIP324 sets no limit; nobody needs so much.
const MAX_DECOYS: usize = 16 * 1024;
/// What a v1 version message has after the magic.
const V1_VERSION: [u8; 12] = *b"version\0\0\0\0\0";

/// Hands a fixed secret to the crate, which asks for randomness.
struct Secret([u8; 32]);

impl FillBytes for Secret {
    fn fill_bytes(&mut self, dest: &mut [u8; 32]) {
        *dest = self.0;
    }
}

/// A key exchange that waits for the peer.
pub(super) struct KeyExchange {
    magic: [u8; 4],
    role: Role,
    secret: [u8; 32],
    garbage: Vec<u8>,
    received: Vec<u8>,
    /// The state after our version packet, until the garbage terminator is found.
    sent: Option<Handshake<SentVersion>>,
    /// Bytes that must have been received before another step is possible.
    needed: usize,
}

/// How far it has come.
pub(super) enum Progress {
    /// More bytes are needed.
    Waiting,
    /// Both sides have proven that they have the keys; these bytes came after.
    Done { cipher: Box<CipherSession>, rest: Vec<u8> },
}

impl KeyExchange {
    pub(super) fn new(magic: [u8; 4], role: Role, secret: [u8; 32], mut garbage: Vec<u8>) -> Self {
        garbage.truncate(MAX_GARBAGE);
        Self { magic, role, secret, garbage, received: Vec::new(), sent: None, needed: KEY_SIZE }
    }

    /// Whether nothing has come from the peer yet.
    pub(super) const fn is_untouched(&self) -> bool {
        self.received.is_empty()
    }

    /// Our key and garbage: the first bytes to send.
    pub(super) fn opening(&self) -> Result<Vec<u8>, String> {
        self.open().map(|(_, bytes)| bytes)
    }

    fn open(&self) -> Result<(Handshake<bip324::SentKey<'_>>, Vec<u8>), String> {
        let curve = Secp256k1::signing_only();
        let fresh = Handshake::<Initialized>::new_with_rng(self.magic, self.role, &mut Secret(self.secret), &curve);
        let mut bytes = vec![0; Handshake::<Initialized>::send_key_len(Some(&self.garbage))];
        let sent = fresh.and_then(|fresh| fresh.send_key(Some(&self.garbage), &mut bytes));
        sent.map(|sent| (sent, bytes)).map_err(|error| format!("V2 transport error: {error}"))
    }

    /// Derives the session from both keys; returns the bytes that prove it too.
    fn derive(&self) -> Result<(Handshake<SentVersion>, Vec<u8>), String> {
        let theirs = self.received.first_chunk::<KEY_SIZE>().expect("called with a whole key");
        let mut bytes = vec![0; Handshake::<ReceivedKey<'_>>::send_version_len(None)];
        let (sent_key, _) = self.open()?;
        let sent = sent_key.receive_key(*theirs).and_then(|received| received.send_version(&mut bytes, None));
        sent.map(|sent| (sent, bytes)).map_err(|error| format!("V2 transport error: {error}"))
    }

    /// Takes what the peer sent. Bytes to send are appended to `output`.
    ///
    /// # Errors
    ///
    /// What to log before the connection is closed.
    pub(super) fn receive(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<Progress, String> {
        let had_key = self.received.len() >= KEY_SIZE;
        self.received.extend_from_slice(bytes);
        self.check_other_network()?;
        if self.received.len() < self.needed {
            return Ok(Progress::Waiting);
        }
        if !had_key {
            if self.received[..4] == self.magic {
                // A key may begin with the magic (one in 2^32), but crate `bip324` takes it for v1. Such a peer waits
                // until the handshake times out and comes again with another key.
                self.needed = usize::MAX;
                return Ok(Progress::Waiting);
            }
            let (sent, proof) = self.derive()?;
            output.extend(proof);
            self.sent = Some(sent);
        }
        let sent = match self.sent.take() {
            Some(sent) => sent,
            None => self.derive()?.0,
        };
        self.step(sent)
    }

    fn check_other_network(&self) -> Result<(), String> {
        let prefix = self.received.get(4..16);
        if self.role == Role::Responder && prefix == Some(&V1_VERSION) {
            let magic = super::v1::hex(&self.received[..4]);
            return Err(format!("V2 transport error: V1 peer with wrong MessageStart {magic}"));
        }
        Ok(())
    }

    /// Goes through the garbage and all whole packets that have come.
    fn step(&mut self, sent: Handshake<SentVersion>) -> Result<Progress, String> {
        let stream = &self.received[KEY_SIZE..];
        let found = sent.receive_garbage(stream).map_err(|_| "V2 transport error: missing garbage terminator")?;
        let (mut handshake, mut offset) = match found {
            GarbageResult::NeedMoreData(sent) => {
                self.sent = Some(sent);
                return Ok(Progress::Waiting);
            }
            GarbageResult::FoundGarbage { handshake, consumed_bytes } => (handshake, consumed_bytes),
        };
        let limit = offset + MAX_DECOYS;
        loop {
            let Some(length) = stream.get(offset..).and_then(|rest| rest.first_chunk::<3>()) else {
                self.needed = KEY_SIZE + offset + 3;
                return Ok(Progress::Waiting);
            };
            let length =
                handshake.decrypt_packet_len(*length).map_err(|error| format!("V2 transport error: {error}"))?;
            offset += 3;
            if offset + length > limit {
                return Err(format!("V2 transport error: packet too large ({length} bytes)"));
            }
            let Some(packet) = stream.get(offset..offset + length) else {
                self.needed = KEY_SIZE + offset + length;
                return Ok(Progress::Waiting);
            };
            offset += length;
            let result = handshake.receive_version(&mut packet.to_vec());
            match result.map_err(|_| format!("V2 transport error: packet decryption failure ({length} bytes)"))? {
                VersionResult::Decoy(next) => handshake = next,
                VersionResult::Complete { cipher } => {
                    return Ok(Progress::Done { cipher: Box::new(cipher), rest: stream[offset..].to_vec() });
                }
            }
        }
    }
}
