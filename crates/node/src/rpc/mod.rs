//! JSON-RPC over HTTP, with Bitcoin Core's names, codes, statuses and amounts.

mod auth;
mod decode;
mod descriptor;
mod error;
mod methods;
mod params;
mod request;
mod rest;
mod script;
mod server;
mod sign;
mod table;
mod view;
mod wait;

pub(crate) use descriptor::watched_scripts;
pub(crate) use server::{ActiveCalls, Server};
pub(crate) use table::{is_json, is_json_by_name, takes};
