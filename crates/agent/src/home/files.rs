//! Files that are whole or absent: written beside, made durable, then renamed.

use crate::home::HomeError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Writes a file that only its owner may read, so that a crash leaves the old one or the new one and nothing between.
///
/// # Errors
/// [`HomeError::Io`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let beside = path.with_extension("new");
    let mut file = create_private(&beside)?;
    let mut written = || -> io::Result<()> {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(path)
    };
    written().map_err(HomeError::io("write", path))
}

/// Makes a file, or empties it, that only its owner may read.
pub(crate) fn create_private(path: &Path) -> Result<File, HomeError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(HomeError::io("create", path))
}

/// Makes a rename durable. Only Unix has a way to ask for it.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let here = folder.as_os_str().is_empty();
        File::open(if here { Path::new(".") } else { folder })?.sync_all()?;
    }
    Ok(())
}

/// Makes a folder that only its owner may enter.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), HomeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(HomeError::io("create", path))
}

/// Reads a file of at most `limit` bytes; `None` when there is no such file.
///
/// # Errors
/// [`HomeError::TooLarge`], [`HomeError::Io`].
pub fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, HomeError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(HomeError::io("open", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(HomeError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(HomeError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(Some(bytes))
}
