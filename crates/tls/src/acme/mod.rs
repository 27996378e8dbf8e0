//! Certificates from an authority that speaks ACME (RFC 8555), proven by TLS-ALPN-01 (RFC 8737): the authority connects to
//! port 443 of the host and looks at a certificate made for it, so no other port and no web folder is needed.

mod client;
mod order;

use crate::files::{make_folder, read_if_there};
use crate::keyring::{Keyring, certified, validity};
use crate::{TlsError, files};
use pumasi_crypto::hash::sha256;
use rustls::sign::CertifiedKey;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Its staging area, whose certificates nobody trusts: to try things out without using up its limits.
pub const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Most names in one certificate.
const MAX_DOMAINS: usize = 16;
/// The first pause after a failure, and the longest. Let's Encrypt allows five failures an hour: these are four.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(6 * 3_600));
/// By how much each pause is longer than the one before.
const PATIENCE: u32 = 5;
/// How often the time to renew is looked at.
const LOOK: Duration = Duration::from_secs(3_600);

/// How to get certificates by ACME. Using it means agreeing to the terms of the authority.
#[derive(Debug, Clone)]
pub struct AcmeOptions {
    /// The host names, each of which leads to this listener, at port 443 as the world sees it.
    pub domains: Vec<String>,
    /// Addresses that the authority may write to, such as `admin@shop.example`.
    pub contacts: Vec<String>,
    /// The address of the authority's directory; [`LETS_ENCRYPT`] for most.
    pub directory: String,
    /// PEM of an authority that vouches for the directory itself, when the system does not know it.
    pub roots: Vec<String>,
    /// Where the account and the certificate are kept.
    pub folder: PathBuf,
}

impl AcmeOptions {
    pub(crate) fn check(&self) -> Result<(), TlsError> {
        let bad = |field, reason: String| Err(TlsError::Option { field, reason });
        if self.domains.is_empty() || self.domains.len() > MAX_DOMAINS {
            return bad("acme", format!("{} domains; at least one, at most {MAX_DOMAINS}", self.domains.len()));
        }
        if let Some(domain) = self.domains.iter().find(|domain| !is_domain(domain)) {
            return bad("acme", format!("{domain:?} is not a domain in lower case, such as shop.example"));
        }
        if let Some(contact) = self.contacts.iter().find(|contact| !contact.contains('@') || contact.len() > 254) {
            return bad("acme contact", format!("{contact:?} is not a mail address"));
        }
        if !self.directory.starts_with("https://") {
            return bad("acme directory", "not an https address".to_owned());
        }
        Ok(())
    }

    /// A file whose name tells for what: another directory or other domains have other files.
    fn file(&self, what: &str) -> PathBuf {
        let mut domains = self.domains.clone();
        domains.sort_unstable();
        let of: &[&[u8]] = match what {
            "account" => &[self.directory.as_bytes()],
            _ => &[self.directory.as_bytes(), b"\0", &domains.join(",").into_bytes()],
        };
        let tag = hex::encode(&sha256(of).0[..4]);
        self.folder.join(format!("acme-{what}-{tag}.pem"))
    }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// The certificate that was kept, unless it has ended. Key and chain lie in one file, which is whole or absent.
pub(crate) fn kept(options: &AcmeOptions) -> Result<Option<CertifiedKey>, TlsError> {
    let path = options.file("certificate");
    let Some(pem) = read_if_there(&path)? else { return Ok(None) };
    let key = certified(&pem, &pem, &path, &path)?;
    let ended = validity(&key).is_none_or(|(_, end)| end <= now());
    Ok((!ended).then_some(key))
}

/// Gets a certificate when there is none, renews it when a third of its life is left, and puts it into use. Never ends.
pub(crate) async fn keep(keyring: Arc<Keyring>, options: AcmeOptions) {
    let mut pause = PAUSE.0;
    loop {
        let due = match kept(&options) {
            Ok(Some(key)) => validity(&key).is_none_or(|(start, end)| now() >= end - (end - start) / 3),
            Ok(None) => true,
            Err(error) => {
                tracing::warn!(%error, "the kept certificate cannot be used; a new one is asked for");
                true
            }
        };
        if !due {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let got = renew(&keyring, &options).await;
        keyring.clear_challenges();
        match got {
            Ok(()) => {
                tracing::info!("a new certificate is in use");
                pause = PAUSE.0;
            }
            Err(error) => {
                keyring.failed(error.to_string());
                tracing::error!(%error, again_in_s = pause.as_secs(), "no certificate; it will be tried again");
                tokio::time::sleep(pause).await;
                pause = (pause * PATIENCE).min(PAUSE.1);
            }
        }
    }
}

async fn renew(keyring: &Arc<Keyring>, options: &AcmeOptions) -> Result<(), TlsError> {
    make_folder(&options.folder)?;
    let pem = order::obtain(keyring, options).await?;
    let path = options.file("certificate");
    let key = certified(&pem, &pem, &path, &path)?;
    files::write(&path, &pem, true)?;
    keyring.use_key(key);
    Ok(())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> AcmeOptions {
        AcmeOptions {
            domains: vec!["shop.example".into()],
            contacts: vec!["admin@shop.example".into()],
            directory: LETS_ENCRYPT.into(),
            roots: Vec::new(),
            folder: "unused".into(),
        }
    }

    #[test]
    fn what_an_authority_would_refuse_is_refused_here_first() {
        assert!(options().check().is_ok());
        for domain in ["", "localhost", "Shop.example", "*.example", "shop..example", "192.0.2.1:443", "상점.example"]
        {
            let error = AcmeOptions { domains: vec![domain.into()], ..options() }.check().unwrap_err();
            assert!(error.to_string().starts_with("acme: "), "{domain}: {error}");
        }
        assert!(AcmeOptions { domains: Vec::new(), ..options() }.check().is_err());
        assert!(AcmeOptions { contacts: vec!["admin".into()], ..options() }.check().is_err());
        assert!(AcmeOptions { directory: "http://127.0.0.1".into(), ..options() }.check().is_err());
    }

    #[test]
    fn files_of_other_domains_and_directories_do_not_meet() {
        let one = options();
        let other = AcmeOptions { domains: vec!["other.example".into()], ..options() };
        let staging = AcmeOptions { directory: LETS_ENCRYPT_STAGING.into(), ..options() };
        assert_ne!(one.file("certificate"), other.file("certificate"));
        assert_eq!(one.file("account"), other.file("account"));
        assert_ne!(one.file("account"), staging.file("account"));
    }
}
