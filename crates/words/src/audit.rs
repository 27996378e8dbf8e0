use crate::{Lang, Say, amount, josa, plain};
use pumasi_units::Unit;

/// Which signed document of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// The payer's transfer.
    Transfer,
    /// The payee's result.
    Result,
    /// The payer's acknowledgement of the result.
    Acknowledgement,
}

impl Say for Document {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Transfer => say!(lang, ko: "이체"; en: "transfer"),
            Self::Result => say!(lang, ko: "결과"; en: "result"),
            Self::Acknowledgement => say!(lang, ko: "확인"; en: "acknowledgement"),
        }
    }
}

/// The end of an audit.
#[derive(Debug, Clone, Copy)]
pub enum Audit {
    /// Nothing is wrong.
    Sound {
        /// Entries checked.
        entries: u64,
        /// Signatures checked.
        signatures: u64,
    },
    /// Something is.
    Wrong {
        /// How many findings.
        findings: usize,
    },
}

impl Say for Audit {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Sound { entries, signatures } => say!(lang,
                ko: "이상 없어요. 기록 {}건과 서명 {}개를 확인했어요.", entries, signatures;
                en: "All is well. Entries checked: {}. Signatures checked: {}.", entries, signatures),
            Self::Wrong { findings } => say!(lang,
                ko: "문제를 {}가지 찾았어요. 고친 것은 없어요. 믿을 수 있는 백업이 있으면 `pumasi ledger restore`로 되살릴 수 있어요.", findings;
                en: "Problems found: {}. Nothing was changed. If you have a backup that you trust: `pumasi ledger restore`.", findings),
        }
    }
}

/// One thing that is not as it should be, and from where it is known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Finding<'a> {
    /// The sealed head was changed.
    HeadChanged,
    /// Entries at the end are gone.
    TailMissing {
        /// How many the head says.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// An entry stands after the head.
    BeyondHead {
        /// Which.
        entry: u64,
        /// The head.
        head: u64,
    },
    /// Entries in the middle are gone.
    Gap {
        /// The first missing.
        first: u64,
        /// The last missing.
        last: u64,
    },
    /// An entry's bytes were changed.
    Changed {
        /// Which.
        entry: u64,
    },
    /// An entry is not what an entry may be.
    Malformed {
        /// Which.
        entry: u64,
    },
    /// An entry stands in another's place.
    Misplaced {
        /// The place.
        place: u64,
        /// What stands there.
        holds: u64,
    },
    /// An entry does not follow the one before it.
    Unlinked {
        /// Which.
        entry: u64,
    },
    /// The last entry is not the one that the head says.
    OtherHead {
        /// Which.
        entry: u64,
    },
    /// A record beside the entries was changed.
    RecordChanged,
    /// The ledger was put back from an old copy, as the marker beside it shows.
    OldCopy {
        /// Where it ends.
        have: u64,
        /// Where it ended once.
        marked: u64,
    },
    /// The marker beside the ledger was changed.
    MarkerChanged,
    /// A peer signed a later head of mine than there is.
    RolledBack {
        /// Who signed it.
        witness: &'a str,
        /// The entry of mine that they quote.
        quoted: u64,
        /// My last entry.
        have: u64,
    },
    /// A peer signed another hash for an entry of mine.
    Rewritten {
        /// Who signed it.
        witness: &'a str,
        /// Which entry.
        quoted: u64,
    },
    /// A peer signed two histories.
    Fork {
        /// Who.
        peer: &'a str,
        /// At which entry of theirs.
        sequence: u64,
        /// My entry with one signature.
        first: u64,
        /// My entry with the other.
        second: u64,
    },
    /// A signature does not verify.
    BadSignature {
        /// In which entry.
        entry: u64,
        /// Of which document.
        document: Document,
    },
    /// Another than the entry says has signed.
    WrongSigner {
        /// In which entry.
        entry: u64,
        /// Which document.
        document: Document,
        /// Who has signed.
        signed_by: &'a str,
        /// Who should have.
        expected: &'a str,
    },
    /// A document is about another transfer.
    OtherTransfer {
        /// In which entry.
        entry: u64,
        /// Which document.
        document: Document,
    },
    /// A document says something else than its entry.
    Contradicts {
        /// In which entry.
        entry: u64,
        /// Which document.
        document: Document,
        /// Which field.
        field: &'a str,
    },
    /// An entry settles a transfer that is not open.
    Unmatched {
        /// Which.
        entry: u64,
    },
    /// The kept balance is not what the entries add up to.
    AccountChanged {
        /// With whom.
        peer: &'a str,
        /// In which unit.
        unit: &'a Unit,
        /// What is kept.
        kept: i128,
        /// What the entries add up to.
        replayed: i128,
    },
    /// The peer signed another balance.
    BalanceDiffers {
        /// The entry with their signature.
        entry: u64,
        /// With whom.
        peer: &'a str,
        /// In which unit.
        unit: &'a Unit,
        /// By my entries.
        mine: i128,
        /// By their signature.
        theirs: i128,
    },
    /// A finding of a newer version, as the ledger words it.
    Other {
        /// Its words.
        text: &'a str,
    },
}

impl Say for Finding<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::HeadChanged => say!(lang, ko: "원장의 머리가 바뀌었어요."; en: "The head of the ledger was changed."),
            Self::TailMissing { expected, found } => say!(lang,
                ko: "끝에서 기록 {}건이 없어졌어요. 머리에는 {}건이라고 되어 있는데 {}건이 있어요.", expected.saturating_sub(found), expected, found;
                en: "Missing at the end: {}. The head says {}, {} are there.", entries(expected.saturating_sub(found)), entries(expected), found),
            Self::BeyondHead { entry, head } => say!(lang,
                ko: "머리({}번) 뒤에 {}번 기록이 있어요.", head, entry;
                en: "Entry {1} comes after the head, which is at {0}.", head, entry),
            Self::Gap { first, last } if first == last => say!(lang,
                ko: "{}번 기록이 없어졌어요.", first;
                en: "Entry {} is missing.", first),
            Self::Gap { first, last } => say!(lang,
                ko: "{}번부터 {}번까지의 기록이 없어졌어요.", first, last;
                en: "Entries {} to {} are missing.", first, last),
            Self::Changed { entry } => say!(lang,
                ko: "{}번 기록이 바뀌어서 열리지 않아요.", entry;
                en: "Entry {} was changed: it does not open.", entry),
            Self::Malformed { entry } => say!(lang,
                ko: "{}번 기록이 원장의 기록이 아니에요.", entry;
                en: "Entry {} is not an entry of a ledger.", entry),
            Self::Misplaced { place, holds } => say!(lang,
                ko: "{}번 자리에 {}번 기록이 있어요.", place, holds;
                en: "In the place of entry {} stands entry {}.", place, holds),
            Self::Unlinked { entry } => say!(lang,
                ko: "{}번 기록이 앞의 기록과 이어지지 않아요.", entry;
                en: "Entry {} does not follow the entry before it.", entry),
            Self::OtherHead { entry } => say!(lang,
                ko: "마지막 {}번 기록이 머리에 적힌 것과 달라요.", entry;
                en: "The last entry, {}, is not the one that the head says.", entry),
            Self::RecordChanged => say!(lang,
                ko: "기록에 딸린 자료가 바뀌었어요.";
                en: "A record that belongs to the ledger was changed."),
            Self::OldCopy { have, marked } => say!(lang,
                ko: "이 원장은 옛 사본이에요. {}번에서 끝나는데, 옆의 표지에는 {}번까지 쓴 적이 있다고 되어 있어요.", have, marked;
                en: "This ledger is an old copy: it ends at entry {}, and the marker beside it says that entry {} was written.", have, marked),
            Self::MarkerChanged => say!(lang,
                ko: "원장 옆의 표지가 바뀌었거나 다른 원장의 것이에요.";
                en: "The marker beside the ledger was changed or is another ledger's."),
            Self::RolledBack { witness, quoted, have } => say!(lang,
                ko: "{} 님이 서명한 영수증에는 내 원장이 {}번까지 있었는데, 지금은 {}번에서 끝나요.", plain(witness), quoted, have;
                en: "A receipt signed by {} says that your ledger had reached entry {}. It ends at {}.", plain(witness), quoted, have),
            Self::Rewritten { witness, quoted } => say!(lang,
                ko: "{} 님이 서명한 영수증에 적힌 내 {}번 기록이 지금 것과 달라요. 원장이 다시 쓰였거나 갈라졌어요.", plain(witness), quoted;
                en: "A receipt signed by {} quotes another entry {} of yours: the ledger was rewritten or forked.", plain(witness), quoted),
            Self::Fork { peer, sequence, first, second } => say!(lang,
                ko: "{} 님의 원장이 {}번에서 갈라졌어요. 내 기록 {}번과 {}번에 두 서명이 있어요.", plain(peer), sequence, first, second;
                en: "{} forked their ledger at entry {}: your entries {} and {} hold the two signatures.", plain(peer), sequence, first, second),
            Self::BadSignature { entry, document } => say!(lang,
                ko: "{}번 기록의 {} 서명이 맞지 않아요.", entry, document.say(lang);
                en: "Entry {}: the signature of the {} does not verify.", entry, document.say(lang)),
            Self::WrongSigner { entry, document, signed_by, expected } => say!(lang,
                ko: "{}번 기록의 {} 문서에 {} 님이 아니라 {} 님이 서명했어요.", entry, document.say(lang), plain(expected), plain(signed_by);
                en: "Entry {}: the {} should be signed by {} and is signed by {}.", entry, document.say(lang), plain(expected), plain(signed_by)),
            Self::OtherTransfer { entry, document } => say!(lang,
                ko: "{}번 기록의 {} 문서가 다른 이체의 것이에요.", entry, document.say(lang);
                en: "Entry {}: the {} is about another transfer.", entry, document.say(lang)),
            Self::Contradicts { entry, document, field } => say!(lang,
                ko: "{}번 기록과 그 {} 문서에서 {} 서로 달라요.", entry, document.say(lang), josa::i(field);
                en: "Entry {} and its {} differ in {}.", entry, document.say(lang), field),
            Self::Unmatched { entry } => say!(lang,
                ko: "{}번 기록이 가리키는 이체가 그 앞에 없거나 이미 끝났어요.", entry;
                en: "Entry {} is about a transfer that no entry before it opens, or that is settled already.", entry),
            Self::AccountChanged { peer, unit, kept, replayed } => say!(lang,
                ko: "{} 님과의 잔액이 {} 되어 있는데, 기록을 더하면 {}.", plain(peer), josa::ro(&amount(kept, unit, lang)), josa::ieyo(&amount(replayed, unit, lang));
                en: "The balance with {} is kept as {}; the entries add up to {}.", plain(peer), amount(kept, unit, lang), amount(replayed, unit, lang)),
            Self::BalanceDiffers { entry, peer, unit, mine, theirs } => say!(lang,
                ko: "{}번 기록에서 {} 님이 서명한 잔액은 {}인데, 내 원장으로는 {}.", entry, plain(peer), amount(theirs, unit, lang), josa::ieyo(&amount(mine, unit, lang));
                en: "Entry {}: {} signed a balance of {}; by your ledger it is {}.", entry, plain(peer), amount(theirs, unit, lang), amount(mine, unit, lang)),
            Self::Other { text } => plain(text).into_owned(),
        }
    }
}

/// `1 entry`, `3 entries`.
fn entries(n: u64) -> String {
    crate::count(n, "건", "entry", "entries", Lang::En)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted() {
        let tail = Finding::TailMissing { expected: 7, found: 6 };
        assert_eq!(tail.say(Lang::En), "Missing at the end: 1 entry. The head says 7 entries, 6 are there.");
        assert!(tail.say(Lang::Ko).starts_with("끝에서 기록 1건이 없어졌어요."));
        assert_eq!(Finding::Gap { first: 3, last: 3 }.say(Lang::En), "Entry 3 is missing.");
        assert_eq!(Finding::Gap { first: 3, last: 5 }.say(Lang::Ko), "3번부터 5번까지의 기록이 없어졌어요.");
    }

    #[test]
    fn a_rollback_names_the_witness() {
        let back = Finding::RolledBack { witness: "영희", quoted: 9, have: 4 };
        assert_eq!(
            back.say(Lang::Ko),
            "영희 님이 서명한 영수증에는 내 원장이 9번까지 있었는데, 지금은 4번에서 끝나요."
        );
        assert_eq!(
            back.say(Lang::En),
            "A receipt signed by 영희 says that your ledger had reached entry 9. It ends at 4."
        );
    }

    #[test]
    fn differing_balances_show_both_figures_with_the_right_particle() {
        let krw = Unit::krw();
        let changed = Finding::AccountChanged { peer: "Bob", unit: &krw, kept: -5_000, replayed: 12_000 };
        assert_eq!(changed.say(Lang::Ko), "Bob 님과의 잔액이 -5,000원으로 되어 있는데, 기록을 더하면 12,000원이에요.");
    }
}
