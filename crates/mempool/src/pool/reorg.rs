//! A reorganisation.
/// x
#[derive(Default)]
pub struct DisconnectedTransactions {}
