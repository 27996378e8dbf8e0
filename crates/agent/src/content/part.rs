//! What has come so far: `NAME.part`, and `NAME.part.state` with the hash of each chunk that is there.
//!
//! The hash is written after the chunk, so it vouches for nothing that was not written; and since a power cut can lose
//! what was written, everything is checked again before it is gone on with.

use super::error::ContentError;
use super::share::Offered;
use super::source::{piece, read_at, read_chunk, write_at};
use pumasi_content::{Bitmap, Content, Link, Proofs, Proven, Request, Response, Sealer, TreeBuilder, leaf};
use pumasi_crypto::hash::Digest;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

/// What the state begins with; then the address (32 bytes) and the size (8 bytes), then a hash for each chunk, zero for
/// one that is not there.
const MAGIC: [u8; 8] = *b"pumasi\0\x01";
const HEAD: u64 = 8 + 32 + 8;

/// A file that is being fetched.
pub(super) struct Part {
    content: Content,
    sealer: Option<Sealer>,
    size: u64,
    target: PathBuf,
    path: PathBuf,
    file: File,
    state: File,
    /// What others could be given now.
    proofs: Mutex<Proofs>,
    served: AtomicU64,
}

impl Part {
    /// Begins, or goes on with what is there. Blocks while what is there is checked; `told` hears of each byte.
    pub(super) fn open(
        link: &Link,
        target: &Path,
        mut told: impl FnMut(u64, u64),
    ) -> Result<(Self, Bitmap), ContentError> {
        let path = beside(target, ".part");
        let file = open_file(&path, link.secret().is_some())?;
        if let Err(error) = file.try_lock() {
            return Err(match error {
                fs::TryLockError::WouldBlock => ContentError::Held(path),
                fs::TryLockError::Error(source) => ContentError::io(&path)(source),
            });
        }
        let state_path = beside(target, ".part.state");
        let state = open_file(&state_path, link.secret().is_some())?;
        let content = link.content();
        let sealer = link.secret().map(Sealer::new);
        let (size, target, proofs) = (link.file_size(), target.to_owned(), Mutex::new(Proofs::new(&content)));
        let part = Self { content, sealer, size, target, path, file, state, proofs, served: AtomicU64::new(0) };
        let got = part.look(&state_path, &mut told)?;
        Ok((part, got))
    }

    fn look(&self, state_path: &Path, told: &mut impl FnMut(u64, u64)) -> Result<Bitmap, ContentError> {
        let chunks = self.content.chunks();
        let mut head = [0; HEAD as usize];
        let begun = match read_at(&self.state, &mut head, 0) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(ContentError::io(state_path)(error)),
        };
        if !begun {
            let length = self.file.metadata().map_err(ContentError::io(&self.path))?.len();
            if length > 0 {
                // Somebody else's file: nothing here says that it is ours.
                return Err(ContentError::OtherPart(self.path.clone()));
            }
            let write = self.file.set_len(self.size).map_err(ContentError::io(&self.path));
            write.and_then(|()| write_at(&self.state, &self.head(), 0).map_err(ContentError::io(state_path)))?;
            return Ok(Bitmap::none(chunks));
        }
        if head != self.head() {
            return Err(ContentError::OtherPart(self.path.clone()));
        }
        self.file.set_len(self.size).map_err(ContentError::io(&self.path))?;
        let mut got = Bitmap::none(chunks);
        for index in 0..chunks {
            let kept = self.leaf(index).map_err(ContentError::io(state_path))?;
            if kept == Digest::default() {
                continue;
            }
            let chunk = read_chunk(&self.file, self.size, self.sealer.as_ref(), index);
            got.put(index, leaf(&chunk.map_err(ContentError::io(&self.path))?) == kept);
            told(u64::from(index + 1), u64::from(chunks));
        }
        Ok(got)
    }

    fn head(&self) -> [u8; HEAD as usize] {
        let mut head = [0; HEAD as usize];
        head[..8].copy_from_slice(&MAGIC);
        head[8..40].copy_from_slice(&self.content.id().0);
        head[40..].copy_from_slice(&self.content.size().to_be_bytes());
        head
    }

    /// The hash of a chunk that is there; zero otherwise.
    fn leaf(&self, index: u32) -> io::Result<Digest> {
        let mut leaf = Digest::default();
        match read_at(&self.state, &mut leaf.0, HEAD + 32 * u64::from(index)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Digest::default()),
            read => read.map(|()| leaf),
        }
    }

    /// Keeps a chunk that proved itself, opened where it is sealed. Blocks.
    pub(super) fn keep(&self, proven: Proven, path: &[Digest], mut chunk: Vec<u8>) -> Result<(), ContentError> {
        let index = proven.index();
        if let Some(sealer) = &self.sealer {
            sealer.open(index, &mut chunk).map_err(|_| ContentError::WrongKey)?;
        }
        let at = u64::from(index) * u64::from(piece(self.sealer.is_some()));
        write_at(&self.file, &chunk, at).map_err(ContentError::io(&self.path))?;
        let state = write_at(&self.state, &proven.leaf().0, HEAD + 32 * u64::from(index));
        state.map_err(ContentError::io(&beside(&self.target, ".part.state")))?;
        self.proofs().learn(&proven, path);
        Ok(())
    }

    fn proofs(&self) -> MutexGuard<'_, Proofs> {
        self.proofs.lock().expect("nobody panics while holding it")
    }

    /// A chunk whose proof is known, and that, if it is still what came.
    fn give(&self, index: u32) -> Option<(Vec<Digest>, Vec<u8>)> {
        let path = self.proofs().path(index)?;
        let chunk = read_chunk(&self.file, self.size, self.sealer.as_ref(), index).ok()?;
        (self.leaf(index).ok()? == leaf(&chunk)).then_some((path, chunk))
    }

    /// Everything has come: checks the whole once more by its hashes, makes it durable, and gives it its name. Blocks.
    pub(super) fn finish(&self, force: bool) -> Result<(), ContentError> {
        let state_path = beside(&self.target, ".part.state");
        let mut builder = TreeBuilder::default();
        for index in 0..self.content.chunks() {
            let leaf = self.leaf(index).map_err(ContentError::io(&state_path))?;
            let pushed = builder.push_leaf(leaf, self.content.chunk_len(index));
            pushed.expect("a content is within the limit");
        }
        if !self.content.is(&builder.finish()) {
            // Begun anew next time: nothing of it can be trusted.
            let _ = fs::remove_file(&state_path);
            let _ = fs::remove_file(&self.path);
            return Err(ContentError::Damaged(self.path.clone()));
        }
        self.file.sync_all().map_err(ContentError::io(&self.path))?;
        self.name_it(force)?;
        // Left behind it would only be in the way.
        let _ = fs::remove_file(&state_path);
        Ok(())
    }

    fn name_it(&self, force: bool) -> Result<(), ContentError> {
        let failed = ContentError::io(&self.target);
        if !force {
            // A link does not replace what is there; a rename would.
            match fs::hard_link(&self.path, &self.target) {
                Ok(()) => return fs::remove_file(&self.path).map_err(failed),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(ContentError::Exists(self.target.clone()));
                }
                // A file system without links.
                Err(_) if fs::symlink_metadata(&self.target).is_ok() => {
                    return Err(ContentError::Exists(self.target.clone()));
                }
                Err(_) => {}
            }
        }
        fs::rename(&self.path, &self.target).map_err(failed)
    }
}

/// What is being fetched can be given on: the chunks that came in this run, for their proofs are not kept over the end of it.
impl Offered for Part {
    fn content(&self) -> Content {
        self.content
    }

    fn is_changed(&self) -> bool {
        false
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    fn answer(&self, request: &Request) -> Vec<u8> {
        match request {
            Request::Have(_) => {
                let proofs = self.proofs();
                let known = proofs.known();
                if known.is_full() { Response::Whole.to_bytes() } else { Response::Some(&known.to_bytes()).to_bytes() }
            }
            Request::Chunk(_, index) => match self.give(*index) {
                Some((path, chunk)) => {
                    self.served.fetch_add(1, Ordering::Relaxed);
                    Response::Chunk { path, bytes: &chunk }.to_bytes()
                }
                None => Response::NotHere.to_bytes(),
            },
        }
    }
}

/// The path with something behind its name.
pub(super) fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A file to write to. What comes of a private share, only its owner may read.
fn open_file(path: &Path, private: bool) -> Result<File, ContentError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options.open(path).map_err(ContentError::io(path))
}
