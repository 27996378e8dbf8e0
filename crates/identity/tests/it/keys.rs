use crate::common::{NOW, PASSWORD, alice, alice_files};
use futures::executor::block_on;
use pumasi_crypto::password::Password;
use pumasi_crypto::{NativeProvider, Provider as _, RsaBits};
use pumasi_identity::{KeyError, KeyFiles, MAX_FILES, PlainKeys, ProfileDraft, SignedProfile};

const P: NativeProvider = NativeProvider;

fn names(files: &KeyFiles) -> Vec<String> {
    files.texts().map(|(name, _)| name).collect()
}

/// The salt inside the PBES2 parameters: the first OCTET STRING of 16 bytes.
fn salt(pem: &str) -> Vec<u8> {
    use base64_lines::decode;
    let der = decode(pem);
    let at = der.windows(2).position(|two| two == [0x04, 0x10]).unwrap();
    der[at + 2..at + 18].to_vec()
}

/// PEM's base64 with padding, which `crypto::b64` does not read on purpose.
mod base64_lines {
    pub(super) fn decode(pem: &str) -> Vec<u8> {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let url = body.trim_end_matches('=').replace('+', "-").replace('/', "_");
        pumasi_crypto::b64::decode("PEM", url).unwrap()
    }
}

#[test]
fn the_files_of_the_first_version_still_open_and_sign_the_profile_kept_with_them() {
    let keys = block_on(alice_files().unlock(&P, &Password::new(PASSWORD))).unwrap();
    let alice = alice();
    assert_eq!(keys.did(), alice.did());
    let draft = ProfileDraft {
        sequence: alice.sequence(),
        created: alice.created(),
        expires: alice.expires(),
        name: alice.name().map(str::to_owned),
        services: alice.services().to_vec(),
    };
    assert_eq!(block_on(SignedProfile::sign(&P, &keys, draft)).unwrap(), alice);
}

#[test]
fn a_new_identity_signs_a_profile_with_all_its_keys() {
    let plain = block_on(PlainKeys::generate(&P, RsaBits::B2048)).unwrap();
    let files = block_on(plain.seal(&P, &Password::new(PASSWORD))).unwrap();
    assert_eq!(names(&files), ["did.pem", "agreement.pem", "signing-1.pem", "unwrap-1.pem"]);

    let keys = block_on(files.unlock(&P, &Password::new(PASSWORD))).unwrap();
    let draft = ProfileDraft { sequence: 1, created: NOW, expires: NOW + 1, name: None, services: vec![] };
    let profile = block_on(SignedProfile::sign(&P, &keys, draft)).unwrap();
    assert_eq!(profile.did(), keys.did());
    assert_eq!(profile.rsa_signing_kid(), keys.rsa_signing_kid(&P));
    assert_eq!(profile.rsa_unwrap_kid(), keys.rsa_unwrap_kid());
    assert_ne!(profile.rsa_signing(), profile.rsa_unwrap());
}

#[test]
fn all_files_share_one_salt_so_that_unlocking_costs_one_pbkdf2() {
    let files = alice_files();
    let mut salts: Vec<_> = files.texts().map(|(_, text)| salt(text)).collect();
    salts.dedup();
    assert_eq!(salts.len(), 1);
    let rotated = block_on(files.rotate_rsa(&P, &Password::new(PASSWORD), RsaBits::B2048)).unwrap();
    let mut salts: Vec<_> = rotated.texts().map(|(_, text)| salt(text)).collect();
    salts.dedup();
    assert_eq!(salts.len(), 1);
}

#[test]
fn after_a_rotation_late_transfers_still_open_and_new_ones_use_new_keys() {
    let password = Password::new(PASSWORD);
    let old_files = alice_files();
    let old = block_on(old_files.unlock(&P, &password)).unwrap();
    let files = block_on(old_files.rotate_rsa(&P, &password, RsaBits::B2048)).unwrap();
    assert_eq!(names(&files), ["did.pem", "agreement.pem", "signing-2.pem", "unwrap-1.pem", "unwrap-2.pem"]);

    let new = block_on(files.unlock(&P, &password)).unwrap();
    assert_eq!(new.did(), old.did());
    assert_ne!(new.rsa_signing_kid(&P), old.rsa_signing_kid(&P));
    assert_ne!(new.rsa_unwrap_kid(), old.rsa_unwrap_kid());
    let late = block_on(P.rsa_oaep_wrap(alice().rsa_unwrap(), b"late")).unwrap();
    let key = new.rsa_unwrap_key_for(&alice().rsa_unwrap_kid()).unwrap();
    assert_eq!(&**block_on(P.rsa_oaep_unwrap(key, &late)).unwrap(), b"late");
    assert!(new.rsa_unwrap_key_for("did:key:z6Mk#other").is_none());
}

#[test]
fn a_changed_password_opens_and_the_old_one_no_longer_does() {
    let (old, new) = (Password::new(PASSWORD), Password::new("새 비밀번호"));
    let files = block_on(alice_files().change_password(&P, &old, &new)).unwrap();
    assert_eq!(block_on(files.unlock(&P, &new)).unwrap().did(), alice().did());
    let error = block_on(files.unlock(&P, &old)).unwrap_err();
    assert_eq!(error, KeyError::WrongPassword { file: "did.pem".into() });
    let empty = block_on(alice_files().change_password(&P, &old, &Password::new(""))).unwrap_err();
    assert_eq!(empty, KeyError::EmptyPassword);
}

#[test]
fn missing_foreign_swapped_and_broken_files_are_named() {
    let texts = || alice_files().texts().map(|(name, text)| (name, text.to_owned())).collect::<Vec<_>>();
    let unlock = |texts: Vec<(String, String)>| {
        block_on(KeyFiles::from_texts(texts)?.unlock(&P, &Password::new(PASSWORD))).map(|keys| *keys.did())
    };
    let without = |gone: &str| texts().into_iter().filter(|(name, _)| name != gone).collect::<Vec<_>>();
    assert_eq!(unlock(without("did.pem")), Err(KeyError::Missing { file: "did.pem" }));
    assert_eq!(unlock(without("signing-1.pem")), Err(KeyError::Missing { file: "signing-<n>.pem" }));
    assert_eq!(unlock(without("unwrap-1.pem")), Err(KeyError::Missing { file: "unwrap-<n>.pem" }));

    let foreign = [texts(), vec![("notes.pem".into(), String::new())]].concat();
    assert_eq!(unlock(foreign), Err(KeyError::UnknownName { file: "notes.pem".into() }));
    let many = (2..100).map(|n| (format!("unwrap-{n}.pem"), String::new()));
    let many = texts().into_iter().chain(many).collect();
    assert_eq!(unlock(many), Err(KeyError::TooMany { count: MAX_FILES + 1, limit: MAX_FILES }));

    let mut swapped = texts();
    let (did, agreement) = (swapped[0].1.clone(), swapped[1].1.clone());
    (swapped[0].1, swapped[1].1) = (agreement, did);
    assert!(matches!(unlock(swapped), Err(KeyError::Damaged { file, .. }) if file == "did.pem"));
    let mut broken = texts();
    broken[3].1.truncate(300);
    assert!(matches!(unlock(broken), Err(KeyError::Damaged { file, .. }) if file == "unwrap-1.pem"));
}

#[test]
fn no_debug_text_shows_a_key() {
    let plain = block_on(PlainKeys::generate(&P, RsaBits::B2048)).unwrap();
    assert_eq!(format!("{plain:?}"), "[Did, Agreement, Signing(1), Unwrap(1)]");
    let keys = block_on(plain.import(&P)).unwrap();
    assert_eq!(format!("{keys:?}"), format!("PrivateKeys({})", keys.did()));
}
