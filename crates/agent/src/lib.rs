//! One running peer: commands in, events out.

pub mod home;
