//! Headers, blocks, coins and undo: the rules of the Bitcoin chain, and the state they make.
