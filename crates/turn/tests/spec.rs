//! The figures of `docs/spec/turn.md` are those of the code.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use pumasi_turn::{Issuer, Limits, MAX_CHANNELS, MAX_PERMISSIONS};

const PAGE: &str = include_str!("../../../docs/spec/turn.md");

/// A text member of the example of credentials.
fn member(name: &str) -> &'static str {
    let (_, rest) = PAGE.split_once("```json credentials\n").unwrap();
    let (_, rest) = rest.split_once(&format!("\"{name}\":\"")).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn the_credentials_of_the_page_are_ours() {
    assert_eq!(member("secret"), "0".repeat(64));
    let (until, whose) = member("username").split_once(':').unwrap();
    let issued = Issuer::new(&[0; 32]).issue(whose, until.parse().unwrap());
    assert_eq!((issued.username.as_str(), issued.password.as_str()), (member("username"), member("password")));
}

#[test]
fn the_bounds_of_the_page_are_those_of_the_code() {
    let Limits { allocations, per_user, per_source, sessions, .. } = Limits::default();
    let relayed = format!("{allocations} in all, {per_user} of a user, {per_source} of a source");
    assert!(PAGE.contains(&relayed), "{relayed}");
    assert!(PAGE.contains(&format!("10 seconds, {},{:03} of them", sessions / 1_000, sessions % 1_000)));
    assert_eq!(MAX_PERMISSIONS, MAX_CHANNELS);
    assert!(PAGE.contains(&format!("| permissions, channels | {MAX_PERMISSIONS} each")));
}
