//! Multikey texts of X25519 keys (W3C Controlled Identifiers §2.2.2). Those of Ed25519 keys are in [`crate::Did`].

/// Multicodec `x25519-pub` (0xec) as an unsigned varint.
const X25519_PUB: [u8; 2] = [0xec, 0x01];
/// `z6LS…` is always 48 characters.
const LEN: usize = 48;

pub(crate) fn encode_x25519(public: &[u8; 32]) -> String {
    let mut bytes = X25519_PUB.to_vec();
    bytes.extend_from_slice(public);
    format!("z{}", bs58::encode(bytes).into_string())
}

pub(crate) fn decode_x25519(text: &str) -> Option<[u8; 32]> {
    if text.len() != LEN {
        return None;
    }
    let bytes = bs58::decode(text.strip_prefix('z')?).into_vec().ok()?;
    bytes.strip_prefix(&X25519_PUB)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_did_key_specification_round_trips() {
        let text = "z6LSj72tK8brWgZja8NLRwPigth2T9QRiG1uH9oKZuKjdh9p";
        let key = decode_x25519(text).unwrap();
        assert_eq!(encode_x25519(&key), text);
        assert_eq!(decode_x25519("z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"), None);
    }
}
