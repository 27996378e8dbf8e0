//! The files of the page: from inside of the program, or from a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What the build put in: a name and the bytes, compressed siblings (`.br`, `.gz`) among them.
static INSIDE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));
/// Most files of a folder that are served, and their size together, in bytes.
const MAX_FILES: usize = 128;
const MAX_BYTES: usize = 64 << 20;

/// Every file by name, in memory.
#[derive(Debug, Default)]
pub(crate) struct Files(HashMap<String, Vec<u8>>);

impl Files {
    /// The files that the build put into the program; `None` when it put none.
    fn inside() -> Option<Self> {
        (!INSIDE.is_empty())
            .then(|| Self(INSIDE.iter().map(|(name, bytes)| ((*name).into(), bytes.to_vec())).collect()))
    }

    /// From this folder, or else from inside, or else from where `cargo xtask web` leaves them: `web` beside the folder
    /// of this program. `None` when there is no page anywhere.
    pub(crate) fn find(folder: Option<&Path>) -> io::Result<Option<Self>> {
        if let Some(folder) = folder {
            return Self::read(folder).map(Some);
        }
        if let Some(inside) = Self::inside() {
            return Ok(Some(inside));
        }
        match beside() {
            Some(folder) => Self::read(&folder).map(Some),
            None => Ok(None),
        }
    }

    fn read(folder: &Path) -> io::Result<Self> {
        let (mut files, mut bytes) = (HashMap::new(), 0);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !entry.file_type()?.is_file() {
                continue;
            }
            let content = fs::read(entry.path())?;
            bytes += content.len();
            if files.len() >= MAX_FILES || bytes > MAX_BYTES {
                let limit = format!("{}: more than {MAX_FILES} files or {MAX_BYTES} bytes", folder.display());
                return Err(io::Error::other(limit));
            }
            files.insert(name, content);
        }
        if files.contains_key("index.html") {
            Ok(Self(files))
        } else {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("{} has no index.html", folder.display())))
        }
    }

    /// A file of the page. Compressed siblings are no files of the page.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        if name.ends_with(".br") || name.ends_with(".gz") {
            return None;
        }
        self.0.get(name).map(Vec::as_slice)
    }

    /// The same, compressed.
    pub(crate) fn compressed(&self, name: &str, coding: &str) -> Option<&[u8]> {
        self.0.get(&format!("{name}.{coding}")).map(Vec::as_slice)
    }
}

fn beside() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let folder = program.parent()?.parent()?.join("web");
    folder.join("index.html").is_file().then_some(folder)
}

#[cfg(test)]
impl Files {
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        Self(files.iter().map(|(name, bytes)| ((*name).into(), bytes.to_vec())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_whole_and_one_without_an_index_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Files::find(Some(folder.path())).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(folder.path().join("index.html"), "page").unwrap();
        fs::write(folder.path().join("index.html.br"), "small").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();

        let files = Files::find(Some(folder.path())).unwrap().unwrap();

        assert_eq!(files.get("index.html"), Some(&b"page"[..]));
        assert_eq!(files.get("index.html.br"), None);
        assert_eq!(files.compressed("index.html", "br"), Some(&b"small"[..]));
        assert_eq!(files.get("folder"), None);
    }
}
