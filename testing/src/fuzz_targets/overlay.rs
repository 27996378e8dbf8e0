//! What a node of the overlay is sent on its own streams.

use super::{NOW, signing_key};
use pumasi_overlay::{Address, RecordKey, SetAnswer, SetKey, SetRequest, unprefixed};
use pumasi_signaling::{MAX_NODE_INFO, NodeInfo};

/// A request to a node that keeps sets, or its answer.
pub fn set(data: &[u8]) {
    if let Some(request) = SetRequest::from_bytes(data) {
        assert_eq!(SetRequest::from_bytes(&request.to_bytes()), Some(request));
    }
    if let Some(answer) = SetAnswer::from_bytes(data) {
        assert_eq!(SetAnswer::from_bytes(&answer.to_bytes()), Some(answer));
    }
}

/// What a node says of itself: as it comes, and as the statement inside a good signature.
pub fn node_info(data: &[u8]) {
    let _ = NodeInfo::verify(data, None, NOW);
    let Ok(info) = std::str::from_utf8(data) else { return };
    let signature = signing_key().sign(&[b"pumasi/node-info/1\0".as_slice(), data].concat());
    let envelope = serde_json::json!({ "info": info, "signature": pumasi_crypto::b64::encode(signature) }).to_string();
    let Ok(read) = NodeInfo::verify(envelope.as_bytes(), Some(&signing_key().public()), NOW) else { return };
    if envelope.len() > MAX_NODE_INFO - 256 {
        return; // said again with the name of this program, it may be over the bound, and is cut
    }
    // Whoever says the same again is understood in the same way.
    let said = NodeInfo::sign(&signing_key(), &read.addresses, &read.offers, NOW);
    let again = NodeInfo::verify(&said, None, NOW).expect("what is signed here is read");
    assert_eq!((again.addresses, again.offers), (read.addresses, read.offers));
}

/// What begins each exchange with a node, whatever the protocol: the length before a request, the key of a record or a set, and
/// the address of a peer.
pub fn stream(data: &[u8]) {
    for limit in [0, 64, 8_192] {
        if let Some(bytes) = unprefixed(data, limit) {
            assert!(bytes.len() <= limit, "{} bytes; the limit is {limit}", bytes.len());
            let taken = (1..=4).any(|prefix| data.get(prefix..prefix + bytes.len()) == Some(&bytes[..]));
            assert!(taken, "what was read is what came");
        }
    }
    let (record, set) = (RecordKey::from_bytes(data), SetKey::from_bytes(data));
    assert!(record.is_none() || set.is_none(), "one key, one meaning");
    assert!(record.is_none_or(|key| key.to_bytes() == data) && set.is_none_or(|key| key.to_bytes() == data));
    if let Some(address) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<Address>().ok()) {
        assert_eq!(address.to_string().parse::<Address>().as_ref(), Ok(&address));
    }
}
