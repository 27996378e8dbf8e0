//! The people the owner knows.

use super::{Wallet, keep_profile};
use crate::clock;
use crate::error::AgentError;
use pumasi_identity::{Contact, Did, ProfileChange, SafetyNumber, SignedProfile, Trust, safety_number};
use pumasi_ledger::Body;
use pumasi_ledger::store::Space;
use pumasi_units::Money;

/// Longest name of a contact, in characters.
const MAX_NAME_CHARS: usize = 64;
/// Strangers that are looked at for one who makes room.
const MAX_PASSED_OVER: usize = 64;
/// Most contacts of one identity.
const MAX_CONTACTS: usize = 10_000;

/// What a text that names somebody turned out to be.
#[derive(Debug, Clone)]
pub enum Found {
    /// Someone known.
    Contact(Box<Contact>),
    /// A DID of someone unknown.
    Stranger(Did),
}

impl Wallet {
    /// Everyone known, by name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn contacts(&self) -> Result<Vec<Contact>, AgentError> {
        let mut contacts: Vec<Contact> =
            self.ledger.list(Space::Contact).await?.into_iter().map(|(_, contact)| contact).collect();
        contacts.sort_by(|a, b| a.name.cmp(&b.name).then(a.did.cmp(&b.did)));
        Ok(contacts)
    }

    /// The contact with this DID.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn contact(&self, did: &Did) -> Result<Option<Contact>, AgentError> {
        Ok(self.ledger.get(Space::Contact, did.public()).await?)
    }

    /// Whom a text means: a DID, or a name, written in any case, or the only name that begins so.
    ///
    /// # Errors
    /// [`AgentError::UnknownPerson`], [`AgentError::AmbiguousPerson`].
    pub async fn find(&self, who: &str) -> Result<Found, AgentError> {
        if let Ok(did) = who.trim().parse::<Did>() {
            return Ok(match self.contact(&did).await? {
                Some(contact) => Found::Contact(Box::new(contact)),
                None => Found::Stranger(did),
            });
        }
        let wanted = who.trim().to_lowercase();
        let contacts = self.contacts().await?;
        let exact: Vec<&Contact> = contacts.iter().filter(|contact| contact.name.to_lowercase() == wanted).collect();
        let begin = || contacts.iter().filter(|contact| contact.name.to_lowercase().starts_with(&wanted)).collect();
        let found: Vec<&Contact> = if exact.is_empty() { begin() } else { exact };
        match found[..] {
            [contact] => Ok(Found::Contact(Box::new(contact.clone()))),
            [] => Err(AgentError::UnknownPerson(who.to_owned())),
            _ => Err(AgentError::AmbiguousPerson {
                who: who.to_owned(),
                names: found.iter().map(|contact| format!("{} ({})", contact.name, contact.did.short())).collect(),
            }),
        }
    }

    /// The contact that a text means.
    ///
    /// # Errors
    /// As [`Wallet::find`]; a DID of someone unknown is [`AgentError::UnknownPerson`].
    pub async fn find_contact(&self, who: &str) -> Result<Contact, AgentError> {
        match self.find(who).await? {
            Found::Contact(contact) => Ok(*contact),
            Found::Stranger(did) => Err(AgentError::UnknownPerson(did.to_string())),
        }
    }

    /// Pins a contact under its name, or under the name and a number when somebody else has it.
    ///
    /// # Errors
    /// [`AgentError::TooManyContacts`], and what the ledger says.
    pub async fn pin(&self, mut contact: Contact, limit: Option<Money>) -> Result<Contact, AgentError> {
        let others = self.contacts().await?;
        if others.len() >= MAX_CONTACTS {
            return Err(AgentError::TooManyContacts { limit: MAX_CONTACTS });
        }
        contact.name = free_name(&contact, &others);
        let mut tx = self.ledger.begin().await?;
        tx.put(Space::Contact, contact.did.public(), &contact)?;
        keep_profile(&mut tx, &contact.profile)?;
        if let Some(limit) = limit {
            tx.append(Body::Limit { peer: contact.did, limit }, clock::now())?;
        }
        self.ledger.commit(tx).await?;
        Ok(contact)
    }

    /// Pins a stranger who proved a DID, unverified. Of such there are at most `most`: beyond it, the oldest with whom
    /// nothing was ever paid makes room.
    ///
    /// # Errors
    /// [`AgentError::TooManyContacts`] when none makes room, and what the ledger says.
    pub(crate) async fn meet(
        &self,
        profile: SignedProfile,
        limit: Option<Money>,
        most: usize,
    ) -> Result<Contact, AgentError> {
        let mut strangers: Vec<Contact> =
            self.contacts().await?.into_iter().filter(|contact| !contact.trust.is_checked()).collect();
        if strangers.len() >= most.min(MAX_CONTACTS) {
            strangers.sort_by_key(|stranger| stranger.since);
            let mut forgotten = false;
            for stranger in strangers.iter().take(MAX_PASSED_OVER) {
                let entries = self.ledger.find_peer(&stranger.did, 1, 2).await?;
                if entries.iter().all(|entry| matches!(entry.body, Body::Limit { .. })) {
                    self.forget(&stranger.did).await?;
                    forgotten = true;
                    break;
                }
            }
            if !forgotten {
                return Err(AgentError::TooManyContacts { limit: most });
            }
        }
        self.pin(Contact::first_use(profile, clock::now()), limit).await
    }

    /// Takes a newer profile of a contact.
    ///
    /// # Errors
    /// [`AgentError::Rollback`] for one that is older or forked; the contact is unchanged.
    pub async fn update_contact(&self, profile: SignedProfile) -> Result<ProfileChange, AgentError> {
        let did = *profile.did();
        let mut contact = self.contact(&did).await?.ok_or_else(|| AgentError::UnknownPerson(did.to_string()))?;
        let change = contact.update_profile(profile, clock::now())?;
        if change != ProfileChange::Same {
            let mut tx = self.ledger.begin().await?;
            tx.put(Space::Contact, did.public(), &contact)?;
            keep_profile(&mut tx, &contact.profile)?;
            self.ledger.commit(tx).await?;
        }
        Ok(change)
    }

    /// The owner has been told of a contact's new keys. They stay unverified until something is compared.
    ///
    /// # Errors
    /// [`AgentError::UnknownPerson`], and what the ledger says.
    pub async fn change_seen(&self, did: &Did) -> Result<(), AgentError> {
        let mut contact = self.known(did).await?;
        if let Some(change) = contact.changed {
            // Whatever was compared, was compared with the keys of before.
            contact.trust = Trust::FirstUse { at: change.at };
        }
        contact.change_seen();
        self.keep(&contact).await
    }

    /// Calls a contact by another name, of 1 to 64 characters, that nobody else has.
    ///
    /// # Errors
    /// [`AgentError::Name`], [`AgentError::UnknownPerson`], and what the ledger says.
    pub async fn rename(&self, did: &Did, name: &str) -> Result<Contact, AgentError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            return Err(AgentError::Name { limit: MAX_NAME_CHARS });
        }
        let mut contact = self.known(did).await?;
        name.clone_into(&mut contact.name);
        contact.name = free_name(&contact, &self.contacts().await?);
        self.keep(&contact).await?;
        Ok(contact)
    }

    async fn known(&self, did: &Did) -> Result<Contact, AgentError> {
        self.contact(did).await?.ok_or_else(|| AgentError::UnknownPerson(did.to_string()))
    }

    async fn keep(&self, contact: &Contact) -> Result<(), AgentError> {
        let mut tx = self.ledger.begin().await?;
        tx.put(Space::Contact, contact.did.public(), contact)?;
        self.ledger.commit(tx).await?;
        Ok(())
    }

    /// Marks a contact as verified: both have compared the safety number.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn mark_verified(&self, mut contact: Contact) -> Result<Contact, AgentError> {
        contact.compared(clock::now());
        let mut tx = self.ledger.begin().await?;
        tx.put(Space::Contact, contact.did.public(), &contact)?;
        self.ledger.commit(tx).await?;
        Ok(contact)
    }

    /// Forgets a contact. The ledger keeps what was paid, and the profiles that prove it.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn forget(&self, did: &Did) -> Result<(), AgentError> {
        let mut tx = self.ledger.begin().await?;
        tx.delete(Space::Contact, did.public())?;
        self.ledger.commit(tx).await?;
        Ok(())
    }

    /// Says how much a contact may owe.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn set_limit(&self, did: &Did, limit: Money) -> Result<(), AgentError> {
        let mut tx = self.ledger.begin().await?;
        tx.append(Body::Limit { peer: *did, limit }, clock::now())?;
        self.ledger.commit(tx).await?;
        Ok(())
    }

    /// Sixty digits that are the same on both sides.
    #[must_use]
    pub fn safety_number(&self, other: &Did) -> SafetyNumber {
        safety_number(&self.did(), other)
    }
}

/// The name of a contact, cut to the limit and made unlike those of others.
fn free_name(contact: &Contact, others: &[Contact]) -> String {
    let base: String = contact.name.trim().chars().take(MAX_NAME_CHARS - 4).collect();
    let taken = |name: &str| {
        others.iter().any(|other| other.did != contact.did && other.name.to_lowercase() == name.to_lowercase())
    };
    let numbered = (2..).map(|number| format!("{base} {number}"));
    std::iter::once(base.clone())
        .chain(numbered)
        .find(|name| !taken(name))
        .expect("there are more numbers than contacts")
}
