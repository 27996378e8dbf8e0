//! What the envelope refuses.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

#[path = "suite/block_on.rs"]
mod block_on;

use block_on::block_on;
use proptest::prelude::*;
use pumasi_crypto::jose::{self, Jwe, Jws, JwsAlg, MAX_KID, MAX_TYP};
use pumasi_crypto::native::NativeProvider as P;
use pumasi_crypto::{CryptoError, Provider, RsaBits, b64, hash, pkcs8};
use serde_json::{Value, json};
use std::sync::LazyLock;

const MAX: usize = 20_000;
const PROVIDER: P = P;

struct Keys {
    signing: <P as Provider>::RsaSigningKey,
    unwrap: <P as Provider>::RsaUnwrapKey,
    did: <P as Provider>::Ed25519Key,
}

/// RSA keys take a while to make: once for all tests of a process.
static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    block_on(async {
        let der = PROVIDER.rsa_generate(RsaBits::B2048).await.unwrap();
        Keys {
            signing: PROVIDER.import_rsa_signing(&der).await.unwrap(),
            unwrap: PROVIDER.import_rsa_unwrap(&der).await.unwrap(),
            did: PROVIDER.import_ed25519(&pkcs8::from_ed25519_seed(&[1; 32])).await.unwrap(),
        }
    })
});

fn signed_ps256() -> Jws {
    block_on(jose::sign_ps256(&PROVIDER, &KEYS.signing, "did:key:a#1", "transfer", &json!({"n": 1}))).unwrap()
}

fn signed_eddsa() -> Jws {
    block_on(jose::sign_eddsa(&PROVIDER, &KEYS.did, "did:key:a", "result", &json!({"n": 1}))).unwrap()
}

fn encrypted() -> String {
    let public = PROVIDER.rsa_unwrap_public(&KEYS.unwrap);
    block_on(jose::encrypt(&PROVIDER, &public, "did:key:b#2", b"hello")).unwrap()
}

fn open(text: &str) -> Result<Vec<u8>, CryptoError> {
    block_on(jose::decrypt(&PROVIDER, &KEYS.unwrap, text, MAX)).map(|opened| opened.to_vec())
}

/// A JWS with this header, over `{"n":1}`, honestly signed with the DID's key: only the header can be the reason to
/// refuse it.
fn jws_with_header(header: &str) -> String {
    let input = format!("{}.{}", b64::encode(header), b64::encode(r#"{"n":1}"#));
    let signature = block_on(PROVIDER.ed25519_sign(&KEYS.did, input.as_bytes())).unwrap();
    format!("{input}.{}", b64::encode(signature))
}

/// A JWE with these members replaced, added or (`null`) taken away.
fn jwe_with(changes: Value) -> String {
    let mut jwe: Value = serde_json::from_str(&encrypted()).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => jwe.as_object_mut().unwrap().remove(name),
            value => jwe.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    jwe.to_string()
}

#[test]
fn the_header_of_a_jws_is_alg_kid_and_typ_and_nothing_else() {
    assert!(Jws::parse(&jws_with_header(r#"{"alg":"EdDSA","kid":"k","typ":"t"}"#), MAX).is_ok());
    assert!(Jws::parse(&jws_with_header(r#" { "typ": "t", "kid": "k", "alg": "EdDSA" } "#), MAX).is_ok());
    let refused = [
        r#"{"alg":"EdDSA","kid":"k","typ":"t","crit":["exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"t","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"t","b64":false}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"t","jwk":{}}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"t","zip":"DEF"}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k","typ":"t"}"#,
        r#"{"alg":"EdDSA","kid":"k","\u006bid":"k","typ":"t"}"#,
        r#"{"alg":"EdDSA","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"t"}"#,
        r#"{"kid":"k","typ":"t"}"#,
        r#"{"alg":"EdDSA","kid":7,"typ":"t"}"#,
        r#"{"alg":"EdDSA","kid":"한","typ":"t"}"#,
        r#"{"alg":"EdDSA","kid":"a b","typ":"t"}"#,
        r#"["EdDSA","k","t"]"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"t"}{}"#,
        "",
    ];
    for header in refused {
        let error = Jws::parse(&jws_with_header(header), MAX).unwrap_err();
        assert!(matches!(error, CryptoError::Malformed("JWS header" | "JWS kid")), "{header}: {error}");
    }
}

#[test]
fn only_two_signature_algorithms_are_accepted() {
    for alg in ["none", "None", "HS256", "RS256", "PS384", "ES256", "Ed25519", "eddsa", ""] {
        let header = json!({"alg": alg, "kid": "k", "typ": "t"}).to_string();
        let error = Jws::parse(&jws_with_header(&header), MAX).unwrap_err();
        assert_eq!(error, CryptoError::Algorithm { field: "JWS alg", value: alg.to_owned() });
    }
}

#[test]
fn a_key_is_used_with_its_own_algorithm_only() {
    let public = PROVIDER.rsa_signing_public(&KEYS.signing);
    let error = block_on(signed_eddsa().verify_ps256(&PROVIDER, &public)).unwrap_err();
    assert!(matches!(error, CryptoError::Algorithm { .. }), "{error}");
    let error = signed_ps256().verify_eddsa(&PROVIDER.ed25519_public(&KEYS.did)).unwrap_err();
    assert!(matches!(error, CryptoError::Algorithm { .. }), "{error}");
}

#[test]
fn lengths_are_bounded_and_named() {
    let jws = signed_eddsa();
    let len = jws.as_str().len();
    assert!(Jws::parse(jws.as_str(), len).is_ok());
    assert_eq!(Jws::parse(jws.as_str(), len - 1), Err(CryptoError::Length { what: "JWS", len, limit: len - 1 }));

    let kid = "k".repeat(MAX_KID + 1);
    let error = Jws::parse(&jws_with_header(&json!({"alg": "EdDSA", "kid": kid, "typ": "t"}).to_string()), MAX);
    assert_eq!(error, Err(CryptoError::Length { what: "JWS kid", len: MAX_KID + 1, limit: MAX_KID }));
    let typ = "t".repeat(MAX_TYP + 1);
    let error = block_on(jose::sign_eddsa(&PROVIDER, &KEYS.did, "k", &typ, &json!({})));
    assert_eq!(error, Err(CryptoError::Length { what: "JWS typ", len: MAX_TYP + 1, limit: MAX_TYP }));

    let header = jws.as_str().split('.').next().unwrap();
    let error = Jws::parse(&format!("{header}.e30.{}", b64::encode([0; 513])), MAX);
    assert_eq!(error, Err(CryptoError::Length { what: "JWS signature", len: 513, limit: 512 }));

    let jwe = encrypted();
    let error = Jwe::parse(&jwe, jwe.len() - 1).unwrap_err();
    assert_eq!(error, CryptoError::Length { what: "JWE", len: jwe.len(), limit: jwe.len() - 1 });
}

#[test]
fn the_compact_form_is_strict() {
    let jws = signed_eddsa();
    let text = jws.as_str();
    for bad in [
        String::new(),
        "..".to_owned(),
        format!("{text}."),
        format!(".{text}"),
        format!("{text}="),
        format!("{text} "),
        format!("\n{text}"),
        text.replace('.', ".."),
        text.rsplit_once('.').unwrap().0.to_owned(),
    ] {
        assert!(Jws::parse(&bad, MAX).is_err(), "{bad}");
    }
}

#[test]
fn the_id_is_of_what_is_signed_and_not_of_the_signature() {
    let (first, second) = (signed_ps256(), signed_ps256());
    assert_ne!(first.as_str(), second.as_str(), "PSS is randomised");
    assert_eq!(first.id(), second.id());
    let (input, _) = first.as_str().rsplit_once('.').unwrap();
    assert_eq!(first.id(), hash::sha256(&[input.as_bytes()]));
    assert_ne!(first.id(), signed_eddsa().id());
    assert_eq!((first.alg(), signed_eddsa().alg()), (JwsAlg::Ps256, JwsAlg::EdDsa));
}

#[test]
fn what_was_made_is_what_is_read() {
    for jws in [signed_ps256(), signed_eddsa()] {
        assert_eq!(Jws::parse(jws.as_str(), MAX).unwrap(), jws);
    }
}

#[test]
fn payloads_with_a_repeated_name_are_refused_even_when_signed() {
    let input = format!(
        "{}.{}",
        b64::encode(r#"{"alg":"EdDSA","kid":"k","typ":"t"}"#),
        b64::encode(r#"{"amount":"1","amount":"1000"}"#)
    );
    let signature = block_on(PROVIDER.ed25519_sign(&KEYS.did, input.as_bytes())).unwrap();
    let jws = Jws::parse(&format!("{input}.{}", b64::encode(signature)), MAX).unwrap();
    let verified = jws.verify_eddsa(&PROVIDER.ed25519_public(&KEYS.did)).unwrap();
    assert_eq!(verified.payload::<Value>(), Err(CryptoError::Malformed("JWS payload")));
}

#[test]
fn a_message_is_not_shown_by_debug() {
    let shown = format!("{:?}", signed_ps256());
    assert!(shown.starts_with("Jws(PS256 transfer by did:key:a#1"), "{shown}");
    assert!(!shown.contains("\"n\"") && !shown.contains(signed_ps256().as_str()), "{shown}");
}

#[test]
fn a_jwe_has_five_members_and_no_unprotected_header() {
    assert_eq!(open(&encrypted()).unwrap(), b"hello");
    let empty_header = json!({});
    for extra in ["header", "unprotected", "recipients", "aad", "other"] {
        let mut change = serde_json::Map::new();
        change.insert(extra.to_owned(), empty_header.clone());
        assert_eq!(open(&jwe_with(change.into())), Err(CryptoError::Malformed("JWE")), "{extra}");
    }
    for missing in ["protected", "encrypted_key", "iv", "ciphertext", "tag"] {
        let mut change = serde_json::Map::new();
        change.insert(missing.to_owned(), Value::Null);
        assert_eq!(open(&jwe_with(change.into())), Err(CryptoError::Malformed("JWE")), "{missing}");
    }
    let twice = encrypted().replacen('{', r#"{"tag":"AAAAAAAAAAAAAAAAAAAAAA","#, 1);
    assert_eq!(open(&twice), Err(CryptoError::Malformed("JWE")));
}

#[test]
fn only_one_way_to_encrypt_is_accepted() {
    let with_header = |header: &str| jwe_with(json!({ "protected": b64::encode(header) }));
    for (header, field, value) in [
        (r#"{"alg":"RSA1_5","enc":"A256GCM","kid":"k"}"#, "JWE alg", "RSA1_5"),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k"}"#, "JWE alg", "RSA-OAEP"),
        (r#"{"alg":"dir","enc":"A256GCM","kid":"k"}"#, "JWE alg", "dir"),
        (r#"{"alg":"RSA-OAEP-256","enc":"A128GCM","kid":"k"}"#, "JWE enc", "A128GCM"),
        (r#"{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"k"}"#, "JWE enc", "A256CBC-HS512"),
    ] {
        assert_eq!(open(&with_header(header)), Err(CryptoError::Algorithm { field, value: value.to_owned() }));
    }
    for header in [
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"k","zip":"DEF"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"k","crit":["x"],"x":1}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"k","epk":{}}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","enc":"A256GCM","kid":"k"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#,
    ] {
        assert_eq!(open(&with_header(header)), Err(CryptoError::Malformed("JWE header")), "{header}");
    }
    for (change, what, len, limit) in [
        (json!({"iv": b64::encode([0; 16])}), "JWE iv", 16, 12),
        (json!({"tag": b64::encode([0; 15])}), "JWE tag", 15, 16),
        (json!({"tag": ""}), "JWE tag", 0, 16),
    ] {
        assert_eq!(open(&jwe_with(change)), Err(CryptoError::Length { what, len, limit }));
    }
}

/// RFC 7516 §11.5: whatever is wrong with the wrapped key, the answer is the same.
#[test]
fn a_bad_wrapped_key_looks_like_a_bad_text() {
    const REFUSED: Result<Vec<u8>, CryptoError> = Err(CryptoError::Unverified("JWE"));
    let public = PROVIDER.rsa_unwrap_public(&KEYS.unwrap);
    let short_key = block_on(PROVIDER.rsa_oaep_wrap(&public, &[0; 16])).unwrap();
    assert_eq!(open(&jwe_with(json!({"encrypted_key": b64::encode(short_key)}))), REFUSED);
    assert_eq!(open(&jwe_with(json!({"encrypted_key": b64::encode([0; 256])}))), REFUSED);
    assert_eq!(open(&jwe_with(json!({"encrypted_key": ""}))), REFUSED);
    assert_eq!(open(&jwe_with(json!({"tag": b64::encode([0; 16])}))), REFUSED);
    let other = block_on(async {
        let der = PROVIDER.rsa_generate(RsaBits::B2048).await.unwrap();
        let key = PROVIDER.import_rsa_unwrap(&der).await.unwrap();
        jose::decrypt(&PROVIDER, &key, &encrypted(), MAX).await.map(|opened| opened.to_vec())
    });
    assert_eq!(other, REFUSED);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_jws_with_any_character_changed_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.{}\" -]") {
        let public = PROVIDER.rsa_signing_public(&KEYS.signing);
        for (jws, is_rsa) in [(signed_ps256(), true), (signed_eddsa(), false)] {
            let mut text = jws.as_str().to_owned();
            let at = at.index(text.len());
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            let verified = Jws::parse(&text, MAX).and_then(|jws| match is_rsa {
                true => block_on(jws.verify_ps256(&PROVIDER, &public)),
                false => jws.verify_eddsa(&PROVIDER.ed25519_public(&KEYS.did)),
            });
            prop_assert!(verified.is_err(), "{}", text);
        }
    }

    #[test]
    fn a_jwe_with_any_byte_changed_is_refused(
        member in prop::sample::select(vec!["protected", "encrypted_key", "iv", "ciphertext", "tag"]),
        at in any::<prop::sample::Index>(),
        bits in 1..=255_u8,
    ) {
        let mut jwe: Value = serde_json::from_str(&encrypted()).unwrap();
        let mut bytes = b64::decode("member", jwe[member].as_str().unwrap()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        jwe[member] = b64::encode(bytes).into();
        prop_assert!(open(&jwe.to_string()).is_err());
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in ".{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Jws::parse(&text, MAX);
        let _ = Jwe::parse(&text, MAX);
        let dotted = format!("{}.{}.{}", b64::encode(&bytes), b64::encode(&text), b64::encode(&bytes));
        let _ = Jws::parse(&dotted, MAX);
    }
}
