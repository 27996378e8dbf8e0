//! People, books and time for the tests of this crate.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses its own part")]

mod agree;
mod books;
mod people;

pub use agree::{incoming, outgoing, transfer_agrees};
pub use books::{Durable, TestBooks};
pub use people::{PEOPLE, Person, did, keys, peer};

use pumasi_transfer::{Action, Desk, DeskError, Event, Policy};
use pumasi_units::{Money, Timestamp};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// 2026-11-21T07:48:00Z.
pub const NOW: Timestamp = Timestamp(1_795_247_280_000);

/// The desk on native cryptography.
pub type NativeDesk = Desk<pumasi_crypto::native::NativeProvider>;

/// Runs a future that never waits, which native cryptography's do not.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

pub fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// One person with books, a desk and nothing else: the driver in its simplest form.
pub struct Side {
    pub person: Person,
    pub durable: Durable,
    pub desk: NativeDesk,
}

impl Side {
    pub fn new(person: Person, policy: Policy) -> Self {
        let durable = Durable::opened(did(person), NOW);
        let desk = load(person, &durable, policy);
        Self { person, durable, desk }
    }

    /// Does something with the desk in one commit, and gives the actions that follow it.
    pub fn commit<T>(
        &mut self,
        act: impl AsyncFnOnce(&mut NativeDesk, &mut TestBooks) -> Result<T, DeskError>,
    ) -> (Result<T, DeskError>, Vec<Action>) {
        let mut books = self.durable.begin();
        let done = block_on(act(&mut self.desk, &mut books));
        let outbox = self.desk.take();
        self.durable = books.into_durable();
        (done, self.desk.committed(outbox))
    }

    /// As [`commit`](Self::commit), for what must succeed.
    pub fn act(
        &mut self,
        act: impl AsyncFnOnce(&mut NativeDesk, &mut TestBooks) -> Result<(), DeskError>,
    ) -> Vec<Action> {
        let (done, actions) = self.commit(act);
        done.unwrap();
        actions
    }

    /// Takes a message from a person.
    pub fn receive(&mut self, from: Person, bytes: &[u8], now: Timestamp) -> Vec<Action> {
        self.act(async |desk, books| desk.receive(books, peer(from), bytes, now).await.map(drop))
    }

    /// Takes a message that shall be refused as such; nothing may follow from it.
    pub fn receive_bad(&mut self, from: Person, bytes: &[u8], now: Timestamp) -> DeskError {
        let before = self.durable.clone();
        let (done, actions) =
            self.commit(async |desk, books| desk.receive(books, peer(from), bytes, now).await.map(drop));
        assert_eq!(actions, [], "an invalid message was answered");
        assert!(before == self.durable, "an invalid message changed the books");
        let error = done.unwrap_err();
        assert!(error.is_harmless(), "{error}");
        error
    }

    /// Power off, power on: what was not committed is gone.
    pub fn restart(&mut self, policy: Policy) {
        self.desk = load(self.person, &self.durable, policy);
    }
}

pub fn load(person: Person, durable: &Durable, policy: Policy) -> NativeDesk {
    block_on(Desk::load(keys(person), policy, &durable.begin())).unwrap()
}

/// The messages among the actions.
pub fn sends(actions: &[Action]) -> Vec<Vec<u8>> {
    let bytes = |action: &Action| match action {
        Action::Send { bytes, .. } => Some(bytes.clone()),
        Action::Event { .. } => None,
    };
    actions.iter().filter_map(bytes).collect()
}

/// The events among the actions.
pub fn events(actions: &[Action]) -> Vec<Event> {
    let event = |action: &Action| match action {
        Action::Event { event, .. } => Some(event.clone()),
        Action::Send { .. } => None,
    };
    actions.iter().filter_map(event).collect()
}
