use super::*;
use bitcoin::hashes::{Hash, sha256d};
use proptest::prelude::*;
use std::collections::HashSet;

const NOW: Time = Time::from_secs(1_700_000_000);

fn entry(text: &str) -> AddressEntry {
    let addr: NetAddr = text.parse().unwrap();
    AddressEntry { address: PeerAddress::new(addr, 8333), services: ServiceFlags::NETWORK, time: 1_700_000_000 - 60 }
}

fn source(text: &str) -> NetAddr {
    text.parse().unwrap()
}

/// The tables, the index and the counts agree.
fn check(book: &AddressBook) {
    let mut references = HashMap::<Id, u32>::new();
    for (place, id) in book.new.iter().enumerate() {
        let Some(id) = id else { continue };
        *references.entry(*id).or_default() += 1;
        assert_eq!(book.entries[id].position(&book.key, true, place / BUCKET_SIZE), place % BUCKET_SIZE);
    }
    let tried: HashSet<Id> = book.tried.iter().flatten().copied().collect();
    assert_eq!(book.counts(None), (references.len(), tried.len()));
    assert_eq!(book.order.len(), references.len() + tried.len());
    assert_eq!(book.order.len(), book.entries.len());
    for (id, entry) in &book.entries {
        assert_eq!(entry.in_tried, tried.contains(id));
        assert_eq!(entry.references, references.get(id).copied().unwrap_or(0));
        assert_eq!(book.by_address[&entry.info.address], *id);
        assert_eq!(book.order[entry.order], *id);
    }
}

#[test]
fn one_network_group_cannot_fill_the_new_table() {
    let mut book = AddressBook::new([1; 32]);
    for high in 1..=250_u8 {
        let flood: Vec<_> = (0..=255_u8).map(|low| entry(&format!("{high}.{low}.3.4"))).collect();
        book.add(&flood, &source("250.1.1.1"), Duration::ZERO, NOW);
    }
    let buckets: HashSet<_> = book.positions().into_iter().map(|(_, position)| position.bucket).collect();
    assert!(buckets.len() <= 64, "{} of 1024 buckets are filled by one neighbourhood", buckets.len());
    assert!(book.len() <= 64 * BUCKET_SIZE);
    check(&book);
}

#[test]
fn one_network_group_cannot_fill_the_tried_table() {
    let mut book = AddressBook::new([2; 32]);
    for low in 0..4_000_u32 {
        let one = entry(&format!("250.1.{}.{}", low / 250 + 1, low % 250 + 1));
        // Told by many, so that the new table is no limit.
        book.add(&[one], &source(&format!("{}.{}.1.1", low % 200 + 1, low / 200 + 1)), Duration::ZERO, NOW);
        book.good(&one.address, NOW);
    }
    let tried: HashSet<_> =
        book.positions().into_iter().filter(|(_, place)| place.tried).map(|(_, p)| p.bucket).collect();
    assert!(!tried.is_empty() && tried.len() <= 8, "{} of 256 tried buckets", tried.len());
    check(&book);
}

#[test]
fn what_worked_goes_to_tried_and_stays_after_a_restart() {
    let mut book = AddressBook::new([3; 32]);
    for low in 1..200_u8 {
        book.add(&[entry(&format!("{low}.9.9.9"))], &source(&format!("{low}.200.1.1")), Duration::ZERO, NOW);
    }
    let good = entry("77.9.9.9").address;
    assert!(book.good(&good, NOW));
    assert_eq!(book.counts(Some(NetworkKind::Ipv4)).1, 1);

    let mut loaded = AddressBook::load(&book.save(), [9; 32]).unwrap();

    check(&loaded);
    assert_eq!(loaded.counts(None), book.counts(None));
    assert_eq!(loaded.select(false, &[NetworkKind::Ipv6], NOW), None);
    let drawn: HashSet<_> =
        (0..2_000).filter_map(|_| loaded.select(false, &NetworkKind::ROUTABLE, NOW)).map(|e| e.info.address).collect();
    assert!(drawn.contains(&good) && drawn.len() > 100);
}

#[test]
fn a_changed_file_is_refused() {
    let mut book = AddressBook::new([3; 32]);
    book.add(&[entry("9.9.9.9")], &source("8.8.8.8"), Duration::ZERO, NOW);
    let mut bytes = book.save();
    bytes[40] ^= 1;
    assert_eq!(AddressBook::load(&bytes, [1; 32]).unwrap_err(), BookError::Checksum);
    assert_eq!(AddressBook::load(&[], [1; 32]).unwrap_err(), BookError::Checksum);
}

#[test]
fn the_holder_of_a_tried_place_is_tested_before_it_goes() {
    let mut book = AddressBook::new([4; 32]);
    let mut loser = None;
    for low in 0..3_000_u32 {
        let one = entry(&format!("250.1.{}.{}", low / 250 + 1, low % 250 + 1));
        book.add(&[one], &source(&format!("{}.{}.1.1", low % 200 + 1, low / 200 + 1)), Duration::ZERO, NOW);
        if !book.good(&one.address, NOW) && book.find(&one.address).is_some() && !book.collisions.is_empty() {
            loser = Some(one.address);
            break;
        }
    }
    let loser = loser.expect("two of 3,000 share a place");
    let holder = book.select_tried_collision().expect("a collision waits").info.address;
    assert_ne!(holder, loser);

    book.resolve_collisions(NOW);
    assert!(book.entries[&book.by_address[&holder]].in_tried, "who worked lately stays");

    // Five hours later the holder was tried and did not answer.
    let later = NOW + Duration::from_secs(5 * 60 * 60);
    book.mark_good(&loser, true, later);
    book.attempt(&holder, true, later);
    book.resolve_collisions(later + Duration::from_secs(120));
    assert!(book.entries[&book.by_address[&loser]].in_tried);
    check(&book);
}

#[test]
fn addresses_to_tell_leave_out_the_terrible_ones() {
    let mut book = AddressBook::new([5; 32]);
    let old = AddressEntry { time: 1_600_000_000, ..entry("9.9.9.9") };
    book.add(&[old, entry("9.8.9.9")], &source("8.8.8.8"), Duration::ZERO, NOW);
    let told = book.addresses(0, 0, None, NOW);
    assert_eq!(told.iter().map(|info| info.address).collect::<Vec<_>>(), [entry("9.8.9.9").address]);
}

proptest! {
    #[test]
    fn the_tables_agree_after_anything(steps in prop::collection::vec((0..5_u8, 1..60_u8, 1..6_u8, 0..100_000_i64), 1..300)) {
        let mut book = AddressBook::new([6; 32]);
        let mut now = NOW;
        for (what, low, group, wait) in steps {
            now = now + Duration::from_secs(wait as u64);
            let mut one = entry(&format!("{group}.7.7.{low}"));
            one.time = now.secs() as u32;
            match what {
                0 | 1 => { book.add(&[one], &source(&format!("{low}.{group}.1.1")), Duration::from_secs(60), now); }
                2 => { book.good(&one.address, now); }
                3 => book.attempt(&one.address, true, now),
                _ => book.resolve_collisions(now),
            }
        }
        check(&book);
        check(&AddressBook::load(&book.save(), [7; 32]).unwrap());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        bytes.splice(0..0, [VERSION_BYTE]);
        let checksum = sha256d::Hash::hash(&bytes).to_byte_array();
        bytes.extend(checksum);
        let _ = AddressBook::load(&bytes, [0; 32]);
    }
}

const VERSION_BYTE: u8 = 1;
