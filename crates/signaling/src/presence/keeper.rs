use super::{MAX_ADDRESSES, MAX_LIFE};
use pumasi_units::{Millis, Timestamp};

/// The shortest time between two words about the same thing: addresses may come and go in bursts.
pub const MIN_GAP: Millis = 2_000;
/// First pause after a word that did not arrive; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Millis = 1_000;
const LAST_PAUSE: Millis = 60_000;

/// When to say again where a node is, to one audience: at first, before the last word expires, when the addresses have
/// changed, and again soon when a word did not arrive.
///
/// Contract: after each call, wait for [`poll_timeout`](Self::poll_timeout), call [`take`](Self::take), publish what it
/// gives, and report with [`done`](Self::done). One word is under way at a time.
#[derive(Debug, Clone)]
pub struct Keeper {
    life: Millis,
    /// A part of the life by which this one is early, so that many do not speak at the same moment.
    early: Millis,
    addresses: Vec<String>,
    /// What was said last, and when. Absent: nothing yet.
    said: Option<(Vec<String>, Timestamp)>,
    under_way: bool,
    due: Option<Timestamp>,
    pause: Millis,
}

impl Keeper {
    /// Words that live for `life` ms, at most [`MAX_LIFE`]. Each is renewed after two thirds of it at the latest; `spread`
    /// (any number, fresh and random) moves that by up to a sixth of the life towards the front.
    #[must_use]
    pub fn new(life: Millis, spread: u64) -> Self {
        let life = life.clamp(6, MAX_LIFE);
        let early = spread % (life / 6);
        Self { life, early, addresses: Vec::new(), said: None, under_way: false, due: None, pause: FIRST_PAUSE }
    }

    /// Where the node can be dialled now. Only the first [`MAX_ADDRESSES`] count.
    pub fn set_addresses(&mut self, mut addresses: Vec<String>, now: Timestamp) {
        addresses.truncate(MAX_ADDRESSES);
        self.addresses = addresses;
        self.plan(now);
    }

    /// What is to be said now, if anything: it counts as under way until [`done`](Self::done).
    pub fn take(&mut self, now: Timestamp) -> Option<Vec<String>> {
        if self.under_way || self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.under_way = true;
        self.due = None;
        self.said = Some((self.addresses.clone(), now));
        Some(self.addresses.clone())
    }

    /// Whether what [`take`](Self::take) gave has arrived.
    pub fn done(&mut self, arrived: bool, now: Timestamp) {
        self.under_way = false;
        if arrived {
            self.pause = FIRST_PAUSE;
            self.due = self.renewal();
            self.plan(now);
        } else {
            self.due = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LAST_PAUSE);
        }
    }

    /// When [`take`](Self::take) will give something.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.filter(|_| !self.under_way)
    }

    /// Until when somebody may still hold a word that names addresses. `None`: nobody does, and nothing has to be taken back.
    #[must_use]
    pub fn stands_until(&self) -> Option<Timestamp> {
        let (addresses, at) = self.said.as_ref()?;
        (!addresses.is_empty()).then_some(*at + self.life)
    }

    fn renewal(&self) -> Option<Timestamp> {
        let (addresses, at) = self.said.as_ref()?;
        // That one is gone needs saying once.
        (!addresses.is_empty()).then(|| *at + self.life * 2 / 3 - self.early)
    }

    /// Addresses that nobody was told are told at once, or after the gap.
    fn plan(&mut self, now: Timestamp) {
        let soon = match &self.said {
            None if self.addresses.is_empty() => return,
            None => now,
            Some((said, _)) if *said == self.addresses => return,
            Some((_, at)) => now.max(*at + MIN_GAP),
        };
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp(1_795_000_000_000);
    const LIFE: Millis = 900_000;

    fn at(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn nothing_is_said_of_a_node_without_addresses_until_it_had_some() {
        let mut keeper = Keeper::new(LIFE, 0);
        keeper.set_addresses(Vec::new(), START);
        assert_eq!((keeper.poll_timeout(), keeper.take(START)), (None, None));
        keeper.set_addresses(at(&["/a"]), START);
        assert_eq!(keeper.take(START), Some(at(&["/a"])));
        assert_eq!(keeper.take(START + LIFE), None, "one at a time");
        keeper.done(true, START);
        assert_eq!(keeper.stands_until(), Some(START + LIFE));
        // Gone: said once, after the gap, and never again.
        keeper.set_addresses(Vec::new(), START + 1);
        assert_eq!(keeper.take(START + MIN_GAP - 1), None);
        assert_eq!(keeper.take(START + MIN_GAP), Some(Vec::new()));
        keeper.done(true, START + MIN_GAP);
        assert_eq!((keeper.poll_timeout(), keeper.stands_until()), (None, None));
    }

    #[test]
    fn a_word_that_did_not_arrive_is_said_again_ever_more_rarely_with_what_holds_by_then() {
        let mut keeper = Keeper::new(LIFE, 0);
        keeper.set_addresses(at(&["/a"]), START);
        let mut now = START;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert!(keeper.take(now).is_some());
            keeper.done(false, now);
            let next = keeper.poll_timeout().unwrap();
            pauses.push(next.since(now));
            now = next;
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        keeper.set_addresses(at(&["/b"]), now);
        assert_eq!(keeper.take(now), Some(at(&["/b"])));
    }

    proptest! {
        /// Whatever happens to the addresses and however long a word takes: while there are addresses, the word that stands
        /// has not expired, it is what held at most a gap before, and words have a gap between them.
        #[test]
        fn the_last_word_is_fresh_and_true(
            spread: u64,
            steps in proptest::collection::vec((0_u64..400_000, 0_usize..4, 0_u64..1_500), 1..60),
        ) {
            let mut keeper = Keeper::new(LIFE, spread);
            let (mut now, mut held, mut last) = (START, Vec::new(), None::<(Vec<String>, Timestamp)>);
            for (wait, kind, takes) in steps {
                let end = now + wait;
                while let Some(due) = keeper.poll_timeout().filter(|due| *due <= end) {
                    let due = due.max(now);
                    let said = keeper.take(due).expect("due");
                    if let Some((before, at)) = &last {
                        prop_assert!(due.since(*at) >= MIN_GAP);
                        prop_assert!(before.is_empty() || due.since(*at) <= LIFE);
                    }
                    prop_assert_eq!(&said, &held);
                    last = Some((said, due));
                    now = due + takes;
                    keeper.done(true, now);
                }
                now = now.max(end);
                held = (0..kind).map(|number| format!("/{number}")).collect();
                keeper.set_addresses(held.clone(), now);
            }
            if let (Some(until), false) = (keeper.stands_until(), held.is_empty()) {
                prop_assert!(keeper.poll_timeout().expect("it goes on") < until);
            }
        }
    }
}
