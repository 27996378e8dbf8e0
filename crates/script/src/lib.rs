//! The Bitcoin script interpreter, with the flags and the reasons of Bitcoin Core.
