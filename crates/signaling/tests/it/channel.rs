//! The proof on the open channel.

use crate::person::{NOW, Person, nonce};
use proptest::prelude::*;
use pumasi_crypto::hash;
use pumasi_signaling::{
    AUTH_WAIT, AuthConfig, AuthError, AuthOutput, Authenticated, ChannelAuth, ChannelRole, MAX_AUTH_MESSAGE,
    ProfileVersion,
};
use std::collections::BTreeSet;

const CERT_A: [u8; 32] = [0xaa; 32];
const CERT_B: [u8; 32] = [0xbb; 32];
const CERT_M: [u8; 32] = [0xcc; 32];

struct Side<'p> {
    person: &'p Person,
    auth: ChannelAuth,
    done: Option<Authenticated>,
}

fn config(role: ChannelRole, me: &Person, them: &Person, local: [u8; 32], remote: [u8; 32]) -> AuthConfig {
    let profile = ProfileVersion { sequence: 7, digest: hash::sha256(&[me.did.public()]) };
    let capabilities = BTreeSet::from(["bitcoin".to_owned(), me.did.short().replace('…', "only-")]);
    AuthConfig {
        role,
        me: me.did,
        them: them.did,
        local_fingerprint: local,
        remote_fingerprint: remote,
        nonce: nonce(u64::from(local[0]) + u64::from(me.did.public()[0])),
        profile,
        capabilities,
    }
}

impl<'p> Side<'p> {
    fn new(person: &'p Person, config: AuthConfig) -> Self {
        Self { person, auth: ChannelAuth::new(config, NOW).unwrap(), done: None }
    }

    /// What it sends now; signs on the way.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(output) = self.auth.poll_output() {
            match output {
                AuthOutput::Send(bytes) => sent.push(bytes),
                AuthOutput::Sign(bytes) => self.auth.handle_signature(&self.person.sign_bytes(&bytes)).unwrap(),
                AuthOutput::Authenticated(authenticated) => self.done = Some(authenticated),
            }
        }
        sent
    }
}

/// Runs both to the end; gives the first error of each side.
fn run(a: &mut Side<'_>, b: &mut Side<'_>) -> (Result<(), AuthError>, Result<(), AuthError>) {
    let mut results = (Ok(()), Ok(()));
    for _ in 0..4 {
        // Both speak before either hears.
        let (from_a, from_b) = (a.drain(), b.drain());
        for bytes in from_a {
            results.1 = results.1.and_then(|()| b.auth.handle_message(&bytes));
        }
        for bytes in from_b {
            results.0 = results.0.and_then(|()| a.auth.handle_message(&bytes));
        }
    }
    results
}

#[test]
fn both_learn_who_the_other_is_and_what_both_can_do() {
    let (a, b) = (Person::new(1), Person::new(2));
    let mut offerer = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
    let mut answerer = Side::new(&b, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_A));
    assert_eq!(run(&mut offerer, &mut answerer), (Ok(()), Ok(())));
    let (seen_by_a, seen_by_b) = (offerer.done.unwrap(), answerer.done.unwrap());
    assert_eq!((seen_by_a.did, seen_by_b.did), (b.did, a.did));
    assert_eq!(seen_by_a.profile.digest, hash::sha256(&[b.did.public()]));
    assert_eq!((seen_by_a.version, seen_by_a.capabilities), (1, BTreeSet::from(["bitcoin".to_owned()])));
    assert_eq!(offerer.auth.poll_timeout(), None);
}

#[test]
fn someone_in_the_middle_with_certificates_of_their_own_is_caught_by_both() {
    let (a, b) = (Person::new(1), Person::new(2));
    // The man in the middle ends both DTLS connections and passes the messages on.
    let mut offerer = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_M));
    let mut answerer = Side::new(&b, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_M));
    let errors = run(&mut offerer, &mut answerer);
    assert_eq!(errors, (Err(AuthError::Signature), Err(AuthError::Signature)));
    assert!(offerer.done.is_none() && answerer.done.is_none());
}

#[test]
fn a_third_person_an_echo_or_the_same_role_twice_is_refused() {
    let (a, b, c) = (Person::new(1), Person::new(2), Person::new(3));
    let new = |role, me, them| config(role, me, them, CERT_A, CERT_B);
    let mut offerer = Side::new(&a, new(ChannelRole::Offerer, &a, &b));
    let mut third = Side::new(&c, config(ChannelRole::Answerer, &c, &a, CERT_B, CERT_A));
    assert_eq!(run(&mut offerer, &mut third).0, Err(AuthError::WrongPeer { did: c.did, expected: b.did }));

    let mut offerer = Side::new(&a, new(ChannelRole::Offerer, &a, &b));
    let hello = offerer.drain().remove(0);
    assert_eq!(offerer.auth.handle_message(&hello), Err(AuthError::Reflected));

    let mut offerer = Side::new(&a, new(ChannelRole::Offerer, &a, &b));
    let mut other = Side::new(&b, config(ChannelRole::Offerer, &b, &a, CERT_B, CERT_A));
    assert_eq!(run(&mut offerer, &mut other).0, Err(AuthError::Signature));

    // A thief who says B's name without B's key.
    let mut offerer = Side::new(&a, new(ChannelRole::Offerer, &a, &b));
    let mut thief = Side::new(&c, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_A));
    assert_eq!(run(&mut offerer, &mut thief).0, Err(AuthError::Signature));
    assert!(offerer.done.is_none());
}

#[test]
fn a_changed_hello_does_not_survive_the_proof() {
    let (a, b) = (Person::new(1), Person::new(2));
    for (from, to) in [("\"sequence\":7", "\"sequence\":6"), ("\"bitcoin\",", "")] {
        let mut offerer = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
        let mut answerer = Side::new(&b, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_A));
        let hello = String::from_utf8(offerer.drain().remove(0)).unwrap();
        let changed = hello.replacen(from, to, 1);
        assert_ne!(hello, changed);
        answerer.auth.handle_message(changed.as_bytes()).unwrap();
        assert_eq!(run(&mut offerer, &mut answerer).0, Err(AuthError::Signature));
        assert!(answerer.done.is_none() && offerer.done.is_none());
    }
}

#[test]
fn nothing_else_is_accepted_before_the_proof_and_nothing_after_an_error() {
    let (a, b) = (Person::new(1), Person::new(2));
    let side = || Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
    let mut other = Side::new(&b, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_A));
    let hello = other.drain().remove(0);
    let cases: [(&[u8], AuthError); 4] = [
        (b"{\"type\":\"transfer\"}", AuthError::Malformed),
        (&[b' '; MAX_AUTH_MESSAGE + 1], AuthError::TooLong { len: MAX_AUTH_MESSAGE + 1 }),
        (
            b"{\"signature\":\"AA\",\"type\":\"pumasi/1/proof\"}",
            AuthError::OutOfOrder { got: "proof", expected: "hello" },
        ),
        (b"", AuthError::Malformed),
    ];
    for (bytes, error) in cases {
        let mut side = side();
        assert_eq!(side.auth.handle_message(bytes), Err(error));
        assert_eq!(side.auth.handle_message(&hello), Err(AuthError::Over));
        assert!(side.drain().is_empty() && side.auth.poll_timeout().is_none());
    }
    let mut twice = side();
    twice.auth.handle_message(&hello).unwrap();
    assert_eq!(twice.auth.handle_message(&hello), Err(AuthError::OutOfOrder { got: "hello", expected: "proof" }));
}

#[test]
fn a_version_that_we_do_not_speak_is_named_and_too_many_capabilities_are_refused() {
    let (a, b) = (Person::new(1), Person::new(2));
    let mut other = Side::new(&b, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_A));
    let hello = String::from_utf8(other.drain().remove(0)).unwrap();
    let mut side = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
    let newer = hello.replace("{\"max\":1,\"min\":1}", "{\"max\":9,\"min\":2}");
    assert!(side.auth.handle_message(newer.as_bytes()).unwrap_err().to_string().contains("they speak 2–9"));

    let mut side = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
    let many: Vec<_> = (0..17).map(|n| format!("\"c{n}\"")).collect();
    let many = hello.replacen("\"bitcoin\"", &many.join(","), 1);
    assert_eq!(side.auth.handle_message(many.as_bytes()), Err(AuthError::Capabilities));
}

#[test]
fn who_says_nothing_is_given_up() {
    let (a, b) = (Person::new(1), Person::new(2));
    let mut side = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
    assert_eq!(side.auth.poll_timeout(), Some(NOW + AUTH_WAIT));
    assert_eq!(side.auth.handle_timeout(NOW + AUTH_WAIT - 1), Ok(()));
    assert_eq!(side.auth.handle_timeout(NOW + AUTH_WAIT), Err(AuthError::TimedOut));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_changed_byte_of_the_proof_passes(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let (a, b) = (Person::new(1), Person::new(2));
        let mut offerer = Side::new(&a, config(ChannelRole::Offerer, &a, &b, CERT_A, CERT_B));
        let mut answerer = Side::new(&b, config(ChannelRole::Answerer, &b, &a, CERT_B, CERT_A));
        for bytes in offerer.drain() {
            answerer.auth.handle_message(&bytes).unwrap();
        }
        let [hello, mut proof]: [Vec<u8>; 2] = answerer.drain().try_into().unwrap();
        offerer.auth.handle_message(&hello).unwrap();
        offerer.drain();
        let at = at.index(proof.len());
        proof[at] ^= flip;
        prop_assert!(offerer.auth.handle_message(&proof).is_err());
        offerer.drain();
        prop_assert!(offerer.done.is_none());
    }
}
