//! The data key and what is derived from it (spec: `docs/spec/ledger.md` §2).

use crate::store::{KeySlot, Space, Tag};
use crate::{Body, LedgerError, TransferId};
use pumasi_crypto::fernet::FernetKey;
use pumasi_crypto::hash::{Digest, hkdf_sha256, hmac_sha256};
use pumasi_crypto::password::{PBKDF2_ROUNDS, Password};
use pumasi_crypto::{CryptoError, Provider};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use zeroize::Zeroizing;

/// The keys of an open ledger: one for each use, so that no token can stand in another's place. Wiped when dropped.
pub(crate) struct Keys {
    data: FernetKey,
    pub(crate) entry: FernetKey,
    pub(crate) cell: FernetKey,
    pub(crate) head: FernetKey,
    tag: Zeroizing<[u8; 32]>,
    marker: Zeroizing<[u8; 32]>,
    backup: Zeroizing<[u8; 32]>,
}

fn derived(data: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    hkdf_sha256(b"pumasi-ledger-v1", data, purpose.as_bytes(), out.as_mut());
    out
}

/// Random bytes.
pub(crate) fn random<const N: usize>(provider: &impl Provider) -> Result<[u8; N], CryptoError> {
    let mut out = [0; N];
    provider.random(&mut out)?;
    Ok(out)
}

/// Seals under a fresh random IV. The time in the token is the entry's own, in seconds.
pub(crate) fn seal(
    provider: &impl Provider,
    key: &FernetKey,
    plaintext: &[u8],
    at: Timestamp,
) -> Result<Vec<u8>, CryptoError> {
    Ok(key.seal(plaintext, at.0 / 1000, random(provider)?))
}

impl Keys {
    pub(crate) fn new(data: FernetKey) -> Self {
        let fernet = |purpose| FernetKey::from_bytes(*derived(data.expose(), purpose));
        let (entry, cell, head) = (fernet("entry"), fernet("cell"), fernet("head"));
        let tag = derived(data.expose(), "tag");
        let marker = derived(data.expose(), "marker");
        let backup = derived(data.expose(), "backup");
        Self { data, entry, cell, head, tag, marker, backup }
    }

    /// A fresh random data key.
    pub(crate) fn generate(provider: &impl Provider) -> Result<Self, CryptoError> {
        let data = Zeroizing::new(random::<32>(provider)?);
        Ok(Self::new(FernetKey::from_bytes(*data)))
    }

    /// Wraps the data key under a password.
    pub(crate) async fn wrap<P: Provider>(
        &self,
        provider: &P,
        id: u8,
        password: &Password,
        at: Timestamp,
    ) -> Result<KeySlot, LedgerError> {
        let salt = random(provider)?;
        let rounds = PBKDF2_ROUNDS;
        let key = FernetKey::from_bytes(*password.derive(provider, &salt, rounds).await?);
        let token = seal(provider, &key, self.data.expose(), at)?;
        Ok(KeySlot { id, salt, rounds, token })
    }

    /// Opens the first slot that the password opens, and tells its number.
    pub(crate) async fn unlock<P: Provider>(
        provider: &P,
        slots: &[KeySlot],
        password: &Password,
    ) -> Result<(u8, Self), LedgerError> {
        for slot in slots {
            let key = FernetKey::from_bytes(*password.derive(provider, &slot.salt, slot.rounds).await?);
            let Ok(data) = key.open(&slot.token) else { continue };
            let data = <[u8; 32]>::try_from(data.as_slice()).map(Zeroizing::new);
            let data = data.map_err(|_| CryptoError::Malformed("data key"))?;
            return Ok((slot.id, Self::new(FernetKey::from_bytes(*data))));
        }
        Err(LedgerError::WrongPassword)
    }

    /// The blind key of a cell.
    pub(crate) fn cell_key(&self, space: Space, key: &[u8]) -> Tag {
        self.blind(&[b"cell\0", &[space as u8], key])
    }

    /// What entries about a transfer are found by.
    pub(crate) fn transfer_tag(&self, id: &TransferId) -> Tag {
        self.blind(&[b"transfer\0", &id.0])
    }

    /// What entries about a person are found by.
    pub(crate) fn peer_tag(&self, peer: &Did) -> Tag {
        self.blind(&[b"peer\0", peer.public()])
    }

    /// What no second entry may hold: a transfer goes out, comes in, is settled and countersigned once.
    pub(crate) fn once_tag(&self, body: &Body) -> Option<Tag> {
        let id = body.transfer()?;
        Some(self.blind(&[b"once\0", body.kind().as_bytes(), b"\0", &id.0]))
    }

    /// Authenticates a head marker.
    pub(crate) fn marker_mac(&self, bytes: &[u8]) -> Digest {
        hmac_sha256(&*self.marker, &[bytes])
    }

    /// Authenticates a backup.
    pub(crate) fn backup_mac(&self, digest: &Digest) -> Digest {
        hmac_sha256(&*self.backup, &[&digest.0])
    }

    fn blind(&self, parts: &[&[u8]]) -> Tag {
        let mac = hmac_sha256(&*self.tag, parts);
        Tag(mac.0[..16].try_into().expect("half of 32 bytes"))
    }
}
