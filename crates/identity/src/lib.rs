//! Who someone is: the DID, the self-signed profile, the contact, and how two people who meet pair.

mod did;

pub use did::{Did, DidError};
