//! The state machine as its peers see it: one node beside scripted peers, and simulated networks of many.

mod network_sim;
mod protocol;

mod sim;
