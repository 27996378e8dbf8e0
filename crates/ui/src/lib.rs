//! The screens of Pumasi, over [`Backend`]: a browser now, a desktop window next.
//!
//! What is shown is what the backend says, and never more: the words of a payment follow its state in the ledger.
//!
//! The components are there only for `wasm32`: a browser and a web view run nothing else, and the other programs of the
//! workspace do not pay for building them. What they compute ([`amount`], [`route`]) is plain code with native tests.
//!
//! To add a screen: a [`route::Route`], a file in `pages/`, an arm in `shell.rs`; its words go into
//! `pumasi_words::web::Text`. Styles are in `style.css`, by class only, since the policy of the page allows no others.

pub mod amount;
pub mod backend;
pub mod route;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod pages;
#[cfg(target_arch = "wasm32")]
mod parts;
#[cfg(target_arch = "wasm32")]
mod shell;

pub use backend::Backend;
#[cfg(target_arch = "wasm32")]
pub use shell::{Mounted, mount, mount_for_now};

/// The style sheet of the screens. Whoever serves the page serves it, from the same origin.
pub const STYLE: &str = include_str!("style.css");
