use crate::common::{ALICE_SEED, CREATED, NOW, PASSWORD, alice, alice_files, alice_json, resign};
use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_crypto::password::Password;
use pumasi_identity::data_integrity::ProofError;
use pumasi_identity::{
    CLOCK_SKEW, Did, MAX_ENDPOINT, MAX_LIFETIME, MAX_NAME, MAX_PROFILE, MAX_SERVICES, PrivateKeys, ProfileDraft,
    ProfileError, Service, SignedProfile,
};
use serde_json::{Value, json};

const P: NativeProvider = NativeProvider;

fn alice_keys() -> PrivateKeys<NativeProvider> {
    block_on(alice_files().unlock(&P, &Password::new(PASSWORD))).unwrap()
}

fn draft() -> ProfileDraft {
    ProfileDraft { sequence: 2, created: CREATED, expires: CREATED + MAX_LIFETIME, name: None, services: vec![] }
}

fn service(name: &str, endpoint: &str) -> Service {
    Service { name: name.to_owned(), kind: "PumasiOffer".to_owned(), endpoint: endpoint.to_owned() }
}

/// Alice's document, changed and properly signed again.
fn changed(change: impl FnOnce(&mut Value)) -> Result<SignedProfile, ProfileError> {
    let mut document: Value = serde_json::from_str(alice_json()).unwrap();
    change(&mut document);
    SignedProfile::verify(&resign(document, &ALICE_SEED), NOW)
}

#[test]
fn what_was_signed_is_what_is_read() {
    let draft = ProfileDraft {
        name: Some("가게 ☕ 1".to_owned()),
        services: vec![service("offer", "https://shop.example/receive-offer"), service("node", "pumasi:12D3Koo")],
        ..draft()
    };
    let signed = block_on(SignedProfile::sign(&P, &alice_keys(), draft.clone())).unwrap();
    let read = SignedProfile::verify(signed.json().as_bytes(), NOW).unwrap();
    assert_eq!(read, signed);
    assert_eq!((read.sequence(), read.created(), read.expires()), (2, draft.created, draft.expires));
    assert_eq!(read.name(), draft.name.as_deref());
    assert_eq!(read.services(), draft.services);
    assert!(read.json().len() < 4_000, "a profile with 2048-bit keys has {} bytes", read.json().len());
}

#[test]
fn no_byte_can_be_changed() {
    let good = alice_json().as_bytes();
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        assert!(SignedProfile::verify(&bad, NOW).is_err(), "byte {at} of {}", good.len());
    }
    for len in (0..good.len()).step_by(16) {
        assert!(SignedProfile::verify(&good[..len], NOW).is_err(), "cut to {len}");
    }
}

#[test]
fn only_the_canonical_form_is_a_profile() {
    let text = alice_json();
    let refused = |text: &str| SignedProfile::verify(text.as_bytes(), NOW).unwrap_err();
    assert_eq!(refused(&text.replacen(':', ": ", 1)), ProfileError::NotCanonical);
    assert_eq!(refused(&format!("{text}\n")), ProfileError::NotCanonical);
    assert_eq!(refused(&text.replacen("Alice", "\\u0041lice", 1)), ProfileError::NotCanonical);
    let twice = text.replacen(r#""sequence":1"#, r#""sequence":1,"sequence":1"#, 1);
    assert_eq!(refused(&twice), ProfileError::Malformed);
    let null = text.replacen(r#""name":"Alice""#, r#""name":null"#, 1);
    assert_eq!(refused(&null), ProfileError::Malformed);
    let long = format!("{}{text}", " ".repeat(MAX_PROFILE));
    assert_eq!(refused(&long), ProfileError::TooLong { len: long.len(), limit: MAX_PROFILE });
}

#[test]
fn unknown_members_are_refused_at_every_level_even_when_signed() {
    for pointer in
        ["", "/verificationMethod/0", "/verificationMethod/2", "/verificationMethod/2/publicKeyJwk", "/proof"]
    {
        let result = changed(|document| {
            let member = document.pointer_mut(pointer).unwrap();
            member["extra"] = json!(1);
        });
        assert_eq!(result, Err(ProfileError::Malformed), "{pointer:?}");
    }
}

#[test]
fn the_proof_must_be_of_the_dids_own_key() {
    let mallory = EphemeralSigner::from_seed(&[0x66; 32]);
    let document: Value = serde_json::from_str(alice_json()).unwrap();
    let forged = resign(document.clone(), &[0x66; 32]);
    assert_eq!(SignedProfile::verify(&forged, NOW), Err(ProfileError::Proof(ProofError::Signature)));

    let mut named = document;
    named["proof"]["verificationMethod"] = Did::from_ed25519(mallory.public()).key_id().into();
    let named = resign(named, &[0x66; 32]);
    assert_eq!(SignedProfile::verify(&named, NOW), Err(ProfileError::Field { field: "proof" }));
}

#[test]
fn a_signed_document_that_is_not_built_as_a_profile_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 10] = [
        ("@context", |d| d["@context"] = json!("https://www.w3.org/ns/did/v1")),
        ("verificationMethod", |d| drop(d["verificationMethod"].as_array_mut().unwrap().pop())),
        ("verificationMethod", |d| d["verificationMethod"][0]["id"] = json!("did:key:z6Mk#other")),
        ("verificationMethod", |d| d["verificationMethod"][3]["publicKeyJwk"]["alg"] = json!("RSA1_5")),
        ("publicKeyJwk", |d| {
            d["verificationMethod"][3]["publicKeyJwk"] = d["verificationMethod"][2]["publicKeyJwk"].clone()
        }),
        ("publicKeyJwk", |d| d["verificationMethod"][2]["publicKeyJwk"]["e"] = json!("Aw")),
        ("assertionMethod", |d| d["assertionMethod"] = json!([])),
        ("keyAgreement", |d| d["keyAgreement"][1] = d["assertionMethod"][1].clone()),
        ("proof", |d| d["proof"]["created"] = json!("2020-01-01T00:00:00Z")),
        ("created", |d| d["created"] = json!("2026-11-21T17:00:00+09:00")),
    ];
    for (field, change) in cases {
        assert_eq!(changed(change), Err(ProfileError::Field { field }), "{field}");
    }
}

#[test]
fn every_bound_is_checked_on_signing_and_on_reading() {
    let keys = alice_keys();
    let sign = |draft| block_on(SignedProfile::sign(&P, &keys, draft)).map(|profile| profile.sequence());
    let over = |field, value, limit| Err(ProfileError::Limit { field, value, limit });
    let field = |field| Err(ProfileError::Field { field });

    assert_eq!(sign(ProfileDraft { sequence: 0, ..draft() }), field("sequence"));
    assert_eq!(sign(ProfileDraft { sequence: 1 << 53, ..draft() }), over("sequence", 1 << 53, (1 << 53) - 1));
    assert_eq!(sign(ProfileDraft { expires: CREATED, ..draft() }), field("expires"));
    let late = ProfileDraft { expires: CREATED + MAX_LIFETIME + 1, ..draft() };
    assert_eq!(sign(late), over("expires (ms after created)", MAX_LIFETIME + 1, MAX_LIFETIME));

    let named = |name: &str| sign(ProfileDraft { name: Some(name.to_owned()), ..draft() });
    assert_eq!(named(&"한".repeat(MAX_NAME)), Ok(2));
    assert_eq!(named(&"한".repeat(MAX_NAME + 1)), over("name (characters)", 65, 64));
    for bad in ["", " Alice", "Al\nice", "Al\u{202e}ice", "Al\u{200b}ice", "e\u{301}"] {
        assert_eq!(named(bad), field("name"), "{bad:?}");
    }

    let serving = |services| sign(ProfileDraft { services, ..draft() });
    let nine = (0..=MAX_SERVICES).map(|n| service(&format!("s{n}"), "https://a.example")).collect();
    assert_eq!(serving(nine), over("service (count)", 9, 8));
    assert_eq!(serving(vec![service("a", "x:y"), service("a", "x:z")]), field("service id"));
    assert_eq!(serving(vec![service("A", "x:y")]), field("service id"));
    let long = format!("https://{}", "a".repeat(MAX_ENDPOINT - 7));
    assert_eq!(serving(vec![service("a", &long)]), over("serviceEndpoint (bytes)", 257, 256));
    for bad in ["", "no scheme", "https:", "https://a b", "https://한글.example", "HTTPS://a", "x:<y>"] {
        assert_eq!(serving(vec![service("a", bad)]), field("serviceEndpoint"), "{bad:?}");
    }

    let nine = json!(
        (0..9).map(|n| json!({"id": format!("x#{n}"), "type": "T", "serviceEndpoint": "x:y"})).collect::<Vec<_>>()
    );
    assert_eq!(changed(|d| d["service"] = nine).map(|p| p.sequence()), over("service (count)", 9, 8));
    assert_eq!(
        changed(|d| d["expires"] = json!("2027-11-21T08:00:00Z")).map(|p| p.sequence()),
        over("expires (ms after created)", 365 * 86_400_000, MAX_LIFETIME)
    );
}

#[test]
fn time_is_checked_for_use_and_not_for_evidence() {
    let alice = alice();
    let bytes = alice_json().as_bytes();
    let at = |now| SignedProfile::verify(bytes, now).map(|profile| profile.digest());
    assert_eq!(at(alice.expires() - 1), Ok(alice.digest()));
    assert_eq!(at(alice.expires()), Err(ProfileError::Expired { expires: alice.expires() }));
    assert_eq!(at(CREATED - CLOCK_SKEW), Ok(alice.digest()));
    assert_eq!(at(CREATED - CLOCK_SKEW - 1), Err(ProfileError::FromTheFuture { ahead: CLOCK_SKEW + 1 }));
    assert_eq!(SignedProfile::verify_signature(bytes).map(|profile| profile.digest()), Ok(alice.digest()));
}

#[test]
fn the_fullest_profile_fits_its_limit() {
    let full = ProfileDraft {
        sequence: (1 << 53) - 1,
        name: Some("\u{1f9d1}".repeat(MAX_NAME)),
        services: (0..MAX_SERVICES)
            .map(|n| Service {
                name: format!("{n}{}", "n".repeat(31)),
                kind: "K".repeat(32),
                endpoint: format!("x:{}", "e".repeat(MAX_ENDPOINT - 2)),
            })
            .collect(),
        ..draft()
    };
    let len = block_on(SignedProfile::sign(&P, &alice_keys(), full)).unwrap().json().len();
    // Two RSA keys of 4096 bits take 2 × 342 characters more than two of 2048.
    assert!(len + 2 * 342 <= MAX_PROFILE, "{len}");
}
