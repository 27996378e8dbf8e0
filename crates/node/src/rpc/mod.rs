//! JSON-RPC over HTTP, with Bitcoin Core's names, codes, statuses and amounts.

mod auth;
mod descriptor;
mod error;
mod methods;
mod params;
mod request;
mod script;
mod server;
mod sign;
mod table;
mod view;
mod wait;

pub(crate) use server::{ActiveCalls, Server};
