//! Who may call: the cookie, `rpcuser` and `rpcpassword`, and `rpcauth` lines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::conf::Args;

/// The user of the cookie.
const COOKIE_USER: &str = "__cookie__";

/// One user whose password is known by its hash: `user:salt$hmac`.
#[derive(Debug, Clone)]
struct Credential {
    user: String,
    salt: String,
    hash: String,
}

/// All users, and which methods each may call.
#[derive(Debug, Default)]
pub(super) struct Auth {
    credentials: Vec<Credential>,
    /// `user:method,method`; a user may stand in several lines, and may call what all of them allow.
    whitelist: Vec<(String, Vec<String>)>,
    whitelist_default: bool,
}

impl Auth {
    /// Reads the users from the options.
    ///
    /// # Errors
    /// An `rpcauth` line that cannot be read.
    pub(super) fn new(args: &Args, cookie: Option<&str>) -> Result<Self, String> {
        let mut auth = Self::default();
        if let Some(password) = cookie {
            auth.add(COOKIE_USER, password);
        }
        if let Some(password) = args.text("rpcpassword").filter(|text| !text.is_empty()) {
            auth.add(args.text("rpcuser").unwrap_or_default(), password);
        }
        for line in args.all("rpcauth") {
            let parts = line.split_once(':').and_then(|(user, rest)| Some((user, rest.split_once('$')?)));
            let Some((user, (salt, hash))) = parts.filter(|(_, (_, hash))| !hash.contains(['$', ':'])) else {
                return Err("Invalid -rpcauth argument.".to_owned());
            };
            auth.credentials.push(Credential { user: user.into(), salt: salt.into(), hash: hash.into() });
        }
        for line in args.all("rpcwhitelist") {
            let (user, methods) = line.split_once(':').unwrap_or((line, ""));
            let methods = methods.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            auth.whitelist.push((user.to_owned(), methods));
        }
        auth.whitelist_default = args.flag("rpcwhitelistdefault", !auth.whitelist.is_empty());
        Ok(auth)
    }

    fn add(&mut self, user: &str, password: &str) {
        let salt = random_hex::<16>();
        let hash = password_hash(&salt, password);
        self.credentials.push(Credential { user: user.to_owned(), salt, hash });
    }

    /// The user of an `Authorization` header, if it is one of ours.
    pub(super) fn user(&self, header: &str) -> Option<String> {
        let encoded = header.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        let known = self.credentials.iter().any(|credential| {
            bool::from(credential.user.as_bytes().ct_eq(user.as_bytes()))
                && bool::from(credential.hash.as_bytes().ct_eq(password_hash(&credential.salt, password).as_bytes()))
        });
        known.then(|| user.to_owned())
    }

    /// Whether the user may call the method.
    pub(super) fn may_call(&self, user: &str, method: &str) -> bool {
        let mut listed = false;
        for (_, methods) in self.whitelist.iter().filter(|(name, _)| name == user) {
            listed = true;
            if !methods.iter().any(|name| name == method) {
                return false;
            }
        }
        listed || !self.whitelist_default
    }
}

fn password_hash(salt: &str, password: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(password.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    hex::encode(bytes)
}

/// The file with the password of this run; removed when dropped.
#[derive(Debug)]
pub(super) struct Cookie {
    path: PathBuf,
    pub(super) password: String,
}

impl Cookie {
    /// Writes a new password where only we and our owner can read it: first aside, then renamed, so that a reader
    /// never sees half of it.
    pub(super) fn write(path: &Path, permissions: Option<&str>) -> io::Result<Self> {
        let password = random_hex::<32>();
        let mut aside = path.as_os_str().to_owned();
        aside.push(".tmp");
        let aside = PathBuf::from(aside);
        let _ = fs::remove_file(&aside);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(match permissions {
                Some("group") => 0o640,
                Some("all") => 0o644,
                _ => 0o600,
            });
        }
        #[cfg(not(unix))]
        let _ = permissions;
        io::Write::write_all(&mut options.open(&aside)?, format!("{COOKIE_USER}:{password}").as_bytes())?;
        fs::rename(&aside, path)?;
        Ok(Self { path: path.to_owned(), password })
    }
}

impl Drop for Cookie {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    fn args(list: &[&str]) -> Args {
        Args::parse(&list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn users_are_known_by_cookie_password_or_hash() {
        // A line made with Bitcoin Core's share/rpcauth/rpcauth.py.
        let line = "-rpcauth=rt:93648e835a54c573682c2eb19f882535$7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144";
        let auth = Auth::new(&args(&[line, "-rpcuser=alice", "-rpcpassword=secret"]), Some("crumbs")).unwrap();
        assert_eq!(auth.user(&basic("__cookie__:crumbs")).as_deref(), Some("__cookie__"));
        assert_eq!(auth.user(&basic("alice:secret")).as_deref(), Some("alice"));
        let known = auth.user(&basic("rt:cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM="));
        assert_eq!(known.as_deref(), Some("rt"));
        for wrong in ["alice:wrong", "alice", ":", "rt:", "bob:secret"] {
            assert_eq!(auth.user(&basic(wrong)), None, "{wrong}");
        }
        assert!(Auth::new(&args(&["-rpcauth=nonsense"]), None).is_err());
    }

    #[test]
    fn a_whitelist_closes_the_rest() {
        let auth = Auth::new(&args(&["-rpcwhitelist=alice:getblockcount,stop"]), None).unwrap();
        assert!(auth.may_call("alice", "stop") && !auth.may_call("alice", "help") && !auth.may_call("bob", "stop"));
        assert!(Auth::new(&args(&[]), None).unwrap().may_call("bob", "stop"));
    }

    #[test]
    fn the_cookie_is_there_while_it_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".cookie");
        let cookie = Cookie::write(&path, None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("__cookie__:{}", cookie.password));
        drop(cookie);
        assert!(!path.exists());
    }
}
