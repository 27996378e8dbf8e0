//! How a listener of HTTPS gets its certificate: the same words for every command that listens.

use crate::context::{Context, default_home};
use anyhow::Context as _;
use clap::Args;
use pumasi_tls::{AcmeOptions, Identity, LETS_ENCRYPT, Options, Running, TlsError, dev};
use pumasi_words::{Exit, Https};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long the first certificate of an ACME authority may take before that is said.
const FIRST_CERTIFICATE: Duration = Duration::from_secs(90);
/// Largest file of an authority's certificates, in bytes.
const MAX_ROOTS: u64 = 256 * 1_024;

/// The certificate of a listener.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Tls {
    /// The certificate, and those between it and its authority, as PEM; read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with_all = ["acme", "tls_dev"])]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Get and renew a certificate for this domain by ACME, which means to agree to the authority's terms; may be given
    /// several times. Port 443 of the domain has to lead here.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "tls_dev")]
    pub(crate) acme: Vec<String>,
    /// A mail address that the authority may write to; may be given several times.
    #[arg(long, value_name = "MAIL", requires = "acme")]
    pub(crate) acme_contact: Vec<String>,
    /// The directory of the authority, instead of Let's Encrypt's.
    #[arg(long, value_name = "URL", requires = "acme")]
    pub(crate) acme_directory: Option<String>,
    /// A certificate to trust in asking that directory, as PEM.
    #[arg(long, value_name = "FILE", requires = "acme")]
    pub(crate) acme_root: Option<PathBuf>,
    /// Use the certificate that `pumasi tls dev` makes, on this machine only.
    #[arg(long)]
    pub(crate) tls_dev: bool,
    /// A proxy near by does the TLS, and names the client in X-Forwarded-For.
    #[arg(long)]
    pub(crate) behind_proxy: bool,
    /// Where certificates are kept that this program makes or gets.
    #[arg(long, env = "PUMASI_TLS", value_name = "FOLDER")]
    pub(crate) tls_folder: Option<PathBuf>,
}

impl Tls {
    /// How to listen there.
    pub(crate) fn options(&self, listen: SocketAddr) -> anyhow::Result<Options> {
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => Some(Identity::Files { chain: chain.clone(), key: key.clone() }),
            _ if !self.acme.is_empty() => Some(Identity::Acme(AcmeOptions {
                domains: self.acme.clone(),
                contacts: self.acme_contact.clone(),
                directory: self.acme_directory.clone().unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
                roots: self.acme_root.iter().map(|file| read_roots(file)).collect::<Result<_, _>>()?,
                folder: folder(self.tls_folder.as_deref())?,
            })),
            _ if self.tls_dev => {
                let folder = folder(self.tls_folder.as_deref())?;
                let (chain, key) = match dev::find(&folder) {
                    Some(found) => found,
                    None => {
                        let made = dev::make(&folder, &[], SystemTime::now().into())?;
                        (made.chain, made.key)
                    }
                };
                Some(Identity::Files { chain, key })
            }
            _ => None,
        };
        Ok(Options { identity, behind_proxy: self.behind_proxy, ..Options::new(listen) })
    }

    /// Says that a first certificate is asked for, and waits for it. Without one, it goes on in the background.
    pub(crate) async fn wait(&self, context: &mut Context, running: &Running) {
        if self.acme.is_empty() {
            return;
        }
        let domains = self.acme.join(", ");
        let sentence = context.say(&Https::AskingCertificate { domains: &domains });
        context.ui.progress(sentence);
        match running.certified(FIRST_CERTIFICATE).await {
            Ok(()) => {
                let sentence = context.say(&Https::CertificateHere);
                context.ui.say(sentence);
            }
            Err(error) => context.ui.warn(error.to_string()),
        }
    }
}

/// Where certificates are kept.
pub(crate) fn folder(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named {
        Some(folder) => Ok(folder.to_owned()),
        None => Ok(default_home()?.join("tls")),
    }
}

fn read_roots(file: &Path) -> anyhow::Result<String> {
    let bytes = pumasi_agent::home::read_bounded(file, MAX_ROOTS).map_err(pumasi_agent::AgentError::from)?;
    let bytes = bytes.with_context(|| format!("{}: no such file", file.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{}: not PEM", file.display()))
}

/// The sentence and the exit code for a listener that does not listen.
pub(crate) fn tell(context: &Context, error: &TlsError) -> (Exit, String) {
    let sentence = match error {
        TlsError::PlainOutside { address } => context.say(&Https::PlainOutside { address: &address.to_string() }),
        other => other.to_string(),
    };
    (Exit::Failed, sentence)
}
