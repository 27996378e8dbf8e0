//! What the owner knows of others, and says of them.

use super::Wallet;
use crate::clock;
use crate::error::AgentError;
use pumasi_identity::{Did, SignedProfile};
use pumasi_ledger::store::{MAX_PAGE, Space};
use pumasi_ledger::{Body, Outcome, TransferId};
use pumasi_transfer::{ForkProof, RequestRecord};
use pumasi_trust::vouch::{MAX_LIFE, MIN_WORK};
use pumasi_trust::{Claim, Deed, Evidence, History, Lie, LieKind, ProvenLie, SignedVouch, Vouch, lie};
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// Where a proof of a lie is kept, in [`Space::Setting`], behind this.
const LIE: &[u8] = b"lie/";
/// Where the names of those who were shown to lie are kept, in [`Space::Setting`].
const LIARS: &str = "liars";
/// Where the owner's own vouches are kept, in [`Space::Setting`]: each behind the first, whom they are about in the second.
const VOUCH: &[u8] = b"vouch/";
const VOUCHES: &str = "vouches";
/// Most people whom the owner vouches for.
const MAX_VOUCHES: usize = 512;
/// Most proofs that are kept.
const MAX_LIARS: usize = 512;
/// Entries about one person that are looked at for their history.
const MAX_ENTRIES: usize = 10_000;

fn lie_key(by: &Did, kind: LieKind) -> Vec<u8> {
    [LIE, by.public(), &[kind as u8]].concat()
}

fn vouch_key(about: &Did) -> Vec<u8> {
    [VOUCH, about.public()].concat()
}

impl Wallet {
    /// What the owner knows of somebody without asking anyone.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn evidence(&self, about: &Did) -> Result<Evidence, AgentError> {
        let contacts = self.contacts().await?.iter().map(|contact| (contact.did, contact.into())).collect();
        let (lies, history) = (self.lies_of(about).await?, self.history_with(about).await?);
        Ok(Evidence { contacts, vouches: Vec::new(), lies, history })
    }

    /// How somebody kept to what was agreed, by the owner's ledger.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn history_with(&self, peer: &Did) -> Result<History, AgentError> {
        let mut deeds = Vec::new();
        let mut came: HashMap<TransferId, Timestamp> = HashMap::new();
        let mut sent: HashMap<TransferId, Timestamp> = HashMap::new();
        let (mut from, mut seen) = (1, 0);
        while seen < MAX_ENTRIES {
            let page = self.ledger.find_peer(peer, from, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            (from, seen) = (last.sequence + 1, seen + page.len());
            for entry in page {
                match entry.body {
                    Body::Incoming { id, .. } => {
                        came.insert(id, entry.at);
                        deeds.push(Deed::PaidMe { at: entry.at });
                    }
                    Body::Outgoing { id, .. } => drop(sent.insert(id, entry.at)),
                    Body::Outcome { id, outcome: Outcome::Accepted, .. } => {
                        let signed = entry.at;
                        deeds.extend(sent.get(&id).map(|sent| Deed::TookMine { sent: *sent, signed }));
                    }
                    _ => {}
                }
            }
        }
        let requests: Vec<(Vec<u8>, RequestRecord)> = self.ledger.list(Space::Request).await?;
        for (_, RequestRecord { request, paid, .. }) in requests {
            let by_them = paid.as_ref().and_then(|id| came.get(id)).copied();
            let theirs = by_them.is_some() || (paid.is_none() && request.to == Some(*peer));
            if theirs {
                deeds.push(Deed::Asked { at: request.issued, due: request.expires, paid: by_them });
            }
        }
        Ok(History::of(deeds, clock::now()))
    }

    /// Proofs that somebody lied, which this peer holds. They are checked again: what was changed in storage proves nothing.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn lies_of(&self, by: &Did) -> Result<Vec<ProvenLie>, AgentError> {
        let mut lies = Vec::new();
        for kind in [LieKind::Fork, LieKind::Profiles, LieKind::Statements] {
            let kept: Option<Lie> = self.ledger.get(Space::Setting, &lie_key(by, kind)).await?;
            if let Some(lie) = kept
                && let Ok(proven) = lie.verify(&self.provider).await
            {
                lies.push(proven);
            }
        }
        Ok(lies)
    }

    /// Those of whom this peer holds a proof.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn liars(&self) -> Result<BTreeMap<Did, LieKind>, AgentError> {
        Ok(self.setting(LIARS).await?.unwrap_or_default())
    }

    /// Keeps a proof that somebody lied. Who did is answered no more; what is under way with them goes on.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn keep_lie(&self, lie: &ProvenLie) -> Result<(), AgentError> {
        let mut liars = self.liars().await?;
        if liars.len() >= MAX_LIARS && !liars.contains_key(&lie.by()) {
            return Ok(());
        }
        liars.insert(lie.by(), lie.kind());
        let mut tx = self.ledger.begin().await?;
        tx.put(Space::Setting, &lie_key(&lie.by(), lie.kind()), lie.lie())?;
        tx.put(Space::Setting, LIARS.as_bytes(), &liars)?;
        self.ledger.commit(tx).await?;
        Ok(())
    }

    /// The proof of a fork that the desk found, with the profiles that it was signed under. `None` when one of them is not
    /// held any more.
    ///
    /// # Errors
    /// What the ledger says.
    pub(crate) async fn prove_fork(&self, fork: &ForkProof) -> Result<Option<ProvenLie>, AgentError> {
        let mut profiles: Vec<SignedProfile> = Vec::new();
        for document in [&fork.first.document, &fork.second.document] {
            let Ok(digest) = pumasi_transfer::profile_of(document) else { continue };
            if profiles.iter().any(|known| known.digest() == digest) {
                continue;
            }
            profiles.extend(self.ledger.get::<SignedProfile>(Space::Document, &digest.0).await?);
        }
        let (first, second) = (fork.first.document.clone(), fork.second.document.clone());
        let proof = lie::Proof::Fork { first, second, profiles };
        Ok(Lie { by: fork.signer, proof }.verify(&self.provider).await.ok())
    }

    /// Vouches for somebody, in place of what was said before, and keeps it. Without a claim it takes back what was said.
    ///
    /// # Errors
    /// [`AgentError::Vouch`] when something is out of bounds, [`AgentError::TooManyVouches`], and what the ledger says.
    pub async fn vouch(
        &self,
        about: &Did,
        mut claims: Vec<Claim>,
        note: Option<String>,
        life: Millis,
    ) -> Result<SignedVouch, AgentError> {
        claims.sort_unstable();
        claims.dedup();
        let now = clock::now();
        let standing = self.vouches().await?;
        let before = standing.iter().find(|signed| signed.vouch().about == *about);
        if standing.len() >= MAX_VOUCHES && before.is_none() {
            return Err(AgentError::TooManyVouches { limit: MAX_VOUCHES });
        }
        let sequence = before.map_or(now.0, |before| now.0.max(before.vouch().sequence + 1));
        // A revocation must outlive what it revokes: whoever holds that would bring it back.
        let least = before.filter(|_| claims.is_empty()).map(|before| before.vouch().expires);
        let expires = least.map_or(now + life, |least| (now + life).max(least)).min(now + MAX_LIFE);
        let vouch = Vouch { from: self.did(), about: *about, claims, note, sequence, created: now, expires };
        let signed = vouch.sign(&self.provider, self.keys.did_key(), MIN_WORK).await?;
        let mut people: Vec<Did> = standing.iter().map(|signed| signed.vouch().about).collect();
        if before.is_none() {
            people.push(*about);
        }
        let mut tx = self.ledger.begin().await?;
        tx.put(Space::Setting, &vouch_key(about), &signed.as_str())?;
        tx.put(Space::Setting, VOUCHES.as_bytes(), &people)?;
        self.ledger.commit(tx).await?;
        Ok(signed)
    }

    /// What the owner says of others and what stands now, revocations included.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn vouches(&self) -> Result<Vec<SignedVouch>, AgentError> {
        let people: Vec<Did> = self.setting(VOUCHES).await?.unwrap_or_default();
        let mut standing = Vec::new();
        for about in people {
            let kept: Option<String> = self.ledger.get(Space::Setting, &vouch_key(&about)).await?;
            standing.extend(kept.and_then(|document| SignedVouch::verify(&document, clock::now()).ok()));
        }
        Ok(standing)
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::net::People;
    use crate::wallet::NewIdentity;
    use pumasi_crypto::hash::sha256;
    use pumasi_crypto::jose;
    use pumasi_crypto::password::Password;
    use pumasi_identity::Contact;
    use pumasi_ledger::Head;
    use pumasi_transfer::Claim as HeadClaim;
    use pumasi_transfer::message::{Kind, Nonce, Transfer};
    use pumasi_units::{Money, Unit};

    async fn wallet(folder: &std::path::Path, name: &str) -> Wallet {
        Wallet::create(&folder.join(name), &Password::new("비밀번호"), NewIdentity::default()).await.unwrap()
    }

    /// A transfer of so many won after the same entry, as the desk has seen it.
    async fn claim(payer: &Wallet, to: Did, won: u64) -> HeadClaim {
        let prev = Head { sequence: 3, hash: sha256(&[b"three"]) };
        let now = clock::now();
        let transfer = Transfer {
            kind: Kind::Transfer,
            from: payer.did(),
            to,
            issued: now,
            expires: now + 60_000,
            nonce: Nonce([7; 16]),
            money: Money::new(won, Unit::krw()).unwrap(),
            memo: String::new(),
            request: None,
            prev,
            profile: payer.profile().digest(),
        };
        let (key, kid) = (payer.keys().rsa_signing_key(), payer.profile().rsa_signing_kid());
        let jws = jose::sign_ps256(payer.provider(), key, &kid, Kind::Transfer.typ(), &transfer).await.unwrap();
        HeadClaim { head: prev, next: Some(jws.id()), document: jws.as_str().to_owned() }
    }

    #[tokio::test]
    async fn a_fork_is_proven_from_what_is_held_and_its_signer_is_answered_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, theirs) = (wallet(folder.path(), "mine").await, wallet(folder.path(), "theirs").await);
        let (me, them) = (mine.did(), theirs.did());
        let (first, second) = (claim(&theirs, me, 1_000).await, claim(&theirs, me, 2_000).await);
        let fork = ForkProof { signer: them, first, second };
        assert_eq!(
            mine.prove_fork(&fork).await.unwrap(),
            None,
            "nobody here has the profile that they were signed under"
        );
        mine.pin(Contact::first_use(theirs.profile().clone(), clock::now()), None).await.unwrap();
        let proven = mine.prove_fork(&fork).await.unwrap().unwrap();
        mine.keep_lie(&proven).await.unwrap();
        assert_eq!(mine.lies_of(&them).await.unwrap(), [proven]);
        let evidence = mine.evidence(&them).await.unwrap();
        let reasons = pumasi_trust::evaluate(&me, &them, &evidence, clock::now());
        assert!(matches!(reasons[0], pumasi_trust::Reason::Lied { kind: LieKind::Fork }), "{reasons:?}");

        let everyone = mine.contacts().await.unwrap();
        assert_eq!(People::new(everyone.clone(), []).looked_for(), [them]);
        let people = People::new(everyone, mine.liars().await.unwrap().into_keys());
        assert!(people.is_liar(&them) && people.looked_for().is_empty());
        assert!(people.get(&them).is_some(), "the owner may still call");
    }
}
