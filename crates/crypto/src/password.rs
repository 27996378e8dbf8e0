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

/// A password in Unicode's form NFC, so that 한글 typed on a Mac and on Windows opens the same lock. Wiped when dropped,
/// never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password with this text, as typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // Room for the longest form: a String that grows leaves an unwiped copy behind.
        let mut normal = Zeroizing::new(String::with_capacity(text.len() * NFC_GROWTH));
        normal.extend(text.nfc());
        Self(normal)
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that PBKDF2 takes: UTF-8 of the form NFC.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
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
        provider.pbkdf2_sha256(self.as_bytes(), salt, rounds).await
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
