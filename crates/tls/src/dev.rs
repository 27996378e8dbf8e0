//! An authority of one's own, for one machine: what `pumasi tls dev` makes, so that a browser on this machine can be told
//! to trust the pages and endpoints that run on it.
//!
//! Its certificate says that it speaks for the named hosts only (RFC 5280 §4.2.1.10), so that whoever steals its key
//! cannot pose as a bank to those who trust it.

use crate::TlsError;
use crate::files::{make_folder, read, read_if_there, write};
use pumasi_crypto::hash::sha256;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

/// Most hosts beside those of loopback.
pub const MAX_HOSTS: usize = 32;
/// How long the authority lasts.
const AUTHORITY_LIFE: Duration = Duration::days(10 * 365);
/// How long a certificate lasts: browsers refuse more than 398 days.
const LEAF_LIFE: Duration = Duration::days(397);
/// An authority that ends before its certificate would is made anew.
const AUTHORITY_REST: Duration = LEAF_LIFE;
/// For clocks that differ.
const EARLIER: Duration = Duration::hours(1);

/// What was made, and where.
#[derive(Debug, Clone)]
pub struct Made {
    /// The authority's certificate: what browsers and programs are told to trust.
    pub authority: PathBuf,
    /// The certificate that a listener uses.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whom the certificate speaks for.
    pub hosts: Vec<String>,
    /// SHA-256 of the authority's certificate, in hexadecimal, as trust stores show it.
    pub fingerprint: String,
    /// Whether the authority is a new one, to be trusted anew.
    pub new_authority: bool,
    /// When the certificate ends.
    pub expires: OffsetDateTime,
}

/// Makes a certificate for loopback and for `hosts`, by the authority in `folder`. That one is made when there is none, or
/// when it may not speak for one of the hosts; hosts of an earlier call stay.
///
/// # Errors
/// [`TlsError::Option`] for a host that is neither a name nor an address, or one too many; [`TlsError::Io`],
/// [`TlsError::File`] for what lies in the folder.
pub fn make(folder: &Path, hosts: &[String], now: OffsetDateTime) -> Result<Made, TlsError> {
    let wanted = hosts.iter().map(|host| parse_host(host)).collect::<Result<BTreeSet<_>, _>>()?;
    make_folder(folder)?;
    let [authority_path, authority_key] = ["authority.pem", "authority.key"].map(|name| folder.join(name));
    let [chain, key] = ["localhost.pem", "localhost.key"].map(|name| folder.join(name));

    let old = Authority::read(&authority_path, &authority_key)?;
    let mut hosts = old.as_ref().map(|old| old.hosts.clone()).unwrap_or_default();
    hosts.extend(wanted);
    hosts.extend(Host::loopback());
    if hosts.len() > MAX_HOSTS + Host::loopback().len() {
        let reason = format!("{} with those of before; the limit is {MAX_HOSTS}", hosts.len() - Host::loopback().len());
        return Err(TlsError::Option { field: "host", reason });
    }
    let kept = old.filter(|old| old.hosts == hosts && old.expires - now > AUTHORITY_REST);
    let new_authority = kept.is_none();
    let authority = match kept {
        Some(authority) => authority,
        None => {
            Authority::make(&hosts, now, &authority_path, &authority_key)?;
            let unreadable = || TlsError::file(&authority_path, "gone as soon as written");
            Authority::read(&authority_path, &authority_key)?.ok_or_else(unreadable)?
        }
    };

    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut leaf = CertificateParams::new(hosts.clone())?;
    leaf.not_before = now - EARLIER;
    leaf.not_after = now + LEAF_LIFE;
    leaf.distinguished_name.push(DnType::CommonName, "Pumasi on this machine");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate()?;
    let made = leaf.signed_by(&leaf_key, &authority.issuer)?;
    write(&key, Zeroizing::new(leaf_key.serialize_pem()).as_bytes(), true)?;
    write(&chain, made.pem().as_bytes(), false)?;
    Ok(Made {
        authority: authority_path,
        chain,
        key,
        hosts,
        fingerprint: authority.fingerprint,
        new_authority,
        expires: leaf.not_after,
    })
}

/// The certificate that [`make`] left in `folder`, if one is there.
#[must_use]
pub fn find(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let [chain, key] = ["localhost.pem", "localhost.key"].map(|name| folder.join(name));
    (chain.is_file() && key.is_file()).then_some((chain, key))
}

/// Whom a certificate speaks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    fn loopback() -> [Self; 3] {
        [
            Self::Name("localhost".to_owned()),
            Self::Address(Ipv4Addr::LOCALHOST.into()),
            Self::Address(Ipv6Addr::LOCALHOST.into()),
        ]
    }

    fn subtree(&self) -> GeneralSubtree {
        match self {
            Self::Name(name) => GeneralSubtree::DnsName(name.clone()),
            Self::Address(IpAddr::V4(v4)) => GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(v4.octets(), 32)),
            Self::Address(IpAddr::V6(v6)) => GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(v6.octets(), 128)),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

fn parse_host(text: &str) -> Result<Host, TlsError> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(Host::Address(address));
    }
    let name = text.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if name.len() > 253 || !name.split('.').all(label) {
        let reason = format!("{text:?} is neither a host name nor an address");
        return Err(TlsError::Option { field: "host", reason });
    }
    Ok(Host::Name(name))
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    hosts: BTreeSet<Host>,
    expires: OffsetDateTime,
    fingerprint: String,
}

impl Authority {
    fn make(hosts: &BTreeSet<Host>, now: OffsetDateTime, path: &Path, key_path: &Path) -> Result<(), TlsError> {
        let mut params = CertificateParams::default();
        params.not_before = now - EARLIER;
        params.not_after = now + AUTHORITY_LIFE;
        params.distinguished_name.push(DnType::CommonName, "Pumasi development authority of this machine");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: hosts.iter().map(Host::subtree).collect(),
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        write(key_path, Zeroizing::new(key.serialize_pem()).as_bytes(), true)?;
        write(path, certificate.pem().as_bytes(), false)
    }

    /// The authority that is there; `None` when there is none.
    fn read(path: &Path, key_path: &Path) -> Result<Option<Self>, TlsError> {
        let Some(pem) = read_if_there(path)? else { return Ok(None) };
        let key = read(key_path)?;
        let bad = |what: &str| TlsError::file(path, format!("not an authority made here: {what}"));
        let key = std::str::from_utf8(&key).map_err(|_| TlsError::file(key_path, "not PEM"))?;
        let key = KeyPair::from_pem(key).map_err(|error| TlsError::file(key_path, error))?;
        let der = CertificateDer::from_pem_slice(&pem).map_err(|_| bad("not PEM"))?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| bad("not a certificate"))?;
        if certificate.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(TlsError::file(key_path, "not the key of this authority"));
        }
        let named = certificate.name_constraints().ok().flatten().ok_or_else(|| bad("it may speak for anybody"))?;
        let hosts = named.value.permitted_subtrees.iter().flatten().filter_map(|subtree| match &subtree.base {
            GeneralName::DNSName(name) => Some(Host::Name((*name).to_owned())),
            // An address and its mask.
            GeneralName::IPAddress(bytes) => match bytes.len() {
                8 => Some(Host::Address(<[u8; 4]>::try_from(&bytes[..4]).ok()?.into())),
                32 => Some(Host::Address(<[u8; 16]>::try_from(&bytes[..16]).ok()?.into())),
                _ => None,
            },
            _ => None,
        });
        let hosts = hosts.collect();
        let expires = certificate.validity().not_after.to_datetime();
        let fingerprint = hex::encode(sha256(&[&der]).0);
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|error| TlsError::file(path, error))?;
        Ok(Some(Self { issuer, hosts, expires, fingerprint }))
    }
}
