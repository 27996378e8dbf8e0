//! One order, from the account to the chain.

use super::AcmeOptions;
use super::client::Fetch;
use crate::TlsError;
use crate::files::{read_if_there, write};
use crate::keyring::{Keyring, provider};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use pumasi_fetch::{Client, Options};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long the authority may take to check, and to issue.
const PATIENCE: Duration = Duration::from_secs(120);
/// For one request.
const REQUEST: Duration = Duration::from_secs(30);

/// A key and its chain, in PEM.
pub(super) async fn obtain(keyring: &Arc<Keyring>, options: &AcmeOptions) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let account = account(options).await?;
    let names: Vec<Identifier> = options.domains.iter().map(|domain| Identifier::Dns(domain.clone())).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(acme)?;

    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(acme)?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization
            .challenge(ChallengeType::TlsAlpn01)
            .ok_or_else(|| TlsError::Acme("the authority does not offer TLS-ALPN-01".to_owned()))?;
        let name = challenge.identifier().to_string();
        let proof = challenge.key_authorization();
        keyring.set_challenge(&name, challenge_certificate(&name, proof.digest().as_ref())?);
        challenge.set_ready().await.map_err(acme)?;
    }

    let patience = RetryPolicy::new().timeout(PATIENCE);
    let status = order.poll_ready(&patience).await.map_err(acme)?;
    if status != OrderStatus::Ready {
        let why = order.state().error.as_ref().map(ToString::to_string);
        let why = why.unwrap_or_else(|| "the authority could not see this host at port 443".to_owned());
        return Err(TlsError::Acme(format!("not authorised: {why}")));
    }
    let key = KeyPair::generate()?;
    let request = CertificateParams::new(options.domains.clone())?.serialize_request(&key)?;
    order.finalize_csr(request.der()).await.map_err(acme)?;
    let chain = order.poll_certificate(&patience).await.map_err(acme)?;
    let mut pem = Zeroizing::new(key.serialize_pem().into_bytes());
    pem.extend_from_slice(chain.as_bytes());
    Ok(pem)
}

/// The account of earlier, or a new one.
async fn account(options: &AcmeOptions) -> Result<Account, TlsError> {
    let client = Client::new(Options { timeout: REQUEST, roots: options.roots.clone() });
    let client = client.map_err(|error| TlsError::Acme(error.to_string()))?;
    let builder = Account::builder_with_http(Box::new(Fetch(client)));
    let path = options.file("account");
    if let Some(kept) = read_if_there(&path)? {
        let credentials: AccountCredentials =
            serde_json::from_slice(&kept).map_err(|_| TlsError::file(&path, "not the account of an authority"))?;
        return builder.from_credentials(credentials).await.map_err(acme);
    }
    let contacts: Vec<String> = options.contacts.iter().map(|contact| format!("mailto:{contact}")).collect();
    let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&new, options.directory.clone(), None).await.map_err(acme)?;
    let kept = Zeroizing::new(serde_json::to_vec(&credentials).map_err(|error| TlsError::file(&path, error))?);
    write(&path, &kept, true)?;
    Ok(account)
}

/// The certificate that proves to the authority who runs this host (RFC 8737 §3).
fn challenge_certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, TlsError> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not `from_der`, which refuses the critical extension that makes it a proof.
    let key = provider().key_provider.load_private_key(key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

fn acme(error: instant_acme::Error) -> TlsError {
    TlsError::Acme(error.to_string())
}
