//! Whom the owner knows, and their newest profiles: the bookkeeper writes it, lines and the doorbell read it.

use pumasi_identity::{Contact, Did, SignedProfile};
use pumasi_units::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// People whom nobody has verified and in whose mailbox a listening peer looks all the same: the newest. Each costs some
/// lookups a minute; the others come by the endpoint, as they came first.
const UNVERIFIED: usize = 64;

/// A view of the address book that needs no ledger.
#[derive(Clone, Default)]
pub(crate) struct People(Arc<RwLock<Book>>);

#[derive(Default)]
struct Book {
    people: BTreeMap<Did, Person>,
    /// Those who were shown to lie. The owner may still call them; they are not answered.
    liars: BTreeSet<Did>,
}

struct Person {
    profile: SignedProfile,
    /// The two have compared something.
    checked: bool,
    since: Timestamp,
}

impl Person {
    fn of(contact: Contact) -> (Did, Self) {
        let Contact { did, profile, trust, since, .. } = contact;
        (did, Self { profile, checked: trust.is_checked(), since })
    }
}

impl People {
    pub(crate) fn new(everyone: Vec<Contact>, liars: impl IntoIterator<Item = Did>) -> Self {
        let people = everyone.into_iter().map(Person::of).collect();
        Self(Arc::new(RwLock::new(Book { people, liars: liars.into_iter().collect() })))
    }

    fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody was shown to lie.
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "nobody brings offers to a page"))]
    pub(crate) fn is_liar(&self, did: &Did) -> bool {
        self.read().liars.contains(did)
    }

    /// Somebody was shown to lie: not answered from now on.
    pub(crate) fn convict(&self, did: Did) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).liars.insert(did);
    }

    pub(crate) fn get(&self, did: &Did) -> Option<SignedProfile> {
        self.read().people.get(did).map(|person| person.profile.clone())
    }

    /// In whose mailbox a listening peer looks from the start.
    pub(crate) fn looked_for(&self) -> Vec<Did> {
        let book = self.read();
        let people: Vec<_> = book.people.iter().filter(|(did, _)| !book.liars.contains(did)).collect();
        let mut looked_for: Vec<Did> = people.iter().filter(|(_, it)| it.checked).map(|(did, _)| **did).collect();
        let mut others: Vec<_> =
            people.iter().filter(|(_, it)| !it.checked).map(|(did, it)| (it.since, **did)).collect();
        others.sort_unstable_by_key(|(since, _)| Reverse(*since));
        looked_for.extend(others.into_iter().take(UNVERIFIED).map(|(_, did)| did));
        looked_for
    }

    /// Takes a newer profile.
    pub(crate) fn renew(&self, profile: SignedProfile) {
        let mut book = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(person) = book.people.get_mut(profile.did()) {
            person.profile = profile;
        }
    }

    pub(crate) fn replace(&self, everyone: Vec<Contact>) {
        let everyone = everyone.into_iter().map(Person::of).collect();
        self.0.write().unwrap_or_else(PoisonError::into_inner).people = everyone;
    }
}
