//! Somebody between the two, who knows the code and carries every message.

use crate::common::{alice, bob, somebody};
use crate::pairing::{Side, acceptor, exchange, inviter};
use pumasi_crypto::x25519::EphemeralSecret;
use pumasi_crypto::{b64, jcs};
use pumasi_identity::SignedProfile;
use pumasi_identity::pairing::{AbortReason, Failure, PairingError, Role, Step};
use serde_json::Value;

fn mallory() -> SignedProfile {
    somebody(0x66, "Alice")
}

/// The message with some members replaced.
fn tampered(message: &[u8], members: &[(&str, &str)]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(message).unwrap();
    for (name, text) in members {
        assert!(value[*name].is_string(), "{name} is a member");
        value[*name] = (*text).into();
    }
    jcs::to_vec(&value).unwrap()
}

fn key_text(secret: u8) -> String {
    b64::encode(EphemeralSecret::from_random([secret; 32]).public())
}

/// Up to the acceptor's key: what the inviter has sent, and what the acceptor has answered.
fn begun() -> (Side, Side) {
    let (alice_side, mut bob_side) = (inviter(alice()), acceptor(bob()));
    bob_side.hear(&alice_side.sent[&Step::Commit]).unwrap();
    (alice_side, bob_side)
}

fn failed(by: Role, reason: AbortReason) -> Option<Failure> {
    Some(Failure { by, reason })
}

#[test]
fn a_man_in_the_middle_with_his_own_keys_gives_the_two_different_emoji() {
    let (mut alice_side, mut to_alice) = (inviter(alice()), acceptor(mallory()));
    let (mut to_bob, mut bob_side) = (inviter(mallory()), acceptor(bob()));
    exchange(&mut alice_side, &mut to_alice);
    exchange(&mut to_bob, &mut bob_side);
    // All four machines are content; only the people can tell, and they can.
    assert_ne!(alice_side.shown[0].emoji, bob_side.shown[0].emoji);
    assert_ne!(alice_side.shown[0].numbers, bob_side.shown[0].numbers);
}

#[test]
fn a_man_in_the_middle_who_exchanges_only_a_profile_gives_the_two_different_emoji() {
    let (mut alice_side, mut bob_side) = begun();
    let key = tampered(&bob_side.sent[&Step::Key], &[("profile", mallory().json())]);
    alice_side.hear(&key).unwrap();
    bob_side.hear(&alice_side.sent[&Step::Reveal]).unwrap();
    assert_ne!(alice_side.shown[0].emoji, bob_side.shown[0].emoji);
}

#[test]
fn even_people_who_do_not_look_are_not_paired_with_an_exchanged_profile() {
    let (mut alice_side, mut bob_side) = begun();
    alice_side.hear(&tampered(&bob_side.sent[&Step::Key], &[("profile", mallory().json())])).unwrap();
    bob_side.hear(&alice_side.sent[&Step::Reveal]).unwrap();
    alice_side.confirm().unwrap();
    bob_side.confirm().unwrap();
    alice_side.hear(&bob_side.sent[&Step::AcceptorConfirm]).unwrap();
    bob_side.hear(&alice_side.sent[&Step::InviterConfirm]).unwrap();
    assert_eq!(alice_side.failure(), failed(Role::Inviter, AbortReason::Mac));
    assert_eq!(bob_side.failure(), failed(Role::Acceptor, AbortReason::Mac));
}

#[test]
fn a_reveal_that_was_not_committed_to_ends_it() {
    // Whoever commits first cannot search for a key or a profile that gives wanted emoji after seeing the other's key.
    let other_key = key_text(3);
    let mallory = mallory();
    for members in [vec![("key", &*other_key)], vec![("profile", mallory.json())]] {
        let (mut alice_side, mut bob_side) = begun();
        alice_side.hear(&bob_side.sent[&Step::Key]).unwrap();
        bob_side.hear(&tampered(&alice_side.sent[&Step::Reveal], &members)).unwrap();
        assert_eq!(bob_side.failure(), failed(Role::Acceptor, AbortReason::Commitment));
        assert!(bob_side.shown.is_empty(), "no emoji to be talked into");
        exchange(&mut alice_side, &mut bob_side);
        assert_eq!(alice_side.failure(), bob_side.failure());
    }
}

#[test]
fn a_key_that_contributes_nothing_ends_it() {
    let (mut alice_side, bob_side) = begun();
    let zero = b64::encode([0; 32]);
    alice_side.hear(&tampered(&bob_side.sent[&Step::Key], &[("key", &zero)])).unwrap();
    assert_eq!(alice_side.failure(), failed(Role::Inviter, AbortReason::Key));
    assert!(alice_side.shown.is_empty());
}

#[test]
fn a_forged_profile_ends_it() {
    let (mut alice_side, bob_side) = begun();
    let forged = bob().json().replace("Bob", "Bab");
    alice_side.hear(&tampered(&bob_side.sent[&Step::Key], &[("profile", &forged)])).unwrap();
    assert_eq!(alice_side.failure(), failed(Role::Inviter, AbortReason::Profile));
}

#[test]
fn a_confirmation_made_up_or_thrown_back_ends_it() {
    for reflected in [false, true] {
        let (mut alice_side, mut bob_side) = begun();
        exchange(&mut alice_side, &mut bob_side);
        alice_side.confirm().unwrap();
        let mine = &alice_side.sent[&Step::InviterConfirm];
        let zero = b64::encode([0; 32]);
        let mut members = vec![("from", "acceptor")];
        if !reflected {
            members.push(("mac", &zero));
        }
        let forged = tampered(mine, &members);
        alice_side.hear(&forged).unwrap();
        assert_eq!(alice_side.failure(), failed(Role::Inviter, AbortReason::Mac), "reflected: {reflected}");
    }
}

#[test]
fn a_second_person_with_the_code_is_noticed_and_changes_nothing() {
    let (mut alice_side, mut bob_side) = begun();
    let mut late = acceptor(mallory());
    late.hear(&alice_side.sent[&Step::Commit]).unwrap();
    alice_side.hear(&bob_side.sent[&Step::Key]).unwrap();
    assert_eq!(alice_side.hear(&late.sent[&Step::Key]), Err(PairingError::SaidTwice(Step::Key)));
    exchange(&mut alice_side, &mut bob_side);
    assert_eq!(alice_side.shown, bob_side.shown);
}
