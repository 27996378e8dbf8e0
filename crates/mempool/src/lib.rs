//! Transactions that wait for a block, and the policy that admits them.
