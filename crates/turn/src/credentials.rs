//! Credentials that are good for a while, in the form that the TURN REST draft gives them
//! (draft-uberti-behave-turn-rest-00): the user name begins with the second at which they end, and the password is the
//! HMAC-SHA1 of the user name under the server's secret, in base64. Nothing is kept of them. coturn with
//! `static-auth-secret` takes the same.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// The most bytes of a user name of ours.
pub const MAX_USERNAME: usize = 96;

/// What logs on to the relay.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `<seconds since 1970>:<whose>`.
    pub username: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Makes credentials, and knows its own again.
#[derive(Clone)]
pub struct Issuer {
    secret: Zeroizing<String>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer")
    }
}

impl Issuer {
    /// With 32 secret bytes. Their hexadecimal digits are the HMAC's key, so that the secret can be given to coturn.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Issuer { secret: Zeroizing::new(hex::encode(secret)) }
    }

    /// Credentials until a second since 1970. `whose` tells users apart for the limits; only ASCII letters and digits of
    /// it are used, at most 64.
    #[must_use]
    pub fn issue(&self, whose: &str, until: u64) -> Credentials {
        let whose: String = whose.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let username = format!("{until}:{whose}");
        let password = self.password(&username);
        Credentials { username, password }
    }

    /// The password that belongs to a user name, if that name is not over.
    pub(crate) fn accept(&self, username: &str, now: u64) -> Option<(Zeroizing<String>, u64)> {
        let (until, _) = username.split_once(':').filter(|_| username.len() <= MAX_USERNAME)?;
        let until = until.parse().ok().filter(|until| *until > now)?;
        Some((self.password(username), until))
    }

    fn password(&self, username: &str) -> Zeroizing<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.secret.as_bytes());
        Zeroizing::new(STANDARD.encode(hmac::sign(&key, username.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_that_of_the_turn_rest_draft() {
        // printf '%s' 1700000000:bob | openssl dgst -sha1 -hmac <64 times 0> -binary | base64
        let issued = Issuer::new(&[0; 32]).issue("bob", 1_700_000_000);
        assert_eq!(issued.username, "1700000000:bob");
        assert_eq!(issued.password.as_str(), "Vx8lUhb4IQZWADl7hnZOjhKXYoA=");
    }

    #[test]
    fn credentials_end() {
        let issuer = Issuer::new(&[7; 32]);
        let Credentials { username, password } = issuer.issue("a/b c", 100);
        assert_eq!(username, "100:abc");
        assert_eq!(issuer.accept(&username, 99), Some((password, 100)));
        assert_eq!(issuer.accept(&username, 100), None);
        for never in ["", "100", "x:bob", "-1:bob", "1e9:bob"] {
            assert_eq!(issuer.accept(never, 0), None, "{never:?}");
        }
        assert_eq!(issuer.accept(&format!("100:{}", "x".repeat(MAX_USERNAME)), 0), None);
    }

    #[test]
    fn the_secret_and_the_password_are_never_printed() {
        let issuer = Issuer::new(&[7; 32]);
        let issued = issuer.issue("bob", 100);
        assert!(!format!("{issued:?}{issuer:?}").contains(issued.password.as_str()));
    }
}
