//! The examples of `docs/spec/keys.md` and `docs/spec/envelope.md` are true.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

#[path = "suite/block_on.rs"]
mod block_on;
#[path = "suite/example.rs"]
mod example;

use block_on::block_on;
use example::example;
use pumasi_crypto::fernet::{self, FernetKey};
use pumasi_crypto::jose::{self, Jws};
use pumasi_crypto::password::{DerivedKeys, Password};
use pumasi_crypto::{NativeProvider, Provider, RsaPublicKey, b64, jcs, pem, pkcs8, sealed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use zeroize::Zeroizing;

const PROVIDER: NativeProvider = NativeProvider;
const KEYS: &str = include_str!("../../../docs/spec/keys.md");
const ENVELOPE: &str = include_str!("../../../docs/spec/envelope.md");
const MAX: usize = 10_000;

fn sequence(from: u8) -> [u8; 32] {
    std::array::from_fn(|at| from + u8::try_from(at).unwrap())
}

/// The four key files, opened with one PBKDF2.
static UNLOCKED: LazyLock<BTreeMap<&str, Zeroizing<Vec<u8>>>> = LazyLock::new(|| {
    let mut keys = DerivedKeys::new(Password::new(example(KEYS, "password")));
    ["did.pem", "agreement.pem", "signing-1.pem", "unwrap-1.pem"]
        .map(|name| (name, block_on(pem::decrypt(&PROVIDER, &mut keys, example(KEYS, name))).unwrap()))
        .into()
});

fn unlock(name: &str) -> &'static [u8] {
    &UNLOCKED[name]
}

#[test]
fn the_key_files_hold_what_the_page_says() {
    assert_eq!(*pkcs8::ed25519_seed(unlock("did.pem")).unwrap(), sequence(0));
    assert_eq!(*pkcs8::x25519_secret(unlock("agreement.pem")).unwrap(), sequence(32));
    let did = block_on(PROVIDER.import_ed25519(unlock("did.pem"))).unwrap();
    assert_eq!(b64::encode(PROVIDER.ed25519_public(&did)), example(KEYS, "ed25519-public"));
    let agreement = block_on(PROVIDER.import_x25519(unlock("agreement.pem"))).unwrap();
    assert_eq!(b64::encode(PROVIDER.x25519_public(&agreement)), example(KEYS, "x25519-public"));

    let signing = pkcs8::rsa_public(unlock("signing-1.pem")).unwrap();
    assert_eq!(signing.to_spki_pem().trim_end(), example(KEYS, "signing-1.pub"));
    assert_eq!(RsaPublicKey::from_spki_pem(example(KEYS, "signing-1.pub")).unwrap(), signing);
    let (n, e) = signing.to_jwk_parts();
    let jwk: Value = serde_json::from_str(example(KEYS, "signing-1.jwk")).unwrap();
    assert_eq!(jwk, json!({"kty": "RSA", "n": n, "e": e}));
    assert_ne!(pkcs8::rsa_public(unlock("unwrap-1.pem")).unwrap(), signing);
}

#[test]
fn the_password_gives_the_key_that_opens_the_token() {
    let derived: Value = serde_json::from_str(example(KEYS, "derived")).unwrap();
    assert_eq!((&derived["rounds"], &derived["salt"]), (&json!(600_000), &json!("cHVtYXNpIGV4YW1wbGUgMQ==")));
    let password = Password::new(example(KEYS, "password"));
    let key = FernetKey::from_bytes(*block_on(password.derive(&PROVIDER, b"pumasi example 1", 600_000)).unwrap());
    assert_eq!(fernet::to_text(key.expose()), derived["key"]);
    let token = fernet::from_text(example(KEYS, "fernet")).unwrap();
    assert_eq!(**key.open(&token).unwrap(), *example(KEYS, "fernet-plaintext").as_bytes());
}

#[test]
fn the_transfer_opens_verifies_and_has_its_id() {
    let unwrap = block_on(PROVIDER.import_rsa_unwrap(unlock("unwrap-1.pem"))).unwrap();
    let opened = block_on(jose::decrypt(&PROVIDER, &unwrap, example(ENVELOPE, "jwe"), MAX)).unwrap();
    assert_eq!(**opened, *example(ENVELOPE, "jws").as_bytes());

    let jws = Jws::parse(example(ENVELOPE, "jws"), MAX).unwrap();
    assert_eq!((jws.id().to_string().as_str(), jws.typ()), (example(ENVELOPE, "id"), "pumasi-transfer"));
    let signing = pkcs8::rsa_public(unlock("signing-1.pem")).unwrap();
    let verified = block_on(jws.verify_ps256(&PROVIDER, &signing)).unwrap();
    let payload: Value = verified.payload().unwrap();
    assert_eq!(jcs::to_vec(&payload).unwrap(), example(ENVELOPE, "payload").as_bytes());
}

#[test]
fn the_result_is_signed_again_to_the_same_characters() {
    let did = block_on(PROVIDER.import_ed25519(unlock("did.pem"))).unwrap();
    let jws = Jws::parse(example(ENVELOPE, "result"), MAX).unwrap();
    let (kid, typ, payload) = (jws.kid().to_owned(), jws.typ().to_owned(), jws.peek::<Value>().unwrap());
    assert_eq!(block_on(jose::sign_eddsa(&PROVIDER, &did, &kid, &typ, &payload)).unwrap(), jws);
    let verified = jws.verify_eddsa(&PROVIDER.ed25519_public(&did)).unwrap();
    assert_eq!(verified.payload::<Value>().unwrap()["transfer"], example(ENVELOPE, "id"));
}

#[test]
fn the_box_is_sealed_again_to_the_same_bytes() {
    let key = block_on(PROVIDER.import_x25519(unlock("agreement.pem"))).unwrap();
    let (info, text) = (b"pumasi example", example(ENVELOPE, "box-plaintext").as_bytes());
    let boxed = sealed::seal(sequence(64), &PROVIDER.x25519_public(&key), info, text).unwrap();
    assert_eq!(b64::encode(&boxed), example(ENVELOPE, "box"));
    assert_eq!(**block_on(sealed::open(&PROVIDER, &key, info, &boxed)).unwrap(), *text);
}
