use super::common::{NOW, Person, met, verified};
use proptest::prelude::*;
use pumasi_identity::Did;
use pumasi_trust::{
    Claim, Deed, Evidence, History, How, Reason, SignedVouch, Step, Vouch, evaluate, next_step, standing,
};
use pumasi_units::Timestamp;
use std::collections::BTreeSet;
use std::sync::OnceLock;

fn people() -> &'static [Person] {
    static PEOPLE: OnceLock<Vec<Person>> = OnceLock::new();
    PEOPLE.get_or_init(|| (1..=6).map(Person::new).collect())
}

/// 0 is the reader.
fn did(number: usize) -> Did {
    people()[number].did
}

fn says(from: usize, about: usize, claims: &[Claim]) -> SignedVouch {
    people()[from].vouch(&did(about), claims)
}

fn reasons(subject: usize, evidence: &Evidence) -> Vec<Reason> {
    evaluate(&did(0), &did(subject), evidence, NOW)
}

fn vouchers(reasons: &[Reason]) -> Vec<Did> {
    let by = |reason: &Reason| match reason {
        Reason::Vouched { by, .. } | Reason::VouchedThrough { by, .. } => Some(*by),
        _ => None,
    };
    reasons.iter().filter_map(by).collect()
}

#[test]
fn a_contact_whom_i_verified_speaks_for_others_and_one_i_only_met_does_not() {
    let mut evidence = Evidence { vouches: vec![says(1, 5, &[Claim::Shop])], ..Evidence::default() };
    assert_eq!(reasons(5, &evidence), [Reason::Unknown]);
    evidence.contacts.insert(did(1), met());
    assert_eq!(reasons(5, &evidence), [Reason::Unknown]);
    evidence.contacts.insert(did(1), verified());
    let vouched = Reason::Vouched { by: did(1), claims: vec![Claim::Shop], note: None, at: NOW };
    assert_eq!(reasons(5, &evidence), [vouched]);
    evidence.contacts.get_mut(&did(1)).unwrap().changed = Some(NOW);
    assert_eq!(reasons(5, &evidence), [Reason::Unknown], "whose keys changed may be somebody else");
}

#[test]
fn a_contacts_contact_is_heard_if_known_in_person_and_nobody_farther_away() {
    let mut evidence = Evidence::default();
    evidence.contacts.insert(did(1), verified());
    evidence.vouches = vec![says(2, 5, &[Claim::Person]), says(1, 2, &[Claim::PaidWell])];
    assert_eq!(reasons(5, &evidence), [Reason::Unknown], "who paid well is not therefore known");
    evidence.vouches[1] = says(1, 2, &[Claim::Person]);
    let through =
        Reason::VouchedThrough { contact: did(1), by: did(2), claims: vec![Claim::Person], note: None, at: NOW };
    assert_eq!(reasons(5, &evidence), [through]);
    // One step more: 1 knows 2, 2 knows 3, 3 speaks for 5.
    evidence.vouches = vec![says(1, 2, &[Claim::Person]), says(2, 3, &[Claim::Person]), says(3, 5, &[Claim::Person])];
    assert_eq!(reasons(5, &evidence), [Reason::Unknown]);
}

#[test]
fn what_is_taken_back_counts_no_more() {
    let mut evidence = Evidence::default();
    evidence.contacts.insert(did(1), verified());
    let person = &people()[1];
    let back = person.sign(Vouch { sequence: 2, created: NOW + 1, ..person.says(&did(5), &[]) });
    evidence.vouches = vec![back, says(1, 5, &[Claim::Person])];
    let reasons = reasons(5, &evidence);
    assert_eq!(reasons, [Reason::Withdrawn { by: did(1), at: NOW + 1 }, Reason::Unknown]);
    assert_eq!(evaluate(&did(0), &did(5), &evidence, Timestamp(u64::MAX)), [Reason::Unknown], "all has ended by then");
}

#[test]
fn who_says_one_thing_here_and_another_there_is_not_heard() {
    let mut evidence = Evidence::default();
    evidence.contacts.insert(did(1), verified());
    evidence.vouches = vec![says(1, 5, &[Claim::Person]), says(1, 5, &[Claim::Shop])];
    assert_eq!(reasons(5, &evidence), [Reason::Unknown]);
    let about_the_liar = reasons(1, &evidence);
    assert!(matches!(about_the_liar[..], [Reason::Lied { .. }, Reason::Verified { .. }]), "{about_the_liar:?}");
    assert_eq!(standing(&about_the_liar), 5);
}

#[test]
fn reasons_come_in_their_order() {
    let mut evidence = Evidence::default();
    evidence.contacts.insert(did(1), verified());
    evidence.contacts.insert(did(5), verified());
    evidence.vouches = vec![says(1, 5, &[Claim::Person])];
    let deeds = [
        Deed::Asked { at: NOW, due: NOW + 10, paid: Some(NOW + 4) },
        Deed::Asked { at: NOW, due: NOW + 10, paid: Some(NOW + 2) },
        Deed::Asked { at: NOW, due: NOW + 10, paid: Some(NOW + 3) },
        Deed::Asked { at: NOW, due: NOW + 10, paid: None },
        Deed::Asked { at: NOW, due: NOW + 90, paid: None },
        Deed::PaidMe { at: NOW + 2 },
        Deed::TookMine { sent: NOW, signed: NOW + 1 },
    ];
    evidence.history = History::of(deeds, NOW + 50);
    let expected = [
        Reason::Verified { how: How::Paired, at: NOW },
        Reason::Unpaid { requests: 1 },
        Reason::PaidOnTime { requests: 3, median: 3 },
        Reason::Settled { received: 1, sent: 1, first: NOW + 1, last: NOW + 2 },
        Reason::Vouched { by: did(1), claims: vec![Claim::Person], note: None, at: NOW },
    ];
    assert_eq!(reasons(5, &evidence), expected);
    assert_eq!(standing(&expected), 0);
}

#[test]
fn what_is_looked_up_next_are_the_vouchers_that_nobody_here_knows() {
    let mut evidence = Evidence::default();
    evidence.contacts.insert(did(1), verified());
    evidence.vouches =
        vec![says(1, 5, &[Claim::Person]), says(2, 5, &[Claim::Person]), says(3, 5, &[Claim::Shop]), says(4, 3, &[])];
    let mut strangers = vec![did(2), did(3)];
    strangers.sort();
    assert_eq!(next_step(&did(0), &did(5), &evidence, 8, NOW), Step::About(strangers.clone()));
    strangers.truncate(1);
    assert_eq!(next_step(&did(0), &did(5), &evidence, 1, NOW), Step::About(strangers));
    assert_eq!(next_step(&did(0), &did(2), &evidence, 8, NOW), Step::Done);
}

/// Everybody about everybody, made once: signing costs a stamp.
fn every_vouch() -> &'static [SignedVouch] {
    static VOUCHES: OnceLock<Vec<SignedVouch>> = OnceLock::new();
    VOUCHES.get_or_init(|| {
        let pairs =
            (0..6).flat_map(|from| (0..6).map(move |about| (from, about))).filter(|(from, about)| from != about);
        pairs.map(|(from, about)| says(from, about, &[Claim::Person])).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever vouches for whom, in circles or not: a voucher is a contact that was verified, or somebody whom such a
    /// contact knows in person; the order and repeats change nothing.
    #[test]
    fn nobody_is_heard_who_is_farther_than_two_steps(
        chosen in prop::collection::vec(0_usize..30, 0..30),
        contacts in prop::collection::btree_map(1_usize..6, any::<bool>(), 0..4),
        subject in 1_usize..6,
        turn in any::<prop::sample::Index>(),
    ) {
        let mut evidence = Evidence::default();
        for (contact, checked) in &contacts {
            evidence.contacts.insert(did(*contact), if *checked { verified() } else { met() });
        }
        evidence.vouches = chosen.iter().map(|at| every_vouch()[*at].clone()).collect();
        let told = reasons(subject, &evidence);
        prop_assert!(!told.is_empty());

        let said: BTreeSet<(Did, Did)> = evidence.vouches.iter().map(|v| (v.vouch().from, v.vouch().about)).collect();
        let heard: BTreeSet<Did> = contacts.iter().filter(|(_, checked)| **checked).map(|(at, _)| did(*at)).collect();
        let expected: BTreeSet<Did> = said
            .iter()
            .filter(|(from, about)| *about == did(subject) && *from != did(0))
            .map(|(from, _)| *from)
            .filter(|from| heard.contains(from)
                || heard.iter().any(|contact| *contact != did(subject) && said.contains(&(*contact, *from))))
            .collect();
        prop_assert_eq!(vouchers(&told).into_iter().collect::<BTreeSet<_>>(), expected);

        let mut turned = evidence.clone();
        if !turned.vouches.is_empty() {
            let at = turn.index(turned.vouches.len());
            turned.vouches.rotate_left(at);
            turned.vouches.push(turned.vouches[0].clone());
        }
        prop_assert_eq!(reasons(subject, &turned), told);
    }

    #[test]
    fn the_order_of_deeds_does_not_matter(times in prop::collection::vec((0_u64..1_000, 0_u64..1_000), 0..20), now in 0_u64..2_000) {
        let deeds: Vec<Deed> = times.iter().enumerate().map(|(number, (at, more))| {
            let (at, later) = (Timestamp(*at), Timestamp(at + more));
            match number % 4 {
                0 => Deed::Asked { at, due: later, paid: None },
                1 => Deed::Asked { at, due: later, paid: Some(later) },
                2 => Deed::PaidMe { at },
                _ => Deed::TookMine { sent: at, signed: later },
            }
        }).collect();
        let forth = History::of(deeds.iter().copied(), Timestamp(now));
        prop_assert_eq!(&History::of(deeds.iter().rev().copied(), Timestamp(now)), &forth);
        let counted = forth.on_time + forth.unpaid + forth.paid_me + forth.took_mine;
        prop_assert!(counted as usize <= deeds.len());
    }
}
