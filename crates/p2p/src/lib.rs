//! The Bitcoin peer-to-peer protocol as a sans-I/O state machine.
