//! The address book: what is done with it, and what its file may hold.

use super::{Bytes, NOW};
use crate::addrman::{AddressBook, BookError};
use crate::{AddressEntry, NetAddr, NetworkKind, PeerAddress, Time};
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::p2p::ServiceFlags;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Steps of one run.
const MAX_STEPS: usize = 400;

/// The first byte says what it is: the inside of a saved book, for which the checksum is made here; a file as it is; or
/// steps with a book that is in use.
pub fn address_book(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 4 {
        0 => {
            let mut file = vec![1];
            file.extend([8; 32]);
            file.extend(data);
            let checksum = sha256d::Hash::hash(&file);
            file.extend(checksum.to_byte_array());
            load(&file);
        }
        1 => load(data),
        _ => steps(&mut Bytes(data)),
    }
}

fn load(file: &[u8]) {
    match AddressBook::load(file, [1; 32]) {
        Ok(mut book) => {
            check(&book);
            book.select(false, &NetworkKind::ROUTABLE, NOW);
            let again = AddressBook::load(&book.save(), [1; 32]).expect("what was saved can be loaded");
            assert_eq!(again.len(), book.len());
            assert_eq!(again.counts(None), book.counts(None));
        }
        Err(BookError::Checksum | BookError::Version(_) | BookError::Corrupt(_)) => {}
    }
}

fn address(bytes: &mut Bytes<'_>) -> PeerAddress {
    let [kind, a, b, c] = [bytes.u8(), bytes.u8(), bytes.u8(), bytes.u8()];
    let addr = match kind % 8 {
        0 => NetAddr::Onion([a; 32]),
        1 => NetAddr::I2p([b; 32]),
        2 => NetAddr::Cjdns(Ipv6Addr::new(0xfc00, a.into(), b.into(), 0, 0, 0, 0, c.into())),
        3 => NetAddr::Ipv6(Ipv6Addr::new(0x2001, 0x470 + u16::from(a), b.into(), 0, 0, 0, 0, c.into())),
        _ => NetAddr::Ipv4(Ipv4Addr::new(a, b, c, 1)),
    };
    PeerAddress::new(addr, 8_333 + u16::from(c % 2))
}

fn steps(bytes: &mut Bytes<'_>) {
    let mut book = AddressBook::new([bytes.u8(); 32]);
    let mut now = NOW;
    for _ in 0..MAX_STEPS {
        if bytes.is_empty() {
            break;
        }
        match bytes.u8() % 10 {
            0 | 1 => {
                let (source, count) = (address(bytes).addr, usize::from(bytes.u8() % 8) + 1);
                let age = i64::from(bytes.u16());
                let time = u32::try_from((now - Duration::from_secs(600)).secs() - age * 60).unwrap_or(0);
                let entry = |address| AddressEntry { address, services: ServiceFlags::NETWORK, time };
                let entries: Vec<_> = (0..count).map(|_| entry(address(bytes))).collect();
                book.add(&entries, &source, Duration::from_secs(u64::from(bytes.u8()) * 60), now);
            }
            2 => {
                let _ = book.good(&address(bytes), now);
            }
            3 => book.attempt(&address(bytes), bytes.u8() & 1 == 1, now),
            4 => book.connected(&address(bytes), now),
            5 => book.set_services(&address(bytes), ServiceFlags::from(u64::from(bytes.u32()))),
            6 => {
                book.resolve_collisions(now);
                book.select_tried_collision();
            }
            7 => {
                let new_only = bytes.u8() & 1 == 1;
                if let Some(entry) = book.select(new_only, &NetworkKind::ROUTABLE, now) {
                    assert!(entry.info.address.addr.is_routable());
                    assert!(!(new_only && entry.in_tried));
                }
            }
            8 => {
                let (max, percent) = (usize::from(bytes.u8()), usize::from(bytes.u8()));
                let drawn = book.addresses(max, percent, None, now);
                assert!(max == 0 || drawn.len() <= max);
                assert!(drawn.len() <= book.len());
            }
            _ => now = now + Duration::from_secs(u64::from(bytes.u16()) * 60),
        }
        book.drain_log();
    }
    check(&book);
    let again = AddressBook::load(&book.save(), [2; 32]).expect("what was saved can be loaded");
    check(&again);
    assert_eq!(again.counts(None), book.counts(None));
}

/// The tables, the counts and the entries say the same.
fn check(book: &AddressBook) {
    let mut places = HashMap::<PeerAddress, (u32, u32)>::new();
    for (entry, position) in book.positions() {
        let (new, tried) = places.entry(entry.info.address).or_default();
        *(if position.tried { tried } else { new }) += 1;
        assert_eq!(entry.in_tried, position.tried, "{}", entry.info.address);
    }
    assert_eq!(places.len(), book.len(), "every address has a place");
    let in_tried = places.values().filter(|(_, tried)| *tried == 1).count();
    for (address, (new, tried)) in &places {
        assert!((*tried == 1 && *new == 0) || (*tried == 0 && (1..=8).contains(new)), "{address}: {new} and {tried}");
    }
    assert_eq!(book.counts(None), (places.len() - in_tried, in_tried));
    assert!(Time::NEVER < NOW);
}
