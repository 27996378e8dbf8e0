//! Who holds how much.

use super::Limits;
use crate::bucket::Bucket;
use crate::session::Denied;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The books of all allocations.
#[derive(Debug)]
pub(crate) struct Quota {
    limits: Limits,
    total: Mutex<Bucket>,
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    allocations: usize,
    users: HashMap<String, (usize, Arc<Mutex<Bucket>>)>,
    sources: HashMap<IpAddr, usize>,
}

/// The right to one relayed address; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Held {
    user: String,
    source: IpAddr,
    bucket: Arc<Mutex<Bucket>>,
    books: Arc<Mutex<Books>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Quota {
    pub(crate) fn new(limits: Limits) -> Self {
        let total = Mutex::new(Bucket::new(limits.total_rate, Instant::now()));
        Quota { limits, total, books: Arc::default() }
    }

    /// One more relayed address for a user: its name begins with the second at which it ends, which makes no other user
    /// of it.
    pub(crate) fn take(&self, username: &str, client: IpAddr) -> Result<Held, Denied> {
        let user = username.split_once(':').map_or(username, |(_, whose)| whose).to_owned();
        let source = network(client);
        let mut books = lock(&self.books);
        if books.allocations >= self.limits.allocations {
            return Err(Denied::Capacity);
        }
        let of_user = books.users.get(&user).map_or(0, |(count, _)| *count);
        let of_source = books.sources.get(&source).copied().unwrap_or(0);
        if of_user >= self.limits.per_user || of_source >= self.limits.per_source {
            return Err(Denied::Quota);
        }
        books.allocations += 1;
        *books.sources.entry(source).or_default() += 1;
        let rate = self.limits.user_rate;
        let fresh = || (0, Arc::new(Mutex::new(Bucket::new(rate, Instant::now()))));
        let (count, bucket) = books.users.entry(user.clone()).or_insert_with(fresh);
        *count += 1;
        Ok(Held { user, source, bucket: bucket.clone(), books: self.books.clone() })
    }

    /// Whether so many bytes may be relayed for a user now.
    pub(crate) fn passes(&self, held: &Held, bytes: usize, now: Instant) -> bool {
        lock(&held.bucket).take(bytes, now) && lock(&self.total).take(bytes, now)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut books = lock(&self.books);
        books.allocations = books.allocations.saturating_sub(1);
        if let Some(count) = books.sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                books.sources.remove(&self.source);
            }
        }
        if let Some((count, _)) = books.users.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                books.users.remove(&self.user);
            }
        }
    }
}

/// What counts as one source.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_limit_is_kept_and_what_is_given_back_is_free_again() {
        let limits = Limits { allocations: 4, per_user: 2, per_source: 3, ..Limits::default() };
        let quota = Quota::new(limits);
        let (home, away) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let first = quota.take("1:ann", home).unwrap();
        // Fresh credentials make nobody another user.
        let _second = quota.take("2:ann", home).unwrap();
        assert_eq!(quota.take("3:ann", away).unwrap_err(), Denied::Quota);
        let _third = quota.take("1:bob", home).unwrap();
        assert_eq!(quota.take("1:cid", home).unwrap_err(), Denied::Quota);
        let _fourth = quota.take("1:cid", away).unwrap();
        assert_eq!(quota.take("1:dee", away).unwrap_err(), Denied::Capacity);
        drop(first);
        let _again = quota.take("4:ann", home).unwrap();
        drop((_second, _third, _fourth, _again));
        let books = lock(&quota.books);
        assert!(books.allocations == 0 && books.users.is_empty() && books.sources.is_empty(), "{books:?}");
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn a_user_is_metered_over_all_its_allocations() {
        let quota = Quota::new(Limits { user_rate: 100, total_rate: 250, ..Limits::default() });
        let now = Instant::now();
        let (one, two) = (quota.take("1:ann", ip("192.0.2.1")).unwrap(), quota.take("1:ann", ip("192.0.2.2")).unwrap());
        let bob = quota.take("1:bob", ip("192.0.2.3")).unwrap();
        assert!(quota.passes(&one, 150, now) && !quota.passes(&two, 60, now) && quota.passes(&two, 50, now));
        assert!(quota.passes(&bob, 200, now) && !quota.passes(&bob, 1, now));
        let cid = quota.take("1:cid", ip("192.0.2.4")).unwrap();
        assert!(quota.passes(&cid, 100, now) && !quota.passes(&cid, 1, now), "the total is metered too");
    }
}
