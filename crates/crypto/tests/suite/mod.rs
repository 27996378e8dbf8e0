//! What every provider must do, run natively by `native.rs` and in a browser by `web.rs`.

mod hex;
mod wycheproof;

use hex::hex;

use pumasi_crypto::jose::{self, Jws};
use pumasi_crypto::password::{DerivedKeys, Password};
use pumasi_crypto::pem::{self, Pbes2};
use pumasi_crypto::{CryptoError, Provider, RsaBits, ed25519, pkcs8, sealed};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Calls a macro with the name of every case, so that each shows as a test of its own on every platform.
macro_rules! for_each_case {
    ($run:ident) => {
        $run! {
            random_bytes_differ
            rsa_keys_have_the_size_asked_for
            rsa_4096_signs_and_unwraps
            pss_refuses_any_change
            oaep_opens_for_its_key_only
            oaep_refuses_what_does_not_fit
            gcm_refuses_any_change
            pbkdf2_matches_rfc_7914
            ed25519_matches_rfc_8032
            x25519_matches_rfc_7748
            x25519_refuses_keys_of_small_order
            import_refuses_keys_of_another_kind
            import_refuses_damaged_keys
            a_transfer_is_signed_then_encrypted_then_opened
            a_sealed_box_opens_for_its_recipient_only
            a_locked_key_opens_with_its_password_only
            wycheproof_rsa_pss
            wycheproof_rsa_oaep
            wycheproof_aes_gcm
            wycheproof_pbkdf2
            wycheproof_x25519
        }
    };
}
pub(crate) use for_each_case;
pub(crate) use wycheproof::*;

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

async fn rsa_2048<P: Provider>(provider: &P) -> Zeroizing<Vec<u8>> {
    provider.rsa_generate(RsaBits::B2048).await.unwrap()
}

pub(crate) async fn random_bytes_differ<P: Provider>(provider: P) {
    let (mut a, mut b) = ([0; 32], [0; 32]);
    provider.random(&mut a).unwrap();
    provider.random(&mut b).unwrap();
    assert_ne!(a, [0; 32]);
    assert_ne!(a, b);
    // A browser gives at most 65,536 bytes in one call.
    let mut long = vec![0; 70_000];
    provider.random(&mut long).unwrap();
    assert!(long[65_536..].iter().any(|byte| *byte != 0));
}

pub(crate) async fn rsa_keys_have_the_size_asked_for<P: Provider>(provider: P) {
    for bits in [RsaBits::B2048, RsaBits::B3072] {
        let der = provider.rsa_generate(bits).await.unwrap();
        let key = provider.import_rsa_signing(&der).await.unwrap();
        let public = provider.rsa_signing_public(&key);
        assert_eq!((public.bits(), public.n().len()), (bits, bits.bytes()));
        assert_eq!(public, pkcs8::rsa_public(&der).unwrap());
    }
}

pub(crate) async fn rsa_4096_signs_and_unwraps<P: Provider>(provider: P) {
    let der = provider.rsa_generate(RsaBits::B4096).await.unwrap();
    let signing = provider.import_rsa_signing(&der).await.unwrap();
    let unwrap = provider.import_rsa_unwrap(&der).await.unwrap();
    let signature = provider.rsa_pss_sign(&signing, b"message").await.unwrap();
    assert_eq!(signature.len(), 512);
    provider.rsa_pss_verify(&provider.rsa_signing_public(&signing), b"message", &signature).await.unwrap();
    let wrapped = provider.rsa_oaep_wrap(&provider.rsa_unwrap_public(&unwrap), &[7; 446]).await.unwrap();
    assert_eq!(**provider.rsa_oaep_unwrap(&unwrap, &wrapped).await.unwrap(), [7; 446]);
}

pub(crate) async fn pss_refuses_any_change<P: Provider>(provider: P) {
    const REFUSED: CryptoError = CryptoError::Unverified("RSA signature");
    let key = provider.import_rsa_signing(&rsa_2048(&provider).await).await.unwrap();
    let public = provider.rsa_signing_public(&key);
    let signature = provider.rsa_pss_sign(&key, b"one hour").await.unwrap();
    provider.rsa_pss_verify(&public, b"one hour", &signature).await.unwrap();
    assert_eq!(provider.rsa_pss_verify(&public, b"two hours", &signature).await, Err(REFUSED));
    assert_eq!(provider.rsa_pss_verify(&public, b"one hour", &signature[1..]).await, Err(REFUSED));
    assert_eq!(provider.rsa_pss_verify(&public, b"one hour", &[]).await, Err(REFUSED));
    for at in [0, 100, 255] {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert_eq!(provider.rsa_pss_verify(&public, b"one hour", &changed).await, Err(REFUSED));
    }
    let other = provider.import_rsa_signing(&rsa_2048(&provider).await).await.unwrap();
    let other = provider.rsa_signing_public(&other);
    assert_eq!(provider.rsa_pss_verify(&other, b"one hour", &signature).await, Err(REFUSED));
}

pub(crate) async fn oaep_opens_for_its_key_only<P: Provider>(provider: P) {
    const REFUSED: CryptoError = CryptoError::Unverified("wrapped key");
    let key = provider.import_rsa_unwrap(&rsa_2048(&provider).await).await.unwrap();
    let other = provider.import_rsa_unwrap(&rsa_2048(&provider).await).await.unwrap();
    let wrapped = provider.rsa_oaep_wrap(&provider.rsa_unwrap_public(&key), &[9; 32]).await.unwrap();
    assert_eq!(**provider.rsa_oaep_unwrap(&key, &wrapped).await.unwrap(), [9; 32]);
    assert_eq!(provider.rsa_oaep_unwrap(&other, &wrapped).await, Err(REFUSED));
    for bad in [&wrapped[1..], &[], &[0; 256], &[0xff; 256], &[1; 300]] {
        assert_eq!(provider.rsa_oaep_unwrap(&key, bad).await, Err(REFUSED));
    }
}

pub(crate) async fn oaep_refuses_what_does_not_fit<P: Provider>(provider: P) {
    let public = pkcs8::rsa_public(&rsa_2048(&provider).await).unwrap();
    assert!(provider.rsa_oaep_wrap(&public, &[1; 190]).await.is_ok());
    let error = provider.rsa_oaep_wrap(&public, &[1; 191]).await.unwrap_err();
    assert_eq!(error, CryptoError::Length { what: "key to wrap", len: 191, limit: 190 });
}

pub(crate) async fn gcm_refuses_any_change<P: Provider>(provider: P) {
    const REFUSED: CryptoError = CryptoError::Unverified("AES-GCM tag");
    let (key, nonce) = ([1; 32], [2; 12]);
    let sealed = provider.aes256gcm_seal(&key, &nonce, b"to", b"text").await.unwrap();
    assert_eq!(sealed.len(), 4 + 16);
    assert_eq!(**provider.aes256gcm_open(&key, &nonce, b"to", &sealed).await.unwrap(), *b"text");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 0x80;
        assert_eq!(provider.aes256gcm_open(&key, &nonce, b"to", &changed).await, Err(REFUSED));
    }
    assert_eq!(provider.aes256gcm_open(&key, &nonce, b"of", &sealed).await, Err(REFUSED));
    assert_eq!(provider.aes256gcm_open(&key, &[3; 12], b"to", &sealed).await, Err(REFUSED));
    assert_eq!(provider.aes256gcm_open(&[3; 32], &nonce, b"to", &sealed).await, Err(REFUSED));
    assert_eq!(provider.aes256gcm_open(&key, &nonce, b"to", &sealed[..15]).await, Err(REFUSED));
    let empty = provider.aes256gcm_seal(&key, &nonce, b"", b"").await.unwrap();
    assert!(provider.aes256gcm_open(&key, &nonce, b"", &empty).await.unwrap().is_empty());
}

/// RFC 7914 §11: the only published PBKDF2-HMAC-SHA256 vectors of an RFC.
pub(crate) async fn pbkdf2_matches_rfc_7914<P: Provider>(provider: P) {
    let key = provider.pbkdf2_sha256(b"passwd", b"salt", 1).await.unwrap();
    assert_eq!(*key, array("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"));
    let key = provider.pbkdf2_sha256(b"Password", b"NaCl", 80_000).await.unwrap();
    assert_eq!(*key, array("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"));
}

/// RFC 8032 §7.1, tests 1 to 3.
pub(crate) async fn ed25519_matches_rfc_8032<P: Provider>(provider: P) {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in vectors {
        let key = provider.import_ed25519(&pkcs8::from_ed25519_seed(&array(seed))).await.unwrap();
        assert_eq!(provider.ed25519_public(&key), array(public));
        let made = provider.ed25519_sign(&key, &hex(message)).await.unwrap();
        assert_eq!(made, array(signature));
        ed25519::verify(&array(public), &hex(message), &made).unwrap();
        assert_eq!(ed25519::EphemeralSigner::from_seed(&array(seed)).sign(&hex(message)), made);
    }
}

/// RFC 7748 §6.1.
pub(crate) async fn x25519_matches_rfc_7748<P: Provider>(provider: P) {
    let secret = array("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let key = provider.import_x25519(&pkcs8::from_x25519_secret(&secret)).await.unwrap();
    let public = provider.x25519_public(&key);
    assert_eq!(public, array("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    let other = array("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let shared = provider.x25519_agree(&key, &other).await.unwrap();
    assert_eq!(*shared, array("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"));
}

/// The points that give an all-zero secret whatever the private key is.
pub(crate) async fn x25519_refuses_keys_of_small_order<P: Provider>(provider: P) {
    let key = provider.import_x25519(&pkcs8::from_x25519_secret(&[5; 32])).await.unwrap();
    let small_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for public in small_order {
        let error = provider.x25519_agree(&key, &array(public)).await.unwrap_err();
        assert_eq!(error, CryptoError::Unverified("X25519 public key"), "{public}");
    }
}

pub(crate) async fn import_refuses_keys_of_another_kind<P: Provider>(provider: P) {
    let (ed25519, x25519) = (pkcs8::from_ed25519_seed(&[1; 32]), pkcs8::from_x25519_secret(&[1; 32]));
    let rsa = rsa_2048(&provider).await;
    for der in [&x25519, &rsa] {
        assert!(provider.import_ed25519(der).await.is_err());
    }
    for der in [&ed25519, &rsa] {
        assert!(provider.import_x25519(der).await.is_err());
    }
    for der in [&ed25519, &x25519] {
        assert!(provider.import_rsa_signing(der).await.is_err());
        assert!(provider.import_rsa_unwrap(der).await.is_err());
    }
}

pub(crate) async fn import_refuses_damaged_keys<P: Provider>(provider: P) {
    let rsa = rsa_2048(&provider).await;
    for der in [&[][..], &[0x30], &rsa[..rsa.len() - 1], &[rsa.as_slice(), &[0]].concat()] {
        assert!(provider.import_rsa_signing(der).await.is_err());
        assert!(provider.import_rsa_unwrap(der).await.is_err());
        assert!(provider.import_ed25519(der).await.is_err());
        assert!(provider.import_x25519(der).await.is_err());
    }
}

pub(crate) async fn a_transfer_is_signed_then_encrypted_then_opened<P: Provider>(provider: P) {
    let signing = provider.import_rsa_signing(&rsa_2048(&provider).await).await.unwrap();
    let unwrap = provider.import_rsa_unwrap(&rsa_2048(&provider).await).await.unwrap();
    let payload = json!({"memo": "품앗이 하루", "money": {"amount": "12000", "unit": "KRW"}});

    let jws = jose::sign_ps256(&provider, &signing, "did:key:a#signing", "transfer", &payload).await.unwrap();
    let recipient = provider.rsa_unwrap_public(&unwrap);
    let jwe = jose::encrypt(&provider, &recipient, "did:key:b#unwrap", jws.as_str().as_bytes()).await.unwrap();

    assert_eq!(jose::recipient_kid(&jwe, 10_000).unwrap(), "did:key:b#unwrap");
    let opened = jose::decrypt(&provider, &unwrap, &jwe, 10_000).await.unwrap();
    let received = Jws::parse(std::str::from_utf8(&opened).unwrap(), 10_000).unwrap();
    assert_eq!((received.id(), received.kid(), received.typ()), (jws.id(), "did:key:a#signing", "transfer"));
    let verified = received.verify_ps256(&provider, &provider.rsa_signing_public(&signing)).await.unwrap();
    assert_eq!(verified.payload::<Value>().unwrap(), payload);

    let did_key = provider.import_ed25519(&pkcs8::from_ed25519_seed(&[3; 32])).await.unwrap();
    let result = jose::sign_eddsa(&provider, &did_key, "did:key:b", "result", &payload).await.unwrap();
    assert!(result.clone().verify_eddsa(&provider.ed25519_public(&did_key)).is_ok());
    assert!(result.verify_eddsa(&[1; 32]).is_err());
}

pub(crate) async fn a_sealed_box_opens_for_its_recipient_only<P: Provider>(provider: P) {
    let me = provider.import_x25519(&pkcs8::from_x25519_secret(&[5; 32])).await.unwrap();
    let other = provider.import_x25519(&pkcs8::from_x25519_secret(&[6; 32])).await.unwrap();
    let mut random = [0; 32];
    provider.random(&mut random).unwrap();
    let boxed = sealed::seal(random, &provider.x25519_public(&me), b"offer", b"hello").unwrap();
    assert_eq!(boxed.len(), 5 + sealed::OVERHEAD);
    assert_eq!(**sealed::open(&provider, &me, b"offer", &boxed).await.unwrap(), *b"hello");
    assert!(sealed::open(&provider, &other, b"offer", &boxed).await.is_err());
    assert!(sealed::open(&provider, &me, b"answer", &boxed).await.is_err());
    for at in 0..boxed.len() {
        let mut changed = boxed.clone();
        changed[at] ^= 1;
        assert!(sealed::open(&provider, &me, b"offer", &changed).await.is_err(), "byte {at}");
        assert!(sealed::open(&provider, &me, b"offer", &boxed[..at]).await.is_err(), "cut at {at}");
    }
}

pub(crate) async fn a_locked_key_opens_with_its_password_only<P: Provider>(provider: P) {
    let der = rsa_2048(&provider).await;
    let mut keys = DerivedKeys::new(Password::new("비밀번호"));
    let text = pem::encrypt(&provider, &mut keys, &der, &Pbes2::with_salt(&provider, [4; 16]).unwrap()).await.unwrap();
    // The same word, typed as separate jamo (form NFD).
    let mut same = DerivedKeys::new(Password::new(
        "\u{1107}\u{1175}\u{1106}\u{1175}\u{11af}\u{1107}\u{1165}\u{11ab}\u{1112}\u{1169}",
    ));
    assert_eq!(pem::decrypt(&provider, &mut same, &text).await.unwrap(), der);
    let mut other = DerivedKeys::new(Password::new("비밀번허"));
    let error = pem::decrypt(&provider, &mut other, &text).await.unwrap_err();
    assert_eq!(error, CryptoError::Unverified("password of the private key"));
}
