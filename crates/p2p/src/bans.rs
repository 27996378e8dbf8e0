//! Bans (by hand, with an end) and discouragement (automatic, forgotten at restart), as Core's `BanMan`.

use crate::bloom::RollingBloom;
use crate::{NetAddr, Subnet, Time};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// How long a ban holds when nothing else is said.
pub const DEFAULT_BAN_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Most ranges that a ban list file may hold; more are ignored.
const MAX_BANS: usize = 100_000;

/// A ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// When it was set.
    pub created: Time,
    /// When it ends.
    pub until: Time,
}

/// Whom we do not want to talk to.
#[derive(Debug)]
pub struct BanList {
    banned: BTreeMap<Subnet, Ban>,
    discouraged: RollingBloom,
}

impl BanList {
    pub(crate) fn new(keys: (u64, u64)) -> Self {
        Self { banned: BTreeMap::new(), discouraged: RollingBloom::new(50_000, 0.000_001, keys) }
    }

    /// Whether a ban holds for this address.
    pub fn is_banned(&self, addr: &NetAddr, now: Time) -> bool {
        self.banned.iter().any(|(subnet, ban)| now < ban.until && subnet.contains(addr))
    }

    /// Whether exactly this range is banned.
    pub fn is_subnet_banned(&self, subnet: &Subnet, now: Time) -> bool {
        self.banned.get(subnet).is_some_and(|ban| now < ban.until)
    }

    /// Whether the address has misbehaved since we started: it gets no slot when slots are scarce.
    pub fn is_discouraged(&self, addr: &NetAddr) -> bool {
        self.discouraged.contains(&addr.bytes())
    }

    pub(crate) fn discourage(&mut self, addr: &NetAddr) {
        self.discouraged.insert(&addr.bytes());
    }

    /// Bans a range until then; a ban that ends later stays. Returns whether anything changed.
    pub fn ban(&mut self, subnet: Subnet, until: Time, now: Time) -> bool {
        if self.banned.get(&subnet).is_some_and(|ban| ban.until >= until) {
            return false;
        }
        self.banned.insert(subnet, Ban { created: now, until });
        true
    }

    /// Lifts a ban. Returns whether there was one.
    pub fn unban(&mut self, subnet: &Subnet) -> bool {
        self.banned.remove(subnet).is_some()
    }

    /// Lifts all bans.
    pub fn clear(&mut self) {
        self.banned.clear();
    }

    /// The bans that hold.
    pub fn list(&self, now: Time) -> Vec<(Subnet, Ban)> {
        self.banned.iter().filter(|(_, ban)| now < ban.until).map(|(subnet, ban)| (*subnet, *ban)).collect()
    }

    /// The bans as text: one line each with range, beginning and end in seconds since the epoch.
    pub fn save(&self, now: Time) -> String {
        let mut text = String::new();
        for (subnet, ban) in self.list(now) {
            writeln!(text, "{subnet} {} {}", ban.created.secs(), ban.until.secs()).expect("a string takes every byte");
        }
        text
    }

    /// Adds the bans of a saved list. Lines that are not understood are skipped and counted.
    pub fn load(&mut self, text: &str) -> usize {
        let mut skipped = 0;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let secs = |word: Option<&str>| word.and_then(|word| word.parse().ok()).map(Time::from_secs);
            let subnet = words.next().and_then(|word| word.parse().ok());
            match (subnet, secs(words.next()), secs(words.next())) {
                (Some(subnet), Some(created), Some(until)) if self.banned.len() < MAX_BANS => {
                    self.banned.insert(subnet, Ban { created, until });
                }
                _ => skipped += 1,
            }
        }
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_ends_and_survives_a_restart_until_then() {
        let (now, later) = (Time::from_secs(1_000), Time::from_secs(2_000));
        let mut bans = BanList::new((1, 2));
        let subnet: Subnet = "1.2.3.0/24".parse().unwrap();
        assert!(bans.ban(subnet, later, now));
        assert!(!bans.ban(subnet, later, now), "a shorter ban changes nothing");
        let inside: NetAddr = "1.2.3.9".parse().unwrap();

        let mut restarted = BanList::new((3, 4));
        assert_eq!(restarted.load(&(bans.save(now) + "nonsense\n")), 1);

        assert!(restarted.is_banned(&inside, now));
        assert!(!restarted.is_banned(&inside, later));
        assert!(restarted.list(later).is_empty());
        assert!(restarted.unban(&subnet));
        assert!(!restarted.is_banned(&inside, now));
    }

    #[test]
    fn discouraged_is_not_banned() {
        let mut bans = BanList::new((1, 2));
        let addr: NetAddr = "8.8.8.8".parse().unwrap();
        bans.discourage(&addr);
        assert!(bans.is_discouraged(&addr));
        assert!(!bans.is_banned(&addr, Time::NEVER));
    }
}
