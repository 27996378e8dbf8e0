//! A file on the disk, read chunk by chunk.

use super::error::ContentError;
use super::share::Offered;
use pumasi_content::{
    CHUNK, Content, FileName, Link, NotProven, Request, Response, SEGMENT, Sealer, Secret, SizeError, Tree,
    TreeBuilder, leaf, sealed_size,
};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A file that can be offered. Memory is the tree: 64 bytes for each chunk.
pub struct Source {
    path: PathBuf,
    file: File,
    tree: Tree,
    secret: Option<Secret>,
    sealer: Option<Sealer>,
    changed: AtomicBool,
    served: AtomicU64,
}

impl Source {
    /// Opens a file and hashes it, sealed when there is a secret. Blocks; `told` hears how many bytes of the file are done,
    /// after each chunk.
    ///
    /// # Errors
    /// [`ContentError::Io`], [`ContentError::NotAFile`], [`ContentError::TooLarge`], [`ContentError::Changing`].
    pub fn open(path: &Path, secret: Option<Secret>, mut told: impl FnMut(u64, u64)) -> Result<Self, ContentError> {
        let file = File::open(path).map_err(ContentError::io(path))?;
        let metadata = file.metadata().map_err(ContentError::io(path))?;
        if !metadata.is_file() {
            return Err(ContentError::NotAFile(path.to_owned()));
        }
        let size = metadata.len();
        let too_large = |source| ContentError::TooLarge { path: path.to_owned(), source };
        if secret.is_some() && sealed_size(size).is_none() {
            return Err(too_large(SizeError(size)));
        }
        let sealer = secret.as_ref().map(Sealer::new);
        let mut builder = TreeBuilder::default();
        let pieces = pieces(size, sealer.is_some());
        for index in 0..pieces {
            let chunk = read_chunk(&file, size, sealer.as_ref(), index).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => ContentError::Changing(path.to_owned()),
                _ => ContentError::io(path)(error),
            })?;
            builder.push(&chunk).map_err(too_large)?;
            told(size.min(u64::from(index + 1) * u64::from(piece(sealer.is_some()))), size);
        }
        // What was appended meanwhile is not in the tree.
        if file.metadata().map_err(ContentError::io(path))?.len() != size {
            return Err(ContentError::Changing(path.to_owned()));
        }
        let (changed, served) = (AtomicBool::new(false), AtomicU64::new(0));
        Ok(Self { path: path.to_owned(), file, tree: builder.finish(), secret, sealer, changed, served })
    }

    /// What it is called and how long it is, as others see it: of a private share, the ciphertext.
    #[must_use]
    pub fn content(&self) -> Content {
        self.tree.content()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The link to it.
    ///
    /// # Errors
    /// [`ContentError::Link`], which does not happen.
    pub fn link(&self) -> Result<Link, ContentError> {
        let name = self.path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy());
        Ok(Link::new(self.content(), FileName::clean(&name), self.secret.clone())?)
    }

    /// The answer to a question about this content, and whether the file is still the same as far as is known. Blocks.
    #[must_use]
    pub fn answer(&self, request: &Request) -> (Vec<u8>, bool) {
        let answer = Offered::answer(self, request);
        (answer, !Offered::is_changed(self))
    }

    /// A chunk that is still what was hashed. Nothing else leaves: what has changed would be taken for a lie, and, sealed
    /// under the same nonce, would give the key stream away.
    fn chunk(&self, index: u32) -> io::Result<Vec<u8>> {
        let Some(expected) = self.tree.leaf(index) else {
            return Err(io::Error::other(NotProven(index)));
        };
        let size = if self.sealer.is_some() {
            pumasi_content::plain_size(self.content().size()).expect("the size of a sealed file")
        } else {
            self.content().size()
        };
        let read = read_chunk(&self.file, size, self.sealer.as_ref(), index);
        match read {
            Ok(chunk) if leaf(&chunk) == expected => Ok(chunk),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => {
                self.changed.store(true, Ordering::Relaxed);
                Err(io::Error::other("the file has changed"))
            }
        }
    }
}

impl Offered for Source {
    fn content(&self) -> Content {
        self.tree.content()
    }

    fn is_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    fn answer(&self, request: &Request) -> Vec<u8> {
        match request {
            _ if Offered::is_changed(self) => Response::NotHere.to_bytes(),
            Request::Have(_) => Response::Whole.to_bytes(),
            Request::Chunk(_, index) => match self.chunk(*index) {
                Ok(chunk) => {
                    self.served.fetch_add(1, Ordering::Relaxed);
                    Response::Chunk { path: self.tree.path(*index), bytes: &chunk }.to_bytes()
                }
                Err(error) => {
                    tracing::debug!(%error, index, "chunk not given");
                    Response::NotHere.to_bytes()
                }
            },
        }
    }
}

/// Bytes of the file in each chunk.
pub(super) fn piece(sealed: bool) -> u32 {
    if sealed { SEGMENT } else { CHUNK }
}

/// Chunks of a file of so many bytes.
fn pieces(size: u64, sealed: bool) -> u32 {
    let pieces = u32::try_from(size.div_ceil(u64::from(piece(sealed)))).unwrap_or(u32::MAX);
    if sealed { pieces.max(1) } else { pieces }
}

/// Reads the part of the file that a chunk is made of, and seals it where that is wanted.
pub(super) fn read_chunk(file: &File, size: u64, sealer: Option<&Sealer>, index: u32) -> io::Result<Vec<u8>> {
    let piece = u64::from(piece(sealer.is_some()));
    let at = u64::from(index) * piece;
    let len = usize::try_from(size.saturating_sub(at).min(piece)).expect("a chunk is small");
    let mut chunk = Vec::with_capacity(CHUNK as usize);
    chunk.resize(len, 0);
    read_at(file, &mut chunk, at)?;
    if let Some(sealer) = sealer {
        sealer.seal(index, &mut chunk);
    }
    Ok(chunk)
}

/// Reads exactly so many bytes from a place, whatever others read at the same time.
#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Writes at a place, whatever others write at the same time.
#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Reads exactly so many bytes from a place, whatever others read at the same time.
#[cfg(windows)]
pub(super) fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, at) = (&mut bytes[read..], at + read as u64),
        }
    }
    Ok(())
}

/// Writes at a place, whatever others write at the same time.
#[cfg(windows)]
pub(super) fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => (bytes, at) = (&bytes[written..], at + written as u64),
        }
    }
    Ok(())
}
