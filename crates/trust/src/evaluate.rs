//! From what is known to reasons.
//!
//! Vouches count from two places only: from a contact whom the reader verified, and from somebody whom such a contact
//! knows in person. Nobody farther away has a say, however many they are; so a circle of strangers who vouch for each other
//! says nothing, and a cycle leads nowhere.

use crate::history::History;
use crate::lie::{Lie, ProvenLie};
use crate::reason::{How, Reason};
use crate::vouch::{Claim, SignedVouch};
use pumasi_identity::{Contact, Did, Trust};
use pumasi_units::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the reader's own book says of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquaintance {
    /// How sure the reader is whose DID it is.
    pub trust: Trust,
    /// Since when they are known.
    pub since: Timestamp,
    /// When their keys changed, until the reader has seen it.
    pub changed: Option<Timestamp>,
}

impl From<&Contact> for Acquaintance {
    fn from(contact: &Contact) -> Self {
        let changed = contact.changed.map(|change| change.at);
        Self { trust: contact.trust, since: contact.since, changed }
    }
}

impl Acquaintance {
    /// Whether what they say of others counts.
    fn is_listened_to(&self) -> bool {
        self.trust.is_checked() && self.changed.is_none()
    }
}

/// Everything that is known. The order of the lists does not matter, nor whether something is in one twice.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The reader's contacts.
    pub contacts: BTreeMap<Did, Acquaintance>,
    /// What was found of vouches, about anyone.
    pub vouches: Vec<SignedVouch>,
    /// Proofs of lies, by anyone.
    pub lies: Vec<ProvenLie>,
    /// What happened between the reader and the one in question.
    pub history: History,
}

/// Who says what of whom, and what of it stands.
struct Standing<'a> {
    /// By voucher and subject: the newest of each pair.
    newest: BTreeMap<(Did, Did), &'a SignedVouch>,
    /// Who was shown to lie, with what they contradicted.
    liars: BTreeSet<Did>,
}

impl<'a> Standing<'a> {
    fn of(evidence: &'a Evidence, me: &Did, now: Timestamp) -> (Self, Vec<ProvenLie>) {
        let mut newest: BTreeMap<(Did, Did), &SignedVouch> = BTreeMap::new();
        let mut found = Vec::new();
        for signed in &evidence.vouches {
            let vouch = signed.vouch();
            if vouch.expires <= now || vouch.from == *me {
                continue;
            }
            let kept = newest.entry((vouch.from, vouch.about)).or_insert(signed);
            // Two of one sequence: their signer said one thing here and another there.
            found.extend(Lie::of_statements(vouch.from, kept.as_str(), signed.as_str()));
            if vouch.sequence > kept.vouch().sequence {
                *kept = signed;
            }
        }
        let liars = evidence.lies.iter().chain(&found).map(ProvenLie::by).collect();
        (Self { newest, liars }, found)
    }

    /// What `from` says of `about`, if that counts.
    fn said(&self, from: &Did, about: &Did) -> Option<&'a SignedVouch> {
        let signed = self.newest.get(&(*from, *about))?;
        (!self.liars.contains(from)).then_some(*signed)
    }
}

/// Why `subject` is trusted or not, by what `me` knows now: reasons in a stable order, at least one.
#[must_use]
pub fn evaluate(me: &Did, subject: &Did, evidence: &Evidence, now: Timestamp) -> Vec<Reason> {
    let (standing, found) = Standing::of(evidence, me, now);
    let mut reasons = Reason::of_history(&evidence.history);
    let lies = evidence.lies.iter().chain(&found).filter(|lie| lie.by() == *subject);
    reasons.extend(lies.map(|lie| Reason::Lied { kind: lie.kind() }));
    let known = evidence.contacts.get(subject);
    if let Some(known) = known {
        reasons.extend(known.changed.map(|at| Reason::KeysChanged { at }));
        reasons.push(match known.trust {
            Trust::Paired { at } => Reason::Verified { how: How::Paired, at },
            Trust::Compared { at } => Reason::Verified { how: How::Compared, at },
            Trust::FirstUse { .. } => Reason::TakenAtWord { since: known.since },
        });
    }
    for (from, about) in standing.newest.keys() {
        if about != subject || from == subject {
            continue;
        }
        let Some(said) = standing.said(from, about).map(SignedVouch::vouch) else { continue };
        let (by, claims, note, at) = (*from, said.claims.clone(), said.note.clone(), said.created);
        let heard = evidence.contacts.get(from).is_some_and(Acquaintance::is_listened_to);
        match (heard, said.is_revocation()) {
            (true, true) => reasons.push(Reason::Withdrawn { by, at }),
            (true, false) => reasons.push(Reason::Vouched { by, claims, note, at }),
            (false, true) => {}
            (false, false) => {
                let contact = introducer(evidence, &standing, from, subject);
                reasons.extend(contact.map(|contact| Reason::VouchedThrough { contact, by, claims, note, at }));
            }
        }
    }
    reasons.sort();
    reasons.dedup();
    if reasons.is_empty()
        || (known.is_none() && reasons.iter().all(|reason| matches!(reason, Reason::Withdrawn { .. })))
    {
        reasons.push(Reason::Unknown);
    }
    reasons
}

/// The first contact, by DID, who knows the voucher in person. The one in question introduces nobody.
fn introducer(evidence: &Evidence, standing: &Standing<'_>, voucher: &Did, subject: &Did) -> Option<Did> {
    let knows = |contact: &Did| {
        let said = standing.said(contact, voucher);
        said.is_some_and(|said| said.vouch().claims.contains(&Claim::Person))
    };
    let listened_to = evidence.contacts.iter().filter(|(contact, known)| *contact != subject && known.is_listened_to());
    listened_to.map(|(contact, _)| *contact).find(knows)
}

/// What is to be looked up next, so that [`evaluate`] knows all that it can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What is said about these: those who vouch for the one in question, and whom the reader does not know.
    About(Vec<Did>),
    /// Nothing.
    Done,
}

/// After the statements about `subject` were looked up: about which of the vouchers, at most `limit`. The reader needs to
/// know only of those whom no contact speaks for itself.
#[must_use]
pub fn next_step(me: &Did, subject: &Did, evidence: &Evidence, limit: usize, now: Timestamp) -> Step {
    let (standing, _) = Standing::of(evidence, me, now);
    let strangers: Vec<Did> = standing
        .newest
        .iter()
        .filter(|((from, about), signed)| {
            let heard = evidence.contacts.get(from).is_some_and(Acquaintance::is_listened_to);
            about == subject && from != subject && !heard && !signed.vouch().is_revocation()
        })
        .map(|((from, _), _)| *from)
        .take(limit)
        .collect();
    if strangers.is_empty() { Step::Done } else { Step::About(strangers) }
}
