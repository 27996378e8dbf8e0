//! The page and its server: files of one build, with the headers that keep everything else out.

mod files;
mod server;

pub(crate) use files::Files;
pub(crate) use server::{PageConfig, router};
