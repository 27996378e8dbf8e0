//! A light client's side of BIP157: it asks several peers for filter headers, keeps what they agree on, and finds the
//! blocks that matter to it by their filters.
