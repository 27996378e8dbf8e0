//! Passwords, and the keys that PBKDF2 makes of them.

use crate::{CryptoError, Provider};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Rounds of PBKDF2-HMAC-SHA256 for everything that we lock (OWASP's figure of 2023).
pub const PBKDF2_ROUNDS: u32 = 600_000;
/// The fewest rounds that we read: OpenSSL writes 2,048 unless told otherwise.
pub const MIN_ROUNDS_READ: u32 = 1_000;
/// The most rounds that we read: a few seconds of work, and no more, for a file that somebody else made.
pub const MAX_ROUNDS: u32 = 10_000_000;
/// UTF-8 grows at most threefold under NFC (UAX #15, table 5).
const NFC_GROWTH: usize = 3;

/// A password, as typed. What it opens does not depend on how its letters were put together ([`Password::normal`]). Wiped
/// when dropped, never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password with this text, as typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In Unicode's form NFC, so that 한글 typed on a Mac and on Windows opens the same lock: its UTF-8 is what PBKDF2
    /// takes. Not in [`Password::new`], so that a screen that asks for passwords does not need the tables of Unicode.
    #[must_use]
    pub fn normal(&self) -> Zeroizing<String> {
        // Room for the longest form: a String that grows leaves an unwiped copy behind.
        let mut normal = Zeroizing::new(String::with_capacity(self.0.len() * NFC_GROWTH));
        normal.extend(self.0.nfc());
        normal
    }

    /// PBKDF2-HMAC-SHA256 into 32 bytes. It is slow on purpose: a fraction of a second at [`PBKDF2_ROUNDS`].
    ///
    /// # Errors
    /// [`CryptoError::Rounds`] outside [`MIN_ROUNDS_READ`]`..=`[`MAX_ROUNDS`], and what the provider says.
    pub async fn derive<P: Provider>(
        &self,
        provider: &P,
        salt: &[u8],
        rounds: u32,
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        check_rounds(rounds, MIN_ROUNDS_READ)?;
        provider.pbkdf2_sha256(self.normal().as_bytes(), salt, rounds).await
    }
}

/// A password together with the keys derived from it so far: several files with one salt cost one PBKDF2.
pub struct DerivedKeys {
    password: Password,
    keys: Vec<DerivedKey>,
}

struct DerivedKey {
    salt: Vec<u8>,
    rounds: u32,
    key: Zeroizing<[u8; 32]>,
}

impl DerivedKeys {
    /// Files of one identity share one salt; a folder put together from several has a few.
    const MAX_KEPT: usize = 16;

    /// No key yet.
    #[must_use]
    pub fn new(password: Password) -> Self {
        Self { password, keys: Vec::new() }
    }

    /// The key for this salt and number of rounds, derived on the first call and remembered after it.
    ///
    /// # Errors
    /// As [`Password::derive`].
    pub async fn get<P: Provider>(
        &mut self,
        provider: &P,
        salt: &[u8],
        rounds: u32,
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        if let Some(known) = self.keys.iter().find(|known| known.salt == salt && known.rounds == rounds) {
            return Ok(known.key.clone());
        }
        let key = self.password.derive(provider, salt, rounds).await?;
        if self.keys.len() == Self::MAX_KEPT {
            self.keys.remove(0).key.zeroize();
        }
        self.keys.push(DerivedKey { salt: salt.to_vec(), rounds, key: key.clone() });
        Ok(key)
    }
}

pub(crate) fn check_rounds(rounds: u32, min: u32) -> Result<(), CryptoError> {
    if (min..=MAX_ROUNDS).contains(&rounds) {
        Ok(())
    } else {
        Err(CryptoError::Rounds { rounds, min, max: MAX_ROUNDS })
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::NativeProvider;
    use crate::pem::{self, Pbes2};
    use crate::pkcs8;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the native provider never waits"),
        }
    }

    #[test]
    fn one_word_typed_in_two_ways_is_one_password() {
        let (composed, jamo) = (
            Password::new("품앗이"),
            Password::new("\u{1111}\u{116e}\u{11b7}\u{110b}\u{1161}\u{11ba}\u{110b}\u{1175}"),
        );
        assert_eq!(composed.normal().as_str(), "품앗이");
        assert_eq!(jamo.normal(), composed.normal());
        assert_ne!(Password::new("품앗이 ").normal(), composed.normal(), "spaces count");
    }

    #[test]
    fn the_room_for_a_password_never_grows() {
        // U+1D160 and U+0390 are the worst cases of UAX #15 for UTF-8; U+FB2C for combining marks.
        for text in ["\u{1d160}".repeat(50), "\u{0390}".repeat(50), "\u{fb2c}".repeat(50), "e\u{301}".repeat(50)] {
            let password = Password::new(&text).normal();
            assert!(password.len() <= text.len() * NFC_GROWTH, "{text}");
            assert!(password.capacity() < text.len() * NFC_GROWTH + 32, "{text}");
        }
    }

    #[test]
    fn keys_that_share_a_salt_cost_one_derivation() {
        let mut keys = DerivedKeys::new(Password::new("비밀번호"));
        let files: Vec<String> = [1, 2, 3]
            .iter()
            .map(|n| {
                let der = pkcs8::from_ed25519_seed(&[*n; 32]);
                let pbes2 = Pbes2 { salt: [7; 16], iv: [*n; 16], rounds: PBKDF2_ROUNDS };
                block_on(pem::encrypt(&NativeProvider, &mut keys, &der, &pbes2)).unwrap()
            })
            .collect();
        for file in &files {
            block_on(pem::decrypt(&NativeProvider, &mut keys, file)).unwrap();
        }
        assert_eq!(keys.keys.len(), 1, "derived once, then remembered");
    }

    #[test]
    fn as_many_keys_are_remembered_as_the_limit_says() {
        let mut keys = DerivedKeys::new(Password::new("a"));
        for salt in 0..40 {
            block_on(keys.get(&NativeProvider, &[salt; 8], MIN_ROUNDS_READ)).unwrap();
        }
        assert_eq!(keys.keys.len(), DerivedKeys::MAX_KEPT);
        assert_eq!(keys.keys.last().unwrap().salt, [39; 8]);
    }

    #[test]
    fn rounds_are_bounded_on_both_sides() {
        let password = Password::new("a");
        for rounds in [0, 1, MIN_ROUNDS_READ - 1, MAX_ROUNDS + 1, u32::MAX] {
            let error = block_on(password.derive(&NativeProvider, &[0; 16], rounds)).unwrap_err();
            assert_eq!(error, CryptoError::Rounds { rounds, min: MIN_ROUNDS_READ, max: MAX_ROUNDS });
        }
    }
}
