//! Certificate files: read within bounds, written whole or not at all, read again when they change.

use crate::TlsError;
use crate::keyring::{Keyring, certified};
use rustls::sign::CertifiedKey;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

/// Largest certificate or key file, in bytes.
const MAX_FILE: u64 = 256 * 1_024;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Reads a file of at most [`MAX_FILE`] bytes.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let file = File::open(path).map_err(TlsError::io(path))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(TlsError::io(path))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(TlsError::file(path, format!("more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// As [`read`]; `None` when there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, TlsError> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(TlsError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file beside, makes it durable, then renames it. `private` files only their owner may read.
pub(crate) fn write(path: &Path, bytes: &[u8], private: bool) -> Result<(), TlsError> {
    let beside = path.with_added_extension("new");
    let written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, if private { 0o600 } else { 0o644 });
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(TlsError::io(path))
}

/// Makes a folder that only its owner may enter.
pub(crate) fn make_folder(path: &Path) -> Result<(), TlsError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(TlsError::io(path))
}

/// What tells that a file has changed, without reading it.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

/// The certificate of two files.
pub(crate) fn load(chain: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    warn_if_open(key);
    certified(&read(chain)?, &read(key)?, chain, key)
}

/// Keeps the certificate of two files in use, whatever replaces them, until it is dropped. Files that do not belong
/// together, as between the two writes of a renewal, are looked at again; until they do, the old certificate stays.
pub(crate) async fn follow(keyring: Arc<Keyring>, chain: PathBuf, key: PathBuf) {
    let stamps = || [stamp(&chain), stamp(&key)];
    let mut seen = stamps();
    let mut told = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamps();
        if now == seen {
            continue;
        }
        let (chain, key) = (chain.clone(), key.clone());
        match spawn_blocking(move || load(&chain, &key)).await {
            Ok(Ok(loaded)) => {
                keyring.use_key(loaded);
                tracing::info!("the certificate has changed and is in use");
                (seen, told) = (now, false);
            }
            Ok(Err(error)) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "the changed certificate cannot be used; the old one stays");
                }
            }
            Err(error) => tracing::warn!(%error, "the certificate could not be read"),
        }
    }
}

#[cfg(unix)]
fn warn_if_open(key: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(key).is_ok_and(|data| data.permissions().mode() & 0o004 != 0) {
        tracing::warn!(key = %key.display(), "everybody on this machine can read the private key");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_: &Path) {}
