//! Messages to one person: signed, sealed for them, numbered, acknowledged.

mod message;
mod seal;
mod stream;
mod thread;

pub use message::{
    ACK_TYP, DIRECT_TYP, DirectAck, DirectError, DirectMessage, MAX_ACKED, MAX_DIRECT_LIFE, MAX_STATEMENT, MAX_TEXT,
    SignedAck, SignedDirect,
};
pub use seal::{BOX_INFO, Said, open_box, pack, read_packed, seal_box};
pub use stream::{Answer, MAX_ANSWER, MAX_REQUEST, StreamRefusal};
pub use thread::{
    AHEAD, Change, GAP_WAIT, Got, GotState, MAX_PER_STRANGER, OnDisk, Received, Sent, SentState, Standing, Thread,
    ThreadError, ThreadState, WINDOW, pause_after,
};
