//! One-byte message types of v2 (BIP324, "v2 Bitcoin P2P message structure").

use super::MessageType;

/// Position is the identifier. 0 announces that twelve bytes of type follow.
const SHORT_IDS: [&str; 29] = [
    "",
    "addr",
    "block",
    "blocktxn",
    "cmpctblock",
    "feefilter",
    "filteradd",
    "filterclear",
    "filterload",
    "getblocks",
    "getblocktxn",
    "getdata",
    "getheaders",
    "headers",
    "inv",
    "mempool",
    "merkleblock",
    "notfound",
    "ping",
    "pong",
    "sendcmpct",
    "tx",
    "getcfilters",
    "cfilter",
    "getcfheaders",
    "cfheaders",
    "getcfcheckpt",
    "cfcheckpt",
    "addrv2",
];

/// The identifier of a type that has one.
pub(super) fn short_id(kind: MessageType) -> Option<u8> {
    SHORT_IDS.iter().skip(1).position(|name| *name == kind.as_str()).map(|index| index as u8 + 1)
}

/// The type of an identifier.
pub(super) fn kind_of(id: u8) -> Option<MessageType> {
    SHORT_IDS.get(usize::from(id)).filter(|name| !name.is_empty()).map(|name| MessageType::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_of_bip324() {
        for (name, id) in [("addr", 1), ("getdata", 11), ("pong", 19), ("tx", 21), ("addrv2", 28)] {
            assert_eq!(short_id(MessageType::new(name)), Some(id));
            assert_eq!(kind_of(id), Some(MessageType::new(name)));
        }
        assert_eq!(short_id(MessageType::new("version")), None);
        assert_eq!(kind_of(29), None);
        assert_eq!(kind_of(0), None);
    }
}
