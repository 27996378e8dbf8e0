//! Key files in the folder, and changing what locks them.
//!
//! A change of password touches several files, and a power cut can come between any two. So the new files are first put
//! into the ledger; then the ledger gets the new password beside the old one; then the files are written out; then the old
//! password goes. Whichever password is typed after a cut, the change is finished, or undone, first.

use super::{Books, Wallet};
use crate::clock;
use crate::error::AgentError;
use crate::home::{HomeError, files};
use pumasi_crypto::RsaBits;
use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::{KeyFiles, MAX_FILES};
use pumasi_ledger::store::Space;
use std::collections::BTreeMap;
use std::path::Path;

/// Largest key file, in bytes: an RSA key of 4096 bits takes 3.5 kB.
const MAX_KEY_FILE: u64 = 16 * 1024;
/// Where the files of a change that is under way are kept, in [`Space::Setting`].
const PENDING_FILES: &[u8] = b"pending-key-files";

impl Wallet {
    /// Changes the password of keys and ledger. After a crash either password opens, and the change is finished then.
    ///
    /// # Errors
    /// [`AgentError::WrongPassword`]; nothing was changed.
    pub async fn change_password(&self, old: &Password, new: &Password) -> Result<(), AgentError> {
        let key_files = read_keys(&self.folder)?.change_password(&self.provider, old, new).await?;
        put_pending(&self.ledger, Some(&key_files)).await?;
        self.ledger.add_password(old, new, clock::now()).await?;
        write_out(&self.folder, &self.ledger, &key_files, new).await
    }

    /// Makes new RSA keys and signs a profile that names them. Transfers sealed for the old ones still open.
    ///
    /// # Errors
    /// [`AgentError::WrongPassword`]; nothing was changed.
    pub async fn rotate_keys(&mut self, password: &Password, bits: RsaBits) -> Result<(), AgentError> {
        let rotated = read_keys(&self.folder)?.rotate_rsa(&self.provider, password, bits).await?;
        let keys = rotated.unlock(&self.provider, password).await?;
        // New files beside the old; the newest counts. The profile follows, and open() signs one if a crash comes between.
        write_keys(&self.folder, &rotated)?;
        self.keys = keys;
        self.sign_profile(self.profile.name().map(str::to_owned)).await?;
        remove_unlisted(&self.folder, &rotated)
    }
}

/// Finishes a change of password that was cut off, or drops one that had hardly begun.
pub(super) async fn finish_password_change(
    folder: &Path,
    ledger: &Books,
    password: &Password,
) -> Result<(), AgentError> {
    let Some(pending) = ledger.get::<BTreeMap<String, String>>(Space::Setting, PENDING_FILES).await? else {
        return Ok(());
    };
    let pending = KeyFiles::from_texts(pending)?;
    if pending.unlock(&NativeProvider, password).await.is_ok() {
        return write_out(folder, ledger, &pending, password).await;
    }
    // The old password. Its files are still whole only if none was written out yet.
    match read_keys(folder)?.unlock(&NativeProvider, password).await {
        Ok(_) => {
            ledger.retire_passwords(password).await?;
            put_pending(ledger, None).await
        }
        Err(_) => Err(AgentError::PasswordChangeUnfinished),
    }
}

/// The last steps of a change: the files, the end of the old password, the end of the change.
async fn write_out(folder: &Path, ledger: &Books, key_files: &KeyFiles, new: &Password) -> Result<(), AgentError> {
    write_keys(folder, key_files)?;
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

/// Reads the key files of a folder.
pub(super) fn read_keys(folder: &Path) -> Result<KeyFiles, AgentError> {
    let folder = folder.join("keys");
    let listing = std::fs::read_dir(&folder).map_err(HomeError::io("read", &folder))?;
    let mut texts = Vec::new();
    for file in listing.take(4 * MAX_FILES) {
        let path = file.map_err(HomeError::io("read", &folder))?.path();
        if path.extension().is_none_or(|extension| extension != "pem") {
            continue; // an unfinished write, or something of the owner's
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let bytes = files::read_bounded(&path, MAX_KEY_FILE)?.unwrap_or_default();
        texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(KeyFiles::from_texts(texts)?)
}

/// Writes key files, each whole or not at all.
pub(super) fn write_keys(folder: &Path, key_files: &KeyFiles) -> Result<(), AgentError> {
    let folder = folder.join("keys");
    files::create_private_folder(&folder)?;
    for (name, text) in key_files.texts() {
        files::write_private(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Removes the key files that a rotation has replaced.
fn remove_unlisted(folder: &Path, key_files: &KeyFiles) -> Result<(), AgentError> {
    let keep = texts(key_files);
    for (name, _) in read_keys(folder)?.texts() {
        if !keep.contains_key(&name) {
            let path = folder.join("keys").join(&name);
            std::fs::remove_file(&path).map_err(HomeError::io("remove", &path))?;
        }
    }
    Ok(())
}

pub(super) fn texts(key_files: &KeyFiles) -> BTreeMap<String, String> {
    key_files.texts().map(|(name, text)| (name, text.to_owned())).collect()
}

#[cfg(test)]
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
                let files = read_keys(folder.path()).unwrap();
                let files = files.change_password(&NativeProvider, &old, &new).await.unwrap();
                put_pending(&wallet.ledger, Some(&files)).await.unwrap();
                if stage > 1 {
                    wallet.ledger.add_password(&old, &new, clock::now()).await.unwrap();
                }
                if stage > 2 {
                    let (name, text) = files.texts().next().unwrap();
                    files::write_private(&folder.path().join("keys").join(name), text.as_bytes()).unwrap();
                }
                if stage > 3 {
                    write_keys(folder.path(), &files).unwrap();
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
