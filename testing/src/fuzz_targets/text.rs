//! Profiles, envelopes, keys, amounts.

use super::NOW;
use pumasi_crypto::RsaPublicKey;
use pumasi_crypto::jose::{Jwe, Jws};
use pumasi_crypto::pem::EncryptedKey;
use pumasi_identity::{Did, SignedProfile};
use pumasi_units::{Money, Unit};

/// A profile from the DHT.
pub fn profile(data: &[u8]) {
    if let Ok(profile) = SignedProfile::verify(data, NOW) {
        let again = SignedProfile::verify_signature(profile.json().as_bytes()).expect("what was accepted is accepted");
        assert_eq!(again.digest(), profile.digest());
    }
    // A node checks the signature alone of old ones that it keeps as evidence.
    let _ = SignedProfile::verify_signature(data);
}

/// A JWS or a JWE.
pub fn envelope(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(jws) = Jws::parse(text, 16_384) {
        assert_eq!(jws.as_str(), text);
        assert_eq!(Jws::parse(jws.as_str(), text.len()).map(|again| again.id()), Ok(jws.id()));
        let signer = jws.kid().split('#').next().and_then(|did| did.parse::<Did>().ok());
        if let Some(did) = signer {
            let _ = jws.verify_eddsa(did.public());
        }
    }
    if let Ok(jwe) = Jwe::parse(text, 16_384) {
        assert!(!jwe.recipient_kid().is_empty());
    }
}

/// A key file.
pub fn pem(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = EncryptedKey::from_pem(text);
    if let Ok(key) = RsaPublicKey::from_spki_pem(text) {
        assert_eq!(RsaPublicKey::from_spki_pem(&key.to_spki_pem()), Ok(key));
    }
    let _ = RsaPublicKey::from_spki_der(data);
}

/// An amount that a person typed.
pub fn money(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(money) = text.parse::<Money>() {
        assert_eq!(money.to_string().parse(), Ok(money.clone()), "{text:?}");
        let json = serde_json::to_string(&money).expect("an amount has JSON");
        assert_eq!(serde_json::from_str::<Money>(&json).expect("our own JSON"), money);
    }
    if let Ok(unit) = text.parse::<Unit>() {
        assert_eq!(unit.as_str().parse(), Ok(unit));
    }
    let _ = serde_json::from_str::<Money>(text);
}
