//! Key files in the folder, and changing what locks them.
//!
//! A change of password touches several files, and a power cut can come between any two. So the new files are first put
//! into the ledger; then the ledger gets the new password beside the old one; then the files are written out; then the old
//! password goes. Whichever password is typed after a cut, the change is finished, or undone, first.

use super::Wallet;
use crate::clock;
use crate::error::AgentError;
use crate::home::Home;
use crate::platform::{Books, PlatformProvider};
use pumasi_crypto::RsaBits;
use pumasi_crypto::password::Password;
use pumasi_identity::KeyFiles;
use pumasi_ledger::store::Space;
use std::collections::BTreeMap;

/// Where the files of a change that is under way are kept, in [`Space::Setting`].
const PENDING_FILES: &[u8] = b"pending-key-files";

impl Wallet {
    /// Changes the password of keys and ledger. After a crash either password opens, and the change is finished then.
    ///
    /// # Errors
    /// [`AgentError::WrongPassword`]; nothing was changed.
    pub async fn change_password(&self, old: &Password, new: &Password) -> Result<(), AgentError> {
        let key_files = self.home.read_keys().await?.change_password(&self.provider, old, new).await?;
        put_pending(&self.ledger, Some(&key_files)).await?;
        self.ledger.add_password(old, new, clock::now()).await?;
        write_out(&self.home, &self.ledger, &key_files, new).await
    }

    /// Makes new RSA keys and signs a profile that names them. Transfers sealed for the old ones still open.
    ///
    /// # Errors
    /// [`AgentError::WrongPassword`]; nothing was changed.
    pub async fn rotate_keys(&mut self, password: &Password, bits: RsaBits) -> Result<(), AgentError> {
        let rotated = self.home.read_keys().await?.rotate_rsa(&self.provider, password, bits).await?;
        let keys = rotated.unlock(&self.provider, password).await?;
        // New files beside the old; the newest counts. The profile follows, and open() signs one if a crash comes between.
        self.home.write_keys(&rotated).await?;
        self.keys = keys;
        self.sign_profile(self.profile.name().map(str::to_owned)).await?;
        self.home.remove_other_keys(&rotated).await
    }
}

/// Finishes a change of password that was cut off, or drops one that had hardly begun.
pub(super) async fn finish_password_change(home: &Home, ledger: &Books, password: &Password) -> Result<(), AgentError> {
    let Some(pending) = ledger.get::<BTreeMap<String, String>>(Space::Setting, PENDING_FILES).await? else {
        return Ok(());
    };
    let pending = KeyFiles::from_texts(pending)?;
    if pending.unlock(&PlatformProvider, password).await.is_ok() {
        return write_out(home, ledger, &pending, password).await;
    }
    // The old password. Its files are still whole only if none was written out yet.
    match home.read_keys().await?.unlock(&PlatformProvider, password).await {
        Ok(_) => {
            ledger.retire_passwords(password).await?;
            put_pending(ledger, None).await
        }
        Err(_) => Err(AgentError::PasswordChangeUnfinished),
    }
}

/// The last steps of a change: the files, the end of the old password, the end of the change.
async fn write_out(home: &Home, ledger: &Books, key_files: &KeyFiles, new: &Password) -> Result<(), AgentError> {
    home.write_keys(key_files).await?;
    ledger.retire_passwords(new).await?;
    put_pending(ledger, None).await
}

async fn put_pending(ledger: &Books, key_files: Option<&KeyFiles>) -> Result<(), AgentError> {
    let mut tx = ledger.begin().await?;
    match key_files {
        Some(key_files) => tx.put(Space::Setting, PENDING_FILES, &texts(key_files))?,
        None => tx.delete(Space::Setting, PENDING_FILES)?,
    }
    ledger.commit(tx).await?;
    Ok(())
}

pub(super) fn texts(key_files: &KeyFiles) -> BTreeMap<String, String> {
    key_files.texts().map(|(name, text)| (name, text.to_owned())).collect()
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::wallet::NewIdentity;

    /// The stages of a change of password, cut off after each; then opened with either password.
    #[tokio::test]
    async fn slow_a_change_that_is_cut_off_anywhere_is_finished_or_undone_and_one_password_opens_it() {
        let (old, new) = (Password::new("옛 비밀번호"), Password::new("새 비밀번호"));
        for stage in 1..=4 {
            for typed in [&old, &new] {
                let folder = tempfile::tempdir().unwrap();
                let wallet = Wallet::create(folder.path(), &old, NewIdentity::default()).await.unwrap();
                let did = wallet.did();
                let files = wallet.home.read_keys().await.unwrap();
                let files = files.change_password(&PlatformProvider, &old, &new).await.unwrap();
                put_pending(&wallet.ledger, Some(&files)).await.unwrap();
                if stage > 1 {
                    wallet.ledger.add_password(&old, &new, clock::now()).await.unwrap();
                }
                if stage > 2 {
                    let (name, text) = files.texts().next().unwrap();
                    crate::home::write_private(&folder.path().join("keys").join(name), text.as_bytes()).unwrap();
                }
                if stage > 3 {
                    wallet.home.write_keys(&files).await.unwrap();
                }
                drop(wallet);

                let opened = Wallet::open(folder.path(), typed, "test").await;
                // Once a file was written out, only the new password can finish it; before the ledger has it, only the old.
                let expected = if std::ptr::eq(typed, &old) { stage <= 2 } else { stage >= 2 };
                match opened {
                    Ok(wallet) => assert!(expected && wallet.did() == did, "stage {stage}"),
                    Err(AgentError::PasswordChangeUnfinished | AgentError::WrongPassword) => {
                        assert!(!expected, "stage {stage}");
                        continue;
                    }
                    Err(error) => panic!("stage {stage}: {error}"),
                }
                // From now on it is one password, and only that one.
                let other = if std::ptr::eq(typed, &old) { &new } else { &old };
                assert!(Wallet::open(folder.path(), typed, "test").await.is_ok(), "stage {stage}");
                let refused = Wallet::open(folder.path(), other, "test").await;
                assert!(matches!(refused, Err(AgentError::WrongPassword)), "stage {stage}");
            }
        }
    }
}
