//! The Bitcoin node: storage, sockets, JSON-RPC.
