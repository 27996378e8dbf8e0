//! Serves an axum [`Router`](axum::Router) over TLS, within bounds that a stranger cannot move (`docs/adr/0013-*.md`).
//!
//! - [`Options`]: where to listen and where the certificate comes from: [`Identity::Files`], read again when they change;
//!   [`Identity::Acme`], asked for and renewed; or none, which is plain HTTP: on loopback, or when
//!   [`behind_proxy`](Options::behind_proxy) says that a proxy in front does the TLS.
//! - [`Server`] listens, [`Running`] serves until it is [stopped](Running::stop). Each request carries
//!   `ConnectInfo<SocketAddr>` and [`Source`], the address that limits go by.
//! - [`dev`]: the authority that `pumasi tls dev` makes on one machine, for that machine.
//! - [`Limits`]: connections in all and of one source, and the time for everything that a client could draw out.
//!
//! TLS 1.2 and 1.3 by rustls on aws-lc-rs; HTTP/1.1 only, whose every phase has a time limit here.

mod acme;
mod error;
mod files;
mod gate;
mod idle;
mod keyring;
mod options;
mod server;
mod source;

pub mod dev;

pub use acme::{AcmeOptions, LETS_ENCRYPT, LETS_ENCRYPT_STAGING};
pub use error::TlsError;
pub use options::{Identity, Limits, Options};
pub use server::{Counts, Running, Server};
pub use source::Source;
