//! API tokens: who has one may hand in offers. `pumasi token` issues, lists and revokes them; a running endpoint reads the
//! file again when it has changed.
//!
//! A token is `pumasi_`, eight hexadecimal digits by which it is found, `_`, and 32 random bytes in base64url. The file
//! holds the SHA-256 of those bytes: from 256 random bits nothing can be guessed back, so no slow hash is needed.

use pumasi_crypto::b64;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The most tokens of one endpoint.
pub const MAX_TOKENS: usize = 256;
/// Longest name of a token, in characters.
pub const MAX_TOKEN_NAME: usize = 64;
/// Random bytes that issuing takes: four for the id, 32 for the secret.
pub const RANDOM: usize = 36;

const PREFIX: &str = "pumasi_";
const VERSION: u8 = 1;
const MAX_FILE: u64 = 128 * 1_024;
/// How old the knowledge of the file may be: a revoked token works no longer than this.
const LOOK: Duration = Duration::from_secs(1);

/// A token that was issued, without what makes it one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// Eight hexadecimal digits, which are also in the token.
    pub id: String,
    /// What the owner of the endpoint calls it.
    pub name: String,
    /// SHA-256 of its 32 random bytes.
    pub hash: Digest,
    /// When it was issued.
    pub created: Timestamp,
    /// From when on it opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    v: u8,
    tokens: Vec<Issued>,
}

/// Why tokens cannot be issued, listed or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not one of tokens.
    #[error("{}: not a file of tokens, version {VERSION}", .0.display())]
    File(PathBuf),
    /// A name that is empty, too long, or in use.
    #[error("name: {0}")]
    Name(String),
    /// An end that has passed.
    #[error("expires: it is over already")]
    Expires,
    /// There are enough.
    #[error("{MAX_TOKENS} tokens are issued, which is the limit; revoke one first")]
    Full,
    /// Nothing is called so.
    #[error("no token has the name or id {0:?}")]
    Unknown(String),
}

/// The file of tokens in an identity's folder.
#[derive(Debug, Clone)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// The file of this identity's folder, whether it is there or not.
    #[must_use]
    pub fn in_folder(home: &Path) -> Self {
        Self { path: home.join("tokens.json") }
    }

    /// Issues a token. What is returned beside is the token itself: it is kept nowhere and can be shown once.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn issue(
        &self,
        name: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
        random: &Zeroizing<[u8; RANDOM]>,
    ) -> Result<(Issued, Zeroizing<String>), TokenError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_TOKEN_NAME || name.chars().any(char::is_control) {
            return Err(TokenError::Name(format!("1 to {MAX_TOKEN_NAME} characters, no control characters")));
        }
        if expires.is_some_and(|expires| expires <= now) {
            return Err(TokenError::Expires);
        }
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        tokens.retain(|token| token.expires.is_none_or(|expires| expires > now));
        if tokens.iter().any(|token| token.name == name) {
            return Err(TokenError::Name(format!("{name:?} is in use; revoke that one first, or choose another")));
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(TokenError::Full);
        }
        let (id, secret) = random.split_at(4);
        let id = hex::encode(id);
        let issued = Issued { id: id.clone(), name: name.to_owned(), hash: sha256(&[secret]), created: now, expires };
        let secret = Zeroizing::new(b64::encode(secret));
        let text = Zeroizing::new([PREFIX, &id, "_", &secret].concat());
        // Two with one id would hide each other; with 32 random bits and 256 tokens that is not expected in a lifetime.
        tokens.retain(|token| token.id != id);
        tokens.push(issued.clone());
        self.write(tokens)?;
        Ok((issued, text))
    }

    /// Every token that was issued and not revoked, the oldest first; none when there is no file.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::File`].
    pub fn list(&self) -> Result<Vec<Issued>, TokenError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.io(source)),
        };
        let mut text = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|source| self.io(source))?;
        let read = (text.len() as u64 <= MAX_FILE).then(|| serde_json::from_slice::<Document>(&text).ok()).flatten();
        let document = read.filter(|read| read.v == VERSION && read.tokens.len() <= MAX_TOKENS);
        Ok(document.ok_or_else(|| TokenError::File(self.path.clone()))?.tokens)
    }

    /// Revokes the token with this name or id.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], and those of the file.
    pub fn revoke(&self, name_or_id: &str) -> Result<Issued, TokenError> {
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        let at = tokens
            .iter()
            .position(|token| token.name == name_or_id)
            .or_else(|| tokens.iter().position(|token| token.id == name_or_id))
            .ok_or_else(|| TokenError::Unknown(name_or_id.to_owned()))?;
        let revoked = tokens.remove(at);
        self.write(tokens)?;
        Ok(revoked)
    }

    /// Two commands at once would each write what the other does not know of.
    fn lock(&self) -> Result<File, TokenError> {
        let file = private(&self.path.with_extension("lock")).map_err(|source| self.io(source))?;
        file.lock().map_err(|source| self.io(source))?;
        Ok(file)
    }

    fn write(&self, tokens: Vec<Issued>) -> Result<(), TokenError> {
        let text = serde_json::to_vec_pretty(&Document { v: VERSION, tokens }).expect("texts and numbers");
        let beside = self.path.with_extension("new");
        let written = || -> io::Result<()> {
            let mut file = private(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        };
        written().map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> TokenError {
        TokenError::Io { path: self.path.clone(), source }
    }
}

/// Makes a file, or empties it, that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Why a request has no access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAccess {
    /// No `Authorization` header.
    #[error("this endpoint wants an API token: send `Authorization: Bearer pumasi_…`; its owner issues them")]
    Missing,
    /// Something in it that is no token.
    #[error("the Authorization header holds no API token; it is `Bearer pumasi_`, 8 digits, `_`, 43 characters")]
    Malformed,
    /// A token that was not issued here, or was revoked.
    #[error("this API token is not known here, or was revoked; ask the owner of the endpoint for another")]
    Unknown,
    /// Its time is over.
    #[error("this API token has expired; ask the owner of the endpoint for another")]
    Expired,
    /// The file cannot be read: then nobody has access.
    #[error("the endpoint cannot read its API tokens; nobody has access until its owner has mended that")]
    Unreadable,
}

/// What tells that the file has changed.
type Stamp = Option<(SystemTime, u64)>;

struct Known {
    looked: Option<Instant>,
    stamp: Stamp,
    /// `None` when the file cannot be read.
    tokens: Option<Vec<Issued>>,
}

/// The tokens as a running endpoint knows them.
pub struct Tokens {
    file: TokenFile,
    known: Mutex<Known>,
}

impl Tokens {
    /// Follows a file.
    #[must_use]
    pub fn new(file: TokenFile) -> Self {
        Self { file, known: Mutex::new(Known { looked: None, stamp: None, tokens: None }) }
    }

    /// Whether the value of an `Authorization` header opens the endpoint. Reads the file, at most once a second and only
    /// when it has changed.
    ///
    /// # Errors
    /// [`NoAccess`], which says what is missing.
    pub fn check(&self, authorization: Option<&str>, now: Timestamp) -> Result<(), NoAccess> {
        let header = authorization.ok_or(NoAccess::Missing)?;
        let (scheme, text) = header.trim().split_once(' ').ok_or(NoAccess::Malformed)?;
        let (id, secret) =
            text.trim().strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(NoAccess::Malformed)?;
        let secret = b64::decode("token", secret).map_err(|_| NoAccess::Malformed)?;
        let secret = Zeroizing::new(secret);
        if !scheme.eq_ignore_ascii_case("bearer") || id.len() != 8 || secret.len() != 32 {
            return Err(NoAccess::Malformed);
        }
        let hash = sha256(&[&secret]);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut known);
        let tokens = known.tokens.as_ref().ok_or(NoAccess::Unreadable)?;
        let token = tokens.iter().find(|token| token.id == id).ok_or(NoAccess::Unknown)?;
        if !bool::from(token.hash.0.ct_eq(&hash.0)) {
            return Err(NoAccess::Unknown);
        }
        if token.expires.is_some_and(|expires| expires <= now) { Err(NoAccess::Expired) } else { Ok(()) }
    }

    fn look(&self, known: &mut Known) {
        if known.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        let stamp = fs::metadata(&self.file.path).ok().and_then(|data| Some((data.modified().ok()?, data.len())));
        if known.looked.is_none() || stamp != known.stamp || known.tokens.is_none() {
            known.tokens = match self.file.list() {
                Ok(tokens) => Some(tokens),
                Err(error) => {
                    tracing::error!(%error, "the API tokens cannot be read: nobody has access");
                    None
                }
            };
            known.stamp = stamp;
        }
        known.looked = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn random(byte: u8) -> Zeroizing<[u8; RANDOM]> {
        Zeroizing::new([byte; RANDOM])
    }

    #[test]
    fn a_token_opens_until_it_is_revoked_or_expires_and_its_secret_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::in_folder(folder.path());
        let (issued, text) = file.issue("shop page", Some(NOW + 1_000), NOW, &random(7)).unwrap();
        let header = format!("Bearer {}", *text);
        let check = |header: Option<&str>, now| Tokens::new(file.clone()).check(header, now);

        assert_eq!(check(Some(&header), NOW), Ok(()));
        assert_eq!(check(Some(&header.replace("Bearer", "bearer")), NOW), Ok(()));
        assert_eq!(check(None, NOW), Err(NoAccess::Missing));
        assert_eq!(check(Some("Basic abc"), NOW), Err(NoAccess::Malformed));
        assert_eq!(check(Some(&header[..header.len() - 1]), NOW), Err(NoAccess::Malformed));
        assert_eq!(check(Some(&header), NOW + 1_000), Err(NoAccess::Expired));
        let other = format!("Bearer pumasi_{}_{}", issued.id, b64::encode([8; 32]));
        assert_eq!(check(Some(&other), NOW), Err(NoAccess::Unknown));
        let stored = fs::read_to_string(&file.path).unwrap();
        assert!(!stored.contains(&b64::encode([7; 32])) && !stored.contains(&hex::encode([7; 32])), "{stored}");

        assert_eq!(file.revoke("shop page").unwrap(), issued);
        assert_eq!(check(Some(&header), NOW), Err(NoAccess::Unknown));
        assert!(matches!(file.revoke("shop page"), Err(TokenError::Unknown(_))));
    }

    #[test]
    fn a_running_endpoint_sees_what_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::in_folder(folder.path());
        let tokens = Tokens::new(file.clone());
        let (issued, text) = file.issue("one", None, NOW, &random(1)).unwrap();
        let header = format!("Bearer {}", *text);
        assert_eq!(tokens.check(Some(&header), NOW), Ok(()));
        file.revoke(&issued.id).unwrap();
        tokens.known.lock().unwrap().looked = Instant::now().checked_sub(LOOK);
        assert_eq!(tokens.check(Some(&header), NOW), Err(NoAccess::Unknown));
        fs::write(&file.path, "{").unwrap();
        tokens.known.lock().unwrap().looked = Instant::now().checked_sub(LOOK);
        assert_eq!(tokens.check(Some(&header), NOW), Err(NoAccess::Unreadable));
    }

    #[test]
    fn names_are_single_and_bounded_and_so_is_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::in_folder(folder.path());
        file.issue("one", None, NOW, &random(1)).unwrap();
        for name in ["", " ", "one", " one ", "a\nb", &"a".repeat(MAX_TOKEN_NAME + 1)] {
            assert!(matches!(file.issue(name, None, NOW, &random(2)), Err(TokenError::Name(_))), "{name:?}");
        }
        assert!(matches!(file.issue("late", Some(NOW), NOW, &random(2)), Err(TokenError::Expires)));
        let tokens = (0..MAX_TOKENS).map(|at| Issued {
            id: format!("{at:08x}"),
            name: at.to_string(),
            hash: Digest([0; 32]),
            created: NOW,
            expires: None,
        });
        file.write(tokens.collect()).unwrap();
        assert!(matches!(file.issue("more", None, NOW, &random(3)), Err(TokenError::Full)));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::in_folder(folder.path());
        file.issue("one", None, NOW, &random(1)).unwrap();
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
