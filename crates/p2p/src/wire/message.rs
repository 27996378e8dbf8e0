//! A message before it is framed: its type and its payload.

use std::fmt;

/// Length of a message type on the wire, in bytes.
pub(crate) const TYPE_SIZE: usize = 12;

/// Characters that may appear in logs (Core's `SanitizeString`).
const SAFE_PUNCTUATION: &[u8] = b" .,;-_/:?@()";

/// Keeps what is safe to log and to show.
pub(crate) fn sanitize(bytes: &[u8]) -> String {
    bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric() || SAFE_PUNCTUATION.contains(byte))
        .map(|byte| char::from(*byte))
        .collect()
}

/// The type of a message: up to twelve printable ASCII characters, such as `headers`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType([u8; TYPE_SIZE]);

impl MessageType {
    /// A type by its name, which our own code knows.
    ///
    /// # Panics
    ///
    /// When the name is longer than twelve bytes.
    pub const fn new(name: &'static str) -> Self {
        let mut bytes = [0; TYPE_SIZE];
        assert!(name.len() <= TYPE_SIZE, "a message type has at most twelve bytes");
        let mut index = 0;
        while index < name.len() {
            bytes[index] = name.as_bytes()[index];
            index += 1;
        }
        Self(bytes)
    }

    /// A type by any name; `None` when it is longer than twelve bytes or not printable.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut bytes = [0; TYPE_SIZE];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Self::from_wire(bytes)
    }

    /// The name up to the first zero; anything may follow. Core shows broken types this way.
    pub(crate) fn shown(bytes: &[u8; TYPE_SIZE]) -> &[u8] {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(TYPE_SIZE);
        &bytes[..end]
    }

    /// The type in these bytes, if they are printable characters followed by zeros only.
    pub(crate) fn from_wire(bytes: [u8; TYPE_SIZE]) -> Option<Self> {
        let shown = Self::shown(&bytes).len();
        let printable = bytes[..shown].iter().all(|byte| (b' '..=0x7e).contains(byte));
        (printable && bytes[shown..].iter().all(|byte| *byte == 0)).then_some(Self(bytes))
    }

    /// The twelve bytes on the wire.
    pub(crate) const fn to_wire(self) -> [u8; TYPE_SIZE] {
        self.0
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(Self::shown(&self.0)).expect("message types are ASCII")
    }

    /// Whether Core knows this type: statistics are kept for these, all others count as `*other*`.
    pub fn is_known(&self) -> bool {
        KNOWN.contains(&self.as_str())
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// All types that Core knows (`ALL_NET_MESSAGE_TYPES`).
pub(crate) const KNOWN: [&str; 36] = [
    "version",
    "verack",
    "addr",
    "addrv2",
    "sendaddrv2",
    "inv",
    "getdata",
    "merkleblock",
    "getblocks",
    "getheaders",
    "tx",
    "headers",
    "block",
    "getaddr",
    "mempool",
    "ping",
    "pong",
    "notfound",
    "filterload",
    "filteradd",
    "filterclear",
    "sendheaders",
    "feefilter",
    "sendcmpct",
    "cmpctblock",
    "getblocktxn",
    "blocktxn",
    "getcfilters",
    "cfilter",
    "getcfheaders",
    "cfheaders",
    "getcfcheckpt",
    "cfcheckpt",
    "wtxidrelay",
    "sendtxrcncl",
    "alert",
];

/// A message: type and payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its type.
    pub kind: MessageType,
    /// Its payload; at most 4,000,000 bytes.
    pub payload: Vec<u8>,
}

impl Message {
    /// A message of a type that our own code knows.
    pub const fn new(kind: &'static str, payload: Vec<u8>) -> Self {
        Self { kind: MessageType::new(kind), payload }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.kind, self.payload.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_printable_and_padded_with_zeros() {
        assert_eq!(MessageType::from_wire(*b"ping\0\0\0\0\0\0\0\0"), Some(MessageType::new("ping")));
        assert_eq!(MessageType::from_wire(*b"pi\0g\0\0\0\0\0\0\0\0"), None);
        assert_eq!(MessageType::from_wire(*b"badmsg\x01\0\0\0\0\0"), None);
        assert_eq!(MessageType::from_wire([b'a'; 12]).unwrap().as_str(), "aaaaaaaaaaaa");
    }

    #[test]
    fn what_is_logged_is_harmless() {
        assert_eq!(sanitize(b"/a:1.0(b)/<script>\n%"), "/a:1.0(b)/script");
    }
}
