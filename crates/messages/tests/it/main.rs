//! Topics, members, direct messages and inboxes, as their peers see them.
#![allow(clippy::unwrap_used, reason = "clippy does not see that this is test code")]

mod direct;
mod inbox;
mod member;
mod person;
mod spec;
mod thread;
mod topic;
