use crate::TlsError;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, crypto};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The protocol of a TLS-ALPN-01 challenge (RFC 8737).
pub(crate) const ACME_PROTOCOL: &[u8] = b"acme-tls/1";
const HTTP_PROTOCOL: &[u8] = b"http/1.1";

/// The cryptography of every listener: aws-lc-rs, named rather than found, since two are linked into one program.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::aws_lc_rs::default_provider())
}

/// The certificate in use, and those that answer a challenge of an authority.
#[derive(Debug)]
pub(crate) struct Keyring {
    current: RwLock<Option<Arc<CertifiedKey>>>,
    challenges: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
    ready: watch::Sender<bool>,
    /// Why there is no certificate yet, or no newer one.
    failure: Mutex<Option<String>>,
}

impl Keyring {
    pub(crate) fn new() -> Arc<Self> {
        let ready = watch::Sender::new(false);
        Arc::new(Self { current: RwLock::default(), challenges: Mutex::default(), ready, failure: Mutex::default() })
    }

    /// Connections from now on get this certificate.
    pub(crate) fn use_key(&self, key: CertifiedKey) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(key));
        self.ready.send_replace(true);
    }

    /// Notes why a certificate could not be got.
    pub(crate) fn failed(&self, why: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// The last [`failed`](Self::failed).
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Turns true with the first certificate.
    pub(crate) fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    pub(crate) fn set_challenge(&self, name: &str, key: CertifiedKey) {
        let mut challenges = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
        challenges.insert(name.to_owned(), Arc::new(key));
    }

    pub(crate) fn clear_challenges(&self) {
        self.challenges.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The configuration of a listener that takes its certificates from here.
    pub(crate) fn config(self: &Arc<Self>, acme: bool) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_PROTOCOL.to_vec()];
        if acme {
            config.alpn_protocols.push(ACME_PROTOCOL.to_vec());
        }
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Keyring {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == ACME_PROTOCOL)) {
            let challenges = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
            return challenges.get(hello.server_name()?).cloned();
        }
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes a certificate chain and its key from PEM. `path` is named when something is wrong.
pub(crate) fn certified(
    chain: &[u8],
    key: &[u8],
    chain_path: &Path,
    key_path: &Path,
) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::file(chain_path, format!("not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(TlsError::file(chain_path, "no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| TlsError::file(key_path, "no private key in it: PKCS#8, SEC1 or PKCS#1, as PEM, not encrypted"))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::file(key_path, "not the key of this certificate"),
        other => TlsError::file(chain_path, other),
    })
}

/// When the first certificate of a chain begins and ends, in seconds since the epoch.
pub(crate) fn validity(key: &CertifiedKey) -> Option<(i64, i64)> {
    let leaf = key.cert.first()?;
    let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
    Some((leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp()))
}
