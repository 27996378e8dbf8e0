//! The examples in `docs/spec/identity.md` and `docs/spec/pairing.md` are true.
