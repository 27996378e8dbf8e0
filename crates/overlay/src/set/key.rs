//! Sets: keys under which many people each keep an entry (`docs/spec/overlay.md` §7).

use crate::record::Refusal;
use pumasi_crypto::hash::Digest;
use pumasi_signaling::EntryFacts;
use pumasi_units::{Millis, Timestamp};
use std::fmt;
use std::time::Duration;

/// Kinds of sets; each has its own bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SetSpace {
    Listing,
    Member,
    Provider,
    Inbox,
    Vouch,
}

/// What a kind asks of an entry under an id at a time.
type Rule = fn(&[u8; 32], &[u8], Timestamp) -> Result<EntryFacts, String>;

/// The bounds of one kind.
pub(crate) struct SetRule {
    prefix: &'static str,
    /// Bytes of one entry.
    pub(crate) max_entry: usize,
    /// How far away its end may be.
    pub(crate) max_life: Millis,
    /// Entries under one key.
    pub(crate) per_key: usize,
    /// Whether holders pass entries on to the nodes that came nearer, for owners who are away.
    pub(crate) replicates: bool,
    /// Form, signature, and that the entry belongs under this key.
    validate: Rule,
}

const LISTING: SetRule = SetRule {
    prefix: "/pumasi/listing/",
    max_entry: pumasi_discovery::dht::MAX_ENTRY,
    max_life: pumasi_discovery::dht::MAX_LIFE,
    per_key: 128,
    replicates: true,
    validate: pumasi_discovery::dht::validate,
};
const MEMBER: SetRule = SetRule {
    prefix: "/pumasi/member/",
    max_entry: pumasi_messages::member::MAX_ENTRY,
    max_life: pumasi_messages::member::MAX_LIFE,
    per_key: 128,
    replicates: false,
    validate: pumasi_messages::member::validate,
};
const PROVIDER: SetRule = SetRule {
    prefix: "/pumasi/provider/",
    max_entry: pumasi_content::provider::MAX_ENTRY,
    max_life: pumasi_content::provider::MAX_LIFE,
    per_key: 64,
    replicates: false,
    validate: pumasi_content::provider::validate,
};
const INBOX: SetRule = SetRule {
    prefix: "/pumasi/inbox/",
    max_entry: pumasi_messages::inbox::MAX_ENTRY,
    max_life: pumasi_messages::inbox::MAX_LIFE,
    per_key: 32,
    replicates: true,
    validate: pumasi_messages::inbox::validate,
};
const VOUCH: SetRule = SetRule {
    prefix: "/pumasi/vouch/",
    max_entry: pumasi_trust::vouch::MAX_ENTRY,
    max_life: pumasi_trust::vouch::MAX_LIFE,
    per_key: 64,
    replicates: true,
    validate: pumasi_trust::vouch::validate,
};

impl SetSpace {
    pub(crate) const ALL: [Self; 5] = [Self::Listing, Self::Member, Self::Provider, Self::Inbox, Self::Vouch];

    pub(crate) const fn rule(self) -> &'static SetRule {
        match self {
            Self::Listing => &LISTING,
            Self::Member => &MEMBER,
            Self::Provider => &PROVIDER,
            Self::Inbox => &INBOX,
            Self::Vouch => &VOUCH,
        }
    }
}

/// The bounds of one kind of sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBounds {
    /// Bytes of an entry.
    pub entry: usize,
    /// How long an entry may be kept.
    pub life: Duration,
    /// Entries under one key.
    pub per_key: usize,
    /// Whether holders pass entries on for owners who are away.
    pub passed_on: bool,
}

/// Where a set is kept: a namespace and 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetKey {
    space: SetSpace,
    id: [u8; 32],
}

impl SetKey {
    /// Listings of a category: `/pumasi/listing/`.
    #[must_use]
    pub const fn listing(id: [u8; 32]) -> Self {
        Self { space: SetSpace::Listing, id }
    }

    /// Members of a topic: `/pumasi/member/`.
    #[must_use]
    pub const fn member(id: [u8; 32]) -> Self {
        Self { space: SetSpace::Member, id }
    }

    /// Nodes that have a content: `/pumasi/provider/`.
    #[must_use]
    pub const fn provider(id: [u8; 32]) -> Self {
        Self { space: SetSpace::Provider, id }
    }

    /// Sealed messages for one who is away: `/pumasi/inbox/`.
    #[must_use]
    pub const fn inbox(id: [u8; 32]) -> Self {
        Self { space: SetSpace::Inbox, id }
    }

    /// What is said of somebody: `/pumasi/vouch/`.
    #[must_use]
    pub const fn vouch(id: [u8; 32]) -> Self {
        Self { space: SetSpace::Vouch, id }
    }

    /// The bytes that go over the wire: the prefix in ASCII, then the 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.space.rule().prefix.as_bytes(), &self.id].concat()
    }

    /// Reads the bytes of the wire.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SetSpace::ALL.into_iter().find_map(|space| {
            let id = bytes.strip_prefix(space.rule().prefix.as_bytes())?.try_into().ok()?;
            Some(Self { space, id })
        })
    }

    /// The bounds of sets of this kind.
    #[must_use]
    pub fn bounds(&self) -> SetBounds {
        let rule = self.rule();
        SetBounds {
            entry: rule.max_entry,
            life: Duration::from_millis(rule.max_life),
            per_key: rule.per_key,
            passed_on: rule.replicates,
        }
    }

    pub(crate) fn space(&self) -> SetSpace {
        self.space
    }

    pub(crate) fn rule(&self) -> &'static SetRule {
        self.space.rule()
    }

    /// Everything that a holder must check before it keeps an entry, except what it already holds.
    pub(crate) fn validate(&self, entry: &[u8], now: Timestamp) -> Result<EntryFacts, Refusal> {
        let rule = self.rule();
        if entry.len() > rule.max_entry {
            return Err(Refusal::TooLong { len: entry.len(), limit: rule.max_entry });
        }
        let facts = (rule.validate)(&self.id, entry, now).map_err(Refusal::Invalid)?;
        if facts.expires <= now {
            return Err(Refusal::Expired { expires: facts.expires });
        }
        // The bound counts from the making, which by another clock may be a little ahead.
        let (life, limit) = (facts.expires.since(now), rule.max_life + pumasi_identity::CLOCK_SKEW);
        if life > limit {
            return Err(Refusal::TooLasting { life, limit });
        }
        Ok(facts)
    }
}

/// `/pumasi/listing/` and 64 hexadecimal digits.
impl fmt::Display for SetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.space.rule().prefix, Digest(self.id))
    }
}

impl fmt::Debug for SetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
