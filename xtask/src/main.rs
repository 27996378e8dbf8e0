//! The command line of Pumasi.
fn main() {}
